//! What a line of the journal says.

use serde::{Deserialize, Serialize};

use crate::decode::Word;

/// Version of the lines; a reader refuses another.
pub(super) const FORMAT: &str = "dictoscope-journal-1";

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JournalLine {
    /// The first line.
    Begin {
        /// Always `dictoscope-journal-1`.
        format: String,
        /// Milliseconds since 1970, UTC.
        at: i64,
        /// The microphone or the file.
        source: String,
        /// Engine and device.
        engine: String,
        /// Name of the model.
        model: String,
    },
    /// Words that will not change any more.
    Words {
        /// Milliseconds since 1970, UTC, when they were written.
        at: i64,
        /// In the order in which they were spoken.
        words: Vec<JournalWord>,
        /// What rules for text made of these or of words before them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<JournalChange>,
    },
    /// An utterance ended: the next word begins a paragraph. What came before is synced to the disk.
    Utterance {
        /// Seconds since the dictation began.
        end: f64,
        /// What rules for text made of its last words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<JournalChange>,
    },
    /// Something that happened to the sound, such as a gap.
    Note {
        /// Milliseconds since 1970, UTC.
        at: i64,
        /// For people.
        text: String,
    },
    /// The dictation was ended in order; where this is missing, the program was killed or is still at it.
    End {
        /// Milliseconds since 1970, UTC.
        at: i64,
    },
}

/// A word with its times in seconds since the dictation began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalWord {
    /// Without white space.
    pub text: String,
    /// Its first frame.
    pub start: f64,
    /// One past its last frame.
    pub end: f64,
    /// Written without a space before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub glued: bool,
}

/// What a rule for text made of words; where none is told of, the text is what the words are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalChange {
    /// The first of its words; counts those of the dictation from 0.
    pub first: usize,
    /// How many they are, at least 1.
    pub count: usize,
    /// What is written for them; empty for nothing.
    pub text: String,
    /// Written without a space before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub glued: bool,
    /// Which rule, for people.
    pub rule: String,
}

impl JournalWord {
    /// The part of a word that is kept; `offset`: where the dictation began, in seconds of the session.
    pub(super) fn of(word: &Word, offset: f64) -> Self {
        let millis = |secs: f64| (secs * 1000.0).round() / 1000.0;
        let (start, end) = (millis(word.start.secs() - offset), millis(word.end.secs() - offset));
        Self { text: word.text.clone(), start, end, glued: word.glued }
    }
}
