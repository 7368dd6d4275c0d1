//! Pre-emphasis, Hann window, FFT and power of one frame.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

/// Symmetric Hann window of `taps` samples: `0.5 − 0.5·cos(2πn/(taps−1))` (torch `hann_window(periodic=False)`).
pub fn hann_symmetric(taps: usize) -> Vec<f32> {
    let last = taps.saturating_sub(1).max(1) as f64;
    (0..taps).map(|n| (0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / last).cos()) as f32).collect()
}

/// Power spectra of centred frames.
pub(super) struct PowerSpectrum {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl PowerSpectrum {
    pub(super) fn new(fft_len: usize, taps: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(fft_len);
        Self {
            window: hann_symmetric(taps),
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// Power `|X|²`, `fft/2 + 1` bins, of the frame whose centre is sample `centre` of `signal`;
    /// samples outside `signal` are zeros (torch `stft(center=True, pad_mode="constant")`).
    ///
    /// The phase is that of a window at offset 0 of the FFT frame; the power does not depend on it.
    pub(super) fn power(&mut self, signal: &[f32], centre: usize, out: &mut [f32]) {
        let taps = self.window.len();
        let half = taps / 2;
        self.frame.fill(0.0);
        let first_tap = half.saturating_sub(centre);
        let from = (centre + first_tap).saturating_sub(half).min(signal.len());
        let to = (centre + taps - half).min(signal.len()).max(from);
        for ((slot, sample), weight) in
            self.frame[first_tap..].iter_mut().zip(&signal[from..to]).zip(&self.window[first_tap..])
        {
            *slot = sample * weight;
        }
        let result = self.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        debug_assert!(result.is_ok(), "buffers come from the plan itself");
        for (power, bin) in out.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
    }
}

/// First-order pre-emphasis: `y[0] = x[0]`, `y[n] = x[n] − coefficient·x[n−1]`.
pub(super) fn preemphasize(samples: &[f32], coefficient: f32, out: &mut Vec<f32>) {
    out.clear();
    out.extend(samples.first().copied());
    out.extend(samples.windows(2).map(|pair| pair[1] - coefficient * pair[0]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_at_the_edges_see_zeros_outside() {
        let mut spectrum = PowerSpectrum::new(16, 8);
        let mut at_start = vec![0.0; 9];
        let mut padded = vec![0.0; 9];
        let signal: Vec<f32> = (0..10).map(|n| (n as f32).sin()).collect();
        let longer: Vec<f32> = [0.0; 8].into_iter().chain(signal.iter().copied()).chain([0.0; 8]).collect();
        for centre in 0..=10 {
            spectrum.power(&signal, centre, &mut at_start);
            spectrum.power(&longer, centre + 8, &mut padded);
            assert_eq!(at_start, padded, "centre {centre}");
        }
    }

    #[test]
    fn preemphasis_keeps_the_first_sample() {
        let mut out = Vec::new();
        preemphasize(&[1.0, 1.0, 0.0], 0.97, &mut out);
        assert_eq!(out, [1.0, 1.0 - 0.97, -0.97]);
        preemphasize(&[], 0.97, &mut out);
        assert!(out.is_empty());
    }
}
