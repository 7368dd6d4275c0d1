//! The swap test: one neutral joint on all four combinations of two sides' encoder frame and predictor output at one step,
//! which tells whether a decision flips because of the encoder, the prediction network, or neither.

use serde::Serialize;

use crate::{
    decode::best,
    engine::{Contract, Engine, JointLogits, Prediction, TokenId},
    parity::tensors::{Head, NotComparable, PathStep, Side, SideFacts, SideRun, TensorError, prediction_rows},
    units::EncIdx,
};

/// Token and duration that a joint chose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// Winner of the token head.
    pub token: TokenId,
    /// How far it stands above the next.
    pub token_margin: f32,
    /// Winner of the duration head, in encoder frames.
    pub duration: u32,
    /// How far it stands above the next.
    pub duration_margin: f32,
}

/// What the neutral joint says to one combination.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Combination {
    /// Side (0 or 1) of the encoder frame.
    pub encoder: usize,
    /// Side of the predictor output.
    pub predictor: usize,
    /// What it chose.
    #[serde(flatten)]
    pub choice: Choice,
}

/// What carries a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// The encoder frame alone.
    Encoder,
    /// The predictor output alone.
    Predictor,
    /// Either of them by itself.
    Either,
    /// Only both together.
    Together,
    /// Neither: with the neutral joint nothing flips, and what the sides chose differs by the joint itself or the rule.
    Neither,
    /// There is no flip at this step.
    NoFlip,
}

/// What carries the flip of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeadVerdict {
    /// Which head.
    pub head: Head,
    /// What carries it.
    pub carrier: Carrier,
}

/// Where two paths part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// The step whose decision differs.
    pub step: usize,
    /// By token, or by the advance after an equal token.
    pub head: Head,
    /// What each side has: the tokens at that step, or the frames that followed.
    pub found: [u64; 2],
}

/// The four combinations at one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SwapReport {
    /// What was fed.
    pub source: String,
    /// The two sides.
    pub sides: [SideFacts; 2],
    /// Name of the side whose joint is the neutral one.
    pub joint: String,
    /// Joint evaluation, counted from 0.
    pub step: usize,
    /// Encoder frame on which both sides stand.
    pub frame: EncIdx,
    /// What each side chose itself; `None` where a folder has no `joint.npy`.
    pub own: [Option<Choice>; 2],
    /// Encoder and predictor of: 0 and 0, 1 and 0, 0 and 1, 1 and 1.
    pub combinations: [Combination; 4],
    /// Token head, duration head.
    pub verdicts: [HeadVerdict; 2],
}

/// How a swap ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SwapOutcome {
    /// It was made.
    Swapped(Box<SwapReport>),
    /// The sides stand at different frames or have emitted different tokens: what they got at this step is not about the
    /// same decision.
    Parted(Parting),
}

/// The first step at which two paths decide differently, if they do.
///
/// A path holds frames, not durations: where the tokens are equal and the next frames are not, the step before differs by
/// its duration. A path that ends while the other goes on differs by the duration of its last step.
pub fn first_parting(a: &[PathStep], b: &[PathStep]) -> Option<Parting> {
    let token = |step: &PathStep| u64::from(step.token.0);
    for (at, (x, y)) in a.iter().zip(b).enumerate() {
        if x.frame != y.frame {
            let found = [x.frame.0, y.frame.0];
            return Some(Parting { step: at.saturating_sub(1), head: Head::Duration, found });
        }
        if x.token != y.token {
            return Some(Parting { step: at, head: Head::Token, found: [token(x), token(y)] });
        }
    }
    let shorter = a.len().min(b.len());
    (a.len() != b.len()).then(|| Parting {
        step: shorter.saturating_sub(1),
        head: Head::Duration,
        // The side that ended went beyond the last frame of all.
        found: [a, b].map(|path| path.get(shorter).map_or(u64::MAX, |step| step.frame.0)),
    })
}

/// Swaps the inputs of the joint at `step`. `neutral`: whose joint, with its name; `None` for that of the first side that is
/// an engine, and an error if neither is.
pub fn swap(
    sides: &mut [Side; 2],
    neutral: Option<(&str, &mut dyn Engine)>,
    contract: &Contract,
    source: &str,
    features: &crate::features::FeatureFrames,
    step: usize,
) -> Result<SwapOutcome, TensorError> {
    let mut runs = Vec::with_capacity(2);
    for side in &mut *sides {
        let run = side.run(contract, features)?;
        if run.greedy.path.len() <= step {
            return Err(NotComparable::Step { side: side.name(), step, found: run.greedy.path.len() }.into());
        }
        runs.push(run);
    }
    let (a, b) = (&runs[0], &runs[1]);
    let blank = contract.vocabulary.blank;
    let emitted = |run: &SideRun| super::tokens_of(&run.greedy.path[..step], blank);
    let frame = a.greedy.path[step].frame;
    if frame != b.greedy.path[step].frame || emitted(a) != emitted(b) {
        let parting = first_parting(&a.greedy.path, &b.greedy.path);
        let nowhere = Parting { step, head: Head::Duration, found: [frame.0, b.greedy.path[step].frame.0] };
        return Ok(SwapOutcome::Parted(parting.unwrap_or(nowhere)));
    }
    let facts = [sides[0].facts(), sides[1].facts()];
    let own = [a, b].map(|run| run.greedy.logits.get(step).and_then(|row| choice(row, contract)));
    let [first, second] = sides;
    let (joint, engine): (String, &mut dyn Engine) = match (neutral, first, second) {
        (Some((name, engine)), ..) => (name.to_owned(), engine),
        (None, Side::Engine { name, engine }, _) | (None, _, Side::Engine { name, engine }) => {
            (name.clone(), &mut **engine)
        }
        (None, Side::Folder(first), Side::Folder(_)) => {
            return Err(TensorError::Unfit {
                path: first.path.clone(),
                expected: "an engine whose joint to use (--joint rten), for neither side is one".to_owned(),
                found: "two folders".to_owned(),
            });
        }
    };
    let inputs = [a, b].map(|run| {
        let row = prediction_rows(&run.greedy.path, blank)[step];
        (run.encoded.frame(frame).unwrap_or_default(), run.greedy.predictions.get(row).map_or(&[][..], Vec::as_slice))
    });
    let mut combinations = Vec::with_capacity(4);
    for (encoder, predictor) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let mut logits = JointLogits::default();
        let prediction = Prediction::of_output(inputs[predictor].1);
        engine.joint(inputs[encoder].0, &prediction, &mut logits).map_err(TensorError::engine(&joint))?;
        let row = [&logits.tokens[..], &logits.durations].concat();
        let found =
            choice(&row, contract).ok_or_else(|| TensorError::NotFinite { input: joint.clone(), found: row.len() })?;
        combinations.push(Combination { encoder, predictor, choice: found });
    }
    let combinations = [combinations[0], combinations[1], combinations[2], combinations[3]];
    let verdicts = [Head::Token, Head::Duration].map(|head| HeadVerdict {
        head,
        carrier: carrier(
            combinations.map(|combination| head.choice(&combination.choice)),
            own.map(|own| own.map(|own| head.choice(&own))),
        ),
    });
    let (sides, source) = (facts, source.to_owned());
    Ok(SwapOutcome::Swapped(Box::new(SwapReport { source, sides, joint, step, frame, own, combinations, verdicts })))
}

impl Head {
    fn choice(self, choice: &Choice) -> u32 {
        match self {
            Self::Token => choice.token.0,
            Self::Duration => choice.duration,
        }
    }
}

/// Winners of the four combinations, in their order in [`SwapReport`], and of the sides themselves.
fn carrier([both_a, encoder, predictor, both_b]: [u32; 4], own: [Option<u32>; 2]) -> Carrier {
    if both_a == both_b {
        return match own {
            [Some(a), Some(b)] if a != b => Carrier::Neither,
            _ => Carrier::NoFlip,
        };
    }
    match (encoder != both_a, predictor != both_a) {
        (true, false) => Carrier::Encoder,
        (false, true) => Carrier::Predictor,
        (true, true) => Carrier::Either,
        (false, false) => Carrier::Together,
    }
}

fn choice(row: &[f32], contract: &Contract) -> Option<Choice> {
    let tokens = contract.token_classes();
    let (token, token_margin) = best(Head::Token.of(row, tokens), |_| true)?;
    let (duration, duration_margin) = best(Head::Duration.of(row, tokens), |_| true)?;
    let duration = *contract.durations.get(duration)?;
    Some(Choice { token: TokenId(token as u32), token_margin, duration, duration_margin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carrier_is_what_flips_by_itself() {
        let none = [None, None];
        assert_eq!(carrier([1, 2, 1, 2], none), Carrier::Encoder);
        assert_eq!(carrier([1, 1, 2, 2], none), Carrier::Predictor);
        assert_eq!(carrier([1, 2, 2, 2], none), Carrier::Either);
        assert_eq!(carrier([1, 1, 1, 2], none), Carrier::Together);
        assert_eq!(carrier([1, 1, 1, 1], none), Carrier::NoFlip);
        assert_eq!(carrier([1, 1, 1, 1], [Some(1), Some(2)]), Carrier::Neither);
        assert_eq!(carrier([1, 2, 2, 1], [Some(1), Some(1)]), Carrier::NoFlip);
    }

    #[test]
    fn paths_part_by_token_or_by_the_duration_before() {
        let path = |steps: &[(u64, u32)]| -> Vec<PathStep> {
            steps.iter().map(|(frame, token)| PathStep { frame: EncIdx(*frame), token: TokenId(*token) }).collect()
        };
        let a = path(&[(0, 9), (1, 4), (3, 5)]);
        assert_eq!(first_parting(&a, &a), None);
        let parting = |b: &[(u64, u32)]| first_parting(&a, &path(b)).map(|p| (p.step, p.head, p.found));
        assert_eq!(parting(&[(0, 9), (1, 6), (3, 5)]), Some((1, Head::Token, [4, 6])));
        assert_eq!(parting(&[(0, 9), (1, 4), (2, 5)]), Some((1, Head::Duration, [3, 2])));
        assert_eq!(parting(&[(0, 9), (1, 4)]), Some((1, Head::Duration, [3, u64::MAX])));
    }
}
