//! `dictoscope generate`: manual pages and completions for packages, out of the same command line that is parsed.

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::{Args, Command, Subcommand};
use clap_complete::Shell;

use crate::cli::{Cli, Console, Outcome};

const NAME: &str = "dictoscope";

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Manual pages, one for each verb, into a folder.
    Man {
        /// The folder; it is made if it is not there.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Completions for a shell, to standard output.
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

pub(super) fn run(args: &GenerateArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    match &args.what {
        What::Man { folder } => {
            fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Cli::described(), folder))
                .with_context(|| format!("{}: manual pages cannot be written", folder.display()))?;
        }
        What::Completions { shell } => {
            // Into memory first: clap_complete panics where standard output is closed.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut visible(&Cli::described()), NAME, &mut script);
            console.out.write_all(&script)?;
            console.out.flush()?;
        }
    }
    Ok(Outcome::Done)
}

/// The command without the verbs that help does not show either; `clap_complete` would offer them.
fn visible(command: &Command) -> Command {
    Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}
