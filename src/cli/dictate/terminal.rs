//! Dictation for eyes: committed words as running text, on a terminal the tail in grey behind them, written anew each hop.

use std::io::{self, Write};

use super::View;
use crate::{
    cli::{Console, console::RunningText, json},
    decode::Word,
    session::Event,
    text::TextCare,
};

/// Escape sequences that every terminal of the last decades knows (ECMA-48, DEC save and restore).
const SAVE_CURSOR: &str = "\x1b7";
const RESTORE_CURSOR: &str = "\x1b8";
const ERASE_TO_LINE_END: &str = "\x1b[K";
const GREY: &str = "\x1b[90m";
const PLAIN: &str = "\x1b[0m";

/// Columns where the terminal does not tell.
const DEFAULT_COLUMNS: usize = 80;

/// One line an utterance; words wrap as the terminal wraps them.
#[derive(Debug, Default)]
pub(super) struct TextView {
    line: RunningText,
    care: TextCare,
    /// The tail as it stands on the screen.
    tail: String,
}

impl TextView {
    /// What rules make of committed words is shown in their place.
    pub(super) fn new(care: TextCare) -> Self {
        Self { care, ..Self::default() }
    }

    /// Takes the tail off the screen.
    fn erase(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.tail.is_empty() {
            write!(out, "{ERASE_TO_LINE_END}")?;
            self.tail.clear();
        }
        Ok(())
    }

    fn end_line(&mut self, console: &mut Console<'_>) -> io::Result<()> {
        self.erase(console.out)?;
        if self.line.written > 0 {
            console.out.write_all(b"\n")?;
            self.line = RunningText::default();
        }
        console.out.flush()
    }

    /// A message between words goes below them, and the words go on below the message.
    fn tell(&mut self, message: &str, console: &mut Console<'_>) -> io::Result<()> {
        if console.out_is_terminal {
            self.end_line(console)?;
        }
        (console.tell)(message);
        Ok(())
    }

    /// As much of the tail as fits on the row behind the committed words, so that erasing the row's rest erases it.
    fn fitting(&self, words: &[Word], columns: usize) -> String {
        let column = self.line.written % columns;
        if column == 0 && self.line.written > 0 {
            // The cursor waits behind the last column: whatever is written or erased there hits the last letter.
            return String::new();
        }
        let mut text = RunningText { written: self.line.written }.append(words);
        let room = columns - column - 1;
        if let Some((cut, _)) = text.char_indices().nth(room) {
            text.truncate(cut);
        }
        text
    }
}

impl View for TextView {
    fn event(&mut self, event: &Event, console: &mut Console<'_>) -> io::Result<()> {
        match event {
            Event::Committed(words) => {
                self.erase(console.out)?;
                let cared = self.care.push(words);
                console.out.write_all(self.line.append_cared(&cared).as_bytes())?;
                console.out.flush()
            }
            Event::UtteranceEnd { .. } => self.end(console),
            Event::Ready(ready) => {
                let info = &ready.engine;
                let parity = info.parity.as_deref().unwrap_or("not checked");
                self.tell(&format!("{} on {}, {}; parity: {parity}", info.model, info.engine, info.device), console)
            }
            Event::Started { source, .. } => self.tell(&format!("listening to {source}; Ctrl+C stops"), console),
            Event::SettingRefused { reason, .. } | Event::Notice(reason) => self.tell(reason, console),
            Event::EngineRefused { name, reason } => {
                self.tell(&format!("not {name}: {reason}; the engine before goes on"), console)
            }
            Event::Idle { open: true } => self.tell("the microphone is open for the pre-roll", console),
            Event::AudioLost { at, samples } => {
                let message =
                    format!("{:.2} s of audio lost at {:.2} s", json::lasting(*samples), json::sample_secs(*at));
                self.tell(&message, console)
            }
            Event::DeviceLost { reason } => {
                self.tell(&format!("the microphone is gone, trying again: {reason}"), console)
            }
            Event::TraceStarted { path } => self.tell(&format!("writing the trace {}", path.display()), console),
            Event::DeviceBack { source } => self.tell(&format!("listening to {source} again"), console),
            // A failure ends the dictation and is told once, by whoever ends it.
            Event::SourceFailed { .. }
            | Event::EngineFailed { .. }
            | Event::Devices(_)
            | Event::Idle { open: false }
            | Event::SettingApplied { .. }
            | Event::TraceStopped { .. }
            | Event::Stopped => Ok(()),
        }
    }

    fn tail(&mut self, words: &[Word], console: &mut Console<'_>) -> io::Result<()> {
        if !console.out_is_terminal {
            return Ok(());
        }
        let columns = terminal_size::terminal_size().map_or(DEFAULT_COLUMNS, |(width, _)| usize::from(width.0).max(2));
        let pending = self.care.pending().chain(words).cloned().collect::<Vec<_>>();
        let tail = self.fitting(&pending, columns);
        if tail != self.tail {
            self.erase(console.out)?;
            write!(console.out, "{SAVE_CURSOR}{GREY}{tail}{PLAIN}{RESTORE_CURSOR}")?;
            console.out.flush()?;
            self.tail = tail;
        }
        Ok(())
    }

    fn end(&mut self, console: &mut Console<'_>) -> io::Result<()> {
        self.erase(console.out)?;
        let cared = self.care.finish();
        console.out.write_all(self.line.append_cared(&cared).as_bytes())?;
        self.end_line(console)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::EndReason,
        units::{EncIdx, SampleIdx},
    };

    fn words(text: &str) -> Vec<Word> {
        let word = |text: &str| Word { text: text.to_owned(), end: EncIdx(1), confidence: 1.0, ..Word::default() };
        text.split(' ').map(word).collect()
    }

    fn shown(terminal: bool, act: impl FnOnce(&mut TextView, &mut Console<'_>)) -> (String, Vec<String>) {
        let (mut out, mut told) = (Vec::new(), Vec::new());
        act(
            &mut TextView::default(),
            &mut Console {
                out: &mut out,
                out_is_terminal: terminal,
                tell: &mut |line: &str| told.push(line.to_owned()),
            },
        );
        (String::from_utf8(out).unwrap(), told)
    }

    #[test]
    fn a_pipe_gets_words_and_line_ends_and_nothing_else() {
        let (out, told) = shown(false, |view, console| {
            view.tail(&words("good"), console).unwrap();
            view.event(&Event::Committed(words("good morning")), console).unwrap();
            view.event(&Event::Notice("something".into()), console).unwrap();
            view.event(&Event::Committed(words("all")), console).unwrap();
            let end = Event::UtteranceEnd { at: SampleIdx(0), reason: EndReason::Silence };
            view.event(&end, console).unwrap();
            view.event(&end, console).unwrap();
            view.event(&Event::Committed(words("next")), console).unwrap();
            view.end(console).unwrap();
        });
        assert_eq!(out, "good morning all\nnext\n");
        assert_eq!(told, ["something"]);
    }

    #[test]
    fn on_a_terminal_the_tail_is_grey_and_makes_room_for_committed_words() {
        let (out, _) = shown(true, |view, console| {
            view.tail(&words("god"), console).unwrap();
            view.tail(&words("god"), console).unwrap();
            view.event(&Event::Committed(words("good")), console).unwrap();
            view.tail(&words("day"), console).unwrap();
            view.end(console).unwrap();
        });
        assert_eq!(out, "\x1b7\x1b[90mgod\x1b[0m\x1b8\x1b[Kgood\x1b7\x1b[90m day\x1b[0m\x1b8\x1b[K\n");
    }

    #[test]
    fn the_tail_never_leaves_its_row() {
        let mut view = TextView::default();
        view.line.append(&words("1234567"));
        assert_eq!(view.fitting(&words("abcdefgh"), 10), " a");
        view.line.append(&words("12"));
        assert_eq!(view.fitting(&words("abc"), 10), "");
        view.line.append(&words("123"));
        assert_eq!(view.fitting(&words("abc"), 10), " abc");
    }
}
