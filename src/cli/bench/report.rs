//! The figures of a bench run, as a table and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::meter::{Decided, HopCost, HopMeter};
use crate::{
    cli::json::{JsonWindow, sample_secs},
    engine::EngineInfo,
    session::WindowSettings,
    units::SampleIdx,
};

/// Median, 95th percentile (nearest rank) and largest of `count` values. All 0 without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) max: f64,
    count: usize,
}

impl Spread {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let nearest = ((values.len() as f64 * share).ceil() as usize).max(1);
            values.get(nearest - 1).copied().unwrap_or_default()
        };
        Self { p50: rank(0.5), p95: rank(0.95), max: rank(1.0), count: values.len() }
    }
}

/// Milliseconds, stage by stage.
#[derive(Clone, Copy, Debug, Serialize)]
struct Stages {
    features: Spread,
    encode: Spread,
    decode: Spread,
    total: Spread,
}

#[derive(Debug, Serialize)]
struct HopMillis {
    #[serde(flatten)]
    all: Stages,
    /// Mean of the first tenth of the hops: with the last tenth it shows whether a hop grows dearer.
    first_tenth_mean: f64,
    last_tenth_mean: f64,
}

#[derive(Debug, Serialize)]
struct LatencySecs {
    /// From the end of each 80 ms frame.
    audio_to_tail: Spread,
    audio_to_commit: Spread,
    /// From the end of each word to its text as it stayed.
    word_to_tail: Spread,
    word_to_commit: Spread,
    /// From the begin of the audio to the first word, whether it stayed or not; `null` if there was none.
    first_word: Option<f64>,
}

/// All figures of one run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    audio_secs: f64,
    engine: EngineInfo,
    window: JsonWindow,
    /// From the files, or the program itself, to an engine that is ready and checked.
    load_millis: f64,
    /// Of each hop; of each time the recording was taken whole, if it was.
    hop_millis: HopMillis,
    /// Of the hops whose window had all of its left context.
    #[serde(skip_serializing_if = "Option::is_none")]
    full_window_millis: Option<Stages>,
    decisions: Decided,
    /// Where decisions were taken from a table: so many a second were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions_per_second: Option<f64>,
    /// Seconds of work per second of audio.
    rtf: f64,
    latency_secs: LatencySecs,
    /// `null` where the system does not tell.
    peak_memory_bytes: Option<u64>,
    /// What writing a trace cost the thread that recognises, if one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceCost>,
}

#[derive(Debug, Serialize)]
struct TraceCost {
    /// Milliseconds per hop; they are part of `hop_millis`.
    millis: Spread,
    /// Share of the hops' own work, in [0, 1].
    share: f64,
}

impl Report {
    /// `end`: of all that was pushed to the meter.
    pub(super) fn new(run: Run, end: SampleIdx, meter: &HopMeter, peak_memory_bytes: Option<u64>) -> Self {
        let hops = &meter.hops;
        let tenth = hops.len().div_ceil(10);
        let work_secs: f64 = hops.iter().map(HopCost::total).sum::<f64>() / 1000.0;
        Self {
            file: run.file,
            audio_secs: sample_secs(end),
            engine: run.engine,
            full_window_millis: run.window.map(|_| Stages::of(hops.iter().filter(|hop| hop.full))),
            window: run.window.as_ref().map_or_else(JsonWindow::whole, JsonWindow::stream),
            load_millis: run.load_millis,
            decisions: meter.decided,
            decisions_per_second: run.decisions_per_second,
            hop_millis: HopMillis {
                all: Stages::of(hops),
                first_tenth_mean: mean(&hops[..tenth]),
                last_tenth_mean: mean(&hops[hops.len() - tenth..]),
            },
            rtf: if end.0 == 0 { 0.0 } else { work_secs / end.secs() },
            latency_secs: LatencySecs {
                audio_to_tail: Spread::of(meter.latencies.frame_tail.iter().copied()),
                audio_to_commit: Spread::of(meter.latencies.frame_commit.iter().copied()),
                word_to_tail: Spread::of(meter.latencies.word_tail.iter().copied()),
                word_to_commit: Spread::of(meter.latencies.word_commit.iter().copied()),
                first_word: meter.latencies.first_word,
            },
            peak_memory_bytes,
            trace: None,
        }
    }

    /// Adds what a trace cost, in milliseconds per hop.
    pub(super) fn add_trace(&mut self, hops: &[f64]) {
        let all = self.rtf * self.audio_secs * 1000.0;
        let trace: f64 = hops.iter().sum();
        let share = if all > trace { trace / (all - trace) } else { 0.0 };
        self.trace = Some(TraceCost { millis: Spread::of(hops.iter().copied()), share });
    }

    /// The figures for a person.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let (millis, latency) = (&self.hop_millis, &self.latency_secs);
        let (what, hops) = if self.full_window_millis.is_some() { ("hop", "hops") } else { ("run", "runs") };
        writeln!(out, "{}: {:.1} s of audio, {} {hops}", self.file, self.audio_secs, millis.all.total.count)?;
        writeln!(out, "{} on {}, {}", self.engine.model, self.engine.engine, self.engine.device)?;
        writeln!(out, "window: {}", self.window)?;
        writeln!(out, "ready after {:.0} ms", self.load_millis)?;
        writeln!(out, "\nmilliseconds per {what}      p50      p95      max")?;
        millis.all.print(out)?;
        writeln!(
            out,
            "mean of the first tenth of {hops} {:.1}, of the last {:.1}",
            millis.first_tenth_mean, millis.last_tenth_mean
        )?;
        if let Some(full) = self.full_window_millis.filter(|full| full.total.count > 0) {
            writeln!(out, "\nhops with all left context, {} of them", full.total.count)?;
            full.print(out)?;
        }
        let Decided { committed, tokens, tail } = self.decisions;
        let table = self.decisions_per_second.map(|pace| format!(", from a table, {pace} a second"));
        writeln!(
            out,
            "\ndecisions: {committed}, {tokens} of them tokens, and {tail} in tails{}",
            table.unwrap_or_default()
        )?;
        if self.full_window_millis.is_some() {
            latency.print(out)?;
        }
        writeln!(out, "\nreal-time factor {:.3}", self.rtf)?;
        if let Some(TraceCost { millis, share }) = &self.trace {
            let (p50, p95, share) = (millis.p50, millis.p95, share * 100.0);
            writeln!(out, "trace: {p50:.2} ms per hop (p95 {p95:.2}), {share:.2} % of the hops' own work")?;
        }
        write_memory(out, self.peak_memory_bytes)?;
        out.flush()
    }
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) file: String,
    pub(super) engine: EngineInfo,
    /// `None`: the long windows of recordings.
    pub(super) window: Option<WindowSettings>,
    /// From the files, or the program itself, to an engine that is ready and checked.
    pub(super) load_millis: f64,
    pub(super) decisions_per_second: Option<f64>,
}

impl LatencySecs {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nlatency in seconds        p50      p95      max   ({} words)", self.word_to_commit.count)?;
        for (name, spread) in [
            ("audio to tail", self.audio_to_tail),
            ("audio to commit", self.audio_to_commit),
            ("word to tail", self.word_to_tail),
            ("word to commit", self.word_to_commit),
        ] {
            writeln!(out, "{name:<20} {:>8.2} {:>8.2} {:>8.2}", spread.p50, spread.p95, spread.max)?;
        }
        if let Some(secs) = self.first_word {
            writeln!(out, "first word {secs:.2} s after the begin")?;
        }
        Ok(())
    }
}

impl Stages {
    fn of<'a>(hops: impl IntoIterator<Item = &'a HopCost>) -> Self {
        let hops: Vec<&HopCost> = hops.into_iter().collect();
        let spread = |part: fn(&HopCost) -> f64| Spread::of(hops.iter().map(|hop| part(hop)));
        Self {
            features: spread(|hop| hop.features),
            encode: spread(|hop| hop.encode),
            decode: spread(|hop| hop.decode),
            total: spread(HopCost::total),
        }
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { features, encode, decode, total } = self;
        for (name, spread) in [("features", features), ("encode", encode), ("decode", decode), ("total", total)] {
            writeln!(out, "{name:<20} {:>8.1} {:>8.1} {:>8.1}", spread.p50, spread.p95, spread.max)?;
        }
        Ok(())
    }
}

/// The last line of a report.
pub(super) fn write_memory(out: &mut dyn Write, peak_bytes: Option<u64>) -> io::Result<()> {
    match peak_bytes {
        Some(bytes) => writeln!(out, "peak memory {:.0} MB", bytes as f64 / 1e6),
        None => writeln!(out, "peak memory not available on this system"),
    }
}

fn mean(hops: &[HopCost]) -> f64 {
    if hops.is_empty() { 0.0 } else { hops.iter().map(HopCost::total).sum::<f64>() / hops.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=100).rev().map(f64::from));
        assert_eq!(spread, Spread { p50: 50.0, p95: 95.0, max: 100.0, count: 100 });
        assert_eq!(Spread::of([3.0]), Spread { p50: 3.0, p95: 3.0, max: 3.0, count: 1 });
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn a_run_without_a_hop_prints_zeros() {
        let run = Run { file: "empty.wav".into(), window: Some(WindowSettings::default()), ..Run::default() };
        let report = Report::new(run, SampleIdx(0), &HopMeter::new(0), None);
        let mut out = Vec::new();
        report.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("0 hops") && text.contains("not available"), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}
