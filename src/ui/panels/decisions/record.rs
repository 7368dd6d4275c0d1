//! One decision in full: which token and duration, from which numbers, with names that say which probability is meant.

use eframe::egui::{Color32, Grid, Rect, RichText, Sense, Ui, vec2};

use crate::{
    decode::Decision,
    ui::{
        model::UiModel,
        theme::{self, Palette},
    },
    units::EncIdx,
};

/// Points of a full probability bar.
const BAR_WIDTH: f32 = 46.0;
/// Least height of a line of numbers.
const ROW_HEIGHT: f32 = 14.0;

/// All fields of `decision`; `tail` says that the next hop makes it anew.
pub(crate) fn record_ui(ui: &mut Ui, model: &UiModel, decision: &Decision, tail: bool) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        let color = palette.decision(decision.is_blank);
        let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
        ui.painter().rect_filled(dot, 2.0, color);
        let title = if decision.is_blank { "blank" } else { model.piece(decision.token.0) };
        ui.label(RichText::new(title).font(theme::piece_font()).size(15.0).strong());
        ui.label(RichText::new(format!("id {}", decision.token.0)).small().weak());
        if tail {
            ui.label(RichText::new("tail: not final").small().color(palette.window_end));
        }
    });
    let next = decision.next_frame();
    line(ui, &format!("Frame {} at {:.2} s, step {}", decision.frame.0, decision.frame.secs(), decision.step));
    line(ui, &jump_text(decision, next));
    if decision.forced {
        let why = if decision.is_blank { "blank with duration 0" } else { "symbol limit of one frame" };
        ui.label(RichText::new(format!("Advance forced to 1: {why}")).small().color(palette.forced));
    }
    if let Some(suppressed) = decision.suppressed {
        let piece = model.piece(suppressed.token.0);
        let text = format!("Suppressed {piece} (id {}), cost {:.2} logits", suppressed.token.0, suppressed.cost);
        ui.label(RichText::new(text).small().color(palette.suppressed));
    }
    if let Some(boosted) = decision.boosted {
        let piece = model.piece(boosted.token.0);
        let text = format!(
            "Custom word: bonus {:.2} overtook {piece} (id {}), cost {:.2} logits",
            boosted.bonus, boosted.token.0, boosted.cost
        );
        ui.label(RichText::new(text).small().color(palette.boosted));
    }
    ui.separator();
    token_head(ui, model, decision, palette);
    ui.separator();
    duration_head(ui, model, decision, palette);
}

fn jump_text(decision: &Decision, next: EncIdx) -> String {
    let millis = decision.duration * 80;
    format!("Duration {} ({millis} ms), advance {} to frame {}", decision.duration, decision.advance, next.0)
}

fn line(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small());
}

fn token_head(ui: &mut Ui, model: &UiModel, decision: &Decision, palette: &Palette) {
    ui.label(RichText::new("Token head").strong());
    Grid::new("token candidates").num_columns(4).min_row_height(ROW_HEIGHT).spacing(vec2(10.0, 2.0)).show(ui, |ui| {
        head_row(ui, "piece");
        for candidate in &decision.token_top {
            let probability = (candidate.logit - decision.token_lse).exp();
            let chosen = candidate.token == decision.token;
            let piece = RichText::new(model.piece(candidate.token.0)).font(theme::piece_font());
            ui.label(if chosen { piece.strong() } else { piece });
            numbers(ui, candidate.logit, probability, if chosen { palette.token } else { palette.blank });
        }
    });
    Grid::new("token head").num_columns(2).min_row_height(ROW_HEIGHT).spacing(vec2(10.0, 2.0)).show(ui, |ui| {
        pair(ui, "Token margin (chosen − best other allowed)", &format!("{:.3} logits", decision.token_margin));
        pair(ui, "Token confidence (softmax, token head)", &format!("{:.4}", decision.token_probability));
        pair(ui, "Blank logit", &format!("{:.3}", decision.blank_logit));
        pair(ui, "Blank probability (softmax, token head)", &format!("{:.4}", decision.blank_probability));
        pair(ui, "ln Σ exp, token head", &format!("{:.3}", decision.token_lse));
    });
}

fn duration_head(ui: &mut Ui, model: &UiModel, decision: &Decision, palette: &Palette) {
    ui.label(RichText::new("Duration head").strong());
    let count = decision.duration_logits.len();
    let classes = model.durations(count);
    Grid::new("durations").num_columns(4).min_row_height(ROW_HEIGHT).spacing(vec2(10.0, 2.0)).show(ui, |ui| {
        head_row(ui, "frames");
        let values = decision.duration_logits.iter().zip(decision.duration_probabilities());
        for (index, ((logit, probability), class)) in values.zip(classes).enumerate() {
            let text = RichText::new(class.to_string()).small();
            ui.label(if class == decision.duration { text.strong().color(palette.text) } else { text });
            numbers(ui, *logit, probability, theme::ordinal(index, count));
        }
    });
    Grid::new("duration head").num_columns(2).min_row_height(ROW_HEIGHT).spacing(vec2(10.0, 2.0)).show(ui, |ui| {
        pair(ui, "Duration margin (best − second)", &format!("{:.3} logits", decision.duration_margin));
        pair(ui, "Duration confidence (softmax, duration head)", &format!("{:.4}", decision.duration_probability));
        pair(ui, "ln Σ exp, duration head", &format!("{:.3}", decision.duration_lse));
    });
}

fn head_row(ui: &mut Ui, first: &str) {
    for title in [first, "logit", "softmax", ""] {
        ui.label(RichText::new(title).small().weak());
    }
    ui.end_row();
}

fn numbers(ui: &mut Ui, logit: f32, probability: f32, color: Color32) {
    ui.label(RichText::new(format!("{logit:8.3}")).monospace().size(11.5));
    ui.label(RichText::new(format!("{probability:.4}")).monospace().size(11.5));
    let (rect, _) = ui.allocate_exact_size(vec2(BAR_WIDTH, 9.0), Sense::hover());
    let palette = Palette::of(ui);
    ui.painter().rect_filled(rect, 1.0, palette.line.gamma_multiply(0.5));
    let full = Rect::from_min_size(rect.min, vec2(rect.width() * probability.clamp(0.0, 1.0), rect.height()));
    ui.painter().rect_filled(full, 1.0, color);
    ui.end_row();
}

fn pair(ui: &mut Ui, name: &str, value: &str) {
    ui.label(RichText::new(name).small().weak());
    ui.label(RichText::new(value).small());
    ui.end_row();
}
