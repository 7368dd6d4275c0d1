//! A recorded run from its beginning to its end, below the time axis: where the view stands in it, and where to go.

use eframe::egui::{
    Align2, EventFilter, Id, Key, Modifiers, Rangef, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
};

use crate::{
    ui::{
        history::History,
        model::UiModel,
        panels::decisions::{overlay::Ruler, view::DecisionView},
        theme::{self, Palette},
    },
    units::{MEL_PER_ENC, secs_from_enc_frames},
};

/// Height of the strip and of the gap above it, in points.
pub(crate) const HEIGHT: f32 = 28.0;
pub(crate) const GAP: f32 = 4.0;

/// Least width of the frame around what is in view.
const LEAST_FRAME: f32 = 6.0;

/// Share of the view by which an arrow key moves it.
const ARROW_PAGES: f64 = 0.1;

pub(crate) fn overview_ui(ui: &Ui, model: &UiModel, view: &mut DecisionView, rect: Rect) {
    let palette = Palette::of(ui);
    let history = &model.history;
    let ruler = Ruler { points: rect.x_range(), from: 0.0, to: history.newest().max(1.0) };
    let response = ui.interact(rect, Id::unique("whole run"), Sense::click_and_drag());
    let painter = ui.painter().with_clip_rect(rect.expand(1.0));
    painter.rect_filled(rect, 0.0, palette.well);
    if history.levels.is_empty() {
        tokens(&painter, history, &ruler, rect, palette);
    } else {
        sound(&painter, history, &ruler, rect, palette);
    }
    if let Some(other) = model.other_run() {
        for (index, difference) in other.differences.iter().enumerate() {
            let x = ruler.x(difference.at.0 as f64 + 0.5);
            let first = other.first() == Some(index);
            let (top, width) = if first { (rect.top(), 2.5) } else { (rect.center().y, 1.0) };
            painter.vline(x, top..=rect.bottom(), Stroke::new(width, palette.bad));
        }
    }
    let (from, to) = view.time.range(history);
    let columns = Rangef::new(ruler.x(from).max(rect.left()), ruler.x(to).min(rect.right()));
    let room = (0.5 * (LEAST_FRAME - columns.span())).max(0.0);
    let shown = Rect::from_x_y_ranges(columns.expand(room), rect.y_range());
    painter.rect_filled(shown, 0.0, palette.text.gamma_multiply(0.14));
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    let outline = if response.has_focus() || response.hovered() { palette.token } else { palette.text };
    painter.rect_stroke(shown, 1.0, Stroke::new(1.5, outline), StrokeKind::Inside);
    titles(ui, history, rect, palette);
    let middle = secs_from_enc_frames((0.5 * (from + to)).max(0.0) as u64);
    response.widget_info(|| WidgetInfo::slider(true, middle, "Place in the run"));
    scrub(ui, model, view, &ruler, response);
}

/// Loudness, one line per point.
fn sound(painter: &eframe::egui::Painter, history: &History, ruler: &Ruler, rect: Rect, palette: &Palette) {
    let columns = rect.width().ceil().max(1.0) as usize;
    let mut peaks = vec![0.0_f32; columns];
    for level in &history.levels {
        let x = ruler.x(level.at.0 as f64 / MEL_PER_ENC as f64) - rect.left();
        if let Some(peak) = peaks.get_mut(x.max(0.0) as usize) {
            *peak = peak.max(level.max).max(-level.min);
        }
    }
    let largest = peaks.iter().copied().fold(0.05, f32::max);
    for (column, peak) in peaks.into_iter().enumerate() {
        let half = (0.46 * rect.height() * peak / largest).max(0.5);
        let x = rect.left() + column as f32 + 0.5;
        painter.vline(x, rect.center().y - half..=rect.center().y + half, Stroke::new(1.0, palette.wave));
    }
}

/// Where tokens were written: what there is to see without the sound.
fn tokens(painter: &eframe::egui::Painter, history: &History, ruler: &Ruler, rect: Rect, palette: &Palette) {
    let mut drawn_to = f32::NEG_INFINITY;
    for decision in history.decisions.iter().filter(|decision| !decision.is_blank) {
        let x = ruler.x(decision.frame.0 as f64 + 0.5);
        if x - drawn_to >= 1.0 {
            drawn_to = x;
            painter.vline(x, rect.top() + 8.0..=rect.bottom() - 8.0, Stroke::new(1.0, palette.token));
        }
    }
}

fn titles(ui: &Ui, history: &History, rect: Rect, palette: &Palette) {
    let right = rect.left() - 10.0;
    let font = theme::label_font();
    let secs = secs_from_enc_frames(history.newest() as u64);
    let painter = ui.painter();
    painter.text(pos2(right, rect.top() + 1.0), Align2::RIGHT_TOP, "whole run", font.clone(), palette.text);
    painter.text(pos2(right, rect.top() + 14.0), Align2::RIGHT_TOP, duration_text(secs), font, palette.weak);
}

/// Seconds, with minutes where there are any.
pub(crate) fn duration_text(secs: f64) -> String {
    if secs < 60.0 {
        format!("{secs:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (secs / 60.0).floor(), (secs % 60.0).floor())
    }
}

/// A click or a drag brings that place into the middle; with the focus, arrow keys move along.
fn scrub(ui: &Ui, model: &UiModel, view: &mut DecisionView, ruler: &Ruler, response: Response) {
    if let Some(pointer) = response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked()) {
        view.time.centre(ruler.frame(pointer.x), &model.history);
        ui.ctx().request_repaint();
    }
    if response.has_focus() {
        let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        for (key, pages) in [(Key::ArrowLeft, -ARROW_PAGES), (Key::ArrowRight, ARROW_PAGES)] {
            if ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
                view.page(model, pages);
            }
        }
    }
    response.on_hover_text("Drag to move along the run; Home and End lead to its ends");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_are_told_in_minutes() {
        assert_eq!(duration_text(6.43), "6.4 s");
        assert_eq!(duration_text(127.9), "2 min 07 s");
        assert_eq!(duration_text(3600.0), "60 min 00 s");
    }
}
