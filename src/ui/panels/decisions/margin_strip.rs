//! Beside a row of margins: how often each size of margin came, near ties set off.

use eframe::egui::{Rect, Response, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, accesskit::Role, pos2};

use crate::{
    decode::{
        Decision,
        margins::{EDGES, MarginHistogram, NEAR_TIE},
    },
    ui::{history::History, panels::decisions::rows::Row, theme::Palette},
};

/// Width of a strip, and of the room left of it.
pub(crate) const STRIP_WIDTH: f32 = 64.0;
pub(crate) const STRIP_GAP: f32 = 8.0;

/// Bars of near ties: those whose upper edge is at most the limit.
fn tie_bars() -> usize {
    EDGES.partition_point(|edge| *edge <= NEAR_TIE)
}

/// Which margin a row is about.
fn margin_of(row: Row) -> Option<fn(&Decision) -> f32> {
    match row {
        Row::TokenMargin => Some(|decision| decision.token_margin),
        Row::DurationMargin => Some(|decision| decision.duration_margin),
        _ => None,
    }
}

/// Draws the strip of `row` into `rect`, if it has one. What it counts are all committed decisions that are kept.
pub(crate) fn strip_ui(ui: &mut Ui, row: Row, rect: Rect, history: &History) {
    let Some(margin) = margin_of(row) else { return };
    let histogram = MarginHistogram::of(history.decisions.iter().map(margin));
    let response = ui.interact(rect, ui.scope_id().with(("margins", row)), Sense::hover());
    let near: u64 = histogram.counts[..tie_bars()].iter().sum();
    let text = format!("{}s: {near} of {} below {NEAR_TIE} logits", row.title(), histogram.total);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &text));
    bars(ui, rect, &histogram);
    explain(response, row, &histogram, near, history.limit().is_none());
}

fn bars(ui: &Ui, rect: Rect, histogram: &MarginHistogram) {
    let palette = Palette::of(ui);
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, palette.well);
    let inner = rect.shrink2(eframe::egui::vec2(2.0, 2.0));
    let width = inner.width() / histogram.counts.len() as f32;
    let largest = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    for (bar, count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // By the square root: a single near tie among a thousand decisions must be seen.
        let share = (*count as f32 / largest as f32).sqrt();
        let left = inner.left() + bar as f32 * width;
        let top = (inner.bottom() - share * inner.height()).min(inner.bottom() - 1.5);
        let column = Rect::from_min_max(pos2(left, top), pos2(left + width - 1.0, inner.bottom()));
        painter.rect_filled(column, 0.0, if bar < tie_bars() { palette.near_tie } else { palette.wave });
    }
    let x = inner.left() + tie_bars() as f32 * width - 0.5;
    painter.vline(x, rect.y_range(), Stroke::new(1.0, palette.near_tie.gamma_multiply(0.6)));
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, palette.line), StrokeKind::Inside);
}

fn explain(response: Response, row: Row, histogram: &MarginHistogram, near: u64, whole: bool) {
    response.on_hover_ui(|ui| {
        let palette = Palette::of(ui);
        let kept = if whole { "the whole run" } else { "the last two minutes" };
        ui.label(RichText::new(format!("{}s of {kept}", row.title())).strong());
        let share = 100.0 * near as f64 / histogram.total.max(1) as f64;
        let total = histogram.total;
        let ties = format!("{near} of {total} decisions ({share:.1} %) are near ties: below {NEAR_TIE} logits");
        ui.label(RichText::new(ties).small());
        eframe::egui::Grid::new("margin counts").num_columns(2).min_row_height(14.0).show(ui, |ui| {
            for (bar, count) in histogram.counts.iter().enumerate() {
                let color = if bar < tie_bars() { palette.near_tie } else { palette.weak };
                ui.label(RichText::new(MarginHistogram::label(bar)).small().color(color));
                ui.label(RichText::new(count.to_string()).small());
                ui.end_row();
            }
        });
        ui.label(RichText::new("Committed decisions; bars by the square root of their number.").small().weak());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ties_are_whole_bars() {
        assert!((EDGES[tie_bars() - 1] - NEAR_TIE).abs() < 1e-6, "the limit is an edge");
    }
}
