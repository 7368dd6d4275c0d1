//! The thread that has the dictations of the window's history page: it alone reads and deletes files for it.

use std::{io::Write as _, path::PathBuf, thread};

use anyhow::Context;
use crossbeam_channel::bounded;
use jiff::Timestamp;

use crate::{
    cli::history::journal,
    config::data_folder,
    output::{ExportFormat, Journal, Summary, export},
    private,
    session::Waker,
    ui::{Past, PastAsk, PastRow, PastTold},
};

/// Questions and answers that may wait; the page asks one thing at a time.
const CHANNEL: usize = 16;
/// In the data folder.
const EXPORTS: &str = "exports";

/// `None` where the system names no data folder, or has no thread left; then there is no page. The thread ends with the window.
pub(super) fn start(waker: Waker) -> Option<Past> {
    let journal = journal()?;
    let (ask, asked) = bounded::<PastAsk>(CHANNEL);
    let (tell, told) = bounded(CHANNEL);
    let work = move || {
        for ask in asked {
            for answer in answer(&journal, &ask) {
                if tell.send(answer).is_err() {
                    return;
                }
                waker();
            }
        }
    };
    match thread::Builder::new().name("history".to_owned()).spawn(work) {
        Ok(_) => Some(Past { ask, told }),
        Err(error) => {
            log::warn!("no history page: {error}");
            None
        }
    }
}

fn answer(journal: &Journal, ask: &PastAsk) -> Vec<PastTold> {
    let failed = |error: &dyn std::fmt::Display| PastTold::Failed(error.to_string());
    match ask {
        PastAsk::List { search } => {
            let (found, faults) = journal.search(search).unwrap_or_else(|error| (Vec::new(), vec![error]));
            let rows = found.into_iter().map(row).collect();
            let list = PastTold::List { search: search.clone(), rows };
            std::iter::once(list).chain(faults.iter().map(|fault| failed(fault))).collect()
        }
        PastAsk::Read { id } => match journal.read(id) {
            Ok(dictation) => vec![PastTold::Text { id: id.clone(), text: dictation.text() }],
            Err(error) => vec![failed(&error)],
        },
        PastAsk::Export { id, format } => match write(journal, id, format) {
            Ok(path) => vec![PastTold::Said(format!("Exported to {}", path.display()))],
            Err(error) => vec![PastTold::Failed(format!("{error:#}"))],
        },
        PastAsk::Delete { id } => journal.delete(id).err().map(|error| failed(&error)).into_iter().collect(),
    }
}

fn row(summary: Summary) -> PastRow {
    let Summary { id, at, words, text, ended, .. } = summary;
    let when = Timestamp::from_millisecond(at).map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    PastRow { when: when.unwrap_or_else(|_| id.clone()), id, words, text, ended }
}

/// A file of its own each time: one that is there is never written over.
fn write(journal: &Journal, id: &str, ending: &str) -> anyhow::Result<PathBuf> {
    let format = ExportFormat::parse(ending).with_context(|| format!("{ending}: no such format"))?;
    let text = export(&journal.read(id)?, format);
    let folder =
        data_folder().context("no folder for data is known here; set DICTOSCOPE_DATA_DIR to one")?.join(EXPORTS);
    private::folder(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let path = (1..1000)
        .map(|number| if number == 1 { format!("{id}.{ending}") } else { format!("{id}-{number}.{ending}") })
        .map(|name| folder.join(name))
        .find(|path| !path.exists())
        .with_context(|| format!("{}: no name is left for {id}.{ending}", folder.display()))?;
    let mut file = private::create_new(&path).with_context(|| format!("{}: cannot be made", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{}: cannot be written", path.display()))?;
    Ok(path)
}
