//! The capture thread: owns the device's stream, resamples, meters, brings a lost device back; blocks out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::{
    audio::{AudioBlock, AudioError, Microphone},
    units::{SAMPLE_RATE_HZ, SAMPLES_PER_MEL},
};

mod gate;
mod level;
mod outlet;
mod running;
mod shortfall;
mod source;
mod timeline;
mod worker;

#[cfg(test)]
mod dictation_tests;
#[cfg(test)]
mod tests;

pub use level::{CaptureStats, Level, LevelReader};
pub use outlet::CaptureEvent;
pub use source::{CaptureConfig, OpenStream, StreamSource};

use gate::Gate;
use outlet::Outlet;
use worker::{Order, Worker};

/// Seconds of 16 kHz audio that wait for a slow engine, or one that is being loaded.
const QUEUE_SECS: usize = 120;
/// The thread looks at its ring this often; a callback brings 10 to 100 ms.
const TICK: Duration = Duration::from_millis(10);
/// The same while nothing is dictated; an order wakes it at once.
const IDLE_TICK: Duration = Duration::from_millis(50);
/// A stop waits this long for the callback with the end of the last word.
const LAST_CALLBACK_LIMIT: Duration = Duration::from_millis(200);
/// A stop gives up after this; the thread then ends by itself when the sound server answers.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// Orders that may wait; they are looked at every tick, and a person cannot give as many.
const ORDERS: usize = 16;
/// Events that may wait; more are kept on the capture thread.
const EVENTS: usize = 64;

/// A running capture. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Capture {
    /// Closing it asks the thread to stop.
    orders: Sender<Order>,
    thread: JoinHandle<()>,
    /// Closes when the thread is done.
    done: Receiver<()>,
    events: Receiver<CaptureEvent>,
    level: LevelReader,
    /// Dictations that were begun, and those of them that have ended.
    begun: AtomicU64,
    ended: Arc<AtomicU64>,
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
        let (order, blocks) = beginning();
        Ok((Self::launch(source, config, wake, Some(order))?, blocks))
    }

    /// Opens a microphone for dictations to come: nothing is handed on before [`Capture::begin`].
    pub fn open(config: CaptureConfig, wake: impl Fn() + Send + 'static) -> Result<Self, AudioError> {
        Self::open_from(Microphone, config, wake)
    }

    /// The same from any source of streams.
    pub fn open_from(
        source: impl StreamSource,
        config: CaptureConfig,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, AudioError> {
        Self::launch(source, config, wake, None)
    }

    /// `first`: an order that holds from the first sample on.
    fn launch(
        source: impl StreamSource,
        config: CaptureConfig,
        wake: impl Fn() + Send + 'static,
        first: Option<Order>,
    ) -> Result<Self, AudioError> {
        let (event_sender, events) = bounded(EVENTS);
        let (first_open, opened) = bounded(1);
        let (orders, asked) = bounded(ORDERS);
        let (done_sender, done) = bounded(0);
        let level = LevelReader::default();
        let (begun, ended) = (AtomicU64::new(u64::from(first.is_some())), Arc::<AtomicU64>::default());
        let outlet = Outlet::new(Gate::new(config.pre_roll_samples, config.tail_samples), event_sender);
        let mut worker = Worker::new(Arc::new(source), config, outlet, level.clone(), first_open, Instant::now())?;
        if let Some(first) = first {
            worker.obey(first);
        }
        let name = "capture";
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn({
                let ended = Arc::clone(&ended);
                move || {
                    capture(worker, &asked, &ended, &wake);
                    drop(done_sender);
                }
            })
            .map_err(|source| AudioError::Thread { name, source })?;
        opened.recv().unwrap_or(Err(AudioError::CaptureEnded))?;
        Ok(Self { orders, thread, done, events, level, begun, ended })
    }

    /// Begins a dictation: its blocks, from the pre-roll on, counted from position 0. One that runs ends here.
    /// [`CaptureEvent::Started`] comes with the first of them; the consumer is abandoned after the last.
    pub fn begin(&self) -> rtrb::Consumer<AudioBlock> {
        let (order, blocks) = beginning();
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.order(order);
        blocks
    }

    /// Ends the dictation a tail later.
    pub fn end(&self) {
        self.order(Order::End);
    }

    /// Ends the dictation at once.
    pub fn give_up(&self) {
        self.order(Order::GiveUp);
    }

    /// Whether a dictation gets blocks, or will.
    pub fn is_dictating(&self) -> bool {
        self.begun.load(Ordering::SeqCst) != self.ended.load(Ordering::SeqCst) && !self.thread.is_finished()
    }

    /// Whether the thread has ended, and nothing more comes of it.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// A thread that takes none has ended, which its events tell, or hangs.
    fn order(&self, order: Order) {
        if let Err(error) = self.orders.try_send(order) {
            log::warn!("the capture thread takes no order: {error}");
        }
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
        drop(self.orders);
        match self.done.recv_timeout(STOP_LIMIT) {
            Err(RecvTimeoutError::Timeout) => log::error!("the capture thread hangs in the audio system; left behind"),
            _ if self.thread.join().is_err() => log::error!("the capture thread panicked"),
            _ => {}
        }
        self.level.stats()
    }
}

/// An order to begin, and what its blocks come out of.
fn beginning() -> (Order, rtrb::Consumer<AudioBlock>) {
    let (blocks, consumer) = rtrb::RingBuffer::new(QUEUE_SECS * SAMPLE_RATE_HZ as usize / SAMPLES_PER_MEL);
    (Order::Begin(blocks), consumer)
}

/// Body of the thread "capture".
fn capture<S: StreamSource>(mut worker: Worker<S>, orders: &Receiver<Order>, ended: &AtomicU64, wake: &impl Fn()) {
    loop {
        match orders.recv_timeout(if worker.is_idle() { IDLE_TICK } else { TICK }) {
            Ok(order) => worker.obey(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let step = worker.step(Instant::now());
        ended.store(worker.ended(), Ordering::SeqCst);
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
