//! How the decisions are looked at: which stretch of time, which decision, which difference.

use std::collections::BTreeSet;

use crate::{
    decode::Word,
    ui::{
        history::DecisionKey,
        model::{Beside, UiModel},
        panels::decisions::{axis::TimeView, rows::Row, spectrogram::Spectrogram},
    },
    units::EncIdx,
};

/// How much more or less one press on a zoom button shows.
const ZOOM_STEP: f64 = 1.5;

/// How the decisions are looked at.
#[derive(Debug, Default)]
pub(crate) struct DecisionView {
    pub(super) time: TimeView,
    pub(super) collapsed: BTreeSet<Row>,
    pub(super) pinned: Option<DecisionKey>,
    pub(super) spectrogram: Spectrogram,
    /// The difference that was jumped to.
    pub(super) difference: Option<usize>,
    pub(super) report_open: bool,
}

impl DecisionView {
    /// The view of a recorded run: its beginning, or where it first parts from the other one.
    pub(crate) fn of_recording(model: &UiModel) -> Self {
        let mut view = Self { time: TimeView::of_recording(), ..Self::default() };
        if let Some(other) = model.other_run()
            && let Some(first) = other.first()
        {
            view.show_difference(model, other, first);
        }
        view
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.time.is_frozen()
    }

    pub(crate) fn toggle_freeze(&mut self, model: &UiModel) {
        self.time.toggle_freeze(&model.history);
    }

    /// Pins the decision `offset` places from the pinned one, or the newest; of a recorded run the first in view.
    pub(crate) fn step_pin(&mut self, model: &UiModel, offset: isize) {
        self.time.freeze(&model.history);
        let history = self.time.history(&model.history);
        let next = if self.pinned.is_none() && model.recorded().is_some() {
            let (from, to) = self.time.range(&model.history);
            let placed = history.placed(from, to);
            placed.iter().find(|place| place.x >= from).map(|place| DecisionKey::of(place.decision))
        } else {
            history.neighbour(self.pinned, offset)
        };
        self.pinned = next.or(self.pinned);
        if let Some(key) = self.pinned {
            self.time.reveal(key.frame.0 as f64, &model.history);
        }
    }

    /// Whether a decision is pinned: Escape then closes its record first.
    pub(crate) fn has_pin(&self) -> bool {
        self.pinned.is_some()
    }

    /// Closes the report; true if it was open.
    pub(crate) fn close_report(&mut self) -> bool {
        std::mem::take(&mut self.report_open)
    }

    pub(crate) fn zoom_in(&mut self, model: &UiModel) {
        self.zoom(model, 1.0 / ZOOM_STEP);
    }

    pub(crate) fn zoom_out(&mut self, model: &UiModel) {
        self.zoom(model, ZOOM_STEP);
    }

    fn zoom(&mut self, model: &UiModel, factor: f64) {
        let (from, to) = self.time.range(&model.history);
        self.time.zoom(factor, 0.5 * (from + to), &model.history);
    }

    /// Moves a frozen view by `pages` of what is in view; infinitely many lead to an end.
    pub(crate) fn page(&mut self, model: &UiModel, pages: f64) {
        self.time.page(pages, &model.history);
    }

    /// Brings the first frame of `word` into view and pins its first decision.
    pub(crate) fn show_word(&mut self, model: &UiModel, word: &Word) {
        self.time.freeze(&model.history);
        self.time.reveal(word.start.0 as f64, &model.history);
        if let Some(token) = word.tokens.first() {
            self.pinned = Some(DecisionKey { frame: token.frame, step: token.step });
        }
    }

    /// Goes to the next difference (`offset` 1) or the previous one (−1) and pins the decision there.
    pub(crate) fn jump(&mut self, model: &UiModel, offset: isize) {
        let Some(other) = model.other_run() else { return };
        let Some(last) = other.differences.len().checked_sub(1) else { return };
        let (from, to) = self.time.range(&model.history);
        let middle = 0.5 * (from + to);
        let position = |index: usize| other.differences[index].at.0 as f64 + 0.5;
        // Counted from the one that was jumped to, as long as it is in view; else from the middle of the view.
        let current = self.difference.filter(|index| *index <= last && (from..=to).contains(&position(*index)));
        let next = match current {
            Some(index) => index.saturating_add_signed(offset).min(last),
            None if offset > 0 => (0..=last).find(|index| position(*index) >= middle).unwrap_or(last),
            None => (0..=last).rfind(|index| position(*index) < middle).unwrap_or(0),
        };
        self.go_to_difference(model, other, next);
    }

    /// Goes to difference `index` and pins the decision there.
    pub(super) fn go_to_difference(&mut self, model: &UiModel, other: &Beside, index: usize) {
        self.show_difference(model, other, index);
        let Some(at) = other.differences.get(index).map(|difference| difference.at) else { return };
        let on_frame = |history: &crate::ui::history::History| key_on_frame(&history.decisions, at);
        self.pinned = on_frame(&model.history).or_else(|| on_frame(&other.history)).or(self.pinned);
    }

    fn show_difference(&mut self, model: &UiModel, other: &Beside, index: usize) {
        let Some(difference) = other.differences.get(index) else { return };
        self.difference = Some(index);
        self.time.centre(difference.at.0 as f64 + 0.5, &model.history);
    }
}

/// The first decision on frame `at`.
fn key_on_frame(decisions: &std::collections::VecDeque<crate::decode::Decision>, at: EncIdx) -> Option<DecisionKey> {
    let first = decisions.partition_point(|decision| decision.frame < at);
    decisions.get(first).filter(|decision| decision.frame == at).map(DecisionKey::of)
}
