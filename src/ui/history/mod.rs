//! What the decision view can look back on: levels, mel frames, decisions and marks, of the last two minutes or of a whole
//! recorded run.

use std::collections::VecDeque;

use crate::{
    decode::Decision,
    session::{EndReason, HopPlot, PlotItem, Setting, Window},
    ui::mel::MelHistory,
    units::{EncIdx, MEL_PER_ENC, MelIdx, enc_frames_from_secs},
};

/// Seconds of audio the plots keep while dictation runs.
pub(crate) const HISTORY_SECS: f64 = 120.0;

/// Most marks kept: a slider dragged for two minutes at one change a hop stays below it.
const MAX_MARKS: usize = 600;

/// Waveform of one 10 ms block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) at: MelIdx,
    pub(crate) min: f32,
    pub(crate) max: f32,
}

/// Something that happened at a frame.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) at: EncIdx,
    pub(crate) kind: MarkKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum MarkKind {
    UtteranceStart,
    UtteranceEnd(EndReason),
    Setting(Setting),
    /// Samples lost before the frame.
    Gap(u64),
}

/// Names one decision of a session: its frame and its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecisionKey {
    pub(crate) frame: EncIdx,
    pub(crate) step: u64,
}

impl DecisionKey {
    pub(crate) fn of(decision: &Decision) -> Self {
        Self { frame: decision.frame, step: decision.step }
    }
}

/// A decision with its place on the time axis. Decisions on one frame share it side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) decision: &'a Decision,
    /// Left edge in encoder frames.
    pub(crate) x: f64,
    /// Width in encoder frames.
    pub(crate) width: f64,
    /// On the right context: the next hop makes it anew.
    pub(crate) tail: bool,
}

/// Bounded by time, so that it does not grow with the dictation; a recorded run is kept whole.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Encoder frames kept; `None` keeps all.
    limit: Option<u64>,
    /// Frame up to which the axis goes at least: another run beside this one may end later.
    pub(crate) reach: EncIdx,
    pub(crate) levels: VecDeque<Level>,
    pub(crate) mel: MelHistory,
    pub(crate) decisions: VecDeque<Decision>,
    pub(crate) tail: Vec<Decision>,
    pub(crate) marks: VecDeque<Mark>,
    /// Borders of the newest hop.
    pub(crate) window: Option<Window>,
    /// Counts sessions: positions of different ones have nothing to do with each other.
    pub(crate) session: u64,
}

impl Default for History {
    fn default() -> Self {
        Self::keeping(Some(enc_frames_from_secs(HISTORY_SECS)))
    }
}

impl History {
    /// Keeps the newest `limit` encoder frames, or all.
    pub(crate) fn keeping(limit: Option<u64>) -> Self {
        Self {
            limit,
            reach: EncIdx::default(),
            levels: VecDeque::new(),
            mel: MelHistory::default(),
            decisions: VecDeque::new(),
            tail: Vec::new(),
            marks: VecDeque::new(),
            window: None,
            session: 0,
        }
    }

    /// Encoder frames kept; `None` if all are.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    pub(crate) fn push(&mut self, item: PlotItem) {
        match item {
            PlotItem::Level { at, min, max } => {
                if self.levels.back().is_some_and(|last| at < last.at) {
                    self.restart();
                }
                self.levels.push_back(Level { at, min, max });
            }
            PlotItem::Hop(hop) => self.push_hop(*hop),
            PlotItem::Setting(at, setting) => {
                if matches!(setting, Setting::FeatureNorm(_)) {
                    self.mel.new_scale();
                }
                self.push_mark(at, MarkKind::Setting(setting));
            }
            PlotItem::UtteranceStart(at) => self.push_mark(at, MarkKind::UtteranceStart),
            PlotItem::UtteranceEnd(at, reason) => {
                self.tail.clear();
                self.push_mark(at, MarkKind::UtteranceEnd(reason));
            }
            PlotItem::Gap(at, samples) => self.push_mark(at, MarkKind::Gap(samples)),
        }
        self.forget();
    }

    fn push_hop(&mut self, hop: HopPlot) {
        let HopPlot { window, mel_start, mel_bins, mel, decisions, tail, timing: _ } = hop;
        // Positions run on within a session; going back means that a new one began.
        if self.window.is_some_and(|last| window.end < last.start) {
            self.restart();
        }
        self.mel.push(mel_start, mel_bins, &mel);
        self.decisions.extend(decisions);
        self.tail = tail;
        self.window = Some(window);
    }

    fn push_mark(&mut self, at: EncIdx, kind: MarkKind) {
        if self.limit.is_some() && self.marks.len() == MAX_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { at, kind });
    }

    /// A new session began: its positions start at 0 again.
    pub(crate) fn restart(&mut self) {
        *self = Self { session: self.session + 1, ..Self::keeping(self.limit) };
    }

    fn forget(&mut self) {
        let Some(limit) = self.limit else { return };
        let oldest = EncIdx((self.newest() as u64).saturating_sub(limit));
        while self.levels.front().is_some_and(|level| level.at < oldest.mel()) {
            self.levels.pop_front();
        }
        while self.decisions.front().is_some_and(|decision| decision.frame < oldest) {
            self.decisions.pop_front();
        }
        while self.marks.front().is_some_and(|mark| mark.at < oldest) {
            self.marks.pop_front();
        }
        self.mel.forget(oldest.mel());
    }

    /// The newest position known, in encoder frames.
    pub(crate) fn newest(&self) -> f64 {
        let level = self.levels.back().map_or(0.0, |level| (level.at.0 + 1) as f64 / MEL_PER_ENC as f64);
        level.max(self.window.map_or(self.reach, |window| window.end.max(self.reach)).0 as f64)
    }

    /// Whether nothing was heard yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty() && self.window.is_none()
    }

    /// Decisions that touch `from..to` (encoder frames), committed ones first, each with its place.
    pub(crate) fn placed(&self, from: f64, to: f64) -> Vec<Placed<'_>> {
        // A decision before the left edge reaches into view by its duration: a few frames at most.
        let first = self.decisions.partition_point(|decision| decision.frame.0 as f64 + 16.0 < from);
        let committed = self.decisions.range(first..).map(|decision| (decision, false));
        let tail = self.tail.iter().map(|decision| (decision, true));
        let all = committed.chain(tail).filter(|(decision, _)| (decision.frame.0 as f64) < to);
        let mut placed: Vec<Placed<'_>> = Vec::new();
        for (decision, tail) in all {
            let x = decision.frame.0 as f64;
            placed.push(Placed { decision, x, width: 1.0, tail });
        }
        for shared in placed.chunk_by_mut(|a, b| a.decision.frame == b.decision.frame) {
            let width = 1.0 / shared.len() as f64;
            for (slot, place) in shared.iter_mut().enumerate() {
                place.x += slot as f64 * width;
                place.width = width;
            }
        }
        placed
    }

    /// The decision that stands for position `x` (encoder frames): the last to begin at or before it, if it reaches it.
    pub(crate) fn at(&self, x: f64) -> Option<Placed<'_>> {
        let placed = self.placed(x, x + 1.0);
        let found = placed.into_iter().rfind(|place| place.x <= x)?;
        let reach = (found.x + found.width).max(found.decision.next_frame().0 as f64);
        (x < reach).then_some(found)
    }

    /// The decision named `key`, if it is still kept, and whether it is of the tail.
    pub(crate) fn find(&self, key: DecisionKey) -> Option<(&Decision, bool)> {
        let is_it = |decision: &&Decision| DecisionKey::of(decision) == key;
        let committed = self.decisions.iter().rfind(is_it).map(|decision| (decision, false));
        committed.or_else(|| self.tail.iter().find(is_it).map(|decision| (decision, true)))
    }

    /// The decision `offset` places from `key`, or the newest if `key` is `None` or gone.
    pub(crate) fn neighbour(&self, key: Option<DecisionKey>, offset: isize) -> Option<DecisionKey> {
        let count = self.decisions.len() + self.tail.len();
        let mut all = self.decisions.iter().chain(&self.tail).map(DecisionKey::of);
        let place = key.and_then(|key| all.clone().position(|other| other == key));
        let wanted = match place {
            Some(place) => place.saturating_add_signed(offset).min(count.saturating_sub(1)),
            None => count.checked_sub(1)?,
        };
        all.nth(wanted)
    }
}

#[cfg(test)]
mod tests;
