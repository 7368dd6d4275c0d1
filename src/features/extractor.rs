//! The whole front-end: samples of one window to log-mel frames, raw or normalised.

use crate::{
    features::{
        FeatureFrames, FrontEnd, Normalization, RunningStats,
        filterbank::SparseFilterbank,
        mel_filterbank, normalize,
        stft::{PowerSpectrum, preemphasize},
    },
    units::{MelIdx, SAMPLE_RATE_HZ},
};

/// Computes features as `parakeet` models expect them; buffers are reused from window to window.
pub struct FeatureExtractor {
    front_end: FrontEnd,
    filterbank: SparseFilterbank,
    spectrum: PowerSpectrum,
    emphasized: Vec<f32>,
    power: Vec<f32>,
}

impl std::fmt::Debug for FeatureExtractor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeatureExtractor").field("front_end", &self.front_end).finish_non_exhaustive()
    }
}

impl FeatureExtractor {
    /// Builds window, FFT plan and filterbank.
    pub fn new(front_end: &FrontEnd) -> Self {
        let FrontEnd { mel_bins, window, fft, low_hz, high_hz, .. } = *front_end;
        let weights = mel_filterbank(mel_bins, fft, f64::from(SAMPLE_RATE_HZ), low_hz, high_hz);
        Self {
            front_end: front_end.clone(),
            filterbank: SparseFilterbank::new(&weights, mel_bins),
            spectrum: PowerSpectrum::new(fft, window),
            emphasized: Vec::new(),
            power: vec![0.0; fft / 2 + 1],
        }
    }

    /// What this front-end computes.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// Valid frames of `samples` samples: `samples / hop` (NeMo `get_seq_len`; the tensor's extra last frame is left out).
    pub fn frames_of(&self, samples: usize) -> usize {
        samples / self.front_end.hop
    }

    /// Natural-log mel energies of one window, not normalised. Frame t is centred on sample `hop·t`.
    pub fn log_mel(&mut self, start: MelIdx, samples: &[f32], out: &mut FeatureFrames) {
        let FrontEnd { mel_bins, hop, preemphasis, log_guard, .. } = self.front_end;
        preemphasize(samples, preemphasis as f32, &mut self.emphasized);
        out.start = start;
        out.mel_bins = mel_bins;
        out.data.clear();
        for frame in 0..self.frames_of(samples.len()) {
            self.spectrum.power(&self.emphasized, frame * hop, &mut self.power);
            out.data.extend(self.filterbank.energies(&self.power).map(|energy| (energy + log_guard as f32).ln()));
        }
    }

    /// Normalises in place. `running` holds the frames since the utterance began and is used by [`Normalization::Running`] alone.
    pub fn normalize(norm: Normalization, running: &RunningStats, features: &mut FeatureFrames) {
        match norm {
            Normalization::None => {}
            Normalization::PerFeature => normalize::per_feature(features),
            Normalization::Running => running.apply(features),
        }
    }
}
