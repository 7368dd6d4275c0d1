//! Prediction networks against each other, teacher forced: every side is fed the same tokens.

use std::path::Path;

use serde::Serialize;

use crate::{
    engine::{Contract, Engine, EngineError, Prediction, PredictorState, TokenId},
    parity::{
        Gate,
        tensors::{NotComparable, RowComparison, Side, SideFacts, TensorError, Verdict, tokens_of},
    },
    trace::npy::{self, NpyError},
};

use super::{PATH_FILE, PREDICTOR_FILE};

/// All sides against the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictorReport {
    /// Tokens fed after the start of sequence.
    pub tokens: Vec<TokenId>,
    /// The first side.
    pub reference: SideFacts,
    /// The others.
    pub sides: Vec<PredictorSide>,
    /// Pass if all do.
    pub verdict: Verdict,
}

/// One side against the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictorSide {
    /// Which.
    pub side: SideFacts,
    /// What it is held to.
    pub gate: Gate,
    /// Output by output; row 0 is that after the start of sequence, row n that after token n − 1.
    #[serde(flatten)]
    pub outputs: RowComparison,
    /// Why it fails; empty if it passes.
    pub reasons: Vec<String>,
    /// Whether it passes.
    pub verdict: Verdict,
}

/// Outputs `[1 + tokens, hidden]`: after the start of sequence on zero state, then after each token.
pub fn teacher_forced(
    engine: &mut dyn Engine,
    contract: &Contract,
    tokens: &[TokenId],
) -> Result<Vec<f32>, EngineError> {
    let mut state = PredictorState::default();
    let mut outputs = Vec::new();
    for token in [contract.vocabulary.blank].iter().chain(tokens) {
        let mut next = Prediction::default();
        engine.predict(*token, &state, &mut next)?;
        engine.fetch(&mut next)?;
        outputs.extend(next.output);
        state = next.state;
    }
    Ok(outputs)
}

/// Feeds `tokens` to every side and holds `others` against `first`. A folder must have been made along them.
pub fn compare_predictors(
    first: &mut Side,
    others: &mut [Side],
    contract: &Contract,
    tokens: &[TokenId],
) -> Result<PredictorReport, TensorError> {
    let (expected, width) = (outputs_of(first, contract, tokens)?, contract.prediction_width());
    let mut sides = Vec::with_capacity(others.len());
    for side in others {
        let found = outputs_of(side, contract, tokens)?;
        let gate = Gate::of(first.arithmetic(), side.arithmetic());
        if expected.len() != found.len() {
            let (expected, found) = ([expected.len() / width, width], [found.len() / width, width]);
            return Err(NotComparable::Shape { side: side.name(), what: "outputs", expected, found }.into());
        }
        let outputs = RowComparison::of(&expected, &found, width);
        let mut reasons = Vec::new();
        if outputs.difference.not_finite > 0 {
            reasons.push(format!("{} values are NaN or infinite", outputs.difference.not_finite));
        }
        if outputs.cosine_min < gate.predictor_cosine {
            let (found, least) = (outputs.cosine_min, gate.predictor_cosine);
            reasons.push(format!("least cosine {found:.6}, expected at least {least}"));
        }
        let verdict = Verdict::of(&reasons);
        sides.push(PredictorSide { side: side.facts(), gate, outputs, reasons, verdict });
    }
    let verdict = Verdict::all(sides.iter().map(|side| side.verdict));
    Ok(PredictorReport { tokens: tokens.to_vec(), reference: first.facts(), sides, verdict })
}

fn outputs_of(side: &mut Side, contract: &Contract, tokens: &[TokenId]) -> Result<Vec<f32>, TensorError> {
    let name = side.name();
    match side {
        Side::Engine { engine, .. } => {
            teacher_forced(&mut **engine, contract, tokens).map_err(TensorError::engine(&name))
        }
        Side::Folder(folder) => {
            let path = folder.need(folder.tensors.path.as_ref(), PATH_FILE)?;
            same_tokens(&name, tokens, &tokens_of(path, contract.vocabulary.blank))?;
            Ok(folder.need(folder.tensors.predictor.as_ref(), PREDICTOR_FILE)?.data.clone())
        }
    }
}

fn same_tokens(side: &str, expected: &[TokenId], found: &[TokenId]) -> Result<(), NotComparable> {
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    if same == expected.len() && same == found.len() {
        return Ok(());
    }
    let at = |tokens: &[TokenId]| tokens.get(same).map_or("the end".to_owned(), |token| token.0.to_string());
    let (expected, found) = (at(expected), at(found));
    Err(NotComparable::Path { side: side.to_owned(), what: "token", at: same, expected, found })
}

/// Tokens from a `.npy` of i32: `[tokens]`, or a path `[steps, 2]` whose blanks are left out.
pub fn read_tokens(path: &Path, contract: &Contract) -> Result<Vec<TokenId>, TensorError> {
    let array = npy::read::<i32>(path)?;
    let values: Vec<i32> = match array.shape.as_slice() {
        [_] => array.data,
        [_, 2] => array.data.chunks_exact(2).map(|pair| pair[1]).collect(),
        _ => {
            let expected = "tokens [tokens], or a path [steps, 2]".to_owned();
            return Err(NpyError::Shape { path: path.to_owned(), expected, found: array.shape }.into());
        }
    };
    let blank = contract.vocabulary.blank;
    let mut tokens = Vec::with_capacity(values.len());
    for value in values {
        let token = u32::try_from(value).ok().filter(|token| *token <= blank.0).ok_or_else(|| TensorError::Unfit {
            path: path.to_owned(),
            expected: format!("tokens from 0 to {}", blank.0),
            found: value.to_string(),
        })?;
        tokens.push(TokenId(token));
    }
    tokens.retain(|token| *token != blank);
    Ok(tokens)
}
