//! The front-end against arrays computed by NeMo's own code (`FilterbankFeatures`), 128 mel bins.
#![expect(
    clippy::unwrap_used,
    clippy::unreadable_literal,
    reason = "a test stops where it fails; values stand as they were printed"
)]

use dictoscope::{
    features::{
        FeatureExtractor, FeatureFrames, FrontEnd, Normalization, RunningStats, hann_symmetric, mel_filterbank,
    },
    units::MelIdx,
};
use serde_json::Value;

const MELS: usize = 128;
/// onnx-asr's own tests use the same tolerances against NeMo.
const FEATURE_TOLERANCE: f64 = 5e-4;
const FILTERBANK_TOLERANCE: f64 = 5e-7;

fn parakeet() -> FrontEnd {
    FrontEnd {
        mel_bins: MELS,
        window: 400,
        hop: 160,
        fft: 512,
        preemphasis: 0.97,
        low_hz: 0.0,
        high_hz: 8000.0,
        log_guard: 2.0_f64.powi(-24),
        normalization: Normalization::PerFeature,
    }
}

fn data(file: &str) -> Value {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The linear congruential signal the arrays were made from.
fn lcg(samples: usize) -> Vec<f32> {
    let mut s: u32 = 12345;
    (0..samples)
        .map(|n| {
            s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let v = (s >> 8) as f32 / 8_388_608.0 - 1.0;
            v * ((n / 800) % 8 + 1) as f32 / 64.0
        })
        .collect()
}

fn raw(samples: &[f32]) -> FeatureFrames {
    let mut out = FeatureFrames::default();
    FeatureExtractor::new(&parakeet()).log_mel(MelIdx(0), samples, &mut out);
    out
}

fn normalized(samples: &[f32]) -> FeatureFrames {
    let mut out = raw(samples);
    FeatureExtractor::normalize(Normalization::PerFeature, &RunningStats::default(), &mut out);
    out
}

fn assert_close(found: f32, expected: f64, tolerance: f64, what: &str) {
    assert!((f64::from(found) - expected).abs() <= tolerance, "{what}: expected {expected}, found {found}");
}

#[test]
fn the_signal_is_the_one_the_arrays_were_made_from() {
    let x = lcg(16000);
    let printed = [
        (0, -0.014987416565418243),
        (3, 0.004215750843286514),
        (800, 0.030301067978143692),
        (15999, -0.02175520360469818),
    ];
    for (n, value) in printed {
        assert_eq!(f64::from(x[n]), value, "x[{n}]");
    }
}

#[test]
fn features_agree_with_nemo_in_every_value() {
    let golden = data("features_nemo.json");
    for (samples, case) in golden["cases"].as_object().unwrap() {
        let samples: usize = samples.parse().unwrap();
        let valid = case["valid"].as_u64().unwrap() as usize;
        for (key, found) in [("raw_logmel", raw(&lcg(samples))), ("norm", normalized(&lcg(samples)))] {
            assert_eq!(found.len(), valid, "{samples} samples");
            let rows = case[key].as_array().unwrap();
            assert_eq!(rows.len(), MELS);
            for (mel, row) in rows.iter().enumerate() {
                for (t, frame) in found.frames().enumerate() {
                    assert_close(
                        frame[mel],
                        row[t].as_f64().unwrap(),
                        FEATURE_TOLERANCE,
                        &format!("{samples} {key} mel {mel} frame {t}"),
                    );
                }
            }
        }
    }
}

#[test]
fn printed_values_of_one_second_agree() {
    let (raw, norm) = (raw(&lcg(16000)), normalized(&lcg(16000)));
    let at = |f: &FeatureFrames, mel: usize, t: usize| f.frames().nth(t).unwrap()[mel];
    for (mel, t, r, n) in [
        (0, 0, -14.445807, -1.159809),
        (0, 1, -14.944902, -1.468240),
        (1, 50, -13.852713, -0.975719),
        (10, 50, -11.489955, -0.474547),
        (42, 50, -10.156891, -1.154719),
        (64, 10, -6.602863, -0.051739),
        (64, 99, -6.717125, -0.122805),
        (127, 0, -8.745930, -3.367254),
        (127, 50, -4.824647, -0.465359),
        (127, 99, -3.747086, 0.332076),
    ] {
        assert_close(at(&raw, mel, t), r, FEATURE_TOLERANCE, &format!("raw {mel} {t}"));
        assert_close(at(&norm, mel, t), n, FEATURE_TOLERANCE, &format!("normalised {mel} {t}"));
    }
    let sum: f64 = raw.data.iter().map(|x| f64::from(*x)).sum();
    let magnitude: f64 = norm.data.iter().map(|x| f64::from(*x).abs()).sum();
    assert!((sum - -89525.7092).abs() < 0.5, "{sum}");
    assert!((magnitude - 10393.8714).abs() < 0.5, "{magnitude}");
}

#[test]
fn statistics_are_those_of_nemo() {
    let mut stats = RunningStats::default();
    raw(&lcg(16000)).frames().for_each(|frame| stats.add(frame));
    let std: Vec<f64> = stats.std().collect();
    for (mel, mean, deviation) in [(0, -12.569035, 1.618164), (42, -8.055165, 1.820110), (127, -4.195815, 1.351274)] {
        assert!((stats.mean()[mel] - mean).abs() < 1e-4 && (std[mel] - deviation).abs() < 1e-4, "mel {mel}");
    }
}

#[test]
fn a_sine_of_1_khz_peaks_in_bin_42() {
    let sine: Vec<f32> =
        (0..16000).map(|n| (0.5 * (std::f64::consts::TAU * 1000.0 * f64::from(n) / 16000.0).sin()) as f32).collect();
    let raw = raw(&sine);
    let frame = raw.frames().nth(50).unwrap();
    let expected = [-4.77015, -1.26333, 1.38878, 1.91146, 2.45813, 1.84006, -0.73955, -2.48827, -5.34112, -8.70635];
    for (mel, value) in (38..).zip(expected) {
        assert_close(frame[mel], value, 5e-3, &format!("mel {mel}"));
    }
}

#[test]
fn lengths_follow_the_table() {
    for (samples, valid, encoder) in
        [(159, 0, 0), (1000, 6, 1), (4000, 25, 4), (7435, 46, 6), (15999, 99, 13), (16000, 100, 13), (16001, 100, 13)]
    {
        let frames = raw(&lcg(samples)).len();
        assert_eq!(frames, valid, "{samples} samples");
        assert_eq!(frames.div_ceil(8), encoder, "{samples} samples");
    }
}

#[test]
fn filterbank_and_window_agree() {
    let weights = mel_filterbank(MELS, 512, 16000.0, 0.0, 8000.0);
    let golden = data("mel_fb_128x257_sparse.json");
    let mut expected = vec![0.0; MELS * 257];
    for (mel, row) in golden["rows"].as_array().unwrap().iter().enumerate() {
        for pair in row.as_array().unwrap() {
            expected[mel * 257 + pair[0].as_u64().unwrap() as usize] = pair[1].as_f64().unwrap();
        }
    }
    for (i, (found, expected)) in weights.iter().zip(&expected).enumerate() {
        assert_close(*found, *expected, FILTERBANK_TOLERANCE, &format!("row {} bin {}", i / 257, i % 257));
    }
    assert_eq!(weights.iter().filter(|w| **w > 0.0).count(), 504);
    let window = hann_symmetric(400);
    for (n, expected) in data("hann400_symmetric.json").as_array().unwrap().iter().enumerate() {
        assert_close(window[n], expected.as_f64().unwrap(), 5e-7, &format!("tap {n}"));
    }
}

#[test]
fn one_frame_alone_is_normalised_to_zero() {
    let features = normalized(&lcg(160));
    assert_eq!(features.len(), 1);
    assert!(features.data.iter().all(|x| *x == 0.0));
}
