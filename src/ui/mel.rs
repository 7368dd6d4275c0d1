//! The mel frames that are kept, in blocks that become textures, with a colour scale each.

use std::collections::VecDeque;

use crate::units::MelIdx;

/// Mel frames of one block: one texture on the graphics card.
pub(crate) const BLOCK_FRAMES: usize = 128;

/// Consecutive mel frames.
#[derive(Clone, Debug)]
pub(crate) struct MelBlock {
    pub(crate) start: MelIdx,
    /// Values per frame.
    pub(crate) bins: usize,
    /// Time-major `[frames, bins]`.
    pub(crate) data: Vec<f32>,
    /// Which colour scale it belongs to.
    pub(crate) scale: u32,
}

impl MelBlock {
    pub(crate) fn frames(&self) -> usize {
        self.data.len().checked_div(self.bins).unwrap_or(0)
    }
}

/// What black and white stand for, followed from the values since the last change of normalisation.
#[derive(Clone, Copy, Debug, Default)]
struct Scale {
    id: u32,
    count: f64,
    sum: f64,
    squares: f64,
    low: f32,
    high: f32,
}

impl Scale {
    fn add(&mut self, values: &[f32]) {
        for value in values.iter().copied().filter(|value| value.is_finite()).map(f64::from) {
            self.count += 1.0;
            self.sum += value;
            self.squares += value * value;
        }
        if self.count == 0.0 {
            return;
        }
        let mean = self.sum / self.count;
        let deviation = (self.squares / self.count - mean * mean).max(1e-6).sqrt();
        // Log-mel leans to its loud side: speech peaks lie further from the mean than the noise floor.
        let (low, high) = ((mean - 1.5 * deviation) as f32, (mean + 2.7 * deviation) as f32);
        // Held until it is clearly off, because every change redraws all textures of the scale.
        let span = (self.high - self.low).max(f32::MIN_POSITIVE);
        if (low - self.low).abs() > 0.08 * span || (high - self.high).abs() > 0.08 * span {
            (self.low, self.high) = (low, high);
        }
    }
}

/// Bounded by [`MelHistory::forget`].
#[derive(Clone, Debug, Default)]
pub(crate) struct MelHistory {
    pub(crate) blocks: VecDeque<MelBlock>,
    scales: VecDeque<Scale>,
    next_scale: u32,
}

impl MelHistory {
    /// Takes in frames `data` `[frames, bins]` from `start` on; what was there already is left as it is.
    pub(crate) fn push(&mut self, start: MelIdx, bins: usize, data: &[f32]) {
        if bins == 0 || data.is_empty() {
            return;
        }
        let scale = self.current_scale(data);
        for (offset, frame) in data.chunks_exact(bins).enumerate() {
            let at = MelIdx(start.0 + offset as u64);
            let follows = self.blocks.back().is_some_and(|block| {
                block.start.0 + block.frames() as u64 == at.0
                    && block.frames() < BLOCK_FRAMES
                    && block.bins == bins
                    && block.scale == scale
            });
            if !follows {
                let data = Vec::with_capacity(BLOCK_FRAMES * bins);
                self.blocks.push_back(MelBlock { start: at, bins, data, scale });
            }
            if let Some(block) = self.blocks.back_mut() {
                block.data.extend_from_slice(frame);
            }
        }
    }

    fn current_scale(&mut self, data: &[f32]) -> u32 {
        if self.scales.back().is_none_or(|scale| scale.id != self.next_scale) {
            self.scales.push_back(Scale { id: self.next_scale, ..Scale::default() });
        }
        if let Some(scale) = self.scales.back_mut() {
            scale.add(data);
        }
        self.next_scale
    }

    /// Values change their meaning from here on: another normalisation.
    pub(crate) fn new_scale(&mut self) {
        self.next_scale += 1;
    }

    /// Lowest and highest value of a block's colours.
    pub(crate) fn range(&self, block: &MelBlock) -> (f32, f32) {
        let scale = self.scales.iter().find(|scale| scale.id == block.scale);
        scale.map_or((0.0, 1.0), |scale| (scale.low, scale.high))
    }

    /// Drops what ends before `oldest`.
    pub(crate) fn forget(&mut self, oldest: MelIdx) {
        while self.blocks.front().is_some_and(|block| block.start.0 + (block.frames() as u64) < oldest.0) {
            self.blocks.pop_front();
        }
        let first = self.blocks.front().map_or(self.next_scale, |block| block.scale);
        while self.scales.front().is_some_and(|scale| scale.id < first) {
            self.scales.pop_front();
        }
    }

    /// Mel frames kept.
    #[cfg(test)]
    pub(crate) fn frames(&self) -> usize {
        self.blocks.iter().map(MelBlock::frames).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_fill_blocks_and_a_gap_opens_a_new_one() {
        let mut mel = MelHistory::default();
        mel.push(MelIdx(0), 2, &[0.0; 2 * 200]);
        mel.push(MelIdx(300), 2, &[0.0; 2 * 10]);
        let shape: Vec<_> = mel.blocks.iter().map(|block| (block.start.0, block.frames())).collect();
        assert_eq!(shape, [(0, 128), (128, 72), (300, 10)]);
    }

    #[test]
    fn another_normalisation_gets_its_own_scale() {
        let mut mel = MelHistory::default();
        let loud: Vec<f32> = (0..400).map(|i| (i % 20) as f32 - 16.0).collect();
        mel.push(MelIdx(0), 2, &loud);
        mel.new_scale();
        let normal: Vec<f32> = (0..400).map(|i| (i % 5) as f32 - 2.0).collect();
        mel.push(MelIdx(200), 2, &normal);
        let (first, last) = (mel.range(&mel.blocks[0]), mel.range(&mel.blocks[mel.blocks.len() - 1]));
        assert!(first.0 < -12.0 && last.0 > -5.0, "{first:?} {last:?}");
        assert!(first.1 > first.0 && last.1 > last.0);
    }

    #[test]
    fn values_that_are_no_numbers_do_not_spoil_the_scale() {
        let mut mel = MelHistory::default();
        mel.push(MelIdx(0), 2, &[f32::NAN, 1.0, f32::INFINITY, 2.0]);
        let (low, high) = mel.range(&mel.blocks[0]);
        assert!(low.is_finite() && high.is_finite() && low < high);
    }
}
