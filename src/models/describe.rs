//! What there is to know of a model before it runs: sizes, precision, memory; and a measurement of 3 s.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    engine::{Contract, EncoderOutput, Engine, EngineError, GraphSource, JointLogits, Prediction, PredictorState},
    features::FeatureFrames,
    models::{Layout, Model},
    units::{MelIdx, SAMPLE_RATE_HZ},
};

/// Mel frames that are measured: 3 s.
const MEASURED_SECS: usize = 3;
/// Runs; the fastest counts, since others on the machine only slow one down.
const RUNS: usize = 3;

/// A model in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// Name by its contract.
    pub name: String,
    /// Layout of its files.
    pub layout: String,
    /// How its weights are stored.
    pub weights: String,
    /// Language tags.
    pub languages: Vec<String>,
    /// Mel bins of its features.
    pub mel_bins: usize,
    /// Values of an encoder frame.
    pub dim: usize,
    /// LSTM layers of the prediction network, and values per layer.
    pub predictor: [usize; 2],
    /// Pieces without blank.
    pub pieces: usize,
    /// Entries of the duration head.
    pub durations: Vec<u32>,
    /// Longest window in seconds.
    pub longest_secs: f64,
    /// Whether prediction network and joint could not be parted.
    pub fused: bool,
    /// Bytes of its graphs and weights.
    pub bytes: u64,
    /// Bytes of memory that it takes while it runs, about.
    pub memory: u64,
    /// Where its contract is; `None` for the model in the binary.
    pub folder: Option<PathBuf>,
}

impl Description {
    /// Of `model`, whose files are at `path`.
    pub fn of(model: &Model, path: Option<&Path>) -> Self {
        let contract = model.contract();
        let folder = path.map(|path| if path.is_dir() { path } else { path.parent().unwrap_or(path) });
        let bytes = bytes_of(model, folder);
        let state = |frames: usize| (frames * contract.encoder.dim * 4) as u64;
        Self {
            name: contract.name.clone(),
            layout: Layout::of(contract).to_owned(),
            weights: contract.weights.clone(),
            languages: contract.languages.clone(),
            mel_bins: contract.front_end.mel_bins,
            dim: contract.encoder.dim,
            predictor: [contract.predictor.layers, contract.predictor.hidden],
            pieces: contract.vocabulary.size,
            durations: contract.durations.clone(),
            longest_secs: (contract.encoder.max_mel_frames * contract.front_end.hop) as f64 / f64::from(SAMPLE_RATE_HZ),
            fused: contract.is_fused(),
            bytes,
            // Weights, f16 ones as f32, and about 40 values in flight for each value of the frames of half a minute.
            memory: if contract.weights == "f16" { 2 * bytes } else { bytes } + 40 * state(375),
            folder: folder.map(Path::to_owned),
        }
    }
}

fn bytes_of(model: &Model, folder: Option<&Path>) -> u64 {
    let graphs = &model.contract().graphs;
    let specs = [&graphs.encoder, &graphs.predictor, &graphs.joint];
    let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    let each = specs.into_iter().zip(model.graphs()).map(|(spec, source)| {
        let data: u64 = spec.data.iter().filter_map(|data| Some(size(&folder?.join(&data.file)))).sum();
        data + match source {
            GraphSource::Bytes(bytes) => bytes.len() as u64,
            GraphSource::File(path) => size(path),
        }
    });
    each.sum()
}

/// What 3 s of audio cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Milliseconds to encode them.
    pub encode_ms: f64,
    /// Milliseconds of one step of the prediction network and one of the joint.
    pub step_ms: f64,
    /// Seconds of work for a second of audio, with a decision on each encoder frame.
    pub real_time_factor: f64,
}

/// Runs an engine on 3 s of noise.
pub fn measure(engine: &mut dyn Engine, contract: &Contract) -> Result<Measurement, EngineError> {
    let frames = MEASURED_SECS * SAMPLE_RATE_HZ as usize / contract.front_end.hop;
    let mut state = 12345_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    });
    let mel_bins = contract.front_end.mel_bins;
    let features = FeatureFrames { start: MelIdx(0), mel_bins, data: noise.take(frames * mel_bins).collect() };
    let mut encoded = EncoderOutput::default();
    let (mut prediction, mut logits) = (Prediction::default(), JointLogits::default());
    let encode = fastest(|| engine.encode(&features, &mut encoded))?;
    let frame = encoded.frame(encoded.start).unwrap_or_default().to_vec();
    let step = fastest(|| {
        engine.predict(contract.vocabulary.blank, &PredictorState::default(), &mut prediction)?;
        engine.joint(&frame, &prediction, &mut logits)
    })?;
    let work = encode + step * encoded.len() as u32;
    Ok(Measurement {
        encode_ms: encode.as_secs_f64() * 1e3,
        step_ms: step.as_secs_f64() * 1e3,
        real_time_factor: work.as_secs_f64() / MEASURED_SECS as f64,
    })
}

fn fastest(mut run: impl FnMut() -> Result<(), EngineError>) -> Result<Duration, EngineError> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let began = Instant::now();
        run()?;
        best = best.min(began.elapsed());
    }
    Ok(best)
}
