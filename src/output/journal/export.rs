//! A dictation as text, Markdown, subtitles or JSON.

use std::fmt::Write as _;

use serde_json::json;

use crate::output::{
    journal::Dictation,
    subtitles::{CueMaker, CueWord, SubtitleFormat},
};

/// What a dictation can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Plain text, an utterance a line.
    Text,
    /// Markdown: a heading with the time, an utterance a paragraph.
    Markdown,
    /// Subtitles in the format of `SubRip`.
    Srt,
    /// Subtitles in the format of `WebVTT`.
    Vtt,
    /// Everything there is.
    Json,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Text, Self::Markdown, Self::Srt, Self::Vtt, Self::Json];

    /// Its name, which is also the ending of its files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Json => "json",
        }
    }

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// The dictation in `format`, with a line feed at its end.
pub fn export(dictation: &Dictation, format: ExportFormat) -> String {
    match format {
        ExportFormat::Text => dictation.text() + "\n",
        ExportFormat::Markdown => markdown(dictation),
        ExportFormat::Srt => subtitles(dictation, SubtitleFormat::Srt),
        ExportFormat::Vtt => subtitles(dictation, SubtitleFormat::Vtt),
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

/// No cue goes across the end of an utterance.
fn subtitles(dictation: &Dictation, format: SubtitleFormat) -> String {
    let (mut maker, mut cues) = (CueMaker::default(), Vec::new());
    for utterance in dictation.cared() {
        for word in utterance {
            let word = CueWord { text: word.text, glued: word.glued, start: word.start, end: word.end };
            cues.extend(maker.push(&word));
        }
        cues.extend(maker.close());
    }
    let written = cues.iter().enumerate().map(|(index, cue)| format.cue(index + 1, cue));
    format.head().to_owned() + &written.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::journal::JournalWord;

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
        let srt = "1\n00:00:00,000 --> 00:00:01,400\nWell, #1_a\n\n2\n01:01:01,500 --> 01:01:02,500\n- done.\n\n";
        assert_eq!(export(&dictation, ExportFormat::Srt), srt);
        let vtt = format!("WEBVTT\n\n{}", srt.replace(',', ".").replace("Well.", "Well,"));
        assert_eq!(export(&dictation, ExportFormat::Vtt), vtt);
        let json: serde_json::Value = serde_json::from_str(&export(&dictation, ExportFormat::Json)).unwrap();
        assert_eq!(json["utterances"][1][1]["text"], "done.");
    }
}
