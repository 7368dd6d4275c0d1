//! ONNX Runtime, on the CPU: an engine for those who have the library; loaded when it is asked for.

mod library;

use ort::{
    session::{Session, SessionInputValue, SessionOutputs, builder::GraphOptimizationLevel},
    value::{Tensor, TensorElementType, TensorRef, ValueType},
};

pub use library::{LibraryError, OnnxRuntime};

use crate::{
    engine::{
        Arithmetic, Contract, DType, Dim, EncoderOutput, Engine, EngineError, EngineInfo, GraphBytes, GraphSpec,
        JointLogits, Prediction, PredictorState, TensorSpec, TokenId,
        host::{self, check_finite, transpose},
    },
    features::FeatureFrames,
};

const NAME: &str = "ONNX Runtime";

/// One session with its tensors in the order of the roles that the engine asked for.
struct Graph {
    session: Session,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

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
        graphs: &[GraphBytes; 3],
        threads: Option<usize>,
    ) -> Result<Self, EngineError> {
        let count = host::threads(threads)?;
        let [encoder, predictor, joint] = graphs;
        let specs = &contract.graphs;
        let load = |spec: &GraphSpec, bytes: &GraphBytes, inputs: &[&str], outputs: &[&str]| {
            Graph::load(runtime, spec, bytes, count, [inputs, outputs])
        };
        Ok(Self {
            info: EngineInfo {
                engine: format!("{NAME} {}", runtime.version()),
                device: host::cpu(count),
                precision: format!("f32 (weights stored as {})", contract.weights),
                arithmetic: Arithmetic::F32,
                model: contract.name.clone(),
                encoder_sha256: specs.encoder.sha256.clone(),
                parity: None,
            },
            encoder: load(&specs.encoder, encoder, &["features", "length"], &["frames"])?,
            predictor: load(&specs.predictor, predictor, &["token", "h", "c"], &["prediction", "h_next", "c_next"])?,
            joint: load(&specs.joint, joint, &["frame", "prediction"], &["logits"])?,
            channels_first: Vec::new(),
            zeros: vec![0.0; contract.predictor.layers * contract.predictor.hidden],
            contract: contract.clone(),
        })
    }
}

impl Graph {
    fn load(
        runtime: &OnnxRuntime,
        spec: &GraphSpec,
        bytes: &[u8],
        threads: usize,
        [inputs, outputs]: [&[&str]; 2],
    ) -> Result<Self, EngineError> {
        let session = session(runtime, bytes, threads).map_err(|source| EngineError::Load {
            engine: NAME,
            file: spec.file.clone(),
            source: source.to_string().into(),
        })?;
        let find = |tensors: &[TensorSpec], roles: &[&str]| {
            let mut found = Vec::with_capacity(roles.len());
            for role in roles {
                // Parsing the contract made sure that each role is there.
                for tensor in tensors.iter().filter(|tensor| tensor.role == *role) {
                    check_tensor(spec, &session, tensor)?;
                    found.push(tensor.clone());
                }
            }
            Ok::<_, EngineError>(found)
        };
        let (inputs, outputs) = (find(&spec.inputs, inputs)?, find(&spec.outputs, outputs)?);
        Ok(Self { session, inputs, outputs })
    }

    /// Runs on `values`, in the order of the inputs' roles; also gives the outputs' specifications.
    fn run<const N: usize>(
        &mut self,
        call: &'static str,
        values: [ort::Result<SessionInputValue<'_>>; N],
    ) -> Result<(SessionOutputs<'_>, &[TensorSpec]), EngineError> {
        let failed = |source: ort::Error| EngineError::Run { call, engine: NAME, source: source.to_string().into() };
        let names = self.inputs.iter().map(|tensor| tensor.name.as_str());
        let inputs: ort::Result<Vec<_>> = names.zip(values).map(|(name, value)| Ok((name, value?))).collect();
        let values = self.session.run(inputs.map_err(failed)?).map_err(failed)?;
        Ok((values, &self.outputs))
    }
}

/// A session that leaves the cores alone between two calls: spinning threads cost more than they save on a desktop.
fn session(runtime: &OnnxRuntime, bytes: &[u8], threads: usize) -> ort::Result<Session> {
    Session::builder(&runtime.environment)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .commit_from_memory(bytes)
}

/// An index (a length, a token) in the type that the graph has for it.
fn index<const N: usize>(
    tensor: &TensorSpec,
    shape: [usize; N],
    value: usize,
) -> ort::Result<SessionInputValue<'static>> {
    if tensor.dtype == DType::I32 {
        return Ok(Tensor::from_array((shape, vec![value as i32]))?.into());
    }
    Ok(Tensor::from_array((shape, vec![value as i64]))?.into())
}

/// Floats of the caller, not copied.
fn floats<const N: usize>(shape: [usize; N], values: &[f32]) -> ort::Result<SessionInputValue<'_>> {
    Ok(TensorRef::from_array_view((shape, values))?.into())
}

/// Copies an output, which must have `shape` and be finite, into `out`.
fn copy_out(
    call: &'static str,
    values: &SessionOutputs<'_>,
    tensor: &TensorSpec,
    shape: &[usize],
    out: &mut Vec<f32>,
) -> Result<(), EngineError> {
    let (found, data) = values[tensor.name.as_str()]
        .try_extract_tensor::<f32>()
        .map_err(|source| EngineError::Run { call, engine: NAME, source: source.to_string().into() })?;
    if !found.iter().map(|size| *size as usize).eq(shape.iter().copied()) {
        return Err(EngineError::Shape {
            call,
            tensor: tensor.name.clone(),
            expected: shape.to_vec(),
            found: found.iter().map(|size| *size as usize).collect(),
        });
    }
    out.clear();
    out.extend_from_slice(data);
    check_finite(call, &tensor.name, out)
}

/// Finds a tensor of the contract in the graph and compares element type and shape.
fn check_tensor(spec: &GraphSpec, session: &Session, tensor: &TensorSpec) -> Result<(), EngineError> {
    let file = || spec.file.clone();
    let mut outlets = session.inputs().iter().chain(session.outputs());
    let Some(outlet) = outlets.find(|outlet| outlet.name() == tensor.name) else {
        let found = session.inputs().iter().chain(session.outputs()).map(|o| o.name().to_owned()).collect();
        return Err(EngineError::MissingTensor { file: file(), tensor: tensor.name.clone(), found });
    };
    let element_type = |found: String| EngineError::ElementType {
        file: file(),
        tensor: tensor.name.clone(),
        expected: tensor.dtype,
        found,
    };
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(element_type(outlet.dtype().to_string()));
    };
    let expected = match tensor.dtype {
        DType::F32 => TensorElementType::Float32,
        DType::F16 => TensorElementType::Float16,
        DType::I32 => TensorElementType::Int32,
        DType::I64 => TensorElementType::Int64,
    };
    if *ty != expected {
        return Err(element_type(ty.to_string()));
    }
    // A negative size is a free one.
    let agrees = shape.len() == tensor.shape.len()
        && shape.iter().zip(&tensor.shape).all(|(found, expected)| match expected {
            Dim::Fixed(expected) => *found < 0 || *found == *expected as i64,
            Dim::Free(_) => true,
        });
    if agrees {
        return Ok(());
    }
    let (expected, found) = (tensor.shape.clone(), format!("{shape:?}"));
    Err(EngineError::DeclaredShape { file: file(), tensor: tensor.name.clone(), expected, found })
}

impl Engine for OrtEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        const CALL: &str = "encode";
        let frames = host::begin_encode(&self.contract, input, out)?;
        if frames == 0 {
            return Ok(());
        }
        let mel_bins = self.contract.front_end.mel_bins;
        transpose(&input.data, mel_bins, &mut self.channels_first);
        let length = index(&self.encoder.inputs[1], [1], frames);
        let features = floats([1, mel_bins, frames], &self.channels_first);
        let (values, specs) = self.encoder.run(CALL, [features, length])?;
        let encoded = frames.div_ceil(self.contract.encoder.subsampling);
        copy_out(CALL, &values, &specs[0], &[1, out.dim, encoded], &mut self.channels_first)?;
        transpose(&self.channels_first, encoded, &mut out.data);
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        const CALL: &str = "predict";
        let spec = &self.contract.predictor;
        let shape = [spec.layers, 1, spec.hidden];
        let [h, c] = host::state_or(state, &self.zeros)?;
        let token = index(&self.predictor.inputs[0], [1, 1], token.0 as usize);
        let (values, specs) = self.predictor.run(CALL, [token, floats(shape, h), floats(shape, c)])?;
        copy_out(CALL, &values, &specs[0], &[1, spec.hidden, 1], &mut out.output)?;
        copy_out(CALL, &values, &specs[1], &shape, &mut out.state.h)?;
        copy_out(CALL, &values, &specs[2], &shape, &mut out.state.c)
    }

    fn joint(&mut self, frame: &[f32], prediction: &[f32], out: &mut JointLogits) -> Result<(), EngineError> {
        const CALL: &str = "joint";
        let (dim, hidden) = (self.contract.encoder.dim, self.contract.predictor.hidden);
        host::check_joint(&self.contract, frame, prediction)?;
        let inputs = [floats([1, dim, 1], frame), floats([1, hidden, 1], prediction)];
        let (values, specs) = self.joint.run(CALL, inputs)?;
        copy_out(CALL, &values, &specs[0], &[1, 1, 1, self.contract.joint_classes()], &mut out.tokens)?;
        host::split_heads(&self.contract, out);
        Ok(())
    }
}
