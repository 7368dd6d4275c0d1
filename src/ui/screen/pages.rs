//! The pages beside dictation: past dictations and models, and what comes of a model that was chosen there.

use crate::{
    session::Command,
    ui::{
        models::{ModelsAsk, ModelsTold, ModelsView},
        notice::Severity,
        panels::controls::Page,
        past::{PastAsk, PastTold, PastView},
        screen::Screen,
    },
};

use std::path::PathBuf;

/// Pages and what they keep between frames.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) past: PastView,
    pub(super) models: ModelsView,
    /// The model that an engine is being opened with, and how many engines were ready before.
    change: Option<(Option<PathBuf>, u64)>,
}

impl Screen {
    /// Somebody has the dictations of the past: a button opens their page.
    pub fn offer_past(&mut self) {
        self.controls.pages.push(Page::History);
    }

    /// Somebody has models: a button opens their page.
    pub fn offer_models(&mut self) {
        self.controls.pages.push(Page::Models);
    }

    /// What the page of past dictations asks for since the last call.
    pub fn take_past_asks(&mut self) -> Vec<PastAsk> {
        self.pages.past.take_asks()
    }

    /// What the page of models asks for since the last call.
    pub fn take_models_asks(&mut self) -> Vec<ModelsAsk> {
        self.pages.models.take_asks()
    }

    /// Whether what the page of models waits for shall end.
    pub fn take_models_stop(&mut self) -> bool {
        self.pages.models.take_stop()
    }

    /// Takes in what was asked for.
    pub fn hear_past(&mut self, told: PastTold) {
        match self.pages.past.hear(told) {
            None => {}
            Some(Ok(text)) => self.model.say(Severity::Info, text),
            Some(Err(text)) => self.model.say(Severity::Warning, text),
        }
    }

    /// Takes in what was asked for. A model that can be read goes to the engine of the settings.
    pub fn hear_models(&mut self, told: ModelsTold) {
        match self.pages.models.hear(told) {
            Some(ModelsTold::Said(text)) => self.model.say(Severity::Info, text),
            Some(ModelsTold::Failed(text)) => self.model.say(Severity::Warning, text),
            Some(ModelsTold::Readable { path }) => {
                self.pages.change = Some((path, self.model.engines_ready()));
                self.command(Command::UseEngine(self.settings.engine.as_str().to_owned()));
            }
            _ => {}
        }
    }

    /// Keeps the model of a change once an engine runs it, and takes the change back where none does.
    pub(super) fn follow_model_change(&mut self) {
        if self.model.is_changing_engine() {
            return;
        }
        let Some((path, ready_before)) = self.pages.change.take() else { return };
        if self.model.engines_ready() > ready_before {
            self.settings.model = path;
        } else {
            self.pages.models.ask(ModelsAsk::Undo, "Going back");
        }
        self.pages.models.ask(ModelsAsk::List, "Reading models");
    }
}
