//! The journal: every committed word of every dictation, on disk as soon as it is committed.
//!
//! A dictation is a file of JSON Lines that only grows, in a folder that only its user can read. Words are written hop by
//! hop and synced at the end of each utterance, so that a power cut costs at most the utterance that was being spoken, and a
//! killed program nothing.

mod export;
mod line;
mod reader;
mod writer;
mod written;

use std::path::PathBuf;

pub use export::{ExportFormat, export};
pub use line::{JournalChange, JournalLine, JournalWord};
pub use reader::{Dictation, Retention, Summary};
pub use writer::JournalWriter;

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file or the folder.
    #[error("{}: the journal cannot be {action}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// `read`, `written` or `deleted`.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// No dictation has this name.
    #[error("{}: expected a dictation of this journal, found no {id:?}", folder.display())]
    Unknown {
        /// The journal's folder.
        folder: PathBuf,
        /// What was asked for.
        id: String,
    },
    /// The file is not a dictation.
    #[error("{}: line {line}: expected a line of {}, found {found}", path.display(), line::FORMAT)]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        found: String,
    },
}

/// The folder of all dictations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// The journal in `folder`, which is made when the first word comes.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }
}
