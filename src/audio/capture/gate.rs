//! Which blocks go on: those of a dictation, from a little before the order that began it to a little after the one that ends
//! it. All is counted in samples, nothing by a clock.

use std::collections::VecDeque;

use crate::{
    audio::AudioBlock,
    units::{SAMPLES_PER_MEL, SampleIdx},
};

/// Owned by the capture thread.
#[derive(Debug)]
pub(crate) struct Gate {
    /// 16 kHz samples before the order that belong to a dictation.
    pre_roll: u64,
    /// The same after the order that ends it.
    tail: u64,
    /// The newest blocks while the gate is closed: the pre-roll, and one in which it may begin.
    kept: VecDeque<AudioBlock>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Closed,
    Open(Dictation),
    /// Open up to this position.
    Ending(Dictation, u64),
}

/// Where blocks go.
#[derive(Debug)]
struct Dictation {
    blocks: rtrb::Producer<AudioBlock>,
    /// What is position 0 of it; the first block tells.
    base: Option<u64>,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It is nobody's; it may be part of a pre-roll.
    Kept,
    /// It went on, so many samples of it.
    On(u64),
    /// There was no room; so many samples are lost.
    Lost(u64),
}

impl Gate {
    /// Closed; lengths in 16 kHz samples.
    pub(crate) fn new(pre_roll: u64, tail: u64) -> Self {
        let blocks = if pre_roll == 0 { 0 } else { pre_roll as usize / SAMPLES_PER_MEL + 2 };
        Self { pre_roll, tail, kept: VecDeque::with_capacity(blocks), way: Way::Closed }
    }

    /// A dictation begins at position `now`. What is kept of the time before is for it and comes first.
    pub(crate) fn begin(&mut self, blocks: rtrb::Producer<AudioBlock>, now: SampleIdx) -> VecDeque<AudioBlock> {
        self.way = Way::Open(Dictation { blocks, base: None });
        let from = now.0.saturating_sub(self.pre_roll);
        let mut kept = std::mem::take(&mut self.kept);
        kept.retain(|block| block.end().0 > from);
        // After a gap only what follows it is of the time just before.
        let gap = (1..kept.len()).rev().find(|&at| kept[at].start != kept[at - 1].end());
        kept.drain(..gap.unwrap_or(0));
        if self.pre_roll == 0 { VecDeque::new() } else { kept }
    }

    /// The dictation ends a tail after position `now`.
    pub(crate) fn end(&mut self, now: SampleIdx) {
        self.way = match std::mem::replace(&mut self.way, Way::Closed) {
            Way::Open(dictation) => Way::Ending(dictation, now.0 + self.tail),
            way => way,
        };
    }

    /// The dictation ends here.
    pub(crate) fn close(&mut self) {
        self.way = Way::Closed;
    }

    /// What was kept is of a stream that is gone.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.way, Way::Closed)
    }

    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.way, Way::Ending(..))
    }

    /// Whether nobody takes the blocks of the dictation any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.way {
            Way::Closed => false,
            Way::Open(dictation) | Way::Ending(dictation, _) => dictation.blocks.is_abandoned(),
        }
    }

    /// Takes the next block.
    pub(crate) fn pass(&mut self, block: &AudioBlock) -> Passed {
        let (dictation, end) = match &mut self.way {
            Way::Closed => {
                self.keep(block);
                return Passed::Kept;
            }
            Way::Open(dictation) => (dictation, u64::MAX),
            Way::Ending(dictation, end) => (dictation, *end),
        };
        let samples = &block.samples()[..block.samples().len().min(end.saturating_sub(block.start.0) as usize)];
        let base = *dictation.base.get_or_insert(block.start.0);
        let passed = if samples.is_empty() {
            Passed::On(0)
        } else if dictation.blocks.push(AudioBlock::new(SampleIdx(block.start.0 - base), samples)).is_ok() {
            Passed::On(samples.len() as u64)
        } else {
            Passed::Lost(samples.len() as u64)
        };
        if block.end().0 >= end {
            self.way = Way::Closed;
        }
        passed
    }

    fn keep(&mut self, block: &AudioBlock) {
        if self.pre_roll == 0 {
            return;
        }
        self.kept.push_back(*block);
        let from = block.end().0.saturating_sub(self.pre_roll);
        // One block more than fills it: an order comes in the middle of a block.
        while self.kept.get(1).is_some_and(|next| next.start.0 <= from) {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks from a position on; each sample is its own position over 2^24.
    fn block(start: u64) -> AudioBlock {
        let samples: Vec<f32> = (start..start + 160).map(|at| at as f32 / 16_777_216.0).collect();
        AudioBlock::new(SampleIdx(start), &samples)
    }

    fn positions(consumer: &mut rtrb::Consumer<AudioBlock>) -> Vec<u64> {
        let mut found = Vec::new();
        let mut next = 0;
        while let Ok(block) = consumer.pop() {
            assert_eq!(block.start.0, next, "positions of a dictation begin at 0 and have no gap");
            next = block.end().0;
            found.extend(block.samples().iter().map(|sample| (sample * 16_777_216.0) as u64));
        }
        found
    }

    fn begin(gate: &mut Gate, now: u64) -> rtrb::Consumer<AudioBlock> {
        let (producer, consumer) = rtrb::RingBuffer::new(1000);
        for kept in gate.begin(producer, SampleIdx(now)) {
            gate.pass(&kept);
        }
        consumer
    }

    #[test]
    fn a_dictation_has_its_pre_roll_and_its_tail_to_the_sample() {
        let mut gate = Gate::new(8000, 8000);
        for start in (0..32_000).step_by(160) {
            assert_eq!(gate.pass(&block(start)), Passed::Kept);
        }
        // 70 samples of the block at hand were recorded when the order came.
        let mut blocks = begin(&mut gate, 32_070);
        for start in (32_000..48_000).step_by(160) {
            gate.pass(&block(start));
        }
        gate.end(SampleIdx(48_011));
        let mut start = 48_000;
        while gate.is_open() {
            gate.pass(&block(start));
            start += 160;
        }
        assert!(blocks.is_abandoned());
        let heard = positions(&mut blocks);
        // The block in which 32,070 − 8,000 lies begins at 24,000.
        assert_eq!(heard, (24_000..48_011 + 8000).collect::<Vec<u64>>());
    }

    #[test]
    fn the_pre_roll_is_not_of_before_a_gap_and_not_of_the_dictation_before() {
        let mut gate = Gate::new(8000, 0);
        for start in (0..16_000).step_by(160) {
            gate.pass(&block(start));
        }
        for start in (160_000..161_600).step_by(160) {
            gate.pass(&block(start));
        }
        let mut blocks = begin(&mut gate, 161_600);
        assert_eq!(positions(&mut blocks), (160_000..161_600).collect::<Vec<u64>>());
        gate.close();
        let mut blocks = begin(&mut gate, 161_600);
        assert!(positions(&mut blocks).is_empty());
    }

    #[test]
    fn without_a_pre_roll_nothing_is_kept() {
        let mut gate = Gate::new(0, 8000);
        for start in (0..16_000).step_by(160) {
            gate.pass(&block(start));
        }
        assert_eq!(gate.kept.len(), 0);
        let mut blocks = begin(&mut gate, 16_000);
        gate.pass(&block(16_000));
        assert_eq!(positions(&mut blocks), (16_000..16_160).collect::<Vec<u64>>());
    }

    #[test]
    fn no_more_is_kept_than_the_pre_roll() {
        let mut gate = Gate::new(8000, 0);
        for start in (0..160_000).step_by(160) {
            gate.pass(&block(start));
            assert!(gate.kept.len() <= 51 && gate.kept.capacity() <= 64, "{}", gate.kept.len());
        }
    }
}
