//! The mel filterbank: Slaney scale, triangles in Hz, Slaney area norm (librosa `filters.mel`, `htk=False`, `norm="slaney"`).

/// Mel below which the Slaney scale is linear: 1000 Hz at 200/3 Hz per mel.
const BREAK_MEL: f64 = 15.0;
/// Frequency of that break in Hz.
const BREAK_HZ: f64 = 1000.0;
/// Steps of the logarithmic part for a factor of 6.4 in frequency.
const LOG_STEPS: f64 = 27.0;
const LOG_FACTOR: f64 = 6.4;

fn mel_from_hz(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz * 3.0 / 200.0 } else { BREAK_MEL + LOG_STEPS * (hz / BREAK_HZ).ln() / LOG_FACTOR.ln() }
}

fn hz_from_mel(mel: f64) -> f64 {
    if mel < BREAK_MEL { mel * 200.0 / 3.0 } else { BREAK_HZ * ((mel - BREAK_MEL) * LOG_FACTOR.ln() / LOG_STEPS).exp() }
}

/// Weights `[mel_bins, fft/2 + 1]`, row after row. Computed in f64, stored as f32.
pub fn mel_filterbank(mel_bins: usize, fft: usize, sample_rate: f64, low_hz: f64, high_hz: f64) -> Vec<f32> {
    let (low, high) = (mel_from_hz(low_hz), mel_from_hz(high_hz));
    let step = (high - low) / (mel_bins + 1) as f64;
    let edges: Vec<f64> = (0..mel_bins + 2).map(|i| hz_from_mel(low + step * i as f64)).collect();
    let bins = fft / 2 + 1;
    let mut weights = Vec::with_capacity(mel_bins * bins);
    for edge in edges.windows(3) {
        let (left, centre, right) = (edge[0], edge[1], edge[2]);
        let norm = 2.0 / (right - left);
        weights.extend((0..bins).map(|k| {
            let hz = k as f64 * sample_rate / fft as f64;
            let rising = (hz - left) / (centre - left);
            let falling = (right - hz) / (right - centre);
            (rising.min(falling).max(0.0) * norm) as f32
        }));
    }
    weights
}

/// The filterbank without its zeros: for each mel bin, the first FFT bin it touches and the weights from there on.
#[derive(Debug)]
pub(super) struct SparseFilterbank {
    rows: Vec<(usize, Vec<f32>)>,
}

impl SparseFilterbank {
    pub(super) fn new(weights: &[f32], mel_bins: usize) -> Self {
        let bins = weights.len() / mel_bins.max(1);
        let rows = weights
            .chunks_exact(bins.max(1))
            .map(|row| {
                let first = row.iter().position(|w| *w != 0.0).unwrap_or(0);
                let end = row.iter().rposition(|w| *w != 0.0).map_or(first, |last| last + 1);
                (first, row[first..end].to_vec())
            })
            .collect();
        Self { rows }
    }

    /// Mel energies of one power spectrum, one per row, in the order of the rows.
    pub(super) fn energies<'a>(&'a self, power: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.rows.iter().map(|(first, weights)| power[*first..].iter().zip(weights).map(|(p, w)| p * w).sum())
    }
}
