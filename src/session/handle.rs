//! The window's and the terminal's half of the threads: commands in, events, live state and plots out.

use std::{
    sync::{Arc, atomic::AtomicU64},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use log::{error, warn};

use crate::session::{
    Command, Engines, Event, Guests, LevelSnapshot, LiveSnapshot, PlotItem, SessionSettings, control::Control,
    live_probe::LiveProbe, outbox::Outbox, worker::Worker,
};

/// Called from the threads behind the handle whenever there is something new to draw. Must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Commands that may wait; a person cannot give this many.
const COMMANDS: usize = 4096;
/// Work that may wait for the inference thread.
const WORK: usize = 256;
/// Events that may wait; beyond this they queue on the threads that send them.
const EVENTS: usize = 4096;
/// Plot items that may wait: 1,000 blocks and hops a 10 s of audio; more than a minute in all.
const PLOTS: usize = 8192;

/// A dropped handle waits this long for what was spoken to be transcribed, and for an audio system that hangs.
const CLOSE_LIMIT: Duration = Duration::from_millis(1500);
/// Threads say nothing when they end; they are looked at this often.
const CLOSE_TICK: Duration = Duration::from_millis(5);

/// Owns the threads. Dropping it stops them, after what was spoken is transcribed; who needs all of it sends
/// [`Command::Stop`] and waits for [`Event::Stopped`]. After 1.5 s the threads are left to end by themselves.
pub struct LiveHandle {
    commands: Option<Sender<Command>>,
    events: Receiver<Event>,
    live: triple_buffer::Output<LiveSnapshot>,
    level: triple_buffer::Output<LevelSnapshot>,
    plots: rtrb::Consumer<PlotItem>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for LiveHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveHandle").field("events", &self.events.len()).finish_non_exhaustive()
    }
}

impl LiveHandle {
    /// Starts the threads; the model is loaded on one of them, then [`Event::Ready`] comes, or [`Event::EngineFailed`].
    /// `guests`: who writes it down.
    pub fn spawn(engines: Engines, guests: Guests, settings: SessionSettings, waker: Waker) -> Self {
        let (commands, command_receiver) = crossbeam_channel::bounded(COMMANDS);
        let (work, work_receiver) = crossbeam_channel::bounded(WORK);
        let (event_sender, events) = crossbeam_channel::bounded(EVENTS);
        let (plot_sender, plots) = rtrb::RingBuffer::new(PLOTS);
        let (live_input, live) = triple_buffer::triple_buffer(&LiveSnapshot::default());
        let (level_input, level) = triple_buffer::triple_buffer(&LevelSnapshot::default());
        let attached = Arc::<AtomicU64>::default();
        let outbox = Outbox::new(event_sender.clone(), Arc::clone(&waker));
        let control = Control::new(command_receiver, work, Arc::clone(&attached), outbox, level_input);
        let mut refusals = Outbox::new(event_sender.clone(), Arc::clone(&waker));
        let probe = LiveProbe::new(Outbox::new(event_sender, waker), plot_sender, live_input);
        let worker = Worker::new(engines, guests, settings, work_receiver, attached, probe);
        let spawned = [
            thread::Builder::new().name("control".to_owned()).spawn(move || control.run()),
            thread::Builder::new().name("inference".to_owned()).spawn(move || worker.run()),
        ];
        let mut threads = Vec::new();
        for thread in spawned {
            match thread {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    refusals.send(Event::EngineFailed { reason: format!("no thread could be started: {error}") });
                }
            }
        }
        Self { commands: Some(commands), events, live, level, plots, threads }
    }

    /// Sends a command; never blocks.
    pub fn send(&self, command: Command) {
        if let Some(Err(refused)) = self.commands.as_ref().map(|commands| commands.try_send(command)) {
            error!("a command was lost: {refused}");
        }
    }

    /// The next event, if there is one. Every one counts; drain them in a loop.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The newest state of the inference thread.
    pub fn live(&mut self) -> &LiveSnapshot {
        self.live.read()
    }

    /// The newest input level.
    pub fn level(&mut self) -> LevelSnapshot {
        *self.level.read()
    }

    /// The next item of the plot feed.
    pub fn next_plot(&mut self) -> Option<PlotItem> {
        self.plots.pop().ok()
    }
}

impl Drop for LiveHandle {
    fn drop(&mut self) {
        self.commands = None;
        let until = Instant::now() + CLOSE_LIMIT;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < until {
                thread::sleep(CLOSE_TICK);
            }
            if !thread.is_finished() {
                warn!("the thread {} still works; left behind", thread.thread().name().unwrap_or_default());
            } else if thread.join().is_err() {
                error!("a thread ended in a panic");
            }
        }
    }
}
