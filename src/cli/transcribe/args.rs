//! The flags of `dictoscope transcribe`.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{BoolishValueParser, PossibleValue, PossibleValuesParser, TypedValueParser},
};

use crate::{
    cli::{
        args::{ModelArgs, SessionArgs},
        text::TextArgs,
        tracing::TraceArgs,
    },
    output::SubtitleFormat,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct TranscribeArgs {
    /// Recordings, in any sample rate and number of channels; or features, `[mel frames, mel bins]` f32 in a .npy file.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Transcribe hop by hop as if it were dictated, instead of in long windows that overlap.
    /// --left, --hop and --right say so too.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) stream: bool,
    /// Print JSON Lines: one object a recording, with times and confidences.
    #[arg(long, conflicts_with = "format", value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
    /// text, json (as --json), or subtitles: srt, vtt. Without it, by the ending of --output.
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    pub(super) format: Option<Format>,
    /// Write to this file, or into this folder: one file for each FILE, by its name. Each is there as a whole or not at all.
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(super) output: Option<PathBuf>,
    /// Let --output replace files that are there.
    #[arg(long, requires = "output", value_parser = BoolishValueParser::new())]
    pub(super) overwrite: bool,
    /// Transcribe so many files at once (1 to 64), which share the engine's threads.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) jobs: u8,
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    #[command(flatten)]
    pub(super) text: TextArgs,
    #[command(flatten)]
    pub(super) model: ModelArgs,
}

/// What a recording is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Running text on one line.
    Text,
    /// One object on one line.
    Json,
    /// Cues.
    Subtitles(SubtitleFormat),
}

impl Format {
    const ALL: [Self; 4] =
        [Self::Text, Self::Json, Self::Subtitles(SubtitleFormat::Srt), Self::Subtitles(SubtitleFormat::Vtt)];

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            other => other.ending(),
        }
    }

    /// The ending of its files.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Subtitles(SubtitleFormat::Srt) => "srt",
            Self::Subtitles(SubtitleFormat::Vtt) => "vtt",
        }
    }

    fn by(is_it: impl Fn(Self) -> bool) -> Option<Self> {
        Self::ALL.into_iter().find(|format| is_it(*format))
    }
}

/// `txt` is what the history calls text, and one variable may set both.
fn format() -> impl TypedValueParser<Value = Format> {
    let values = Format::ALL.map(|format| match format {
        Format::Text => PossibleValue::new(format.name()).alias(format.ending()),
        _ => PossibleValue::new(format.name()),
    });
    PossibleValuesParser::new(values)
        .map(|name| Format::by(|format| format.name() == name || format.ending() == name).unwrap_or(Format::Text))
}

impl TranscribeArgs {
    /// What was asked for, by name or by the ending of the output.
    pub(super) fn format(&self) -> Format {
        let by_ending = || {
            let ending = self.output.as_ref()?.extension()?.to_ascii_lowercase();
            Format::by(|format| format.ending() == ending)
        };
        let asked = if self.json { Some(Format::Json) } else { self.format };
        asked.or_else(by_ending).unwrap_or(Format::Text)
    }
}
