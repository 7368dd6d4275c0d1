//! Encoders against each other, frame by frame, on the same features.

use serde::Serialize;

use crate::{
    engine::{Contract, EncoderOutput},
    parity::{
        Gate,
        tensors::{FeatureAgreement, Input, RowComparison, Side, SideFacts, TensorError, Verdict, feature_agreement},
    },
    units::EncIdx,
};

/// All sides against the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EncoderReport {
    /// What was fed.
    pub source: String,
    /// Mel frames fed.
    pub mel_frames: usize,
    /// The first side.
    pub reference: SideFacts,
    /// How its features differ from those fed, if it is a folder that has them.
    pub reference_features: Option<FeatureAgreement>,
    /// The others.
    pub sides: Vec<EncoderSide>,
    /// Pass if all do.
    pub verdict: Verdict,
}

/// One side against the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EncoderSide {
    /// Which.
    pub side: SideFacts,
    /// What it is held to.
    pub gate: Gate,
    /// How its features differ from those fed, if it is a folder that has them.
    pub features: Option<FeatureAgreement>,
    /// Frame by frame.
    #[serde(flatten)]
    pub frames: RowComparison,
    /// Seconds at which the worst frame begins.
    pub worst_secs: f64,
    /// Why it fails; empty if it passes.
    pub reasons: Vec<String>,
    /// Whether it passes.
    pub verdict: Verdict,
}

/// Encodes the features of `input` on every side and holds `others` against `first`.
pub fn compare_encoders(
    first: &mut Side,
    others: &mut [Side],
    contract: &Contract,
    input: &Input,
) -> Result<EncoderReport, TensorError> {
    let reference_features = features_of_side(first, contract, input);
    let reference = first.encode(contract, &input.features)?;
    let mut sides = Vec::with_capacity(others.len());
    for side in others {
        let features = features_of_side(side, contract, input);
        let encoded = side.encode(contract, &input.features)?;
        let gate = Gate::of(first.arithmetic(), side.arithmetic());
        let inputs_differ = [reference_features, features].iter().flatten().any(|features| !features.agrees);
        sides.push(side_report(side.facts(), gate, features, inputs_differ, &reference, &encoded));
    }
    Ok(EncoderReport {
        source: input.source.clone(),
        mel_frames: input.features.len(),
        reference: first.facts(),
        reference_features,
        verdict: Verdict::all(sides.iter().map(|side| side.verdict)),
        sides,
    })
}

fn features_of_side(side: &Side, contract: &Contract, input: &Input) -> Option<FeatureAgreement> {
    let Side::Folder(folder) = side else { return None };
    folder.tensors.features.as_ref().map(|features| feature_agreement(contract, input, features))
}

fn side_report(
    side: SideFacts,
    gate: Gate,
    features: Option<FeatureAgreement>,
    inputs_differ: bool,
    reference: &EncoderOutput,
    encoded: &EncoderOutput,
) -> EncoderSide {
    let frames = RowComparison::of(&reference.data, &encoded.data, encoded.dim);
    let mut reasons = Vec::new();
    if inputs_differ {
        reasons.push("the sides were fed different features: this says nothing of the encoder".to_owned());
    }
    let difference = frames.difference;
    if difference.not_finite > 0 {
        reasons.push(format!("{} values are NaN or infinite", difference.not_finite));
    }
    if frames.cosine_min < gate.encoder_cosine {
        reasons.push(format!("least cosine {:.6}, expected at least {}", frames.cosine_min, gate.encoder_cosine));
    }
    if let Some(bound) = gate.encoder_max_abs.filter(|bound| difference.max_abs > *bound) {
        reasons.push(format!("max |Δ| {:.3e}, expected at most {bound:e}", difference.max_abs));
    }
    let worst_secs = EncIdx(frames.worst_row as u64).secs();
    EncoderSide { side, gate, features, worst_secs, frames, verdict: Verdict::of(&reasons), reasons }
}
