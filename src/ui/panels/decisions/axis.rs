//! The one time axis of all rows: scrolls with the newest frame, or stands still on a copy of what was there.

use crate::ui::history::{HISTORY_SECS, History};
use crate::units::enc_frames_from_secs;

/// Encoder frames in view at first: 8 s.
const DEFAULT_SPAN: f64 = 100.0;

/// Least and most encoder frames in view: 0.8 s, and all that is kept.
fn spans() -> (f64, f64) {
    (10.0, enc_frames_from_secs(HISTORY_SECS) as f64)
}

/// Share of the view that stays empty to the right of the newest frame.
const LEAD: f64 = 0.02;

/// Steps between ticks in encoder frames; each is a round number of seconds or of frames.
const TICKS: [u64; 8] = [1, 5, 10, 25, 50, 125, 250, 500];

/// A picture that does not move, whatever dictation goes on to do.
#[derive(Clone, Debug)]
struct Still {
    history: Box<History>,
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
    pub(crate) fn is_frozen(&self) -> bool {
        self.still.is_some()
    }

    /// What is drawn: the copy if frozen, else `live`.
    pub(crate) fn history<'a>(&'a self, live: &'a History) -> &'a History {
        self.still.as_ref().map_or(live, |still| &still.history)
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
            self.still = Some(Still { history: Box::new(live.clone()), right });
        }
    }

    pub(crate) fn toggle_freeze(&mut self, live: &History) {
        if self.still.take().is_none() {
            self.freeze(live);
        }
    }

    /// Moves a frozen view by `frames`, as far as there is something to see.
    pub(crate) fn pan(&mut self, frames: f64) {
        let span = self.span;
        if let Some(still) = &mut self.still {
            let newest = still.history.newest();
            let oldest = newest - spans().1;
            let most = (newest + 0.5 * span).max(span);
            still.right = (still.right + frames).clamp((oldest + 0.5 * span).min(most), most);
        }
    }

    /// Shows `factor` times as much, keeping `anchor` (encoder frames) where it is in a frozen view.
    pub(crate) fn zoom(&mut self, factor: f64, anchor: f64) {
        let (least, most) = spans();
        let span = (self.span * factor).clamp(least, most);
        if let Some(still) = &mut self.still {
            still.right = anchor + (still.right - anchor) * span / self.span;
        }
        self.span = span;
        self.pan(0.0);
    }

    /// Brings `frame` into a frozen view.
    pub(crate) fn reveal(&mut self, frame: f64, live: &History) {
        let (from, to) = self.range(live);
        let margin = 0.1 * self.span;
        if frame < from + margin {
            self.pan(frame - margin - from);
        } else if frame > to - margin {
            self.pan(frame + margin - to);
        }
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
        view.pan(-300.0);
        let (from, to) = view.range(&history);
        let anchor = from + 0.25 * (to - from);
        view.zoom(0.5, anchor);
        let (from, to) = view.range(&history);
        assert!((from + 0.25 * (to - from) - anchor).abs() < 1e-9);
        assert!((to - from - 50.0).abs() < 1e-9);
        view.zoom(1e9, anchor);
        let (from, to) = view.range(&history);
        assert!((to - from - 1500.0).abs() < 1e-9);
        view.zoom(1e-9, anchor);
        let (from, to) = view.range(&history);
        assert!((to - from - 10.0).abs() < 1e-9);
    }

    #[test]
    fn panning_stays_where_there_is_something() {
        let history = heard(60);
        let mut view = TimeView::default();
        view.pan(-50.0);
        assert!(!view.is_frozen(), "only a frozen view moves");
        view.freeze(&history);
        view.pan(1e9);
        assert!(view.range(&history).1 <= 800.0);
        view.pan(-1e9);
        assert!(view.range(&history).1 >= 750.0 - 1500.0);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 100.0, 7.0), (vec![0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 10));
        assert_eq!(ticks(-20.0, 60.0, 20.0), (vec![0, 25, 50], 25));
    }
}
