//! The small window on top of all others: state, level, the last words. It takes no input, so there is nothing to press.

use eframe::egui::{
    CentralPanel, Frame, Label, Margin, RichText, Sense, Stroke, TextFormat, TextStyle, Ui, Vec2, WidgetInfo,
    accesskit::Role,
    text::{LayoutJob, TextWrapping},
    vec2,
};

use crate::{
    decode::Word,
    session::LevelSnapshot,
    ui::{
        model::{Phase, UiModel},
        panels::{meter::meter_ui, status},
        theme::Palette,
    },
};

/// Its size in points: a line for the state, two for words.
pub(crate) const SIZE: Vec2 = vec2(440.0, 78.0);

const MARGIN: Margin = Margin::symmetric(12, 8);
/// Words that could fit into two lines at most.
const MOST_WORDS: usize = 40;
const ROWS: usize = 2;

/// What it shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OverlayView {
    phase: Phase,
    state: String,
    level: LevelSnapshot,
    clipped: bool,
    /// The last committed words of this dictation, each with the space before it.
    committed: Vec<String>,
    /// Those that may still change.
    tail: Vec<String>,
}

impl OverlayView {
    pub(crate) fn of(model: &UiModel) -> Self {
        let words = model.dictated();
        let start = words.len().saturating_sub(MOST_WORDS);
        let spaced = |word: &Word| {
            let text = word.text.replace('\n', " ");
            if word.glued { text } else { format!(" {text}") }
        };
        Self {
            phase: model.phase(),
            state: status::phase_text(model),
            level: model.level(),
            clipped: model.clip_lamp(),
            committed: words[start..].iter().map(spaced).collect(),
            tail: model.tail().map(spaced).collect(),
        }
    }
}

pub(crate) fn overlay_ui(ui: &mut Ui, view: &OverlayView) {
    let palette = Palette::of(ui);
    let frame = Frame::new().fill(palette.panel).stroke(Stroke::new(1.0, palette.line)).inner_margin(MARGIN);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 7.0;
            let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
            ui.painter().circle_filled(dot.center(), 5.0, status::phase_color(view.phase, palette));
            // The meter stands still, whatever the state is called.
            let room = vec2(ui.available_width() - 150.0, ui.spacing().interact_size.y);
            ui.allocate_ui(room, |ui| {
                ui.set_width(room.x);
                ui.add(Label::new(RichText::new(&view.state).small().strong()).truncate());
            });
            meter_ui(ui, view.level, view.clipped);
        });
        words_ui(ui, view, palette);
    });
}

/// The newest words that fit: committed ones, then grey ones.
fn words_ui(ui: &mut Ui, view: &OverlayView, palette: &Palette) {
    let OverlayView { committed, tail, .. } = view;
    let font = TextStyle::Body.resolve(ui.style());
    let of = |color| TextFormat::simple(font.clone(), color);
    let width = ui.available_width();
    let mut first = 0;
    loop {
        let mut job = LayoutJob { wrap: TextWrapping::wrap_at_width(width), ..LayoutJob::default() };
        let kept =
            committed.iter().map(|text| (text, palette.text)).chain(tail.iter().map(|text| (text, palette.tail)));
        for (index, (text, color)) in kept.skip(first).enumerate() {
            let text = if index == 0 { text.trim_start() } else { text };
            job.append(text, 0.0, of(color));
        }
        let shown = job.text.clone();
        let galley = ui.painter().layout_job(job);
        if galley.rows.len() > ROWS && first + 1 < committed.len() + tail.len() {
            first += 1;
            continue;
        }
        let (response, painter) = ui.allocate_painter(vec2(width, ui.available_height()), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &shown));
        painter.galley(response.rect.left_top(), galley, palette.text);
        return;
    }
}
