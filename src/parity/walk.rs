//! Two paths walked side by side up to the first decision that is not the same in both.

use crate::{decode::Decision, parity::run::Step};

/// Decisions within which two paths must meet again after a duration flip that is let pass.
const REJOIN_STEPS: usize = 64;

/// What walking found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// Places in both runs and the field that differs first.
    pub(super) first: Option<(usize, usize, &'static str)>,
    /// Duration flips that were let pass, as places in the first run.
    pub(super) tolerated: Vec<usize>,
    /// Places of equal decisions.
    pub(super) pairs: Vec<(usize, usize)>,
}

/// Walks both. `tolerate`: duration flips with both margins at most this are let pass where the paths meet again.
pub(super) fn walk(a: &[Step<'_>], b: &[Step<'_>], tolerate: Option<f32>) -> Walk {
    let mut walk = Walk::default();
    let (mut i, mut j) = (0, 0);
    loop {
        let (one, other) = match (a.get(i), b.get(j)) {
            (None, None) => return walk,
            (Some(one), Some(other)) => (one, other),
            _ => {
                walk.first = Some((i, j, "length"));
                return walk;
            }
        };
        let Some(field) = differing(one, other) else {
            walk.pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
            continue;
        };
        let ties = tolerate.is_some_and(|most| {
            field == "duration" && one.decision().duration_margin <= most && other.decision().duration_margin <= most
        });
        if let Some((further_a, further_b)) = ties.then(|| rejoin(&a[i..], &b[j..])).flatten() {
            walk.tolerated.push(i);
            (i, j) = (i + further_a, j + further_b);
        } else {
            walk.first = Some((i, j, field));
            return walk;
        }
    }
}

/// The first field that differs.
fn differing(a: &Step<'_>, b: &Step<'_>) -> Option<&'static str> {
    let (one, other) = (a.decision(), b.decision());
    if a.utterance != b.utterance || one.frame != other.frame {
        Some("frame")
    } else if one.token != other.token {
        Some("token")
    } else if one.duration != other.duration {
        Some("duration")
    } else if one.advance != other.advance {
        Some("advance")
    } else {
        None
    }
}

/// How far on both stand on the same frame again with the same tokens behind them.
fn rejoin(a: &[Step<'_>], b: &[Step<'_>]) -> Option<(usize, usize)> {
    let tokens = |steps: &[Step<'_>]| -> Vec<u32> {
        let decisions = steps.iter().map(Step::decision);
        decisions.filter(|decision| !decision.is_blank).map(|decision: &Decision| decision.token.0).collect()
    };
    let end = (a.len().min(REJOIN_STEPS), b.len().min(REJOIN_STEPS));
    for further in 2..=end.0 + end.1 {
        for i in 1..=further.min(end.0) {
            let j = further - i;
            if j == 0 || j > end.1 {
                continue;
            }
            let meet = match (a.get(i), b.get(j)) {
                (Some(one), Some(other)) => {
                    one.utterance == other.utterance && one.decision().frame == other.decision().frame
                }
                (None, None) => true,
                _ => false,
            };
            if meet && tokens(&a[..i]) == tokens(&b[..j]) {
                return Some((i, j));
            }
        }
    }
    None
}
