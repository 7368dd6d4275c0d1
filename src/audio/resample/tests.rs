//! Length, level, alias rejection and position of resampled sound.

use std::f64::consts::TAU;

use super::{MAX_RATE_HZ, MIN_RATE_HZ, Resampler};
use crate::audio::AudioError;

const RATES: [u32; 8] = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000];

fn tone(rate_hz: u32, hz: f64, secs: f64) -> Vec<f32> {
    let samples = (f64::from(rate_hz) * secs) as usize;
    (0..samples).map(|i| (TAU * hz * i as f64 / f64::from(rate_hz)).sin() as f32).collect()
}

/// Pushes in uneven pieces, as callbacks do.
fn resample(rate_hz: u32, input: &[f32]) -> Vec<f32> {
    let mut resampler = Resampler::new(rate_hz).expect("a usual rate");
    let mut out = Vec::new();
    let mut rest = input;
    for size in [1, 479, 1024, 3, 2048, 160].into_iter().cycle() {
        let (now, later) = rest.split_at(size.min(rest.len()));
        resampler.push(now, &mut out);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    resampler.finish(&mut out);
    out
}

/// Level of the middle of a signal relative to a full-scale sine, in dB.
fn level_db(signal: &[f32]) -> f64 {
    let middle = &signal[signal.len() / 4..signal.len() * 3 / 4];
    let power: f64 = middle.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / middle.len() as f64;
    10.0 * (2.0 * power + 1e-30).log10()
}

#[test]
fn sixteen_kilohertz_passes_bit_for_bit() {
    let input = tone(16_000, 440.0, 0.1234);
    assert_eq!(resample(16_000, &input), input);
}

#[test]
fn length_is_the_input_length_at_16_khz() {
    for rate in RATES {
        for samples in [0usize, 1, 7, 342, 1025, 4801, 30_011] {
            let expected = (samples as f64 * 16_000.0 / f64::from(rate)).round() as usize;
            let found = resample(rate, &vec![0.1; samples]).len();
            assert!(found.abs_diff(expected) == 0, "{rate} Hz, {samples}: expected {expected}, found {found}");
        }
    }
}

#[test]
fn speech_frequencies_keep_their_level() {
    for rate in RATES {
        let level = level_db(&resample(rate, &tone(rate, 1000.0, 1.0)));
        assert!(level.abs() < 0.01, "{rate} Hz: 1 kHz at {level:.3} dB");
    }
    for rate in [22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
        let level = level_db(&resample(rate, &tone(rate, 7500.0, 1.0)));
        assert!(level.abs() < 0.1, "{rate} Hz: 7.5 kHz at {level:.3} dB");
    }
    // All a telephone has.
    let level = level_db(&resample(8_000, &tone(8_000, 3700.0, 1.0)));
    assert!(level.abs() < 0.1, "8 kHz: 3.7 kHz at {level:.3} dB");
}

#[test]
fn what_16_khz_cannot_hold_does_not_fold_back() {
    for rate in [22_050u32, 32_000, 44_100, 48_000, 96_000, 192_000] {
        for hz in (8_500..rate / 2).step_by(1_370) {
            let level = level_db(&resample(rate, &tone(rate, f64::from(hz), 0.5)));
            assert!(level < -110.0, "{rate} Hz: {hz} Hz leaks at {level:.1} dB");
        }
    }
}

#[test]
fn an_impulse_stays_where_it_was() {
    for rate in RATES {
        for at_secs in [0.0, 0.05, 0.5] {
            let mut input = vec![0.0; rate as usize];
            input[(at_secs * f64::from(rate)) as usize] = 1.0;
            let out = resample(rate, &input);
            let peak = (0..out.len()).max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs())).expect("not empty");
            let error = peak as f64 - at_secs * 16_000.0;
            assert!(error.abs() <= 1.0, "{rate} Hz, {at_secs} s: off by {error} samples");
        }
    }
}

#[test]
fn the_phase_of_a_tone_is_kept() {
    for rate in RATES {
        let out = resample(rate, &tone(rate, 440.0, 0.5));
        let worst = tone(16_000, 440.0, 0.5)
            .iter()
            .zip(&out)
            .skip(2000)
            .take(4000)
            .map(|(expected, found)| (expected - found).abs())
            .fold(0.0, f32::max);
        // Half an input sample of a transform of odd length, at worst: 0.06 at 440 Hz and 11 kHz.
        assert!(worst < 0.13, "{rate} Hz: {worst}");
    }
}

#[test]
fn what_is_no_sound_comes_out_as_numbers() {
    for rate in [16_000, 44_100, 48_000] {
        let input: Vec<f32> =
            [f32::MAX, f32::NAN, f32::INFINITY, -f32::MAX, f32::NEG_INFINITY].into_iter().cycle().take(5000).collect();
        assert!(resample(rate, &input).iter().all(|sample| sample.is_finite()), "{rate} Hz");
    }
}

#[test]
fn nothing_is_left_after_finish_or_reset() {
    let mut resampler = Resampler::new(44_100).expect("a usual rate");
    let input = tone(44_100, 300.0, 0.2);
    let (mut first, mut again) = (Vec::new(), Vec::new());
    resampler.push(&input, &mut first);
    resampler.finish(&mut first);
    resampler.push(&[1.0; 3000], &mut Vec::new());
    resampler.reset();
    resampler.push(&input, &mut again);
    resampler.finish(&mut again);
    assert_eq!(first, again);
}

#[test]
fn rates_without_speech_or_sense_are_refused() {
    for rate in [0, 100, MIN_RATE_HZ - 1, MAX_RATE_HZ + 1, u32::MAX, 767_957, 100_001] {
        let error = Resampler::new(rate).expect_err("out of range");
        assert!(matches!(error, AudioError::UnsupportedRate { rate_hz } if rate_hz == rate));
    }
    // A prime: the transform is as long as a second.
    assert_eq!(resample(44_101, &vec![0.0; 44_101]).len(), 16_000);
}
