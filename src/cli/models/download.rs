//! `dictoscope models download`: a model of the catalogue into the data folder.

use clap::{Args, builder::BoolishValueParser};

use super::{describe, library};
use crate::{
    cli::{Console, Outcome, cancel::cancelled_by_ctrl_c, options::load_settings, progress::ProgressLine},
    download::{Limits, size_text},
    models::{Catalogue, Fetch, FetchNotice},
};

#[derive(Debug, Args)]
pub(super) struct DownloadArgs {
    /// What to fetch; left out, what there is is listed.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// An address that has what Hugging Face has below the same paths; else that of the settings.
    #[arg(long, value_name = "ADDRESS")]
    mirror: Option<String>,
    /// Take files that are others than those that came at first.
    #[arg(long, value_parser = BoolishValueParser::new())]
    accept_changed: bool,
}

pub(super) fn run(args: &DownloadArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let Some(name) = &args.name else { return describe::list(false, console) };
    let (settings, library, catalogue) = (load_settings(console), library()?, Catalogue::load()?);
    let entry = catalogue.entry(name)?;
    let mirror = args.mirror.as_deref().or(settings.model_mirror.as_deref());
    (console.tell)(&format!(
        "{name}: {}; {} to fetch, {} ({})",
        entry.about,
        entry.size_text(),
        entry.licence,
        entry.page
    ));
    let cancel = cancelled_by_ctrl_c()?;
    let fetch = Fetch { entry, mirror, accept_changed: args.accept_changed, limits: Limits::default() };
    let mut line = ProgressLine::new();
    let made = library.download(&fetch, &cancel, &mut |notice| show(notice, &mut line, console));
    line.clear();
    match made? {
        None => (console.tell)(&format!("{name} is there already; `dictoscope models verify {name}` reads it")),
        Some(record) => {
            let size = size_text(record.files.iter().map(|file| file.size).sum());
            let folder = library.path_of(&record);
            (console.tell)(&format!(
                "{name} is here: {size} in {}; `dictoscope models default {name}` makes it the model of the settings",
                folder.display()
            ));
        }
    }
    Ok(Outcome::Done)
}

fn show(notice: &FetchNotice<'_>, line: &mut ProgressLine, console: &mut Console<'_>) {
    match notice {
        FetchNotice::Fetching(file, progress) => line.download(&file.file, *progress, console),
        FetchNotice::Trusted(file, sha256) => {
            line.clear();
            (console.tell)(&format!("{}: SHA-256 {sha256} is trusted from now on", file.file));
        }
        FetchNotice::Told(text) => {
            line.clear();
            log::info!("{text}");
        }
    }
}
