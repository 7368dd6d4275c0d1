//! The way out of the capture thread: blocks that may not fit, events of which none is lost.

use std::collections::VecDeque;

use crossbeam_channel::{Sender, TrySendError};

use crate::{
    audio::{AudioBlock, AudioError},
    units::SampleIdx,
};

/// What happened to the device or the samples. Every one counts.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureEvent {
    /// The first samples arrived.
    Started {
        /// Name of the device.
        device: String,
        /// Audio system that delivers it.
        host: String,
        /// Rate of the device.
        rate_hz: u32,
        /// Channels of the device.
        channels: u16,
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

/// Owned by the capture thread.
#[derive(Debug)]
pub(crate) struct Outlet {
    blocks: rtrb::Producer<AudioBlock>,
    events: Sender<CaptureEvent>,
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
    pub(crate) fn new(blocks: rtrb::Producer<AudioBlock>, events: Sender<CaptureEvent>) -> Self {
        Self {
            blocks,
            events,
            backlog: VecDeque::new(),
            unreported: 0,
            delivered_samples: 0,
            lost_samples: 0,
            news: false,
        }
    }

    /// Hands a block on; a full ring drops it and counts it.
    pub(crate) fn block(&mut self, block: &AudioBlock) {
        let samples = block.samples().len() as u64;
        if self.blocks.push(*block).is_ok() {
            self.delivered_samples += samples;
            self.news = true;
            self.report_dropped(block.start);
        } else {
            self.unreported += samples;
            self.lost_samples += samples;
        }
    }

    /// Reports blocks that found no room; what follows them starts at `at`.
    pub(crate) fn report_dropped(&mut self, at: SampleIdx) {
        if self.unreported > 0 {
            let samples = std::mem::take(&mut self.unreported);
            self.event(CaptureEvent::Lost { at, samples });
        }
    }

    /// Counts and reports samples that never came.
    pub(crate) fn lost(&mut self, at: SampleIdx, samples: u64) {
        if samples > 0 {
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

    /// Whether nobody takes blocks any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.blocks.is_abandoned()
    }
}
