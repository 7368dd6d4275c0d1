//! What the pointer and the keys do on the time axis: look at decisions, pin them, move along.

use eframe::egui::{
    EventFilter, Id, Key, Modifiers, PopupAnchor, Pos2, Rangef, Rect, Response, RichText, Sense, Stroke, StrokeKind,
    Tooltip, Ui, WidgetInfo, accesskit::Role,
};

use crate::ui::{
    history::{DecisionKey, History},
    model::{Beside, UiModel},
    panels::decisions::{
        Laid,
        marks::nearest_difference,
        overlay::{LANE_HEIGHT, Ruler},
        record,
        rows::Row,
        view::DecisionView,
    },
    theme::Palette,
};

/// The stretch of time as one thing that can be pointed at, dragged and focused.
pub(crate) fn time_response(ui: &Ui, rect: Rect) -> Response {
    let response = ui.interact(rect, Id::unique("decision time axis"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Decisions over time"));
    response
}

/// The crosshair, the record of the decision under the pointer, and the pin.
pub(crate) fn point_at(
    ui: &Ui,
    model: &UiModel,
    view: &mut DecisionView,
    ruler: &Ruler,
    laid: &Laid,
    all: Rect,
    response: &Response,
) {
    let palette = Palette::of(ui);
    let history = view.time.history(&model.history);
    let rows = Rangef::new(all.top() + LANE_HEIGHT, all.bottom());
    outline_pinned(ui, view, ruler, rows, palette);
    let Some(pointer) = response.hover_pos().filter(|_| !response.dragged()) else { return };
    ui.painter().vline(pointer.x, rows, Stroke::new(1.0, palette.weak.gamma_multiply(0.7)));
    if !rows.contains(pointer.y) {
        return;
    }
    let row = laid.rows.iter().find(|(_, rect)| rect.y_range().contains(pointer.y)).map(|(row, _)| *row);
    match (row, model.other_run()) {
        (Some(Row::Differences), Some(other)) => point_at_difference(ui, model, view, other, ruler, pointer, response),
        (Some(Row::OtherRun), Some(other)) => {
            let pinned = point_at_decision(ui, model, &other.history, ruler, pointer, response);
            view.pinned = pinned.or(view.pinned);
        }
        _ => {
            let pinned = point_at_decision(ui, model, history, ruler, pointer, response);
            view.pinned = pinned.or(view.pinned);
        }
    }
}

fn outline_pinned(ui: &Ui, view: &DecisionView, ruler: &Ruler, rows: Rangef, palette: &Palette) {
    let Some(key) = view.pinned else { return };
    let x = ruler.x(key.frame.0 as f64);
    let width = (1.0 / ruler.frames_per_point()) as f32;
    let columns = Rangef::new(x.max(ruler.points.min), (x + width).min(ruler.points.max));
    if columns.min < columns.max {
        let rect = Rect::from_x_y_ranges(columns, rows);
        ui.painter().rect_stroke(rect, 1.0, Stroke::new(1.5, palette.text), StrokeKind::Outside);
    }
}

/// Shows the record under the pointer; the decision if it was clicked.
fn point_at_decision(
    ui: &Ui,
    model: &UiModel,
    history: &History,
    ruler: &Ruler,
    pointer: Pos2,
    response: &Response,
) -> Option<DecisionKey> {
    let place = history.at(ruler.frame(pointer.x))?;
    tooltip(ui, response, |ui| record::record_ui(ui, model, place.decision, place.tail));
    response.clicked().then(|| DecisionKey::of(place.decision))
}

fn point_at_difference(
    ui: &Ui,
    model: &UiModel,
    view: &mut DecisionView,
    other: &Beside,
    ruler: &Ruler,
    pointer: Pos2,
    response: &Response,
) {
    let frames_per_point = ruler.frames_per_point();
    let Some(index) = nearest_difference(&other.differences, ruler.frame(pointer.x), frames_per_point) else { return };
    let Some(difference) = other.differences.get(index) else { return };
    tooltip(ui, response, |ui| {
        ui.label(RichText::new(&difference.what).strong());
        let (at, count) = (difference.at, other.differences.len());
        let place = format!("Frame {} at {:.2} s, difference {} of {count}", at.0, at.secs(), index + 1);
        ui.label(RichText::new(place).small());
    });
    if response.clicked() {
        view.go_to_difference(model, other, index);
    }
}

fn tooltip(ui: &Ui, response: &Response, content: impl FnOnce(&mut Ui)) {
    let id = response.id.with("record");
    let tooltip = Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, PopupAnchor::Pointer);
    tooltip.gap(14.0).show(content);
}

/// Drag and wheel move a frozen view; a drag freezes a live one.
pub(crate) fn navigate(ui: &Ui, model: &UiModel, view: &mut DecisionView, ruler: &Ruler, response: &Response) {
    let live = &model.history;
    if response.dragged() && response.drag_delta().x != 0.0 {
        view.time.freeze(live);
        view.time.pan(-f64::from(response.drag_delta().x) * ruler.frames_per_point(), live);
    }
    if let Some(pointer) = response.hover_pos() {
        let (zoom, wheel) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().x));
        if (zoom - 1.0).abs() > 1e-4 {
            view.time.zoom(1.0 / f64::from(zoom), ruler.frame(pointer.x), live);
        }
        view.time.pan(-f64::from(wheel) * ruler.frames_per_point(), live);
    }
    let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    if response.has_focus() || ui.memory(|memory| memory.focused().is_none()) {
        for (key, offset) in [(Key::ArrowLeft, -1), (Key::ArrowRight, 1)] {
            if ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
                view.step_pin(model, offset);
            }
        }
        if view.pinned.is_some() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            view.pinned = None;
        }
    }
}
