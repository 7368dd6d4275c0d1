//! Where a command writes: results to standard output, messages to whoever prints them.

use std::{
    fmt,
    io::{self, Write},
};

use serde::Serialize;

use crate::{decode::Word, text::CaredWord};

/// Results and messages of a command. `main` ties it to the terminal, tests to memory.
pub struct Console<'a> {
    /// Takes results and nothing else.
    pub out: &'a mut dyn Write,
    /// Whether `out` is a terminal, where a line can be written again.
    pub out_is_terminal: bool,
    /// Takes one message: what a person should know, without a line end.
    pub tell: &'a mut dyn FnMut(&str),
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("out_is_terminal", &self.out_is_terminal).finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// Writes one line of JSON and flushes it: a reader on a pipe waits for it.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, value)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

/// Whether the reader of standard output went away, as `head` does: no failure worth a message.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// An error with its causes on one line. A cause that the message before it already spells out is not said twice.
pub fn message_of(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
    }
    message
}

/// Words as running text, whenever they come.
#[derive(Debug, Default)]
pub(super) struct RunningText {
    /// Characters on the line so far.
    pub(super) written: usize,
}

impl RunningText {
    /// What to append to the line for these words.
    pub(super) fn append(&mut self, words: &[Word]) -> String {
        self.append_all(words.iter().map(|word| (word.text.as_str(), word.glued)))
    }

    /// The same for texts that rules made of them.
    pub(super) fn append_cared(&mut self, words: &[CaredWord]) -> String {
        let written = words.iter().filter(|word| !word.text.is_empty());
        self.append_all(written.map(|word| (word.text.as_str(), word.glued)))
    }

    fn append_all<'a>(&mut self, parts: impl Iterator<Item = (&'a str, bool)>) -> String {
        let mut text = String::new();
        for (part, glued) in parts {
            if self.written > 0 && !glued {
                text.push(' ');
                self.written += 1;
            }
            text.push_str(part);
            let line = part.rsplit_once('\n').map(|(_, line)| line);
            self.written = line.map_or(self.written + part.chars().count(), |line| line.chars().count());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::EncIdx;

    fn word(text: &str, glued: bool) -> Word {
        Word { text: text.into(), glued, start: EncIdx(0), end: EncIdx(1), confidence: 1.0, tokens: Vec::new() }
    }

    #[test]
    fn words_are_spaced_unless_glued_in_any_portions() {
        let mut text = RunningText::default();
        let mut all = text.append(&[word("Yes", false), word(",", true)]);
        all += &text.append(&[]);
        all += &text.append(&[word("of", false), word("course", false)]);
        all += &text.append(&[word(".", true)]);
        assert_eq!(all, "Yes, of course.");
        assert_eq!(text.written, all.chars().count());
    }

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("disk on fire");
        let bare = anyhow::Error::from(cause()).context("cannot read a.wav");
        assert_eq!(message_of(&bare), "cannot read a.wav: disk on fire");
        let spelled = anyhow::Error::from(cause()).context("cannot read a.wav: disk on fire");
        assert_eq!(message_of(&spelled), "cannot read a.wav: disk on fire");
    }

    #[test]
    fn a_broken_pipe_is_found_under_its_context() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("while writing");
        assert!(is_broken_pipe(&error));
        assert!(!is_broken_pipe(&anyhow::anyhow!("something else")));
    }
}
