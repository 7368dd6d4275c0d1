//! A dictation as text, Markdown, subtitles or JSON.

use std::fmt::Write as _;

use serde_json::json;

use crate::output::journal::{Dictation, JournalWord};

/// What a dictation can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Plain text, an utterance a line.
    Text,
    /// Markdown: a heading with the time, an utterance a paragraph.
    Markdown,
    /// Subtitles in the format of `SubRip`.
    Srt,
    /// Everything there is.
    Json,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Markdown, Self::Srt, Self::Json];

    /// Its name, which is also the ending of its files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Srt => "srt",
            Self::Json => "json",
        }
    }

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// Longest line of a subtitle in characters and longest time it stands in seconds, as broadcasters have them.
const SUBTITLE_CHARS: usize = 42;
const SUBTITLE_SECS: f64 = 7.0;

/// The dictation in `format`, with a line feed at its end.
pub fn export(dictation: &Dictation, format: ExportFormat) -> String {
    match format {
        ExportFormat::Text => dictation.text() + "\n",
        ExportFormat::Markdown => markdown(dictation),
        ExportFormat::Srt => srt(dictation),
        ExportFormat::Json => {
            let value = json!({
                "id": dictation.id,
                "at": dictation.at,
                "source": dictation.source,
                "engine": dictation.engine,
                "model": dictation.model,
                "ended": dictation.ended,
                "notes": dictation.notes,
                "utterances": dictation.utterances,
                "changes": dictation.changes,
                "text": dictation.text(),
            });
            format!("{value:#}\n")
        }
    }
}

fn markdown(dictation: &Dictation) -> String {
    let time = jiff::Timestamp::from_millisecond(dictation.at).map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let mut text = format!("# Dictation of {}\n", time.unwrap_or_else(|_| dictation.id.clone()));
    for paragraph in dictation.paragraphs() {
        // Writing to a String cannot fail.
        write!(text, "\n{}\n", escaped(&paragraph)).ok();
    }
    text
}

/// Text that Markdown leaves as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        let opens_a_block = index == 0 && matches!(c, '#' | '>' | '-' | '+');
        if opens_a_block || matches!(c, '\\' | '*' | '_' | '`' | '[' | ']' | '<') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn srt(dictation: &Dictation) -> String {
    let mut text = String::new();
    let cared = dictation.cared();
    let subtitles = cared.iter().flat_map(|words| subtitles(words));
    for (index, words) in subtitles.enumerate() {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { continue };
        let (start, end) = (clock(first.start), clock(last.end.max(first.start + 0.08)));
        write!(text, "{}\n{start} --> {end}\n{}\n\n", index + 1, on_one_line(&Dictation::text_of(words))).ok();
    }
    text
}

/// An empty line would end a subtitle.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words in groups that fit a subtitle; a glued part stays with its word.
fn subtitles(words: &[JournalWord]) -> Vec<&[JournalWord]> {
    let (mut groups, mut begin) = (Vec::new(), 0);
    for index in 1..=words.len() {
        let Some(next) = words.get(index) else {
            groups.push(&words[begin..]);
            break;
        };
        let chars = Dictation::text_of(&words[begin..=index]).chars().count();
        if !next.glued && (chars > SUBTITLE_CHARS || next.end - words[begin].start > SUBTITLE_SECS) {
            groups.push(&words[begin..index]);
            begin = index;
        }
    }
    groups
}

/// `00:01:02,345`
fn clock(secs: f64) -> String {
    let millis = (secs.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes, secs) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{secs:02},{:03}", millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, start: f64, glued: bool) -> JournalWord {
        JournalWord { text: text.to_owned(), start, end: start + 0.4, glued }
    }

    fn dictation(utterances: Vec<Vec<JournalWord>>) -> Dictation {
        Dictation { at: 1_764_000_000_000, utterances, ..Dictation::default() }
    }

    #[test]
    fn each_format_holds_the_text() {
        let dictation = dictation(vec![
            vec![word("Well", 0.0, false), word(",", 0.4, true), word("#1_a", 1.0, false)],
            vec![word("-", 3661.5, false), word("done.", 3662.0, false)],
        ]);
        assert_eq!(export(&dictation, ExportFormat::Text), "Well, #1_a\n- done.\n");
        let markdown = export(&dictation, ExportFormat::Markdown);
        assert_eq!(markdown, "# Dictation of 2025-11-24 16:00 UTC\n\nWell, #1\\_a\n\n\\- done.\n");
        let srt = "1\n00:00:00,000 --> 00:00:01,400\nWell, #1_a\n\n2\n01:01:01,500 --> 01:01:02,400\n- done.\n\n";
        assert_eq!(export(&dictation, ExportFormat::Srt), srt);
        let json: serde_json::Value = serde_json::from_str(&export(&dictation, ExportFormat::Json)).unwrap();
        assert_eq!(json["utterances"][1][1]["text"], "done.");
    }

    #[test]
    fn long_utterances_become_several_subtitles_and_no_word_is_lost_or_parted() {
        let words: Vec<JournalWord> =
            (0..40).map(|i| word(if i % 7 == 3 { "s" } else { "word" }, f64::from(i) * 0.5, i % 7 == 3)).collect();
        let groups = subtitles(&words);
        assert!(groups.len() > 3);
        assert_eq!(groups.concat(), words);
        for group in groups {
            assert!(!group[0].glued && Dictation::text_of(group).chars().count() <= SUBTITLE_CHARS + 1);
            assert!(group.last().unwrap().end - group[0].start <= SUBTITLE_SECS + 0.5);
        }
        assert!(subtitles(&[]).is_empty());
    }
}
