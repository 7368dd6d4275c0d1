//! The law of the audio thread: a witness for what runs there, and the counters it may touch.

use std::{
    marker::PhantomData,
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
};

/// Proof that the caller runs inside the audio callback. Costs nothing, cannot be sent, shared or kept.
///
/// What takes it must not allocate, lock, log, read a clock, block or panic.
#[derive(Debug)]
pub struct RtContext(PhantomData<*const ()>);

/// Runs `f` as audio-thread code.
pub fn enter_rt<R>(f: impl FnOnce(&RtContext) -> R) -> R {
    f(&RtContext(PhantomData))
}

/// Why a stream ended, as the error callback saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StreamFault {
    /// The device was unplugged or removed.
    DeviceGone = 1,
    /// The sound server ended or dropped the stream.
    ServerGone = 2,
    /// Another program took the device.
    Busy = 3,
    /// Anything else the audio system reports.
    Other = 4,
}

impl StreamFault {
    /// What a person reads.
    pub fn describe(self) -> &'static str {
        match self {
            Self::DeviceGone => "the input device was unplugged or removed",
            Self::ServerGone => "the sound server ended the connection",
            Self::Busy => "another program took the input device",
            Self::Other => "the audio system reported an error",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::DeviceGone, Self::ServerGone, Self::Busy, Self::Other].into_iter().find(|fault| *fault as u8 == code)
    }
}

/// Written by the audio thread, read by the capture thread. One set per opened stream; frames are at device rate.
#[derive(Debug, Default)]
pub struct RtCounters {
    callbacks: AtomicU64,
    received_frames: AtomicU64,
    overrun_frames: AtomicU64,
    non_finite_samples: AtomicU64,
    clipped_frames: AtomicU64,
    xruns: AtomicU64,
    fault: AtomicU8,
}

/// What one callback adds to the counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RtTally {
    pub(crate) received: u64,
    pub(crate) overrun: u64,
    pub(crate) non_finite: u64,
    pub(crate) clipped: u64,
}

impl RtCounters {
    /// Calls of the data callback.
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Acquire)
    }

    /// Frames the device delivered, whether they fitted the ring or not.
    pub fn received_frames(&self) -> u64 {
        self.received_frames.load(Ordering::Acquire)
    }

    /// Frames that did not fit the ring.
    pub fn overrun_frames(&self) -> u64 {
        self.overrun_frames.load(Ordering::Acquire)
    }

    /// NaN and infinite samples, replaced by 0.
    pub fn non_finite_samples(&self) -> u64 {
        self.non_finite_samples.load(Ordering::Relaxed)
    }

    /// Frames with a sample at full scale in any channel that is used.
    pub fn clipped_frames(&self) -> u64 {
        self.clipped_frames.load(Ordering::Relaxed)
    }

    /// Buffer overruns the audio system reported; how much they cost is not known.
    pub fn xruns(&self) -> u64 {
        self.xruns.load(Ordering::Relaxed)
    }

    /// Why the stream ended, if it did.
    pub fn fault(&self) -> Option<StreamFault> {
        StreamFault::from_code(self.fault.load(Ordering::Acquire))
    }

    pub(crate) fn add(&self, _: &RtContext, tally: RtTally) {
        self.non_finite_samples.fetch_add(tally.non_finite, Ordering::Relaxed);
        self.clipped_frames.fetch_add(tally.clipped, Ordering::Relaxed);
        self.overrun_frames.fetch_add(tally.overrun, Ordering::Release);
        self.received_frames.fetch_add(tally.received, Ordering::Release);
        // Last: a reader that sees the callback sees what it brought.
        self.callbacks.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn add_xrun(&self) {
        self.xruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_fault(&self, fault: StreamFault) {
        self.fault.store(fault as u8, Ordering::Release);
    }
}
