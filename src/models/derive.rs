//! A contract out of a model in another layout: every name, type and number read off its graphs and the files beside them.

use std::path::Path;

use crate::{
    engine::{
        Arithmetic, Contract, DataSpec, Derivation, Dim, EncoderSpec, FORMAT, GraphSpec, Graphs, OnnxError, OnnxGraph,
        Port, PredictorSpec, Rewritten, TIME_FIRST, TensorSpec, TokenId, VocabularySpec, cut, joint_graph,
        predictor_graph, sha256,
    },
    features::{FrontEnd, Normalization},
    models::{
        Layout, ModelError,
        files::{inline, parse_graph, read, read_text, sha256_of},
        known,
        layout::{Decoder, Files},
        notes::Notes,
        roles::{EncoderPorts, Named, describe},
    },
    units::{MEL_PER_ENC, SAMPLE_RATE_HZ, SAMPLES_PER_MEL},
};

/// Version of what is done here: contracts made by others are made anew.
pub(super) const VERSION: u32 = 1;

/// NeMo's front-end where no layout says anything: what its classes have when a model's settings are silent.
const NEMO: FrontEnd = FrontEnd {
    mel_bins: 0,
    window: 400,
    hop: SAMPLES_PER_MEL,
    fft: 512,
    preemphasis: 0.97,
    low_hz: 0.0,
    high_hz: SAMPLE_RATE_HZ as f64 / 2.0,
    log_guard: 1.0 / (1 << 24) as f64,
    normalization: Normalization::PerFeature,
};
/// NeMo's, where a layout says nothing.
const MAX_SYMBOLS: usize = 10;
/// Four minutes. Position tables may reach further, but what attention takes grows with the square.
const LONGEST_MEL_FRAMES: usize = 24_000;

/// What begins the names of graphs that are made here.
pub(super) const MADE: &str = "dictoscope-";

/// What was made.
#[derive(Debug)]
pub(super) struct Derived {
    pub(super) contract: Contract,
    /// Graphs that no file has: name and bytes.
    pub(super) graphs: [(String, Vec<u8>); 2],
}

/// Where contracts and graphs of a variant go.
pub(super) fn contract_file(variant: &str) -> String {
    format!("contract{variant}.json")
}

/// The contract of `files`.
pub(super) fn derive(files: &Files) -> Result<Derived, ModelError> {
    let path = files.folder.join(&files.encoder);
    let bytes = read(&path)?;
    let (graph, data) = parse_graph(&path, &bytes)?;
    let mut notes = Notes::of_graph(graph.metadata().map_err(ModelError::graph(&path))?);
    for file in &files.notes {
        notes.add_file(&files.folder.join(file))?;
    }
    let named = Named { path: &path, graph: &graph };
    let ports = named.encoder()?;
    let decoder = Parted::of(files, &named, &ports)?;
    let dim = decoder.dim;
    let vocabulary = vocabulary(files, &notes, decoder.classes)?;
    let durations = durations(files, &notes, decoder.classes, vocabulary.size)?;
    let layers = graph.operators().filter(|op| *op == "Softmax").count();
    let (weights, arithmetic) = storage(&graph).map_err(ModelError::graph(&path))?;
    let front_end = front_end(&named, &ports, &notes)?;
    let known = known::find(front_end.mel_bins, dim, layers, vocabulary.size);
    let named_so =
        known.map_or_else(|| format!("TDT {dim} × {layers}, {} pieces", vocabulary.size), |known| known.name.clone());
    let encoder = encoder_spec(&path, &ports, dim, data)?;
    let masks = graph.depends(&[&ports.frames.name], &ports.length.name).map_err(ModelError::graph(&path))?;
    let mut from = Vec::new();
    for file in decoder.files.iter().chain(&files.notes) {
        from.push(DataSpec { file: file.clone(), sha256: sha256_of(&files.folder.join(file))? });
    }
    let [predictor_file, joint_file] = ["predictor", "joint"].map(|part| format!("{MADE}{part}{}.onnx", files.variant));
    let contract = Contract {
        format: FORMAT.to_owned(),
        name: format!("{named_so}, {weights}"),
        languages: known.map(|known| known.languages.clone()).unwrap_or_default(),
        weights: weights.to_owned(),
        arithmetic,
        sample_rate: notes
            .number(&["sample_rate"])
            .map_or(SAMPLE_RATE_HZ, |rate| u32::try_from(rate).unwrap_or(u32::MAX)),
        encoder: EncoderSpec {
            subsampling: notes.number(&["subsampling_factor"]).unwrap_or(MEL_PER_ENC),
            dim,
            max_mel_frames: longest(&graph, dim).map_err(ModelError::graph(&path))?,
            length_masks: masks,
        },
        front_end,
        predictor: PredictorSpec {
            layers: decoder.layers,
            hidden: decoder.hidden,
            output: Some(decoder.width).filter(|width| *width != decoder.hidden),
        },
        vocabulary,
        durations,
        max_symbols: u32::try_from(notes.number(&["max_tokens_per_step"]).unwrap_or(MAX_SYMBOLS)).unwrap_or(u32::MAX),
        graphs: Graphs {
            encoder,
            predictor: spec_of(&predictor_file, &decoder.predictor),
            joint: spec_of(&joint_file, &decoder.joint),
        },
        probe: None,
        derived: Some(Derivation {
            version: VERSION,
            layout: files.layout.as_str().to_owned(),
            parted_at: decoder.at,
            fused: decoder.fused,
            from,
        }),
    };
    // What contradicts itself is refused now, not when it is read again.
    contract.check(&path.display().to_string())?;
    let graphs = [(predictor_file, decoder.predictor.bytes), (joint_file, decoder.joint.bytes)];
    Ok(Derived { contract, graphs })
}

/// Prediction network and joint as contracts have them.
struct Parted {
    predictor: Rewritten,
    joint: Rewritten,
    layers: usize,
    hidden: usize,
    width: usize,
    dim: usize,
    classes: usize,
    at: Option<String>,
    fused: bool,
    /// What they were made of.
    files: Vec<String>,
}

impl Parted {
    fn of(files: &Files, encoder: &Named<'_, '_, '_>, ports: &EncoderPorts) -> Result<Self, ModelError> {
        let load = |file: &str| Ok::<_, ModelError>((files.folder.join(file), read(&files.folder.join(file))?));
        match &files.decoder {
            Decoder::Fused(file) => {
                let (path, bytes) = load(file)?;
                let (graph, data) = parse_graph(&path, &bytes)?;
                let graph = inline(&path, graph)?;
                let named = Named { path: &path, graph: &graph };
                let dim = dim_of(encoder, ports, &named)?;
                let ports = named.fused(dim)?;
                let cut = cut(&graph, &ports).map_err(ModelError::graph(&path))?;
                let fused = cut.at.is_none();
                Ok(Self {
                    predictor: cut.predictor,
                    joint: cut.joint,
                    layers: ports.layers,
                    hidden: ports.hidden,
                    width: cut.width,
                    dim,
                    classes: ports.classes,
                    at: cut.at,
                    fused,
                    files: [vec![file.clone()], data].concat(),
                })
            }
            Decoder::Two(predictor, joint) => {
                let (predictor_path, predictor_bytes) = load(predictor)?;
                let (joint_path, joint_bytes) = load(joint)?;
                let (predictor_graph_, predictor_data) = parse_graph(&predictor_path, &predictor_bytes)?;
                let (joint_graph_, joint_data) = parse_graph(&joint_path, &joint_bytes)?;
                let predictor_graph_ = inline(&predictor_path, predictor_graph_)?;
                let joint_graph_ = inline(&joint_path, joint_graph_)?;
                let named = Named { path: &joint_path, graph: &joint_graph_ };
                let dim = dim_of(encoder, ports, &named)?;
                let of_predictor = Named { path: &predictor_path, graph: &predictor_graph_ }.predictor()?;
                let of_joint = named.joint(dim, of_predictor.width)?;
                Ok(Self {
                    predictor: predictor_graph(&predictor_graph_, &of_predictor)
                        .map_err(ModelError::graph(&predictor_path))?,
                    joint: joint_graph(&joint_graph_, &of_joint).map_err(ModelError::graph(&joint_path))?,
                    layers: of_predictor.layers,
                    hidden: of_predictor.hidden,
                    width: of_predictor.width,
                    dim,
                    classes: of_joint.classes,
                    at: None,
                    fused: false,
                    files: [vec![predictor.clone(), joint.clone()], predictor_data, joint_data].concat(),
                })
            }
        }
    }
}

/// Values of an encoder frame: the fixed size of the encoder's output, else what the joint takes.
fn dim_of(encoder: &Named<'_, '_, '_>, ports: &EncoderPorts, joint: &Named<'_, '_, '_>) -> Result<usize, ModelError> {
    let frames = &ports.frames;
    match (frames.fixed(1), frames.fixed(2)) {
        (Some(dim), None) | (None, Some(dim)) => Ok(dim),
        _ => {
            let inputs = joint.graph.inputs().map_err(ModelError::graph(joint.path))?;
            let frame = inputs.iter().find(|port| port.is_float() && port.name.to_lowercase().contains("enc"));
            let sizes =
                |port: &Port| (1..port.rank().unwrap_or(1)).filter_map(|axis| port.fixed(axis)).find(|size| *size > 1);
            let dim = frame.and_then(sizes);
            dim.ok_or_else(|| encoder.wrong(&frames.name, "one fixed size, the values of a frame", describe(frames)))
        }
    }
}

fn encoder_spec(path: &Path, ports: &EncoderPorts, dim: usize, data: Vec<String>) -> Result<GraphSpec, ModelError> {
    let named = |port: &Port, role: &str, layout: &str| -> Result<TensorSpec, ModelError> {
        let wrong = |expected: &str| ModelError::Layout {
            path: path.to_owned(),
            what: port.name.clone(),
            expected: expected.to_owned(),
            found: describe(port),
        };
        let dtype = port.dtype.ok_or_else(|| wrong("floats or integers"))?;
        if port.is_float() && dtype != crate::engine::DType::F32 {
            return Err(wrong("32-bit floats"));
        }
        let shape = port.shape.clone().unwrap_or_else(|| vec![Dim::Free("B".to_owned())]);
        Ok(TensorSpec { role: role.to_owned(), name: port.name.clone(), dtype, shape, layout: layout.to_owned() })
    };
    let features = named(&ports.features, "features", "batch,mel,time")?;
    let time_first = ports.frames.fixed(2) == Some(dim) && ports.frames.fixed(1) != Some(dim);
    let mut frames = named(&ports.frames, "frames", if time_first { TIME_FIRST } else { "batch,dim,time" })?;
    // Where the graph leaves it open, the joint told it.
    frames.shape[if time_first { 2 } else { 1 }] = Dim::Fixed(dim);
    let mut outputs = vec![frames];
    if let Some(lengths) = &ports.lengths {
        outputs.push(named(lengths, "lengths", "batch")?);
    }
    let folder = path.parent().unwrap_or(path);
    let data = data.into_iter().map(|file| Ok(DataSpec { sha256: sha256_of(&folder.join(&file))?, file }));
    Ok(GraphSpec {
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        sha256: sha256_of(path)?,
        data: data.collect::<Result<_, ModelError>>()?,
        inputs: vec![features, named(&ports.length, "length", "batch")?],
        outputs,
    })
}

fn spec_of(file: &str, graph: &Rewritten) -> GraphSpec {
    GraphSpec {
        file: file.to_owned(),
        sha256: sha256(&graph.bytes),
        data: Vec::new(),
        inputs: graph.inputs.clone(),
        outputs: graph.outputs.clone(),
    }
}

/// The front-end that the encoder was trained with, as far as anything tells; else NeMo's.
fn front_end(encoder: &Named<'_, '_, '_>, ports: &EncoderPorts, notes: &Notes) -> Result<FrontEnd, ModelError> {
    let features = &ports.features;
    if let Some(frames) = features.fixed(2) {
        let found = format!("{frames} frames and no others: exported with fixed sizes");
        return Err(encoder.wrong(&features.name, "a free number of mel frames on the last axis", found));
    }
    let told = notes.number(&["feat_dim", "features_size", "n_mels"]);
    let mel_bins = match (features.fixed(1), told) {
        (Some(found), Some(told)) if found != told => {
            return Err(encoder.wrong(
                &features.name,
                format!("{told} mel bins, as the model's notes say"),
                found.to_string(),
            ));
        }
        (found, told) => found.or(told),
    };
    let Some(mel_bins) = mel_bins else {
        return Err(encoder.wrong(&features.name, "a fixed number of mel bins", describe(features)));
    };
    let normalization = match notes.text(&["normalize_type", "normalize"]) {
        None | Some("per_feature") => Normalization::PerFeature,
        Some("" | "NA" | "none" | "None") => Normalization::None,
        Some(other) => return Err(encoder.wrong("normalize_type", "per_feature or NA", other)),
    };
    Ok(FrontEnd {
        mel_bins,
        fft: notes.number(&["n_fft"]).unwrap_or(NEMO.fft),
        hop: notes.number(&["hop_length"]).unwrap_or(NEMO.hop),
        normalization,
        ..NEMO
    })
}

/// Pieces, with blank last where it is listed.
fn vocabulary(files: &Files, notes: &Notes, classes: usize) -> Result<VocabularySpec, ModelError> {
    let path = files.folder.join(&files.vocabulary);
    let text = read_text(&path)?;
    let hash = sha256(text.as_bytes());
    let lines = text.lines().count();
    let last = text.lines().last().unwrap_or_default();
    let size = lines - usize::from(last == "<blk>" || last.starts_with("<blk> "));
    let wrong = |what: &str, expected: String, found: String| ModelError::Layout {
        path: path.clone(),
        what: what.to_owned(),
        expected,
        found,
    };
    for key in ["vocab_size", "tokenizer_vocab_size", "blank_id"] {
        if let Some(told) = notes.number(&[key]).filter(|told| *told != size) {
            return Err(wrong(key, format!("{told} pieces besides blank"), size.to_string()));
        }
    }
    if size + 1 > classes {
        return Err(wrong("pieces", format!("{} at most, as the joint has scores", classes - 1), size.to_string()));
    }
    Ok(VocabularySpec { file: files.vocabulary.clone(), sha256: hash, size, blank: TokenId(size as u32) })
}

/// Entries of the duration head: as they are noted, else counted from 0.
fn durations(files: &Files, notes: &Notes, classes: usize, pieces: usize) -> Result<Vec<u32>, ModelError> {
    let count = classes - pieces - 1;
    if count == 0 {
        let path = files.folder.join(&files.encoder);
        return Err(ModelError::Kind {
            path,
            found: "an RNN-T transducer: its joint has no scores for durations".to_owned(),
        });
    }
    match notes.numbers(&["duration_values", "durations"]) {
        Some(durations) if durations.len() == count => Ok(durations),
        Some(durations) => Err(ModelError::Layout {
            path: files.folder.join(files.notes.first().unwrap_or(&files.encoder)),
            what: "durations".to_owned(),
            expected: format!("{count}, as the joint has scores for"),
            found: durations.len().to_string(),
        }),
        None => Ok((0..count as u32).collect()),
    }
}

/// How most of the weights are stored, and what graphs with such weights compute in where the contract is to say so.
fn storage(graph: &OnnxGraph<'_>) -> Result<(&'static str, Option<Arithmetic>), OnnxError> {
    let mut bytes = [("f32", 0_u64), ("f16", 0), ("int8", 0), ("int4", 0)];
    for (element, sizes) in graph.weight_sizes()? {
        let elements = sizes.into_iter().fold(1_u64, u64::saturating_mul);
        let (place, each) = match element {
            1 => (0, elements),
            10 | 16 => (1, elements),
            2 | 3 => (2, elements),
            21 | 22 => (3, elements),
            _ => continue,
        };
        bytes[place].1 = bytes[place].1.saturating_add(each);
    }
    let (name, _) = bytes.into_iter().max_by_key(|(_, elements)| *elements).unwrap_or(("f32", 0));
    Ok((name, Some(Arithmetic::F16).filter(|_| name == "f16")))
}

/// Longest window in mel frames: half the table of relative positions, `[1, 2 n - 1, dim]`, if the graph has one.
fn longest(graph: &OnnxGraph<'_>, dim: usize) -> Result<usize, OnnxError> {
    let positions = graph.weight_sizes()?.into_iter().filter_map(|(_, sizes)| match sizes[..] {
        [1, rows, values] if values == dim as u64 && rows % 2 == 1 && rows > 1 => {
            usize::try_from(rows.div_ceil(2)).ok()
        }
        _ => None,
    });
    let table = positions.max().map_or(usize::MAX, |frames| frames.saturating_mul(MEL_PER_ENC));
    Ok(table.min(LONGEST_MEL_FRAMES))
}

impl Layout {
    /// The layout of a contract: its own, or the one that it was made from.
    pub fn of(contract: &Contract) -> &str {
        contract.derived.as_ref().map_or(Self::Contract.as_str(), |derived| &derived.layout)
    }
}
