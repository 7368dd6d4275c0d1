//! The engine gate: before an engine is trusted, it is held against the outputs that a reference gave for the same model.
//!
//! It fails the wrong model, a wrong layout, a broken driver or kernel. Two seconds of noise in eight steps of loudness say
//! nothing about words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    engine::{
        Contract, EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, TokenId,
    },
    features::FeatureFrames,
    parity::{
        Gate, ProbeFile, STAGES_AGREE,
        probe_file::PROBE_SAMPLES,
        tensors::{Difference, RowComparison, features_of, noise, teacher_forced},
    },
    units::MelIdx,
};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStatus {
    /// The model has no reference outputs.
    NotChecked,
    /// All within the gate.
    Passed,
    /// Something is not.
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// How it ended.
    pub status: GateStatus,
    /// The numbers; `None` where nothing was checked, or where the engine gave up.
    pub measured: Option<Measured>,
    /// Bounds; `None` where nothing was checked.
    pub gate: Option<Gate>,
    /// Who made the reference outputs.
    pub made_by: Option<String>,
    /// What is beyond its bound; empty unless it failed.
    pub reasons: Vec<String>,
}

/// Distances from the reference outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Features of our front-end.
    pub features_max_abs: f64,
    /// Encoder, fed with the reference's features.
    pub encoder_max_abs: f64,
    /// Least cosine of an encoder frame.
    pub encoder_min_cosine: f64,
    /// Prediction network after the start of sequence and one token.
    pub predictor_max_abs: f64,
    /// Least cosine of its two outputs.
    pub predictor_min_cosine: f64,
    /// Joint, fed with the reference's encoder frames and first prediction.
    pub joint_max_abs: f64,
    /// Whether everything that the engine gave is finite.
    pub finite: bool,
}

impl GateReport {
    /// Of a model without reference outputs.
    pub fn not_checked() -> Self {
        Self { status: GateStatus::NotChecked, measured: None, gate: None, made_by: None, reasons: Vec::new() }
    }

    /// Whether the engine must not be used without being told to.
    pub fn failed(&self) -> bool {
        self.status == GateStatus::Failed
    }

    /// What [`EngineInfo::parity`] says. `date`: of the check, `YYYY-MM-DD`.
    pub fn summary(&self, date: &str, forced: bool) -> String {
        let forced = if forced { ", forced" } else { "" };
        match (self.status, &self.measured) {
            (GateStatus::NotChecked, _) => self.to_string(),
            (GateStatus::Passed, Some(found)) => format!("passed (max |Δ| {:.1e}, {date})", found.engine_max_abs()),
            (GateStatus::Passed, None) => format!("passed ({date})"),
            (GateStatus::Failed, _) => format!("failed ({}; {date}){forced}", self.reasons.join("; ")),
        }
    }
}

impl Measured {
    /// The largest difference of what the engine computed.
    pub fn engine_max_abs(&self) -> f64 {
        self.encoder_max_abs.max(self.predictor_max_abs).max(self.joint_max_abs)
    }
}

impl fmt::Display for GateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.status {
            GateStatus::NotChecked => "not checked: the model has no reference outputs",
            GateStatus::Passed => "passed",
            GateStatus::Failed => "failed",
        })
    }
}

/// Holds our front-end and `engine` against `probe`. An engine that gives up, or gives what is no number, has failed.
pub fn check(engine: &mut dyn Engine, contract: &Contract, probe: Option<&ProbeFile>) -> GateReport {
    let Some(probe) = probe else { return GateReport::not_checked() };
    // The reference comes of the model's own graphs: the coarser of their arithmetic and the engine's decides.
    let gate = Gate::of(engine.info().arithmetic, contract.arithmetic.unwrap_or_default());
    let report = |measured: Option<Measured>, reasons: Vec<String>| GateReport {
        status: if reasons.is_empty() { GateStatus::Passed } else { GateStatus::Failed },
        measured,
        gate: Some(gate),
        made_by: Some(probe.made_by.clone()),
        reasons,
    };
    match measure(engine, contract, probe) {
        Ok(found) => report(Some(found), faults(&found, &gate)),
        Err(error) => report(None, vec![error.to_string()]),
    }
}

fn measure(engine: &mut dyn Engine, contract: &Contract, probe: &ProbeFile) -> Result<Measured, EngineError> {
    let front_end = &contract.front_end;
    let ours = features_of(front_end, front_end.normalization, &noise(PROBE_SAMPLES));
    let features = Difference::of(&ours.data, &probe.features.data);
    let given = FeatureFrames { start: MelIdx(0), mel_bins: front_end.mel_bins, data: probe.features.data.clone() };
    let mut frames = EncoderOutput::default();
    engine.encode(&given, &mut frames)?;
    same_size("encode", "encoder frames", &probe.encoder.shape, frames.data.len())?;
    let encoder = RowComparison::of(&probe.encoder.data, &frames.data, contract.encoder.dim);
    let outputs = teacher_forced(engine, contract, &[probe.token])?;
    same_size("predict", "prediction", &probe.prediction.shape, outputs.len())?;
    let predictor = RowComparison::of(&probe.prediction.data, &outputs, contract.prediction_width());
    let first = Prediction::of_output(probe.prediction.row(0).unwrap_or_default());
    let (mut logits, mut found) = (JointLogits::default(), Vec::with_capacity(probe.joint.data.len()));
    for frame in probe.encoder.data.chunks_exact(contract.encoder.dim) {
        engine.joint(frame, &first, &mut logits)?;
        found.extend(logits.tokens.iter().chain(&logits.durations));
    }
    same_size("joint", "logits", &probe.joint.shape, found.len())?;
    let joint = Difference::of(&probe.joint.data, &found);
    Ok(Measured {
        features_max_abs: features.max_abs,
        encoder_max_abs: encoder.difference.max_abs,
        encoder_min_cosine: encoder.cosine_min,
        predictor_max_abs: predictor.difference.max_abs,
        predictor_min_cosine: predictor.cosine_min,
        joint_max_abs: joint.max_abs,
        finite: [encoder.difference, predictor.difference, joint, features].iter().all(|d| d.not_finite == 0),
    })
}

fn same_size(call: &'static str, tensor: &str, shape: &[usize], found: usize) -> Result<(), EngineError> {
    if shape.iter().product::<usize>() == found {
        return Ok(());
    }
    Err(EngineError::Shape { call, tensor: tensor.to_owned(), expected: shape.to_vec(), found: vec![found] })
}

fn faults(found: &Measured, gate: &Gate) -> Vec<String> {
    let mut reasons = Vec::new();
    if !found.finite {
        reasons.push("NaN or infinity came out".to_owned());
    }
    let mut at_most = |what: &str, found: f64, bound: Option<f64>| {
        if let Some(bound) = bound.filter(|bound| found > *bound) {
            reasons.push(format!("{what} max |Δ| {found:.1e}, expected at most {bound:e}"));
        }
    };
    at_most("features", found.features_max_abs, Some(STAGES_AGREE.features));
    at_most("encoder", found.encoder_max_abs, gate.encoder_max_abs);
    at_most("joint", found.joint_max_abs, Some(gate.logit_max_abs));
    let mut at_least = |what: &str, found: f64, bound: f64| {
        if found < bound {
            reasons.push(format!("{what} least cosine {found:.6}, expected at least {bound}"));
        }
    };
    at_least("encoder", found.encoder_min_cosine, gate.encoder_cosine);
    at_least("predictor", found.predictor_min_cosine, gate.predictor_cosine);
    reasons
}

/// An engine whose info says how its check ended.
pub struct Checked<E> {
    inner: E,
    info: EngineInfo,
}

impl<E: Engine> Checked<E> {
    /// `inner` with `parity` in its info.
    pub fn new(inner: E, parity: String) -> Self {
        let info = EngineInfo { parity: Some(parity), ..inner.info().clone() };
        Self { inner, info }
    }
}

impl<E> fmt::Debug for Checked<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("info", &self.info).finish_non_exhaustive()
    }
}

impl<E: Engine> Engine for Checked<E> {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        self.inner.encode(input, out)
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        self.inner.predict(token, state, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        self.inner.joint(frame, prediction, out)
    }

    fn joint_rows(
        &mut self,
        frames: &[f32],
        dim: usize,
        prediction: &Prediction,
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        self.inner.joint_rows(frames, dim, prediction, out)
    }

    fn expect(&mut self, decisions: &[(TokenId, usize)]) {
        self.inner.expect(decisions);
    }

    fn fetch(&mut self, prediction: &mut Prediction) -> Result<(), EngineError> {
        self.inner.fetch(prediction)
    }

    fn another(&self) -> Option<Box<dyn Engine>> {
        Some(Box::new(Checked { inner: self.inner.another()?, info: self.info.clone() }))
    }
}
