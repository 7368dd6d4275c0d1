//! The front-end against stored vectors: arrays that another implementation computed from a signal everybody can make.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    features::{FrontEnd, Normalization},
    parity::{
        STAGES_AGREE,
        tensors::{Difference, TensorError, Verdict, features_of, noise},
    },
};

/// One array of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VectorCase {
    /// Samples of the signal.
    pub samples: usize,
    /// Normalisation: none (`raw_logmel` in the file) or per feature (`norm`).
    pub normalization: Normalization,
    /// Mel frames and bins.
    pub shape: [usize; 2],
    /// All valid values.
    pub difference: Difference,
    /// Whether all lie within the bound for equal features.
    pub verdict: Verdict,
}

#[derive(Deserialize)]
struct VectorFile {
    /// By number of samples, in decimal.
    cases: std::collections::BTreeMap<String, Stored>,
}

/// Arrays `[mel_bins][frames]`; frames from `valid` on are masked.
#[derive(Deserialize)]
struct Stored {
    valid: usize,
    raw_logmel: Vec<Vec<f32>>,
    norm: Vec<Vec<f32>>,
}

/// Computes every array of the file with `front_end`, whose mel bins and normalisation follow the file.
pub fn check_vectors(path: &Path, front_end: &FrontEnd) -> Result<Vec<VectorCase>, TensorError> {
    let text = fs::read_to_string(path).map_err(|source| TensorError::Io { path: path.to_owned(), source })?;
    let wrong = |expected: &str, found: String| TensorError::Json {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let file: VectorFile = serde_json::from_str(&text).map_err(|error| {
        wrong("cases with valid, raw_logmel and norm ([mel bins][frames]) by number of samples", error.to_string())
    })?;
    if file.cases.is_empty() {
        return Err(wrong("at least one case", "none".to_owned()));
    }
    let mut found = Vec::new();
    for (name, stored) in &file.cases {
        let samples: usize = name.parse().map_err(|_| wrong("a number of samples", format!("{name:?}")))?;
        let arrays = [(Normalization::None, &stored.raw_logmel), (Normalization::PerFeature, &stored.norm)];
        for (normalization, rows) in arrays {
            let front_end = FrontEnd { mel_bins: rows.len(), ..front_end.clone() };
            if !(1..=1024).contains(&rows.len()) || rows.iter().any(|row| row.len() < stored.valid) {
                let found = format!("{} mel bins, one of them shorter, in case {name}", rows.len());
                return Err(wrong("1 to 1024 mel bins with at least `valid` frames each", found));
            }
            let ours = features_of(&front_end, normalization, &noise(samples));
            if ours.len() != stored.valid {
                let found = format!("{} in case {name}", stored.valid);
                return Err(wrong(&format!("{} valid frames", ours.len()), found));
            }
            let theirs: Vec<f32> = (0..stored.valid).flat_map(|frame| rows.iter().map(move |row| row[frame])).collect();
            let difference = Difference::of(&ours.data, &theirs);
            let passes = difference.is_within(STAGES_AGREE.features);
            let verdict = if passes { Verdict::Pass } else { Verdict::Fail };
            found.push(VectorCase { samples, normalization, shape: [ours.len(), rows.len()], difference, verdict });
        }
    }
    found.sort_by_key(|case| case.samples);
    Ok(found)
}
