//! Any device or file rate to 16 kHz mono; the filter's delay is taken out, so position in is position out.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::{audio::AudioError, units::SAMPLE_RATE_HZ};

#[cfg(test)]
mod tests;

/// Lowest rate accepted; below it no speech is left.
pub const MIN_RATE_HZ: u32 = 4_000;
/// Highest rate accepted, twice the fastest common converter.
pub const MAX_RATE_HZ: u32 = 768_000;

/// Above this rate only multiples of [`RATE_STEP_HZ`]: the length of the transform is that of the ratio, and one of a million
/// frames takes half a minute to plan. No converter has such a rate; a damaged header may.
pub const ANY_RATE_HZ: u32 = 100_000;
/// See [`ANY_RATE_HZ`].
pub const RATE_STEP_HZ: u32 = 10;

/// No sound is as loud, full scale being 1. Sums of what is louder overflow, and the transform panics.
const LOUDEST: f32 = 1e9;

/// Length of one transform in frames at 48 kHz. Shorter transforms, rubato's own default among them, make the filter
/// so soft that it cuts speech: with 256 frames, 7 kHz is down by 14 dB.
const CHUNK_AT_48K: u64 = 1024;
/// Least length of one transform at rates below 16 kHz, where the filter works on the input side.
const MIN_CHUNK: u64 = 342;

/// Streaming conversion of mono samples to 16 kHz. 16 kHz passes through bit for bit, if it is sound at all.
#[derive(Debug)]
pub struct Resampler {
    rate_hz: u32,
    /// Samples taken in since the last reset.
    taken: u64,
    /// 16 kHz samples given out since the last reset.
    given: u64,
    /// `None` at 16 kHz.
    filter: Option<Filter>,
}

#[derive(Debug)]
struct Filter {
    fft: Fft<f32>,
    /// Frames of one transform, in and out.
    input: Vec<f32>,
    output: Vec<f32>,
    /// Valid samples in `input`.
    filled: usize,
    /// Output samples still to be dropped: the filter's delay.
    skip: usize,
}

impl Resampler {
    /// A converter from `rate_hz`, which must lie between [`MIN_RATE_HZ`] and [`MAX_RATE_HZ`] ([`ANY_RATE_HZ`] says more).
    pub fn new(rate_hz: u32) -> Result<Self, AudioError> {
        let odd = rate_hz > ANY_RATE_HZ && !rate_hz.is_multiple_of(RATE_STEP_HZ);
        if odd || !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz) {
            return Err(AudioError::UnsupportedRate { rate_hz });
        }
        let filter = if rate_hz == SAMPLE_RATE_HZ { None } else { Some(Filter::new(rate_hz)?) };
        Ok(Self { rate_hz, taken: 0, given: 0, filter })
    }

    /// Appends to `out` what is ready. Allocates only if `out` has to grow.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        let before = out.len();
        self.taken += input.len() as u64;
        match &mut self.filter {
            None => out.extend(input.iter().map(|sample| sane(*sample))),
            Some(filter) => filter.push(input, out),
        }
        self.given += (out.len() - before) as u64;
    }

    /// Appends the rest: all in all `round(n * 16000 / rate)` samples come out for `n` that went in. Then starts anew.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let due = self.output_len(self.taken).saturating_sub(self.given) as usize;
        if let Some(filter) = &mut self.filter {
            let end = out.len() + due;
            while out.len() < end {
                filter.push_silence(out);
            }
            out.truncate(end);
        }
        self.reset();
    }

    /// Forgets all samples.
    pub fn reset(&mut self) {
        (self.taken, self.given) = (0, 0);
        if let Some(filter) = &mut self.filter {
            filter.reset();
        }
    }

    /// 16 kHz samples that `frames` at the input rate make, to the nearest.
    pub fn output_len(&self, frames: u64) -> u64 {
        let rate = u128::from(self.rate_hz);
        ((u128::from(frames) * u128::from(SAMPLE_RATE_HZ) + rate / 2) / rate) as u64
    }
}

/// A sample that can be computed with; what is no number becomes silence.
fn sane(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-LOUDEST, LOUDEST) } else { 0.0 }
}

impl Filter {
    fn new(rate_hz: u32) -> Result<Self, AudioError> {
        let chunk = (CHUNK_AT_48K * u64::from(rate_hz) / 48_000).max(MIN_CHUNK) as usize;
        // Both sides fixed: a call takes exactly one transform and gives exactly one.
        let fft = Fft::<f32>::new_custom(
            rate_hz as usize,
            SAMPLE_RATE_HZ as usize,
            chunk,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|_| AudioError::UnsupportedRate { rate_hz })?;
        let input = vec![0.0; fft.input_frames_max()];
        let output = vec![0.0; fft.output_frames_max()];
        let skip = fft.output_delay();
        Ok(Self { fft, input, output, filled: 0, skip })
    }

    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) {
        while !samples.is_empty() {
            let n = samples.len().min(self.input.len() - self.filled);
            let (now, later) = samples.split_at(n);
            for (to, sample) in self.input[self.filled..self.filled + n].iter_mut().zip(now) {
                *to = sane(*sample);
            }
            self.filled += n;
            samples = later;
            if self.filled == self.input.len() {
                self.transform(out);
            }
        }
    }

    /// Fills the transform at hand with silence.
    fn push_silence(&mut self, out: &mut Vec<f32>) {
        self.input[self.filled..].fill(0.0);
        self.transform(out);
    }

    fn transform(&mut self, out: &mut Vec<f32>) {
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let done = InterleavedSlice::new(&self.input, 1, frames_in).ok().and_then(|input| {
            let mut output = InterleavedSlice::new_mut(&mut self.output, 1, frames_out).ok()?;
            self.fft.process_into_buffer(&input, &mut output, None).ok()
        });
        debug_assert_eq!(done, Some((frames_in, frames_out)), "both buffers have the size rubato asked for");
        self.filled = 0;
        let skip = self.skip.min(frames_out);
        self.skip -= skip;
        out.extend_from_slice(&self.output[skip..]);
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.filled = 0;
        self.skip = self.fft.output_delay();
    }
}
