//! TensorRT as an engine: plans built ahead of time for named GPUs, run on NVIDIA's.
//!
//! Built and inspected, never executed: no GPU that TensorRT for RTX supports was at hand. What is built here is checked as
//! far as it goes without one: names, types and shapes of inputs and outputs against the contract, and length and version
//! in the plan's header. What a plan computes is checked on the first use by the engine gate, as that of every engine.
//!
//! All libraries are loaded at run time. With the feature `tensorrt-enterprise` the same is compiled against TensorRT for
//! data centres, which builds on the GPU that it runs on.

mod build;
mod capability;
mod error;
mod ffi;
mod gpu;
mod inspect;
mod library;
mod logger;
mod plan;

pub use build::{BuildStep, PlanSource, build_plans};
pub use capability::{Capability, Precision, Profile};
pub use error::TensorRtError;
pub use gpu::Gpu;
pub use library::TensorRt;
pub use plan::{Plan, PlanHeader, PlanKey, PlanRequest, PlanSet, PlanTensor};

use std::path::Path;

use ffi::{Stage, StageError};
use trtx::Runtime;

use crate::{
    engine::{
        Arithmetic, Contract, EncoderOutput, Engine, EngineError, EngineInfo, GraphSpec, JointLogits, Prediction,
        PredictorState, TensorSpec, TokenId, host,
    },
    features::FeatureFrames,
};

/// What is loaded.
pub(crate) const PRODUCT: &str = if cfg!(feature = "tensorrt-enterprise") { "TensorRT" } else { "TensorRT for RTX" };
/// Oldest version whose interface this program knows.
pub(crate) const OLDEST: &str = if cfg!(feature = "tensorrt-enterprise") { "11.4" } else { "1.7" };

/// The three plans of a model on a GPU. Device memory is made once; the predictor's state stays there from token to token.
pub struct TensorRtEngine {
    info: EngineInfo,
    contract: Contract,
    encoder: Stage,
    predictor: Stage,
    joint: Stage,
    names: Names,
    channels_first: Vec<f32>,
    /// What the predictor answered last: it is on the GPU still.
    last: Prediction,
    zeros: Vec<f32>,
    // After the stages that it opened: fields are dropped in their order.
    _runtime: Runtime<'static>,
}

/// Names of the tensors by their roles.
struct Names {
    features: String,
    length: String,
    frames: String,
    token: String,
    h: String,
    c: String,
    prediction: String,
    h_next: String,
    c_next: String,
    joint_frame: String,
    joint_prediction: String,
    logits: String,
}

impl Names {
    fn of(contract: &Contract) -> Self {
        // Parsing the contract made sure that each role is there.
        let name = |tensor: Option<&TensorSpec>| tensor.map(|tensor| tensor.name.clone()).unwrap_or_default();
        let graphs = &contract.graphs;
        Self {
            features: name(graphs.encoder.input("features")),
            length: name(graphs.encoder.input("length")),
            frames: name(graphs.encoder.output("frames")),
            token: name(graphs.predictor.input("token")),
            h: name(graphs.predictor.input("h")),
            c: name(graphs.predictor.input("c")),
            prediction: name(graphs.predictor.output("prediction")),
            h_next: name(graphs.predictor.output("h_next")),
            c_next: name(graphs.predictor.output("c_next")),
            joint_frame: name(graphs.joint.input("frame")),
            joint_prediction: name(graphs.joint.input("prediction")),
            logits: name(graphs.joint.output("logits")),
        }
    }
}

impl std::fmt::Debug for TensorRtEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TensorRtEngine").field("info", &self.info).finish_non_exhaustive()
    }
}

impl TensorRtEngine {
    /// Opens the plans in the folder `cache` that were last built for this model, library and GPU.
    pub fn open(library: &TensorRt, gpu: Gpu, source: PlanSource<'_>, cache: &Path) -> Result<Self, TensorRtError> {
        let (gpu, contract) = (gpu.supported()?, source.contract);
        let set = plan::find_for(cache, library, contract, gpu.capability())?;
        let said = logger::begin();
        let open = |path: &Path, reason: String| TensorRtError::Open { path: path.to_owned(), reason };
        let logger = logger::logger().map_err(|reason| open(&set.folder, reason))?;
        let mut runtime = Runtime::new(logger).map_err(|error| open(&set.folder, said(error)))?;
        let stream = gpu.stream()?;
        let graphs = &contract.graphs;
        let mut stage = |plan: &Plan, spec: &GraphSpec, free: usize| {
            let path = set.folder.join(&plan.file);
            let failed = |error: StageError| match error {
                StageError::TensorRt(error) => open(&path, said(error)),
                other => open(&path, other.to_string()),
            };
            let stage = Stage::open(&mut runtime, &set.bytes(plan)?, &stream, free).map_err(failed)?;
            let [inputs, outputs] = stage.tensors().map_err(failed)?;
            inspect::check(spec, &inputs, &outputs)?;
            Ok::<_, TensorRtError>(stage)
        };
        let [encoder, predictor, joint] = &set.plans;
        let (precision, arithmetic) = match set.key.precision {
            Precision::Fp32 => ("f32, no TF32", Arithmetic::F32),
            Precision::Fp16 => ("f16; normalisation, softmax and sums of the residual stream f32", Arithmetic::F16),
        };
        Ok(Self {
            encoder: stage(encoder, &graphs.encoder, set.key.profile.most)?,
            predictor: stage(predictor, &graphs.predictor, 1)?,
            joint: stage(joint, &graphs.joint, 1)?,
            info: EngineInfo {
                engine: format!("{PRODUCT} {}", library.version()),
                device: gpu.describe(),
                precision: precision.to_owned(),
                arithmetic,
                model: contract.name.clone(),
                encoder_sha256: graphs.encoder.sha256.clone(),
                parity: None,
            },
            names: Names::of(contract),
            channels_first: Vec::new(),
            last: Prediction::default(),
            zeros: vec![0.0; contract.predictor.layers * contract.predictor.hidden],
            contract: contract.clone(),
            _runtime: runtime,
        })
    }
}

fn run_error(call: &'static str) -> impl Fn(StageError) -> EngineError {
    move |source| EngineError::Run { call, engine: PRODUCT, source: Box::new(source) }
}

/// Copies what was fetched of an output, which must be finite.
fn copy_out(
    call: &'static str,
    stage: &Stage,
    name: &str,
    length: usize,
    out: &mut Vec<f32>,
) -> Result<(), EngineError> {
    out.clear();
    out.extend_from_slice(stage.fetched(name, length).map_err(run_error(call))?);
    host::check_finite(call, name, out)
}

impl Engine for TensorRtEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        const CALL: &str = "encode";
        let [frames, encoded] = host::begin_encode(&self.contract, input, out, &mut self.channels_first)?;
        if frames == 0 {
            return Ok(());
        }
        let (stage, names, failed) = (&mut self.encoder, &self.names, run_error(CALL));
        let mel_bins = self.contract.front_end.mel_bins;
        stage.put(&names.features, &[1, mel_bins, frames], &self.channels_first).map_err(&failed)?;
        stage.put_index(&names.length, &[1], frames).map_err(&failed)?;
        stage.run().map_err(&failed)?;
        // `encoded` is of the window's length, not the graph's: in 16 bits its arithmetic is wrong from 2048 on.
        let expected = host::frames_shape(&self.contract, encoded).to_vec();
        let found = stage.shape_of(&names.frames).map_err(&failed)?;
        if expected != found {
            return Err(EngineError::Shape { call: CALL, tensor: names.frames.clone(), expected, found });
        }
        stage.fetch(&[(&names.frames, out.dim * encoded)]).map_err(&failed)?;
        copy_out(CALL, stage, &names.frames, out.dim * encoded, &mut self.channels_first)?;
        host::finish_encode(&self.contract, &self.channels_first, encoded, &mut out.data);
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        const CALL: &str = "predict";
        let (predictor, names, failed) = (&mut self.predictor, &self.names, run_error(CALL));
        let hidden = self.contract.predictor.hidden;
        let shape = [self.contract.predictor.layers, 1, hidden];
        let [h, c] = host::state_or(state, &self.zeros)?;
        predictor.put_index(&names.token, &[1, 1], token.0 as usize).map_err(&failed)?;
        // The usual case, a token after a token: its state need not go there and back.
        if (h, c) == (&self.last.state.h[..], &self.last.state.c[..]) {
            predictor.feed_back(&names.h, &names.h_next, &shape).map_err(&failed)?;
            predictor.feed_back(&names.c, &names.c_next, &shape).map_err(&failed)?;
        } else {
            predictor.put(&names.h, &shape, h).map_err(&failed)?;
            predictor.put(&names.c, &shape, c).map_err(&failed)?;
        }
        // What is on the GPU is not `last` until all of this is done.
        self.last.state.h.clear();
        self.last.output.clear();
        predictor.run().map_err(&failed)?;
        let size = h.len();
        let width = self.contract.prediction_width();
        predictor
            .fetch(&[(&names.prediction, width), (&names.h_next, size), (&names.c_next, size)])
            .map_err(&failed)?;
        copy_out(CALL, predictor, &names.prediction, width, &mut out.output)?;
        copy_out(CALL, predictor, &names.h_next, size, &mut out.state.h)?;
        copy_out(CALL, predictor, &names.c_next, size, &mut out.state.c)?;
        // Another engine may have filled it before.
        (out.resident, out.state.resident) = (None, None);
        self.last.clone_from(out);
        Ok(())
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        const CALL: &str = "joint";
        let (stage, names, failed) = (&mut self.joint, &self.names, run_error(CALL));
        let prediction = &prediction.output[..];
        host::check_joint(&self.contract, frame, prediction)?;
        stage.put(&names.joint_frame, &[1, frame.len(), 1], frame).map_err(&failed)?;
        let shape = [1, prediction.len(), 1];
        if prediction == self.last.output {
            let there = self.predictor.on_device(&names.prediction).map_err(&failed)?;
            stage.put_from(&names.joint_prediction, &shape, &there).map_err(&failed)?;
        } else {
            stage.put(&names.joint_prediction, &shape, prediction).map_err(&failed)?;
        }
        stage.run().map_err(&failed)?;
        let classes = self.contract.joint_classes();
        stage.fetch(&[(&names.logits, classes)]).map_err(&failed)?;
        copy_out(CALL, stage, &names.logits, classes, &mut out.tokens)?;
        host::split_heads(&self.contract, out);
        Ok(())
    }
}
