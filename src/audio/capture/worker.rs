//! What the capture thread does at each step, apart from its loop: no sleeping, and the time comes from outside.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;

use super::{
    CaptureConfig, CaptureEvent, CaptureStats, LevelReader, OpenStream, StreamSource,
    outlet::Outlet,
    running::{Gap, Running},
    source::{Opening, dispose},
    timeline::Timeline,
};
use crate::{audio::AudioError, units::SAMPLE_RATE_HZ};

/// Time between two attempts to reopen a lost device.
const REOPEN_EVERY: Duration = Duration::from_millis(300);
/// A restarting sound server gets this long before another audio system is tried: that one might take its device.
const SAME_HOST_FOR: Duration = Duration::from_secs(5);

/// Answer to the one who started the capture: whether the device opened.
pub(crate) type FirstOpen = Sender<Result<(), AudioError>>;

/// State of the capture thread.
#[derive(Debug)]
pub(crate) struct Worker<S> {
    source: Arc<S>,
    config: CaptureConfig,
    state: State,
    timeline: Timeline,
    outlet: Outlet,
    level: LevelReader,
    /// Counts of the streams before the present one.
    past: CaptureStats,
    /// Taken by the first outcome.
    first_open: Option<FirstOpen>,
    /// `Started` was sent.
    started: bool,
    /// `DeviceLost` was sent and `DeviceBack` was not.
    away: bool,
    /// When the last sample came from a stream that is gone.
    last_sample: Option<Instant>,
    /// When the stream was lost.
    lost_at: Option<Instant>,
    /// Audio system of the last stream.
    host: Option<String>,
    /// 16 kHz samples on their way; kept for its memory.
    resampled: Vec<f32>,
}

#[derive(Debug)]
enum State {
    Opening(Opening),
    Running(Box<Running>),
    Away { retry_at: Instant },
    Ended,
}

/// Outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Blocks or events went out.
    pub(crate) news: bool,
    /// Nothing more will come.
    pub(crate) ended: bool,
}

impl<S: StreamSource> Worker<S> {
    pub(crate) fn new(
        source: Arc<S>,
        config: CaptureConfig,
        outlet: Outlet,
        level: LevelReader,
        first_open: FirstOpen,
        now: Instant,
    ) -> Result<Self, AudioError> {
        let opening = Opening::begin(&source, &config, None, now)?;
        Ok(Self {
            source,
            config,
            state: State::Opening(opening),
            timeline: Timeline::new(),
            outlet,
            level,
            past: CaptureStats::default(),
            first_open: Some(first_open),
            started: false,
            away: false,
            last_sample: None,
            lost_at: None,
            host: None,
            resampled: Vec::with_capacity(SAMPLE_RATE_HZ as usize / 10),
        })
    }

    /// One look at everything; never blocks for longer than dropping a dead stream takes.
    pub(crate) fn step(&mut self, now: Instant) -> Step {
        self.state = match mem::replace(&mut self.state, State::Ended) {
            State::Opening(opening) => match opening.poll(now) {
                None => State::Opening(opening),
                Some(Ok(stream)) => self.opened(stream, now),
                Some(Err(error)) => self.not_opened(error, now),
            },
            State::Running(running) => self.run(running, now),
            State::Away { retry_at } if now >= retry_at => self.reopen(now),
            state => state,
        };
        if self.outlet.is_abandoned() {
            self.close();
        }
        self.publish();
        self.outlet.flush();
        Step { news: mem::take(&mut self.outlet.news), ended: matches!(self.state, State::Ended) }
    }

    /// Callbacks of the running stream, if there is one: a stop waits for one more, with the end of the last word.
    pub(crate) fn callbacks(&self) -> Option<u64> {
        match &self.state {
            State::Running(running) => Some(running.callbacks()),
            _ => None,
        }
    }

    /// Ends the stream and hands on all it had delivered, the last block short.
    pub(crate) fn finish(&mut self) {
        self.close();
        let outlet = &mut self.outlet;
        self.timeline.finish(|block| outlet.block(block));
        outlet.report_dropped(self.timeline.position());
        outlet.flush();
        self.level.set_level(0.0, 0.0);
        self.publish();
    }

    fn opened(&mut self, stream: OpenStream, now: Instant) -> State {
        let host = stream.host.clone();
        match Running::new(stream, now) {
            Ok(running) => {
                self.host = Some(host);
                if let Some(first_open) = self.first_open.take() {
                    // Whoever started this may have given up waiting.
                    drop(first_open.try_send(Ok(())));
                }
                State::Running(Box::new(running))
            }
            Err(error) => self.not_opened(error, now),
        }
    }

    fn not_opened(&mut self, error: AudioError, now: Instant) -> State {
        if let Some(first_open) = self.first_open.take() {
            drop(first_open.try_send(Err(error)));
            return State::Ended;
        }
        let hopeless = matches!(
            error,
            AudioError::PermissionDenied { .. }
                | AudioError::DeviceFormat { .. }
                | AudioError::NoSuchChannel { .. }
                | AudioError::UnsupportedRate { .. }
                | AudioError::Thread { .. }
        );
        if hopeless {
            self.outlet.event(CaptureEvent::Failed { error });
            return State::Ended;
        }
        log::debug!("reopening the input device: {error}");
        State::Away { retry_at: now + REOPEN_EVERY }
    }

    fn reopen(&mut self, now: Instant) -> State {
        let fresh = self.lost_at.is_some_and(|lost_at| now.saturating_duration_since(lost_at) < SAME_HOST_FOR);
        let same_host = if fresh { self.host.clone() } else { None };
        match Opening::begin(&self.source, &self.config, same_host, now) {
            Ok(opening) => State::Opening(opening),
            Err(error) => self.not_opened(error, now),
        }
    }

    fn run(&mut self, mut running: Box<Running>, now: Instant) -> State {
        let arrived = running.look(now);
        if let Some(first) = arrived.first {
            self.announce(&running, first.began);
        }
        self.transfer(&mut running);
        if let Some(gap) = running.gap(now, arrived.any) {
            self.skip(&mut running, gap);
        }
        match running.trouble(now) {
            None => State::Running(running),
            Some(reason) => self.lose(*running, reason, now),
        }
    }

    /// The first samples of a stream, which began at this time.
    fn announce(&mut self, running: &Running, began: Instant) {
        if let Some(last_sample) = self.last_sample.take() {
            let lost = began.saturating_duration_since(last_sample).as_secs_f64() * f64::from(SAMPLE_RATE_HZ);
            let outlet = &mut self.outlet;
            self.timeline.skip(lost, |block| outlet.block(block));
            outlet.lost(self.timeline.position(), lost.round() as u64);
        }
        let device = running.device().to_owned();
        self.outlet.event(if self.started {
            CaptureEvent::DeviceBack { device }
        } else {
            CaptureEvent::Started {
                device,
                host: running.host().to_owned(),
                rate_hz: running.rate_hz(),
                channels: running.channels(),
            }
        });
        (self.started, self.away) = (true, false);
    }

    /// Everything in the ring, resampled and cut into blocks.
    fn transfer(&mut self, running: &mut Running) {
        self.resampled.clear();
        running.read(&mut self.resampled);
        let outlet = &mut self.outlet;
        self.timeline.push(&self.resampled, |block| outlet.block(block));
    }

    /// Samples are missing after what was transferred.
    fn skip(&mut self, running: &mut Running, gap: Gap) {
        log::error!("{:.3} s of audio lost: {}", gap.secs, gap.reason);
        self.drain_resampler(running);
        let lost = gap.secs * f64::from(SAMPLE_RATE_HZ);
        let outlet = &mut self.outlet;
        self.timeline.skip(lost, |block| outlet.block(block));
        outlet.lost(self.timeline.position(), lost.round() as u64);
    }

    fn drain_resampler(&mut self, running: &mut Running) {
        self.resampled.clear();
        running.finish(&mut self.resampled);
        let outlet = &mut self.outlet;
        self.timeline.push(&self.resampled, |block| outlet.block(block));
    }

    /// The stream is dead: hand on what it brought, drop it, try to reopen at once.
    fn lose(&mut self, running: Running, reason: String, now: Instant) -> State {
        log::warn!("{}: {reason}", running.device());
        self.last_sample = running.last_sample().or(self.last_sample);
        self.lost_at = Some(now);
        self.past.device_losses += 1;
        if !mem::replace(&mut self.away, true) {
            self.outlet.event(CaptureEvent::DeviceLost { reason });
        }
        self.end_stream(running);
        // The words before the gap do not wait for the device: the block at hand goes out now.
        let outlet = &mut self.outlet;
        self.timeline.skip(0.0, |block| outlet.block(block));
        self.level.set_level(0.0, 0.0);
        State::Away { retry_at: now }
    }

    fn close(&mut self) {
        if let State::Running(running) = mem::replace(&mut self.state, State::Ended) {
            self.end_stream(*running);
        }
    }

    /// Stops the callbacks, then takes what they left in the ring and in the filter.
    fn end_stream(&mut self, mut running: Running) {
        if !running.take_stream().is_none_or(dispose) {
            log::warn!("{}: the stream does not close; it is left behind", running.device());
        }
        self.transfer(&mut running);
        self.drain_resampler(&mut running);
        running.add_counts(&mut self.past);
    }

    fn publish(&mut self) {
        let mut stats = self.past;
        if let State::Running(running) = &self.state {
            running.add_counts(&mut stats);
            self.level.set_level(running.peak(), running.rms());
        }
        stats.delivered_samples = self.outlet.delivered_samples;
        stats.lost_samples = self.outlet.lost_samples;
        self.level.set_stats(&stats);
    }
}
