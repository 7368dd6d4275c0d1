//! Typing into the focused window, as the flags and the settings ask for it.

use std::time::Duration;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    config::{OutputSettings, Settings, TypeMode},
    output::Typist,
};

/// What still waits at the end of the program, such as a long paste, gets so long.
pub(super) const FINISH_LIMIT: Duration = Duration::from_secs(8);

pub(super) fn type_mode() -> impl TypedValueParser<Value = TypeMode> {
    PossibleValuesParser::new(TypeMode::NAMES).map(|name| TypeMode::parse(&name).unwrap_or_default())
}

/// Whether what is said is typed.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct OutputArgs {
    /// Type into the window that has the focus: nothing, words as they are committed, or an utterance at its end.
    #[arg(long = "type", value_name = "WHEN", value_parser = type_mode())]
    pub(super) mode: Option<TypeMode>,
}

impl OutputArgs {
    /// The flags over the settings.
    pub(super) fn over(&self, settings: &Settings) -> OutputSettings {
        OutputSettings { mode: self.mode.unwrap_or(settings.output.mode), ..settings.output.clone() }
    }
}

/// Starts the thread that types. What the user must know is told to `tell`.
pub(super) fn start(
    settings: OutputSettings,
    wake: impl Fn() + Send + 'static,
    mut tell: impl FnMut(String),
) -> Option<Typist> {
    Typist::start(settings, None, wake).map_err(|error| tell(format!("nothing is typed: no thread: {error}"))).ok()
}
