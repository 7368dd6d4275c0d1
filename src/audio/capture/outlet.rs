//! The way out of the capture thread: blocks that may not fit, events of which none is lost.

use std::collections::VecDeque;

use crossbeam_channel::{Sender, TrySendError};

use super::gate::{Gate, Passed};

use crate::{
    audio::{AudioBlock, AudioError},
    units::SampleIdx,
};

/// What happened to the device or the samples. Every one counts.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureEvent {
    /// The first samples of a dictation arrived.
    Started {
        /// Name of the device.
        device: String,
        /// Audio system that delivers it.
        host: String,
        /// Rate of the device.
        rate_hz: u32,
        /// Channels of the device.
        channels: u16,
        /// 16 kHz samples at the device's beginning that were exactly 0 and were left out: a Bluetooth headset that is not
        /// there yet.
        skipped_samples: u64,
    },
    /// 16 kHz samples were lost before this position.
    Lost {
        /// Position of the first sample after the loss.
        at: SampleIdx,
        /// How many.
        samples: u64,
    },
    /// The device is gone; it is being reopened.
    DeviceLost {
        /// What happened.
        reason: String,
    },
    /// Samples arrive again.
    DeviceBack {
        /// Name of the device.
        device: String,
    },
    /// Capture ended for good.
    Failed {
        /// Why, and what to do.
        error: AudioError,
    },
}

/// A stream as [`CaptureEvent::Started`] tells it.
#[derive(Clone, Debug)]
pub(crate) struct StreamName {
    pub(crate) device: String,
    pub(crate) host: String,
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
}

/// Owned by the capture thread.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) gate: Gate,
    events: Sender<CaptureEvent>,
    /// The stream that delivers, or did.
    stream: Option<StreamName>,
    /// The dictation had no samples yet.
    unannounced: bool,
    /// `DeviceLost` was sent and `DeviceBack` was not.
    away: bool,
    /// Leading zeros that were left out.
    pub(crate) skipped_samples: u64,
    /// Events the channel had no room for, in order; neighbouring losses are merged, so it stays short.
    backlog: VecDeque<CaptureEvent>,
    /// Samples of blocks that found no room, not yet reported.
    unreported: u64,
    pub(crate) delivered_samples: u64,
    pub(crate) lost_samples: u64,
    /// Something went out since this was last cleared.
    pub(crate) news: bool,
}

impl Outlet {
    pub(crate) fn new(gate: Gate, events: Sender<CaptureEvent>) -> Self {
        Self {
            gate,
            events,
            stream: None,
            unannounced: false,
            away: false,
            skipped_samples: 0,
            backlog: VecDeque::new(),
            unreported: 0,
            delivered_samples: 0,
            lost_samples: 0,
            news: false,
        }
    }

    /// A dictation begins at position `now`; `stream_is_there`: samples come, or may.
    pub(crate) fn begin(&mut self, blocks: rtrb::Producer<AudioBlock>, now: SampleIdx, stream_is_there: bool) {
        (self.unannounced, self.away) = (true, false);
        let kept = self.gate.begin(blocks, now);
        for block in &kept {
            self.block(block);
        }
        if !stream_is_there {
            self.lose("it was lost while nothing was dictated".to_owned());
        }
    }

    /// The device is gone. It is told once, and only to a dictation.
    pub(crate) fn lose(&mut self, reason: String) {
        self.gate.forget();
        if self.gate.is_ending() {
            // Its tail will never come.
            self.gate.close();
            self.news = true;
        } else if self.gate.is_open() && !std::mem::replace(&mut self.away, true) {
            self.event(CaptureEvent::DeviceLost { reason });
        }
    }

    /// The first samples of a stream.
    pub(crate) fn deliver_from(&mut self, stream: StreamName) {
        if std::mem::take(&mut self.away) && self.gate.is_open() && !self.unannounced {
            self.event(CaptureEvent::DeviceBack { device: stream.device.clone() });
        }
        self.stream = Some(stream);
    }

    /// Hands a block on; a full ring drops it and counts it.
    pub(crate) fn block(&mut self, block: &AudioBlock) {
        match self.gate.pass(block) {
            Passed::Kept => {}
            Passed::On(samples) => {
                self.delivered_samples += samples;
                self.news = true;
                self.announce();
                self.report_dropped(block.start);
            }
            Passed::Lost(samples) => {
                self.unreported += samples;
                self.lost_samples += samples;
            }
        }
    }

    /// With the first samples of a dictation, not before.
    fn announce(&mut self) {
        let Some(StreamName { device, host, rate_hz, channels }) = self.stream.clone() else { return };
        if std::mem::take(&mut self.unannounced) {
            let skipped_samples = self.skipped_samples;
            self.event(CaptureEvent::Started { device, host, rate_hz, channels, skipped_samples });
        }
    }

    /// Reports blocks that found no room; what follows them starts at `at`.
    pub(crate) fn report_dropped(&mut self, at: SampleIdx) {
        if self.unreported > 0 {
            let samples = std::mem::take(&mut self.unreported);
            self.event(CaptureEvent::Lost { at, samples });
        }
    }

    /// Counts and reports samples that never came; between dictations they are nobody's.
    pub(crate) fn lost(&mut self, at: SampleIdx, samples: u64) {
        if samples > 0 && self.gate.is_open() {
            self.lost_samples += samples;
            self.event(CaptureEvent::Lost { at, samples });
        }
    }

    pub(crate) fn event(&mut self, event: CaptureEvent) {
        self.news = true;
        match (self.backlog.back_mut(), event) {
            (Some(CaptureEvent::Lost { at, samples }), CaptureEvent::Lost { at: new_at, samples: more }) => {
                (*at, *samples) = (new_at, *samples + more);
            }
            (_, event) => self.backlog.push_back(event),
        }
        self.flush();
    }

    /// Sends what the channel has room for; never blocks.
    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return self.backlog.push_front(event),
                Err(TrySendError::Disconnected(_)) => return self.backlog.clear(),
            }
        }
    }
}
