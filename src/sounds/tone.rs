//! What the sounds are: sines with soft edges, made by arithmetic.

use std::f32::consts::{PI, TAU};

/// A sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Dictation runs: up.
    Start,
    /// It has ended: down.
    Stop,
    /// It could not start, or broke off: low, twice.
    Failure,
}

/// Largest sample; full scale is 1.
const PEAK: f32 = 0.08;
/// Seconds over which a tone comes and goes, so that it does not click.
const EDGE_SECS: f32 = 0.008;

impl Sound {
    /// Its tones in order: Hz (0: silence) and seconds.
    const fn tones(self) -> &'static [(f32, f32)] {
        match self {
            Self::Start => &[(660.0, 0.045), (880.0, 0.065)],
            Self::Stop => &[(880.0, 0.045), (660.0, 0.065)],
            Self::Failure => &[(247.0, 0.055), (0.0, 0.02), (247.0, 0.065)],
        }
    }

    /// Samples of one channel at `rate_hz`, at most 0.15 s.
    pub fn samples(self, rate_hz: u32) -> Vec<f32> {
        let rate = rate_hz as f32;
        let tone = |(hz, secs): &(f32, f32)| {
            let (hz, count) = (*hz, (secs * rate) as usize);
            (0..count).map(move |n| {
                let (at, left) = (n as f32 / rate, (count - n) as f32 / rate);
                let edge = (at.min(left) / EDGE_SECS).min(1.0);
                PEAK * (TAU * hz * at).sin() * 0.5 * (1.0 - (PI * edge).cos())
            })
        };
        self.tones().iter().flat_map(tone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_short_quiet_and_without_clicks() {
        for sound in [Sound::Start, Sound::Stop, Sound::Failure] {
            for rate in [8_000, 44_100, 48_000] {
                let samples = sound.samples(rate);
                assert!(samples.len() as f32 / (rate as f32) < 0.15, "{sound:?}: {}", samples.len());
                let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
                assert!((0.9 * PEAK..=PEAK).contains(&peak), "{sound:?}: {peak}");
                // A sine of 880 Hz moves by 2π · 880 / rate of its peak from one sample to the next, and no more.
                let steepest = TAU * 900.0 / rate as f32 * PEAK;
                let mut before = 0.0;
                for sample in samples.iter().chain([&0.0]) {
                    assert!((sample - before).abs() <= steepest, "{sound:?} at {rate} Hz clicks");
                    before = *sample;
                }
            }
        }
    }
}
