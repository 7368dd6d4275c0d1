//! `dictoscope history`: what was dictated, kept as it was committed: listed, shown, searched, exported, deleted.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::json;

use crate::{
    cli::{Console, Outcome},
    config::{Settings, data_folder},
    output::{ExportFormat, Journal, JournalWriter, Retention, Summary, export},
    session::OpenJournal,
    text::{SharedRules, TextCare},
};

/// In the data folder.
const FOLDER: &str = "history";

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    #[command(subcommand)]
    verb: Option<HistoryVerb>,
    /// Print JSON Lines: one dictation a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum HistoryVerb {
    /// Print the text of a dictation; without a name, of the newest.
    Show {
        /// As the list has it.
        id: Option<String>,
    },
    /// List the dictations that hold a text.
    Search {
        /// Whatever its case.
        text: String,
    },
    /// Write a dictation to a file, or to standard output.
    Export {
        /// As the list has it.
        id: String,
        /// txt, md, srt, vtt or json; without it, by the ending of the file.
        #[arg(long, value_parser = format())]
        format: Option<ExportFormat>,
        /// The file, which must not be there yet.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Delete dictations.
    Delete {
        /// As the list has them.
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All of them.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

fn format() -> impl TypedValueParser<Value = ExportFormat> {
    PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::as_str))
        .map(|name| ExportFormat::parse(&name).unwrap_or(ExportFormat::Text))
}

/// The journal of this user. `None` where the system names no data folder.
pub(super) fn journal() -> Option<Journal> {
    data_folder().map(|folder| Journal::new(folder.join(FOLDER)))
}

/// What keeps the words of a live session, and what `rules` make of them, if they are to be kept. Old ones are forgotten
/// first. What the user must know is told to `tell`.
pub(super) fn keeper(settings: &Settings, rules: SharedRules, mut tell: impl FnMut(&str)) -> Option<OpenJournal> {
    if !settings.history.keep {
        return None;
    }
    let Some(journal) = journal() else {
        tell("what is said is not kept: no folder for data is known here; set DICTOSCOPE_DATA_DIR to one");
        return None;
    };
    let retention = match settings.history.days {
        0 => Retention::Forever,
        days => Retention::Days(days),
    };
    match journal.forget(retention, jiff::Timestamp::now().as_millisecond()) {
        Ok(0) => {}
        Ok(count) => log::info!("{count} dictations older than {} days were deleted", settings.history.days),
        Err(error) => tell(&error.to_string()),
    }
    if let Some(summary) = unfinished(&journal) {
        tell(&format!(
            "the last dictation was not ended in order; its {} words were kept: `dictoscope history show {}`",
            summary.words, summary.id
        ));
    }
    Some(Box::new(move |source, info| {
        let care = TextCare::new(rules.now());
        Box::new(JournalWriter::new(&journal, source.to_owned(), info).caring(care))
    }))
}

/// The newest dictation, if it lacks its end.
fn unfinished(journal: &Journal) -> Option<Summary> {
    let newest = journal.ids().ok()?.into_iter().next()?;
    journal.read(&newest).ok().filter(|dictation| !dictation.ended).map(|dictation| dictation.summary())
}

pub(super) fn run(args: &HistoryArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let journal = journal().context("no folder for data is known here; set DICTOSCOPE_DATA_DIR to one")?;
    match &args.verb {
        None => list(&journal, "", args.json, console),
        Some(HistoryVerb::Search { text }) => list(&journal, text, args.json, console),
        Some(HistoryVerb::Show { id }) => {
            let newest = || journal.ids().map(|ids| ids.into_iter().next());
            let id = match id {
                Some(id) => id.clone(),
                None => newest()?.with_context(|| format!("{}: no dictation is kept", journal.folder().display()))?,
            };
            let dictation = journal.read(&id)?;
            let format = if args.json { ExportFormat::Json } else { ExportFormat::Text };
            console.out.write_all(export(&dictation, format).as_bytes())?;
            console.out.flush()?;
            Ok(Outcome::Done)
        }
        Some(HistoryVerb::Export { id, format, to }) => {
            let by_name = || to.as_deref().and_then(|path| ExportFormat::parse(path.extension()?.to_str()?));
            let Some(format) = format.or_else(by_name) else {
                bail!("expected --format txt, md, srt, vtt or json, or a file with one of these endings");
            };
            let text = export(&journal.read(id)?, format);
            match to {
                Some(path) => {
                    let file = fs::File::create_new(path);
                    let mut file = file.with_context(|| format!("{}: cannot be made", path.display()))?;
                    std::io::Write::write_all(&mut file, text.as_bytes())
                        .with_context(|| format!("{}: cannot be written", path.display()))?;
                }
                None => console.out.write_all(text.as_bytes())?,
            }
            console.out.flush()?;
            Ok(Outcome::Done)
        }
        Some(HistoryVerb::Delete { ids, all }) => {
            let all = if *all { journal.ids()? } else { Vec::new() };
            for id in ids.iter().chain(&all) {
                journal.delete(id)?;
            }
            Ok(Outcome::Done)
        }
    }
}

fn list(journal: &Journal, text: &str, as_json: bool, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let (found, faults) = journal.search(text)?;
    for Summary { id, at, source, words, text, ended } in found {
        if as_json {
            let line = json!({ "id": id, "at": at, "source": source, "words": words, "text": text, "ended": ended });
            console.json(&line)?;
        } else {
            let mark = if ended { "" } else { " (not ended)" };
            writeln!(console.out, "{id}  {words} words, {source}{mark}: {text}")?;
        }
    }
    console.out.flush()?;
    for fault in &faults {
        (console.tell)(&fault.to_string());
    }
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::SomeFailed })
}
