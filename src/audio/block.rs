//! `AudioBlock`: 10 ms of 16 kHz mono, the quantum of the whole program.

use crate::units::{SAMPLES_PER_MEL, SampleIdx};

/// Up to 160 samples of 16 kHz mono audio, nominally in [-1, 1]. `Copy`, so it crosses a lock-free ring without a destructor.
///
/// Every block is full but the last one of a source. A gap in the source is a jump in `start`.
#[derive(Clone, Copy, Debug)]
pub struct AudioBlock {
    /// Position of the first sample since the session began.
    pub start: SampleIdx,
    len: u16,
    samples: [f32; SAMPLES_PER_MEL],
}

impl AudioBlock {
    /// Copies at most 160 samples; the rest of `samples` is left out.
    pub fn new(start: SampleIdx, samples: &[f32]) -> Self {
        let len = samples.len().min(SAMPLES_PER_MEL);
        let mut block = Self { start, len: len as u16, samples: [0.0; SAMPLES_PER_MEL] };
        block.samples[..len].copy_from_slice(&samples[..len]);
        block
    }

    /// The valid samples: 160, or fewer in the last block of a source.
    pub fn samples(&self) -> &[f32] {
        &self.samples[..usize::from(self.len)]
    }

    /// Position one past the last sample.
    pub fn end(&self) -> SampleIdx {
        SampleIdx(self.start.0 + u64::from(self.len))
    }
}

/// Cuts `samples` into consecutive blocks from `start` on; the last may be short.
pub fn blocks_from(start: SampleIdx, samples: &[f32]) -> impl Iterator<Item = AudioBlock> {
    samples
        .chunks(SAMPLES_PER_MEL)
        .enumerate()
        .map(move |(i, chunk)| AudioBlock::new(SampleIdx(start.0 + (i * SAMPLES_PER_MEL) as u64), chunk))
}
