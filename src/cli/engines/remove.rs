//! `dictoscope engines remove`: what was installed goes.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser};

use crate::{
    cli::{Console, Outcome, libraries},
    packages,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// What to remove.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(packages::NAMES))]
    name: String,
}

pub(super) fn run(args: &RemoveArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let folder = packages::remove(&root()?, &args.name)?;
    (console.tell)(&format!("{} was removed from {}", args.name, folder.display()));
    Ok(Outcome::Done)
}

/// The folder of all packages.
pub(super) fn root() -> anyhow::Result<PathBuf> {
    libraries::packages_root().context("this system names no data folder; set DICTOSCOPE_DATA_DIR")
}
