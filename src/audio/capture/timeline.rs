//! Positions: cuts 16 kHz samples into blocks on the 10 ms grid, and turns lost time into a jump of the next block's start.

use crate::{
    audio::AudioBlock,
    units::{SAMPLES_PER_MEL, SampleIdx},
};

/// Where the next sample lies, and the block being filled.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// Position of the block being filled.
    start: u64,
    samples: [f32; SAMPLES_PER_MEL],
    filled: usize,
    /// True position minus grid position after earlier jumps, in samples: gaps are rounded to the grid, time is not.
    debt: f64,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self { start: 0, samples: [0.0; SAMPLES_PER_MEL], filled: 0, debt: 0.0 }
    }

    /// Position of the next sample.
    pub(crate) fn position(&self) -> SampleIdx {
        SampleIdx(self.start + self.filled as u64)
    }

    /// Appends samples; every block that gets full goes to `emit`.
    pub(crate) fn push(&mut self, mut samples: &[f32], mut emit: impl FnMut(&AudioBlock)) {
        while !samples.is_empty() {
            let n = samples.len().min(SAMPLES_PER_MEL - self.filled);
            let (now, later) = samples.split_at(n);
            self.samples[self.filled..self.filled + n].copy_from_slice(now);
            self.filled += n;
            samples = later;
            if self.filled == SAMPLES_PER_MEL {
                self.close(&mut emit);
            }
        }
    }

    /// Leaves out `lost` samples: the block at hand is filled with silence (it lies in the gap), and the next block
    /// starts on the grid line nearest to the true position.
    pub(crate) fn skip(&mut self, lost: f64, mut emit: impl FnMut(&AudioBlock)) {
        let end = self.position().0 as f64 + self.debt + lost;
        if self.filled > 0 {
            self.samples[self.filled..].fill(0.0);
            self.close(&mut emit);
        }
        let grid = (end / SAMPLES_PER_MEL as f64).round() as u64 * SAMPLES_PER_MEL as u64;
        self.start = self.start.max(grid);
        self.debt = end - self.start as f64;
    }

    /// The last, short block of the source, if samples are left.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(&AudioBlock)) {
        if self.filled > 0 {
            emit(&AudioBlock::new(SampleIdx(self.start), &self.samples[..self.filled]));
            self.start += self.filled as u64;
            self.filled = 0;
        }
    }

    fn close(&mut self, emit: &mut impl FnMut(&AudioBlock)) {
        emit(&AudioBlock::new(SampleIdx(self.start), &self.samples));
        self.start += SAMPLES_PER_MEL as u64;
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Timeline;

    #[test]
    fn a_gap_jumps_on_the_grid_and_small_gaps_add_up() {
        let mut timeline = Timeline::new();
        let mut blocks = Vec::new();
        timeline.push(&[1.0; 200], |block| blocks.push(*block));
        timeline.skip(1000.0, |block| blocks.push(*block));
        timeline.push(&[2.0; 160], |block| blocks.push(*block));
        let starts: Vec<u64> = blocks.iter().map(|block| block.start.0).collect();
        assert_eq!(starts, [0, 160, 1280], "1200 lies in the middle; ties go up");
        assert_eq!(blocks[1].samples()[39..41], [1.0, 0.0]);

        let mut timeline = Timeline::new();
        for _ in 0..100 {
            timeline.push(&[1.0; 160], |_| ());
            timeline.skip(60.0, |_| ());
        }
        let drift = timeline.position().0 as f64 - 100.0 * 220.0;
        assert!(drift.abs() <= 80.0, "{drift}");
    }

    #[test]
    fn only_the_last_block_is_short() {
        let mut timeline = Timeline::new();
        let mut blocks = Vec::new();
        timeline.push(&[0.5; 350], |block| blocks.push(*block));
        timeline.finish(|block| blocks.push(*block));
        assert_eq!(blocks.iter().map(|block| block.samples().len()).collect::<Vec<_>>(), [160, 160, 30]);
        assert_eq!(timeline.position().0, 350);
    }
}
