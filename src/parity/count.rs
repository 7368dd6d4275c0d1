//! How much two runs differ in all: tokens, durations, frames and words, aligned by their longest common sequence.

use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::{
    decode::{merge_glued, text_of},
    parity::run::{Run, Step},
};

/// Differences in all. After the first one the prediction network's states differ, so that later ones are only counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tokens that stand in one run only, or were replaced.
    pub tokens: usize,
    /// Tokens that both wrote, with another duration.
    pub durations: usize,
    /// Tokens that both wrote, on another frame.
    pub frames: usize,
    /// Words that stand in one run only, or were replaced.
    pub words: usize,
}

/// Counts over all steps, and whether both wrote the same tokens.
pub(super) fn count(a: &Run<'_>, b: &Run<'_>, steps_a: &[Step<'_>], steps_b: &[Step<'_>]) -> (Counts, bool) {
    let (emitted_a, emitted_b) = (emitted(steps_a), emitted(steps_b));
    let ids = |steps: &[&Step<'_>]| -> Vec<u32> { steps.iter().map(|step| step.decision().token.0).collect() };
    let mut counts = Counts::default();
    for op in capture_diff_slices(Algorithm::Myers, &ids(&emitted_a), &ids(&emitted_b)) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            for offset in 0..len {
                let (a, b) = (emitted_a[old_index + offset].decision(), emitted_b[new_index + offset].decision());
                counts.durations += usize::from(a.duration != b.duration);
                counts.frames += usize::from(a.frame != b.frame);
            }
        }
        counts.tokens += changed(op);
    }
    let words = |run: &Run<'_>| -> Vec<String> {
        let words = merge_glued(run.trace.words().cloned());
        words.iter().map(|word| text_of(std::slice::from_ref(word))).collect()
    };
    counts.words = capture_diff_slices(Algorithm::Myers, &words(a), &words(b)).into_iter().map(changed).sum();
    (counts, ids(&emitted_a) == ids(&emitted_b))
}

/// Steps that wrote a token.
pub(super) fn emitted<'a, 'b>(steps: &'b [Step<'a>]) -> Vec<&'b Step<'a>> {
    steps.iter().filter(|step| !step.decision().is_blank).collect()
}

/// Entries that an operation replaces, or removes or adds.
fn changed(op: DiffOp) -> usize {
    match op {
        DiffOp::Equal { .. } => 0,
        DiffOp::Delete { old_len, .. } => old_len,
        DiffOp::Insert { new_len, .. } => new_len,
        DiffOp::Replace { old_len, new_len, .. } => old_len.max(new_len),
    }
}
