//! Joint networks against each other on the same encoder frames and predictor outputs: those of the first side's path.

use serde::Serialize;

use crate::{
    decode::{best, log_sum_exp},
    engine::{Contract, JointLogits, Prediction},
    parity::{
        Gate,
        tensors::{
            Difference, Input, NotComparable, PathStep, Side, SideFacts, SideRun, TensorError, TensorFolder, Verdict,
            prediction_rows,
        },
    },
    trace::{ENCODER_FILE, npy::Array},
    units::EncIdx,
};

use super::{JOINT_FILE, PATH_FILE, PREDICTOR_FILE};

/// A log-sum-exp this near to 0 in every step is that of a softmax: raw heads of this many classes lie far from it.
const SOFTMAX_LSE: f32 = 1e-3;

/// All sides against the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JointReport {
    /// What was fed.
    pub source: String,
    /// Joint evaluations compared.
    pub steps: usize,
    /// The first side.
    pub reference: SideFacts,
    /// How the first side's heads look.
    pub reference_softmax: SoftmaxLook,
    /// The others.
    pub sides: Vec<JointSide>,
    /// Pass if all do.
    pub verdict: Verdict,
}

/// One side against the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JointSide {
    /// Which.
    pub side: SideFacts,
    /// What it is held to.
    pub gate: Gate,
    /// Token head.
    pub token: Difference,
    /// Duration head.
    pub duration: Difference,
    /// Both heads after a log-softmax of each on both sides: what is left if only the normalisation of the heads differs.
    pub normalized_max_abs: f64,
    /// How its heads look.
    pub softmax: SoftmaxLook,
    /// Steps whose winner is another.
    pub flips: Vec<Flip>,
    /// For a folder, how far its own encoder frames and predictor outputs are from those of the first side: what the
    /// joint there got.
    pub inputs: Option<[Difference; 2]>,
    /// Why it fails; empty if it passes.
    pub reasons: Vec<String>,
    /// Whether it passes.
    pub verdict: Verdict,
}

/// Which heads look like the output of a log-softmax, which makes margins right but logits useless for comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SoftmaxLook {
    /// The token head by itself.
    pub token: bool,
    /// The duration head by itself.
    pub duration: bool,
    /// Both heads as one.
    pub together: bool,
}

/// A head of the joint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Vocabulary and blank.
    Token,
    /// Entries of the contract's durations.
    Duration,
}

/// A step whose winner is another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// Joint evaluation, counted from 0.
    pub step: usize,
    /// Its encoder frame.
    pub frame: EncIdx,
    /// Which head.
    pub head: Head,
    /// Winning class of the first side and how far it stands above the next.
    pub reference: (usize, f32),
    /// The same of this side.
    pub side: (usize, f32),
}

impl SoftmaxLook {
    /// Of raw rows `[steps, classes]` whose first `tokens` classes are the token head.
    pub fn of(rows: &[Vec<f32>], tokens: usize) -> Self {
        let all = |part: fn(&[f32], usize) -> &[f32]| {
            !rows.is_empty() && rows.iter().all(|row| log_sum_exp(part(row, tokens)).abs() < SOFTMAX_LSE)
        };
        Self {
            token: all(|row, tokens| &row[..tokens.min(row.len())]),
            duration: all(|row, tokens| &row[tokens.min(row.len())..]),
            together: all(|row, _| row),
        }
    }

    /// In words; `None` if all looks raw.
    pub fn words(self) -> Option<&'static str> {
        match (self.token, self.duration, self.together) {
            (true, true, _) => Some("both heads look log-softmaxed, each by itself"),
            (true, false, _) => Some("the token head looks log-softmaxed"),
            (false, true, _) => Some("the duration head looks log-softmaxed"),
            (false, false, true) => Some("both heads look log-softmaxed as one"),
            (false, false, false) => None,
        }
    }
}

/// Runs the joint of `others` along the path of `first`, on its encoder frames and predictor outputs.
pub fn compare_joints(
    first: &mut Side,
    others: &mut [Side],
    contract: &Contract,
    input: &Input,
) -> Result<JointReport, TensorError> {
    let reference = first.run(contract, &input.features)?;
    if let Side::Folder(folder) = &*first {
        folder.need(folder.tensors.joint.as_ref(), JOINT_FILE)?;
    }
    let tokens = contract.token_classes();
    let mut compared = Vec::new();
    for side in others {
        let rows = logits_of(side, contract, &reference)?;
        let gate = Gate::of(first.arithmetic(), side.arithmetic());
        let inputs = match &*side {
            Side::Engine { .. } => None,
            Side::Folder(folder) => inputs_of(folder, &reference),
        };
        compared.push(side_report(side.facts(), gate, inputs, &reference, &rows, tokens));
    }
    Ok(JointReport {
        source: input.source.clone(),
        steps: reference.greedy.path.len(),
        reference: first.facts(),
        reference_softmax: SoftmaxLook::of(&reference.greedy.logits, tokens),
        verdict: Verdict::all(compared.iter().map(|side| side.verdict)),
        sides: compared,
    })
}

fn logits_of(side: &mut Side, contract: &Contract, reference: &SideRun) -> Result<Vec<Vec<f32>>, TensorError> {
    let name = side.name();
    let path = &reference.greedy.path;
    match side {
        Side::Folder(folder) => {
            same_path(&name, path, folder.need(folder.tensors.path.as_ref(), PATH_FILE)?)?;
            let joint = folder.need(folder.tensors.joint.as_ref(), JOINT_FILE)?;
            Ok(joint.data.chunks_exact(joint.width().max(1)).map(<[f32]>::to_vec).collect())
        }
        Side::Engine { engine, .. } => {
            let mut rows = Vec::with_capacity(path.len());
            let mut logits = JointLogits::default();
            for (step, row) in path.iter().zip(prediction_rows(path, contract.vocabulary.blank)) {
                let (Some(frame), Some(prediction)) =
                    (reference.encoded.frame(step.frame), reference.greedy.predictions.get(row))
                else {
                    break;
                };
                engine
                    .joint(frame, &Prediction::of_output(prediction), &mut logits)
                    .map_err(TensorError::engine(&name))?;
                rows.push([&logits.tokens[..], &logits.durations].concat());
            }
            Ok(rows)
        }
    }
}

fn same_path(side: &str, expected: &[PathStep], found: &[PathStep]) -> Result<(), NotComparable> {
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    if same == expected.len() && same == found.len() {
        return Ok(());
    }
    let at = |path: &[PathStep]| {
        path.get(same).map_or("the end".to_owned(), |step| format!("token {} on frame {}", step.token.0, step.frame.0))
    };
    let (expected, found) = (at(expected), at(found));
    Err(NotComparable::Path { side: side.to_owned(), what: "step", at: same, expected, found })
}

/// Encoder frames and predictor outputs of a folder against those of the first side, if it has both.
fn inputs_of(folder: &TensorFolder, reference: &SideRun) -> Option<[Difference; 2]> {
    let (frames, outputs): (&Array<f32>, &Array<f32>) =
        (folder.tensors.encoder.as_ref()?, folder.tensors.predictor.as_ref()?);
    Some([
        Difference::of(&reference.encoded.data, &frames.data),
        Difference::of(&reference.greedy.predictions.concat(), &outputs.data),
    ])
}

fn side_report(
    side: SideFacts,
    gate: Gate,
    inputs: Option<[Difference; 2]>,
    reference: &SideRun,
    rows: &[Vec<f32>],
    tokens: usize,
) -> JointSide {
    let expected = &reference.greedy.logits;
    let part = |rows: &[Vec<f32>], head: Head| -> Vec<f32> {
        rows.iter().flat_map(|row| head.of(row, tokens).iter().copied()).collect()
    };
    let difference = |head| Difference::of(&part(expected, head), &part(rows, head));
    let (token, duration) = (difference(Head::Token), difference(Head::Duration));
    let normalized = |rows: &[Vec<f32>]| -> Vec<f32> {
        let heads =
            |row: &Vec<f32>| [Head::Token, Head::Duration].map(|head| log_softmax(head.of(row, tokens))).concat();
        rows.iter().flat_map(heads).collect()
    };
    let normalized_max_abs = Difference::of(&normalized(expected), &normalized(rows)).max_abs;
    let mut flips = Vec::new();
    for (step, (at, (a, b))) in reference.greedy.path.iter().zip(expected.iter().zip(rows)).enumerate() {
        for head in [Head::Token, Head::Duration] {
            let winners = [a, b].map(|row| best(head.of(row, tokens), |_| true));
            if let [Some(reference), Some(side)] = winners
                && reference.0 != side.0
            {
                flips.push(Flip { step, frame: at.frame, head, reference, side });
            }
        }
    }
    let softmax = SoftmaxLook::of(rows, tokens);
    let mut reasons = Vec::new();
    for (name, head) in [("token", token), ("duration", duration)] {
        if head.not_finite > 0 {
            reasons.push(format!("{name} head: {} values are NaN or infinite", head.not_finite));
        }
        if head.max_abs > gate.logit_max_abs {
            reasons
                .push(format!("{name} head: max |Δ| {:.3e}, expected at most {:e}", head.max_abs, gate.logit_max_abs));
        }
    }
    // Not finite inputs are told too: they explain everything after.
    let gives = |inputs: &[Difference; 2]| inputs[0].max_abs > gate.encoder_max_abs.unwrap_or(f64::INFINITY);
    if inputs.as_ref().is_some_and(gives) && !reasons.is_empty() {
        reasons.push(format!("its joint got other inputs: see {ENCODER_FILE} and {PREDICTOR_FILE}"));
    }
    let verdict = Verdict::of(&reasons);
    JointSide { side, gate, token, duration, normalized_max_abs, softmax, flips, inputs, reasons, verdict }
}

impl Head {
    /// Its part of a row of logits.
    pub(super) fn of(self, row: &[f32], tokens: usize) -> &[f32] {
        let (token, duration) = row.split_at(tokens.min(row.len()));
        match self {
            Self::Token => token,
            Self::Duration => duration,
        }
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let lse = log_sum_exp(logits);
    logits.iter().map(|x| x - lse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_after_a_softmax_are_seen() {
        let raw = [vec![2.0, 1.0, 0.0, 3.0, 1.0], vec![0.0, 4.0, 1.0, 0.5, 1.0]];
        let heads = |each: fn(&[f32]) -> Vec<f32>| raw.iter().map(|row| each(row)).collect::<Vec<_>>();
        assert_eq!(SoftmaxLook::of(&raw, 3), SoftmaxLook::default());
        let each = SoftmaxLook::of(&heads(|row| [log_softmax(&row[..3]), log_softmax(&row[3..])].concat()), 3);
        assert_eq!(each, SoftmaxLook { token: true, duration: true, together: false });
        let one = SoftmaxLook::of(&heads(log_softmax), 3);
        assert_eq!(one, SoftmaxLook { together: true, ..SoftmaxLook::default() });
        assert_eq!(SoftmaxLook::of(&[], 3), SoftmaxLook::default(), "nothing looks like nothing");
    }
}
