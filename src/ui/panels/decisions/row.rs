//! One row: its title on the left, its plot on the shared time axis on the right.

use eframe::egui::{
    self, Align2, FontId, Rect, RichText, Sense, Stroke, Ui, Vec2, WidgetInfo, accesskit::Role, pos2, vec2,
};
use egui_plot::{AxisHints, GridMark, Plot, PlotBounds, PlotImage, PlotPoint};

use crate::{
    ui::{
        history::{History, Placed},
        model::{Beside, UiModel},
        panels::decisions::{
            GUTTER, TICK_LABELS, draw,
            draw::Canvas,
            margin_strip::{STRIP_GAP, STRIP_WIDTH, strip_ui},
            marks,
            overlay::Ruler,
            rows::{Row, Scale},
            spectrogram::{self, Strip},
        },
        theme::{self, Palette},
    },
    units::MEL_PER_ENC,
};

/// Points between rows.
pub(crate) const SPACING: f32 = 3.0;
/// Height of a row of which only the title shows.
pub(crate) const COLLAPSED_HEIGHT: f32 = 18.0;

/// Said in a row that a trace has nothing for.
const NOT_KEPT: &str = "not kept in this trace";

/// What all rows are drawn from.
pub(crate) struct Content<'a> {
    pub(crate) model: &'a UiModel,
    pub(crate) history: &'a History,
    pub(crate) placed: &'a [Placed<'a>],
    pub(crate) strips: &'a [Strip],
    pub(crate) ruler: &'a Ruler,
    /// The other run with its decisions in view.
    pub(crate) other: Option<(&'a Beside, &'a [Placed<'a>])>,
    /// The difference that was jumped to.
    pub(crate) difference: Option<usize>,
    /// Whether there is room beside the plots.
    pub(crate) beside: bool,
}

/// Draws one row: where it lies, and whether its title was clicked.
pub(crate) fn row_ui(ui: &mut Ui, row: Row, open: bool, height: f32, content: &Content<'_>) -> (Rect, bool) {
    let height = if open { height } else { COLLAPSED_HEIGHT };
    let (outer, _) = ui.allocate_exact_size(vec2(ui.available_width(), height + SPACING), Sense::hover());
    let rect = Rect::from_min_size(outer.min, vec2(outer.width(), height));
    let clicked = title_ui(ui, row, open, rect);
    if open {
        let plot =
            Rect::from_min_max(pos2(rect.left() + GUTTER, rect.top()), pos2(content.ruler.points.max, rect.bottom()));
        plot_ui(ui, row, plot, content);
        if content.beside {
            let left = plot.right() + STRIP_GAP;
            let strip = Rect::from_x_y_ranges(left..=left + STRIP_WIDTH, plot.y_range());
            strip_ui(ui, row, strip, content.history);
        }
    } else {
        let y = rect.center().y;
        let stroke = Stroke::new(1.0, Palette::of(ui).line);
        ui.painter().hline(content.ruler.points, y, stroke);
    }
    (rect, clicked)
}

fn title_ui(ui: &mut Ui, row: Row, open: bool, rect: Rect) -> bool {
    let palette = Palette::of(ui);
    let area = Rect::from_min_size(rect.min, vec2(GUTTER - 2.0, rect.height().min(36.0)));
    let response = ui.interact(area, ui.scope_id().with(row), Sense::click());
    let verb = if open { "Collapse" } else { "Expand" };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{verb} row {}", row.title())));
    let color = if response.hovered() || response.has_focus() { palette.token } else { palette.text };
    let painter = ui.painter();
    let middle = pos2(area.left() + 5.0, area.top() + 9.0);
    let arrow = if open {
        [vec2(-4.0, -2.5), vec2(4.0, -2.5), vec2(0.0, 3.0)]
    } else {
        [vec2(-2.5, -4.0), vec2(-2.5, 4.0), vec2(3.0, 0.0)]
    };
    let corners = arrow.map(|corner| middle + corner).to_vec();
    painter.add(egui::Shape::convex_polygon(corners, palette.weak, Stroke::NONE));
    let left = area.left() + 14.0;
    painter.text(pos2(left, area.top() + 2.0), Align2::LEFT_TOP, row.title(), FontId::proportional(13.0), color);
    if open {
        painter.text(pos2(left, area.top() + 18.0), Align2::LEFT_TOP, row.unit(), theme::label_font(), palette.weak);
    }
    if response.has_focus() {
        painter.rect_stroke(area, 2.0, Stroke::new(1.0, palette.token), egui::StrokeKind::Inside);
    }
    response.on_hover_text(RichText::new(row.explanation())).clicked()
}

fn plot_ui(ui: &mut Ui, row: Row, rect: Rect, content: &Content<'_>) {
    let palette = Palette::of(ui);
    let Content { model, history, strips, ruler, .. } = content;
    let placed = match (row, content.other) {
        (Row::OtherRun, Some((_, placed))) => placed,
        _ => content.placed,
    };
    let missing = is_missing(row, model, history);
    let mut scale = row.scale(history, placed, (ruler.from, ruler.to));
    if missing {
        scale.ticks.clear();
    }
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    let well = Rect::from_min_max(pos2(ruler.points.min, rect.top()), rect.max);
    child.painter().rect_filled(well, 0.0, palette.well);
    let (ticks, step) = ruler.ticks();
    let plot = Plot::new(row)
        .width(rect.width())
        .height(rect.height())
        .min_size(Vec2::ZERO)
        .sense(Sense::hover())
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_x(false)
        .show_y(false)
        .show_crosshair(false)
        .label_formatter(|_| None)
        .show_background(false)
        .show_axes([false, true])
        .set_margin_fraction(Vec2::ZERO)
        // Horizontal lines would cross the image and mean nothing there.
        .show_grid([true, row != Row::Mel])
        .grid_color(palette.line)
        .grid_fade(0.0)
        .x_grid_spacer(move |_| {
            ticks.iter().map(|tick| GridMark { value: *tick as f64, step_size: step as f64 }).collect()
        })
        .y_grid_spacer({
            let marks = scale.ticks.clone();
            // One step for all, so that none fades.
            let step = scale.high - scale.low;
            move |_| marks.iter().map(|value| GridMark { value: *value, step_size: step }).collect()
        })
        .custom_y_axes(vec![
            AxisHints::new_y()
                .min_thickness(TICK_LABELS)
                .tick_label_font(theme::label_font())
                .tick_label_color(palette.weak)
                .formatter(|mark, _| tick_text(mark.value)),
        ]);
    let response = plot.show(&mut child, |plot| {
        let Scale { low, high, .. } = scale;
        plot.set_plot_bounds(PlotBounds::from_min_max([ruler.from, low], [ruler.to, high]));
        if row == Row::Mel {
            for strip in *strips {
                plot.image(strip_image(strip));
            }
        }
    });
    let painter = ui.painter().with_clip_rect(response.transform.frame().intersect(ui.clip_rect()));
    let canvas = Canvas { painter, transform: response.transform, palette };
    draw::row(&canvas, row, model, history, placed);
    if let (Row::Differences, Some((other, _))) = (row, content.other) {
        marks::differences(&canvas, &other.differences, other.first(), content.difference);
    }
    if missing {
        let galley = canvas.painter.layout_no_wrap(NOT_KEPT.to_owned(), theme::label_font(), palette.weak);
        let room = Align2::CENTER_CENTER.anchor_size(canvas.frame().center(), galley.size());
        canvas.painter.rect_filled(room.expand(3.0), 0.0, palette.well);
        canvas.painter.galley(room.min, galley, palette.weak);
    }
}

/// Whether a recorded run came without what the row shows.
fn is_missing(row: Row, model: &UiModel, history: &History) -> bool {
    model.recorded().is_some()
        && match row {
            Row::Waveform => history.levels.is_empty(),
            Row::Mel => history.mel.blocks.is_empty(),
            _ => false,
        }
}

fn strip_image(strip: &Strip) -> PlotImage {
    let width = strip.frames as f64 / MEL_PER_ENC as f64;
    let left = strip.start as f64 / MEL_PER_ENC as f64;
    let bins = strip.bins as f64;
    let used = Rect::from_min_max(pos2(0.0, 0.0), pos2(spectrogram::used_share(strip), 1.0));
    let middle = PlotPoint::new(left + 0.5 * width, 0.5 * bins);
    PlotImage::new("", strip.texture, middle, vec2(width as f32, bins as f32)).uv(used).allow_hover(false)
}

fn tick_text(value: f64) -> String {
    if value.abs() >= 2.0 || value.fract().abs() < 1e-9 { format!("{value:.0}") } else { format!("{value}") }
}
