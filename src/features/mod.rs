//! Samples in, log-mel frames out: the front-end of NeMo's `AudioToMelSpectrogramPreprocessor`.

mod extractor;
mod filterbank;
mod normalize;
mod stft;

pub use extractor::FeatureExtractor;
pub use filterbank::mel_filterbank;
pub use normalize::{FeatureNorm, Normalization, RunningStats};
pub use stft::hann_symmetric;

use serde::{Deserialize, Serialize};

use crate::units::MelIdx;

/// Log-mel features, time-major `[frames, mel_bins]`, natural log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureFrames {
    /// Mel frame of the first row, counted since the session began.
    pub start: MelIdx,
    /// Values per row.
    pub mel_bins: usize,
    /// Row after row.
    pub data: Vec<f32>,
}

impl FeatureFrames {
    /// Number of mel frames (10 ms each).
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.mel_bins).unwrap_or(0)
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Frame after frame, each `mel_bins` long.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.mel_bins.max(1))
    }
}

/// What a model expects of its front-end; read from `contract.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontEnd {
    /// Rows of the mel filterbank (Slaney scale and norm).
    pub mel_bins: usize,
    /// Taps of the symmetric Hann window, in samples.
    pub window: usize,
    /// Samples between frames.
    pub hop: usize,
    /// FFT length in samples.
    pub fft: usize,
    /// First-order pre-emphasis coefficient.
    pub preemphasis: f64,
    /// Lower edge of the filterbank in Hz.
    pub low_hz: f64,
    /// Upper edge of the filterbank in Hz.
    pub high_hz: f64,
    /// Added to the mel energy before the logarithm.
    pub log_guard: f64,
    /// What the model was trained with.
    pub normalization: Normalization,
}
