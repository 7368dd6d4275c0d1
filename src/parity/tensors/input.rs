//! What an engine is compared on: one window of features, from a recording or from a file of features.

use std::path::Path;

use crate::{
    audio::AudioFile,
    engine::Contract,
    features::{FeatureExtractor, FeatureFrames, FrontEnd, Normalization, RunningStats},
    parity::tensors::TensorError,
    trace::npy::{self, NpyError},
    units::MelIdx,
};

/// One window.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The file, as it was given.
    pub source: String,
    /// Samples at 16 kHz; `None` where features were given.
    pub samples: Option<Vec<f32>>,
    /// As the encoder is to get them, `[mel frames, mel_bins]`.
    pub features: FeatureFrames,
    /// What was odd about the recording but stopped nothing.
    pub notices: Vec<String>,
}

impl Input {
    /// Reads a recording of any kind that [`AudioFile`] opens, or features from a `.npy`, and makes sure that the model
    /// takes them in one window.
    pub fn read(path: &Path, contract: &Contract) -> Result<Self, TensorError> {
        let input = if is_npy(path) { Self::from_features(path, contract)? } else { Self::from_audio(path, contract)? };
        let (found, limit) = (input.features.len(), contract.encoder.max_mel_frames);
        if !(1..=limit).contains(&found) {
            return Err(TensorError::Length { input: input.source, expected: format!("1 to {limit}"), found });
        }
        let found = input.features.data.iter().filter(|x| !x.is_finite()).count();
        if found > 0 {
            return Err(TensorError::NotFinite { input: input.source, found });
        }
        Ok(input)
    }

    fn from_audio(path: &Path, contract: &Contract) -> Result<Self, TensorError> {
        let mut file = AudioFile::open(path)?;
        let mut samples = Vec::new();
        // One block too many is enough to know that it is too long.
        let most = (contract.encoder.max_mel_frames + 1) * contract.front_end.hop;
        while let Some(block) = file.next_block()? {
            samples.extend_from_slice(block.samples());
            if samples.len() > most {
                let limit = contract.encoder.max_mel_frames;
                let (input, expected) = (path.display().to_string(), format!("1 to {limit}"));
                let found = samples.len() / contract.front_end.hop;
                return Err(TensorError::Length { input, expected: format!("{expected} (no more was read)"), found });
            }
        }
        let features = features_of(&contract.front_end, contract.front_end.normalization, &samples);
        let source = path.display().to_string();
        Ok(Self { source, samples: Some(samples), features, notices: file.notices() })
    }

    fn from_features(path: &Path, contract: &Contract) -> Result<Self, TensorError> {
        let mel_bins = contract.front_end.mel_bins;
        let array = npy::read::<f32>(path)?;
        match array.shape.as_slice() {
            [_, found] if *found == mel_bins => {}
            [found, _] if *found == mel_bins => {
                return Err(TensorError::Transposed { path: path.to_owned(), mel_bins, found: array.shape });
            }
            _ => {
                let expected = format!("features [mel frames, {mel_bins}]");
                return Err(NpyError::Shape { path: path.to_owned(), expected, found: array.shape }.into());
            }
        }
        let features = FeatureFrames { start: MelIdx(0), mel_bins, data: array.data };
        Ok(Self { source: path.display().to_string(), samples: None, features, notices: Vec::new() })
    }
}

/// Whether a file is an array by its name.
pub fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

/// Features of a whole window under `norm`; statistics that run are those of all its frames.
pub fn features_of(front_end: &FrontEnd, norm: Normalization, samples: &[f32]) -> FeatureFrames {
    let mut features = FeatureFrames::default();
    FeatureExtractor::new(front_end).log_mel(MelIdx(0), samples, &mut features);
    let mut running = RunningStats::default();
    features.frames().for_each(|frame| running.add(frame));
    FeatureExtractor::normalize(norm, &running, &mut features);
    features
}

/// A signal that every program can make exactly: noise of a linear congruential generator (Numerical Recipes' constants)
/// in eight steps of loudness of 50 ms each, which come round again. Stored vectors and reference outputs are made from it.
pub fn noise(samples: usize) -> Vec<f32> {
    let mut state: u32 = 12_345;
    (0..samples)
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (state >> 8) as f32 / 8_388_608.0 - 1.0;
            value * ((n / 800) % 8 + 1) as f32 / 64.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unreadable_literal, reason = "values stand as they were printed")]
    fn the_noise_is_the_one_that_vectors_were_made_from() {
        let x = noise(16_000);
        let found = [x[0], x[3], x[800], x[15_999]].map(f64::from);
        assert_eq!(found, [-0.014987416565418243, 0.004215750843286514, 0.030301067978143692, -0.02175520360469818]);
    }
}
