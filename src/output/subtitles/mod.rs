//! Subtitles: words with times in, cues out, as `SubRip` or `WebVTT`. What is exported and what is transcribed goes through here.

mod cues;
mod lines;

use std::fmt::Write as _;

pub use cues::{CueMaker, CueWord};

/// Longest line in characters, and most lines of a cue, as broadcasters have them.
pub const LINE_CHARS: usize = 42;
/// The most lines of a cue.
pub const LINES: usize = 2;
/// Shortest time that a cue stands.
pub const LEAST_MILLIS: u64 = 1000;
/// Longest time that a cue stands.
pub const MOST_MILLIS: u64 = 7000;

/// One subtitle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Milliseconds since the beginning; not before its first word, nor before the end of the cue before.
    pub start: u64,
    /// Milliseconds since the beginning, [`LEAST_MILLIS`] to [`MOST_MILLIS`] later.
    pub end: u64,
    /// One or two lines of up to [`LINE_CHARS`] characters, none empty.
    pub lines: Vec<String>,
}

/// How subtitles are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubtitleFormat {
    /// `SubRip`.
    Srt,
    /// `WebVTT`.
    Vtt,
}

impl SubtitleFormat {
    /// What a file begins with.
    pub const fn head(self) -> &'static str {
        match self {
            Self::Srt => "",
            Self::Vtt => "WEBVTT\n\n",
        }
    }

    /// One cue with the empty line that ends it. `number`: counted from 1.
    pub fn cue(self, number: usize, cue: &Cue) -> String {
        let (start, end) = (self.clock(cue.start), self.clock(cue.end));
        let mut text = format!("{number}\n{start} --> {end}\n");
        for line in &cue.lines {
            // Writing to a String cannot fail.
            writeln!(text, "{}", self.escaped(line)).ok();
        }
        text.push('\n');
        text
    }

    /// `00:01:02,345`, with a point in `WebVTT`.
    fn clock(self, millis: u64) -> String {
        let mark = if self == Self::Srt { ',' } else { '.' };
        let (hours, minutes, secs) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
        format!("{hours:02}:{minutes:02}:{secs:02}{mark}{:03}", millis % 1000)
    }

    fn escaped(self, line: &str) -> String {
        match self {
            // Nothing can be escaped there; the arrow alone would be taken for times.
            Self::Srt => line.replace("-->", "→"),
            Self::Vtt => line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_write_times_and_text_in_their_own_way() {
        let cue = Cue { start: 3_661_500, end: 3_662_900, lines: vec!["a < b & c --> d".into(), "e".into()] };
        let srt = "7\n01:01:01,500 --> 01:01:02,900\na < b & c → d\ne\n\n";
        assert_eq!(SubtitleFormat::Srt.cue(7, &cue), srt);
        let vtt = "7\n01:01:01.500 --> 01:01:02.900\na &lt; b &amp; c --&gt; d\ne\n\n";
        assert_eq!(SubtitleFormat::Vtt.cue(7, &cue), vtt);
        assert_eq!(SubtitleFormat::Srt.clock(360_000_001), "100:00:00,001");
    }
}
