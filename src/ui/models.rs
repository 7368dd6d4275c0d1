//! Models, as their page knows them. Opening, measuring, fetching and removing them is for whoever has the files.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use crossbeam_channel::{Receiver, Sender};

/// What the page asks for; answered in turn. The answers to each end with [`ModelsTold::Done`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelsAsk {
    /// Every model that is here or can be fetched.
    List,
    /// Read one whose engine shall change to it.
    Use {
        /// Its name.
        name: String,
    },
    /// No engine took the one of the last [`Self::Use`]: the one before stays.
    Undo,
    /// Run one on 3 s of noise with every engine that can.
    Measure {
        /// Its name.
        name: String,
    },
    /// Fetch one.
    Download {
        /// Its name.
        name: String,
    },
    /// Give the model at a path the name of its folder.
    Add {
        /// Its folder, or the file of its encoder.
        path: PathBuf,
    },
    /// One away for good; of one that is somewhere else, only its name.
    Remove {
        /// Its name.
        name: String,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelsTold {
    /// To [`ModelsAsk::List`]: all of them, by name; what takes time to read comes later.
    List(Vec<ModelRow>),
    /// What is known of one by now.
    Row(ModelRow),
    /// To [`ModelsAsk::Use`]: it can be read, and is at the path; `None` is the one in the binary.
    Readable {
        /// For the settings.
        path: Option<PathBuf>,
    },
    /// To [`ModelsAsk::Measure`], once for each engine.
    Cost {
        /// The model's name.
        name: String,
        /// The engine's name.
        engine: String,
        /// What it costs, or why it does not run the model.
        cost: Result<ModelCost, String>,
    },
    /// How far a download is.
    Progress {
        /// From 0 to 1, if the size is known.
        share: Option<f32>,
        /// To be read.
        text: String,
    },
    /// What the user should know.
    Said(String),
    /// What went wrong.
    Failed(String),
    /// That was all.
    Done,
}

/// Where a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPlace {
    /// In the binary.
    BuiltIn,
    /// In the folder of models.
    Kept,
    /// Somewhere else on this machine, known by a name.
    Elsewhere,
    /// Somewhere else, without a name.
    Given,
    /// On a server.
    ToFetch,
}

/// One model in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: ModelPlace,
    /// It is the one of the settings.
    pub chosen: bool,
    /// A line about it.
    pub line: String,
    /// What is known of it: what, and how it is.
    pub facts: Vec<(&'static str, String)>,
    /// Why it cannot be used.
    pub fault: Option<String>,
}

/// What a model costs with an engine on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelCost {
    /// Milliseconds to encode 3 s.
    pub encode_ms: f64,
    /// Milliseconds for a decision.
    pub step_ms: f64,
    /// Seconds of work for a second of audio.
    pub real_time_factor: f64,
}

/// An engine's name, and what a model costs with it, or why it does not run it.
pub(crate) type EngineCost = (String, Result<ModelCost, String>);

/// Whoever has the models.
#[derive(Debug)]
pub struct Models {
    /// Takes questions.
    pub ask: Sender<ModelsAsk>,
    /// Gives answers.
    pub told: Receiver<ModelsTold>,
    /// Ends what is going on; taken back by whoever has the models.
    pub stop: Arc<AtomicBool>,
}

/// What the page keeps between frames.
#[derive(Debug, Default)]
pub(crate) struct ModelsView {
    shown: bool,
    listed: Option<Vec<ModelRow>>,
    /// Name of the chosen row.
    pub(crate) chosen: Option<String>,
    /// By model: what engines cost, in the order of the answers.
    costs: BTreeMap<String, Vec<EngineCost>>,
    /// What is written in the field.
    pub(crate) path: String,
    /// Remove was pressed once.
    pub(crate) sure: bool,
    /// Questions that are not answered to their end, and what the last one is, to be read.
    waiting: usize,
    doing: String,
    progress: Option<(Option<f32>, String)>,
    asks: Vec<ModelsAsk>,
    stop: bool,
}

impl ModelsView {
    /// Told in every frame whether the page is open; a page that opens lists anew.
    pub(crate) fn show(&mut self, open: bool) {
        if open && !self.shown {
            self.ask(ModelsAsk::List, "Reading models");
        }
        self.shown = open;
    }

    pub(crate) fn rows(&self) -> Option<&[ModelRow]> {
        self.listed.as_deref()
    }

    /// The row that was clicked, else that of the model in use.
    pub(crate) fn row(&self) -> Option<&ModelRow> {
        let rows = self.rows()?;
        let clicked = self.chosen.as_ref().and_then(|name| rows.iter().find(|row| row.name == *name));
        clicked.or_else(|| rows.iter().find(|row| row.chosen))
    }

    pub(crate) fn choose(&mut self, name: &str) {
        self.sure = false;
        self.chosen = Some(name.to_owned());
    }

    /// What engines cost with a model, as far as it was measured.
    pub(crate) fn costs(&self, name: &str) -> &[EngineCost] {
        self.costs.get(name).map_or(&[], Vec::as_slice)
    }

    /// Asks for something; `doing` says what, until it is done.
    pub(crate) fn ask(&mut self, ask: ModelsAsk, doing: &str) {
        if let ModelsAsk::Measure { name } = &ask {
            self.costs.remove(name);
        }
        self.sure = false;
        self.waiting += 1;
        doing.clone_into(&mut self.doing);
        self.asks.push(ask);
    }

    /// Removes a model when it is called a second time.
    pub(crate) fn remove(&mut self, name: &str) {
        if !std::mem::replace(&mut self.sure, true) {
            return;
        }
        self.chosen = None;
        self.ask(ModelsAsk::Remove { name: name.to_owned() }, "Removing");
    }

    /// What is going on, if anything is.
    pub(crate) fn doing(&self) -> Option<&str> {
        (self.waiting > 0).then_some(self.doing.as_str())
    }

    /// How far the download is, if one is going on.
    pub(crate) fn progress(&self) -> Option<(Option<f32>, &str)> {
        self.progress.as_ref().map(|(share, text)| (*share, text.as_str()))
    }

    pub(crate) fn stop(&mut self) {
        self.stop = true;
    }

    pub(crate) fn take_asks(&mut self) -> Vec<ModelsAsk> {
        std::mem::take(&mut self.asks)
    }

    /// Whether what is going on shall end.
    pub(crate) fn take_stop(&mut self) -> bool {
        std::mem::take(&mut self.stop)
    }

    /// Takes in what concerns the page alone; the rest comes back.
    pub(crate) fn hear(&mut self, told: ModelsTold) -> Option<ModelsTold> {
        match told {
            ModelsTold::List(rows) => self.listed = Some(rows),
            ModelsTold::Row(row) => {
                let rows = self.listed.as_mut();
                if let Some(old) = rows.and_then(|rows| rows.iter_mut().find(|old| old.name == row.name)) {
                    *old = row;
                }
            }
            ModelsTold::Cost { name, engine, cost } => self.costs.entry(name).or_default().push((engine, cost)),
            ModelsTold::Progress { share, text } => self.progress = Some((share, text)),
            ModelsTold::Done => {
                self.waiting = self.waiting.saturating_sub(1);
                self.progress = None;
            }
            told @ (ModelsTold::Readable { .. } | ModelsTold::Said(_) | ModelsTold::Failed(_)) => return Some(told),
        }
        None
    }
}
