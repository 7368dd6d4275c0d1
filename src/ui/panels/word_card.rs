//! What is known about one word: its times, its confidence, its tokens.

use eframe::egui::{Grid, RichText, Ui, vec2};

use crate::{
    decode::Word,
    ui::{
        theme::{self, Palette},
        transcript::Change,
    },
};

/// The card shown when the pointer rests on a word.
pub(crate) fn word_card_ui(ui: &mut Ui, word: &Word, tail: bool, change: Option<&Change>) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new(&word.text).size(16.0).strong());
        if tail {
            ui.label(RichText::new("not final: the next hop makes it anew").small().color(palette.window_end));
        }
    });
    if let Some(Change { committed, rule }) = change {
        small(ui, &format!("Committed as {committed:?}; {rule}"));
    }
    let (start, end) = (word.start, word.end);
    small(ui, &format!("{:.2} s to {:.2} s (frames {} to {})", start.secs(), end.secs(), start.0, end.0));
    small(ui, &format!("Word confidence {:.4}: least token softmax probability", word.confidence));
    if word.tokens.is_empty() {
        small(ui, "Tokens are kept for the newest 2,000 words only.");
        return;
    }
    ui.separator();
    Grid::new("word tokens").num_columns(7).min_row_height(14.0).spacing(vec2(12.0, 3.0)).show(ui, |ui| {
        for title in ["token", "frame", "duration", "token softmax", "margin", "duration softmax", "margin"] {
            ui.label(RichText::new(title).small().weak());
        }
        ui.end_row();
        for token in &word.tokens {
            ui.label(RichText::new(&token.piece).font(theme::piece_font()).color(palette.token));
            let frames = if token.duration == 1 { "frame" } else { "frames" };
            for text in [
                token.frame.0.to_string(),
                format!("{} {frames}", token.duration),
                format!("{:.4}", token.token_probability),
                format!("{:.2}", token.token_margin),
                format!("{:.4}", token.duration_probability),
                format!("{:.2}", token.duration_margin),
            ] {
                ui.label(RichText::new(text).small());
            }
            ui.end_row();
        }
    });
    ui.label(RichText::new("Margins: raw logits, best minus second, within one head.").small().weak());
}

fn small(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small());
}
