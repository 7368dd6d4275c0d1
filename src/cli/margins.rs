//! `dictoscope margins`: how close the decisions of traces or recordings were, and how many would flip under noise.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, builder::BoolishValueParser};
use serde::Serialize;

use crate::{
    audio::AudioFile,
    cli::{
        Console, Outcome,
        args::{ModelArgs, SessionArgs},
        options::load_settings,
    },
    decode::{
        Decision,
        margins::{EDGES, MarginHistogram, Margins, expected_flips, share_below},
    },
    session::{Probe, Session, Stage},
    trace::Trace,
};

/// Width of the longest bar of a histogram in characters.
const BAR: u64 = 40;

#[derive(Debug, Args)]
pub(super) struct MarginsArgs {
    /// Traces (`.jsonl`) or recordings; recordings are transcribed first.
    #[arg(required = true, value_name = "TRACE|AUDIO")]
    files: Vec<PathBuf>,
    /// Standard deviations of the noise on each logit for which flips are expected, in logits.
    #[arg(long, value_name = "SIGMA", value_delimiter = ',', default_values_t = [0.001, 0.01, 0.1], value_parser = sigma)]
    noise: Vec<f64>,
    /// Margin below which a pair of durations counts as tied, in logits.
    #[arg(long, value_name = "EPS", default_value_t = crate::decode::margins::NEAR_TIE)]
    epsilon: f32,
    /// Hop by hop as if it were dictated, for recordings. --left, --hop and --right say so too.
    #[arg(long, value_parser = BoolishValueParser::new())]
    stream: bool,
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    model: ModelArgs,
}

fn sigma(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(sigma) if sigma.is_finite() && sigma > 0.0 => Ok(sigma),
        _ => Err("expected logits, more than 0".to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct Report {
    files: usize,
    decisions: usize,
    token: Head,
    duration: Head,
    /// Entries of the duration head that stood within epsilon of each other: the better one, the other, how often.
    duration_ties: Vec<(u32, u32, usize)>,
    epsilon: f32,
}

#[derive(Debug, Serialize)]
struct Head {
    histogram: MarginHistogram,
    /// For each edge of the histogram, the share of decisions with a smaller margin.
    share_below: Vec<(f32, f64)>,
    /// For each noise, the decisions expected to flip.
    expected_flips: Vec<(f64, f64)>,
}

impl Head {
    fn of(margins: &[f32], noise: &[f64]) -> Self {
        Self {
            histogram: MarginHistogram::of(margins.iter().copied()),
            share_below: EDGES.iter().map(|edge| (*edge, share_below(margins, *edge))).collect(),
            expected_flips: noise.iter().map(|sigma| (*sigma, expected_flips(margins, *sigma))).collect(),
        }
    }
}

pub(super) fn run(args: &MarginsArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let mut margins = Margins::default();
    let mut durations: Vec<u32> = Vec::new();
    let mut session: Option<Session> = None;
    for path in &args.files {
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let trace = Trace::read(path)?;
            durations.clone_from(&trace.header.contract.durations);
            margins.extend(Margins::of(trace.decisions().map(|line| &line.decision)));
        } else {
            let session = match &mut session {
                Some(session) => session,
                None => session.insert(open(args, console)?),
            };
            durations.clone_from(&session.contract().durations);
            margins.extend(Margins::of(&decisions(session, path)?));
        }
    }
    let mut ties: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let duration = |entry: usize| durations.get(entry).copied().unwrap_or(entry as u32);
    for (first, second, margin) in &margins.duration_pairs {
        if *margin < args.epsilon {
            *ties.entry((duration(*first), duration(*second))).or_default() += 1;
        }
    }
    let mut duration_ties: Vec<_> = ties.into_iter().map(|((first, second), count)| (first, second, count)).collect();
    duration_ties.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    let report = Report {
        files: args.files.len(),
        decisions: margins.token.len(),
        token: Head::of(&margins.token, &args.noise),
        duration: Head::of(&margins.duration, &args.noise),
        duration_ties,
        epsilon: args.epsilon,
    };
    if args.json {
        console.json(&report)?;
    } else {
        print(&report, console.out)?;
    }
    Ok(Outcome::Done)
}

fn open(args: &MarginsArgs, console: &mut Console<'_>) -> anyhow::Result<Session> {
    let stored = load_settings(console);
    let stream = args.stream || args.session.names_window();
    args.model.over(&stored).session(args.session.over(stored.session), stream)
}

/// Committed decisions of one recording.
fn decisions(session: &mut Session, path: &Path) -> anyhow::Result<Vec<Decision>> {
    let name = || path.display().to_string();
    let mut file = AudioFile::open(path)?;
    let mut heard = Heard::default();
    session.reset();
    while let Some(block) = file.next_block()? {
        session.push(&block, &mut heard).with_context(name)?;
    }
    session.finish(&mut heard).with_context(name)?;
    Ok(heard.0)
}

#[derive(Debug, Default)]
struct Heard(Vec<Decision>);

impl Probe for Heard {
    fn on(&mut self, stage: Stage<'_>) {
        if let Stage::Decision(decision) = stage {
            self.0.push(decision.clone());
        }
    }
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} decisions in {} {}",
        report.decisions,
        report.files,
        if report.files == 1 { "file" } else { "files" }
    )?;
    for (name, head) in [("token", &report.token), ("duration", &report.duration)] {
        let histogram = &head.histogram;
        let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
        writeln!(out, "\n{name} margin, logits   decisions   share below")?;
        for (bar, count) in histogram.counts.iter().enumerate() {
            let below = head
                .share_below
                .get(bar)
                .map_or_else(|| "100.00".to_owned(), |(_, share)| format!("{:.2}", share * 100.0));
            let length = if *count == 0 { 0 } else { (count * BAR / most).max(1) as usize };
            writeln!(out, "{:>13}   {count:>9}   {below:>8} %   {}", MarginHistogram::label(bar), "█".repeat(length))?;
        }
        for (sigma, flips) in &head.expected_flips {
            let share = flips * 100.0 / report.decisions.max(1) as f64;
            writeln!(out, "noise of {sigma} on each logit: {flips:.2} {name} flips expected ({share:.3} %)")?;
        }
    }
    writeln!(out, "\ndurations within {} of each other (chosen, runner-up):", report.epsilon)?;
    if report.duration_ties.is_empty() {
        writeln!(out, "  none")?;
    }
    for (first, second, count) in &report.duration_ties {
        writeln!(out, "  {first}, {second}: {count}")?;
    }
    Ok(())
}
