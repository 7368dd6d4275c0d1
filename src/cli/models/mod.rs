//! `dictoscope models`: what models there are here, and what they are; they come, get names, are verified, and go.

mod describe;
mod download;
mod manage;
mod page;
mod rows;

pub(super) use page::{ModelPath, start};

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, builder::BoolishValueParser};

use crate::{
    cli::{Console, Outcome},
    config::data_folder,
    models::Library,
};

/// In the data folder.
const FOLDER: &str = "models";
/// What the model in the binary is called.
const BUILT_IN: &str = "built-in";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct ModelsArgs {
    #[command(subcommand)]
    verb: Option<ModelsVerb>,
    /// Print JSON Lines: one model a line.
    #[arg(long, value_parser = BoolishValueParser::new())]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ModelsVerb {
    /// List the models that are here, and those that can be fetched.
    List {
        /// Print JSON Lines: one model a line.
        #[arg(long, value_parser = BoolishValueParser::new())]
        json: bool,
    },
    /// What a model is: layout, sizes, precision, memory, and which engines can run it.
    Info(describe::InfoArgs),
    /// Give a model that is somewhere on this machine a name. Its files stay where they are.
    Add {
        /// Its folder, or the file of its encoder.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// Another name than that of its folder.
        #[arg(long)]
        name: Option<String>,
    },
    /// Fetch a model of the catalogue; without a name, list what there is.
    Download(download::DownloadArgs),
    /// Hold a model's files against their hashes, all models' if none is named.
    Verify {
        /// Its name.
        name: Option<String>,
    },
    /// Remove a model; of one that was added by its path, only the name.
    Remove {
        /// Its name.
        name: String,
    },
    /// Make a model the one of the settings.
    Default {
        /// Its name; `built-in` is the one in the binary.
        name: String,
    },
}

pub(super) fn run(args: &ModelsArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    match &args.verb {
        None => describe::list(args.json, console),
        Some(ModelsVerb::List { json }) => describe::list(*json, console),
        Some(ModelsVerb::Info(args)) => describe::info(args, console),
        Some(ModelsVerb::Add { path, name }) => manage::add(path, name.as_deref(), console),
        Some(ModelsVerb::Download(args)) => download::run(args, console),
        Some(ModelsVerb::Verify { name }) => manage::verify(name.as_deref(), console),
        Some(ModelsVerb::Remove { name }) => manage::remove(name, console),
        Some(ModelsVerb::Default { name }) => manage::make_default(name, console),
    }
}

/// The models that are kept.
pub(super) fn library() -> anyhow::Result<Library> {
    let folder = data_folder().context("this system names no data folder; set DICTOSCOPE_DATA_DIR")?;
    Ok(Library::new(folder.join(FOLDER)))
}
