//! Messages with a button to dismiss each, the newest first.

use eframe::egui::{Align, Label, Layout, RichText, Ui, vec2};

use crate::ui::{model::UiModel, notice::Severity, panels::tinted_frame, theme::Palette};

/// Messages shown at once; the rest wait behind them.
const SHOWN: usize = 3;

pub(crate) fn notices_ui(ui: &mut Ui, model: &mut UiModel) {
    let palette = Palette::of(ui);
    let total = model.notices.iter().len();
    let mut dismissed = None;
    for (index, notice) in model.notices.iter().enumerate().rev().take(SHOWN) {
        let (color, name) = match notice.severity {
            Severity::Info => (palette.token, "Note"),
            Severity::Warning => (palette.warn, "Warning"),
            Severity::Error => (palette.bad, "Error"),
        };
        tinted_frame(color).show(ui, |ui| {
            let line = vec2(ui.available_width(), ui.spacing().interact_size.y);
            ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
                if ui.small_button("Dismiss").on_hover_text("Take this message away").clicked() {
                    dismissed = Some(index);
                }
                if ui.small_button("Copy").on_hover_text("Copy this message").clicked() {
                    ui.copy_text(notice.text.clone());
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.label(RichText::new(name).strong().color(color));
                    let times = if notice.count > 1 { format!("  (×{})", notice.count) } else { String::new() };
                    ui.add(Label::new(format!("{}{times}", notice.text)).wrap());
                });
            });
        });
    }
    if total > SHOWN {
        ui.label(RichText::new(format!("and {} more", total - SHOWN)).small().weak());
    }
    if let Some(index) = dismissed {
        model.notices.dismiss(index);
    }
}
