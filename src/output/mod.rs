//! Where committed words go: onto the disk first, then to whoever asked for them.

mod journal;

pub use journal::{
    Dictation, ExportFormat, Journal, JournalChange, JournalError, JournalLine, JournalWord, JournalWriter, Retention,
    Summary, export,
};
