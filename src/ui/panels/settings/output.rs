//! Typing: committed words go into the window that has the focus, never into this one.

use eframe::egui::{ComboBox, Ui};

use crate::config::{OutputSettings, TypeMode};

pub(super) fn output_ui(ui: &mut Ui, output: &mut OutputSettings) {
    let text = |mode| match mode {
        TypeMode::Off => "nothing",
        TypeMode::Words => "words at once",
        TypeMode::Utterance => "utterances",
    };
    ComboBox::from_label("typed").selected_text(text(output.mode)).show_ui(ui, |ui| {
        for mode in TypeMode::ALL {
            ui.selectable_value(&mut output.mode, mode, text(mode));
        }
    });
    ui.add_enabled_ui(output.mode != TypeMode::Off, |ui| {
        ui.checkbox(&mut output.trailing_space, "A space after each utterance");
        ui.checkbox(&mut output.submit, "Enter after each utterance");
    });
}
