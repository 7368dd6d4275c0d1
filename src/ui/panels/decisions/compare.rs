//! One decision of two runs, number by number.

use eframe::egui::{Align, Grid, Layout, Response, RichText, Ui, vec2};

use crate::{
    decode::Decision,
    ui::{
        model::UiModel,
        theme::{self, Palette},
    },
};

/// Shown where a run made no decision.
const NONE: &str = "–";
/// Width of a column of numbers and least height of a line, in points.
const COLUMN_WIDTH: f32 = 64.0;
const ROW_HEIGHT: f32 = 14.0;

/// This run, the other run, and for numbers the other's less this one's.
pub(crate) fn compare_ui(ui: &mut Ui, model: &UiModel, this: Option<&Decision>, other: Option<&Decision>) {
    let palette = Palette::of(ui);
    let grid = Grid::new("two runs").num_columns(4).min_row_height(ROW_HEIGHT).spacing(vec2(10.0, 2.0));
    grid.show(ui, |ui| {
        ui.label("");
        for (title, hint) in [
            ("this run", "The run whose sound and features stand above"),
            ("other run", "The run it is held against"),
            ("difference", "The other run's value less this run's"),
        ] {
            right(ui, RichText::new(title).small().weak()).on_hover_text(hint);
        }
        ui.end_row();
        let piece = |decision: &Decision| {
            let piece = if decision.is_blank { "blank" } else { model.piece(decision.token.0) };
            piece.to_owned()
        };
        words(ui, palette, "token", this.map(piece), other.map(piece));
        let whole = |decision: &Decision| decision.duration.to_string();
        words(ui, palette, "duration", this.map(whole), other.map(whole));
        let whole = |decision: &Decision| decision.advance.to_string();
        words(ui, palette, "advance", this.map(whole), other.map(whole));
        for (name, value) in NUMBERS {
            numbers(ui, palette, name, this.map(value), other.map(value));
        }
        let logits = |decision: Option<&Decision>| decision.map_or(0, |decision| decision.duration_logits.len());
        let count = logits(this).max(logits(other));
        for (index, class) in model.durations(count).into_iter().enumerate() {
            let logit = |decision: &Decision| decision.duration_logits.get(index).copied();
            numbers(ui, palette, &format!("logit, {class} frames"), this.and_then(logit), other.and_then(logit));
        }
    });
}

type Number = (&'static str, fn(&Decision) -> f32);

const NUMBERS: [Number; 8] = [
    ("token margin", |decision| decision.token_margin),
    ("token confidence", |decision| decision.token_probability),
    ("blank logit", |decision| decision.blank_logit),
    ("blank probability", |decision| decision.blank_probability),
    ("ln Σ exp, tokens", |decision| decision.token_lse),
    ("duration margin", |decision| decision.duration_margin),
    ("duration confidence", |decision| decision.duration_probability),
    ("ln Σ exp, durations", |decision| decision.duration_lse),
];

fn words(ui: &mut Ui, palette: &Palette, name: &str, this: Option<String>, other: Option<String>) {
    let differs = this != other;
    ui.label(RichText::new(name).small().weak());
    for text in [this, other] {
        let text = RichText::new(text.unwrap_or_else(|| NONE.to_owned())).font(theme::piece_font()).strong();
        right(ui, if differs { text.color(palette.bad) } else { text });
    }
    right(ui, RichText::new(if differs { "differs" } else { "same" }).small().weak());
    ui.end_row();
}

fn numbers(ui: &mut Ui, palette: &Palette, name: &str, this: Option<f32>, other: Option<f32>) {
    ui.label(RichText::new(name).small().weak());
    for value in [this, other] {
        let text = value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.4}"));
        right(ui, RichText::new(text).monospace().size(11.5));
    }
    let above = this.zip(other).map(|(this, other)| other - this);
    let text = RichText::new(above.map_or_else(|| NONE.to_owned(), difference_text)).monospace().size(11.5);
    let stands_out = above.is_none_or(|above| above.abs() >= 0.01);
    right(ui, if stands_out { text.color(palette.bad) } else { text.color(palette.weak) });
    ui.end_row();
}

/// With four decimals, or as a power of ten where these would be zeros.
fn difference_text(above: f32) -> String {
    if above == 0.0 {
        "0".to_owned()
    } else if above.abs() >= 0.001 {
        format!("{above:+.4}")
    } else {
        format!("{above:+.0e}")
    }
}

fn right(ui: &mut Ui, text: RichText) -> Response {
    let size = vec2(COLUMN_WIDTH, ui.spacing().interact_size.y.min(ROW_HEIGHT));
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| ui.label(text)).inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_no_zeros() {
        assert_eq!(difference_text(0.0), "0");
        assert_eq!(difference_text(-0.25), "-0.2500");
        assert_eq!(difference_text(0.000_03), "+3e-5");
    }
}
