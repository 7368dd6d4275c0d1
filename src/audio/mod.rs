//! A microphone or a file in; 10 ms blocks of 16 kHz mono out.
//!
//! ```text
//! audio callback -> ring, 2 s at device rate -> thread "capture": resample, meter -> ring of blocks, 120 s
//! file           -> decode, downmix, resample                                     -> the same blocks, no clock
//! ```

mod block;
mod callback;
mod capture;
mod device;
mod error;
mod file;
mod meter;
mod microphone;
mod pulse;
mod resample;
mod rt;

pub use block::{AudioBlock, blocks_from};
pub use callback::{
    CLIP_LEVEL, Downmix, InputReader, InputWriter, RING_SECS, data_callback, error_callback, input_ring, ring_of,
};
pub use capture::{Capture, CaptureConfig, CaptureEvent, CaptureStats, Level, LevelReader, OpenStream, StreamSource};
pub use device::{InputDevice, default_input, input_devices};
pub(crate) use device::{answering_host, quiet_alsa};
pub use error::{AudioError, SUPPORTED_FILES};
pub use file::{AudioFile, FileInfo};
pub use meter::Meter;
pub use microphone::Microphone;
pub use resample::{ANY_RATE_HZ, MAX_RATE_HZ, MIN_RATE_HZ, RATE_STEP_HZ, Resampler};
pub use rt::{RtContext, RtCounters, StreamFault, enter_rt};
