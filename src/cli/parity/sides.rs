//! What the verbs of `dictoscope parity` share: sides and input opened, the lines that name them, the last line.

use std::{io, path::Path};

use clap::{CommandFactory, error::ErrorKind};

use super::args::SidesArgs;
use crate::{
    cli::{
        Cli, Console, Outcome,
        options::{ModelChoice, load_settings},
    },
    models::Model,
    parity::{
        Gate,
        tensors::{Input, Side, SideFacts, Verdict},
    },
};

/// What a comparison works on.
pub(super) struct Opened {
    pub(super) choice: ModelChoice,
    pub(super) model: Model,
    /// The reference.
    pub(super) first: Side,
    /// At least one.
    pub(super) others: Vec<Side>,
}

/// Opens the model and the sides; `most` sides are taken. A wrong number of them is wrong usage and ends the program.
pub(super) fn open(args: &SidesArgs, most: usize, console: &mut Console<'_>) -> anyhow::Result<Opened> {
    let count = args.engines.len();
    if !(2..=most).contains(&count) {
        let expected = if most == 2 { "exactly 2" } else { "at least 2" };
        let usage = format!("--engines: expected {expected} sides with a comma between them, found {count}");
        Cli::command().error(ErrorKind::WrongNumberOfValues, usage).exit();
    }
    let choice = args.model.over(&load_settings(console));
    let model = choice.model()?;
    let first = choice.side(&args.engines[0], &model)?;
    let others = args.engines[1..].iter().map(|word| choice.side(word, &model)).collect::<anyhow::Result<_>>()?;
    Ok(Opened { choice, model, first, others })
}

/// Reads the input and tells what was odd about it.
pub(super) fn read_input(path: &Path, model: &Model, console: &mut Console<'_>) -> anyhow::Result<Input> {
    let input = Input::read(path, model.contract())?;
    for notice in &input.notices {
        (console.tell)(notice);
    }
    Ok(input)
}

/// A side in words: its name, and what computed.
pub(super) fn named(side: &SideFacts) -> String {
    match &side.engine {
        Some(info) => format!("{}: {}, {}, {}", side.name, info.engine, info.device, info.precision),
        None => format!("{}: does not say what computed; held to f32", side.name),
    }
}

/// The arithmetic that decides the bounds.
pub(super) fn held_to(gate: &Gate) -> String {
    format!("held to {}", serde_json::to_value(gate.arithmetic).unwrap_or_default().as_str().unwrap_or_default())
}

/// Why a side fails, one a line.
pub(super) fn print_reasons(reasons: &[String], console: &mut Console<'_>) -> io::Result<()> {
    reasons.iter().try_for_each(|reason| writeln!(console.out, "  beyond its bound: {reason}"))
}

/// Prints the last line.
pub(super) fn end(verdict: Verdict, console: &mut Console<'_>) -> io::Result<()> {
    writeln!(console.out, "{}", verdict.name())?;
    console.out.flush()
}

/// The exit code.
pub(super) fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Pass => Outcome::Done,
        Verdict::Fail => Outcome::Different,
    }
}
