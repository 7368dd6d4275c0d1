//! The lines of a trace. The first is the header; then they follow in the order in which things happened.
//!
//! `engines/trace.schema.json` says the same for other programs.

use serde::{Deserialize, Serialize};

use crate::{
    decode::{Decision, Word},
    engine::{Contract, EngineInfo},
    session::{EndReason, HopTiming, SessionSettings, Setting, Window},
    trace::{AudioStats, EncoderStats, FeatureStats, TensorFiles},
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
    /// From here on the side file of the audio is contiguous.
    Audio {
        /// Position of the sample in the session.
        at: SampleIdx,
        /// Its row in the side file.
        row: u64,
    },
    /// A hop is done; its decisions follow.
    Hop(Box<HopLine>),
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
    /// The run ended as it should. A trace without this line was cut off.
    End {
        /// Hops written.
        hops: u64,
        /// Committed decisions written.
        decisions: u64,
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
    /// What the session was fed.
    pub input: Input,
    /// Side files, if any were asked for.
    pub tensors: Option<TensorFiles>,
}

/// What a session was fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Samples.
    Audio,
    /// Features that were computed elsewhere.
    Features,
}

/// One hop.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HopLine {
    /// Borders in encoder frames.
    pub window: Window,
    /// Samples of the window; `None` where features were fed.
    pub audio: Option<AudioStats>,
    /// Features as the encoder got them.
    pub features: FeatureStats,
    /// What the encoder answered.
    pub encoder: EncoderStats,
    /// Cost in milliseconds.
    pub millis: HopTiming,
    /// Where the window begins in the side files.
    pub rows: Rows,
}

/// First rows of a window in the side files; `None` where there is no such file or the row did not get into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// Sample.
    pub audio: Option<u64>,
    /// Mel frame.
    pub features: Option<u64>,
    /// Encoder frame.
    pub encoder: Option<u64>,
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
