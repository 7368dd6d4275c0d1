//! The whole front-end: samples of one window to log-mel frames, raw or normalised.

use std::ops::Range;

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
    newest: Newest,
}

/// The newest window: the next one overlaps with it, and what was computed of equal samples is the same.
#[derive(Default)]
struct Newest {
    start: MelIdx,
    samples: Vec<f32>,
    /// Its features, not normalised.
    rows: Vec<f32>,
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
            newest: Newest::default(),
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

    /// Natural-log mel energies of one window, not normalised. Frame t is centred on sample `hop·t`. Frames of the window
    /// before are taken over where all samples that they are computed from are equal.
    pub fn log_mel(&mut self, start: MelIdx, samples: &[f32], out: &mut FeatureFrames) {
        let FrontEnd { mel_bins, hop, preemphasis, log_guard, .. } = self.front_end;
        preemphasize(samples, preemphasis as f32, &mut self.emphasized);
        out.start = start;
        out.mel_bins = mel_bins;
        out.data.clear();
        let (known, offset) = self.known(start, samples);
        for frame in 0..self.frames_of(samples.len()) {
            if known.contains(&frame) {
                let at = (frame + offset) * mel_bins;
                out.data.extend_from_slice(&self.newest.rows[at..at + mel_bins]);
                continue;
            }
            self.spectrum.power(&self.emphasized, frame * hop, &mut self.power);
            out.data.extend(self.filterbank.energies(&self.power).map(|energy| (energy + log_guard as f32).ln()));
        }
        self.newest.start = start;
        self.newest.samples.clear();
        self.newest.samples.extend_from_slice(samples);
        self.newest.rows.clone_from(&out.data);
    }

    /// Frames of a window that the newest one has, too, and how many frames before it that one began.
    fn known(&self, start: MelIdx, samples: &[f32]) -> (Range<usize>, usize) {
        let FrontEnd { hop, fft, .. } = self.front_end;
        let none = (0..0, 0);
        let Newest { start: before, samples: old, .. } = &self.newest;
        let Some(offset) = start.0.checked_sub(before.0) else { return none };
        let offset = offset as usize;
        let Some(old) = old.get(offset.saturating_mul(hop)..) else { return none };
        let common = old.len().min(samples.len());
        if old[..common] != samples[..common] {
            return none;
        }
        // A frame needs half an FFT on either side, and pre-emphasis one sample more before.
        let (first, end) = ((fft / 2 + 1).div_ceil(hop), (common + hop).saturating_sub(fft / 2) / hop);
        (first..end, offset)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// NeMo's front-end.
    fn front_end() -> FrontEnd {
        FrontEnd {
            mel_bins: 80,
            window: 400,
            hop: 160,
            fft: 512,
            preemphasis: 0.97,
            low_hz: 0.0,
            high_hz: 8000.0,
            log_guard: 5.960_464_477_539_063e-8,
            normalization: Normalization::None,
        }
    }

    /// Noise that is a function of the position.
    fn noise(from: usize, count: usize, seed: u64) -> Vec<f32> {
        let value = |at: usize| {
            let mixed = (at as u64 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (mixed >> 40) as f32 / 16_777_216.0 - 0.5
        };
        (from..from + count).map(value).collect()
    }

    #[test]
    fn a_window_has_the_same_features_whatever_window_came_before() {
        let front_end = front_end();
        let mut used = FeatureExtractor::new(&front_end);
        // Growing, moving on, moving on with a change, jumping ahead, going back, getting shorter, almost nothing.
        let windows = [
            (0, 8000, 1),
            (0, 16_000, 1),
            (48, 16_037, 1),
            (48, 16_037, 1),
            (56, 16_000, 2),
            (64, 24_000, 2),
            (900, 16_000, 2),
            (40, 16_000, 2),
            (41, 3200, 2),
            (41, 200, 2),
            (41, 4000, 2),
        ];
        for (start, count, seed) in windows {
            let samples = noise(start * front_end.hop, count, seed);
            let (mut found, mut expected) = (FeatureFrames::default(), FeatureFrames::default());
            used.log_mel(MelIdx(start as u64), &samples, &mut found);
            FeatureExtractor::new(&front_end).log_mel(MelIdx(start as u64), &samples, &mut expected);
            assert_eq!(found, expected, "{start} {count} {seed}");
        }
    }

    #[test]
    fn most_of_a_window_that_moves_on_is_known() {
        let front_end = front_end();
        let mut extractor = FeatureExtractor::new(&front_end);
        let mut out = FeatureFrames::default();
        extractor.log_mel(MelIdx(0), &noise(0, 80_000, 1), &mut out);
        let (known, offset) = extractor.known(MelIdx(48), &noise(48 * front_end.hop, 80_000, 1));
        assert_eq!(offset, 48);
        assert!(known.start <= 2 && known.len() > 440, "{known:?}");
        let (known, _) = extractor.known(MelIdx(48), &noise(48 * front_end.hop, 80_000, 2));
        assert!(known.is_empty(), "{known:?}");
    }
}
