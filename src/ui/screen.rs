//! The whole window without the window: model, view and the commands that come of them.

mod pages;

use std::time::Duration;

use eframe::egui::{CentralPanel, Event as UiEvent, Frame, Key, Margin, Modifiers, Panel, ThemePreference, Ui};

use crate::{
    config::{EngineName, Settings, Theme},
    session::Command,
    ui::{
        model::UiModel,
        notice::Severity,
        panels::{
            controls::{self, ControlsView, Page},
            decisions::{self, DecisionView},
            help, models, notices,
            overlay::{self, OverlayView},
            past,
            settings::{self, SettingsView},
            status,
            transcript::{self, TranscriptView},
        },
        recording::Recording,
        theme,
    },
};
use pages::Pages;

/// Time between frames while dictation runs: 30 a second at most.
const FRAME_TIME: Duration = Duration::from_millis(33);

/// The same where the processor paints: the engine needs it more.
pub(crate) const SOFTWARE_FRAME_TIME: Duration = Duration::from_millis(100);

/// Widths of the settings at the side, and the least height of the transcript, in points.
const SETTINGS_WIDTH: f32 = 268.0;
const TRANSCRIPT_HEIGHT: f32 = 150.0;
/// Height of the transcript of a recorded run: the decisions have more rows there.
const RECORDED_TRANSCRIPT_HEIGHT: f32 = 104.0;

/// One part of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The bar at the top.
    Controls,
    /// Messages.
    Notices,
    /// The text.
    Transcript,
    /// The decisions on their time axis.
    Decisions,
    /// What can be set.
    Settings,
    /// The line at the bottom.
    Status,
    /// The list of shortcuts, if it is open.
    Help,
    /// The small window on top of all others; no part of this one.
    Overlay,
}

/// What stands in the window and how it is looked at.
#[derive(Debug)]
pub struct Screen {
    /// What is known.
    pub model: UiModel,
    settings: Settings,
    commands: Vec<Command>,
    controls: ControlsView,
    transcript: TranscriptView,
    decisions: DecisionView,
    pages: Pages,
    settings_view: SettingsView,
    theme_shown: Option<Theme>,
    /// A trace that the button starts keeps the sound too.
    trace_audio: bool,
    /// Time between frames while dictation runs.
    pub(crate) frame_time: Duration,
}

impl Screen {
    /// A window that waits for the model to load.
    pub fn new(settings: Settings) -> Self {
        let mut model = UiModel::new(settings.session.clone());
        model.use_rules(&settings.text);
        Self {
            model,
            settings,
            commands: Vec::new(),
            controls: ControlsView::default(),
            transcript: TranscriptView::default(),
            decisions: DecisionView::default(),
            pages: Pages::default(),
            settings_view: SettingsView::default(),
            theme_shown: None,
            trace_audio: true,
            frame_time: FRAME_TIME,
        }
    }

    /// A window on a run that is over: nothing in it starts, stops or sets anything.
    pub fn recorded(recording: Recording, theme: Theme) -> Self {
        let model = UiModel::of_recording(recording);
        let settings = Settings { theme, session: model.settings().clone(), ..Settings::default() };
        let decisions = DecisionView::of_recording(&model);
        Self { model, decisions, ..Self::new(settings) }
    }

    /// What the user set, to be saved.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends `command` as if a button had been pressed.
    pub fn command(&mut self, command: Command) {
        self.model.sent(&command);
        if let Command::Set(_) = command {
            self.settings.session = self.model.settings().clone();
        }
        self.commands.push(command);
    }

    /// What is to be sent to the threads since the last call.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Lays out the whole window.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.follow_theme(ui);
        // A refused setting goes back in the model; what is saved follows.
        if self.settings.session != *self.model.settings() {
            self.settings.session = self.model.settings().clone();
        }
        if let Some(engine) = self.model.chosen_engine().and_then(EngineName::parse) {
            self.settings.engine = engine;
        }
        self.follow_model_change();
        let mut commands = Vec::new();
        self.keys(ui, &mut commands);
        if self.model.recorded().is_none() {
            dropped_files(ui, &mut self.model, &mut commands);
        }
        self.panels(ui, &mut commands);
        self.part(ui, Part::Help, &mut commands);
        for command in commands {
            self.command(command);
        }
        self.ask_for_next_frame(ui);
    }

    /// Lays out one part of the window alone, as the snapshot tests look at it.
    pub fn part_ui(&mut self, ui: &mut Ui, part: Part) {
        self.follow_theme(ui);
        let mut commands = Vec::new();
        self.part(ui, part, &mut commands);
        for command in commands {
            self.command(command);
        }
    }

    fn part(&mut self, ui: &mut Ui, part: Part, commands: &mut Vec<Command>) {
        let Self { model, controls, transcript, decisions, settings, settings_view, trace_audio, .. } = self;
        let recorded = model.recorded().is_some();
        match part {
            Part::Controls if recorded => {
                controls::recorded_controls_ui(ui, model, controls, transcript, settings);
            }
            Part::Controls => controls::controls_ui(ui, model, controls, transcript, settings, *trace_audio, commands),
            Part::Notices => notices::notices_ui(ui, model),
            Part::Transcript => {
                transcript::transcript_ui(ui, model, transcript);
                let clicked = transcript.take_clicked().filter(|_| recorded);
                if let Some(word) = clicked.and_then(|index| model.transcript.words().get(index)) {
                    decisions.show_word(model, word);
                }
            }
            Part::Decisions => decisions::decisions_ui(ui, model, decisions),
            Part::Settings => {
                let rules = settings.text.clone();
                settings::settings_ui(ui, model, settings, settings_view, trace_audio, commands);
                if settings.text != rules {
                    model.use_rules_next(&settings.text);
                }
            }
            Part::Status => status::status_ui(ui, model, commands),
            Part::Help => help::help_ui(ui, recorded, &mut controls.help_open),
            Part::Overlay => overlay::overlay_ui(ui, &OverlayView::of(model)),
        }
    }

    fn panels(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let bar = Frame::side_top_panel(ui.style()).inner_margin(Margin::symmetric(10, 6));
        Panel::top("controls").frame(bar).show(ui, |ui| self.part(ui, Part::Controls, commands));
        Panel::bottom("status").frame(bar).show(ui, |ui| self.part(ui, Part::Status, commands));
        if !self.model.notices.is_empty() {
            Panel::top("notices").frame(bar).show(ui, |ui| self.part(ui, Part::Notices, commands));
        }
        if self.controls.settings_open {
            let side = Panel::right("settings").resizable(false).exact_size(SETTINGS_WIDTH).frame(bar);
            side.show(ui, |ui| self.part(ui, Part::Settings, commands));
        }
        let body = Frame::central_panel(ui.style()).inner_margin(Margin::symmetric(10, 8));
        let page = self.controls.page;
        self.pages.past.show(page == Some(Page::History));
        self.pages.models.show(page == Some(Page::Models));
        if let Some(page) = page {
            let idle = !self.model.is_live();
            CentralPanel::default().frame(body).show(ui, |ui| match page {
                Page::History => past::past_ui(ui, &mut self.pages.past),
                Page::Models => models::models_ui(ui, &mut self.pages.models, idle),
            });
            return;
        }
        let height = if self.model.recorded().is_some() { RECORDED_TRANSCRIPT_HEIGHT } else { TRANSCRIPT_HEIGHT };
        let text = Panel::top("transcript").resizable(true).default_size(height).min_size(70.0).frame(body);
        text.show(ui, |ui| self.part(ui, Part::Transcript, commands));
        CentralPanel::default().frame(body).show(ui, |ui| self.part(ui, Part::Decisions, commands));
    }

    fn follow_theme(&mut self, ui: &Ui) {
        if self.theme_shown != Some(self.settings.theme) {
            theme::install(ui.ctx());
            ui.ctx().set_theme(match self.settings.theme {
                Theme::System => ThemePreference::System,
                Theme::Light => ThemePreference::Light,
                Theme::Dark => ThemePreference::Dark,
            });
            self.theme_shown = Some(self.settings.theme);
        }
    }

    /// Shortcuts. A focused button takes Space itself, a focused field takes everything.
    fn keys(&mut self, ui: &Ui, commands: &mut Vec<Command>) {
        if self.model.recorded().is_none() {
            self.live_keys(ui, commands);
        }
        if ui.ctx().text_edit_focused() {
            return;
        }
        let typed = |text: &str| ui.input(|input| input.events.contains(&UiEvent::Text(text.to_owned())));
        let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        if ui.input(|input| input.events.iter().any(|event| matches!(event, UiEvent::Copy))) {
            controls::copy_text(ui, &mut self.model, self.transcript.selected());
        }
        if typed("+") {
            self.decisions.zoom_in(&self.model);
        }
        if typed("-") {
            self.decisions.zoom_out(&self.model);
        }
        if typed("?") {
            self.controls.help_open = !self.controls.help_open;
        }
        for (key, pages) in
            [(Key::Home, f64::NEG_INFINITY), (Key::PageUp, -1.0), (Key::PageDown, 1.0), (Key::End, f64::INFINITY)]
        {
            if pressed(Modifiers::NONE, key) {
                self.decisions.page(&self.model, pages);
            }
        }
        // The pattern without Shift would take the key with it too.
        for (modifiers, offset) in [(Modifiers::SHIFT, -1), (Modifiers::NONE, 1)] {
            if pressed(modifiers, Key::N) {
                self.decisions.jump(&self.model, offset);
            }
        }
        if !self.decisions.has_pin() && !self.controls.help_open && pressed(Modifiers::NONE, Key::Escape) {
            let closed = self.decisions.close_report() || self.controls.close_one();
            if !closed && self.model.recorded().is_none() {
                commands.extend(self.model.cancel());
            }
        }
    }

    /// Shortcuts that act on dictation.
    fn live_keys(&mut self, ui: &Ui, commands: &mut Vec<Command>) {
        let focused = ui.memory(|memory| memory.focused().is_some());
        let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        if pressed(Modifiers::COMMAND, Key::Comma) {
            self.controls.settings_open = !self.controls.settings_open;
        }
        if pressed(Modifiers::COMMAND, Key::L) {
            self.model.transcript.clear();
        }
        for (key, page) in [(Key::H, Page::History), (Key::M, Page::Models)] {
            if pressed(Modifiers::COMMAND, key) {
                self.controls.toggle_page(page);
            }
        }
        if pressed(Modifiers::COMMAND, Key::O) {
            self.controls.toggle_path();
        }
        if pressed(Modifiers::COMMAND, Key::T) {
            commands.push(self.model.toggle_trace(self.trace_audio));
        }
        if ui.ctx().text_edit_focused() {
            return;
        }
        if pressed(Modifiers::COMMAND, Key::Z) {
            self.model.transcript.undo_clear();
        }
        if pressed(Modifiers::NONE, Key::F) {
            self.decisions.toggle_freeze(&self.model);
        }
        if !focused && !self.controls.help_open && pressed(Modifiers::NONE, Key::Space) {
            commands.extend(self.model.toggle(self.settings.device.as_deref()));
        }
    }

    fn ask_for_next_frame(&self, ui: &Ui) {
        if self.model.is_live() || self.model.clip_lamp() {
            ui.ctx().request_repaint_after(self.frame_time);
        } else if let Some(secs) = self.model.notices.next_expiry(self.model.now_secs()) {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(secs.max(0.05)));
        }
    }
}

/// The first file dropped on the window is transcribed at the pace it was spoken.
fn dropped_files(ui: &Ui, model: &mut UiModel, commands: &mut Vec<Command>) {
    let dropped = ui.input(|input| input.raw.dropped_files.clone());
    let Some(first) = dropped.first() else { return };
    commands.push(UiModel::open_file(first.path().to_owned()));
    if dropped.len() > 1 {
        model.say(Severity::Info, format!("{} files were dropped; the first is transcribed.", dropped.len()));
    }
}
