//! The audio that may still be needed, by absolute position.

use crate::units::{EncIdx, SAMPLES_PER_ENC, SampleIdx};

/// Keeps at least the newest `longest` encoder frames of audio; older samples are let go.
#[derive(Debug)]
pub(super) struct Timeline {
    samples: Vec<f32>,
    /// Position of `samples[0]`; always on the 80 ms grid.
    base: SampleIdx,
    keep: usize,
    started: bool,
}

impl Timeline {
    pub(super) fn new(longest_frames: usize) -> Self {
        // One frame more: a window that ends in a partial frame starts within the frame before.
        Self { samples: Vec::new(), base: SampleIdx(0), keep: (longest_frames + 1) * SAMPLES_PER_ENC, started: false }
    }

    /// Whether anything was pushed yet.
    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// One past the newest sample.
    pub(super) fn end(&self) -> SampleIdx {
        SampleIdx(self.base.0 + self.samples.len() as u64)
    }

    /// The first frame whose audio is still here.
    pub(super) fn first_frame(&self) -> EncIdx {
        self.base.enc()
    }

    /// Goes on at `start`. Up to 80 ms of zeros stand in for what lies between it and the grid line before.
    pub(super) fn jump_to(&mut self, start: SampleIdx) {
        self.base = start.enc().sample();
        self.samples.clear();
        self.samples.resize((start.0 - self.base.0) as usize, 0.0);
    }

    /// Appends samples; what is not finite becomes 0, for one NaN would poison a whole window.
    pub(super) fn push(&mut self, samples: &[f32]) {
        self.started = true;
        self.samples.extend(samples.iter().map(|x| if x.is_finite() { *x } else { 0.0 }));
        // Twice as much as is kept before any is moved, so that moving costs little per sample.
        if self.samples.len() > 2 * self.keep {
            let drop = (self.samples.len() - self.keep) / SAMPLES_PER_ENC * SAMPLES_PER_ENC;
            self.samples.drain(..drop);
            self.base.0 += drop as u64;
        }
    }

    /// Samples from `start` up to `end`, or up to the newest.
    pub(super) fn slice(&self, start: EncIdx, end: EncIdx) -> &[f32] {
        let at = |frame: EncIdx| (frame.sample().0.saturating_sub(self.base.0) as usize).min(self.samples.len());
        &self.samples[at(start)..at(end).max(at(start))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_audio_goes_and_positions_stay() {
        let mut timeline = Timeline::new(10);
        for second in 0..60 {
            timeline.push(&vec![second as f32; 16_000]);
            assert!(timeline.samples.len() <= 2 * timeline.keep + 16_000);
        }
        assert_eq!(timeline.end(), SampleIdx(960_000));
        let newest = timeline.slice(EncIdx(740), EncIdx(751));
        assert_eq!(newest.len(), 10 * SAMPLES_PER_ENC);
        assert!(newest.iter().all(|x| *x == 59.0));
    }

    #[test]
    fn a_jump_starts_on_the_grid_with_zeros() {
        let mut timeline = Timeline::new(10);
        timeline.jump_to(SampleIdx(1280 * 5 + 160));
        timeline.push(&[1.0; 160]);
        assert_eq!(timeline.end(), SampleIdx(1280 * 5 + 320));
        let slice = timeline.slice(EncIdx(5), EncIdx(6));
        assert_eq!((slice[159], slice[160], slice.len()), (0.0, 1.0, 320));
    }

    #[test]
    fn what_is_not_finite_becomes_silence() {
        let mut timeline = Timeline::new(10);
        timeline.push(&[f32::NAN, 0.5, f32::INFINITY]);
        assert_eq!(timeline.slice(EncIdx(0), EncIdx(1)), [0.0, 0.5, 0.0]);
    }
}
