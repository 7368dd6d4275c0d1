//! The conductor: blocks in; windows, decisions and words out.
//!
//! [`Session`] is pure: no thread, clock, file or device. `live` threads it to a microphone for the window and the terminal.

mod control;
mod endpoint;
mod error;
mod file_source;
mod guests;
mod handle;
mod handover;
mod hop;
mod live;
mod live_probe;
mod message;
mod outbox;
mod pipeline;
mod probe;
mod settings;
mod stopwatch;
mod timeline;
mod utterance;
mod window;
mod worker;

pub use crate::engine::EngineInfo;
pub use error::SessionError;
pub use guests::{Engines, Guests, OpenEngine, OpenJournal, OpenTrace, OpenTyping, TraceGuest, Tracing};
pub use handle::{LiveHandle, Waker};
pub use live::{HopPlot, HopTiming, LevelSnapshot, LiveSnapshot, PlotItem};
pub use message::{Command, DeviceEntry, Event, Listening, Ready, Source};
pub use pipeline::Session;
pub use probe::{EndReason, Probe, Stage, StepTensors, Window};
pub use settings::{
    CustomWords, EndpointSettings, FeatureNorm, Normalization, Punctuation, SessionSettings, Setting, TopK,
    WindowSettings,
};
pub use stopwatch::StageTimer;
