//! The one time axis of all rows: scrolls with the newest frame, or stands still on a copy of what was there.

use crate::ui::history::History;

/// Encoder frames in view at first: 8 s.
const DEFAULT_SPAN: f64 = 100.0;

/// Least encoder frames in view: 0.8 s.
const LEAST_SPAN: f64 = 10.0;

/// Most encoder frames of a recorded run in view: 5 min. More would be thousands of bars in each pixel column.
const MOST_SPAN: f64 = 3750.0;

/// Share of the view that stays empty to the right of the newest frame.
const LEAD: f64 = 0.02;

/// Share of the view by which a page moves it.
const PAGE: f64 = 0.9;

/// Steps between ticks in encoder frames; each is a round number of seconds or of frames.
const TICKS: [u64; 9] = [1, 5, 10, 25, 50, 125, 250, 500, 1250];

/// A picture that does not move, whatever dictation goes on to do.
#[derive(Clone, Debug)]
struct Still {
    /// What stood there; `None` for a recorded run, which does not change.
    copy: Option<Box<History>>,
    /// Right edge in encoder frames.
    right: f64,
}

/// Which stretch of time is drawn.
#[derive(Clone, Debug)]
pub(crate) struct TimeView {
    span: f64,
    still: Option<Still>,
}

impl Default for TimeView {
    fn default() -> Self {
        Self { span: DEFAULT_SPAN, still: None }
    }
}

impl TimeView {
    /// The beginning of a recorded run.
    pub(crate) fn of_recording() -> Self {
        Self { span: DEFAULT_SPAN, still: Some(Still { copy: None, right: DEFAULT_SPAN }) }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.still.is_some()
    }

    /// What is drawn: the copy if frozen, else `live`.
    pub(crate) fn history<'a>(&'a self, live: &'a History) -> &'a History {
        self.still.as_ref().and_then(|still| still.copy.as_deref()).unwrap_or(live)
    }

    /// Left and right edge in encoder frames.
    pub(crate) fn range(&self, live: &History) -> (f64, f64) {
        let right = self.still.as_ref().map_or_else(|| self.live_edge(live), |still| still.right);
        (right - self.span, right)
    }

    fn live_edge(&self, history: &History) -> f64 {
        // Until the view is full, time begins at its left edge instead of running in from the right.
        (history.newest() + LEAD * self.span).max(self.span)
    }

    pub(crate) fn freeze(&mut self, live: &History) {
        if self.still.is_none() {
            let right = self.live_edge(live);
            self.still = Some(Still { copy: Some(Box::new(live.clone())), right });
        }
    }

    /// Freezes or releases; a recorded run stays as it is.
    pub(crate) fn toggle_freeze(&mut self, live: &History) {
        if live.limit().is_some() && self.still.take().is_none() {
            self.freeze(live);
        }
    }

    /// Moves a frozen view by `frames`, as far as there is something to see.
    pub(crate) fn pan(&mut self, frames: f64, live: &History) {
        let (least, most) = self.right_edges(live);
        if let Some(still) = &mut self.still {
            still.right = (still.right + frames).clamp(least, most);
        }
    }

    /// Least and most right edge in encoder frames.
    fn right_edges(&self, live: &History) -> (f64, f64) {
        let (history, span) = (self.history(live), self.span);
        match history.limit() {
            Some(limit) => {
                let most = (history.newest() + 0.5 * span).max(span);
                ((history.newest() - limit as f64 + 0.5 * span).min(most), most)
            }
            None => (span, self.live_edge(history)),
        }
    }

    /// Most encoder frames in view: all that is kept, within reason.
    fn most_span(&self, live: &History) -> f64 {
        let history = self.history(live);
        let whole = (1.0 + LEAD) * history.newest();
        history.limit().map_or_else(|| whole.clamp(DEFAULT_SPAN, MOST_SPAN), |limit| limit as f64)
    }

    /// Shows `factor` times as much, keeping `anchor` (encoder frames) where it is in a frozen view.
    pub(crate) fn zoom(&mut self, factor: f64, anchor: f64, live: &History) {
        let span = (self.span * factor).clamp(LEAST_SPAN, self.most_span(live));
        if let Some(still) = &mut self.still {
            still.right = anchor + (still.right - anchor) * span / self.span;
        }
        self.span = span;
        self.pan(0.0, live);
    }

    /// Brings `frame` into a frozen view.
    pub(crate) fn reveal(&mut self, frame: f64, live: &History) {
        let (from, to) = self.range(live);
        let margin = 0.1 * self.span;
        if frame < from + margin {
            self.pan(frame - margin - from, live);
        } else if frame > to - margin {
            self.pan(frame + margin - to, live);
        }
    }

    /// Brings `frame` into the middle of a frozen view, or as near as the ends allow.
    pub(crate) fn centre(&mut self, frame: f64, live: &History) {
        let (from, to) = self.range(live);
        self.pan(frame - 0.5 * (from + to), live);
    }

    /// Moves a frozen view by `pages` of what is in view; infinitely many lead to an end.
    pub(crate) fn page(&mut self, pages: f64, live: &History) {
        self.pan(pages * PAGE * self.span, live);
    }
}

/// Tick positions in `from..to` (encoder frames), at least `least_step` apart, and their step.
pub(crate) fn ticks(from: f64, to: f64, least_step: f64) -> (Vec<u64>, u64) {
    let step = TICKS.into_iter().find(|step| *step as f64 >= least_step).unwrap_or(TICKS[TICKS.len() - 1]);
    let first = (from.max(0.0) / step as f64).ceil() as u64;
    let last = (to.max(0.0) / step as f64).floor() as u64;
    ((first..=last).map(|tick| tick * step).collect(), step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{session::PlotItem, units::MelIdx};

    fn heard(secs: u64) -> History {
        let mut history = History::default();
        for at in 0..secs * 100 {
            history.push(PlotItem::Level { at: MelIdx(at), min: 0.0, max: 0.0 });
        }
        history
    }

    #[test]
    fn live_scrolls_and_frozen_does_not() {
        let mut view = TimeView::default();
        let early = heard(2);
        assert_eq!(view.range(&early), (0.0, 100.0));
        let later = heard(16);
        assert!((view.range(&later).1 - 202.0).abs() < 1e-9);
        view.freeze(&later);
        let still = view.range(&later);
        let end = heard(40);
        assert_eq!(view.range(&end), still);
        assert!((view.history(&end).newest() - 200.0).abs() < 1e-9, "a frozen view keeps its own data");
        view.toggle_freeze(&end);
        assert!((view.range(&end).1 - 502.0).abs() < 1e-9);
    }

    #[test]
    fn zoom_keeps_the_anchor_and_its_limits() {
        let history = heard(60);
        let mut view = TimeView::default();
        view.freeze(&history);
        view.pan(-300.0, &history);
        let (from, to) = view.range(&history);
        let anchor = from + 0.25 * (to - from);
        view.zoom(0.5, anchor, &history);
        let (from, to) = view.range(&history);
        assert!((from + 0.25 * (to - from) - anchor).abs() < 1e-9);
        assert!((to - from - 50.0).abs() < 1e-9);
        view.zoom(1e9, anchor, &history);
        let (from, to) = view.range(&history);
        assert!((to - from - 1500.0).abs() < 1e-9);
        view.zoom(1e-9, anchor, &history);
        let (from, to) = view.range(&history);
        assert!((to - from - 10.0).abs() < 1e-9);
    }

    #[test]
    fn panning_stays_where_there_is_something() {
        let history = heard(60);
        let mut view = TimeView::default();
        view.pan(-50.0, &history);
        assert!(!view.is_frozen(), "only a frozen view moves");
        view.freeze(&history);
        view.pan(1e9, &history);
        assert!(view.range(&history).1 <= 800.0);
        view.pan(-1e9, &history);
        assert!(view.range(&history).1 >= 750.0 - 1500.0);
    }

    #[test]
    fn a_recorded_run_is_seen_from_its_first_frame_to_its_last() {
        let mut history = History::keeping(None);
        for at in 0..60_000 {
            history.push(PlotItem::Level { at: MelIdx(at), min: 0.0, max: 0.0 });
        }
        let mut view = TimeView::of_recording();
        assert_eq!(view.range(&history), (0.0, 100.0));
        view.toggle_freeze(&history);
        assert!(view.is_frozen());
        view.page(f64::INFINITY, &history);
        assert_eq!(view.range(&history), (7402.0, 7502.0));
        view.page(-1.0, &history);
        assert_eq!(view.range(&history), (7312.0, 7412.0));
        view.centre(3.0, &history);
        assert_eq!(view.range(&history), (0.0, 100.0));
        view.zoom(1e9, 50.0, &history);
        assert_eq!(view.range(&history), (0.0, MOST_SPAN));
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 100.0, 7.0), (vec![0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 10));
        assert_eq!(ticks(-20.0, 60.0, 20.0), (vec![0, 25, 50], 25));
    }
}
