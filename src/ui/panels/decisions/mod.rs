//! The decision view: sound, features, tokens and durations of every decision over one shared time axis.

mod axis;
mod compare;
mod draw;
mod margin_strip;
mod marks;
mod overlay;
mod overview;
mod pinned;
mod pointer;
mod record;
mod row;
mod rows;
mod spectrogram;
mod toolbar;
mod verdict;
mod view;

use eframe::egui::{self, Frame, Rangef, Rect, ScrollArea, Stroke, Ui, pos2, scroll_area::ScrollSource, vec2};

use crate::ui::{model::UiModel, panels::hint_ui, theme::Palette};
use margin_strip::{STRIP_GAP, STRIP_WIDTH};
use overlay::{AXIS_HEIGHT, LANE_HEIGHT, Ruler};
use rows::Row;

pub(crate) use overview::duration_text;
pub(crate) use view::DecisionView;

/// Points left of the plots: titles, then tick labels.
pub(crate) const GUTTER: f32 = 122.0;
/// Points for tick labels, part of the left side.
pub(crate) const TICK_LABELS: f32 = 34.0;
/// Points at the right edge, for the scroll bar.
const RIGHT_MARGIN: f32 = 12.0;
/// Least width of the plots beside which there is room for strips.
const LEAST_BESIDE_STRIP: f32 = 200.0;
/// Rows grow into spare room up to this factor.
const MOST_STRETCH: f32 = 1.8;

/// Draws the whole view into the room that is left.
pub(crate) fn decisions_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView) {
    if let Some(other) = model.other_run() {
        verdict::verdict_ui(ui, model, other, view);
    }
    toolbar::toolbar_ui(ui, model, view);
    if view.time.history(&model.history).is_empty() {
        empty_ui(ui, model);
        return;
    }
    if let Some(key) = view.pinned {
        pinned::pinned_ui(ui, model, view, key);
    }
    chart_ui(ui, model, view);
}

fn empty_ui(ui: &mut Ui, model: &UiModel) {
    let palette = Palette::of(ui);
    let frame =
        Frame::new().fill(palette.well).stroke(Stroke::new(1.0, palette.line)).corner_radius(4).inner_margin(28);
    frame.show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        let text = if model.recorded().is_some() {
            "This trace holds no window: nothing was decided."
        } else if model.is_running() {
            "Waiting for the first samples."
        } else {
            "Press Space and speak: the sound, each token and each duration the model decides on, and by which margin, \
             will run along here on one time axis."
        };
        hint_ui(ui, text);
    });
}

/// Where the rows came to lie.
struct Laid {
    /// All of them, as far as they are in view.
    all: Rect,
    rows: Vec<(Row, Rect)>,
}

fn chart_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView) {
    let palette = Palette::of(ui);
    let whole = ui.available_rect_before_wrap();
    let left = whole.left() + GUTTER + TICK_LABELS;
    let widest = whole.right() - RIGHT_MARGIN;
    let beside = widest - STRIP_WIDTH - STRIP_GAP - left >= LEAST_BESIDE_STRIP;
    // All rows end where those with a strip end: one column is one moment.
    let right = if beside { widest - STRIP_WIDTH - STRIP_GAP } else { widest };
    let columns = Rangef::new(left, right.max(left + 1.0));
    let below = if model.recorded().is_some() { overview::HEIGHT + overview::GAP } else { 0.0 };
    let lane = Rect::from_x_y_ranges(columns, whole.top()..=whole.top() + LANE_HEIGHT);
    let axis = Rect::from_x_y_ranges(columns, whole.bottom() - below - AXIS_HEIGHT..=whole.bottom() - below);
    let body = Rect::from_x_y_ranges(whole.x_range(), lane.bottom()..=axis.top());
    let (from, to) = view.time.range(&model.history);
    let ruler = Ruler { points: columns, from, to };

    let mut rows_ui = ui.new_child(egui::UiBuilder::new().max_rect(body));
    let laid = rows_in(&mut rows_ui, model, view, &ruler, beside);
    let plots = laid.all;
    let all = Rect::from_x_y_ranges(columns, lane.top()..=plots.bottom().min(body.bottom()).max(lane.bottom()));
    let response = pointer::time_response(ui, Rect::from_x_y_ranges(columns, lane.top()..=axis.bottom()));

    let history = view.time.history(&model.history);
    overlay::borders(ui.painter(), &ruler, history, lane, all, palette);
    let under = Rect::from_min_size(pos2(axis.left(), all.bottom()), axis.size());
    overlay::time_axis(ui.painter(), &ruler, under, palette);
    axis_titles(ui, lane, under, model.recorded().is_some(), palette);
    pointer::point_at(ui, model, view, &ruler, &laid, all, &response);
    pointer::navigate(ui, model, view, &ruler, &response);
    if model.recorded().is_some() {
        let top = under.bottom() + overview::GAP;
        overview::overview_ui(ui, model, view, Rect::from_x_y_ranges(columns, top..=top + overview::HEIGHT));
    }
    ui.advance_cursor_after_rect(whole);
}

/// Lays out the rows.
fn rows_in(ui: &mut Ui, model: &UiModel, view: &mut DecisionView, ruler: &Ruler, beside: bool) -> Laid {
    let body = ui.max_rect();
    let history = view.time.history(&model.history);
    let placed = history.placed(ruler.from, ruler.to);
    let other = model.other_run().map(|other| (other, other.history.placed(ruler.from, ruler.to)));
    let strips = view.spectrogram.strips(ui.ctx(), history, ruler.from * 8.0, ruler.to * 8.0);
    let content = row::Content {
        model,
        history,
        placed: &placed,
        strips: &strips,
        ruler,
        other: other.as_ref().map(|(other, placed)| (*other, placed.as_slice())),
        difference: view.difference,
        beside,
    };
    let shown = Row::shown(other.is_some());
    let (open, closed): (Vec<Row>, Vec<Row>) = shown.clone().partition(|row| !view.collapsed.contains(row));
    let fixed = (open.len() + closed.len()) as f32 * row::SPACING + closed.len() as f32 * row::COLLAPSED_HEIGHT;
    let wanted: f32 = open.iter().map(|row| row.height()).sum();
    let stretch = ((body.height() - fixed) / wanted.max(1.0)).clamp(1.0, MOST_STRETCH);
    let mut toggled = None;
    let scroll =
        ScrollArea::vertical().id_salt("rows").scroll_source(ScrollSource::SCROLL_BAR | ScrollSource::MOUSE_WHEEL);
    let output = scroll.auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut rects = Vec::new();
        for row in shown {
            let (rect, clicked) = row::row_ui(ui, row, open.contains(&row), row.height() * stretch, &content);
            rects.push((row, rect));
            if clicked {
                toggled = Some(row);
            }
        }
        rects
    });
    if let Some(row) = toggled
        && !view.collapsed.remove(&row)
    {
        view.collapsed.insert(row);
    }
    let size = vec2(output.inner_rect.width(), output.content_size.y.min(body.height()));
    Laid { all: Rect::from_min_size(output.inner_rect.min, size), rows: output.inner }
}

fn axis_titles(ui: &Ui, lane: Rect, axis: Rect, recorded: bool, palette: &Palette) {
    let font = crate::ui::theme::label_font();
    let right = lane.left() - 10.0;
    // Left of the first tick's label, which is centred on the edge.
    let left = lane.left() - 22.0;
    for (y, text, color) in [(axis.top() + 4.0, "time", palette.text), (axis.top() + 17.0, "80 ms frame", palette.weak)]
    {
        ui.painter().text(pos2(left, y), egui::Align2::RIGHT_TOP, text, font.clone(), color);
    }
    for (y, text) in
        [(lane.top() + 1.0, "events"), (lane.top() + 16.0, if recorded { "last hop" } else { "newest hop" })]
    {
        ui.painter().text(pos2(right, y), egui::Align2::RIGHT_TOP, text, font.clone(), palette.weak);
    }
}
