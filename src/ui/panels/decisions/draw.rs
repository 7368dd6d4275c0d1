//! What stands inside each row: bars, arcs, pieces, the waveform.

use eframe::egui::{
    Align2, Color32, Painter, Pos2, Rect, Stroke, StrokeKind, Vec2,
    epaint::{CubicBezierShape, PathStroke},
    pos2,
};
use egui_plot::PlotTransform;

use crate::{
    decode::Decision,
    ui::{
        history::{History, Placed},
        model::UiModel,
        panels::decisions::{marks, rows::Row},
        theme::{self, Palette},
    },
    units::MEL_PER_ENC,
};

/// How much of their colour decisions keep that the next hop makes anew.
const TAIL_STRENGTH: f32 = 0.38;

/// Least points between two bars.
const BAR_GAP: f32 = 1.0;

/// Paints in the coordinates of one plot: encoder frames across, values up.
pub(crate) struct Canvas<'a> {
    pub(crate) painter: Painter,
    pub(crate) transform: PlotTransform,
    pub(crate) palette: &'a Palette,
}

impl Canvas<'_> {
    pub(crate) fn at(&self, x: f64, y: f64) -> Pos2 {
        pos2(self.transform.position_from_point_x(x), self.transform.position_from_point_y(y))
    }

    pub(crate) fn frame(&self) -> Rect {
        *self.transform.frame()
    }

    fn bar(&self, place: &Placed<'_>, low: f64, high: f64, color: Color32) -> Rect {
        let (left, right) = (self.at(place.x, low), self.at(place.x + place.width, high));
        // A hairline at least: a margin of 0 is a finding, not an absence.
        let top = right.y.min(left.y - 1.0);
        let rect = Rect::from_min_max(pos2(left.x, top), pos2((right.x - BAR_GAP).max(left.x + 1.0), left.y));
        self.painter.rect_filled(rect, 0.0, fade(color, place.tail));
        rect
    }
}

pub(crate) fn fade(color: Color32, tail: bool) -> Color32 {
    if tail { color.gamma_multiply(TAIL_STRENGTH) } else { color }
}

/// Paints `row` apart from its axes and its texture.
pub(crate) fn row(canvas: &Canvas<'_>, row: Row, model: &UiModel, history: &History, placed: &[Placed<'_>]) {
    match row {
        Row::Waveform => waveform(canvas, history),
        // A texture, and what the row itself knows of the other run.
        Row::Mel | Row::Differences => {}
        Row::Tokens | Row::OtherRun => tokens(canvas, model, placed),
        Row::TokenMargin => values(canvas, placed, |decision| decision.token_margin),
        Row::TokenConfidence => values(canvas, placed, |decision| decision.token_probability),
        Row::Durations => durations(canvas, model, placed),
        Row::DurationMargin => values(canvas, placed, |decision| decision.duration_margin),
        Row::DurationConfidence => values(canvas, placed, |decision| decision.duration_probability),
        Row::Blank => {
            for place in placed {
                canvas.bar(place, 0.0, f64::from(place.decision.blank_probability), canvas.palette.blank);
            }
        }
    }
}

fn values(canvas: &Canvas<'_>, placed: &[Placed<'_>], value: impl Fn(&Decision) -> f32) {
    for place in placed {
        let value = f64::from(value(place.decision)).max(0.0);
        if value.is_finite() {
            canvas.bar(place, 0.0, value, canvas.palette.decision(place.decision.is_blank));
        }
    }
}

/// One line per pixel column at most, from the least to the largest sample in it.
fn waveform(canvas: &Canvas<'_>, history: &History) {
    let frame = canvas.frame();
    let bounds = canvas.transform.bounds();
    let per_enc = MEL_PER_ENC as f64;
    let first = history.levels.partition_point(|level| ((level.at.0 + 1) as f64) < bounds.min()[0] * per_enc);
    let stroke = Stroke::new(1.0, canvas.palette.wave);
    let width = (canvas.transform.dpos_dvalue_x() / per_enc) as f32;
    let mut column: Option<(f32, f32, f32)> = None;
    let flush = |(x, min, max): (f32, f32, f32)| {
        let (top, bottom) = (canvas.at(0.0, f64::from(max)).y, canvas.at(0.0, f64::from(min)).y);
        // Silence is a line too: it shows that samples came.
        let rect = Rect::from_min_max(pos2(x, top - 0.75), pos2(x + width.max(1.0), bottom + 0.75));
        canvas.painter.rect_filled(rect.intersect(frame), 0.0, stroke.color);
    };
    for level in history.levels.range(first..).take_while(|level| (level.at.0 as f64) < bounds.max()[0] * per_enc) {
        let x = canvas.at(level.at.0 as f64 / per_enc, 0.0).x;
        column = match column {
            Some((at, min, max)) if x - at < 1.0 => Some((at, min.min(level.min), max.max(level.max))),
            previous => {
                previous.map(flush);
                Some((x, level.min, level.max))
            }
        };
    }
    column.map(flush);
}

fn durations(canvas: &Canvas<'_>, model: &UiModel, placed: &[Placed<'_>]) {
    for place in placed {
        let decision = place.decision;
        let count = decision.duration_logits.len();
        let classes = model.durations(count);
        let mut low = 0.0;
        let mut chosen = None;
        for (index, probability) in decision.duration_probabilities().enumerate() {
            let high = low + f64::from(probability);
            if high > low && high.is_finite() {
                let rect = canvas.bar(place, low, high, theme::ordinal(index, count));
                if classes.get(index) == Some(&decision.duration) {
                    chosen = Some(rect);
                }
                low = high;
            }
        }
        // Narrow bars have no room for an outline.
        if let Some(rect) = chosen.filter(|rect| rect.width() >= 5.0) {
            let stroke = Stroke::new(1.0, fade(canvas.palette.text, place.tail));
            canvas.painter.rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
        }
    }
}

fn tokens(canvas: &Canvas<'_>, model: &UiModel, placed: &[Placed<'_>]) {
    for place in placed {
        arc(canvas, place);
    }
    marks::near_ties(canvas, placed);
    pieces(canvas, model, placed);
}

/// From the decision's place to the next frame looked at; as high as the duration it chose.
fn arc(canvas: &Canvas<'_>, place: &Placed<'_>) {
    let decision = place.decision;
    let palette = canvas.palette;
    let color = if decision.forced { palette.forced } else { palette.decision(decision.is_blank) };
    let color = fade(color, place.tail);
    let (from, to) = (canvas.at(place.x, 0.0), canvas.at(decision.next_frame().0 as f64, 0.0));
    let strength = if decision.is_blank { 1.0 } else { 1.8 };
    if decision.advance > 0 {
        // A cubic whose inner points lie at 4/3 of a height peaks at that height.
        let lift = canvas.at(0.0, f64::from(decision.advance) * 4.0 / 3.0).y;
        let shoulder = Vec2::new(0.18 * (to.x - from.x), 0.0);
        let points = [from, pos2(from.x, lift) + shoulder, pos2(to.x, lift) - shoulder, to];
        let stroke = PathStroke::new(strength, color);
        canvas.painter.add(CubicBezierShape::from_points_stroke(points, false, Color32::TRANSPARENT, stroke));
    }
    let dot = if decision.is_blank { 1.5 } else { 2.5 };
    canvas.painter.circle_filled(from, dot, color);
}

/// Pieces in three lines, left out where all are full.
fn pieces(canvas: &Canvas<'_>, model: &UiModel, placed: &[Placed<'_>]) {
    let frame = canvas.frame();
    let palette = canvas.palette;
    let mut free_from = [f32::NEG_INFINITY; 3];
    for place in placed.iter().filter(|place| !place.decision.is_blank || place.decision.suppressed.is_some()) {
        let decision = place.decision;
        let (token, color) = match decision.suppressed {
            Some(suppressed) if decision.is_blank => (suppressed.token, palette.suppressed),
            _ if decision.boosted.is_some() => (decision.token, palette.boosted),
            Some(_) => (decision.token, palette.suppressed),
            None => (decision.token, palette.text),
        };
        let color = fade(color, place.tail);
        let galley = canvas.painter.layout_no_wrap(model.piece(token.0).to_owned(), theme::piece_font(), color);
        let x = canvas.at(place.x, 0.0).x;
        let Some(line) = free_from.iter().position(|free| *free <= x) else { continue };
        let at = pos2(x - 1.0, frame.top() + 1.0 + line as f32 * 13.0);
        let rect = Align2::LEFT_TOP.anchor_size(at, galley.size());
        free_from[line] = rect.right() + 3.0;
        if decision.suppressed.is_some() && decision.is_blank {
            canvas.painter.hline(rect.x_range(), rect.center().y, Stroke::new(1.0, color));
        }
        canvas.painter.galley(rect.min, galley, color);
    }
}
