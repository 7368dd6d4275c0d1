//! What the window draws: the latest state (overwritten by design) and the plot feed (may lose, words may not).

use serde::{Deserialize, Serialize};

use crate::{
    decode::{Decision, Word},
    session::{EndReason, Setting, Window},
    units::{EncIdx, MelIdx},
};

/// The newest state of the inference thread. Latest wins.
#[derive(Clone, Debug, Default)]
pub struct LiveSnapshot {
    /// Words of the right context, grey: the next hop makes them anew.
    pub tail: Vec<Word>,
    /// Whether an utterance is open.
    pub speaking: bool,
    /// Samples waiting between capture and inference.
    pub queued_samples: u64,
    /// Cost of the newest hop.
    pub timing: HopTiming,
    /// Milliseconds from the newest sample's arrival in the queue to its hop's end.
    pub latency_millis: f32,
    /// 16 kHz samples lost since the start.
    pub lost_samples: u64,
    /// Seconds of audio taken in since the start.
    pub audio_secs: f64,
}

/// Cost of one hop in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HopTiming {
    /// Samples to normalised log-mel.
    #[serde(rename = "features")]
    pub features_millis: f32,
    /// Encoder.
    #[serde(rename = "encode")]
    pub encode_millis: f32,
    /// Predictor, joint and the loop, tail included.
    #[serde(rename = "decode")]
    pub decode_millis: f32,
}

impl HopTiming {
    /// The whole hop.
    pub fn total_millis(&self) -> f32 {
        self.features_millis + self.encode_millis + self.decode_millis
    }
}

/// The newest level of the input. Latest wins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LevelSnapshot {
    /// Largest absolute sample of the last 50 ms, 1 is full scale.
    pub peak: f32,
    /// Root mean square of the last 50 ms.
    pub rms: f32,
    /// Clipped samples since the start.
    pub clipped_samples: u64,
    /// Samples at device rate that did not fit the first ring since the start.
    pub overrun_samples: u64,
}

/// One item of the plot feed.
#[derive(Clone, Debug)]
pub enum PlotItem {
    /// Waveform of one 10 ms block.
    Level {
        /// Which mel frame it makes.
        at: MelIdx,
        /// Least sample.
        min: f32,
        /// Largest sample.
        max: f32,
    },
    /// One hop: what was encoded and decided.
    Hop(Box<HopPlot>),
    /// A setting acts from this frame on.
    Setting(EncIdx, Setting),
    /// An utterance begins.
    UtteranceStart(EncIdx),
    /// An utterance ended.
    UtteranceEnd(EncIdx, EndReason),
    /// Audio was lost before this frame, this many samples.
    Gap(EncIdx, u64),
}

/// One hop as the decision view draws it.
#[derive(Clone, Debug, Default)]
pub struct HopPlot {
    /// Borders.
    pub window: Window,
    /// First of the mel frames in `mel`: those this hop saw first.
    pub mel_start: MelIdx,
    /// Values per mel frame.
    pub mel_bins: usize,
    /// Features as the encoder got them, time-major `[frames, mel_bins]`.
    pub mel: Vec<f32>,
    /// Committed decisions, in order.
    pub decisions: Vec<Decision>,
    /// Decisions on the right context; the next hop replaces them.
    pub tail: Vec<Decision>,
    /// Cost.
    pub timing: HopTiming,
}
