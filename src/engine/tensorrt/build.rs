//! Plans made from graphs, without a GPU: TensorRT for RTX compiles ahead of time for the GPUs that are named, and leaves
//! what depends on the one GPU to the moment when the plan is opened.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use trtx::{Builder, BuilderConfig, BuilderFlag, DataType, NetworkDefinition, OnnxParser, OptProfileSelector, Tensor};

use crate::engine::{
    Contract, DType, GraphSource, GraphSpec, TensorSpec,
    tensorrt::{
        Capability, Plan, PlanHeader, PlanKey, PlanRequest, PlanSet, PlanTensor, Precision, Profile, TensorRt,
        TensorRtError, inspect, logger, plan,
    },
    to_half,
};

/// The library builds one plan at a time, whatever its builders are.
static BUILDING: Mutex<()> = Mutex::new(());

/// What happens while plans are made.
#[derive(Clone, Debug, PartialEq)]
pub enum BuildStep {
    /// Plans made from the same are there, whole.
    Found,
    /// Plans are there, but not as they were built; they are made anew.
    Mending(String),
    /// A graph is being converted or built: its number from 1 and its file.
    Building(usize, String),
    /// A plan is made, and its inputs and outputs agree with the contract.
    Built(Plan, Option<PlanHeader>),
}

/// A model's parts that plans are made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanSource<'a> {
    /// What the model is.
    pub contract: &'a Contract,
    /// Encoder, predictor, joint.
    pub graphs: &'a [GraphSource; 3],
}

impl PlanSource<'_> {
    fn specs(&self) -> [&GraphSpec; 3] {
        let graphs = &self.contract.graphs;
        [&graphs.encoder, &graphs.predictor, &graphs.joint]
    }
}

/// The plans for `request` in the folder `cache`: those that are there if they were made from the same, else new ones.
pub fn build_plans(
    library: &TensorRt,
    source: PlanSource<'_>,
    request: &PlanRequest,
    cache: &Path,
    told: &mut dyn FnMut(BuildStep),
) -> Result<PlanSet, TensorRtError> {
    request.profile.check(source.contract)?;
    if request.precision == Precision::Fp32
        && let Some(turing) = request.capabilities.iter().find(|capability| **capability == Capability::TURING)
        && !cfg!(feature = "tensorrt-enterprise")
    {
        return Err(TensorRtError::Precision { capability: *turing, found: request.precision });
    }
    let key = PlanKey::of(library, source.contract, request);
    match plan::find(cache, &key) {
        Ok(Some(set)) => {
            told(BuildStep::Found);
            return Ok(set);
        }
        Ok(None) => {}
        Err(error) => told(BuildStep::Mending(error.to_string())),
    }
    // Two builds at once get into each other's way: what one builds for is asked of the other.
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut writing = plan::Writing::begin(cache, key)?;
    for (at, (spec, graph)) in source.specs().into_iter().zip(source.graphs).enumerate() {
        told(BuildStep::Building(at + 1, spec.file.clone()));
        let begun = Instant::now();
        let mut new = Plan {
            file: ["encoder.plan", "predictor.plan", "joint.plan"][at].to_owned(),
            bytes: 0,
            sha256: String::new(),
            seconds: 0.0,
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let graph = GraphFile::new(spec, graph, request.precision)?;
        let host = build(spec, &graph, (at == 0).then_some(request.profile), &request.capabilities, &mut new)?;
        new.seconds = begun.elapsed().as_secs_f64();
        new.bytes = host.len() as u64;
        let header = PlanHeader::read(&host).filter(|header| header.bytes == new.bytes);
        writing.add(new.clone(), &host)?;
        told(BuildStep::Built(new, header));
    }
    writing.finish()
}

/// A graph as the parser takes it.
enum GraphFile<'a> {
    /// Whole, in memory.
    Bytes(Cow<'a, [u8]>),
    /// A file with its weights beside it.
    File(PathBuf),
    /// The same, converted, with links to the weights; gone when the plan is built.
    Folder(tempfile::TempDir),
}

impl<'a> GraphFile<'a> {
    fn new(spec: &GraphSpec, graph: &'a GraphSource, precision: Precision) -> Result<Self, TensorRtError> {
        let half = |bytes: &[u8]| {
            let converted = to_half(bytes);
            converted.map(|(bytes, _)| bytes).map_err(|source| TensorRtError::Graph { file: spec.file.clone(), source })
        };
        let path = match (graph, precision) {
            (GraphSource::Bytes(bytes), Precision::Fp32) => return Ok(Self::Bytes(Cow::Borrowed(bytes))),
            (GraphSource::Bytes(bytes), Precision::Fp16) => return Ok(Self::Bytes(Cow::Owned(half(bytes)?))),
            (GraphSource::File(path), Precision::Fp32) => return Ok(Self::File(path.clone())),
            (GraphSource::File(path), Precision::Fp16) => path,
        };
        // The parser looks for weights beside the graph, and the model's own folder is not to be written to.
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| TensorRtError::Io { path, source }
        };
        let bytes = half(&fs::read(path).map_err(io(path))?)?;
        let folder = tempfile::tempdir().map_err(io(&std::env::temp_dir()))?;
        for data in &spec.data {
            let from = path.with_file_name(&data.file);
            link(&from, &folder.path().join(&data.file)).map_err(io(&from))?;
        }
        let place = folder.path().join(GRAPH);
        fs::write(&place, bytes).map_err(io(&place))?;
        Ok(Self::Folder(folder))
    }
}

/// Name of a graph in its folder of its own.
const GRAPH: &str = "graph.onnx";

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from.canonicalize()?, to)
}

/// Links need rights that a user may not have; hard links need the same disk.
#[cfg(not(unix))]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

/// Builds one plan and writes down its inputs and outputs, which agree with the contract.
fn build(
    spec: &GraphSpec,
    graph: &GraphFile<'_>,
    profile: Option<Profile>,
    capabilities: &[Capability],
    plan: &mut Plan,
) -> Result<Vec<u8>, TensorRtError> {
    let error = |reason: String| TensorRtError::Build { file: spec.file.clone(), reason };
    let said = logger::begin();
    let failed = |error: trtx::Error| TensorRtError::Build { file: spec.file.clone(), reason: said(error) };
    let logger = logger::logger().map_err(error)?;
    let mut builder = Builder::new(logger).map_err(&failed)?;
    let mut config = builder.create_config().map_err(&failed)?;
    let network = builder.create_network(0).map_err(&failed)?;
    let mut parser = OnnxParser::new(network, logger).map_err(&failed)?;
    match graph {
        GraphFile::Bytes(bytes) => parser.parse(bytes),
        GraphFile::File(path) => parser.parse_from_file(&path.to_string_lossy(), 1),
        GraphFile::Folder(folder) => parser.parse_from_file(&folder.path().join(GRAPH).to_string_lossy(), 1),
    }
    .map_err(&failed)?;
    let network = parser.network_mut();
    for index in 0..network.nb_inputs() {
        let tensor = network.input(index).map_err(&failed)?;
        plan.inputs.push(described(&tensor, network).map_err(error)?);
    }
    for index in 0..network.nb_outputs() {
        let tensor = network.output(index).map_err(&failed)?;
        plan.outputs.push(described(&tensor, network).map_err(error)?);
    }
    inspect::check(spec, &plan.inputs, &plan.outputs)?;
    shape(&mut builder, &mut config, network, spec, profile).map_err(&failed)?;
    // Products with 10 bits of mantissa are not what fp32 promises.
    config.clear_flag(BuilderFlag::kTF32);
    target(&mut config, capabilities).map_err(&failed)?;
    let host = builder.build_serialized_network(network, &mut config).map_err(&failed)?;
    Ok(host.to_vec())
}

/// Names the GPUs; those for data centres build on the GPU that they run on.
#[cfg(not(feature = "tensorrt-enterprise"))]
fn target(config: &mut BuilderConfig<'_>, capabilities: &[Capability]) -> trtx::Result<()> {
    use trtx::ComputeCapability;
    config.set_nb_compute_capabilities(capabilities.len() as i32)?;
    for (index, capability) in capabilities.iter().enumerate() {
        let named = match capability.0 {
            75 => ComputeCapability::kSM75,
            80 => ComputeCapability::kSM80,
            86 => ComputeCapability::kSM86,
            89 => ComputeCapability::kSM89,
            120 => ComputeCapability::kSM120,
            121 => ComputeCapability::kSM121,
            other => return Err(trtx::Error::InvalidArgument(format!("compute capability {other}"))),
        };
        config.set_compute_capability(named, index as i32)?;
    }
    Ok(())
}

#[cfg(feature = "tensorrt-enterprise")]
fn target(_: &mut BuilderConfig<'_>, _: &[Capability]) -> trtx::Result<()> {
    Ok(())
}

/// Gives every free size of the inputs its range: the encoder's time that of the profile, everything else 1.
fn shape(
    builder: &mut Builder<'_>,
    config: &mut BuilderConfig<'_>,
    network: &NetworkDefinition<'_>,
    spec: &GraphSpec,
    lengths: Option<Profile>,
) -> trtx::Result<()> {
    let mut profile = builder.creata_optimization_profile()?;
    let lengths = lengths.unwrap_or(Profile { least: 1, usual: 1, most: 1 });
    for index in 0..network.nb_inputs() {
        let tensor = network.input(index)?;
        let (name, dims) = (tensor.name(network)?, tensor.dimensions(network)?);
        let known = spec.inputs.iter().find(|input| input.name == name);
        for (select, frames) in [
            (OptProfileSelector::kMIN, lengths.least),
            (OptProfileSelector::kOPT, lengths.usual),
            (OptProfileSelector::kMAX, lengths.most),
        ] {
            if tensor.is_shape_tensor(network) {
                profile.set_shape_values_v2(&name, select, &[frames as i64])?;
            } else if dims.iter().any(|size| *size < 0) {
                let sizes: Vec<i64> =
                    dims.iter().enumerate().map(|(axis, size)| sized(*size, known, axis, frames)).collect();
                profile.set_dimensions(&name, select, &trtx::trtx_sys::Dims64::from_slice(&sizes))?;
            }
        }
    }
    config.add_optimization_profile(&mut profile)?;
    // The builder owns it and frees it; the binding would a second time.
    std::mem::forget(profile);
    Ok(())
}

/// A size, or what a free one is to be.
fn sized(size: i64, spec: Option<&TensorSpec>, axis: usize, frames: usize) -> i64 {
    let is_time = spec.is_some_and(|spec| spec.role == "features" && spec.layout.split(',').nth(axis) == Some("time"));
    match size {
        0.. => size,
        _ if is_time => frames as i64,
        _ => 1,
    }
}

fn described(tensor: &Tensor<'_>, network: &NetworkDefinition<'_>) -> Result<PlanTensor, String> {
    let text = |error: trtx::Error| error.to_string();
    let name = tensor.name(network).map_err(text)?;
    let dtype = match tensor.data_type(network) {
        DataType::kFLOAT => DType::F32,
        DataType::kHALF => DType::F16,
        DataType::kINT32 => DType::I32,
        DataType::kINT64 => DType::I64,
        other => return Err(format!("{name}: expected floats or integers, found {other:?}")),
    };
    Ok(PlanTensor { shape: tensor.dimensions(network).map_err(text)?, name, dtype })
}
