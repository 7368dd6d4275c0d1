//! One opened stream as the capture thread sees it: its ring, filter, meter and watchdogs.

use std::time::{Duration, Instant};

use super::{CaptureStats, OpenStream, shortfall::Shortfall};
use crate::audio::{AudioError, meter::Meter, resample::Resampler};

/// No callback for this long: the stream is dead, whatever its error callback says (ALSA's Pulse plugin says nothing).
const SILENT_LIMIT: Duration = Duration::from_millis(2500);
/// The first callback may take longer: an idle null sink needs 2 s, a Bluetooth headset changes its profile.
const FIRST_LIMIT: Duration = Duration::from_secs(5);

/// Audio that is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gap {
    pub(crate) secs: f64,
    pub(crate) reason: &'static str,
}

/// What a look at the counters showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// There were callbacks since the last look.
    pub(crate) any: bool,
    /// They were the first of this stream.
    pub(crate) first: Option<First>,
}

/// The first samples of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    /// When the first of them was recorded, as far as their number tells.
    pub(crate) began: Instant,
}

/// State of one stream.
#[derive(Debug)]
pub(crate) struct Running {
    open: OpenStream,
    /// Taken when the stream is dropped.
    alive: bool,
    resampler: Resampler,
    meter: Meter,
    shortfall: Shortfall,
    opened: Instant,
    /// When callbacks were last seen.
    last_callback: Option<Instant>,
    callbacks_seen: u64,
    overrun_seen: u64,
    /// Overrun frames of which the ring's content is known to lie before.
    overrun_due: u64,
    /// Samples of the ring; as long as the ring, so that reading never allocates.
    scratch: Vec<f32>,
}

impl Running {
    pub(crate) fn new(open: OpenStream, now: Instant) -> Result<Self, AudioError> {
        let scratch = Vec::with_capacity(open.reader.ring.buffer().capacity());
        Ok(Self {
            alive: true,
            resampler: Resampler::new(open.rate_hz)?,
            meter: Meter::new(open.rate_hz),
            shortfall: Shortfall::new(open.rate_hz, now),
            opened: now,
            last_callback: None,
            callbacks_seen: 0,
            overrun_seen: 0,
            overrun_due: 0,
            scratch,
            open,
        })
    }

    pub(crate) fn device(&self) -> &str {
        &self.open.device
    }

    pub(crate) fn host(&self) -> &str {
        &self.open.host
    }

    pub(crate) fn rate_hz(&self) -> u32 {
        self.open.rate_hz
    }

    pub(crate) fn channels(&self) -> u16 {
        self.open.channels
    }

    pub(crate) fn callbacks(&self) -> u64 {
        self.open.reader.counters.callbacks()
    }

    pub(crate) fn peak(&self) -> f32 {
        self.meter.peak()
    }

    pub(crate) fn rms(&self) -> f32 {
        self.meter.rms()
    }

    /// When the newest sample was recorded.
    pub(crate) fn last_sample(&self) -> Option<Instant> {
        self.last_callback
    }

    /// The device's stream, once.
    pub(crate) fn take_stream(&mut self) -> Option<Box<dyn Send>> {
        std::mem::replace(&mut self.alive, false).then(|| std::mem::replace(&mut self.open.stream, Box::new(())))
    }

    /// Looks for callbacks.
    pub(crate) fn look(&mut self, now: Instant) -> Arrived {
        let callbacks = self.callbacks();
        if callbacks == self.callbacks_seen {
            return Arrived { any: false, first: None };
        }
        let first = (self.callbacks_seen == 0).then(|| {
            let secs = self.open.reader.counters.received_frames() as f64 / f64::from(self.open.rate_hz);
            First { began: now.checked_sub(Duration::from_secs_f64(secs)).unwrap_or(now) }
        });
        self.callbacks_seen = callbacks;
        self.last_callback = Some(now);
        Arrived { any: true, first }
    }

    /// Takes all that is in the ring and appends it to `out` at 16 kHz.
    pub(crate) fn read(&mut self, out: &mut Vec<f32>) {
        // The callback drops frames only while the ring is full, and only this thread makes room. So whatever was
        // dropped by now was dropped after all that is in the ring by now.
        self.overrun_due = self.open.reader.counters.overrun_frames();
        let ring = &mut self.open.reader.ring;
        self.scratch.clear();
        if let Ok(chunk) = ring.read_chunk(ring.slots()) {
            let (first, second) = chunk.as_slices();
            self.scratch.extend_from_slice(first);
            self.scratch.extend_from_slice(second);
            chunk.commit_all();
        }
        self.meter.push(&self.scratch);
        self.resampler.push(&self.scratch, out);
    }

    /// Audio missing after what was read.
    pub(crate) fn gap(&mut self, now: Instant, arrived: bool) -> Option<Gap> {
        let overrun = self.overrun_due - self.overrun_seen;
        self.overrun_seen = self.overrun_due;
        let silent =
            if arrived { self.shortfall.observe(now, self.open.reader.counters.received_frames()) } else { None };
        if overrun > 0 {
            let secs = overrun as f64 / f64::from(self.open.rate_hz);
            return Some(Gap { secs: secs + silent.unwrap_or(0.0), reason: "the capture thread was held up" });
        }
        silent.map(|secs| Gap { secs, reason: "the audio system delivered less than time passed" })
    }

    /// Empties the filter: what follows does not belong to what came before.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) {
        self.resampler.finish(out);
    }

    /// Why the stream is dead, if it is.
    pub(crate) fn trouble(&self, now: Instant) -> Option<String> {
        if let Some(fault) = self.open.reader.counters.fault() {
            return Some(fault.describe().to_owned());
        }
        let (since, limit) = match self.last_callback {
            Some(last) => (last, SILENT_LIMIT),
            None => (self.opened, FIRST_LIMIT),
        };
        (now.saturating_duration_since(since) > limit).then(|| format!("no samples for {:.1} s", limit.as_secs_f64()))
    }

    /// Adds this stream's counts.
    pub(crate) fn add_counts(&self, stats: &mut CaptureStats) {
        let counters = &self.open.reader.counters;
        stats.callbacks += counters.callbacks();
        stats.received_frames += counters.received_frames();
        stats.overrun_frames += counters.overrun_frames();
        stats.clipped_frames += counters.clipped_frames();
        stats.non_finite_samples += counters.non_finite_samples();
        stats.xruns += counters.xruns();
    }
}
