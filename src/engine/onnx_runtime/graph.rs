//! A graph in ONNX Runtime: loaded, held against the contract, and its tensors by role.

use ort::{
    ep::ExecutionProviderDispatch,
    logging::LogLevel,
    session::{IoBinding, RunOptions, Session, SessionInputValue, SessionOutputs, builder::GraphOptimizationLevel},
    value::{Tensor, TensorElementType, TensorRef, TensorValueType, ValueType},
};

use crate::engine::{
    Contract, DType, Dim, EngineError, GraphSource, GraphSpec, TensorSpec,
    host::check_finite,
    onnx_runtime::{NAME, OnnxRuntime},
};

/// How sessions are made.
pub(super) struct Means<'a> {
    pub(super) runtime: &'a OnnxRuntime,
    pub(super) threads: usize,
    /// What computes; the CPU where there is none.
    pub(super) provider: Option<ExecutionProviderDispatch>,
    /// A failure is no fault: the library is not to write about it.
    pub(super) quiet: bool,
}

/// One session with its tensors in the order of the roles that the engine asked for.
pub(super) struct Graph {
    pub(super) session: Session,
    pub(super) inputs: Vec<TensorSpec>,
    pub(super) outputs: Vec<TensorSpec>,
}

impl Graph {
    /// Predictor and joint.
    pub(super) fn predictor_and_joint(
        means: &Means<'_>,
        contract: &Contract,
        graphs: &[GraphSource; 3],
    ) -> Result<[Self; 2], EngineError> {
        let specs = &contract.graphs;
        let [_, predictor, joint] = graphs;
        Ok([
            Self::load(means, &specs.predictor, predictor, &["token", "h", "c"], &["prediction", "h_next", "c_next"])?,
            Self::load(means, &specs.joint, joint, &["frame", "prediction"], &["logits"])?,
        ])
    }

    /// The encoder.
    pub(super) fn encoder(
        means: &Means<'_>,
        contract: &Contract,
        graphs: &[GraphSource; 3],
    ) -> Result<Self, EngineError> {
        Self::load(means, &contract.graphs.encoder, &graphs[0], &["features", "length"], &["frames"])
    }

    /// Loads a graph and finds the tensors of the roles that `inputs` and `outputs` name.
    fn load(
        means: &Means<'_>,
        spec: &GraphSpec,
        source: &GraphSource,
        inputs: &[&str],
        outputs: &[&str],
    ) -> Result<Self, EngineError> {
        let session = session(means, source).map_err(|source| EngineError::Load {
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
    pub(super) fn run<const N: usize>(
        &mut self,
        call: &'static str,
        values: [ort::Result<SessionInputValue<'_>>; N],
    ) -> Result<(SessionOutputs<'_>, &[TensorSpec]), EngineError> {
        self.run_with(call, values, None)
    }

    /// The same with options.
    pub(super) fn run_with<'a, const N: usize>(
        &'a mut self,
        call: &'static str,
        values: [ort::Result<SessionInputValue<'_>>; N],
        options: Option<&'a RunOptions>,
    ) -> Result<(SessionOutputs<'a>, &'a [TensorSpec]), EngineError> {
        let names = self.inputs.iter().map(|tensor| tensor.name.as_str());
        let inputs: ort::Result<Vec<_>> = names.zip(values).map(|(name, value)| Ok((name, value?))).collect();
        let inputs = inputs.map_err(failed(call))?;
        let values = match options {
            Some(options) => self.session.run_with_options(inputs, options),
            None => self.session.run(inputs),
        };
        let values = values.map_err(failed(call))?;
        Ok((values, &self.outputs))
    }
}

/// A session that leaves the cores alone between two calls: spinning threads cost more than they save on a desktop.
pub(super) fn session(means: &Means<'_>, source: &GraphSource) -> ort::Result<Session> {
    let mut builder = Session::builder(&means.runtime.environment)?
        .with_intra_threads(means.threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?;
    if let Some(provider) = &means.provider {
        builder = builder.with_execution_providers([provider.clone()])?;
    }
    if means.quiet {
        builder = builder.with_log_level(LogLevel::Fatal)?;
    }
    match source {
        GraphSource::Bytes(bytes) => builder.commit_from_memory(bytes),
        GraphSource::File(path) => builder.commit_from_file(path),
    }
}

/// An index (a length, a token) in the type that the graph has for it.
pub(super) fn index<const N: usize>(
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
pub(super) fn floats<const N: usize>(shape: [usize; N], values: &[f32]) -> ort::Result<SessionInputValue<'_>> {
    Ok(TensorRef::from_array_view((shape, values))?.into())
}

/// Binds an index (a length, a token) as an input; on a device it is copied there.
pub(super) fn bind_index<const N: usize>(
    binding: &mut IoBinding,
    tensor: &TensorSpec,
    shape: [usize; N],
    value: usize,
) -> ort::Result<()> {
    if tensor.dtype == DType::I32 {
        return binding.bind_input(tensor.name.as_str(), &Tensor::from_array((shape, vec![value as i32]))?);
    }
    binding.bind_input(tensor.name.as_str(), &Tensor::from_array((shape, vec![value as i64]))?)
}

/// Takes an output out, wherever it lies.
pub(super) fn take_output(values: &mut SessionOutputs<'_>, name: &str) -> ort::Result<Tensor<f32>> {
    let value = values.remove(name).ok_or_else(|| ort::Error::new(format!("no output {name:?}")))?;
    value.downcast::<TensorValueType<f32>>()
}

/// An error of the library in `call`.
pub(super) fn failed(call: &'static str) -> impl Fn(ort::Error) -> EngineError {
    move |source| EngineError::Run { call, engine: NAME, source: source.to_string().into() }
}

/// Copies an output, which must have `shape` and be finite, into `out`.
pub(super) fn copy_out(
    call: &'static str,
    values: &SessionOutputs<'_>,
    tensor: &TensorSpec,
    shape: &[usize],
    out: &mut Vec<f32>,
) -> Result<(), EngineError> {
    let (found, data) = values[tensor.name.as_str()].try_extract_tensor::<f32>().map_err(failed(call))?;
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
