//! What can go wrong between a microphone or a file and 16 kHz blocks; each message says what to do about it.

use std::{io, path::PathBuf};

use crate::audio::resample::{ANY_RATE_HZ, MAX_RATE_HZ, MIN_RATE_HZ, RATE_STEP_HZ};

/// File types that can be read, as error messages name them.
pub const SUPPORTED_FILES: &str = "WAV, FLAC, MP3, OGG (Vorbis) and AIFF";

/// A microphone or a file that could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The audio system answers but has no input.
    #[error(
        "no input device found (host {host}: {reason}); plug in a microphone, or transcribe a file with \
         `dictoscope transcribe FILE`"
    )]
    NoInputDevice {
        /// Audio system that was asked.
        host: String,
        /// What it said.
        reason: String,
    },
    /// No device has the name that was asked for.
    #[error("no input device is called \"{wanted}\"; {}", listed(.available))]
    NoSuchDevice {
        /// Name asked for.
        wanted: String,
        /// Names there are.
        available: Vec<String>,
    },
    /// Several devices have the text in their names.
    #[error("\"{wanted}\" fits more than one input device; {}", listed(.candidates))]
    AmbiguousDevice {
        /// Text asked for.
        wanted: String,
        /// Names that contain it.
        candidates: Vec<String>,
    },
    /// Another program holds the device.
    #[error("input device \"{device}\" is busy; close the program that records from it, or pick another device")]
    DeviceBusy {
        /// Name of the device.
        device: String,
    },
    /// The system refuses access.
    #[error(
        "access to input device \"{device}\" was refused; allow this program to use the microphone in the system's \
         privacy settings (on Linux without PulseAudio: be in the group `audio`)"
    )]
    PermissionDenied {
        /// Name of the device.
        device: String,
    },
    /// The device is there but does not open.
    #[error("input device \"{device}\" (host {host}) could not be opened: {source}")]
    OpenDevice {
        /// Name of the device.
        device: String,
        /// Audio system.
        host: String,
        /// What the audio system said.
        source: cpal::Error,
    },
    /// The device did not open in time.
    #[error(
        "input device \"{device}\" did not open within {limit_secs} s; is the sound server hung? Restart it, or pick another device"
    )]
    OpenTimeout {
        /// Name of the device.
        device: String,
        /// The limit.
        limit_secs: u64,
    },
    /// The device delivers samples this program cannot convert.
    #[error("input device \"{device}\" delivers {format} samples; expected integer or float PCM")]
    DeviceFormat {
        /// Name of the device.
        device: String,
        /// Sample format found.
        format: String,
    },
    /// The channel asked for does not exist.
    #[error("input device \"{device}\" has {channels} channels; expected a channel from 0 to {}, found {wanted}", .channels.saturating_sub(1))]
    NoSuchChannel {
        /// Name of the device.
        device: String,
        /// Channel asked for, from 0.
        wanted: u16,
        /// Channels the device has.
        channels: u16,
    },
    /// A sample rate that cannot be brought to 16 kHz.
    #[error(
        "sample rate {rate_hz} Hz; expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, above {ANY_RATE_HZ} Hz a multiple of {RATE_STEP_HZ}"
    )]
    UnsupportedRate {
        /// Rate found.
        rate_hz: u32,
    },
    /// The operating system gives no thread.
    #[error("the thread \"{name}\" could not be started: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The capture thread ended before it had opened the device.
    #[error("the capture thread ended unexpectedly; start dictation again")]
    CaptureEnded,
    /// A file that is not there or cannot be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder where a file was expected.
    #[error("{}: expected an audio file, found a folder; name a file in it", .path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file of 0 bytes.
    #[error("{}: expected audio, found an empty file (0 bytes)", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// Not one of the file types that can be read.
    #[error("{}: expected {SUPPORTED_FILES}, found {found}; convert it first, e.g. `ffmpeg -i IN -ar 16000 -ac 1 OUT.wav`", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What its first bytes or its codec look like.
        found: String,
    },
    /// The file says it is one of the supported types, and then is not.
    #[error("{}: damaged: {reason}", .path.display())]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The file's rate cannot be brought to 16 kHz.
    #[error("{}: {source}", .path.display())]
    FileRate {
        /// The file.
        path: PathBuf,
        /// The rate.
        source: Box<AudioError>,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "there is none".to_owned();
    }
    format!("there are: {}", names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
}
