//! Where committed words go: onto the disk first, then to whoever asked for them.

mod journal;
mod typing;

pub use journal::{
    Dictation, ExportFormat, Journal, JournalChange, JournalError, JournalLine, JournalWord, JournalWriter, Retention,
    Summary, export,
};
pub use typing::{Method, OutputSettings, TypeMode, TypingGuest, Typist};
