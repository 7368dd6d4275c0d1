//! How far something long is: one line that is written again on a terminal, a message each tenth elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use crate::{
    cli::Console,
    download::{Progress, Step, size_text},
};

/// A line is written again this often.
const PACE: Duration = Duration::from_millis(100);

/// Progress on standard error.
#[derive(Debug)]
pub(super) struct ProgressLine {
    on_terminal: bool,
    shown: Option<Instant>,
    /// What was shown last, and up to which tenth.
    what: String,
    tenth: u64,
}

/// One state of it, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Far {
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    /// Bytes a second; 0 where it is not known.
    pub(super) rate: f64,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal(), shown: None, what: String::new(), tenth: 0 }
    }

    /// Shows that `what` is so far, if it is time to.
    pub(super) fn show(&mut self, what: &str, far: Far, console: &mut Console<'_>) {
        if self.on_terminal {
            self.draw(&format!("{what}: {}", far.text()));
        } else if let Some(tenth) = self.next_tenth(what, far) {
            (console.tell)(&format!("{what}: {} % of {}", tenth * 10, size_text(far.total.unwrap_or(far.done))));
        }
    }

    /// Writes the line again if it is time to; nothing where there is no terminal.
    pub(super) fn draw(&mut self, text: &str) {
        let now = Instant::now();
        if self.on_terminal && self.shown.is_none_or(|shown| now.duration_since(shown) >= PACE) {
            self.shown = Some(now);
            let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
            let text: String = text.chars().take(width.saturating_sub(1)).collect();
            // That nobody sees it is no reason to stop.
            let mut err = io::stderr().lock();
            let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
        }
    }

    /// The same for what is soon done: nothing where there is no terminal.
    pub(super) fn show_on_terminal(&mut self, what: &str, far: Far, console: &mut Console<'_>) {
        if self.on_terminal {
            self.show(what, far, console);
        }
    }

    /// Shows how far the download of `what` is.
    pub(super) fn download(&mut self, what: &str, progress: Progress, console: &mut Console<'_>) {
        let far = Far { done: progress.done, total: progress.total, rate: progress.rate };
        match progress.step {
            Step::Checking => self.show_on_terminal(&format!("{what}: checking what came before"), far, console),
            Step::Receiving => self.show(what, far, console),
            Step::Waiting => {
                self.clear();
                (console.tell)(&format!("{what}: the connection broke; trying again"));
            }
        }
    }

    /// The tenth that was reached, if it is a new one.
    fn next_tenth(&mut self, what: &str, far: Far) -> Option<u64> {
        if self.what != what {
            (self.what, self.tenth) = (what.to_owned(), 0);
        }
        let tenth = far.total.filter(|total| *total > 0).map_or(0, |total| far.done.min(total) * 10 / total);
        (tenth > self.tenth).then(|| {
            self.tenth = tenth;
            tenth
        })
    }

    /// Takes the line away, so that a message can have its place.
    pub(super) fn clear(&mut self) {
        if self.on_terminal && self.shown.take().is_some() {
            let mut err = io::stderr().lock();
            let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
        }
    }
}

impl Far {
    /// `12.3 MB of 95.2 MB, 13 %, 4.10 MB/s, 20 s left`.
    pub(super) fn text(self) -> String {
        let mut text = size_text(self.done);
        if let Some(total) = self.total.filter(|total| *total > 0) {
            text = format!("{text} of {}, {} %", size_text(total), self.done.min(total) * 100 / total);
        }
        if self.rate < 1.0 {
            return text;
        }
        text = format!("{text}, {}/s", size_text(self.rate as u64));
        self.total.map_or(text.clone(), |total| {
            format!("{text}, {} left", time_text(total.saturating_sub(self.done) as f64 / self.rate))
        })
    }
}

/// `20 s`, `2 min`, `1.5 h`, rounded up.
pub(super) fn time_text(secs: f64) -> String {
    match secs.ceil() as u64 {
        secs @ 0..100 => format!("{secs} s"),
        secs @ 100..6000 => format!("{} min", secs.div_ceil(60)),
        secs => format!("{:.1} h", secs as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_tells_what_it_knows() {
        let far = |done, total, rate| Far { done, total, rate }.text();
        let whole = far(12_300_000, Some(95_153_708), 4_100_000.0);
        assert_eq!(whole, "12.3 MB of 95.2 MB, 12 %, 4.10 MB/s, 21 s left");
        assert_eq!(far(12_300_000, None, 0.0), "12.3 MB");
        assert_eq!(far(5, Some(10), 0.0), "5 bytes of 10 bytes, 50 %");
        assert_eq!(
            (time_text(99.0), time_text(101.0), time_text(7200.0)),
            ("99 s".into(), "2 min".into(), "2.0 h".into())
        );
    }

    #[test]
    fn each_tenth_is_told_once() {
        let mut line = ProgressLine { on_terminal: false, shown: None, what: String::new(), tenth: 0 };
        let mut tenths = |what: &str, done: u64| line.next_tenth(what, Far { done, total: Some(200), rate: 0.0 });
        let told: Vec<_> = (1..=200).filter_map(|done| tenths("a", done)).collect();
        assert_eq!(told, (1..=10).collect::<Vec<_>>());
        assert_eq!(tenths("b", 100), Some(5), "another one begins anew");
        let mut line = ProgressLine::new();
        assert_eq!(line.next_tenth("a", Far { done: 5, total: None, rate: 0.0 }), None);
    }
}
