//! The panels of the window: each one function that draws the model and collects commands.

use eframe::egui::{Color32, Frame, Label, Margin, RichText, Stroke, Ui};

use crate::ui::theme::Palette;

pub(crate) mod controls;
pub(crate) mod decisions;
pub(crate) mod help;
mod line_breaks;
mod meter;
pub(crate) mod models;
pub(crate) mod notices;
pub(crate) mod overlay;
pub(crate) mod past;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod transcript;
mod word_card;

/// Around a message: ground and line in its colour.
fn tinted_frame(color: Color32) -> Frame {
    Frame::new()
        .fill(color.gamma_multiply(0.12))
        .stroke(Stroke::new(1.0, color.gamma_multiply(0.6)))
        .corner_radius(4)
        .inner_margin(Margin::symmetric(8, 3))
}

/// A sentence in the middle of a panel that has nothing to show yet.
fn hint_ui(ui: &mut Ui, text: &str) {
    let color = Palette::of(ui).weak;
    ui.vertical_centered(|ui| {
        ui.add_space((0.5 * ui.available_height() - 20.0).max(0.0));
        ui.add(Label::new(RichText::new(text).size(15.0).color(color)).wrap());
    });
}
