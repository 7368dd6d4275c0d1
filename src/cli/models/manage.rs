//! `dictoscope models add`, `verify`, `remove` and `default`.

use std::path::Path;

use anyhow::Context;

use super::{BUILT_IN, library};
use crate::{
    cli::{
        Console, Outcome,
        cancel::cancelled_by_ctrl_c,
        console::message_of,
        options::load_settings,
        progress::{Far, ProgressLine},
    },
    config::settings_path,
    models::{Description, Model},
};

pub(super) fn add(path: &Path, name: Option<&str>, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let library = library()?;
    let record = library.add(path, name, &mut *console.tell)?;
    let path = library.path_of(&record);
    let about = Description::of(&library.open(&path, &mut *console.tell)?, Some(&path));
    (console.tell)(&format!(
        "{}: {} ({}) in {}; its files stay there",
        record.name,
        about.name,
        about.layout,
        path.display()
    ));
    Ok(Outcome::Done)
}

/// Files against the hashes with which they came, and then as whenever the model is opened.
pub(super) fn verify(name: Option<&str>, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let library = library()?;
    let records = match name {
        Some(BUILT_IN) => {
            Model::embedded()?;
            writeln!(console.out, "{BUILT_IN}: whole")?;
            return Ok(Outcome::Done);
        }
        Some(name) => vec![library.need(name)?],
        None => library.list()?,
    };
    let cancel = cancelled_by_ctrl_c()?;
    let mut line = ProgressLine::new();
    let mut outcome = Outcome::Done;
    for record in &records {
        let total = record.files.iter().map(|file| file.size).sum();
        let changed = library.changed_file(record, &mut |done| {
            let far = Far { done, total: Some(total), rate: 0.0 };
            line.show_on_terminal(&record.name, far, console);
            !cancel.load(std::sync::atomic::Ordering::Relaxed)
        });
        line.clear();
        let fault = if let Some((file, found)) = changed? {
            Some(format!("{}: expected SHA-256 {}, found {found}", file.file, file.sha256))
        } else {
            let opened = library.open(&library.path_of(record), &mut *console.tell);
            opened.err().map(|error| message_of(&error.into()))
        };
        match fault {
            Some(fault) => {
                outcome = Outcome::SomeFailed;
                writeln!(console.out, "{}: {fault}", record.name)?;
            }
            None => writeln!(console.out, "{}: whole", record.name)?,
        }
    }
    console.out.flush()?;
    Ok(outcome)
}

pub(super) fn remove(name: &str, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let library = library()?;
    let record = library.need(name)?;
    let folder = library.path_of(&record);
    let mut settings = load_settings(console);
    library.remove(name)?;
    match &record.path {
        Some(path) => (console.tell)(&format!("{name} is no longer known; its files stay in {}", path.display())),
        None => (console.tell)(&format!("{name} was removed from {}", folder.display())),
    }
    let is_default = settings.model.as_ref().is_some_and(|model| *model == folder);
    if is_default && record.path.is_none() {
        settings.model = None;
        settings.save(&settings_file()?)?;
        (console.tell)("it was the model of the settings; that is the built-in one now");
    }
    Ok(Outcome::Done)
}

pub(super) fn make_default(name: &str, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let mut settings = load_settings(console);
    settings.model = match name {
        BUILT_IN => None,
        name => {
            let library = library()?;
            let path = library.path_of(&library.need(name)?);
            // What cannot be opened would be found out at the next start.
            library.open(&path, &mut *console.tell)?;
            Some(path)
        }
    };
    let path = settings_file()?;
    settings.save(&path)?;
    (console.tell)(&format!("{name} is the model of {}", path.display()));
    Ok(Outcome::Done)
}

fn settings_file() -> anyhow::Result<std::path::PathBuf> {
    settings_path().context("this system names no folder for settings; set DICTOSCOPE_CONFIG_DIR")
}
