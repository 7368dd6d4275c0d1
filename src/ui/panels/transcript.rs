//! The words: committed ones in full colour, the tail grey; only the lines in view are laid out.

use std::ops::Range;

use eframe::egui::{
    self, Align2, Color32, Frame, Galley, Id, PopupAnchor, Pos2, Rect, ScrollArea, Sense, Stroke, Tooltip, Ui,
    WidgetInfo, accesskit::Role, pos2, vec2,
};
use std::sync::Arc;

use crate::{
    decode::Word,
    ui::{
        model::UiModel,
        panels::{hint_ui, line_breaks::LineBreaks, word_card::word_card_ui},
        theme::{self, Palette},
    },
};

const LINE_HEIGHT: f32 = 26.0;
/// Points between paragraphs.
const PARAGRAPH_GAP: f32 = 7.0;
/// Points left of the text, for the time at which a paragraph begins.
const TIME_GUTTER: f32 = 62.0;

/// How the transcript is looked at.
#[derive(Debug, Default)]
pub(crate) struct TranscriptView {
    lines: LineBreaks,
    /// First and last word of a selection, in the order of dragging.
    selection: Option<(usize, usize)>,
    /// The word that was clicked in this frame.
    clicked: Option<usize>,
}

impl TranscriptView {
    /// Words selected by dragging.
    pub(crate) fn selected(&self) -> Option<Range<usize>> {
        self.selection.map(|(a, b)| a.min(b)..a.max(b) + 1)
    }

    /// The committed word that was clicked since the last call.
    pub(crate) fn take_clicked(&mut self) -> Option<usize> {
        self.clicked.take()
    }
}

/// A word in view.
struct Placed<'a> {
    rect: Rect,
    word: &'a Word,
    /// Index among the committed words; `None` for the tail.
    index: Option<usize>,
}

pub(crate) fn transcript_ui(ui: &mut Ui, model: &UiModel, view: &mut TranscriptView) {
    let palette = Palette::of(ui);
    let frame = Frame::new().fill(palette.well).stroke(Stroke::new(1.0, palette.line)).corner_radius(4).inner_margin(8);
    frame.show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        if model.transcript.words().is_empty() && model.tail().next().is_none() {
            empty_ui(ui, model);
        } else {
            ScrollArea::vertical()
                .id_salt("transcript")
                .auto_shrink(false)
                // Follows the newest words until scrolled up, and again once scrolled back down.
                .stick_to_bottom(model.recorded().is_none())
                .show_viewport(ui, |ui, viewport| text_ui(ui, model, view, palette, viewport));
        }
    });
}

fn empty_ui(ui: &mut Ui, model: &UiModel) {
    let text = if model.recorded().is_some() {
        "No word was written in this run."
    } else if model.is_running() {
        "Listening. Words appear grey while they may change, and stay once they stand in full colour."
    } else {
        "Press Space and speak. Your words appear here: grey while they may change, then for good."
    };
    hint_ui(ui, text);
}

/// Top of line `line` in points.
fn line_top(lines: &LineBreaks, line: usize) -> f32 {
    let paragraphs = lines.lines().get(line).map_or(0, |line| line.paragraph.saturating_sub(1));
    line as f32 * LINE_HEIGHT + paragraphs as f32 * PARAGRAPH_GAP
}

fn text_ui(ui: &mut Ui, model: &UiModel, view: &mut TranscriptView, palette: &Palette, viewport: Rect) {
    let font = theme::transcript_font();
    let width = (ui.available_width() - TIME_GUTTER - 6.0).max(60.0);
    let measure = |text: &str| layout(ui, text, palette.text).size().x;
    let space = ui.fonts_mut(|fonts| fonts.glyph_width(&font, ' '));
    view.lines.update(&model.transcript, width, space, ui.pixels_per_point(), measure);

    let (tail, tail_lines) = tail_places(ui, model, &view.lines, width, space, palette);
    let lines = view.lines.lines().len();
    let total = lines + tail_lines;
    let bottom = line_top(&view.lines, lines.saturating_sub(1)) + LINE_HEIGHT * (1 + tail_lines) as f32 + PARAGRAPH_GAP;
    let (all, response) = ui.allocate_exact_size(vec2(ui.available_width(), bottom), Sense::click_and_drag());
    let origin = all.min + vec2(TIME_GUTTER, 0.0);

    let is_above = |line: &usize| line_top(&view.lines, *line) + LINE_HEIGHT < viewport.top();
    let first = partition(lines, is_above);
    let last = partition(lines, |line| line_top(&view.lines, *line) <= viewport.bottom());
    let mut placed = Vec::new();
    for line in first..last {
        paint_line(ui, model, view, line, origin, space, palette, &mut placed);
    }
    name_tail(ui, &tail, origin);
    for (offset, word, galley) in tail {
        let rect = Rect::from_min_size(origin + offset, galley.size());
        if rect.intersects(ui.clip_rect()) {
            ui.painter().galley(rect.min, galley, palette.tail);
            placed.push(Placed { rect, word, index: None });
        }
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Document, true, format!("Transcript, {total} lines")));
    select(ui, view, &placed, &response);
    show_card(ui, model, &placed, &response);
}

/// The first of `0..count` for which `before` is false.
fn partition(count: usize, before: impl Fn(&usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if before(&middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn layout(ui: &Ui, text: &str, color: Color32) -> Arc<Galley> {
    ui.painter().layout_no_wrap(text.to_owned(), theme::transcript_font(), color)
}

#[expect(clippy::too_many_arguments, reason = "one line needs all of its surroundings, and only here")]
fn paint_line<'a>(
    ui: &Ui,
    model: &'a UiModel,
    view: &TranscriptView,
    line: usize,
    origin: Pos2,
    space: f32,
    palette: &Palette,
    placed: &mut Vec<Placed<'a>>,
) {
    let Some(range) = view.lines.lines().get(line).map(|line| line.words.clone()) else { return };
    let top = origin.y + line_top(&view.lines, line);
    let words = model.transcript.words();
    if model.transcript.paragraphs().binary_search(&range.start).is_ok()
        && let Some(word) = words.get(range.start)
    {
        let at = pos2(origin.x - 12.0, top + 4.0);
        let secs = format!("{:.2} s", word.start.secs());
        ui.painter().text(at, Align2::RIGHT_TOP, secs, theme::label_font(), palette.weak);
    }
    let selected = view.selected();
    let mut x = origin.x;
    let mut spoken = String::new();
    for index in range.clone() {
        let Some(word) = words.get(index) else { break };
        if index > range.start && !word.glued {
            x += space;
            spoken.push(' ');
        }
        spoken.push_str(&word.text);
        let rect = Rect::from_min_size(pos2(x, top), vec2(view.lines.width(index), LINE_HEIGHT));
        if selected.as_ref().is_some_and(|selected| selected.contains(&index)) {
            let reach = if selected.as_ref().is_some_and(|s| s.contains(&(index + 1))) && index + 1 < range.end {
                space
            } else {
                0.0
            };
            ui.painter().rect_filled(rect.with_max_x(rect.max.x + reach), 0.0, palette.select);
        }
        let galley = layout(ui, &word.text, palette.text);
        ui.painter().galley(rect.min, galley, palette.text);
        x = rect.max.x;
        placed.push(Placed { rect, word, index: Some(index) });
    }
    let rect = Rect::from_min_max(pos2(origin.x, top), pos2(x, top + LINE_HEIGHT));
    // One node per line: a screen reader reads lines, not single words.
    let node = ui.interact(rect, Id::unique(("transcript line", line)), Sense::hover());
    node.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
}

type TailWord<'a> = (egui::Vec2, &'a Word, Arc<Galley>);

/// Places of the tail's words relative to the text's origin, and lines they add.
fn tail_places<'a>(
    ui: &Ui,
    model: &'a UiModel,
    lines: &LineBreaks,
    width: f32,
    space: f32,
    palette: &Palette,
) -> (Vec<TailWord<'a>>, usize) {
    let count = lines.lines().len();
    let fresh = model.transcript.at_paragraph_end();
    let mut x = if fresh { 0.0 } else { lines.end_x() };
    let mut top = line_top(lines, count.saturating_sub(1));
    let mut added = 0;
    let mut places = Vec::new();
    for (number, word) in model.tail().enumerate() {
        let galley = layout(ui, &word.text, palette.tail);
        if number == 0 && fresh {
            // A new utterance: its words will open a paragraph once they are committed.
            (top, added) = if count == 0 { (0.0, 0) } else { (top + LINE_HEIGHT + PARAGRAPH_GAP, 1) };
        } else {
            x += if word.glued { 0.0 } else { space };
            if x + galley.size().x > width {
                (x, top, added) = (0.0, top + LINE_HEIGHT, added + 1);
            }
        }
        places.push((vec2(x, top), word, galley.clone()));
        x += galley.size().x;
    }
    (places, added)
}

/// The tail as one node, so that a screen reader can tell it from what stands.
fn name_tail(ui: &Ui, tail: &[TailWord<'_>], origin: Pos2) {
    let boxes = tail.iter().map(|(offset, _, galley)| Rect::from_min_size(origin + *offset, galley.size()));
    let Some(rect) = boxes.reduce(Rect::union) else { return };
    let text = tail.iter().fold(String::from("Not final:"), |text, (_, word, _)| text + " " + &word.text);
    let node = ui.interact(rect, Id::unique("transcript tail"), Sense::hover());
    node.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));
}

/// Dragging over committed words selects them; a click elsewhere selects nothing.
fn select(ui: &Ui, view: &mut TranscriptView, placed: &[Placed<'_>], response: &egui::Response) {
    let nearest = |pointer: Pos2| {
        let row = placed.iter().filter(|word| word.index.is_some() && word.rect.y_range().contains(pointer.y));
        let by_distance = |word: &&Placed<'_>| (word.rect.distance_to_pos(pointer) * 16.0) as u32;
        row.min_by_key(by_distance).and_then(|word| word.index)
    };
    if response.drag_started() {
        let press = ui.input(|input| input.pointer.press_origin());
        view.selection = press.and_then(nearest).map(|word| (word, word));
    } else if response.dragged() {
        let to = response.interact_pointer_pos().and_then(nearest);
        if let (Some((from, _)), Some(to)) = (view.selection, to) {
            view.selection = Some((from, to));
        }
    } else if response.clicked() {
        view.selection = None;
        let at = response.interact_pointer_pos();
        let on = |word: &&Placed<'_>| at.is_some_and(|at| word.rect.contains(at));
        view.clicked = placed.iter().find(on).and_then(|word| word.index);
    }
}

fn show_card(ui: &Ui, model: &UiModel, placed: &[Placed<'_>], response: &egui::Response) {
    let Some(pointer) = response.hover_pos().filter(|_| !response.dragged()) else { return };
    let Some(found) = placed.iter().find(|word| word.rect.contains(pointer)) else { return };
    let palette = Palette::of(ui);
    ui.painter().hline(found.rect.x_range(), found.rect.bottom() - 2.0, Stroke::new(1.0, palette.token));
    let id = response.id.with("word card");
    let tooltip = Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, PopupAnchor::ParentRect(found.rect));
    let change = found.index.and_then(|index| model.transcript.change(index));
    tooltip.gap(2.0).show(|ui| word_card_ui(ui, found.word, found.index.is_none(), change));
}
