//! Every place where two runs decided otherwise, for drawing them side by side.

use std::collections::BTreeMap;

use crate::{parity::run::Step, units::EncIdx};

/// One frame on which two runs decided differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneMark {
    /// The frame.
    pub at: EncIdx,
    /// In a few words: `duration 1 against 0`.
    pub what: String,
}

/// Frames with decisions of either run that are not the same in both, in order. Runs in other windows have their place
/// too: frames are absolute.
pub fn lane(a: &[Step<'_>], b: &[Step<'_>]) -> Vec<LaneMark> {
    let mut frames: BTreeMap<EncIdx, [Vec<&Step<'_>>; 2]> = BTreeMap::new();
    for (side, steps) in [a, b].into_iter().enumerate() {
        for step in steps {
            frames.entry(step.decision().frame).or_default()[side].push(step);
        }
    }
    frames.into_iter().filter_map(|(at, [a, b])| what(&a, &b).map(|what| LaneMark { at, what })).collect()
}

fn what(a: &[&Step<'_>], b: &[&Step<'_>]) -> Option<String> {
    // The mark that opens a word is in few fonts.
    let piece = |step: &Step<'_>| step.line.piece.replace('\u{2581}', "_");
    let pieces = |steps: &[&Step<'_>]| steps.iter().map(|step| piece(step)).collect::<Vec<_>>().join(" ");
    if a.is_empty() || b.is_empty() {
        let (who, steps) = if a.is_empty() { ("the other run", b) } else { ("this run", a) };
        return Some(format!("only {who} decides here: {}", pieces(steps)));
    }
    if let Some((one, other)) = a.iter().zip(b).find(|(a, b)| a.decision().token != b.decision().token) {
        return Some(format!("token {} against {}", piece(one), piece(other)));
    }
    if a.len() != b.len() {
        return Some(format!("{} against {} decisions on this frame", a.len(), b.len()));
    }
    let pair = a.iter().zip(b).find(|(a, b)| a.decision().duration != b.decision().duration)?;
    Some(format!("duration {} against {}", pair.0.decision().duration, pair.1.decision().duration))
}
