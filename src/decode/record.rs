//! One decision of the TDT loop, with everything it was made from.

use serde::{Deserialize, Serialize};

use crate::{
    engine::{Sketch, TokenId},
    units::EncIdx,
};

/// A token and its raw logit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Index into the token head.
    pub token: TokenId,
    /// Raw logit, before any softmax.
    pub logit: f32,
}

/// A token that punctuation suppression kept from winning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The token that the raw logits would have chosen.
    pub token: TokenId,
    /// Its raw logit minus that of the best allowed token: what the suppression cost, at least 0.
    pub cost: f32,
}

/// The chosen token goes on with a custom word and won by the bonus for that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boosted {
    /// The token that it overtook: the best allowed one by raw logits.
    pub token: TokenId,
    /// What the chosen token got on top of its raw logit.
    pub bonus: f32,
    /// The overtaken token's raw logit minus the chosen one's: what the bonus cost, from 0 to `bonus`.
    pub cost: f32,
}

/// One decision: which token, which duration, and by how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Counts joint evaluations since the utterance began, from 0.
    pub step: u64,
    /// Encoder frame the decision was made on.
    pub frame: EncIdx,
    /// The token chosen (blank included): first of the largest allowed logits, with what custom words add to them.
    pub token: TokenId,
    /// Whether `token` is blank.
    pub is_blank: bool,
    /// Duration chosen by its own head, in encoder frames (80 ms).
    pub duration: u32,
    /// Encoder frames the cursor moved: `duration`, or 1 where `forced`.
    pub advance: u32,
    /// The advance was forced: blank with duration 0, or the symbol limit of one frame.
    pub forced: bool,
    /// The largest raw logits of the token head, best first; suppressed tokens included.
    pub token_top: Vec<Candidate>,
    /// Chosen token's raw logit minus the best other allowed one; where custom words give bonuses, with them.
    pub token_margin: f32,
    /// ln Σ exp over the raw token head.
    pub token_lse: f32,
    /// Softmax probability of `token` within the raw token head: the token confidence.
    pub token_probability: f32,
    /// Raw logit of blank.
    pub blank_logit: f32,
    /// Softmax probability of blank within the raw token head.
    pub blank_probability: f32,
    /// All raw logits of the duration head, in the order of the contract's `durations`.
    pub duration_logits: Vec<f32>,
    /// Best minus second-best raw duration logit.
    pub duration_margin: f32,
    /// ln Σ exp over the duration head.
    pub duration_lse: f32,
    /// Softmax probability of `duration` within its head: the duration confidence.
    pub duration_probability: f32,
    /// What punctuation suppression kept from winning, if it changed the choice.
    pub suppressed: Option<Suppressed>,
    /// What the bonus of a custom word overtook, if it changed the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boosted: Option<Boosted>,
    /// Fingerprint of the encoder frame that the joint got, if whoever made the record had it.
    #[serde(default)]
    pub encoder_sketch: Option<Sketch>,
    /// Fingerprint of the prediction network's output that the joint got.
    #[serde(default)]
    pub predictor_sketch: Option<Sketch>,
}

impl Decision {
    /// Softmax of the duration head, in the order of the contract's `durations`.
    pub fn duration_probabilities(&self) -> impl Iterator<Item = f32> + '_ {
        self.duration_logits.iter().map(|logit| (logit - self.duration_lse).exp())
    }

    /// First encoder frame after this decision.
    pub fn next_frame(&self) -> EncIdx {
        EncIdx(self.frame.0 + u64::from(self.advance))
    }
}
