//! The greedy path of one window with every tensor on it: what each joint call got and what it answered.

use std::sync::Arc;

use crate::{
    decode::{TdtDecoder, TdtRules},
    engine::{Contract, EncoderOutput, Engine, EngineError, TokenId},
    units::EncIdx,
};

/// One joint evaluation of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// Encoder frame.
    pub frame: EncIdx,
    /// Token chosen, blank included.
    pub token: TokenId,
}

/// Everything along a greedy path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Greedy {
    /// Joint evaluations in order.
    pub path: Vec<PathStep>,
    /// Outputs of the prediction network `[1 + tokens, hidden]`: after the start of sequence, then after each token of the
    /// path that is not blank.
    pub predictions: Vec<Vec<f32>>,
    /// Raw logits `[steps, classes]`: token head, then duration head.
    pub logits: Vec<Vec<f32>>,
}

/// Decodes `encoded` from its first frame on, without any suppression.
pub fn greedy(engine: &mut dyn Engine, contract: &Contract, encoded: &EncoderOutput) -> Result<Greedy, EngineError> {
    let rules = TdtRules {
        blank: contract.vocabulary.blank,
        durations: contract.durations.clone().into(),
        max_symbols: contract.max_symbols,
        maskable: Arc::from([]),
    };
    let mut decoder = TdtDecoder::new(Arc::new(rules), encoded.start);
    decoder.prime(engine)?;
    let mut found = Greedy::default();
    let keep = |decoder: &TdtDecoder, found: &mut Greedy| {
        found.predictions.extend(decoder.prediction().map(|prediction| prediction.output.clone()));
    };
    keep(&decoder, &mut found);
    while let Some(decision) = decoder.step(encoded, encoded.end(), engine)? {
        found.path.push(PathStep { frame: decision.frame, token: decision.token });
        let logits = decoder.logits();
        found.logits.push([&logits.tokens[..], &logits.durations].concat());
        if !decision.is_blank {
            keep(&decoder, &mut found);
        }
    }
    Ok(found)
}

/// Tokens of a path without blanks.
pub fn tokens_of(path: &[PathStep], blank: TokenId) -> Vec<TokenId> {
    path.iter().map(|step| step.token).filter(|token| *token != blank).collect()
}

/// For each step of a path the row of the predictions that its joint call got: the number of tokens before it.
pub fn prediction_rows(path: &[PathStep], blank: TokenId) -> Vec<usize> {
    let mut tokens = 0;
    path.iter()
        .map(|step| {
            let row = tokens;
            tokens += usize::from(step.token != blank);
            row
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_gets_the_output_after_the_tokens_before_it() {
        let blank = TokenId(9);
        let step = |frame, token| PathStep { frame: EncIdx(frame), token: TokenId(token) };
        let path = [step(0, 9), step(1, 4), step(1, 9), step(3, 5)];
        assert_eq!(tokens_of(&path, blank), [TokenId(4), TokenId(5)]);
        assert_eq!(prediction_rows(&path, blank), [0, 0, 1, 1]);
    }
}
