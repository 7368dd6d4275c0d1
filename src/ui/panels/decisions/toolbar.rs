//! Above the rows: freeze, zoom, and what the colours mean.

use eframe::egui::{
    Button, Color32, Painter, Pos2, Rect, Response, RichText, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use crate::{
    decode::margins::NEAR_TIE,
    ui::{
        model::UiModel,
        panels::decisions::{
            DecisionView,
            marks::{Tie, tie_mark},
        },
        theme::{self, Palette},
    },
};

pub(crate) fn toolbar_ui(ui: &mut Ui, model: &UiModel, view: &mut DecisionView) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Decisions").strong());
        if model.recorded().is_none() {
            let frozen = view.is_frozen();
            let text = if frozen { "Frozen" } else { "Freeze" };
            let freeze = ui.add(Button::new(text).selected(frozen)).on_hover_text("Hold the picture still (F)");
            if freeze.clicked() {
                view.toggle_freeze(model);
            }
        }
        if ui.button("−").on_hover_text("Zoom out (−)").clicked() {
            view.zoom_out(model);
        }
        if ui.button("+").on_hover_text("Zoom in (+)").clicked() {
            view.zoom_in(model);
        }
        ui.add_space(6.0);
        legend(ui, model);
    });
}

fn legend(ui: &mut Ui, model: &UiModel) {
    let palette = Palette::of(ui);
    ui.spacing_mut().item_spacing.x = 5.0;
    swatch(ui, palette.token, "token");
    swatch(ui, palette.blank, "blank");
    if model.recorded().is_none() {
        swatch(ui, palette.token.gamma_multiply(0.38), "not final");
    }
    swatch(ui, palette.forced, "forced");
    swatch(ui, palette.suppressed, "suppressed");
    if !model.settings().custom_words.is_off() {
        swatch(ui, palette.boosted, "custom word");
    }
    for (tie, head, text) in [(Tie::Token, "token", "near tie, token"), (Tie::Duration, "duration", "duration")] {
        let response = swatch_with(ui, text, |painter, middle| {
            let flat = if tie == Tie::Token { 2.5 } else { -2.5 };
            tie_mark(painter, middle + vec2(0.0, flat), tie, palette.near_tie);
        });
        response
            .on_hover_text(format!("The winner of the {head} head stood less than {NEAR_TIE} logits above the next"));
    }
    ui.separator();
    ui.label(RichText::new("frames").small().weak());
    let durations = model.ready().map_or_else(|| (0..5).collect(), |ready| ready.durations.clone());
    for (index, duration) in durations.iter().enumerate() {
        swatch(ui, theme::ordinal(index, durations.len()), &duration.to_string());
    }
}

fn swatch(ui: &mut Ui, color: Color32, text: &str) {
    let line = Palette::of(ui).line;
    swatch_with(ui, text, |painter, middle| {
        let square = Rect::from_center_size(middle, vec2(10.0, 10.0));
        painter.rect_filled(square, 2.0, color);
        painter.rect_stroke(square, 2.0, Stroke::new(1.0, line), StrokeKind::Inside);
    });
}

/// What `draw` makes of the middle of a square, and its name.
fn swatch_with(ui: &mut Ui, text: &str, draw: impl FnOnce(&Painter, Pos2)) -> Response {
    let palette = Palette::of(ui);
    let font = TextStyle::Small.resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, palette.weak);
    // One widget, so that a wrapped line never parts a colour from its name.
    let size = vec2(15.0 + galley.size().x + 5.0, galley.size().y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    draw(ui.painter(), pos2(rect.left() + 5.0, rect.center().y));
    ui.painter().galley(pos2(rect.left() + 15.0, rect.top()), galley, palette.weak);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}
