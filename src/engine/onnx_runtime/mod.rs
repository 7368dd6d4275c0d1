//! ONNX Runtime, on the CPU or a GPU: engines for those who have the library; loaded when they are asked for.

mod ahead;
mod graph;
mod library;
mod resident;
mod steady;

pub use library::{LibraryError, OnnxRuntime, preload_cuda};
pub use resident::{OrtResidentEngine, Place};

use crate::{
    engine::{
        Contract, EncoderOutput, Engine, EngineError, EngineInfo, GraphSource, JointLogits, Prediction, PredictorState,
        TokenId, host,
        onnx_runtime::graph::{Graph, Means, copy_out, floats, index},
    },
    features::FeatureFrames,
};

const NAME: &str = "ONNX Runtime";

/// Runs the three graphs of a contract with ONNX Runtime.
pub struct OrtEngine {
    info: EngineInfo,
    contract: Contract,
    encoder: Graph,
    predictor: Graph,
    joint: Graph,
    channels_first: Vec<f32>,
    zeros: Vec<f32>,
}

impl std::fmt::Debug for OrtEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrtEngine").field("info", &self.info).finish_non_exhaustive()
    }
}

impl OrtEngine {
    /// Loads encoder, predictor and joint on the CPU, and holds their tensors against the contract.
    /// `threads`: `None` for as many as the machine runs at once, at most 4.
    pub fn open(
        runtime: &OnnxRuntime,
        contract: &Contract,
        graphs: &[GraphSource; 3],
        threads: Option<usize>,
    ) -> Result<Self, EngineError> {
        let count = host::threads(threads)?;
        let means = Means { runtime, threads: count, provider: None, quiet: false };
        let encoder = Graph::encoder(&means, contract, graphs)?;
        let [predictor, joint] = Graph::predictor_and_joint(&means, contract, graphs)?;
        Ok(Self {
            info: info(runtime, contract, host::cpu(count)),
            encoder,
            predictor,
            joint,
            channels_first: Vec::new(),
            zeros: vec![0.0; contract.predictor.layers * contract.predictor.hidden],
            contract: contract.clone(),
        })
    }
}

/// What runs: ONNX Runtime computes in what the graphs are typed in.
fn info(runtime: &OnnxRuntime, contract: &Contract, device: String) -> EngineInfo {
    let arithmetic = contract.arithmetic.unwrap_or_default();
    host::info(contract, format!("{NAME} {}", runtime.version()), device, arithmetic.as_str(), arithmetic)
}

impl Engine for OrtEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        const CALL: &str = "encode";
        let [frames, encoded] = host::begin_encode(&self.contract, input, out, &mut self.channels_first)?;
        if frames == 0 {
            return Ok(());
        }
        let mel_bins = self.contract.front_end.mel_bins;
        let length = index(&self.encoder.inputs[1], [1], frames);
        let features = floats([1, mel_bins, frames], &self.channels_first);
        let (values, specs) = self.encoder.run(CALL, [features, length])?;
        let shape = host::frames_shape(&self.contract, encoded);
        copy_out(CALL, &values, &specs[0], &shape, &mut self.channels_first)?;
        host::finish_encode(&self.contract, &self.channels_first, encoded, &mut out.data);
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        const CALL: &str = "predict";
        let spec = &self.contract.predictor;
        let shape = [spec.layers, 1, spec.hidden];
        let [h, c] = host::state_or(state, &self.zeros)?;
        let token = index(&self.predictor.inputs[0], [1, 1], token.0 as usize);
        let (values, specs) = self.predictor.run(CALL, [token, floats(shape, h), floats(shape, c)])?;
        copy_out(CALL, &values, &specs[0], &[1, self.contract.prediction_width(), 1], &mut out.output)?;
        copy_out(CALL, &values, &specs[1], &shape, &mut out.state.h)?;
        copy_out(CALL, &values, &specs[2], &shape, &mut out.state.c)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        const CALL: &str = "joint";
        let (dim, hidden) = (self.contract.encoder.dim, self.contract.prediction_width());
        let prediction = prediction.output.as_slice();
        host::check_joint(&self.contract, frame, prediction)?;
        let inputs = [floats([1, dim, 1], frame), floats([1, hidden, 1], prediction)];
        let (values, specs) = self.joint.run(CALL, inputs)?;
        copy_out(CALL, &values, &specs[0], &[1, 1, 1, self.contract.joint_classes()], &mut out.tokens)?;
        host::split_heads(&self.contract, out);
        Ok(())
    }
}
