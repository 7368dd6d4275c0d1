//! ONNX Runtime with its values where it computes: on a GPU, or, to test the same bindings without one, in host memory.
//!
//! The predictor's output and state never leave the device. A decision crosses the bus once: a frame in, its logits out.

use ort::{
    ep::{self, cuda::ConvAlgorithmSearch},
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    session::IoBinding,
    value::Tensor,
};

use crate::{
    engine::{
        Contract, EncoderOutput, Engine, EngineError, EngineInfo, GraphSource, JointLogits, Prediction, PredictorState,
        Resident, TokenId,
        host::{self, check_finite, transpose},
        onnx_runtime::{
            NAME, OnnxRuntime,
            ahead::Ahead,
            graph::{Graph, Means, bind_index, copy_out, failed, floats, index, take_output},
            info,
            steady::Steady,
        },
    },
    features::FeatureFrames,
};

/// Where values are kept and graphs are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A GPU through the CUDA provider.
    Cuda {
        /// Counted as CUDA does.
        device: i32,
        /// Record the encoder's work for windows whose exact size keeps coming, and that of several decisions ahead, and
        /// replay each in one launch.
        graphs: bool,
    },
    /// Host memory and the CPU; as slow as [`crate::engine::OrtEngine`] or slower, for tests.
    Host {
        /// Bind and join as if it were recorded.
        graphs: bool,
    },
}

impl Place {
    pub(super) fn allocation_device(self) -> AllocationDevice<'static> {
        match self {
            Self::Cuda { .. } => AllocationDevice::CUDA,
            Self::Host { .. } => AllocationDevice::CPU,
        }
    }

    pub(super) fn device_id(self) -> i32 {
        if let Self::Cuda { device, .. } = self { device } else { 0 }
    }

    pub(super) fn memory(self) -> ort::Result<MemoryInfo<'static>> {
        MemoryInfo::new(self.allocation_device(), self.device_id(), AllocatorType::Device, MemoryType::Default)
    }

    fn name(self) -> String {
        match self {
            Self::Cuda { device, .. } => format!("CUDA device {device}"),
            Self::Host { .. } => "CPU, values bound".to_owned(),
        }
    }
}

/// Hidden and cell state of the prediction network on the device.
struct State {
    h: Tensor<f32>,
    c: Tensor<f32>,
}

/// Runs the three graphs of a contract with ONNX Runtime and keeps predictions on the device.
pub struct OrtResidentEngine {
    info: EngineInfo,
    contract: Contract,
    encoder: Graph,
    predictor: Graph,
    joint: Graph,
    predictor_binding: IoBinding,
    joint_binding: IoBinding,
    place: Place,
    steady: Option<Steady>,
    ahead: Option<Ahead>,
    channels_first: Vec<f32>,
    zeros: State,
}

impl std::fmt::Debug for OrtResidentEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrtResidentEngine").field("info", &self.info).finish_non_exhaustive()
    }
}

impl OrtResidentEngine {
    /// Loads encoder, predictor and joint at `place`, and holds their tensors against the contract.
    pub fn open(
        runtime: &OnnxRuntime,
        contract: &Contract,
        graphs: &[GraphSource; 3],
        place: Place,
    ) -> Result<Self, EngineError> {
        let means = |records: bool| Means { runtime, threads: 1, provider: provider(place, records), quiet: records };
        let plain = means(false);
        let [predictor, joint] = Graph::predictor_and_joint(&plain, contract, graphs).map_err(no_device(place))?;
        let (mut recording, mut steady) = (None, None);
        let graphs_wanted = matches!(place, Place::Cuda { graphs: true, .. } | Place::Host { graphs: true });
        if graphs_wanted {
            match Graph::encoder(&means(true), contract, graphs) {
                Ok(encoder) => {
                    recording = Some(encoder);
                    steady = Some(Steady::new(place).map_err(failed("open"))?);
                }
                // A graph with a node that only the CPU can run cannot be recorded; it runs all the same.
                Err(error) => log::info!("the encoder is run without a CUDA graph: {error}"),
            }
        }
        let encoder = match recording {
            Some(encoder) => encoder,
            None => Graph::encoder(&plain, contract, graphs).map_err(no_device(place))?,
        };
        let call = "open";
        let (predictor_binding, joint_binding) = (
            predictor.session.create_binding().map_err(failed(call))?,
            joint.session.create_binding().map_err(failed(call))?,
        );
        let shape = state_shape(contract);
        let zeros = vec![0.0_f32; shape.iter().product()];
        let at_place = || {
            let host = Tensor::from_array((shape, zeros.clone()))?;
            host.to(place.allocation_device(), place.device_id())
        };
        let zeros = State { h: at_place().map_err(failed(call))?, c: at_place().map_err(failed(call))? };
        // What runs one by one runs without a recording of both, too.
        let ahead = if graphs_wanted {
            Ahead::open(&means(true), contract, graphs, place)
                .inspect_err(|why| log::info!("decisions are computed one by one: {why}"))
                .ok()
        } else {
            None
        };
        let recorded = match (graphs_wanted, steady.is_some(), ahead.is_some()) {
            (false, ..) => "",
            (true, true, true) => ", windows and decisions recorded",
            (true, true, false) => ", windows recorded",
            (true, false, true) => ", decisions recorded",
            (true, false, false) => ", nothing recorded",
        };
        Ok(Self {
            info: info(runtime, contract, format!("{}{recorded}", place.name())),
            encoder,
            predictor,
            joint,
            predictor_binding,
            joint_binding,
            place,
            steady,
            ahead,
            channels_first: Vec::new(),
            zeros,
            contract: contract.clone(),
        })
    }
}

impl OrtResidentEngine {
    /// The joint on `frames`, `[dim, rows]`, to `[rows, classes]`.
    fn join(
        &mut self,
        rows: usize,
        frames: Vec<f32>,
        prediction: &Prediction,
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        const CALL: &str = "joint";
        let (dim, hidden) = (self.contract.encoder.dim, self.contract.prediction_width());
        let resident = prediction.resident.as_ref().and_then(Resident::get::<Tensor<f32>>);
        if resident.is_none() {
            host::check_len(CALL, "prediction", hidden, prediction.output.len())?;
        }
        let (graph, binding) = (&mut self.joint, &mut self.joint_binding);
        let [frame_name, prediction_name] = [&graph.inputs[0].name, &graph.inputs[1].name];
        let bind = || -> ort::Result<()> {
            binding.bind_input(frame_name.as_str(), &Tensor::from_array(([1, dim, rows], frames))?)?;
            if let Some(value) = resident {
                binding.bind_input(prediction_name.as_str(), value)?;
            } else {
                let value = Tensor::from_array(([1, hidden, 1], prediction.output.clone()))?;
                binding.bind_input(prediction_name.as_str(), &value)?;
            }
            binding.clear_outputs();
            binding.bind_output_to_device(graph.outputs[0].name.as_str(), &Place::Host { graphs: false }.memory()?)
        };
        bind().map_err(failed(CALL))?;
        let values = graph.session.run_binding(binding).map_err(failed(CALL))?;
        copy_out(CALL, &values, &graph.outputs[0], &[1, rows, 1, self.contract.joint_classes()], out)
    }
}

/// `[layers, batch, hidden]`
fn state_shape(contract: &Contract) -> [usize; 3] {
    [contract.predictor.layers, 1, contract.predictor.hidden]
}

/// The CUDA provider, which must be there: nothing falls back to the CPU in silence.
fn provider(place: Place, records: bool) -> Option<ep::ExecutionProviderDispatch> {
    let Place::Cuda { device, .. } = place else { return None };
    // Products stay f32: rounding to TF32 would be a difference that nobody asked for. An exhaustive search for
    // convolution algorithms would be made for each new window size.
    let cuda = ep::CUDA::default()
        .with_device_id(device)
        .with_tf32(false)
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        .with_cuda_graph(records);
    Some(cuda.build().error_on_failure())
}

/// Loading failed: with a GPU that is more often the machine's fault than the graph's.
fn no_device(place: Place) -> impl Fn(EngineError) -> EngineError {
    move |error| match (place, error) {
        (Place::Cuda { .. }, EngineError::Load { source, .. }) => {
            EngineError::Device { engine: NAME, device: place.name(), source, next: "onnxruntime (CPU) or rten" }
        }
        (_, error) => error,
    }
}

impl Engine for OrtResidentEngine {
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
        let shapes = [[1, mel_bins, frames], host::frames_shape(&self.contract, encoded)];
        let recorded = match &mut self.steady {
            Some(steady) => steady.run(&mut self.encoder, shapes, &self.channels_first).map_err(failed(CALL))?,
            None => None,
        };
        if let Some(values) = recorded {
            self.channels_first = values;
            check_finite(CALL, &self.encoder.outputs[0].name, &self.channels_first)?;
        } else {
            let length = index(&self.encoder.inputs[1], [1], frames);
            let features = floats(shapes[0], &self.channels_first);
            let options = self.steady.as_ref().map(Steady::unrecorded);
            let (values, specs) = self.encoder.run_with(CALL, [features, length], options)?;
            copy_out(CALL, &values, &specs[0], &shapes[1], &mut self.channels_first)?;
        }
        host::finish_encode(&self.contract, &self.channels_first, encoded, &mut out.data);
        if let Some(ahead) = &mut self.ahead {
            ahead.set_window(&out.data);
        }
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        const CALL: &str = "predict";
        if let Some(prediction) = self.ahead.as_ref().and_then(|ahead| ahead.prediction(token, state)) {
            *out = prediction;
            return Ok(());
        }
        let shape = state_shape(&self.contract);
        let (graph, binding) = (&mut self.predictor, &mut self.predictor_binding);
        let given = state.resident.as_ref().and_then(Resident::get::<State>);
        let mut run = || -> ort::Result<[Tensor<f32>; 3]> {
            bind_index(binding, &graph.inputs[0], [1, 1], token.0 as usize)?;
            if let (None, false) = (given, state.h.is_empty() && state.c.is_empty()) {
                binding.bind_input(graph.inputs[1].name.as_str(), &Tensor::from_array((shape, state.h.clone()))?)?;
                binding.bind_input(graph.inputs[2].name.as_str(), &Tensor::from_array((shape, state.c.clone()))?)?;
            } else {
                let State { h, c } = given.unwrap_or(&self.zeros);
                binding.bind_input(graph.inputs[1].name.as_str(), h)?;
                binding.bind_input(graph.inputs[2].name.as_str(), c)?;
            }
            // Bound anew each time: what was bound before holds a state that somebody may still need.
            binding.clear_outputs();
            let memory = self.place.memory()?;
            for output in &graph.outputs {
                binding.bind_output_to_device(output.name.as_str(), &memory)?;
            }
            let mut values = graph.session.run_binding(binding)?;
            let mut take = |index: usize| take_output(&mut values, &graph.outputs[index].name);
            Ok([take(0)?, take(1)?, take(2)?])
        };
        if given.is_none() && !(state.h.is_empty() && state.c.is_empty()) {
            host::check_len(CALL, "h", shape.iter().product(), state.h.len())?;
            host::check_len(CALL, "c", shape.iter().product(), state.c.len())?;
        }
        let [output, h, c] = run().map_err(failed(CALL))?;
        *out = Prediction {
            output: Vec::new(),
            state: PredictorState { resident: Some(Resident::new(State { h, c })), ..PredictorState::default() },
            resident: Some(Resident::new(output)),
        };
        // A block begins with what the host has.
        if self.ahead.is_some() { self.fetch(out) } else { Ok(()) }
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        host::check_len("joint", "frame", self.contract.encoder.dim, frame.len())?;
        if let Some(logits) = self.ahead.as_mut().map(|ahead| ahead.logits(frame, prediction)).transpose()?.flatten() {
            out.tokens.clear();
            out.tokens.extend_from_slice(logits);
            host::split_heads(&self.contract, out);
            return Ok(());
        }
        self.join(1, frame.to_vec(), prediction, &mut out.tokens)?;
        host::split_heads(&self.contract, out);
        Ok(())
    }

    fn joint_rows(
        &mut self,
        frames: &[f32],
        dim: usize,
        prediction: &Prediction,
        out: &mut Vec<f32>,
    ) -> Result<(), EngineError> {
        host::check_len("joint", "frame", self.contract.encoder.dim, dim)?;
        let rows = frames.len() / dim;
        host::check_len("joint", "frames", rows * dim, frames.len())?;
        if !self.contract.joins_rows() {
            let mut logits = Vec::new();
            out.clear();
            for frame in frames.chunks_exact(dim) {
                self.join(1, frame.to_vec(), prediction, &mut logits)?;
                out.append(&mut logits);
            }
            return Ok(());
        }
        let mut channels_first = Vec::new();
        transpose(frames, dim, &mut channels_first);
        self.join(rows, channels_first, prediction, out)
    }

    fn expect(&mut self, decisions: &[(TokenId, usize)]) {
        if let Some(ahead) = &mut self.ahead {
            ahead.expect(decisions);
        }
    }

    fn fetch(&mut self, prediction: &mut Prediction) -> Result<(), EngineError> {
        const CALL: &str = "predict";
        if let Some(output) = prediction.resident.as_ref().and_then(Resident::get::<Tensor<f32>>) {
            prediction.output = to_host(output).map_err(failed(CALL))?;
            check_finite(CALL, &self.predictor.outputs[0].name, &prediction.output)?;
        }
        if let Some(State { h, c }) = prediction.state.resident.as_ref().and_then(Resident::get::<State>) {
            let (h, c) = (to_host(h).map_err(failed(CALL))?, to_host(c).map_err(failed(CALL))?);
            check_finite(CALL, &self.predictor.outputs[1].name, &h)?;
            check_finite(CALL, &self.predictor.outputs[2].name, &c)?;
            (prediction.state.h, prediction.state.c) = (h, c);
        }
        Ok(())
    }
}

/// A copy in host memory.
pub(super) fn to_host(value: &Tensor<f32>) -> ort::Result<Vec<f32>> {
    let host = value.to(AllocationDevice::CPU, 0)?;
    let (_, values) = host.try_extract_tensor::<f32>()?;
    Ok(values.to_vec())
}
