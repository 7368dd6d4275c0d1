//! What crosses between the window or the command line and the threads behind it.

use std::path::PathBuf;

use crate::{
    decode::Word,
    engine::EngineInfo,
    session::{EndReason, Setting},
    units::{SAMPLE_RATE_HZ, SampleIdx},
};

/// Where audio comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A microphone by name; `None` follows the system's default.
    Microphone {
        /// Device name as `dictoscope devices` prints it.
        device: Option<String>,
    },
    /// A recording.
    File {
        /// WAV, FLAC, MP3, OGG or AIFF.
        path: PathBuf,
        /// At the pace it was spoken, else as fast as possible.
        real_time: bool,
    },
}

/// How microphones are listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// One channel, counted from 0; `None` takes the mean of all.
    pub channel: Option<u16>,
    /// 16 kHz samples before the start that belong to a dictation. With more than 0 the microphone stays open in between.
    pub pre_roll_samples: u64,
    /// The same after the stop.
    pub tail_samples: u64,
}

impl Default for Listening {
    /// All channels, no pre-roll, a tail of half a second.
    fn default() -> Self {
        Self { channel: None, pre_roll_samples: 0, tail_samples: u64::from(SAMPLE_RATE_HZ) / 2 }
    }
}

/// From the window or the command line to the threads.
#[derive(Clone, Debug)]
pub enum Command {
    /// Start dictation from a source; a running one is stopped first, and transcribed to its end before this one.
    Start(Source),
    /// Stop: what was spoken so far is transcribed and committed, then [`Event::Stopped`] comes.
    Stop,
    /// Stop and throw away what is not committed yet; [`Event::Stopped`] comes at once.
    Cancel,
    /// Change a setting from the next hop on.
    Set(Setting),
    /// Listen to microphones like this from the next start on, and to this one (`None`: the system's default) between
    /// dictations, if there is a pre-roll.
    Listen(Listening, Option<String>),
    /// List the input devices: answered by [`Event::Devices`].
    ListDevices,
    /// Write the run down from now on; a trace that is open goes on. Answered by [`Event::TraceStarted`] or a notice.
    StartTrace {
        /// Keep the sound too, so that the run can be made again.
        audio: bool,
    },
    /// End the trace: answered by [`Event::TraceStopped`].
    StopTrace,
    /// Load the model again after [`Event::EngineFailed`].
    Restart,
    /// Go on with another engine, by the name that the settings have for it: answered by [`Event::Ready`], or by
    /// [`Event::EngineRefused`] while the one before goes on. What is spoken meanwhile queues.
    UseEngine(String),
}

/// From the threads to the window or the command line. Every one counts: none is dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The model is loaded.
    Ready(Ready),
    /// Input devices by name; the system's default is marked.
    Devices(Vec<DeviceEntry>),
    /// The microphone was opened to be listened to between dictations, or is not open any more.
    Idle {
        /// Whether it is open.
        open: bool,
    },
    /// The first samples arrived: dictation runs.
    Started {
        /// Name of what delivers the samples.
        source: String,
        /// 16 kHz samples at the microphone's beginning that were exactly 0 and were left out.
        skipped_samples: u64,
    },
    /// Words that will not change any more.
    Committed(Vec<Word>),
    /// An utterance ended.
    UtteranceEnd {
        /// Position in the session.
        at: SampleIdx,
        /// Why.
        reason: EndReason,
    },
    /// A setting acts from here on.
    SettingApplied {
        /// Position in the session.
        at: SampleIdx,
        /// Which one.
        setting: Setting,
    },
    /// A setting was refused; the old one stays.
    SettingRefused {
        /// Which one.
        setting: Setting,
        /// Why.
        reason: String,
    },
    /// Samples of 16 kHz audio were lost before this position.
    AudioLost {
        /// Position in the session.
        at: SampleIdx,
        /// How many.
        samples: u64,
    },
    /// The device is gone; it is being reopened.
    DeviceLost {
        /// What happened.
        reason: String,
    },
    /// The device is back.
    DeviceBack {
        /// Its name.
        source: String,
    },
    /// The run is being written down.
    TraceStarted {
        /// The file.
        path: PathBuf,
    },
    /// The trace is whole on disk, or could not be written any further, which a notice tells.
    TraceStopped {
        /// The file.
        path: PathBuf,
    },
    /// Something worth reading that stops nothing, such as NaN samples in a file.
    Notice(String),
    /// Audio could not be opened or read. Dictation stops; committed words stay.
    SourceFailed {
        /// What happened and what to do.
        reason: String,
    },
    /// The engine that was asked for cannot be had; the one before goes on, if there is one.
    EngineRefused {
        /// Its name.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The engine failed or panicked. Audio queues; committed words stay; [`Command::Restart`] tries again.
    EngineFailed {
        /// What happened.
        reason: String,
    },
    /// All audio up to the stop is transcribed and committed.
    Stopped,
}

/// An input device as it can be picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// The name to pick it by.
    pub name: String,
    /// Whether it is the system's default input.
    pub is_default: bool,
}

/// What was loaded.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The engine by the name that the settings have for it.
    pub name: String,
    /// What actually runs.
    pub engine: EngineInfo,
    /// Feature normalisation the model was trained with.
    pub trained_norm: crate::session::Normalization,
    /// Longest window of the model in encoder frames.
    pub longest_window: u64,
    /// Entries of the duration head, in encoder frames.
    pub durations: Vec<u32>,
    /// Vocabulary pieces by token id, blank last.
    pub pieces: std::sync::Arc<[String]>,
    /// Mel bins of the features.
    pub mel_bins: usize,
}
