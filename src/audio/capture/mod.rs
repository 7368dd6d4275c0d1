//! The capture thread: owns the device's stream, resamples, meters, brings a lost device back; blocks out.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::{
    audio::{AudioBlock, AudioError, Microphone},
    units::{SAMPLE_RATE_HZ, SAMPLES_PER_MEL},
};

mod level;
mod outlet;
mod running;
mod shortfall;
mod source;
mod timeline;
mod worker;

#[cfg(test)]
mod tests;

pub use level::{CaptureStats, Level, LevelReader};
pub use outlet::CaptureEvent;
pub use source::{CaptureConfig, OpenStream, StreamSource};

use outlet::Outlet;
use worker::Worker;

/// Seconds of 16 kHz audio that wait for a slow engine, or one that is being loaded.
const QUEUE_SECS: usize = 120;
/// The thread looks at its ring this often; a callback brings 10 to 100 ms.
const TICK: Duration = Duration::from_millis(10);
/// A stop waits this long for the callback with the end of the last word.
const LAST_CALLBACK_LIMIT: Duration = Duration::from_millis(200);
/// A stop gives up after this; the thread then ends by itself when the sound server answers.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// Events that may wait; more are kept on the capture thread.
const EVENTS: usize = 64;

/// A running capture. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Capture {
    /// Closing it asks the thread to stop.
    stop: Sender<()>,
    thread: JoinHandle<()>,
    /// Closes when the thread is done.
    done: Receiver<()>,
    events: Receiver<CaptureEvent>,
    level: LevelReader,
}

impl Capture {
    /// Opens a microphone and captures from it. Returns once it is open (at most about 10 s); the first samples follow
    /// with [`CaptureEvent::Started`]. Blocks are counted from position 0; the consumer is abandoned when all is said.
    ///
    /// `wake` is called on the capture thread, at most every 10 ms, when blocks or events are there.
    pub fn start(
        config: CaptureConfig,
        wake: impl Fn() + Send + 'static,
    ) -> Result<(Self, rtrb::Consumer<AudioBlock>), AudioError> {
        Self::start_from(Microphone, config, wake)
    }

    /// The same from any source of streams.
    pub fn start_from(
        source: impl StreamSource,
        config: CaptureConfig,
        wake: impl Fn() + Send + 'static,
    ) -> Result<(Self, rtrb::Consumer<AudioBlock>), AudioError> {
        let (blocks, consumer) = rtrb::RingBuffer::new(QUEUE_SECS * SAMPLE_RATE_HZ as usize / SAMPLES_PER_MEL);
        let (event_sender, events) = bounded(EVENTS);
        let (first_open, opened) = bounded(1);
        let (stop, stop_asked) = bounded(0);
        let (done_sender, done) = bounded(0);
        let level = LevelReader::default();
        let outlet = Outlet::new(blocks, event_sender);
        let worker = Worker::new(Arc::new(source), config, outlet, level.clone(), first_open, Instant::now())?;
        let name = "capture";
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                capture(worker, &stop_asked, &wake);
                drop(done_sender);
            })
            .map_err(|source| AudioError::Thread { name, source })?;
        opened.recv().unwrap_or(Err(AudioError::CaptureEnded))?;
        Ok((Self { stop, thread, done, events, level }, consumer))
    }

    /// What happened; every event counts.
    pub fn events(&self) -> &Receiver<CaptureEvent> {
        &self.events
    }

    /// The newest level.
    pub fn level(&self) -> Level {
        self.level.level()
    }

    /// Level and counts for another thread.
    pub fn level_reader(&self) -> LevelReader {
        self.level.clone()
    }

    /// What was counted so far.
    pub fn stats(&self) -> CaptureStats {
        self.level.stats()
    }

    /// Stops within 2 s. All that was recorded up to now is in the ring of blocks then, the last block short, and the
    /// ring is abandoned.
    pub fn stop(self) -> CaptureStats {
        drop(self.stop);
        match self.done.recv_timeout(STOP_LIMIT) {
            Err(RecvTimeoutError::Timeout) => log::error!("the capture thread hangs in the audio system; left behind"),
            _ if self.thread.join().is_err() => log::error!("the capture thread panicked"),
            _ => {}
        }
        self.level.stats()
    }
}

/// Body of the thread "capture".
fn capture<S: StreamSource>(mut worker: Worker<S>, stop_asked: &Receiver<()>, wake: &impl Fn()) {
    while stop_asked.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let step = worker.step(Instant::now());
        if step.news {
            wake();
        }
        if step.ended {
            break;
        }
    }
    let asked = Instant::now();
    let callbacks = worker.callbacks();
    while callbacks.is_some() && worker.callbacks() == callbacks && asked.elapsed() < LAST_CALLBACK_LIMIT {
        std::thread::sleep(TICK / 2);
    }
    worker.finish();
    // The ring of blocks closes before the last call, so that it is seen closed.
    drop(worker);
    wake();
}
