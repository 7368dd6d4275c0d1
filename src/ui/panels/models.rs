//! The page of models: what is here, what it costs on this machine, which engine runs it; fetch, add, use, remove.

use eframe::egui::{
    Align, Button, Frame, Grid, Key, Label, Layout, Margin, Panel, ProgressBar, RichText, ScrollArea, Spinner,
    TextEdit, TextWrapMode, Ui, vec2,
};

use crate::ui::{
    models::{EngineCost, ModelCost, ModelPlace, ModelRow, ModelsAsk, ModelsView},
    panels::hint_ui,
    theme::Palette,
};

/// Width of the list in points.
const LIST_WIDTH: f32 = 300.0;
/// Characters of a line about a model that fit there.
const LINE_CHARS: usize = 40;
/// Width of what a fact is about, in points.
const LABEL_WIDTH: f32 = 100.0;

/// `idle`: nothing is dictated, so that the model may change.
pub(crate) fn models_ui(ui: &mut Ui, view: &mut ModelsView, idle: bool) {
    Panel::left("models list").resizable(true).default_size(LIST_WIDTH).show(ui, |ui| list_ui(ui, view));
    let Some(row) = view.row().cloned() else {
        hint_ui(ui, "Models that are here and models that can be fetched.");
        return;
    };
    Frame::new().inner_margin(Margin::symmetric(10, 0)).show(ui, |ui| {
        buttons_ui(ui, view, &row, idle);
        ui.separator();
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            facts_ui(ui, &row);
            costs_ui(ui, view.costs(&row.name));
        });
    });
}

fn list_ui(ui: &mut Ui, view: &mut ModelsView) {
    let mut clicked = None;
    Panel::bottom("models bottom").show(ui, |ui| {
        add_ui(ui, view);
        doing_ui(ui, view);
    });
    match view.rows() {
        None => {
            ui.weak("Reading…");
        }
        Some(rows) => {
            let current = view.row().map(|row| row.name.as_str());
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                for row in rows {
                    if row_ui(ui, row, current == Some(row.name.as_str())) {
                        clicked = Some(row.name.clone());
                    }
                }
            });
        }
    }
    if let Some(name) = clicked {
        view.choose(&name);
    }
}

/// True if it was clicked.
fn row_ui(ui: &mut Ui, row: &ModelRow, current: bool) -> bool {
    let mark = match (row.chosen, row.place) {
        (true, _) => ", in use",
        (false, ModelPlace::ToFetch) => ", to fetch",
        (false, _) => "",
    };
    let line = row.fault.as_deref().map_or(row.line.as_str(), |_| "cannot be used");
    let short = match line.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    };
    let text = format!("{}{mark}\n{short}", row.name);
    let height = 2.0 * ui.spacing().interact_size.y + 2.0;
    let button = Button::new(text).selected(current).frame_when_inactive(false);
    let button = button.wrap_mode(TextWrapMode::Extend).min_size(vec2(0.0, height));
    ui.with_layout(Layout::top_down_justified(Align::Min), |ui| ui.add(button).clicked()).inner
}

fn add_ui(ui: &mut Ui, view: &mut ModelsView) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let room = ui.available_width() - 52.0;
        let field = TextEdit::singleline(&mut view.path).hint_text("Folder of a model").desired_width(room);
        let field = ui.add(field).on_hover_text("A model on this machine, in any layout; its files stay there");
        let enter = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let ready = !view.path.trim().is_empty() && view.doing().is_none();
        let button = ui.add_enabled(ready, Button::new("Add"));
        if ready && (enter || button.clicked()) {
            let path = view.path.trim().trim_matches(['"', '\'']).into();
            view.path.clear();
            view.ask(ModelsAsk::Add { path }, "Reading the model");
        }
    });
}

/// What is going on, with a button that ends a download.
fn doing_ui(ui: &mut Ui, view: &mut ModelsView) {
    let Some(doing) = view.doing().map(str::to_owned) else { return };
    let mut stop = false;
    match view.progress() {
        None => {
            ui.horizontal(|ui| {
                ui.add(Spinner::new());
                ui.weak(doing + "…");
            });
        }
        Some((share, text)) => {
            ui.add(Label::new(RichText::new(text).small()).truncate());
            ui.horizontal(|ui| {
                let bar = ProgressBar::new(share.unwrap_or_default()).desired_width(ui.available_width() - 56.0);
                ui.add(if share.is_some() { bar.show_percentage() } else { bar.animate(true) });
                stop = ui.button("Stop").on_hover_text("What came is kept; the next try asks for the rest").clicked();
            });
        }
    }
    if stop {
        view.stop();
    }
}

fn buttons_ui(ui: &mut Ui, view: &mut ModelsView, row: &ModelRow, idle: bool) {
    let name = row.name.clone();
    let free = view.doing().is_none();
    let usable = free && row.fault.is_none();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&name).strong());
        if row.place == ModelPlace::ToFetch {
            let fetch = ui.add_enabled(free, Button::new("Download"));
            if fetch.on_hover_text("Into the data folder; can be stopped and taken up again").clicked() {
                view.ask(ModelsAsk::Download { name }, "Fetching");
            }
            return;
        }
        let choose = ui.add_enabled(usable && idle && !row.chosen, Button::new("Use"));
        let why = match (row.chosen, idle) {
            (true, _) => "It is in use",
            (false, false) => "Stop dictation first",
            (false, true) => "Wait until what is going on is done",
        };
        if choose.on_hover_text("Dictate with it from now on").on_disabled_hover_text(why).clicked() {
            view.ask(ModelsAsk::Use { name: name.clone() }, "Reading the model");
        }
        let measure = ui.add_enabled(usable && idle, Button::new("Measure"));
        if measure.on_hover_text("Run it on 3 s of noise with every engine that can").clicked() {
            view.ask(ModelsAsk::Measure { name: name.clone() }, "Measuring");
        }
        if matches!(row.place, ModelPlace::BuiltIn | ModelPlace::Given) {
            return;
        }
        let word = if row.place == ModelPlace::Kept { "Remove" } else { "Forget" };
        let sure = RichText::new(format!("{word} for good")).color(Palette::of(ui).bad);
        let label = if view.sure { sure } else { RichText::new(word) };
        let remove = ui.add_enabled(free && !row.chosen, Button::new(label));
        if remove.on_disabled_hover_text("Use another one first").clicked() {
            view.remove(&name);
        }
    });
}

fn facts_ui(ui: &mut Ui, row: &ModelRow) {
    if let Some(fault) = &row.fault {
        ui.add(Label::new(RichText::new(fault).color(Palette::of(ui).bad)).wrap());
        ui.add_space(4.0);
    }
    ui.add(Label::new(&row.line).wrap());
    ui.add_space(4.0);
    for (about, fact) in &row.facts {
        ui.horizontal_top(|ui| {
            let size = vec2(LABEL_WIDTH, ui.spacing().interact_size.y);
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Min), |ui| {
                ui.set_min_width(LABEL_WIDTH);
                ui.weak(*about);
            });
            ui.add(Label::new(fact).wrap().selectable(true));
        });
    }
}

fn costs_ui(ui: &mut Ui, costs: &[EngineCost]) {
    if costs.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    ui.add_space(8.0);
    ui.label(RichText::new("On this machine").strong());
    Grid::new("costs").num_columns(4).spacing(vec2(18.0, 4.0)).show(ui, |ui| {
        for title in ["Engine", "Encode 3 s", "A decision", "Real-time factor"] {
            ui.weak(title);
        }
        ui.end_row();
        for (engine, cost) in costs {
            let Ok(ModelCost { encode_ms, step_ms, real_time_factor }) = cost else { continue };
            ui.label(engine);
            ui.monospace(format!("{encode_ms:.0} ms"));
            ui.monospace(format!("{step_ms:.2} ms"));
            // Below a half there is time for the windows' overlap and for other programs.
            let color = if *real_time_factor < 0.5 { palette.good } else { palette.bad };
            ui.label(RichText::new(format!("{real_time_factor:.3}")).monospace().color(color));
            ui.end_row();
        }
    });
    for (engine, cost) in costs {
        if let Err(reason) = cost {
            ui.add(Label::new(RichText::new(format!("{engine}: {reason}")).weak()).wrap());
        }
    }
}
