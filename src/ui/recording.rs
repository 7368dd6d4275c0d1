//! A run that is over, as the window shows it: everything at once, alone or beside another run of the same sound.

use eframe::egui;

use crate::{
    config::Theme,
    decode::Decision,
    session::{Event, PlotItem, Ready, SessionSettings},
    text::TextSettings,
    ui::{
        screen::Screen,
        window::{self, UiError},
    },
    units::EncIdx,
};

/// A run that was written down.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What the window is called: the file.
    pub title: String,
    /// What ran.
    pub ready: Ready,
    /// Settings at its beginning.
    pub settings: SessionSettings,
    /// Rules for the text that is shown.
    pub text: TextSettings,
    /// What it told, in order: committed words, ends of utterances.
    pub events: Vec<Event>,
    /// What the decision view draws, in order. Levels and mel values may be missing.
    pub plots: Vec<PlotItem>,
    /// The run it is held against, if any.
    pub other: Option<OtherRun>,
}

/// Another run of the same sound.
#[derive(Clone, Debug)]
pub struct OtherRun {
    /// What it is called: its file, or the engine that made it.
    pub name: String,
    /// What came of the comparison, in one line.
    pub verdict: String,
    /// The same at length, line by line.
    pub report: Vec<String>,
    /// Its committed decisions, in order.
    pub decisions: Vec<Decision>,
    /// Where the two runs part.
    pub differences: Vec<Difference>,
}

/// One place where two runs decided differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The frame.
    pub at: EncIdx,
    /// What differs, in a few words: "duration 1 against 0".
    pub what: String,
    /// The first: what comes after may follow from it.
    pub first: bool,
}

/// Opens the window on a run that is over, without model, microphone or threads; returns once it is closed.
pub fn run_recorded(recording: Recording, theme: Theme) -> Result<(), UiError> {
    let title = format!("{} – Dictoscope", recording.title);
    window::open(&title, false, |_| RecordedApp { screen: Screen::recorded(recording, theme) })
}

struct RecordedApp {
    screen: Screen,
}

impl eframe::App for RecordedApp {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let now_secs = ui.input(|input| input.time);
        self.screen.model.tick(now_secs);
        self.screen.ui(ui);
        // Nobody is there to take commands.
        self.screen.take_commands();
    }
}
