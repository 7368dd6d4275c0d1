//! Where committed words go: onto the disk first, then to whoever asked for them.

mod journal;
mod subtitles;
mod typing;

pub use journal::{
    Dictation, ExportFormat, Journal, JournalChange, JournalError, JournalLine, JournalWord, JournalWriter, Retention,
    Summary, export,
};
pub use subtitles::{Cue, CueMaker, CueWord, LEAST_MILLIS, LINE_CHARS, LINES, MOST_MILLIS, SubtitleFormat};
pub use typing::{Method, OutputSettings, TypeMode, TypingGuest, Typist};
