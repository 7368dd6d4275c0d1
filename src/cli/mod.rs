//! The command line: one file a verb. Text first (`args`), then meaning (`options`), then work.

mod args;
mod bench;
mod cancel;
mod console;
mod devices;
mod dictate;
mod engine_checks;
mod engines;
mod generate;
mod history;
mod hotkeys;
mod json;
mod libraries;
mod margins;
mod models;
mod options;
mod parity;
mod parsers;
mod past;
mod plans;
mod presence;
mod progress;
mod remote;
mod replay;
mod text;
mod tracing;
mod transcribe;
mod typing;
mod window;

pub use args::Cli;
pub use console::{Console, is_broken_pipe, message_of};

use args::Verb;

use crate::remote::Order;

/// How a command ended that did not fail as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was done.
    Done,
    /// Some files failed; each was named on the console.
    SomeFailed,
    /// What was compared differs; the report says how.
    Different,
    /// What was to be compared is not about the same thing; why was told on the console.
    NotComparable,
}

/// Does what the command line says.
pub fn run(cli: Cli, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    match cli.verb {
        None => window::run(&cli.window),
        Some(Verb::Dictate(args)) => dictate::run(&args, console),
        Some(Verb::Transcribe(args)) => transcribe::run(&args, console),
        Some(Verb::Devices(args)) => devices::run(&args, console),
        Some(Verb::Engines(args)) => engines::run(&args, console),
        Some(Verb::Models(args)) => models::run(&args, console),
        Some(Verb::Toggle) => remote::run(&Order::Toggle, console),
        Some(Verb::Start) => remote::run(&Order::Start, console),
        Some(Verb::Stop) => remote::run(&Order::Stop, console),
        Some(Verb::Cancel) => remote::run(&Order::Cancel, console),
        Some(Verb::Status) => remote::run(&Order::Status, console),
        Some(Verb::Show) => remote::run(&Order::Show, console),
        Some(Verb::Quit) => remote::run(&Order::Quit, console),
        Some(Verb::UseEngine { name }) => remote::run(&Order::Engine { name: name.as_str().to_owned() }, console),
        Some(Verb::History(args)) => history::run(&args, console),
        Some(Verb::Replay(args)) => replay::run(&args, console),
        Some(Verb::Margins(args)) => margins::run(&args, console),
        Some(Verb::Bench(args)) => bench::run(&args, console),
        Some(Verb::Parity(args)) => parity::run(&args, console),
        Some(Verb::Generate(args)) => generate::run(&args, console),
    }
}
