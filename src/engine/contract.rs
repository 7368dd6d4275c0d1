//! `contract.json`: everything the program needs to know of a model. Read and checked here, guessed nowhere.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    engine::{Arithmetic, ContractError, TokenId},
    features::FrontEnd,
    units::{MEL_PER_ENC, SAMPLE_RATE_HZ, SAMPLES_PER_MEL},
};

/// Layout of an encoder's frames with time before values.
pub const TIME_FIRST: &str = "batch,time,dim";

/// Version of the file's format this program reads.
pub const FORMAT: &str = "dictoscope-contract-1";

/// SHA-256 of `bytes` as contracts have it.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// A digest as contracts have it: hexadecimal, in lower case.
pub fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Always `dictoscope-contract-1`.
    pub format: String,
    /// Name of the model and its version.
    pub name: String,
    /// Language tags of what the model writes.
    pub languages: Vec<String>,
    /// How the weights are stored, for example `f16`.
    pub weights: String,
    /// What the graphs compute in where the engine does; f32 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arithmetic: Option<Arithmetic>,
    /// Samples per second of the audio.
    pub sample_rate: u32,
    /// Features.
    pub front_end: FrontEnd,
    /// Encoder.
    pub encoder: EncoderSpec,
    /// Prediction network.
    pub predictor: PredictorSpec,
    /// Vocabulary.
    pub vocabulary: VocabularySpec,
    /// Entries of the duration head, in encoder frames.
    pub durations: Vec<u32>,
    /// Tokens at most on one encoder frame before the cursor is forced on.
    pub max_symbols: u32,
    /// The three graphs.
    pub graphs: Graphs,
    /// Outputs of a reference on a known signal, if the model has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeSpec>,
    /// Where the contract was made from a model in another layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derivation>,
}

/// The file of reference outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    /// File name beside the contract.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Name, version and arithmetic of the reference.
    pub made_by: String,
}

/// Sizes and limits of the encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSpec {
    /// Mel frames per encoder frame.
    pub subsampling: usize,
    /// Values per encoder frame.
    pub dim: usize,
    /// Longest window in mel frames.
    pub max_mel_frames: usize,
    /// Whether the `length` input masks padding. Where it does not, a window is never padded.
    pub length_masks: bool,
}

/// Sizes of the prediction network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorSpec {
    /// LSTM layers.
    pub layers: usize,
    /// Values per layer, and of the output.
    pub hidden: usize,
    /// Values of the output, where they are others: of a graph that cannot be parted from the joint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<usize>,
}

/// How a contract was made from a model in another layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derivation {
    /// Version of the rules; made by others, it is made anew.
    pub version: u32,
    /// Layout of the model, for example `onnx-asr`.
    pub layout: String,
    /// The value where prediction network and joint were parted, if they came in one graph and could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parted_at: Option<String>,
    /// They came in one graph and could not be parted: predictions are token and state, and the joint runs the whole graph.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fused: bool,
    /// The files that it was made from.
    pub from: Vec<DataSpec>,
}

/// The vocabulary file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VocabularySpec {
    /// File name beside the contract.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Pieces without blank.
    pub size: usize,
    /// Blank, which is also the start of sequence: the last entry of the token head.
    pub blank: TokenId,
}

/// The three graphs of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graphs {
    /// Features to encoder frames. Inputs `features`, `length`; outputs `frames`, `lengths`.
    pub encoder: GraphSpec,
    /// Token to prediction. Inputs `token`, `h`, `c`; outputs `prediction`, `h_next`, `c_next`.
    pub predictor: GraphSpec,
    /// Frame and prediction to logits. Inputs `frame`, `prediction`; output `logits` (tokens, blank, durations).
    pub joint: GraphSpec,
}

/// One graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphSpec {
    /// File name beside the contract.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Files beside it that hold its weights: ONNX's external data, for graphs of more than 2 GB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSpec>,
    /// Inputs.
    pub inputs: Vec<TensorSpec>,
    /// Outputs.
    pub outputs: Vec<TensorSpec>,
}

/// A file of a graph's weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// File name beside the contract, as the graph has it.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// One tensor of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// What it is for; see [`Graphs`].
    pub role: String,
    /// Name in the graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Fixed sizes and names of free ones: `B` batch, `T` time, `U` tokens.
    pub shape: Vec<Dim>,
    /// What each axis is, for example `batch,dim,time`.
    pub layout: String,
}

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 16-bit float.
    F16,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

/// One axis of a shape.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// Known at run time.
    Free(String),
}

impl std::fmt::Debug for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Free(name) => f.write_str(name),
        }
    }
}

/// Graph, its tensors, the role one of them must have, and its sizes (`None`: any).
type Expected<'a> = (&'a str, &'a [TensorSpec], &'a str, Vec<Option<usize>>);

impl Contract {
    /// Reads and checks a contract; `file` names it in errors.
    pub fn parse(file: &str, json: &str) -> Result<Self, ContractError> {
        let contract: Self =
            serde_json::from_str(json).map_err(|source| ContractError::Parse { file: file.to_owned(), source })?;
        contract.check(file)?;
        Ok(contract)
    }

    /// Entries of the token head: vocabulary and blank.
    pub fn token_classes(&self) -> usize {
        self.vocabulary.size + 1
    }

    /// Entries of the joint's output: token head, then duration head.
    pub fn joint_classes(&self) -> usize {
        self.token_classes() + self.durations.len()
    }

    /// Values of the prediction network's output.
    pub fn prediction_width(&self) -> usize {
        self.predictor.output.unwrap_or(self.predictor.hidden)
    }

    /// Whether prediction network and joint are one graph that could not be parted: predictions are then token and state.
    pub fn is_fused(&self) -> bool {
        self.derived.as_ref().is_some_and(|derived| derived.fused)
    }

    /// Whether the joint takes several encoder frames at once.
    pub fn joins_rows(&self) -> bool {
        self.graphs.joint.input("frame").is_none_or(|frame| !matches!(frame.shape.last(), Some(Dim::Fixed(1))))
    }

    /// Whether the encoder's frames have time before values: `[batch, time, dim]`.
    pub fn frames_time_first(&self) -> bool {
        self.graphs.encoder.output("frames").is_some_and(|frames| frames.layout == TIME_FIRST)
    }

    /// Holds the contract against itself and against what this program can run; `file` names it in errors.
    pub fn check(&self, file: &str) -> Result<(), ContractError> {
        let expect = |field: &str, holds: bool, expected: String, found: String| {
            if holds {
                return Ok(());
            }
            Err(ContractError::Field { file: file.to_owned(), field: field.to_owned(), expected, found })
        };
        let equal = |field: &str, expected: usize, found: usize| {
            expect(field, expected == found, expected.to_string(), found.to_string())
        };
        let front_end = &self.front_end;
        expect("format", self.format == FORMAT, FORMAT.to_owned(), self.format.clone())?;
        // They are printed to terminals.
        for (field, text) in [("name", &self.name), ("weights", &self.weights)] {
            expect(field, !text.contains(char::is_control), "no control characters".to_owned(), format!("{text:?}"))?;
        }
        let languages = format!("{:?}", self.languages);
        let plain = !self.languages.iter().any(|language| language.contains(char::is_control));
        expect("languages", plain, "no control characters".to_owned(), languages)?;
        equal("sample_rate", SAMPLE_RATE_HZ as usize, self.sample_rate as usize)?;
        equal("front_end.hop", SAMPLES_PER_MEL, front_end.hop)?;
        equal("encoder.subsampling", MEL_PER_ENC, self.encoder.subsampling)?;
        let in_range = |field: &str, found: usize, low: usize, high: usize| {
            expect(field, (low..=high).contains(&found), format!("{low} to {high}"), found.to_string())
        };
        in_range("front_end.fft", front_end.fft, 2, 1 << 16)?;
        in_range("front_end.window", front_end.window, 2, front_end.fft)?;
        in_range("front_end.mel_bins", front_end.mel_bins, 1, 1024)?;
        let nyquist = f64::from(SAMPLE_RATE_HZ) / 2.0;
        let edges_hold =
            0.0 <= front_end.low_hz && front_end.low_hz < front_end.high_hz && front_end.high_hz <= nyquist;
        let edges = format!("{} to {}", front_end.low_hz, front_end.high_hz);
        expect("front_end.low_hz, high_hz", edges_hold, format!("0 <= low < high <= {nyquist}"), edges)?;
        let guard = front_end.log_guard;
        expect("front_end.log_guard", guard > 0.0 && guard < 1.0, "above 0, below 1".to_owned(), guard.to_string())?;
        let emphasis = front_end.preemphasis;
        expect("front_end.preemphasis", (0.0..=1.0).contains(&emphasis), "0 to 1".to_owned(), emphasis.to_string())?;
        in_range("encoder.dim", self.encoder.dim, 1, 1 << 16)?;
        in_range("encoder.max_mel_frames", self.encoder.max_mel_frames, MEL_PER_ENC, 1 << 20)?;
        in_range("predictor.layers", self.predictor.layers, 1, 64)?;
        in_range("predictor.hidden", self.predictor.hidden, 1, 1 << 16)?;
        in_range("predictor.output", self.prediction_width(), 1, 1 << 22)?;
        in_range("vocabulary.size", self.vocabulary.size, 1, 1 << 20)?;
        equal("vocabulary.blank", self.vocabulary.size, self.vocabulary.blank.0 as usize)?;
        in_range("max_symbols", self.max_symbols as usize, 1, 1000)?;
        in_range("durations (entries)", self.durations.len(), 1, 64)?;
        let rising = self.durations.windows(2).all(|pair| pair[0] < pair[1]);
        let moves = self.durations.last().is_some_and(|last| (1..=1000).contains(last));
        let found = format!("{:?}", self.durations);
        expect("durations", rising && moves, "rising, the last 1 to 1000".to_owned(), found)?;
        self.check_graphs(file)
    }

    fn check_graphs(&self, file: &str) -> Result<(), ContractError> {
        let (dim, hidden, layers) = (self.encoder.dim, self.predictor.hidden, self.predictor.layers);
        let width = self.prediction_width();
        let frames = if self.frames_time_first() { vec![None, None, Some(dim)] } else { vec![None, Some(dim), None] };
        let graphs = &self.graphs;
        let tensors: [Expected<'_>; 12] = [
            ("encoder", &graphs.encoder.inputs, "features", vec![None, Some(self.front_end.mel_bins), None]),
            ("encoder", &graphs.encoder.inputs, "length", vec![None]),
            ("encoder", &graphs.encoder.outputs, "frames", frames),
            ("predictor", &graphs.predictor.inputs, "token", vec![None, None]),
            ("predictor", &graphs.predictor.inputs, "h", vec![Some(layers), None, Some(hidden)]),
            ("predictor", &graphs.predictor.inputs, "c", vec![Some(layers), None, Some(hidden)]),
            ("predictor", &graphs.predictor.outputs, "prediction", vec![None, Some(width), None]),
            ("predictor", &graphs.predictor.outputs, "h_next", vec![Some(layers), None, Some(hidden)]),
            ("predictor", &graphs.predictor.outputs, "c_next", vec![Some(layers), None, Some(hidden)]),
            ("joint", &graphs.joint.inputs, "frame", vec![None, Some(dim), None]),
            ("joint", &graphs.joint.inputs, "prediction", vec![None, Some(width), None]),
            ("joint", &graphs.joint.outputs, "logits", vec![None, None, None, Some(self.joint_classes())]),
        ];
        for (graph, specs, role, shape) in tensors {
            let field = format!("graphs.{graph}: tensor with role {role:?}");
            let error = |expected: String, found: String| {
                Err(ContractError::Field { file: file.to_owned(), field: field.clone(), expected, found })
            };
            let Some(spec) = specs.iter().find(|spec| spec.role == role) else {
                return error(
                    "one such tensor".to_owned(),
                    format!("{:?}", specs.iter().map(|s| &s.role).collect::<Vec<_>>()),
                );
            };
            let fits = spec.shape.len() == shape.len()
                && spec.shape.iter().zip(&shape).all(|(dim, size)| match (dim, size) {
                    (Dim::Fixed(found), Some(expected)) => found == expected,
                    (Dim::Free(_), Some(_)) => false,
                    (_, None) => true,
                });
            if !fits {
                let shape: Vec<String> = shape.iter().map(|s| s.map_or("any".to_owned(), |s| s.to_string())).collect();
                return error(format!("shape [{}]", shape.join(", ")), format!("{:?}", spec.shape));
            }
        }
        Ok(())
    }
}

impl GraphSpec {
    /// The input with this role; the contract was checked to have it.
    pub fn input(&self, role: &str) -> Option<&TensorSpec> {
        self.inputs.iter().find(|tensor| tensor.role == role)
    }

    /// The output with this role.
    pub fn output(&self, role: &str) -> Option<&TensorSpec> {
        self.outputs.iter().find(|tensor| tensor.role == role)
    }
}
