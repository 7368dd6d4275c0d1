//! Reads dictations back: all of them in short, one in full, those with a word in them; deletes them; forgets old ones.

use std::{fs, io, path::PathBuf, time::Duration};

use crate::output::journal::{Journal, JournalChange, JournalError, JournalLine, JournalWord, line::FORMAT};

/// One dictation, read in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictation {
    /// Name of its file without ending: `20261125-101500`.
    pub id: String,
    /// When it began, milliseconds since 1970, UTC.
    pub at: i64,
    /// The microphone or the file.
    pub source: String,
    /// Engine and device.
    pub engine: String,
    /// Name of the model.
    pub model: String,
    /// Words by utterance; none is empty.
    pub utterances: Vec<Vec<JournalWord>>,
    /// What rules for text made of words, in their order.
    pub changes: Vec<JournalChange>,
    /// What happened to the sound.
    pub notes: Vec<String>,
    /// It was ended in order. Otherwise the program was killed, or is still at it.
    pub ended: bool,
    /// Its last line was cut off while it was written, and was left out.
    pub torn: bool,
}

/// One dictation in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// See [`Dictation::id`].
    pub id: String,
    /// See [`Dictation::at`].
    pub at: i64,
    /// See [`Dictation::source`].
    pub source: String,
    /// Words in it.
    pub words: usize,
    /// Its beginning.
    pub text: String,
    /// See [`Dictation::ended`].
    pub ended: bool,
}

/// Milliseconds since 1970 of 2025 UTC. No dictation is older: a clock that says so was not set.
const CLOCK_WENT: i64 = 1_735_689_600_000;

/// How long dictations are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// Until they are deleted.
    #[default]
    Forever,
    /// For so many days.
    Days(u32),
}

/// Characters of a summary's text.
const SUMMARY_CHARS: usize = 80;

impl Dictation {
    /// Text of an utterance.
    pub(super) fn text_of(words: &[JournalWord]) -> String {
        let mut text = String::new();
        for word in words {
            if !(text.is_empty() || word.glued) {
                text.push(' ');
            }
            text.push_str(&word.text);
        }
        text
    }

    /// Words by utterance as they are to be read: where a rule changed some, its text stands in their place, from their
    /// beginning to their end.
    pub fn cared(&self) -> Vec<Vec<JournalWord>> {
        let mut changes = self.changes.iter().peekable();
        let mut first = 0;
        let mut one = |words: &Vec<JournalWord>| {
            let mut cared = Vec::with_capacity(words.len());
            let mut index = 0;
            while let Some(word) = words.get(index) {
                let Some(change) = changes.next_if(|change| change.first == first + index) else {
                    cared.push(word.clone());
                    index += 1;
                    continue;
                };
                index = index.saturating_add(change.count.max(1)).min(words.len());
                if !change.text.is_empty() {
                    let (text, end) = (change.text.clone(), words[index - 1].end);
                    cared.push(JournalWord { text, start: word.start, end, glued: change.glued });
                }
            }
            first += words.len();
            cared
        };
        self.utterances.iter().map(&mut one).collect()
    }

    /// Text of each utterance.
    pub fn paragraphs(&self) -> impl Iterator<Item = String> + '_ {
        self.cared().into_iter().map(|words| Self::text_of(&words))
    }

    /// All text, an utterance a line.
    pub fn text(&self) -> String {
        self.paragraphs().collect::<Vec<_>>().join("\n")
    }

    /// It in short.
    pub fn summary(&self) -> Summary {
        let all = self.paragraphs().collect::<Vec<_>>().join(" ");
        let mut text: String = all.chars().take(SUMMARY_CHARS).collect();
        if text.len() < all.len() {
            text.push('…');
        }
        let words = self.utterances.iter().flatten().filter(|word| !word.glued).count();
        Summary { id: self.id.clone(), at: self.at, source: self.source.clone(), words, text, ended: self.ended }
    }
}

impl Journal {
    /// Names of all dictations, the newest first.
    pub fn ids(&self) -> Result<Vec<String>, JournalError> {
        let failed = |source| JournalError::Io { path: self.folder.clone(), action: "read", source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                ids.extend(path.file_stem().and_then(|stem| stem.to_str()).map(ToOwned::to_owned));
            }
        }
        // A second one within a second is called `…-1`: longer, and later.
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// All dictations in short, the newest first, and what could not be read.
    pub fn list(&self) -> Result<(Vec<Summary>, Vec<JournalError>), JournalError> {
        self.search("")
    }

    /// Those that hold `text`, whatever its case.
    pub fn search(&self, text: &str) -> Result<(Vec<Summary>, Vec<JournalError>), JournalError> {
        let sought = text.to_lowercase();
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.read(&id) {
                Ok(dictation) if sought.is_empty() || dictation.text().to_lowercase().contains(&sought) => {
                    found.push(dictation.summary());
                }
                Ok(_) => {}
                Err(error) => faults.push(error),
            }
        }
        Ok((found, faults))
    }

    /// One dictation. A last line that was cut off is left out; any other fault is an error.
    pub fn read(&self, id: &str) -> Result<Dictation, JournalError> {
        let path = self.path_of(id)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.unknown(id)),
            Err(source) => return Err(JournalError::Io { path, action: "read", source }),
        };
        let mut dictation = Dictation { id: id.to_owned(), ..Dictation::default() };
        let mut open: Vec<JournalWord> = Vec::new();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for (index, line) in lines.iter().enumerate() {
            let fault = |found: String| JournalError::Line { path: path.clone(), line: index + 1, found };
            let parsed = match serde_json::from_slice::<JournalLine>(line) {
                Ok(parsed) => parsed,
                // Only the last line can lack its end: a kill or a power cut while it was written.
                Err(_) if index > 0 && index + 1 == lines.len() && !line.ends_with(b"\n") => {
                    dictation.torn = true;
                    continue;
                }
                Err(error) => return Err(fault(error.to_string())),
            };
            match parsed {
                JournalLine::Begin { format, at, source, engine, model } if index == 0 && format == FORMAT => {
                    dictation = Dictation { at, source, engine, model, ..dictation };
                }
                JournalLine::Begin { format, .. } => return Err(fault(format!("a beginning of {format}"))),
                _ if index == 0 => return Err(fault("another line than a beginning".to_owned())),
                JournalLine::Words { words, changes, .. } => {
                    open.extend(words);
                    dictation.changes.extend(changes);
                }
                JournalLine::Utterance { changes, .. } => {
                    dictation.utterances.extend(take(&mut open));
                    dictation.changes.extend(changes);
                }
                JournalLine::Note { text, .. } => dictation.notes.push(text),
                JournalLine::End { .. } => dictation.ended = true,
            }
        }
        dictation.utterances.extend(take(&mut open));
        Ok(dictation)
    }

    /// Deletes one dictation.
    pub fn delete(&self, id: &str) -> Result<(), JournalError> {
        let path = self.path_of(id)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.unknown(id)),
            Err(source) => Err(JournalError::Io { path, action: "deleted", source }),
        }
    }

    /// Deletes what is older than `retention` allows at `now`, milliseconds since 1970; how many.
    pub fn forget(&self, retention: Retention, now: i64) -> Result<usize, JournalError> {
        let Retention::Days(days) = retention else { return Ok(0) };
        let kept = Duration::from_hours(24 * u64::from(days)).as_millis() as i64;
        let mut deleted = 0;
        for id in self.ids()? {
            // What cannot be read is no reason to delete it, nor is a clock that stood at its beginning.
            let is_old = |at: i64| at > CLOCK_WENT && now - at > kept;
            if self.read(&id).is_ok_and(|dictation| is_old(dictation.at)) {
                self.delete(&id)?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// No name leads out of the folder.
    fn path_of(&self, id: &str) -> Result<PathBuf, JournalError> {
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if plain { Ok(self.folder.join(format!("{id}.jsonl"))) } else { Err(self.unknown(id)) }
    }

    fn unknown(&self, id: &str) -> JournalError {
        JournalError::Unknown { folder: self.folder.clone(), id: id.to_owned() }
    }
}

/// The words of an utterance, if there are any.
fn take(open: &mut Vec<JournalWord>) -> Option<Vec<JournalWord>> {
    Some(std::mem::take(open)).filter(|words| !words.is_empty())
}
