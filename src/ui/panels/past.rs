//! The page of past dictations: search, read, copy, export, delete.

use eframe::egui::{
    Align, Button, Frame, Label, Layout, Margin, Panel, RichText, ScrollArea, TextEdit, TextWrapMode, Ui, vec2,
};

use crate::ui::{
    panels::hint_ui,
    past::{EXPORTS, PastRow, PastView},
    theme::Palette,
};

/// Width of the list in points.
const LIST_WIDTH: f32 = 340.0;
/// Characters of a dictation's beginning that fit there.
const LINE_CHARS: usize = 42;

pub(crate) fn past_ui(ui: &mut Ui, view: &mut PastView) {
    Panel::left("past list").resizable(true).default_size(LIST_WIDTH).show(ui, |ui| list_ui(ui, view));
    if view.chosen().is_some() {
        Frame::new().inner_margin(Margin::symmetric(10, 0)).show(ui, |ui| dictation_ui(ui, view));
    } else {
        hint_ui(
            ui,
            "What was dictated is kept here, unless the settings say otherwise. Choose a dictation to read it.",
        );
    }
}

fn list_ui(ui: &mut Ui, view: &mut PastView) {
    let field = TextEdit::singleline(&mut view.search).hint_text("Search").desired_width(f32::INFINITY);
    if ui.add(field).on_hover_text("Dictations that hold this text, whatever its case").changed() {
        view.list();
    }
    let mut chosen = None;
    match view.rows() {
        None => {
            ui.weak("Reading…");
        }
        Some([]) if view.search.is_empty() => {
            ui.weak("No dictation is kept.");
        }
        Some([]) => {
            ui.weak("No dictation holds this.");
        }
        Some(rows) => {
            let height = 2.0 * ui.spacing().interact_size.y + 2.0;
            ScrollArea::vertical().auto_shrink(false).show_rows(ui, height, rows.len(), |ui, shown| {
                for row in &rows[shown] {
                    let is_chosen = view.chosen().is_some_and(|(id, _)| id == row.id);
                    if row_ui(ui, row, is_chosen, height) {
                        chosen = Some(row.id.clone());
                    }
                }
            });
        }
    }
    if let Some(id) = chosen {
        view.choose(&id);
    }
}

/// True if it was clicked.
fn row_ui(ui: &mut Ui, row: &PastRow, chosen: bool, height: f32) -> bool {
    let PastRow { when, words, text, ended, .. } = row;
    let open = if *ended { "" } else { ", not ended" };
    let count = if *words == 1 { "1 word".to_owned() } else { format!("{words} words") };
    // Truncation by the button would leave the first line only.
    let line = match text.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.clone(),
    };
    let button = Button::new(format!("{when}   {count}{open}\n{line}")).selected(chosen).frame_when_inactive(false);
    let button = button.wrap_mode(TextWrapMode::Extend).min_size(vec2(0.0, height));
    ui.with_layout(Layout::top_down_justified(Align::Min), |ui| ui.add(button).clicked()).inner
}

fn dictation_ui(ui: &mut Ui, view: &mut PastView) {
    let Some((id, text)) = view.chosen() else { return };
    let (mut export, mut delete) = (None, false);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(id).strong());
        let copy = ui.add_enabled(text.is_some(), Button::new("Copy")).on_hover_text("Copy the whole text");
        if let Some(text) = text.filter(|_| copy.clicked()) {
            ui.copy_text(text.to_owned());
        }
        for format in EXPORTS {
            let button = ui.button(format.to_uppercase());
            if button.on_hover_text(format!("Write a .{format} file; where is told")).clicked() {
                export = Some(format);
            }
        }
        let warn = Palette::of(ui).bad;
        let label = if view.sure { RichText::new("Delete for good").color(warn) } else { RichText::new("Delete") };
        delete = ui.button(label).clicked();
    });
    ui.separator();
    match text {
        None => {
            ui.weak("Reading…");
        }
        Some(text) => {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.add(Label::new(RichText::new(text).size(15.0)).wrap().selectable(true));
            });
        }
    }
    if let Some(format) = export {
        view.export(format);
    }
    if delete {
        view.delete();
    }
}
