//! Marks below the arcs where a head was near a tie, and where two runs part.

use eframe::egui::{Align2, Color32, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use crate::{
    decode::margins::is_near_tie,
    ui::{
        history::Placed,
        panels::decisions::draw::{Canvas, fade},
        recording::Difference,
        theme,
    },
};

/// Half the width and the height of a mark, in points.
const HALF_WIDTH: f32 = 3.5;
const HEIGHT: f32 = 5.0;

/// Points around a difference in which the pointer finds it.
const REACH: f32 = 6.0;

/// Which head was near a tie. The token head's marks point up to the decision, the duration head's lie below and point
/// down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    Token,
    Duration,
}

/// A triangle whose flat side lies at `middle`'s height.
pub(crate) fn tie_mark(painter: &Painter, middle: Pos2, tie: Tie, color: Color32) {
    let tip = if tie == Tie::Token { -HEIGHT } else { HEIGHT };
    let corners = [vec2(-HALF_WIDTH, 0.0), vec2(HALF_WIDTH, 0.0), vec2(0.0, tip)];
    painter.add(Shape::convex_polygon(corners.map(|corner| middle + corner).to_vec(), color, Stroke::NONE));
}

/// Near ties of the decisions in view, below their line.
pub(crate) fn near_ties(canvas: &Canvas<'_>, placed: &[Placed<'_>]) {
    for place in placed {
        let base = canvas.at(place.x, 0.0);
        let color = fade(canvas.palette.near_tie, place.tail);
        if is_near_tie(place.decision.token_margin) {
            tie_mark(&canvas.painter, base + vec2(0.0, 3.0 + HEIGHT), Tie::Token, color);
        }
        if is_near_tie(place.decision.duration_margin) {
            tie_mark(&canvas.painter, base + vec2(0.0, 4.5 + HEIGHT), Tie::Duration, color);
        }
    }
}

/// Differences with their texts where there is room; the first stands out, the current one is outlined.
pub(crate) fn differences(canvas: &Canvas<'_>, all: &[Difference], first: Option<usize>, current: Option<usize>) {
    let frame = canvas.frame();
    let color = canvas.palette.bad;
    let mut free_from = f32::NEG_INFINITY;
    for (index, difference) in all.iter().enumerate() {
        let x = canvas.at(difference.at.0 as f64 + 0.5, 0.0).x;
        if x < frame.left() - 1.0 || x > frame.right() + 1.0 {
            continue;
        }
        let is_first = first == Some(index);
        let middle = pos2(x, frame.center().y);
        if is_first {
            let band = Rect::from_center_size(middle, vec2(3.0, frame.height()));
            canvas.painter.rect_filled(band, 0.0, color);
            canvas.painter.circle_filled(middle, 6.0, color);
        } else {
            canvas.painter.circle_filled(middle, 4.0, color.gamma_multiply(0.75));
        }
        if current == Some(index) {
            canvas.painter.circle_stroke(middle, 8.0, Stroke::new(1.5, canvas.palette.text));
        }
        let text = if is_first { format!("first: {}", difference.what) } else { difference.what.clone() };
        let galley = canvas.painter.layout_no_wrap(text, theme::label_font(), canvas.palette.text);
        let rect = Align2::LEFT_CENTER.anchor_size(middle + vec2(11.0, 0.0), galley.size());
        // A text that would run into the next mark is left out; the pointer finds it.
        let next = all.get(index + 1).map_or(f32::INFINITY, |next| canvas.at(next.at.0 as f64 + 0.5, 0.0).x - 10.0);
        let fits = is_first || (middle.x - 8.0 >= free_from && rect.right() <= next.min(frame.right()));
        if fits {
            free_from = rect.right();
            canvas.painter.galley(rect.min, galley, canvas.palette.text);
        }
    }
}

/// The difference nearest to frame position `at`, if it is within reach of the pointer.
pub(crate) fn nearest_difference(all: &[Difference], at: f64, frames_per_point: f64) -> Option<usize> {
    let distance = |difference: &Difference| (difference.at.0 as f64 + 0.5 - at).abs();
    let nearest = (0..all.len()).min_by(|a, b| distance(&all[*a]).total_cmp(&distance(&all[*b])))?;
    // A mark is a frame wide at least.
    (distance(&all[nearest]) <= (f64::from(REACH) * frames_per_point).max(0.5)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::EncIdx;

    #[test]
    fn the_pointer_finds_the_nearest_difference_only() {
        let all = [3, 10, 11].map(|at| Difference { at: EncIdx(at), what: String::new(), first: at == 3 });
        assert_eq!(nearest_difference(&all, 10.2, 0.1), Some(1));
        assert_eq!(nearest_difference(&all, 3.9, 0.1), Some(0));
        assert_eq!(nearest_difference(&all, 7.0, 0.1), None);
        assert_eq!(nearest_difference(&[], 7.0, 0.1), None);
    }
}
