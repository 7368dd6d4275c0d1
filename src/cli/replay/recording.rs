//! A trace as the window takes it: the events and plots that the run had told when it was live.

use std::{collections::BTreeMap, sync::Arc};

use super::Whole;
use crate::{
    models::Model,
    parity::{CompareOptions, compare, lane},
    session::{Event, HopPlot, PlotItem, Ready},
    text::TextSettings,
    trace::{Hop, Line, Trace},
    ui::{Difference, OtherRun, Recording},
    units::{MEL_PER_ENC, MelIdx, SAMPLES_PER_MEL},
};

/// `whole` with `other` beside it.
pub(super) fn recording(title: String, whole: &Whole, other: Option<(&str, &Whole)>) -> Recording {
    let (trace, contract) = (&whole.trace, &whole.trace.header.contract);
    let ready = Ready {
        name: String::new(),
        engine: trace.header.engine.clone(),
        trained_norm: contract.front_end.normalization,
        longest_window: (contract.encoder.max_mel_frames / MEL_PER_ENC) as u64,
        durations: contract.durations.clone(),
        pieces: pieces(trace),
        mel_bins: contract.front_end.mel_bins,
    };
    let (mut events, mut plots) = (Vec::new(), levels(whole));
    let mut marks = trace.marks.iter().peekable();
    let mut mel_end = MelIdx(0);
    for index in 0..=trace.hops.len() {
        while let Some(mark) = marks.next_if(|mark| mark.hops <= index) {
            tell_mark(&mark.line, &mut events, &mut plots);
        }
        if let Some(hop) = trace.hops.get(index) {
            plots.push(PlotItem::Hop(Box::new(hop_plot(whole, index, hop, &mut mel_end))));
            if !hop.words.is_empty() {
                events.push(Event::Committed(hop.words.clone()));
            }
        }
    }
    let other = other.map(|(name, other)| beside(name, whole, other));
    let (settings, text) = (trace.header.settings.clone(), TextSettings::default());
    Recording { title, ready, settings, text, events, plots, other }
}

/// Pieces by token id: the embedded vocabulary if it is the trace's, else those that the trace names.
fn pieces(trace: &Trace) -> Arc<[String]> {
    let spec = &trace.header.contract.vocabulary;
    let embedded = Model::embedded().ok().filter(|model| model.contract().vocabulary.sha256 == spec.sha256);
    let vocabulary = embedded
        .and_then(|model| crate::decode::Vocabulary::parse(&spec.file, model.vocabulary_text(), spec.size).ok());
    if let Some(vocabulary) = vocabulary {
        return Arc::clone(vocabulary.pieces());
    }
    let decisions = trace.hops.iter().flat_map(|hop| hop.decisions.iter().chain(&hop.tail));
    let named: BTreeMap<u32, &str> = decisions.map(|line| (line.decision.token.0, line.piece.as_str())).collect();
    let piece = |id: u32| named.get(&id).map_or_else(|| format!("#{id}"), |piece| (*piece).to_owned());
    (0..=spec.size as u32).map(piece).collect()
}

/// The waveform, if the sound was kept.
fn levels(whole: &Whole) -> Vec<PlotItem> {
    let Some(audio) = &whole.tensors.audio else { return Vec::new() };
    let mut items = Vec::new();
    for (at, rows) in whole.stretches() {
        let samples = audio.data.get(rows).unwrap_or_default();
        items.extend(samples.chunks(SAMPLES_PER_MEL).enumerate().map(|(block, samples)| {
            let (min, max) = samples.iter().fold((0.0_f32, 0.0_f32), |(min, max), x| (min.min(*x), max.max(*x)));
            PlotItem::Level { at: MelIdx(at.mel().0 + block as u64), min, max }
        }));
    }
    items
}

fn tell_mark(line: &Line, events: &mut Vec<Event>, plots: &mut Vec<PlotItem>) {
    match line {
        Line::UtteranceStart { frame } => plots.push(PlotItem::UtteranceStart(*frame)),
        Line::UtteranceEnd { frame, reason } => {
            events.push(Event::UtteranceEnd { at: frame.sample(), reason: *reason });
            plots.push(PlotItem::UtteranceEnd(*frame, *reason));
        }
        Line::Setting { frame, setting } => {
            events.push(Event::SettingApplied { at: frame.sample(), setting: setting.clone() });
            plots.push(PlotItem::Setting(*frame, setting.clone()));
        }
        Line::Gap { at, samples } => {
            events.push(Event::AudioLost { at: *at, samples: *samples });
            plots.push(PlotItem::Gap(at.enc(), *samples));
        }
        _ => {}
    }
}

/// A hop with those of its mel frames that no hop before showed.
fn hop_plot(whole: &Whole, index: usize, hop: &Hop, mel_end: &mut MelIdx) -> HopPlot {
    let window = hop.line.window;
    let mel_bins = hop.line.features.mel_bins;
    let start = window.start.mel();
    let skip = mel_end.0.saturating_sub(start.0) as usize;
    let features = whole.run().features(index).unwrap_or_default();
    let mel = features.get(skip * mel_bins..).unwrap_or_default().to_vec();
    *mel_end = MelIdx(mel_end.0.max(start.0 + hop.line.features.frames as u64));
    let decisions = |lines: &[crate::trace::DecisionLine]| lines.iter().map(|line| line.decision.clone()).collect();
    HopPlot {
        window,
        mel_start: MelIdx(start.0 + skip as u64),
        mel_bins,
        mel,
        decisions: decisions(&hop.decisions),
        tail: decisions(&hop.tail),
        timing: hop.line.millis,
    }
}

fn beside(name: &str, whole: &Whole, other: &Whole) -> OtherRun {
    let (a, b) = (whole.run(), other.run());
    let (verdict, report) = match compare(&a, &b, &CompareOptions::default()) {
        Ok(comparison) => (comparison.verdict(), comparison.to_string()),
        Err(error) => ("not comparable decision by decision".to_owned(), error.to_string()),
    };
    let marks = lane(&a.steps(None), &b.steps(None));
    let differences = marks.into_iter().enumerate();
    OtherRun {
        name: name.to_owned(),
        verdict,
        report: report.lines().map(str::to_owned).collect(),
        decisions: other.trace.decisions().map(|line| line.decision.clone()).collect(),
        differences: differences
            .map(|(index, mark)| Difference { at: mark.at, what: mark.what, first: index == 0 })
            .collect(),
    }
}
