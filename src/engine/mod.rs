//! Log-mel in, encoder frames and joint scores out: the one seam to whatever computes.
//!
//! An engine does three things and decides nothing: the TDT loop, its margins and its trace live in `decode`.

mod contract;
mod error;
mod host;
mod onnx_graph;
mod onnx_runtime;
mod resident;
mod rten;
mod scripted;
mod sketch;
#[cfg(feature = "tensorrt")]
mod tensorrt;

pub use contract::{
    Contract, DType, DataSpec, Derivation, Dim, EncoderSpec, FORMAT, GraphSpec, Graphs, PredictorSpec, ProbeSpec,
    TIME_FIRST, TensorSpec, VocabularySpec, hexadecimal, sha256,
};
pub use error::{ContractError, EngineError};
use onnx_graph::{BlockShape, FOUND, GIVEN, decision_block};
pub use onnx_graph::{
    Cut, External, FusedPorts, HALF_VERSION, HalfReport, JointPorts, OnnxError, OnnxGraph, Port, PredictorPorts,
    Rewritten, cut, joint_graph, predictor_graph, to_half,
};
pub use onnx_runtime::{LibraryError, OnnxRuntime, OrtEngine, OrtResidentEngine, Place, preload_cuda};
pub use resident::Resident;
pub use rten::RtenEngine;
pub use scripted::ScriptedEngine;
pub use sketch::{PROJECTIONS, Sketch};
#[cfg(feature = "tensorrt")]
pub use tensorrt::{
    BuildStep, Capability, Gpu, Plan, PlanHeader, PlanKey, PlanRequest, PlanSet, PlanSource, PlanTensor, Precision,
    Profile, TensorRt, TensorRtEngine, TensorRtError, build_plans,
};

use std::{borrow::Cow, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{features::FeatureFrames, units::EncIdx};

/// An ONNX graph.
#[derive(Clone)]
pub enum GraphSource {
    /// In memory, whole.
    Bytes(Cow<'static, [u8]>),
    /// A file, with files of its weights beside it.
    File(PathBuf),
}

/// Index into the token head: a piece of the vocabulary, or blank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub u32);

impl std::fmt::Debug for GraphSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// Encoder frames, time-major `[frames, dim]`, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncoderOutput {
    /// Encoder frame of the first row, counted since the session began.
    pub start: EncIdx,
    /// Values per row.
    pub dim: usize,
    /// Row after row.
    pub data: Vec<f32>,
}

impl EncoderOutput {
    /// Number of encoder frames (80 ms each).
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The frame at absolute position `at`, if this output holds it.
    pub fn frame(&self, at: EncIdx) -> Option<&[f32]> {
        let row = usize::try_from(at.0.checked_sub(self.start.0)?).ok()?;
        self.data.get(row * self.dim..(row + 1) * self.dim)
    }

    /// One past the last frame.
    pub fn end(&self) -> EncIdx {
        EncIdx(self.start.0 + self.len() as u64)
    }
}

/// LSTM state of the prediction network, `[layers, hidden]` each. Empty vectors stand for zeros, unless the state is
/// resident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictorState {
    /// Hidden state.
    pub h: Vec<f32>,
    /// Cell state.
    pub c: Vec<f32>,
    /// Where the engine keeps both, if not here.
    pub resident: Option<Resident>,
}

/// What the prediction network says after a token: its output and the state to go on from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Output `g`, `[hidden]` (the contract's [`Contract::prediction_width`]); empty if it is resident and was not fetched.
    pub output: Vec<f32>,
    /// State after the token.
    pub state: PredictorState,
    /// Where the engine keeps the output, if not here.
    pub resident: Option<Resident>,
}

impl Prediction {
    /// An output without a state, for the joint alone.
    pub fn of_output(output: &[f32]) -> Self {
        Self { output: output.to_vec(), ..Self::default() }
    }
}

/// Raw scores of one joint step, before any softmax.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JointLogits {
    /// Token head, `[vocabulary + 1]`, blank last.
    pub tokens: Vec<f32>,
    /// Duration head, one per entry of the contract's `durations`.
    pub durations: Vec<f32>,
}

/// What actually runs, not what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Engine name and version, for example `rten 0.27`.
    pub engine: String,
    /// Where it computes, for example `CPU, 2 threads`.
    pub device: String,
    /// Arithmetic and storage, for example `f32 (weights stored as f16)`.
    pub precision: String,
    /// The coarsest arithmetic that any layer runs in: it decides how closely another engine must agree.
    pub arithmetic: Arithmetic,
    /// Name of the model from its contract.
    pub model: String,
    /// SHA-256 of the encoder graph, hexadecimal.
    pub encoder_sha256: String,
    /// What the comparison with the model's stored reference outputs said, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parity: Option<String>,
}

/// What numbers a layer computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arithmetic {
    /// 32-bit float.
    #[default]
    F32,
    /// 32-bit float with the products of matrix multiplications rounded to 10 bits of mantissa.
    Tf32,
    /// 16-bit float.
    F16,
    /// 16-bit float with 7 bits of mantissa.
    Bf16,
}

impl Arithmetic {
    /// Its name, for example `f32`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// The seam. All outputs are out-parameters, so that the steady state reuses its buffers.
pub trait Engine: Send {
    /// What actually runs.
    fn info(&self) -> &EngineInfo;

    /// Encodes one window, `input` `[frames, mel_bins]`, into `out` `[ceil(frames / 8), dim]`.
    /// `out.start` is the encoder frame of `input.start`.
    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError>;

    /// One step of the prediction network: `token` (blank stands for start of sequence) on `state`.
    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError>;

    /// One joint step: encoder frame `[dim]` and the prediction's output `[hidden]` to raw logits of both heads.
    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError>;

    /// The joint on several frames, `[rows, dim]`, with one prediction: raw logits `[rows, tokens and durations]`. In one call
    /// where an engine can, else one after the other.
    fn joint_rows(
        &mut self,
        frames: &[f32],
        dim: usize,
        prediction: &Prediction,
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        let mut logits = JointLogits::default();
        out.clear();
        for frame in frames.chunks_exact(dim.max(1)) {
            self.joint(frame, prediction, &mut logits)?;
            out.extend(logits.tokens.iter().chain(&logits.durations));
        }
        Ok(())
    }

    /// The next decisions from the frame of the next [`Engine::joint`] on, token and entry of the duration head, where the caller
    /// knows them beforehand whatever the scores say. A hint for engines that compute ahead; nothing comes out differently.
    fn expect(&mut self, _decisions: &[(TokenId, usize)]) {}

    /// Brings what is resident of a prediction to the host: output and state have their values then, too. Nothing to do
    /// for an engine that keeps nothing.
    fn fetch(&mut self, _prediction: &mut Prediction) -> Result<(), EngineError> {
        Ok(())
    }

    /// A second engine that runs beside this one on the same weights in memory, with as many threads of its own. `None` where
    /// an engine cannot: open the model again.
    fn another(&self) -> Option<Box<dyn Engine>> {
        None
    }
}

impl<E: Engine + ?Sized> Engine for Box<E> {
    fn info(&self) -> &EngineInfo {
        (**self).info()
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        (**self).encode(input, out)
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        (**self).predict(token, state, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        (**self).joint(frame, prediction, out)
    }

    fn joint_rows(
        &mut self,
        frames: &[f32],
        dim: usize,
        prediction: &Prediction,
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        (**self).joint_rows(frames, dim, prediction, out)
    }

    fn expect(&mut self, decisions: &[(TokenId, usize)]) {
        (**self).expect(decisions);
    }

    fn fetch(&mut self, prediction: &mut Prediction) -> Result<(), EngineError> {
        (**self).fetch(prediction)
    }

    fn another(&self) -> Option<Box<dyn Engine>> {
        (**self).another()
    }
}
