//! Normalisation of log-mel features: per feature over the window, running since the utterance began, or none.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::features::FeatureFrames;

/// Added to the standard deviation before dividing (NeMo `CONSTANT` in `normalize_batch`).
const STD_GUARD: f64 = 1e-5;

/// A way to normalise features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// Features as they are.
    None,
    /// Each mel bin to mean 0 and standard deviation 1 (N − 1) over the frames of the window.
    PerFeature,
    /// Each mel bin by mean and standard deviation since the utterance began.
    Running,
}

/// The user's choice of normalisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureNorm {
    /// What the model was trained with, as its contract says.
    #[default]
    Model,
    /// As [`Normalization::PerFeature`].
    PerFeature,
    /// As [`Normalization::Running`].
    Running,
    /// As [`Normalization::None`].
    None,
}

impl FeatureNorm {
    /// All choices, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Model, Self::PerFeature, Self::Running, Self::None];

    /// The normalisation this choice means for a model trained with `trained`.
    pub fn resolve(self, trained: Normalization) -> Normalization {
        match self {
            Self::Model => trained,
            Self::PerFeature => Normalization::PerFeature,
            Self::Running => Normalization::Running,
            Self::None => Normalization::None,
        }
    }

    /// Whether a model trained with `trained` has seen features like these.
    pub fn is_trained(self, trained: Normalization) -> bool {
        self.resolve(trained) == trained
    }

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::PerFeature => "per_feature",
            Self::Running => "running",
            Self::None => "none",
        }
    }
}

impl fmt::Display for FeatureNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FeatureNorm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|norm| norm.name() == text);
        found.ok_or_else(|| format!("expected model, per_feature, running or none, found {text:?}"))
    }
}

/// Mean and variance per mel bin over all frames added so far (Welford, in f64).
#[derive(Clone, Debug, Default)]
pub struct RunningStats {
    count: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl RunningStats {
    /// Adds one frame; the first decides the number of mel bins.
    pub fn add(&mut self, frame: &[f32]) {
        self.mean.resize(frame.len(), 0.0);
        self.squares.resize(frame.len(), 0.0);
        self.count += 1;
        let weight = 1.0 / self.count as f64;
        for ((x, mean), squares) in frame.iter().zip(&mut self.mean).zip(&mut self.squares) {
            let delta = f64::from(*x) - *mean;
            *mean += delta * weight;
            *squares += delta * (f64::from(*x) - *mean);
        }
    }

    /// Frames added so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean per mel bin.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation per mel bin with N − 1; 0 where there is but one frame (NeMo replaces NaN by 0).
    pub fn std(&self) -> impl Iterator<Item = f64> + '_ {
        let divisor = self.count.saturating_sub(1);
        self.squares.iter().map(move |sum| if divisor == 0 { 0.0 } else { (sum / divisor as f64).sqrt() })
    }

    /// Maps every frame of `features` to `(x − mean) / (std + 1e-5)`.
    pub fn apply(&self, features: &mut FeatureFrames) {
        let scale: Vec<(f32, f32)> =
            self.mean.iter().zip(self.std()).map(|(mean, std)| (*mean as f32, (std + STD_GUARD) as f32)).collect();
        for frame in features.data.chunks_exact_mut(features.mel_bins.max(1)) {
            for (x, (mean, std)) in frame.iter_mut().zip(&scale) {
                *x = (*x - mean) / std;
            }
        }
    }
}

/// Normalises over the window itself, as NeMo's `per_feature` does.
pub(super) fn per_feature(features: &mut FeatureFrames) {
    let mut stats = RunningStats::default();
    for frame in features.frames() {
        stats.add(frame);
    }
    stats.apply(features);
}
