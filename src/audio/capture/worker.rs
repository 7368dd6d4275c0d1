//! What the capture thread does at each step, apart from its loop: no sleeping, and the time comes from outside.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;

use super::{
    CaptureConfig, CaptureEvent, CaptureStats, LevelReader, OpenStream, StreamSource,
    outlet::{Outlet, StreamName},
    running::{Gap, Running},
    source::{Opening, dispose},
    timeline::Timeline,
};
use crate::{
    audio::{AudioBlock, AudioError},
    units::SAMPLE_RATE_HZ,
};

/// Time between two attempts to reopen a lost device.
const REOPEN_EVERY: Duration = Duration::from_millis(300);
/// A restarting sound server gets this long before another audio system is tried: that one might take its device.
const SAME_HOST_FOR: Duration = Duration::from_secs(5);

/// A device may begin with as many samples at 16 kHz that are exactly 0 and are no audio: a Bluetooth headset takes 0.7 s
/// until it is there. Beyond that they are a microphone that is switched off, and pass.
const MOST_LEADING_ZEROS: u64 = SAMPLE_RATE_HZ as u64;

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
    /// Dictations that were begun.
    begun: u64,
    /// A sample was other than 0, or there were too many.
    began: bool,
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

/// What the owner of the capture wants.
#[derive(Debug)]
pub(crate) enum Order {
    /// A dictation begins, whose blocks go there.
    Begin(rtrb::Producer<AudioBlock>),
    /// It ends, a tail later.
    End,
    /// It ends at once.
    GiveUp,
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
            begun: 0,
            began: false,
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
        if self.outlet.gate.is_abandoned() {
            self.outlet.gate.close();
        }
        // Asked once a dictation had begun: before, the device is being opened for one.
        if self.begun > 0 && !self.config.keep_open && !self.outlet.gate.is_open() {
            self.close();
        }
        self.publish();
        self.outlet.flush();
        Step { news: mem::take(&mut self.outlet.news), ended: matches!(self.state, State::Ended) }
    }

    /// Begins a dictation, ends one or gives one up, with all that was recorded up to now.
    pub(crate) fn obey(&mut self, order: Order) {
        self.state = match mem::replace(&mut self.state, State::Ended) {
            State::Running(mut running) => {
                self.transfer(&mut running);
                State::Running(running)
            }
            state => state,
        };
        let now = self.timeline.position();
        match order {
            Order::Begin(blocks) => {
                self.begun += 1;
                self.outlet.begin(blocks, now, !matches!(self.state, State::Away { .. }));
            }
            Order::End => self.outlet.gate.end(now),
            Order::GiveUp => self.outlet.gate.close(),
        }
    }

    /// Dictations that get no blocks any more.
    pub(crate) fn ended(&self) -> u64 {
        self.begun - u64::from(self.outlet.gate.is_open())
    }

    /// Whether a stream only runs for dictations to come.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Running(_)) && !self.outlet.gate.is_open()
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
        self.outlet.deliver_from(StreamName {
            device: running.device().to_owned(),
            host: running.host().to_owned(),
            rate_hz: running.rate_hz(),
            channels: running.channels(),
        });
    }

    /// Everything in the ring, resampled and cut into blocks.
    fn transfer(&mut self, running: &mut Running) {
        self.resampled.clear();
        running.read(&mut self.resampled);
        if !self.began {
            self.skip_zeros();
        }
        let outlet = &mut self.outlet;
        self.timeline.push(&self.resampled, |block| outlet.block(block));
    }

    /// Leaves out what was exactly 0 before the first sample that is not.
    fn skip_zeros(&mut self) {
        let room = (MOST_LEADING_ZEROS - self.outlet.skipped_samples) as usize;
        let zeros = self.resampled.iter().take(room).take_while(|sample| **sample == 0.0).count();
        self.began = zeros < self.resampled.len() || zeros == room;
        self.outlet.skipped_samples += zeros as u64;
        self.resampled.drain(..zeros);
        if self.began && self.outlet.skipped_samples > 0 {
            let secs = self.outlet.skipped_samples as f64 / f64::from(SAMPLE_RATE_HZ);
            log::info!("the microphone began with {secs:.2} s of exact zeros, which were left out");
        }
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
        self.end_stream(running);
        self.outlet.lose(reason);
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
        stats.skipped_samples = self.outlet.skipped_samples;
        self.level.set_stats(&stats);
    }
}
