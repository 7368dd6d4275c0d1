//! The program: parse, run, exit code. The only place that prints an error.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use dictoscope::cli::{self, Cli, Console, Outcome};

fn main() -> ExitCode {
    let cli = Cli::from_environment();
    env_logger::Builder::new().parse_filters(&log_filter()).init();
    let mut out = io::stdout().lock();
    let out_is_terminal = out.is_terminal();
    let mut console = Console { out: &mut out, out_is_terminal, tell: &mut tell };
    match cli::run(cli, &mut console) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed | Outcome::Different) => ExitCode::FAILURE,
        Ok(Outcome::NotComparable) => ExitCode::from(2),
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&cli::message_of(&error));
            ExitCode::FAILURE
        }
    }
}

/// One message to standard error; that nobody reads it is no reason to stop.
fn tell(message: &str) {
    let _ = writeln!(io::stderr().lock(), "dictoscope: {message}");
}

fn log_filter() -> String {
    ["DICTOSCOPE_LOG", "RUST_LOG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|filter| !filter.is_empty()))
        // The crate logs an error on every stream that is closed in the ordinary way.
        .unwrap_or_else(|| "warn,pulseaudio=off".to_owned())
}
