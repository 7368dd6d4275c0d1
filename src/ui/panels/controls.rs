//! The bar at the top: start and stop, where the sound comes from, what to do with the text, how it looks.

use std::{path::PathBuf, time::Duration};

use eframe::egui::{
    Align, Atom, Button, Color32, ComboBox, IdSalt, Key, Label, Layout, RichText, TextEdit, TextStyle, Ui, Vec2,
    Window, vec2,
};

use crate::{
    config::{Settings, Theme},
    session::Command,
    ui::{
        model::{Phase, UiModel},
        panels::transcript::TranscriptView,
        theme::Palette,
    },
};

/// Points that the buttons at the right end need, and those below which the word count before them is left out.
const RIGHT_WIDTH: f32 = 190.0;
const COUNT_WIDTH: f32 = 330.0;
/// Points of a button that opens a page.
const PAGE_WIDTH: f32 = 64.0;
/// Points that everything but its title needs above a recorded run.
const RECORDED_WIDTH: f32 = 420.0;

/// How often the devices are listed anew while their list is open.
const DEVICES_EVERY_SECS: f64 = 2.0;

/// What can stand in the place of transcript and decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Dictations of the past.
    History,
    /// Models.
    Models,
}

impl Page {
    fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::History => ("History", "What was dictated before (Ctrl+H)"),
            Self::Models => ("Models", "What can transcribe, and what it costs here (Ctrl+M)"),
        }
    }
}

/// What the bar keeps between frames.
#[derive(Debug, Default)]
pub(crate) struct ControlsView {
    /// When the devices were last asked for, while their list is open.
    devices_asked_secs: Option<f64>,
    /// The path being typed, while the field for it is open.
    path: Option<String>,
    pub(crate) settings_open: bool,
    pub(crate) help_open: bool,
    /// Pages that can be opened, and the one that is.
    pub(crate) pages: Vec<Page>,
    pub(crate) page: Option<Page>,
}

impl ControlsView {
    /// Opens or closes the field for a file's path.
    pub(crate) fn toggle_path(&mut self) {
        self.path = if self.path.is_some() { None } else { Some(String::new()) };
    }

    /// Opens a page if somebody has what it shows, or closes it.
    pub(crate) fn toggle_page(&mut self, page: Page) {
        self.page = Some(page).filter(|page| self.page != Some(*page) && self.pages.contains(page));
    }

    /// Closes what lies open; true if there was something.
    pub(crate) fn close_one(&mut self) -> bool {
        self.path.take().is_some() || std::mem::take(&mut self.settings_open) || self.page.take().is_some()
    }
}

pub(crate) fn controls_ui(
    ui: &mut Ui,
    model: &mut UiModel,
    view: &mut ControlsView,
    transcript: &TranscriptView,
    settings: &mut Settings,
    trace_audio: bool,
    commands: &mut Vec<Command>,
) {
    ui.horizontal_wrapped(|ui| {
        start_button(ui, model, settings, commands);
        if let Some(cancel) = model.cancel()
            && ui.button("Cancel").on_hover_text("Stop and throw away what is still grey (Esc)").clicked()
        {
            commands.push(cancel);
        }
        device_picker(ui, model, view, settings, commands);
        if ui.button("Open file…").on_hover_text("Transcribe a recording (Ctrl+O); or drop one on the window").clicked()
        {
            view.toggle_path();
        }
        trace_button(ui, model, trace_audio, commands);
        ui.separator();
        text_buttons(ui, model, transcript);
        let width = RIGHT_WIDTH + PAGE_WIDTH * view.pages.len() as f32;
        at_the_right(ui, width, |ui| {
            help_button(ui, view);
            let gear = Button::new("Settings").selected(view.settings_open);
            if ui.add(gear).on_hover_text("Windows, features, punctuation (Ctrl+,)").clicked() {
                view.settings_open = !view.settings_open;
            }
            for page in view.pages.clone().into_iter().rev() {
                let (title, hint) = page.title();
                if ui.add(Button::new(title).selected(view.page == Some(page))).on_hover_text(hint).clicked() {
                    view.toggle_page(page);
                }
            }
            theme_button(ui, settings);
        });
    });
    path_window(ui, view, commands);
}

/// The bar above a run that is over: which one, and what can be done with its text.
pub(crate) fn recorded_controls_ui(
    ui: &mut Ui,
    model: &mut UiModel,
    view: &mut ControlsView,
    transcript: &TranscriptView,
    settings: &mut Settings,
) {
    let title = model.recorded().map_or_else(String::new, |run| run.title.clone());
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Recorded run").weak());
        let room = (ui.available_size_before_wrap().x - RECORDED_WIDTH).max(120.0);
        let shown = ui.painter().layout_no_wrap(title.clone(), TextStyle::Button.resolve(ui.style()), Color32::WHITE);
        let size = vec2(shown.size().x.min(room) + 2.0, ui.spacing().interact_size.y);
        ui.add_sized(size, Label::new(RichText::new(&title).strong()).truncate()).on_hover_text(&title);
        ui.separator();
        text_buttons(ui, model, transcript);
        at_the_right(ui, RIGHT_WIDTH, |ui| {
            help_button(ui, view);
            theme_button(ui, settings);
        });
    });
}

/// Right-aligned where there are `width` points, else on a line of their own.
fn at_the_right(ui: &mut Ui, width: f32, content: impl FnOnce(&mut Ui)) {
    let layout = if ui.available_size_before_wrap().x > width {
        Layout::right_to_left(Align::Center)
    } else {
        ui.end_row();
        Layout::left_to_right(Align::Center)
    };
    ui.with_layout(layout, content);
}

fn help_button(ui: &mut Ui, view: &mut ControlsView) {
    if ui.add(Button::new("?").selected(view.help_open)).on_hover_text("Keyboard shortcuts (?)").clicked() {
        view.help_open = !view.help_open;
    }
}

fn trace_button(ui: &mut Ui, model: &UiModel, audio: bool, commands: &mut Vec<Command>) {
    let hint = if model.trace.is_some() {
        "End the trace (Ctrl+T)"
    } else {
        "Write every window, decision and word to a file, from now on (Ctrl+T)"
    };
    if ui.add(Button::new("Trace").selected(model.trace.is_some())).on_hover_text(hint).clicked() {
        commands.push(model.toggle_trace(audio));
    }
}

fn start_button(ui: &mut Ui, model: &UiModel, settings: &Settings, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let running = model.is_running();
    let (text, color) = if running { ("Stop", palette.bad) } else { ("Start", palette.good) };
    let next = model.toggle(settings.device.as_deref());
    let icon = IdSalt::new("start icon");
    let button = Button::new((Atom::custom(icon, Vec2::splat(11.0)), RichText::new(text).strong()));
    let button = button.min_size(vec2(80.0, 0.0));
    let hint = if model.phase() == Phase::Stopping { "The rest is being transcribed" } else { "Space" };
    ui.add_enabled_ui(next.is_some(), |ui| {
        let shown = button.atom_ui(ui);
        if let Some(rect) = shown.rect(icon) {
            let rounding = if running { 1.5 } else { 0.5 * rect.width() };
            ui.painter().rect_filled(rect, rounding, if ui.is_enabled() { color } else { palette.weak });
        }
        if shown.response.on_hover_text(hint).on_disabled_hover_text(hint).clicked() {
            commands.extend(next);
        }
    });
}

fn device_picker(
    ui: &mut Ui,
    model: &UiModel,
    view: &mut ControlsView,
    settings: &mut Settings,
    commands: &mut Vec<Command>,
) {
    const DEFAULT: &str = "Default microphone";
    let before = settings.device.clone();
    let shown = before.as_deref().unwrap_or(DEFAULT);
    let picker = ComboBox::from_id_salt("device")
        .width((0.17 * ui.ctx().content_rect().width()).clamp(130.0, 230.0))
        .truncate()
        .selected_text(shown);
    let response = picker.show_ui(ui, |ui| {
        ui.selectable_value(&mut settings.device, None, DEFAULT);
        match model.devices() {
            None => {
                ui.weak("Looking for devices…");
            }
            Some([]) => {
                ui.weak("No input device found.");
            }
            Some(devices) => {
                for device in devices {
                    let name = device.name.clone();
                    let text = if device.is_default { format!("{name} (default)") } else { name.clone() };
                    ui.selectable_value(&mut settings.device, Some(name), text);
                }
            }
        }
    });
    if response.inner.is_none() {
        view.devices_asked_secs = None;
    } else if view.devices_asked_secs.is_none_or(|asked| model.now_secs() - asked >= DEVICES_EVERY_SECS) {
        // Again and again: one may be plugged in while the list is looked at.
        view.devices_asked_secs = Some(model.now_secs());
        commands.push(Command::ListDevices);
    }
    if response.inner.is_some() {
        ui.ctx().request_repaint_after(Duration::from_secs_f64(DEVICES_EVERY_SECS));
    }
    response.response.on_hover_text("Microphone");
    if settings.device != before {
        let device = settings.device.clone();
        commands.push(if model.is_running() {
            // Another microphone while dictating: go on with that one.
            UiModel::start(device.as_deref())
        } else {
            Command::Listen(settings.audio.listening(), device)
        });
    }
}

fn text_buttons(ui: &mut Ui, model: &mut UiModel, transcript: &TranscriptView) {
    let words = model.transcript.words().len();
    let copy = ui.add_enabled(words > 0, Button::new("Copy")).on_hover_text("Copy all committed text (Ctrl+C)");
    if copy.clicked() {
        copy_text(ui, model, None);
    }
    let clears = model.recorded().is_none();
    if clears
        && ui.add_enabled(words > 0, Button::new("Clear")).on_hover_text("Clear the transcript (Ctrl+L)").clicked()
    {
        model.transcript.clear();
    }
    if model.transcript.can_undo()
        && ui.button("Undo clear").on_hover_text("Bring the cleared text back (Ctrl+Z)").clicked()
    {
        model.transcript.undo_clear();
    }
    let count = match transcript.selected() {
        Some(selected) => format!("{} of {words} words selected", selected.len()),
        None if words == 1 => "1 word".to_owned(),
        None => format!("{words} words"),
    };
    if ui.available_size_before_wrap().x > COUNT_WIDTH {
        ui.label(RichText::new(count).small().weak());
    }
}

/// Copies the selected words, or all.
pub(crate) fn copy_text(ui: &Ui, model: &mut UiModel, selected: Option<std::ops::Range<usize>>) {
    let text = selected.map_or_else(|| model.transcript.full_text(), |range| model.transcript.text(range));
    if !text.is_empty() {
        ui.copy_text(text);
    }
}

fn theme_button(ui: &mut Ui, settings: &mut Settings) {
    let (text, next, hint) = match settings.theme {
        Theme::System => ("System", Theme::Light, "Theme: as the desktop has it; click for light"),
        Theme::Light => ("Light", Theme::Dark, "Theme: light; click for dark"),
        Theme::Dark => ("Dark", Theme::System, "Theme: dark; click to follow the desktop"),
    };
    if ui.button(text).on_hover_text(hint).clicked() {
        settings.theme = next;
    }
}

fn path_window(ui: &Ui, view: &mut ControlsView, commands: &mut Vec<Command>) {
    let Some(path) = &mut view.path else { return };
    let mut chosen = false;
    let mut open = true;
    Window::new("Open a recording").open(&mut open).collapsible(false).resizable(false).show(ui.ctx(), |ui| {
        ui.label("WAV, FLAC, MP3, OGG or AIFF; or drop the file on the window.");
        ui.horizontal(|ui| {
            let field = TextEdit::singleline(path).hint_text("Path of the recording").desired_width(380.0);
            let field = ui.add(field).on_hover_text("Path of the recording");
            if !field.has_focus() && !field.lost_focus() && path.is_empty() {
                field.request_focus();
            }
            let enter = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let button = ui.add_enabled(!path.trim().is_empty(), Button::new("Open"));
            chosen = (enter && !path.trim().is_empty()) || button.clicked();
        });
    });
    if chosen {
        commands.push(UiModel::open_file(PathBuf::from(path.trim().trim_matches(['"', '\'']))));
    }
    if chosen || !open {
        view.path = None;
    }
}
