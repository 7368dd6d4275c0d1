//! The only code on the audio thread: downmix, write, count. Wait-free; nothing here can fail.

use std::{sync::Arc, time::Duration};

use cpal::{ErrorKind, FromSample, InputCallbackInfo, Sample, SizedSample};

use crate::audio::rt::{RtContext, RtCounters, RtTally, StreamFault, enter_rt};

/// Seconds of audio at device rate between the callback and the capture thread.
pub const RING_SECS: u32 = 2;

/// Absolute sample from which on a converter counts as clipped: the largest positive 16-bit value.
pub const CLIP_LEVEL: f32 = 32_767.0 / 32_768.0;

/// Some systems call the error callback in a tight loop once the device is gone (ALSA's Pulse plugin: 200,000 times a
/// second); sleeping there keeps a core free until the stream is dropped.
const FAULT_PAUSE: Duration = Duration::from_millis(50);

/// How the channels of a frame become one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downmix {
    /// The mean of all channels.
    Mean,
    /// One channel, counted from 0.
    Channel(u16),
}

/// The audio thread's end of the ring.
#[derive(Debug)]
pub struct InputWriter {
    ring: rtrb::Producer<f32>,
    counters: Arc<RtCounters>,
    channels: usize,
    /// First channel used and how many.
    used: (usize, usize),
}

/// The capture thread's end of the ring.
#[derive(Debug)]
pub struct InputReader {
    /// Mono samples at device rate.
    pub ring: rtrb::Consumer<f32>,
    /// What the audio thread counted.
    pub counters: Arc<RtCounters>,
}

/// Both ends of a ring of [`RING_SECS`] at `rate_hz`. A channel beyond the last is taken as the last.
pub fn input_ring(rate_hz: u32, channels: u16, downmix: Downmix) -> (InputWriter, InputReader) {
    ring_of((rate_hz * RING_SECS) as usize, channels, downmix)
}

/// Both ends of a ring of `frames`: for tests that fill it.
pub fn ring_of(frames: usize, channels: u16, downmix: Downmix) -> (InputWriter, InputReader) {
    let (mut ring, reader) = rtrb::RingBuffer::new(frames);
    let channels = usize::from(channels.max(1));
    let used = match downmix {
        Downmix::Mean => (0, channels),
        Downmix::Channel(channel) => (usize::from(channel).min(channels - 1), 1),
    };
    // Touch every page now: a page fault on the audio thread is a system call. Nothing is committed.
    if let Ok(chunk) = ring.write_chunk(frames) {
        drop(chunk);
    }
    let counters = Arc::new(RtCounters::default());
    let writer = InputWriter { ring, counters: Arc::clone(&counters), channels, used };
    (writer, InputReader { ring: reader, counters })
}

impl InputWriter {
    /// Writes interleaved frames as mono; what does not fit is counted, never waited for.
    pub fn write<T>(&mut self, rt: &RtContext, data: &[T])
    where
        T: Sample,
        f32: FromSample<T>,
    {
        let (first, used) = self.used;
        let frames = data.len() / self.channels;
        let fitting = self.ring.slots().min(frames);
        let mut tally = RtTally { received: frames as u64, overrun: (frames - fitting) as u64, ..RtTally::default() };
        if let Ok(chunk) = self.ring.write_chunk_uninit(fitting) {
            let scale = 1.0 / used as f32;
            chunk.fill_from_iter(data.chunks_exact(self.channels).take(fitting).map(|frame| {
                let mut sum = 0.0;
                let mut clipped = 0;
                for sample in frame.iter().skip(first).take(used) {
                    let sample = f32::from_sample_(*sample);
                    if sample.is_finite() {
                        sum += sample;
                        clipped |= u64::from(sample.abs() >= CLIP_LEVEL);
                    } else {
                        tally.non_finite += 1;
                    }
                }
                tally.clipped += clipped;
                sum * scale
            }));
        }
        self.counters.add(rt, tally);
    }
}

/// The closure that the audio system calls with samples of type `T`.
pub fn data_callback<T>(mut writer: InputWriter) -> impl FnMut(&[T], &InputCallbackInfo) + Send + 'static
where
    T: SizedSample,
    f32: FromSample<T>,
{
    move |data, _| enter_rt(|rt| writer.write(rt, data))
}

/// The closure that the audio system calls with errors: it only sets atomics, as it may share the audio thread.
pub fn error_callback(counters: Arc<RtCounters>) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| {
        let fault = match error.kind() {
            ErrorKind::Xrun => return counters.add_xrun(),
            // The stream goes on in both cases.
            ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => return,
            ErrorKind::DeviceNotAvailable => StreamFault::DeviceGone,
            ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable => StreamFault::ServerGone,
            ErrorKind::DeviceBusy => StreamFault::Busy,
            _ => StreamFault::Other,
        };
        counters.set_fault(fault);
        std::thread::sleep(FAULT_PAUSE);
    }
}
