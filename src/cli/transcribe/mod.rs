//! `dictoscope transcribe`: recordings into text, as fast as possible, through the session the microphone uses.

mod args;
mod crew;
mod job;
mod places;
mod progress;
mod shape;

use std::{num::NonZero, thread};

use clap::{CommandFactory, error::ErrorKind};

use crate::{
    cli::{
        Cli, Console, Outcome,
        options::{ModelChoice, load_settings},
    },
    session::{Session, SessionSettings},
};

use args::Format;
pub(super) use args::TranscribeArgs;
use crew::{Orders, work};
use job::Job;

/// Threads of one engine, unless more are asked for.
const MOST_THREADS: usize = 4;

pub(super) fn run(args: &TranscribeArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let usage = |text: &str| Cli::command().error(ErrorKind::ArgumentConflict, text).exit();
    let several = args.files.len() > 1;
    if args.trace.trace.is_some() && several {
        usage("--trace goes with one FILE; expected 1, found several");
    }
    let format = args.format();
    if several && args.output.is_none() && matches!(format, Format::Subtitles(_)) {
        usage("subtitles of several FILEs make no one file; --output names a folder for them");
    }
    let places = match &args.output {
        Some(output) => places::places(&args.files, output, format, args.overwrite)?.into_iter().map(Some).collect(),
        None => vec![None; args.files.len()],
    };
    let stored = load_settings(console);
    let stream = args.stream || args.session.names_window();
    let rules = args.text.rules(&stored.text)?;
    let count = usize::from(args.jobs).min(args.files.len());
    let settings = args.session.over(stored.session.clone());
    let sessions = sessions(args.model.over(&stored), &settings, stream, count)?;
    for word in sessions.first().map_or(&[][..], Session::unwritable_words) {
        (console.tell)(&format!("custom word {word:?}: the model has no pieces to write it with"));
    }
    let job = |session| Job { session, stream, trace: args.trace.clone(), rules: rules.clone(), format };
    let orders = Orders { files: args.files.clone(), places, running: format == Format::Text };
    work(&orders, sessions.into_iter().map(job).collect(), console)
}

/// A session for each of `count` jobs, whose engines share what the model's weights take where they can, and have so many
/// threads all in all as one would have.
fn sessions(
    mut choice: ModelChoice,
    settings: &SessionSettings,
    stream: bool,
    count: usize,
) -> anyhow::Result<Vec<Session>> {
    if count > 1 {
        let machine = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS * count);
        choice.threads = Some((choice.threads.unwrap_or(machine) / count).max(1));
    }
    let model = choice.model()?;
    let first = choice.engine(&model)?;
    let mut engines = Vec::with_capacity(count);
    for _ in 1..count {
        engines.push(first.another().map_or_else(|| choice.engine(&model), Ok)?);
    }
    engines.push(first);
    let session = |engine| {
        let settings = settings.clone();
        if stream { Session::new(&model, engine, settings) } else { Session::whole_file(&model, engine, settings) }
    };
    Ok(engines.into_iter().map(session).collect::<Result<_, _>>()?)
}
