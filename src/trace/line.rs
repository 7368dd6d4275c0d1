//! The lines of a trace. The first is the header; then they follow in the order in which things happened.

use serde::{Deserialize, Serialize};

use crate::{
    decode::{Decision, Word},
    engine::{Contract, EngineInfo},
    features::FeatureFrames,
    session::{EndReason, SessionSettings, Setting, Window},
    units::{EncIdx, SampleIdx},
};

/// Version of the format.
pub const FORMAT: &str = "dictoscope-trace-1";

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// What ran, and how.
    Header(Box<Header>),
    /// An utterance begins at this encoder frame.
    UtteranceStart {
        /// Encoder frame.
        frame: EncIdx,
    },
    /// A hop is done; its decisions follow.
    Hop(HopLine),
    /// One decision.
    Decision(Box<DecisionLine>),
    /// Words that will not change any more.
    Committed {
        /// In order.
        words: Vec<Word>,
    },
    /// A setting acts from this frame on.
    Setting {
        /// Encoder frame.
        frame: EncIdx,
        /// Which.
        setting: Setting,
    },
    /// An utterance ended.
    UtteranceEnd {
        /// Encoder frame.
        frame: EncIdx,
        /// Why.
        reason: EndReason,
    },
    /// Samples missing in the source before this position.
    Gap {
        /// 16 kHz sample.
        at: SampleIdx,
        /// How many.
        samples: u64,
    },
    /// The writer could not keep up (a full or hung disk): this many lines are missing here.
    Lost {
        /// Lines.
        lines: u64,
    },
}

/// What ran, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`FORMAT`].
    pub format: String,
    /// Program and version.
    pub program: String,
    /// Seconds since 1970-01-01 UTC at which the run began.
    pub started_unix_secs: f64,
    /// The model: front-end, vocabulary, durations, and the SHA-256 of every file.
    pub contract: Contract,
    /// What actually computes, and in what precision.
    pub engine: EngineInfo,
    /// Settings at the start.
    pub settings: SessionSettings,
    /// Whether a file was decoded in as few windows as the model allows, whatever `settings.window` says.
    pub whole_file: bool,
    /// Device or file.
    pub source: String,
}

/// One hop.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HopLine {
    /// Borders in encoder frames.
    pub window: Window,
    /// Features as the encoder got them.
    pub features: FeatureStats,
    /// Cost in milliseconds.
    pub millis: HopMillis,
}

/// Statistics of a window's normalised features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureStats {
    /// Mel frames.
    pub frames: usize,
    /// Values per frame.
    pub mel_bins: usize,
    /// Mean of all values.
    pub mean: f64,
    /// Standard deviation of all values, with N.
    pub std: f64,
    /// Least value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
}

/// Cost of a hop in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HopMillis {
    /// Samples to normalised features.
    pub features: f32,
    /// Encoder.
    pub encode: f32,
    /// Predictor, joint, loop and words; tail included.
    pub decode: f32,
}

/// One decision, with what a reader would otherwise have to look up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// The hop it was made in.
    pub hop: u64,
    /// Made on the right context by a copy of the decoder: the next hop makes it anew.
    pub tail: bool,
    /// Seconds since the session began at its frame.
    pub secs: f64,
    /// The vocabulary's piece.
    pub piece: String,
    /// The whole record.
    #[serde(flatten)]
    pub decision: Decision,
}

impl FeatureStats {
    /// Of one window.
    pub fn of(features: &FeatureFrames) -> Self {
        let count = features.data.len().max(1) as f64;
        let mean = features.data.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let square = features.data.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
        let fold = |pick: fn(f32, f32) -> f32| features.data.iter().copied().reduce(pick).unwrap_or_default();
        Self {
            frames: features.len(),
            mel_bins: features.mel_bins,
            mean,
            std: square.sqrt(),
            min: fold(f32::min),
            max: fold(f32::max),
        }
    }
}
