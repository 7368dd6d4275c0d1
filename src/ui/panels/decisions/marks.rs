//! Marks below the arcs where a head was near a tie, and where two runs part.

use eframe::egui::{Color32, Painter, Pos2, Rangef, Shape, Stroke, pos2, vec2};

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
const HALF_WIDTH: f32 = 4.0;
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
            tie_mark(&canvas.painter, base + vec2(0.0, 2.5 + HEIGHT), Tie::Token, color);
        }
        if is_near_tie(place.decision.duration_margin) {
            tie_mark(&canvas.painter, base + vec2(0.0, 3.5 + HEIGHT), Tie::Duration, color);
        }
    }
}

/// Differences as diamonds with their texts above where there is room; the first stands out, the current one is ringed.
pub(crate) fn differences(canvas: &Canvas<'_>, all: &[Difference], first: Option<usize>, current: Option<usize>) {
    let frame = canvas.frame();
    let color = canvas.palette.bad;
    let marks = all.iter().enumerate().map(|(index, difference)| {
        (index, difference, pos2(canvas.at(difference.at.0 as f64 + 0.5, 0.0).x, frame.bottom() - 10.0))
    });
    let in_view = marks.filter(|(_, _, at)| (frame.left() - 1.0..=frame.right() + 1.0).contains(&at.x));
    // The first has its text whatever stands beside it.
    let (leading, rest): (Vec<_>, Vec<_>) = in_view.partition(|(index, _, _)| first == Some(*index));
    let mut taken: Vec<Rangef> = Vec::new();
    for (index, difference, at) in leading.into_iter().chain(rest) {
        let is_first = first == Some(index);
        if is_first {
            canvas.painter.vline(at.x, frame.y_range(), Stroke::new(2.0, color));
        }
        diamond(&canvas.painter, at, if is_first { 6.0 } else { 4.0 }, color);
        if current == Some(index) {
            canvas.painter.circle_stroke(at, 8.0, Stroke::new(1.5, canvas.palette.text));
        }
        let text = if is_first { format!("first: {}", difference.what) } else { difference.what.clone() };
        let galley = canvas.painter.layout_no_wrap(text, theme::label_font(), canvas.palette.text);
        let width = galley.size().x;
        // A text that would leave the axis stands left of its mark.
        let left = if at.x + 5.0 + width <= frame.right() { at.x + 5.0 } else { at.x - 5.0 - width };
        let columns = Rangef::new(left - 6.0, left + width + 6.0);
        if taken.iter().all(|other| columns.max <= other.min || columns.min >= other.max) {
            canvas.painter.galley(pos2(left, frame.top() + 1.0), galley, canvas.palette.text);
            taken.push(Rangef::new(left, left + width));
        }
    }
}

fn diamond(painter: &Painter, middle: Pos2, half: f32, color: Color32) {
    let corners = [vec2(-half, 0.0), vec2(0.0, -half), vec2(half, 0.0), vec2(0.0, half)];
    painter.add(Shape::convex_polygon(corners.map(|corner| middle + corner).to_vec(), color, Stroke::NONE));
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
