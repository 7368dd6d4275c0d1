//! Buffers of a Pulse server, so that it neither drops audio nor delivers it in bursts. Two servers, two ways.
//!
//! cpal makes the server keep no more of a recording than the buffer asked for (`BufferSize::Fixed`), or lets it choose
//! (`BufferSize::Default`).
//!
//! `PipeWire` keeps to a fixed buffer: 2048 frames lose nothing. `PulseAudio` drops a whole buffer without a word when it is
//! late, or when a device delivers a little more at once than was asked for, as a null sink always does: measured 4 to
//! 16 % of the audio, the more the larger the buffer. With the default it keeps megabytes and loses nothing, but
//! delivers every 2 s. There, all recordings of a device are served at the pace of the fastest: a second recording
//! with a small buffer, whose samples nobody reads, sets the pace for the first.

use cpal::{
    BufferSize, Device, SampleFormat, Stream, StreamConfig,
    traits::{DeviceTrait, StreamTrait},
};

/// Name of cpal's host for both servers.
pub(crate) const PULSE: &str = "PulseAudio";
/// Frames at 48 kHz (43 ms), at least and at most at any rate: fewer lose audio, see the head of this file.
const PIPEWIRE_FRAMES: (u64, u64, u64) = (2048, 2048, 4800);
/// Frames at 48 kHz (21 ms), at least and at most at any rate.
const PACER_FRAMES: (u64, u64, u64) = (1024, 256, 4096);

/// How to record from the server that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pacing {
    /// One recording with this buffer.
    Single(BufferSize),
    /// The recording with the default buffer, and a pacer with this one.
    Paced(BufferSize),
}

/// The way for recordings at `rate_hz` on cpal's host of this name.
pub(crate) fn pacing(host: &str, rate_hz: u32) -> Pacing {
    let fixed = |(at_48k, least, most): (u64, u64, u64)| {
        BufferSize::Fixed((at_48k * u64::from(rate_hz) / 48_000).clamp(least, most) as u32)
    };
    if host != PULSE {
        Pacing::Single(BufferSize::Default)
    } else if is_pulseaudio_itself() {
        Pacing::Paced(fixed(PACER_FRAMES))
    } else {
        Pacing::Single(fixed(PIPEWIRE_FRAMES))
    }
}

/// Starts the recording that nobody reads.
pub(crate) fn start_pacer(
    device: &Device,
    config: StreamConfig,
    format: SampleFormat,
    errors: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error> {
    let pacer = device.build_input_stream_raw(config, format, |_, _| (), errors, None)?;
    pacer.play()?;
    Ok(pacer)
}

/// Whether the server is `PulseAudio` and not `PipeWire`, which calls itself `PulseAudio (on PipeWire 1.0.0)`.
#[cfg(target_os = "linux")]
fn is_pulseaudio_itself() -> bool {
    pulseaudio::Client::from_env(c"dictoscope")
        .and_then(|client| pollster::block_on(client.server_info()))
        .is_ok_and(|info| info.server_name.is_some_and(|name| name.as_c_str() == c"pulseaudio"))
}

#[cfg(not(target_os = "linux"))]
fn is_pulseaudio_itself() -> bool {
    false
}
