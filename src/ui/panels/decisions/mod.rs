//! The decision view: sound, features, tokens and durations of every decision over one shared time axis.

mod axis;
mod draw;
mod overlay;
mod record;
mod row;
mod rows;
mod spectrogram;
mod toolbar;

use std::collections::BTreeSet;

use eframe::egui::{
    self, EventFilter, Frame, Id, Key, Margin, Modifiers, PopupAnchor, Rangef, Rect, Response, ScrollArea, Sense,
    Stroke, Tooltip, Ui, WidgetInfo, accesskit::Role, pos2, scroll_area::ScrollSource, vec2,
};

use crate::ui::{history::DecisionKey, model::UiModel, panels::hint_ui, theme::Palette};
use axis::TimeView;
use overlay::{AXIS_HEIGHT, LANE_HEIGHT, Ruler};
use rows::Row;
use spectrogram::Spectrogram;

/// Points left of the plots: titles, then tick labels.
pub(crate) const GUTTER: f32 = 122.0;
/// Points for tick labels, part of the left side.
pub(crate) const TICK_LABELS: f32 = 34.0;
/// Width of the record of the decision that is pinned.
const RECORD_WIDTH: f32 = 316.0;
/// How much more or less one press on a zoom button shows.
const ZOOM_STEP: f64 = 1.5;
/// Rows grow into spare room up to this factor.
const MOST_STRETCH: f32 = 1.8;

/// How the decisions are looked at.
#[derive(Debug, Default)]
pub(crate) struct DecisionView {
    time: TimeView,
    collapsed: BTreeSet<Row>,
    pinned: Option<DecisionKey>,
    spectrogram: Spectrogram,
}

impl DecisionView {
    pub(crate) fn is_frozen(&self) -> bool {
        self.time.is_frozen()
    }

    pub(crate) fn toggle_freeze(&mut self, model: &UiModel) {
        self.time.toggle_freeze(&model.history);
    }

    /// Pins the decision `offset` places from the pinned one, or the newest.
    pub(crate) fn step_pin(&mut self, model: &UiModel, offset: isize) {
        self.time.freeze(&model.history);
        let next = self.time.history(&model.history).neighbour(self.pinned, offset);
        self.pinned = next.or(self.pinned);
        if let Some(key) = self.pinned {
            self.time.reveal(key.frame.0 as f64, &model.history);
        }
    }

    /// Whether a decision is pinned: Escape then closes its record first.
    pub(crate) fn has_pin(&self) -> bool {
        self.pinned.is_some()
    }

    pub(crate) fn zoom_in(&mut self, model: &UiModel) {
        self.zoom(model, 1.0 / ZOOM_STEP);
    }

    pub(crate) fn zoom_out(&mut self, model: &UiModel) {
        self.zoom(model, ZOOM_STEP);
    }

    fn zoom(&mut self, model: &UiModel, factor: f64) {
        let (from, to) = self.time.range(&model.history);
        self.time.zoom(factor, 0.5 * (from + to));
    }
}

/// Draws the whole view into the room that is left.
pub(crate) fn decisions_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView) {
    toolbar::toolbar_ui(ui, model, view);
    if view.time.history(&model.history).is_empty() {
        empty_ui(ui, model);
        return;
    }
    if let Some(key) = view.pinned {
        pinned_ui(ui, model, view, key);
    }
    chart_ui(ui, model, view);
}

fn empty_ui(ui: &mut Ui, model: &UiModel) {
    let palette = Palette::of(ui);
    Frame::new().fill(palette.well).stroke(Stroke::new(1.0, palette.line)).corner_radius(4).inner_margin(28).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        let text = if model.is_running() {
            "Waiting for the first samples."
        } else {
            "Press Space and speak: the sound, each token and each duration the model decides on, and by which margin, \
             will run along here on one time axis."
        };
        hint_ui(ui, text);
    });
}

fn pinned_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView, key: DecisionKey) {
    let mut close = false;
    egui::Panel::right("pinned decision").resizable(false).exact_size(RECORD_WIDTH).frame(record_frame()).show(
        ui,
        |ui| {
            ui.horizontal(|ui| {
                ui.strong("Decision");
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
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
            ScrollArea::vertical().id_salt("record").show(ui, |ui| {
                let history = view.time.history(&model.history);
                match view.pinned.and_then(|key| history.find(key)) {
                    Some((decision, tail)) => record::record_ui(ui, model, decision, tail),
                    None => {
                        ui.weak(format!("Frame {}: the next hop decided otherwise.", key.frame.0));
                    }
                }
            });
        },
    );
    if close {
        view.pinned = None;
    }
}

fn record_frame() -> Frame {
    Frame::new().inner_margin(Margin { left: 10, right: 2, top: 2, bottom: 2 })
}

fn chart_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView) {
    let palette = Palette::of(ui);
    let whole = ui.available_rect_before_wrap();
    let columns = Rangef::new(whole.left() + GUTTER + TICK_LABELS, whole.right() - 12.0);
    let lane = Rect::from_x_y_ranges(columns, whole.top()..=whole.top() + LANE_HEIGHT);
    let axis = Rect::from_x_y_ranges(columns, whole.bottom() - AXIS_HEIGHT..=whole.bottom());
    let body = Rect::from_x_y_ranges(whole.x_range(), lane.bottom()..=axis.top());
    let (from, to) = view.time.range(&model.history);
    let ruler = Ruler { points: columns, from, to };

    let mut rows_ui = ui.new_child(egui::UiBuilder::new().max_rect(body));
    let plots = rows_in(&mut rows_ui, model, view, &ruler, body);
    let all = Rect::from_x_y_ranges(columns, lane.top()..=plots.bottom().min(body.bottom()).max(lane.bottom()));
    let response = time_response(ui, Rect::from_x_y_ranges(columns, lane.top()..=axis.bottom()));

    let history = view.time.history(&model.history);
    overlay::borders(ui.painter(), &ruler, history, lane, all, palette);
    let under = Rect::from_min_size(pos2(axis.left(), all.bottom()), axis.size());
    overlay::time_axis(ui.painter(), &ruler, under, palette);
    axis_titles(ui, lane, under, palette);
    point_at(ui, model, view, &ruler, all, &response);
    navigate(ui, model, view, &ruler, &response);
    ui.advance_cursor_after_rect(whole);
}

/// Lays out the rows and returns the room they took.
fn rows_in(ui: &mut Ui, model: &UiModel, view: &mut DecisionView, ruler: &Ruler, body: Rect) -> Rect {
    let history = view.time.history(&model.history);
    let placed = history.placed(ruler.from, ruler.to);
    let strips = view.spectrogram.strips(ui.ctx(), history, ruler.from * 8.0, ruler.to * 8.0);
    let open = |row: &Row| !view.collapsed.contains(row);
    let fixed = Row::ALL.len() as f32 * row::SPACING + (view.collapsed.len() as f32) * row::COLLAPSED_HEIGHT;
    let wanted: f32 = Row::ALL.iter().filter(|row| open(row)).map(|row| row.height()).sum();
    let stretch = ((body.height() - fixed) / wanted.max(1.0)).clamp(1.0, MOST_STRETCH);
    let mut toggled = None;
    let scroll =
        ScrollArea::vertical().id_salt("rows").scroll_source(ScrollSource::SCROLL_BAR | ScrollSource::MOUSE_WHEEL);
    let output = scroll.auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for row in Row::ALL {
            let content = row::Content { model, history, placed: &placed, strips: &strips, ruler };
            if row::row_ui(ui, row, open(&row), row.height() * stretch, &content) {
                toggled = Some(row);
            }
        }
    });
    if let Some(row) = toggled
        && !view.collapsed.remove(&row)
    {
        view.collapsed.insert(row);
    }
    Rect::from_min_size(
        output.inner_rect.min,
        vec2(output.inner_rect.width(), output.content_size.y.min(body.height())),
    )
}

fn time_response(ui: &Ui, rect: Rect) -> Response {
    let response = ui.interact(rect, Id::unique("decision time axis"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Decisions over time"));
    response
}

fn axis_titles(ui: &Ui, lane: Rect, axis: Rect, palette: &Palette) {
    let font = crate::ui::theme::label_font();
    let right = lane.left() - 10.0;
    // Left of the first tick's label, which is centred on the edge.
    let left = lane.left() - 22.0;
    for (y, text, color) in [(axis.top() + 4.0, "time", palette.text), (axis.top() + 17.0, "80 ms frame", palette.weak)]
    {
        ui.painter().text(pos2(left, y), egui::Align2::RIGHT_TOP, text, font.clone(), color);
    }
    for (y, text) in [(lane.top() + 1.0, "events"), (lane.top() + 16.0, "newest hop")] {
        ui.painter().text(pos2(right, y), egui::Align2::RIGHT_TOP, text, font.clone(), palette.weak);
    }
}

/// The crosshair, the record of the decision under the pointer, and the pin.
fn point_at(ui: &Ui, model: &UiModel, view: &mut DecisionView, ruler: &Ruler, all: Rect, response: &Response) {
    let palette = Palette::of(ui);
    let history = view.time.history(&model.history);
    let rows = Rangef::new(all.top() + LANE_HEIGHT, all.bottom());
    if let Some((decision, _)) = view.pinned.and_then(|key| history.find(key)) {
        let x = ruler.x(decision.frame.0 as f64);
        let width = (1.0 / ruler.frames_per_point()) as f32;
        let columns = Rangef::new(x.max(ruler.points.min), (x + width).min(ruler.points.max));
        if columns.min < columns.max {
            let rect = Rect::from_x_y_ranges(columns, rows);
            ui.painter().rect_stroke(rect, 1.0, Stroke::new(1.5, palette.text), egui::StrokeKind::Outside);
        }
    }
    let Some(pointer) = response.hover_pos().filter(|_| !response.dragged()) else { return };
    ui.painter().vline(pointer.x, rows, Stroke::new(1.0, palette.weak.gamma_multiply(0.7)));
    let found = history.at(ruler.frame(pointer.x));
    if let Some(place) = found.filter(|_| rows.contains(pointer.y)) {
        let (key, tail) = (DecisionKey::of(place.decision), place.tail);
        let id = response.id.with("record");
        let tooltip = Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, PopupAnchor::Pointer);
        tooltip.gap(14.0).show(|ui| record::record_ui(ui, model, place.decision, tail));
        if response.clicked() {
            view.pinned = Some(key);
        }
    }
}

/// Drag and wheel move a frozen view; a drag freezes a live one.
fn navigate(ui: &Ui, model: &UiModel, view: &mut DecisionView, ruler: &Ruler, response: &Response) {
    if response.dragged() && response.drag_delta().x != 0.0 {
        view.time.freeze(&model.history);
        view.time.pan(-f64::from(response.drag_delta().x) * ruler.frames_per_point());
    }
    if let Some(pointer) = response.hover_pos() {
        let (zoom, wheel) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().x));
        if (zoom - 1.0).abs() > 1e-4 {
            view.time.zoom(1.0 / f64::from(zoom), ruler.frame(pointer.x));
        }
        view.time.pan(-f64::from(wheel) * ruler.frames_per_point());
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
