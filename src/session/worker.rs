//! The inference thread: owns the session and its engine; survives a panic in them. Touches no device and no file of the user's.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::{
    audio::AudioBlock,
    engine::Engine,
    models::Model,
    session::{Event, Probe, Ready, Session, SessionError, SessionSettings, Setting, live_probe::LiveProbe},
    units::{SAMPLES_PER_MEL, SampleIdx},
};

/// Loads the model and the engine of a name; called on the inference thread, again after a failure. The error is shown
/// as it is.
pub type OpenEngine = Box<dyn Fn(&str) -> Result<(Model, Box<dyn Engine>), String> + Send>;

/// What may compute.
pub struct Engines {
    /// Makes one of them ready.
    pub open: OpenEngine,
    /// Name of the one to begin with.
    pub chosen: String,
    /// Name of the one to go on with when the chosen one cannot be had or fails; `None` where the user allowed none.
    pub fallback: Option<String>,
}

impl Engines {
    /// One engine, by the name `only`, and no other; for tests and tools.
    pub fn only(open: impl Fn() -> Result<(Model, Box<dyn Engine>), String> + Send + 'static) -> Self {
        Self { open: Box::new(move |_| open()), chosen: "only".to_owned(), fallback: None }
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { chosen, fallback, .. } = self;
        f.debug_struct("Engines").field("chosen", chosen).field("fallback", fallback).finish_non_exhaustive()
    }
}

/// Makes the guest that writes the session down, on the inference thread. `audio`: the sound is to be kept too.
/// The error is shown as it is.
pub type OpenTrace = Box<dyn FnMut(&mut Session, bool) -> Result<TraceGuest, String> + Send>;

/// A guest that writes the session down beside the window. Dropping it ends the file.
pub struct TraceGuest {
    /// The file.
    pub path: PathBuf,
    /// What listens.
    pub probe: Box<dyn Probe + Send>,
}

impl std::fmt::Debug for TraceGuest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceGuest").field("path", &self.path).finish_non_exhaustive()
    }
}

/// How a run is written down.
pub struct Tracing {
    /// Makes the trace.
    pub open: OpenTrace,
    /// As soon as the model is loaded; else when [`crate::session::Command::StartTrace`] says so.
    pub at_once: bool,
}

impl std::fmt::Debug for Tracing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracing").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

/// From the control thread to the inference thread.
pub(super) enum Work {
    /// Blocks of a new source, from position 0. The ring is abandoned when the source has ended.
    Attach(rtrb::Consumer<AudioBlock>),
    Set(Setting),
    StartTrace {
        audio: bool,
    },
    StopTrace,
    Restart,
    UseEngine(String),
}

/// How often a running source is looked at: one block.
const TICK: Duration = Duration::from_millis(10);
/// After a failed hop, before it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Failed hops in a row after which the engine is given up.
const RETRIES: u32 = 3;

/// State of the inference thread.
pub(super) struct Worker {
    engines: Engines,
    settings: SessionSettings,
    work: Receiver<Work>,
    probe: LiveProbe,
    tracing: Option<Tracing>,
    trace: Option<TraceGuest>,
    /// The newest trace keeps the sound too.
    trace_audio: bool,
    session: Option<Session>,
    /// A session whose engine failed: it waits for another one.
    stranded: Option<Session>,
    source: Option<Attached>,
    failures: u32,
}

/// A source and where its position 0 lies in the session.
struct Attached {
    blocks: rtrb::Consumer<AudioBlock>,
    offset: SampleIdx,
}

/// What the loop does next.
enum Next {
    Continue,
    Wait(Duration),
    Idle,
}

impl Worker {
    pub(super) fn new(
        engines: Engines,
        tracing: Option<Tracing>,
        settings: SessionSettings,
        work: Receiver<Work>,
        probe: LiveProbe,
    ) -> Self {
        Self {
            engines,
            settings,
            work,
            probe,
            tracing,
            trace: None,
            trace_audio: false,
            session: None,
            stranded: None,
            source: None,
            failures: 0,
        }
    }

    /// The thread's body: until the control thread hangs up.
    pub(super) fn run(mut self) {
        self.load();
        loop {
            self.probe.outbox.flush();
            let work = match self.turn() {
                Next::Continue => self.work.try_recv().ok(),
                Next::Wait(limit) => match self.work.recv_timeout(limit) {
                    Ok(work) => Some(work),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                },
                Next::Idle => match self.work.recv() {
                    Ok(work) => Some(work),
                    Err(_) => return,
                },
            };
            if let Some(work) = work {
                self.take(work);
            }
        }
    }

    /// Makes the chosen engine ready, or the fallback if there is one.
    fn load(&mut self) {
        let chosen = self.engines.chosen.clone();
        if let Err(reason) = self.begin_with(&chosen) {
            self.fall_back(reason);
        }
    }

    /// A session with the engine of a name: the one that runs or waits, if the model is the same, else a new one.
    fn begin_with(&mut self, name: &str) -> Result<(), String> {
        let opened = catch_unwind(AssertUnwindSafe(|| (self.engines.open)(name)));
        let (model, engine) = opened.unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))?;
        let old = self.session.take().or_else(|| self.stranded.take());
        let traced = self.trace.is_some() && old.is_some();
        let session = match old {
            Some(mut session) if session.contract() == model.contract() => {
                session.set_engine(engine);
                session
            }
            _ => Session::new(&model, engine, self.settings).map_err(|error| error.to_string())?,
        };
        let contract = session.contract();
        self.probe.outbox.send(Event::Ready(Ready {
            name: name.to_owned(),
            engine: session.engine_info().clone(),
            trained_norm: contract.front_end.normalization,
            longest_window: session.longest_window(),
            durations: contract.durations.clone(),
            pieces: session.vocabulary().pieces().clone(),
            mel_bins: contract.front_end.mel_bins,
        }));
        self.failures = 0;
        self.session = Some(session);
        // One trace is about one engine.
        if traced {
            self.stop_trace();
        }
        if traced || self.tracing.as_mut().is_some_and(|tracing| std::mem::take(&mut tracing.at_once)) {
            self.start_trace(self.trace_audio);
        }
        Ok(())
    }

    /// Goes on with another engine if the user allowed one, and says so.
    fn fall_back(&mut self, reason: String) {
        let allowed = self.engines.fallback.clone().filter(|fallback| *fallback != self.engines.chosen);
        let Some(fallback) = allowed else {
            self.probe.outbox.send(Event::EngineFailed { reason });
            return;
        };
        match self.begin_with(&fallback) {
            Ok(()) => {
                let text = format!("{reason}; going on with {fallback}, as the settings allow");
                self.probe.outbox.send(Event::Notice(text));
                self.engines.chosen = fallback;
            }
            Err(second) => {
                let reason = format!("{reason}; and the fallback {fallback}: {second}");
                self.probe.outbox.send(Event::EngineFailed { reason });
            }
        }
    }

    /// Goes on with another engine. Until it is there, and if it cannot be had, the one before stays.
    fn use_engine(&mut self, name: String) {
        match self.begin_with(&name) {
            Ok(()) => self.engines.chosen = name,
            Err(reason) => self.probe.outbox.send(Event::EngineRefused { name, reason }),
        }
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Attach(blocks) => {
                // Positions go on from what was taken in before, also by a session that a panic ended.
                let taken = self.probe.taken();
                let offset = self.session.as_mut().map_or(taken, |session| session.next_start(taken));
                self.probe.snapshot.lost_samples = 0;
                self.source = Some(Attached { blocks, offset });
            }
            Work::Set(setting) => {
                let Some(session) = &mut self.session else { return };
                if let Err(error) = session.set(setting) {
                    self.probe.outbox.send(Event::SettingRefused { setting, reason: error.to_string() });
                }
            }
            Work::StartTrace { audio } => self.start_trace(audio),
            Work::StopTrace => self.stop_trace(),
            // What the session had heard and what the source still holds is decoded, at the positions it had.
            Work::Restart => self.load(),
            Work::UseEngine(name) => self.use_engine(name),
        }
    }

    fn start_trace(&mut self, audio: bool) {
        let (Some(tracing), Some(session), None) = (&mut self.tracing, &mut self.session, &self.trace) else { return };
        self.trace_audio = audio;
        match (tracing.open)(session, audio) {
            Ok(guest) => {
                self.probe.outbox.send(Event::TraceStarted { path: guest.path.clone() });
                self.trace = Some(guest);
            }
            Err(reason) => self.probe.outbox.send(Event::Notice(reason)),
        }
    }

    /// Dropping the guest waits for its last line.
    fn stop_trace(&mut self) {
        if let Some(TraceGuest { path, mut probe }) = self.trace.take() {
            if let Some(reason) = probe.fault() {
                self.probe.outbox.send(Event::Notice(reason));
            }
            drop(probe);
            self.probe.outbox.send(Event::TraceStopped { path });
            if let Some(session) = &mut self.session {
                session.keep_sketches(false);
            }
        }
    }

    /// Takes one block, or ends a source that has ended.
    fn turn(&mut self) -> Next {
        let (Some(session), Some(source)) = (&mut self.session, &mut self.source) else { return Next::Idle };
        let hops = self.probe.hops;
        let mut trace = self.trace.as_mut().map(|trace| &mut trace.probe);
        let done = match source.blocks.pop() {
            Ok(block) => {
                let start = SampleIdx(source.offset.0 + block.start.0);
                let block = AudioBlock::new(start, block.samples());
                self.probe.plot_level(&block);
                guarded(|| session.push(&block, &mut (&mut self.probe, &mut trace))).map(|()| Next::Continue)
            }
            // Abandoned is asked before empty: a block pushed in between is not lost.
            Err(_) if session.is_exhausted() || source.blocks.is_abandoned() && source.blocks.is_empty() => {
                guarded(|| session.finish(&mut (&mut self.probe, &mut trace))).map(|()| Next::Idle)
            }
            Err(_) => return Next::Wait(TICK),
        };
        let queued = (source.blocks.slots() * SAMPLES_PER_MEL) as u64;
        match done {
            Ok(next) => {
                self.failures = 0;
                if self.probe.hops != hops || matches!(next, Next::Idle) {
                    self.probe.publish(queued);
                    if trace.is_some_and(|trace| {
                        trace.fault().map(|reason| self.probe.outbox.send(Event::Notice(reason))).is_some()
                    }) {
                        self.stop_trace();
                    }
                }
                if matches!(next, Next::Idle) {
                    self.source = None;
                    self.probe.outbox.send(Event::Stopped);
                }
                next
            }
            Err(Failure::Error(error)) => {
                self.failures += 1;
                if self.failures < RETRIES {
                    self.probe.outbox.send(Event::Notice(format!("{error}; trying again")));
                    return Next::Wait(RETRY);
                }
                self.fail(error.to_string());
                Next::Continue
            }
            // A hop changes the session only once it has succeeded, so that a panic in the engine leaves it whole.
            Err(Failure::Panic(reason)) => {
                self.fail(format!("the engine panicked: {reason}"));
                Next::Continue
            }
        }
    }

    /// The engine failed: the session waits for another one, and audio queues in the ring.
    fn fail(&mut self, reason: String) {
        self.stranded = self.session.take();
        self.failures = 0;
        self.fall_back(reason);
    }
}

enum Failure {
    Error(SessionError),
    Panic(String),
}

fn guarded(run: impl FnOnce() -> Result<(), SessionError>) -> Result<(), Failure> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(Failure::Error),
        Err(panic) => Err(Failure::Panic(panic_text(panic.as_ref()))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
