//! A trace as comparison reads it: committed decisions in one line, each with its hop and utterance, and its tensors.

use crate::{
    decode::Decision,
    trace::{DecisionLine, Hop, Line, Tensors, Trace},
    units::EncIdx,
};

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was written down.
    pub trace: &'a Trace,
    /// Side files, as far as there are any.
    pub tensors: &'a Tensors,
}

/// A committed decision with its place.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Place of its hop in the trace.
    pub hop: usize,
    /// Counts utterances from 0.
    pub utterance: usize,
    /// The line.
    pub line: &'a DecisionLine,
}

impl<'a> Step<'a> {
    /// The record.
    pub fn decision(&self) -> &'a Decision {
        &self.line.decision
    }
}

impl<'a> Run<'a> {
    /// Committed decisions in order, at most `most`.
    pub fn steps(&self, most: Option<usize>) -> Vec<Step<'a>> {
        let starts = self.utterance_starts();
        let mut steps = Vec::new();
        for (index, hop) in self.trace.hops.iter().enumerate() {
            let begun = starts.iter().filter(|(hops, _)| *hops <= index).count();
            let utterance = begun.saturating_sub(1);
            steps.extend(hop.decisions.iter().map(|line| Step { hop: index, utterance, line }));
        }
        steps.truncate(most.unwrap_or(usize::MAX));
        steps
    }

    /// Hops before each utterance, and the frame it begins at.
    pub fn utterance_starts(&self) -> Vec<(usize, EncIdx)> {
        let starts = self.trace.marks.iter().filter_map(|mark| match mark.line {
            Line::UtteranceStart { frame } => Some((mark.hops, frame)),
            _ => None,
        });
        starts.collect()
    }

    /// The hop at `index`.
    pub fn hop(&self, index: usize) -> Option<&'a Hop> {
        self.trace.hops.get(index)
    }

    /// Features of a hop, `[mel frames, mel bins]`, if they were kept.
    pub fn features(&self, index: usize) -> Option<&'a [f32]> {
        let line = &self.hop(index)?.line;
        self.tensors.features.as_ref()?.rows(line.rows.features? as usize, line.features.frames)
    }

    /// Encoder frames of a hop, `[encoder frames, dim]`, if they were kept.
    pub fn encoded(&self, index: usize) -> Option<&'a [f32]> {
        let line = &self.hop(index)?.line;
        self.tensors.encoder.as_ref()?.rows(line.rows.encoder? as usize, line.encoder.frames)
    }
}
