//! Our features against a dump of them: the same, or the same read in another order or normalised in another way.

use std::{fmt, path::Path};

use serde::Serialize;

use crate::{
    engine::Contract,
    features::{FeatureExtractor, FeatureFrames, Normalization, RunningStats},
    parity::{
        STAGES_AGREE,
        tensors::{Difference, Input, TensorError, features_of, transposed},
    },
    trace::{
        FEATURES_FILE,
        npy::{self, Array, NpyError},
    },
};

/// How the values of a dump lie in its file, seen from ours `[mel frames, mel_bins]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// As ours.
    TimeMajor,
    /// `[mel_bins, mel frames]`: frames are columns.
    Transposed,
    /// Says `[mel frames, mel_bins]`, but the values follow one another mel bin by mel bin: reshaped, not transposed.
    Reinterpreted,
    /// Says `[mel_bins, mel frames]`, but the values follow one another frame by frame.
    ReinterpretedTransposed,
}

/// A way to read the dump under which it comes closest to ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// Order of its values.
    pub layout: Layout,
    /// Normalisation under which ours were computed for this.
    pub normalization: Normalization,
    /// What is left under this reading.
    pub difference: Difference,
    /// Pearson correlation under this reading.
    pub correlation: f64,
    /// Whether nothing beyond rounding is left: this is what is wrong with the dump.
    pub explains: bool,
}

/// Our features against a dump.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FeatureAgreement {
    /// Mel frames and bins of ours.
    pub ours: [usize; 2],
    /// Sizes of the dump, as its header has them.
    pub theirs: [usize; 2],
    /// Frames of zeros at its end, beyond ours, that were left out (`NeMo` masks the last frame).
    pub masked_frames: usize,
    /// Largest difference that counts as the same.
    pub bound: f64,
    /// Whether the dump is ours.
    pub agrees: bool,
    /// The closest reading; `None` if no reading has as many values as ours.
    pub reading: Option<Reading>,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimeMajor => "time-major, as ours",
            Self::Transposed => "transposed: [mel bins, mel frames]",
            Self::Reinterpreted => "reinterpreted: channel-major values read as time-major (reshaped, not transposed)",
            Self::ReinterpretedTransposed => {
                "reinterpreted: time-major values read as channel-major (reshaped, not transposed)"
            }
        })
    }
}

impl fmt::Display for FeatureAgreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(reading) = &self.reading else {
            return write!(f, "another number of frames or bins: expected {:?}, found {:?}", self.ours, self.theirs);
        };
        let Reading { difference, correlation, .. } = reading;
        let numbers = format!(
            "max |Δ| {:.3e}, mean |Δ| {:.3e}, correlation {correlation:.6}, {} not finite",
            difference.max_abs, difference.mean_abs, difference.not_finite
        );
        if self.agrees {
            return write!(f, "equal: {numbers}");
        }
        let normalization = match reading.normalization {
            Normalization::None => "none",
            Normalization::PerFeature => "per_feature",
            Normalization::Running => "running",
        };
        let certainty = if reading.explains { "they are" } else { "not explained; closest" };
        write!(f, "different; {certainty} {}, normalisation {normalization}: {numbers}", reading.layout)
    }
}

/// Reads features of any two axes: a `.npy`, or the file of that name in a folder.
pub fn read_features(path: &Path) -> Result<Array<f32>, TensorError> {
    let path = if path.is_dir() { path.join(FEATURES_FILE) } else { path.to_owned() };
    let array = npy::read::<f32>(&path)?;
    if array.shape.len() == 2 {
        return Ok(array);
    }
    let expected = "features of two axes, [mel frames, mel bins]".to_owned();
    Err(NpyError::Shape { path, expected, found: array.shape }.into())
}

/// Holds a dump `[_, _]` against the features of `input`.
pub fn feature_agreement(contract: &Contract, input: &Input, dump: &Array<f32>) -> FeatureAgreement {
    let ours = &input.features;
    let (frames, mel_bins) = (ours.len(), ours.mel_bins);
    let theirs = [dump.len(), dump.width()];
    let bound = STAGES_AGREE.features;
    let own_norm = contract.front_end.normalization;
    let mut found =
        FeatureAgreement { ours: [frames, mel_bins], theirs, masked_frames: 0, bound, agrees: false, reading: None };
    let (data, masked) = without_masked(dump, frames, mel_bins);
    if data.len() != ours.data.len() {
        return found;
    }
    found.masked_frames = masked;
    let shape = [
        theirs[0] - if theirs[1] == mel_bins { masked } else { 0 },
        theirs[1] - if theirs[1] == mel_bins { 0 } else { masked },
    ];
    let mut readings = Vec::new();
    for (normalization, candidate) in candidates(contract, input) {
        let across = transposed(&candidate.data, mel_bins);
        let mut layouts = Vec::new();
        if shape == [frames, mel_bins] {
            layouts.extend([(Layout::TimeMajor, &candidate.data), (Layout::Reinterpreted, &across)]);
        }
        if shape == [mel_bins, frames] {
            layouts.extend([(Layout::Transposed, &across), (Layout::ReinterpretedTransposed, &candidate.data)]);
        }
        for (layout, values) in layouts {
            let difference = Difference::of(values, &data);
            let correlation = correlation(values, &data);
            let explains = difference.is_within(bound);
            readings.push(Reading { layout, normalization, difference, correlation, explains });
        }
    }
    // The first of equal ones: as ours before other orders, our normalisation before others.
    found.reading =
        readings.into_iter().reduce(|a, b| if b.difference.mean_abs < a.difference.mean_abs { b } else { a });
    found.agrees = found.reading.is_some_and(|reading| {
        reading.explains && reading.layout == Layout::TimeMajor && reading.normalization == own_norm
    });
    found
}

/// Ours under every normalisation that can be computed; the model's own first.
fn candidates(contract: &Contract, input: &Input) -> Vec<(Normalization, FeatureFrames)> {
    let own = contract.front_end.normalization;
    let mut found = vec![(own, input.features.clone())];
    for norm in [Normalization::None, Normalization::PerFeature] {
        if norm == own {
            continue;
        }
        if let Some(samples) = &input.samples {
            found.push((norm, features_of(&contract.front_end, norm, samples)));
        } else if own == Normalization::None {
            let mut features = input.features.clone();
            FeatureExtractor::normalize(norm, &RunningStats::default(), &mut features);
            found.push((norm, features));
        }
    }
    found
}

/// The values of the dump without frames of zeros beyond `frames`, and how many those were.
fn without_masked(dump: &Array<f32>, frames: usize, mel_bins: usize) -> (Vec<f32>, usize) {
    let (rows, columns) = (dump.len(), dump.width());
    if columns == mel_bins && rows > frames {
        let (kept, beyond) = dump.data.split_at(frames * columns);
        if beyond.iter().all(|x| *x == 0.0) {
            return (kept.to_vec(), rows - frames);
        }
    } else if rows == mel_bins && columns > frames {
        let is_masked = dump.data.chunks_exact(columns).all(|row| row[frames..].iter().all(|x| *x == 0.0));
        if is_masked {
            let kept = dump.data.chunks_exact(columns).flat_map(|row| row[..frames].to_vec()).collect();
            return (kept, columns - frames);
        }
    }
    (dump.data.clone(), 0)
}

/// Pearson correlation; 0 where one side does not vary or is not finite.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let count = a.len().max(1) as f64;
    let mean = |x: &[f32]| x.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        both += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    let found = both / (square_a * square_b).sqrt();
    if found.is_finite() { found } else { 0.0 }
}
