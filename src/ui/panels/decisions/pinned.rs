//! The record of the decision that is pinned, at the side; with another run, its decision in the same place.

use eframe::egui::{Align, Frame, Layout, Margin, Panel, ScrollArea, Ui};

use crate::ui::{
    history::DecisionKey,
    model::UiModel,
    panels::decisions::{compare, record, view::DecisionView},
};

/// Width of the record.
const WIDTH: f32 = 316.0;

pub(crate) fn pinned_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView, key: DecisionKey) {
    let mut close = false;
    let frame = Frame::new().inner_margin(Margin { left: 10, right: 2, top: 2, bottom: 2 });
    Panel::right("pinned decision").resizable(false).exact_size(WIDTH).frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.strong("Decision");
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                close = ui.small_button("Unpin").on_hover_text("Close the record (Esc)").clicked();
                if ui.small_button("Next").on_hover_text("Next decision (right arrow)").clicked() {
                    view.step_pin(model, 1);
                }
                if ui.small_button("Previous").on_hover_text("Previous decision (left arrow)").clicked() {
                    view.step_pin(model, -1);
                }
            });
        });
        ui.separator();
        ScrollArea::vertical().id_salt("record").show(ui, |ui| pinned_record(ui, model, view, key));
    });
    if close {
        view.pinned = None;
    }
}

fn pinned_record(ui: &mut Ui, model: &UiModel, view: &DecisionView, key: DecisionKey) {
    let history = view.time.history(&model.history);
    let found = view.pinned.and_then(|key| history.find(key));
    let beside = model.other_run().zip(view.pinned);
    let beside = beside.map(|(other, key)| other.history.find(key).map(|(decision, _)| decision));
    if let Some(other) = beside
        && (found.is_some() || other.is_some())
    {
        compare::compare_ui(ui, model, found.map(|(decision, _)| decision), other);
        ui.separator();
    }
    match (found, beside.flatten()) {
        (Some((decision, tail)), _) => record::record_ui(ui, model, decision, tail),
        (None, Some(other)) => record::record_ui(ui, model, other, false),
        (None, None) if model.recorded().is_some() => {
            ui.weak(format!("Frame {}: no decision is kept here.", key.frame.0));
        }
        (None, None) => {
            ui.weak(format!("Frame {}: the next hop decided otherwise.", key.frame.0));
        }
    }
}
