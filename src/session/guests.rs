//! What a live session is given from outside: engines to choose from, and who writes it down.

use std::path::PathBuf;

use crate::{
    engine::{Engine, EngineInfo},
    models::Model,
    session::{Probe, Session},
};

/// Loads the model and the engine of a name; called on the inference thread, again after a failure. The error is shown
/// as it is.
pub type OpenEngine = Box<dyn Fn(&str) -> Result<(Model, Box<dyn Engine>), String> + Send>;

/// What may compute.
pub struct Engines {
    /// Makes one of them ready.
    pub open: OpenEngine,
    /// Name of the one to begin with.
    pub chosen: String,
    /// Name of the one to go on with when the chosen one cannot be had or fails; `None` where the user allowed none.
    pub fallback: Option<String>,
}

impl Engines {
    /// One engine, by the name `only`, and no other; for tests and tools.
    pub fn only(open: impl Fn() -> Result<(Model, Box<dyn Engine>), String> + Send + 'static) -> Self {
        Self { open: Box::new(move |_| open()), chosen: "only".to_owned(), fallback: None }
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { chosen, fallback, .. } = self;
        f.debug_struct("Engines").field("chosen", chosen).field("fallback", fallback).finish_non_exhaustive()
    }
}

/// Makes the guest that writes the session down, on the inference thread. `audio`: the sound is to be kept too.
/// The error is shown as it is.
pub type OpenTrace = Box<dyn FnMut(&mut Session, bool) -> Result<TraceGuest, String> + Send>;

/// A guest that writes the session down beside the window. Dropping it ends the file.
pub struct TraceGuest {
    /// The file.
    pub path: PathBuf,
    /// What listens.
    pub probe: Box<dyn Probe + Send>,
}

impl std::fmt::Debug for TraceGuest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceGuest").field("path", &self.path).finish_non_exhaustive()
    }
}

/// How a run is written down.
pub struct Tracing {
    /// Makes the trace.
    pub open: OpenTrace,
    /// As soon as the model is loaded; else when [`crate::session::Command::StartTrace`] says so.
    pub at_once: bool,
}

impl std::fmt::Debug for Tracing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracing").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

/// Makes the guest that keeps the words of a source, by its name; called for each source on the inference thread.
/// Dropping the guest ends what it keeps.
pub type OpenJournal = Box<dyn FnMut(&str, &EngineInfo) -> Box<dyn Probe + Send> + Send>;

/// Makes the guest that types the words of a source; called for each source on the inference thread.
pub type OpenTyping = Box<dyn FnMut() -> Box<dyn Probe + Send> + Send>;

/// Who writes a live session down.
#[derive(Default)]
pub struct Guests {
    /// A trace of its decisions.
    pub tracing: Option<Tracing>,
    /// A journal of its words.
    pub journal: Option<OpenJournal>,
    /// Types its words into the focused window.
    pub typing: Option<OpenTyping>,
}

impl std::fmt::Debug for Guests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tracing, journal, typing } = self;
        f.debug_struct("Guests")
            .field("tracing", tracing)
            .field("journal", &journal.is_some())
            .field("typing", &typing.is_some())
            .finish()
    }
}
