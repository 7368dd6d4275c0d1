//! The compiled-in engine: rten, pure Rust, on the CPU.

use std::{borrow::Cow, path::Path, sync::Arc};

use rten::{DataType, Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueType};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use crate::{
    engine::{
        Arithmetic, Contract, DType, Dim, EncoderOutput, Engine, EngineError, EngineInfo, GraphSource, GraphSpec,
        JointLogits, OnnxGraph, Prediction, PredictorState, TensorSpec, TokenId,
        host::{self, check_finite},
    },
    features::FeatureFrames,
};

const NAME: &str = "rten";
/// The version in Cargo.toml; `rten` does not export its own.
const VERSION: &str = "0.27";
/// One loaded graph with its tensors found.
struct Graph {
    model: Model,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    output_names: Vec<String>,
}

/// Runs the three graphs of a contract with rten.
pub struct RtenEngine {
    info: EngineInfo,
    contract: Contract,
    encoder: Arc<Graph>,
    predictor: Arc<Graph>,
    joint: Arc<Graph>,
    threads: usize,
    options: RunOptions,
    channels_first: Vec<f32>,
    zeros: Vec<f32>,
}

impl std::fmt::Debug for RtenEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtenEngine").field("info", &self.info).finish_non_exhaustive()
    }
}

impl RtenEngine {
    /// Loads encoder, predictor and joint, and holds their tensors against the contract.
    /// `threads`: `None` for as many as the machine runs at once, at most 4.
    pub fn open(contract: &Contract, graphs: [GraphSource; 3], threads: Option<usize>) -> Result<Self, EngineError> {
        let count = host::threads(threads)?;
        let [encoder, predictor, joint] = graphs;
        let specs = &contract.graphs;
        Ok(Self {
            info: host::info(contract, format!("{NAME} {VERSION}"), host::cpu(count), "f32", Arithmetic::F32),
            encoder: Graph::load(&specs.encoder, encoder, &["features", "length"], &["frames"])?.into(),
            predictor: Graph::load(
                &specs.predictor,
                predictor,
                &["token", "h", "c"],
                &["prediction", "h_next", "c_next"],
            )?
            .into(),
            joint: Graph::load(&specs.joint, joint, &["frame", "prediction"], &["logits"])?.into(),
            threads: count,
            options: options(count),
            channels_first: Vec::new(),
            zeros: vec![0.0; contract.predictor.layers * contract.predictor.hidden],
            contract: contract.clone(),
        })
    }
}

/// With threads of its own.
fn options(threads: usize) -> RunOptions {
    let mut options = RunOptions::default();
    options.thread_pool = Some(Arc::new(ThreadPool::with_num_threads(threads)));
    options
}

impl Graph {
    fn load(spec: &GraphSpec, source: GraphSource, inputs: &[&str], outputs: &[&str]) -> Result<Self, EngineError> {
        let options = ModelOptions::with_all_ops();
        let model = match source {
            GraphSource::Bytes(Cow::Borrowed(bytes)) => options.load_static_slice(bytes),
            GraphSource::Bytes(Cow::Owned(bytes)) => options.load(bytes),
            GraphSource::File(path) if spec.data.iter().all(|data| is_name_of_data(&data.file)) => {
                options.load_file(path)
            }
            GraphSource::File(path) => load_beside(options, spec, &path)?,
        };
        let model = model.map_err(|source| EngineError::Load {
            engine: NAME,
            file: spec.file.clone(),
            source: source.to_string().into(),
        })?;
        let find = |tensors: &[TensorSpec], roles: &[&str]| {
            let mut found = Vec::with_capacity(roles.len());
            for role in roles {
                // Parsing the contract made sure that each role is there.
                for tensor in tensors.iter().filter(|tensor| tensor.role == *role) {
                    found.push((check_tensor(spec, &model, tensor)?, tensor.name.clone()));
                }
            }
            Ok::<_, EngineError>(found)
        };
        let (inputs, _) = find(&spec.inputs, inputs)?.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let (outputs, output_names) = find(&spec.outputs, outputs)?.into_iter().unzip();
        Ok(Self { model, inputs, outputs, output_names })
    }

    fn run(
        &self,
        call: &'static str,
        inputs: Vec<ValueOrView>,
        options: &RunOptions,
    ) -> Result<Vec<Value>, EngineError> {
        let inputs = self.inputs.iter().copied().zip(inputs).collect();
        self.model.run(inputs, &self.outputs, Some(options.clone())).map_err(|source| EngineError::Run {
            call,
            engine: NAME,
            source: source.to_string().into(),
        })
    }

    /// Copies output `index`, which must have `shape`, into `out`.
    fn copy_out<const N: usize>(
        &self,
        call: &'static str,
        value: Value,
        index: usize,
        shape: [usize; N],
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        let found = value.shape().to_vec();
        let error = |found| EngineError::Shape {
            call,
            tensor: self.output_names[index].clone(),
            expected: shape.to_vec(),
            found,
        };
        let tensor: NdTensor<f32, N> = value.try_into().map_err(|_| error(found))?;
        if tensor.shape() != shape {
            return Err(error(tensor.shape().to_vec()));
        }
        out.clear();
        out.extend(tensor.iter());
        check_finite(call, &self.output_names[index], out)
    }
}

/// Whether rten itself reads a file of weights with this name.
fn is_name_of_data(file: &str) -> bool {
    let ending = Path::new(file).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ending.starts_with("data") || ending.starts_with("onnx_data")
}

/// A graph with files of weights whose names rten refuses: under other names, from memory.
fn load_beside(
    mut options: ModelOptions,
    spec: &GraphSpec,
    path: &Path,
) -> Result<Result<Model, rten::LoadError>, EngineError> {
    let failed = |file: &Path, source: Box<dyn std::error::Error + Send + Sync>| EngineError::Load {
        engine: NAME,
        file: file.display().to_string(),
        source,
    };
    let read = |path: &Path| std::fs::read(path).map_err(|source| failed(path, source.into()));
    let name = |file: &str| format!("{file}.data");
    for data in &spec.data {
        options.external_data(&name(&data.file), read(&path.with_file_name(&data.file))?);
    }
    let bytes = read(path)?;
    let graph = OnnxGraph::parse(&bytes).and_then(|graph| graph.with_files_renamed(&name));
    let graph = graph.map_err(|source| failed(path, source.into()))?.encode();
    Ok(options.load(graph))
}

/// Finds a tensor of the contract in the graph and compares element type and shape.
fn check_tensor(spec: &GraphSpec, model: &Model, tensor: &TensorSpec) -> Result<NodeId, EngineError> {
    let file = || spec.file.clone();
    let Some(id) = model.find_node(&tensor.name) else {
        let nodes = model.input_ids().iter().chain(model.output_ids());
        let found = nodes.filter_map(|id| model.node_info(*id)?.name().map(str::to_owned)).collect();
        return Err(EngineError::MissingTensor { file: file(), tensor: tensor.name.clone(), found });
    };
    let Some(info) = model.node_info(id) else { return Ok(id) };
    if let Some(dtype) = info.dtype() {
        // rten runs i64 as i32.
        let expected = match tensor.dtype {
            DType::F32 | DType::F16 => DataType::Float,
            DType::I32 | DType::I64 => DataType::Int32,
        };
        if dtype != ValueType::Tensor(expected) {
            let found = dtype.to_string();
            return Err(EngineError::ElementType {
                file: file(),
                tensor: tensor.name.clone(),
                expected: tensor.dtype,
                found,
            });
        }
    }
    // Of outputs rten tells what it infers, which is wrong for a quantised LSTM; their shapes are held against the contract when
    // they come.
    if let Some(shape) = info.shape().filter(|_| model.input_ids().contains(&id)) {
        let agrees = shape.len() == tensor.shape.len()
            && shape.iter().zip(&tensor.shape).all(|pair| match pair {
                (Dimension::Fixed(found), Dim::Fixed(expected)) => found == expected,
                _ => true,
            });
        if !agrees {
            let (expected, found) = (tensor.shape.clone(), format!("{shape:?}"));
            return Err(EngineError::DeclaredShape { file: file(), tensor: tensor.name.clone(), expected, found });
        }
    }
    Ok(id)
}

impl Engine for RtenEngine {
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
        let features = NdTensorView::from_data([1, mel_bins, frames], self.channels_first.as_slice());
        let length = NdTensor::from_data([1], vec![frames as i32]);
        let values = self.encoder.run(CALL, vec![features.into(), length.into()], &self.options)?;
        for value in values {
            let shape = host::frames_shape(&self.contract, encoded);
            self.encoder.copy_out(CALL, value, 0, shape, &mut self.channels_first)?;
        }
        host::finish_encode(&self.contract, &self.channels_first, encoded, &mut out.data);
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        const CALL: &str = "predict";
        let spec = &self.contract.predictor;
        let shape = [spec.layers, 1, spec.hidden];
        let width = self.contract.prediction_width();
        let [h, c] = host::state_or(state, &self.zeros)?;
        let token = NdTensor::from_data([1, 1], vec![token.0 as i32]);
        let h = NdTensorView::from_data(shape, h);
        let c = NdTensorView::from_data(shape, c);
        let values = self.predictor.run(CALL, vec![token.into(), h.into(), c.into()], &self.options)?;
        for (index, value) in values.into_iter().enumerate() {
            match index {
                0 => self.predictor.copy_out(CALL, value, index, [1, width, 1], &mut out.output)?,
                1 => self.predictor.copy_out(CALL, value, index, shape, &mut out.state.h)?,
                _ => self.predictor.copy_out(CALL, value, index, shape, &mut out.state.c)?,
            }
        }
        Ok(())
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        const CALL: &str = "joint";
        let (dim, hidden) = (self.contract.encoder.dim, self.contract.prediction_width());
        let prediction = prediction.output.as_slice();
        host::check_joint(&self.contract, frame, prediction)?;
        let frame = NdTensorView::from_data([1, dim, 1], frame);
        let prediction = NdTensorView::from_data([1, hidden, 1], prediction);
        let values = self.joint.run(CALL, vec![frame.into(), prediction.into()], &self.options)?;
        for value in values {
            self.joint.copy_out(CALL, value, 0, [1, 1, 1, self.contract.joint_classes()], &mut out.tokens)?;
        }
        host::split_heads(&self.contract, out);
        Ok(())
    }

    fn another(&self) -> Option<Box<dyn Engine>> {
        Some(Box::new(Self {
            info: self.info.clone(),
            contract: self.contract.clone(),
            encoder: Arc::clone(&self.encoder),
            predictor: Arc::clone(&self.predictor),
            joint: Arc::clone(&self.joint),
            threads: self.threads,
            options: options(self.threads),
            channels_first: Vec::new(),
            zeros: self.zeros.clone(),
        }))
    }
}
