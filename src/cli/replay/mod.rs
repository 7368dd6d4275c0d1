//! `dictoscope replay`: a trace in the window without model or microphone; run again from its sound or its features under
//! other settings; held against another trace.

mod again;
mod recording;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::{Args, ValueEnum, builder::BoolishValueParser};

use crate::{
    cli::{
        Console, Outcome,
        args::{ModelArgs, SessionArgs},
        options::load_settings,
        parsers::theme,
        text::{TextArgs, care_for, joined, tell_changes},
    },
    config::Theme,
    decode::{Word, text_of},
    parity::{CompareOptions, Run, compare},
    text::Rules,
    trace::{Line, Tensors, Trace, npy::Array},
    ui,
    units::SampleIdx,
};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The trace to look at.
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// Another trace of the same sound, shown as a second lane with the differences as a third.
    #[arg(long, value_name = "TRACE", conflicts_with = "again")]
    against: Option<PathBuf>,
    /// Run again with the model and the settings given here, and lay that run beside. Needs what --dump-audio or
    /// --dump-features kept. --left and the other flags of recognition say so too.
    #[arg(long, value_name = "FROM", num_args = 0..=1, default_missing_value = "audio")]
    again: Option<From>,
    /// Write the trace of the new run to this file.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print what the window would show, and open none.
    #[arg(long, value_parser = BoolishValueParser::new())]
    no_window: bool,
    /// Colours of the window.
    #[arg(long, value_name = "THEME", value_parser = theme())]
    theme: Option<Theme>,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    model: ModelArgs,
}

/// What a run is made again from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum From {
    /// The samples.
    Audio,
    /// The features, window by window.
    Features,
}

/// A trace with its side files.
struct Whole {
    trace: Trace,
    tensors: Tensors,
}

impl Whole {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let trace = Trace::read(path)?;
        let tensors = trace.tensors(path)?;
        Ok(Self { trace, tensors })
    }

    fn run(&self) -> Run<'_> {
        Run { trace: &self.trace, tensors: &self.tensors }
    }

    /// Stretches of samples without a gap: position of the first, and rows in the side file of the audio.
    fn stretches(&self) -> Vec<(SampleIdx, Range<usize>)> {
        let starts = self.trace.marks.iter().filter_map(|mark| match mark.line {
            Line::Audio { at, row } => Some((at, row as usize)),
            _ => None,
        });
        let starts: Vec<_> = starts.collect();
        let rows = self.tensors.audio.as_ref().map_or(0, Array::len);
        let ends = starts.iter().skip(1).map(|(_, row)| *row).chain([rows]);
        starts.iter().zip(ends).map(|((at, row), end)| (*at, *row..end)).collect()
    }
}

pub(super) fn run(args: &ReplayArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let whole = Whole::read(&args.trace)?;
    if whole.trace.truncated {
        (console.tell)(&format!("{}: the trace was cut off; what is there is shown", args.trace.display()));
    }
    let again = args.again.or_else(|| args.session.is_given().then_some(From::Audio));
    let mut scratch = None;
    let other = match (&args.against, again) {
        (Some(path), _) => Some((path.display().to_string(), Whole::read(path)?)),
        (None, Some(from)) => {
            let path = if let Some(path) = &args.save {
                path.clone()
            } else {
                let folder = tempfile::tempdir().context("no folder for the new run's trace")?;
                scratch.insert(folder).path().join("again.jsonl")
            };
            again::run_again(&whole, from, args, &settings, &path).with_context(|| args.trace.display().to_string())?;
            Some(("run again".to_owned(), Whole::read(&path)?))
        }
        (None, None) => None,
    };
    let other = other.as_ref().map(|(name, other)| (name.as_str(), other));
    let rules = args.text.rules(&settings.text)?;
    if args.no_window {
        print(&whole, other, &rules, console)?;
        return Ok(Outcome::Done);
    }
    let title = args.trace.file_name().unwrap_or(args.trace.as_os_str()).to_string_lossy().into_owned();
    let mut recording = recording::recording(title, &whole, other);
    recording.text = args.text.over(settings.text.clone());
    ui::run_recorded(recording, args.theme.unwrap_or(settings.theme))
        .context("with --no-window the same is printed")?;
    Ok(Outcome::Done)
}

/// Committed words by utterance; none is empty.
fn utterances(trace: &Trace) -> Vec<Vec<Word>> {
    let ends = trace.marks.iter().filter(|mark| matches!(mark.line, Line::UtteranceEnd { .. })).map(|mark| mark.hops);
    let mut from = 0;
    let words = |to: usize| -> Vec<Word> {
        let hops = trace.hops.get(from..to.max(from)).unwrap_or_default();
        from = to.max(from);
        hops.iter().flat_map(|hop| hop.words.iter().cloned()).collect()
    };
    ends.chain([trace.hops.len()]).map(words).filter(|words| !words.is_empty()).collect()
}

/// The run in a few lines, and the comparison.
fn print(
    whole: &Whole,
    other: Option<(&str, &Whole)>,
    rules: &Arc<Rules>,
    console: &mut Console<'_>,
) -> anyhow::Result<()> {
    let out = &mut *console.out;
    let mut summary = |name: &str, trace: &Trace| -> std::io::Result<()> {
        let header = &trace.header;
        writeln!(
            out,
            "{name}: {} on {} ({}), {}",
            header.contract.name, header.engine.engine, header.engine.device, header.source
        )?;
        writeln!(out, "  {} hops, {} decisions", trace.hops.len(), trace.decisions().count())?;
        writeln!(out, "  {}", text_of(&trace.words().cloned().collect::<Vec<_>>()))?;
        if rules.is_off() {
            return Ok(());
        }
        writeln!(out, "  with the rules for text:")?;
        for cared in care_for(rules, &utterances(trace)) {
            joined(&cared).lines().try_for_each(|line| writeln!(out, "  {line}"))?;
            tell_changes(&cared, out)?;
        }
        Ok(())
    };
    summary("A", &whole.trace)?;
    if let Some((name, other)) = other {
        summary(&format!("B, {name}"), &other.trace)?;
        match compare(&whole.run(), &other.run(), &CompareOptions::default()) {
            Ok(comparison) => write!(out, "{comparison}")?,
            Err(error) => writeln!(out, "not comparable decision by decision: {error}")?,
        }
    }
    Ok(())
}
