//! Log-mel in, encoder frames and joint scores out: the one seam to whatever computes.
//!
//! An engine does three things and decides nothing: the TDT loop, its margins and its trace live in `decode`.

mod contract;
mod error;
mod host;
mod onnx_runtime;
mod rten;
mod scripted;
mod sketch;

pub use contract::{
    Contract, DType, Dim, EncoderSpec, GraphSpec, Graphs, PredictorSpec, ProbeSpec, TensorSpec, VocabularySpec,
};
pub use error::{ContractError, EngineError};
pub use onnx_runtime::{LibraryError, OnnxRuntime, OrtEngine};
pub use rten::RtenEngine;
pub use scripted::ScriptedEngine;
pub use sketch::{PROJECTIONS, Sketch};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{features::FeatureFrames, units::EncIdx};

/// An ONNX graph in memory.
pub type GraphBytes = Cow<'static, [u8]>;

/// Index into the token head: a piece of the vocabulary, or blank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub u32);

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

/// LSTM state of the prediction network, `[layers, hidden]` each. Empty vectors stand for zeros.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictorState {
    /// Hidden state.
    pub h: Vec<f32>,
    /// Cell state.
    pub c: Vec<f32>,
}

/// What the prediction network says after a token: its output and the state to go on from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Output `g`, `[hidden]`.
    pub output: Vec<f32>,
    /// State after the token.
    pub state: PredictorState,
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

/// The seam. All outputs are out-parameters, so that the steady state reuses its buffers.
pub trait Engine: Send {
    /// What actually runs.
    fn info(&self) -> &EngineInfo;

    /// Encodes one window, `input` `[frames, mel_bins]`, into `out` `[ceil(frames / 8), dim]`.
    /// `out.start` is the encoder frame of `input.start`.
    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError>;

    /// One step of the prediction network: `token` (blank stands for start of sequence) on `state`.
    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError>;

    /// One joint step: encoder frame `[dim]` and prediction output `[hidden]` to raw logits of both heads.
    fn joint(&mut self, frame: &[f32], prediction: &[f32], out: &mut JointLogits) -> Result<(), EngineError>;
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

    fn joint(&mut self, frame: &[f32], prediction: &[f32], out: &mut JointLogits) -> Result<(), EngineError> {
        (**self).joint(frame, prediction, out)
    }
}
