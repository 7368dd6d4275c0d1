//! A probe with a stop watch: what each hop cost, stage by stage, and when its words would have been out.

use std::time::Instant;

use serde::Serialize;

use super::latency::Latencies;
use crate::{
    decode::Word,
    session::{Probe, Stage, Window},
    units::SampleIdx,
};

/// Cost of one hop in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HopCost {
    /// Everything that is neither of the others: voice gate, spectra, normalisation, since the hop before.
    pub(super) features: f64,
    pub(super) encode: f64,
    /// Predictor, joint, the loop and the words; tail included.
    pub(super) decode: f64,
    /// Whether the window had all of its left context: before that, windows grow from hop to hop.
    pub(super) full: bool,
}

impl HopCost {
    pub(super) fn total(&self) -> f64 {
        self.features + self.encode + self.decode
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Decided {
    /// On committed frames.
    pub(super) committed: u64,
    /// Of those, the ones that wrote a token.
    pub(super) tokens: u64,
    /// In grey tails, which are decided anew in each hop.
    pub(super) tail: u64,
}

/// Listens to a session that is pushed as fast as possible.
///
/// Latency is computed for audio that arrives at the pace of speech: a hop begins when its last sample has arrived and the
/// hop before is done, and takes the time it was measured to take.
#[derive(Debug)]
pub(super) struct HopMeter {
    pub(super) hops: Vec<HopCost>,
    pub(super) latencies: Latencies,
    pub(super) decided: Decided,
    left_frames: u64,
    hop: HopCost,
    /// End of the last stage seen.
    lap: Instant,
    /// Begin of the work on the hop at hand: the push that set it off, or the end of the hop before in the same push.
    work_began: Instant,
    /// Seconds at which the newest sample has arrived.
    arrived_secs: f64,
    /// Seconds at which the hop before was done.
    done_secs: f64,
    window: Window,
    committed: Vec<Word>,
    tail: Vec<Word>,
}

impl HopMeter {
    /// `left_frames`: of windows that have grown as long as they get.
    pub(super) fn new(left_frames: u64) -> Self {
        let now = Instant::now();
        Self {
            hops: Vec::new(),
            latencies: Latencies::default(),
            decided: Decided::default(),
            left_frames,
            hop: HopCost::default(),
            lap: now,
            work_began: now,
            arrived_secs: 0.0,
            done_secs: 0.0,
            window: Window::default(),
            committed: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Adds what another meter saw as one hop.
    pub(super) fn add_run(&mut self, run: &Self) {
        let sum = |part: fn(&HopCost) -> f64| run.hops.iter().map(part).sum();
        self.hops.push(HopCost {
            features: sum(|hop| hop.features),
            encode: sum(|hop| hop.encode),
            decode: sum(|hop| hop.decode),
            full: false,
        });
        self.decided.committed += run.decided.committed;
        self.decided.tokens += run.decided.tokens;
        self.decided.tail += run.decided.tail;
    }

    /// Before audio up to `end` is pushed.
    pub(super) fn push_begins(&mut self, end: SampleIdx) {
        self.arrived_secs = end.secs();
        self.work_began = Instant::now();
        self.lap = self.work_began;
    }

    /// After the push: work outside hops counts for the next one.
    pub(super) fn push_ends(&mut self) {
        self.hop.features += self.lap_millis();
    }

    fn lap_millis(&mut self) -> f64 {
        let now = Instant::now();
        let millis = now.duration_since(self.lap).as_secs_f64() * 1000.0;
        self.lap = now;
        millis
    }

    fn hop_ends(&mut self) {
        let work_secs = self.lap.duration_since(self.work_began).as_secs_f64();
        self.work_began = self.lap;
        self.done_secs = self.arrived_secs.max(self.done_secs) + work_secs;
        self.latencies.frames(&self.window, self.done_secs);
        self.latencies.hop(&self.committed, &self.tail, self.done_secs);
        self.committed.clear();
        self.tail.clear();
        let Window { start, commit_from, last, .. } = self.window;
        self.hop.full = !last && commit_from.0 - start.0 >= self.left_frames;
        self.hops.push(std::mem::take(&mut self.hop));
        // What the meter itself did is no cost of the hop.
        self.lap = Instant::now();
        self.work_began = self.lap;
    }
}

impl Probe for HopMeter {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Window(window) => self.window = *window,
            Stage::Features(_) => self.hop.features += self.lap_millis(),
            Stage::Encoder(_) => self.hop.encode += self.lap_millis(),
            Stage::Decision(decision) => {
                self.decided.committed += 1;
                self.decided.tokens += u64::from(!decision.is_blank);
            }
            Stage::TailDecision(_) => self.decided.tail += 1,
            Stage::Committed(words) => self.committed.extend_from_slice(words),
            Stage::Tail(words) => self.tail = words.to_vec(),
            Stage::HopEnd(_) => {
                self.hop.decode += self.lap_millis();
                self.hop_ends();
            }
            _ => {}
        }
    }
}
