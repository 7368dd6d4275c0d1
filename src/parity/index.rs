//! One trace held against the rules it must keep by itself: steps, frames, hops, and choices by argmax.

use serde::Serialize;

use crate::{
    engine::Contract,
    parity::run::{Run, Step},
    units::EncIdx,
};

/// A decision that contradicts the trace it stands in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexFault {
    /// Counts committed decisions of the trace from 0.
    pub index: usize,
    /// Place of its hop in the trace.
    pub hop: usize,
    /// Encoder frame it was made on.
    pub frame: u64,
    /// Which rule is broken.
    pub rule: Rule,
    /// What was expected and what was found.
    pub what: String,
}

/// A rule of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Steps count up by one within an utterance.
    Step,
    /// A decision stands where the one before it led.
    Cursor,
    /// A decision lies between the commit lines of its hop.
    Hop,
    /// The token is the first of the largest logits of the token head, or what suppression or a bonus made of it.
    TokenArgmax,
    /// The token is an entry of the token head.
    TokenRange,
    /// The duration is the first of the largest logits of the duration head.
    DurationArgmax,
    /// The cursor moves by the duration, or by 1 where it must.
    Advance,
}

/// Every fault of the trace, in order.
pub(super) fn check(run: &Run<'_>, steps: &[Step<'_>]) -> Vec<IndexFault> {
    let contract = &run.trace.header.contract;
    let starts = run.utterance_starts();
    let mut faults = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let before = index.checked_sub(1).map(|i| &steps[i]).filter(|before| before.utterance == step.utterance);
        let mut fault = |rule, what: Option<String>| {
            if let Some(what) = what {
                let frame = step.decision().frame.0;
                faults.push(IndexFault { index, hop: step.hop, frame, rule, what });
            }
        };
        fault(Rule::Step, step_fault(step, before));
        let start = starts.get(step.utterance).map(|(_, frame)| *frame);
        fault(Rule::Cursor, cursor_fault(run, step, before, start));
        fault(Rule::Hop, hop_fault(run, step));
        fault(Rule::TokenRange, token_range_fault(step, contract));
        fault(Rule::TokenArgmax, token_fault(step));
        fault(Rule::DurationArgmax, duration_fault(step, contract));
        fault(Rule::Advance, advance_fault(step, contract));
    }
    faults
}

fn step_fault(step: &Step<'_>, before: Option<&Step<'_>>) -> Option<String> {
    let expected = before.map_or(0, |before| before.decision().step + 1);
    let found = step.decision().step;
    (found != expected).then(|| format!("expected step {expected}, found {found}"))
}

fn cursor_fault(run: &Run<'_>, step: &Step<'_>, before: Option<&Step<'_>>, start: Option<EncIdx>) -> Option<String> {
    let found = step.decision().frame;
    let Some(before) = before else {
        let start = start?;
        return (found != start)
            .then(|| format!("expected the utterance's first frame {}, found {}", start.0, found.0));
    };
    let expected = before.decision().next_frame();
    if found == expected {
        return None;
    }
    let commit_from = run.hop(step.hop).map(|hop| hop.line.window.commit_from);
    let lost = before.hop != step.hop && commit_from == Some(found) && expected > found;
    Some(if lost {
        let frames = expected.0 - found.0;
        format!(
            "an overshoot of {frames} frames was lost at the commit line: the decision before led to frame {}, but hop \
             {} began at its first frame {}",
            expected.0, step.hop, found.0
        )
    } else {
        format!("the decision before led to frame {}, found frame {}", expected.0, found.0)
    })
}

fn hop_fault(run: &Run<'_>, step: &Step<'_>) -> Option<String> {
    let window = &run.hop(step.hop)?.line.window;
    let (from, to) = (window.commit_from, if window.last { window.end } else { window.commit_to });
    let found = step.decision().frame;
    (found < from || found >= to)
        .then(|| format!("expected a frame the hop commits ({} to {}), found {}", from.0, to.0, found.0))
}

fn token_range_fault(step: &Step<'_>, contract: &Contract) -> Option<String> {
    let token = step.decision().token.0 as usize;
    let classes = contract.token_classes();
    (token >= classes)
        .then(|| format!("expected a token below {classes}, found {token}: an entry of the duration head"))
}

fn token_fault(step: &Step<'_>) -> Option<String> {
    let decision = step.decision();
    // With both a suppressed and a boosted token, the suppressed one is the best.
    if let Some(suppressed) = decision.suppressed {
        let best = decision.token_top.first()?.token;
        return (best != suppressed.token)
            .then(|| format!("expected the suppressed token {} to be the best, found {}", suppressed.token.0, best.0));
    }
    if let Some(boosted) = decision.boosted {
        let (best, cost) = (decision.token_top.first()?.token, boosted.cost);
        if !(0.0..=boosted.bonus).contains(&cost) {
            return Some(format!(
                "expected a custom word's bonus of at least its cost {cost}, found {}",
                boosted.bonus
            ));
        }
        return (best != boosted.token)
            .then(|| format!("expected the overtaken token {} to be the best, found {}", boosted.token.0, best.0));
    }
    let best = decision.token_top.iter().min_by(|a, b| b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token)))?;
    (best.token != decision.token)
        .then(|| format!("expected token {}, the largest logit, found {}", best.token.0, decision.token.0))
}

fn duration_fault(step: &Step<'_>, contract: &Contract) -> Option<String> {
    let decision = step.decision();
    let (best, _) = crate::decode::best(&decision.duration_logits, |_| true)?;
    let expected = *contract.durations.get(best)?;
    (expected != decision.duration)
        .then(|| format!("expected duration {expected}, the largest logit, found {}", decision.duration))
}

fn advance_fault(step: &Step<'_>, contract: &Contract) -> Option<String> {
    let decision = step.decision();
    let blank = decision.token == contract.vocabulary.blank;
    let expected = if decision.duration == 0 && (blank || decision.forced) { 1 } else { decision.duration };
    (expected != decision.advance)
        .then(|| format!("expected an advance of {expected} frames, found {}", decision.advance))
}
