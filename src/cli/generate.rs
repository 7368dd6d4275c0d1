//! `dictoscope generate`: manual pages and completions for packages, out of the same command line that is parsed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::{Cli, Console, Outcome};

const NAME: &str = "dictoscope";
const VERSION: &str = env!("CARGO_PKG_VERSION");

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
            let mut command = Cli::described().disable_help_subcommand(true);
            // Tells the verbs their full names.
            command.build();
            fs::create_dir_all(folder)
                .and_then(|()| write_pages(&command, folder))
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

/// A page for the command and for each one below it that help shows. `clap_mangen::generate_to` would give the verbs' no version.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        write_pages(verb, folder)?;
    }
    Man::new(command.clone()).source(format!("{NAME} {VERSION}")).manual("Dictoscope").generate_to(folder)?;
    Ok(())
}

/// The command without the verbs that help does not show either; `clap_complete` would offer them.
fn visible(command: &Command) -> Command {
    Command::new(NAME)
        .version(VERSION)
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}
