//! What a trace keeps of tensors it does not hold: moments, extremes and a fingerprint.

use serde::{Deserialize, Serialize};

use crate::{
    engine::{EncoderOutput, Sketch},
    features::FeatureFrames,
};

/// Moments and extremes of a tensor, and its fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TensorStats {
    /// Mean of all values.
    pub mean: f64,
    /// Standard deviation of all values, with N.
    pub std: f64,
    /// Least value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Fingerprint, row after row.
    pub sketch: Sketch,
}

/// Samples of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AudioStats {
    /// How many, at 16 kHz.
    pub values: usize,
    /// Of all samples.
    #[serde(flatten)]
    pub stats: TensorStats,
}

/// A window's features as the encoder got them, `[frames, mel_bins]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureStats {
    /// Mel frames.
    pub frames: usize,
    /// Values per frame.
    pub mel_bins: usize,
    /// Of all values.
    #[serde(flatten)]
    pub stats: TensorStats,
    /// Mean of each mel bin over the window.
    pub bin_mean: Vec<f32>,
    /// Standard deviation of each mel bin over the window, with N.
    pub bin_std: Vec<f32>,
}

/// A window's encoder output, `[frames, dim]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EncoderStats {
    /// Encoder frames.
    pub frames: usize,
    /// Values per frame.
    pub dim: usize,
    /// Of all values.
    #[serde(flatten)]
    pub stats: TensorStats,
}

impl TensorStats {
    /// Of `values`; sums in f64. All 0 without a value.
    pub fn of(values: &[f32]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let squares = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>();
        let fold = |pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick).unwrap_or_default();
        Self {
            mean,
            std: (squares / count).sqrt(),
            min: fold(f32::min),
            max: fold(f32::max),
            sketch: Sketch::of(values),
        }
    }
}

impl AudioStats {
    /// Of one window's samples.
    pub fn of(samples: &[f32]) -> Self {
        Self { values: samples.len(), stats: TensorStats::of(samples) }
    }
}

impl FeatureStats {
    /// Of one window.
    pub fn of(features: &FeatureFrames) -> Self {
        let (frames, mel_bins) = (features.len(), features.mel_bins);
        let count = frames.max(1) as f64;
        let mut means = vec![0.0_f64; mel_bins];
        let mut squares = vec![0.0_f64; mel_bins];
        for frame in features.frames() {
            for (mean, x) in means.iter_mut().zip(frame) {
                *mean += f64::from(*x) / count;
            }
        }
        for frame in features.frames() {
            for ((square, mean), x) in squares.iter_mut().zip(&means).zip(frame) {
                *square += (f64::from(*x) - mean).powi(2) / count;
            }
        }
        Self {
            frames,
            mel_bins,
            stats: TensorStats::of(&features.data),
            bin_mean: means.iter().map(|mean| *mean as f32).collect(),
            bin_std: squares.iter().map(|square| square.sqrt() as f32).collect(),
        }
    }
}

impl EncoderStats {
    /// Of one window.
    pub fn of(encoded: &EncoderOutput) -> Self {
        Self { frames: encoded.len(), dim: encoded.dim, stats: TensorStats::of(&encoded.data) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_columns_of_time_major_rows() {
        let features = FeatureFrames { mel_bins: 2, data: vec![1.0, 10.0, 3.0, 10.0], ..FeatureFrames::default() };
        let stats = FeatureStats::of(&features);
        assert_eq!((stats.frames, stats.bin_mean, stats.bin_std), (2, vec![2.0, 10.0], vec![1.0, 0.0]));
        assert_eq!((stats.stats.min, stats.stats.max, stats.stats.mean), (1.0, 10.0, 6.0));
        assert_eq!(TensorStats::of(&[]), TensorStats::default());
    }
}
