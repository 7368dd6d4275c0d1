//! Above the decisions of two runs: what came of the comparison, the way from difference to difference, the report.

use eframe::egui::{Align, Button, Frame, Label, Layout, RichText, ScrollArea, Stroke, Ui};

use crate::ui::{
    model::{Beside, UiModel},
    panels::{decisions::view::DecisionView, tinted_frame},
    theme::Palette,
};

/// Most height of the report in points; the rest scrolls.
const REPORT_HEIGHT: f32 = 150.0;

pub(crate) fn verdict_ui(ui: &mut Ui, model: &UiModel, other: &Beside, view: &mut DecisionView) {
    let palette = Palette::of(ui);
    let color = if other.differences.is_empty() { palette.good } else { palette.bad };
    tinted_frame(color).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                buttons(ui, model, other, view);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.label(RichText::new("Against").weak());
                    ui.label(RichText::new(&other.name).strong());
                    ui.add(Label::new(&other.verdict).truncate()).on_hover_text(&other.verdict);
                });
            });
        });
    });
    if view.report_open {
        report_ui(ui, other, palette);
    }
}

fn buttons(ui: &mut Ui, model: &UiModel, other: &Beside, view: &mut DecisionView) {
    if !other.report.is_empty() {
        let report = ui.add(Button::new("Report").small().selected(view.report_open));
        if report.on_hover_text("The comparison at length").clicked() {
            view.report_open = !view.report_open;
        }
    }
    let count = other.differences.len();
    if count == 0 {
        return;
    }
    if ui.small_button("Next difference").on_hover_text("N").clicked() {
        view.jump(model, 1);
    }
    if ui.small_button("Previous difference").on_hover_text("Shift+N").clicked() {
        view.jump(model, -1);
    }
    let text = match view.difference {
        Some(index) => format!("{} of {count}", index + 1),
        None if count == 1 => "1 difference".to_owned(),
        None => format!("{count} differences"),
    };
    ui.label(RichText::new(text).small().weak());
}

fn report_ui(ui: &mut Ui, other: &Beside, palette: &Palette) {
    let frame = Frame::new().fill(palette.well).stroke(Stroke::new(1.0, palette.line)).corner_radius(4).inner_margin(8);
    frame.show(ui, |ui| {
        let scroll = ScrollArea::both().id_salt("report").max_height(REPORT_HEIGHT).auto_shrink([false, true]);
        scroll.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for line in &other.report {
                ui.add(Label::new(RichText::new(line).monospace()).selectable(true).extend());
            }
        });
    });
}
