//! What crosses all rows: borders of the newest hop, utterances, setting changes, gaps, and the time axis below.

use eframe::egui::{Align2, Color32, Painter, Rangef, Rect, Shape, Stroke, pos2};

use crate::{
    session::{EndReason, FeatureNorm, Setting},
    ui::{
        history::{History, MarkKind},
        panels::decisions::axis,
        theme::{self, Palette},
    },
    units::{EncIdx, SAMPLE_RATE_HZ},
};

/// Height of the lane for labels above the rows, and of the time axis below them.
pub(crate) const LANE_HEIGHT: f32 = 32.0;
pub(crate) const AXIS_HEIGHT: f32 = 32.0;

/// Least points between two labelled ticks.
const TICK_DISTANCE: f32 = 64.0;

/// Encoder frames to points, for everything outside a single row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruler {
    /// Points, left to right edge of the plots.
    pub(crate) points: Rangef,
    /// Encoder frames at these edges.
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Ruler {
    pub(crate) fn x(&self, frame: f64) -> f32 {
        let share = (frame - self.from) / (self.to - self.from);
        self.points.min + share as f32 * self.points.span()
    }

    pub(crate) fn frame(&self, x: f32) -> f64 {
        self.from + f64::from((x - self.points.min) / self.points.span()) * (self.to - self.from)
    }

    /// Encoder frames in one point.
    pub(crate) fn frames_per_point(&self) -> f64 {
        (self.to - self.from) / f64::from(self.points.span().max(1.0))
    }

    /// Tick positions and their step.
    pub(crate) fn ticks(&self) -> (Vec<u64>, u64) {
        axis::ticks(self.from, self.to, f64::from(TICK_DISTANCE) * self.frames_per_point())
    }
}

/// Seconds and frames below the rows.
pub(crate) fn time_axis(painter: &Painter, ruler: &Ruler, rect: Rect, palette: &Palette) {
    let (ticks, step) = ruler.ticks();
    let decimals = if step < 5 { 2 } else { 1 };
    for tick in ticks {
        let x = ruler.x(tick as f64);
        painter.vline(x, Rangef::new(rect.top(), rect.top() + 4.0), Stroke::new(1.0, palette.weak));
        let secs = format!("{:.decimals$} s", EncIdx(tick).secs());
        let at = pos2(x, rect.top() + 4.0);
        painter.text(at, Align2::CENTER_TOP, secs, theme::label_font(), palette.text);
        let at = pos2(x, rect.top() + 17.0);
        painter.text(at, Align2::CENTER_TOP, tick.to_string(), theme::label_font(), palette.weak);
    }
}

/// A line through all rows with a label in the lane above them.
struct Border {
    at: f64,
    label: String,
    color: Color32,
    dashed: bool,
}

/// Lines and labels of borders and marks; `all` spans the lane and the rows, `lane` is its upper part.
pub(crate) fn borders(painter: &Painter, ruler: &Ruler, history: &History, lane: Rect, all: Rect, palette: &Palette) {
    right_context(painter, ruler, history, lane, all, palette);
    let hop = hop_borders(history, palette);
    let marks = mark_borders(history, palette);
    let clip = painter.with_clip_rect(Rect::from_x_y_ranges(ruler.points.expand(1.0), all.y_range()));
    for (line, borders) in [&marks, &hop].into_iter().enumerate() {
        let top = lane.top() + 1.0 + line as f32 * 15.0;
        let mut free_from = f32::NEG_INFINITY;
        for border in borders {
            let x = ruler.x(border.at);
            if x < ruler.points.min - 0.5 || x > ruler.points.max + 0.5 {
                continue;
            }
            let stroke = Stroke::new(1.0, border.color.gamma_multiply(0.85));
            let ends = [pos2(x, top + 2.0), pos2(x, all.bottom())];
            if border.dashed {
                clip.extend(Shape::dashed_line(&ends, stroke, 4.0, 3.0));
            } else {
                clip.line_segment(ends, stroke);
            }
            let galley = painter.layout_no_wrap(border.label.clone(), theme::label_font(), border.color);
            // A label that would leave the axis stands left of its line.
            let fits = x + 3.0 + galley.size().x <= ruler.points.max;
            let left = if fits { x + 3.0 } else { x - 3.0 - galley.size().x };
            if left >= free_from {
                free_from = left + galley.size().x + 8.0;
                clip.galley(pos2(left, top), galley, border.color);
            }
        }
    }
}

/// Shades what the next hop decodes anew.
fn right_context(painter: &Painter, ruler: &Ruler, history: &History, lane: Rect, all: Rect, palette: &Palette) {
    let Some(window) = history.window.filter(|window| !window.last) else { return };
    let (from, to) = (ruler.x(window.commit_to.0 as f64), ruler.x(window.end.0 as f64));
    let columns = Rangef::new(from.max(ruler.points.min), to.min(ruler.points.max));
    if columns.min < columns.max {
        let rect = Rect::from_x_y_ranges(columns, lane.bottom()..=all.bottom());
        painter.rect_filled(rect, 0.0, palette.window_end.gamma_multiply(0.07));
    }
}

fn hop_borders(history: &History, palette: &Palette) -> Vec<Border> {
    let Some(window) = history.window else { return Vec::new() };
    let border =
        |at: EncIdx, label: &str, color, dashed| Border { at: at.0 as f64, label: label.to_owned(), color, dashed };
    vec![
        border(window.start, "window start", palette.window_start, true),
        border(window.commit_to, "commit", palette.commit, false),
        border(window.end, "window end", palette.window_end, true),
    ]
}

fn mark_borders(history: &History, palette: &Palette) -> Vec<Border> {
    let border = |mark: &crate::ui::history::Mark| {
        let (label, color, dashed) = match &mark.kind {
            MarkKind::UtteranceStart => ("utterance".to_owned(), palette.weak, false),
            MarkKind::UtteranceEnd(reason) => (end_label(*reason).to_owned(), palette.weak, false),
            MarkKind::Setting(setting) => (setting_label(setting), palette.setting, true),
            MarkKind::Gap(samples) => {
                let millis = *samples as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ);
                (format!("{millis:.0} ms lost"), palette.bad, false)
            }
        };
        Border { at: mark.at.0 as f64, label, color, dashed }
    };
    history.marks.iter().map(border).collect()
}

fn end_label(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Silence => "silence",
        EndReason::Stopped => "stopped",
        EndReason::Gap => "gap",
        EndReason::Cancelled => "cancelled",
    }
}

/// What a setting change says on the axis.
fn setting_label(setting: &Setting) -> String {
    match setting {
        Setting::Window(window) => {
            format!("window {:.2} + {:.2} + {:.2} s", window.left_secs, window.hop_secs, window.right_secs)
        }
        Setting::Endpoint(endpoint) if endpoint.enabled => {
            format!("end after {:.1} s of silence", endpoint.silence_secs)
        }
        Setting::Endpoint(_) => "voice gate off".to_owned(),
        Setting::FeatureNorm(FeatureNorm::Model) => "features: model's own".to_owned(),
        Setting::FeatureNorm(norm) => format!("features: {}", norm.name()),
        Setting::Punctuation(punctuation) => format!("suppress punctuation: {}", punctuation.name()),
        Setting::TopK(top_k) => format!("top {}", top_k.get()),
        Setting::CustomWords(words) if words.is_off() => "custom words off".to_owned(),
        Setting::CustomWords(words) => format!("{} custom words, boost {:.1}", words.words.len(), words.boost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ruler_goes_both_ways() {
        let ruler = Ruler { points: Rangef::new(100.0, 600.0), from: 20.0, to: 120.0 };
        assert!((ruler.x(70.0) - 350.0).abs() < 1e-3);
        assert!((ruler.frame(350.0) - 70.0).abs() < 1e-6);
        assert!((ruler.frames_per_point() - 0.2).abs() < 1e-9);
    }
}
