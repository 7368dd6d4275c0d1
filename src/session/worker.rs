//! The inference thread: owns the session and its engine; survives a panic in them. Touches no device and no file of the user's.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::{
    audio::AudioBlock,
    session::{
        Engines, Event, Guests, Probe, Ready, Session, SessionError, SessionSettings, Setting, TraceGuest,
        live_probe::LiveProbe,
    },
    units::{SAMPLES_PER_MEL, SampleIdx},
};

/// From the control thread to the inference thread.
pub(super) enum Work {
    /// Blocks of a new source, from position 0, and its name. The ring is abandoned when the source has ended. The one
    /// before is taken in to its end first.
    Attach(rtrb::Consumer<AudioBlock>, String),
    /// The source is given up with what it still holds.
    Cancel,
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
    guests: Guests,
    trace: Option<TraceGuest>,
    /// Keep and type the words of the source that is attached.
    keepers: Option<Keepers>,
    /// The newest trace keeps the sound too.
    trace_audio: bool,
    session: Option<Session>,
    /// A session whose engine failed: it waits for another one.
    stranded: Option<Session>,
    source: Option<Attached>,
    source_name: String,
    /// Sources that began before the one at hand has ended.
    waiting: VecDeque<(rtrb::Consumer<AudioBlock>, String)>,
    /// Sources that were begun with, for the control thread.
    attached: Arc<AtomicU64>,
    failures: u32,
}

/// The journal and the typing of one source.
type Keepers = (Option<Box<dyn Probe + Send>>, Option<Box<dyn Probe + Send>>);

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
        guests: Guests,
        settings: SessionSettings,
        work: Receiver<Work>,
        attached: Arc<AtomicU64>,
        probe: LiveProbe,
    ) -> Self {
        Self {
            engines,
            settings,
            work,
            probe,
            guests,
            trace: None,
            keepers: None,
            trace_audio: false,
            session: None,
            stranded: None,
            source: None,
            source_name: String::new(),
            waiting: VecDeque::new(),
            attached,
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
        let is_same = |session: &Session| session.contract() == model.contract();
        let goes_on = self.session.as_ref().or(self.stranded.as_ref()).is_some_and(is_same);
        let session = match self.session.take_if(|_| goes_on).or_else(|| self.stranded.take_if(|_| goes_on)) {
            Some(mut session) => {
                session.set_engine(engine);
                session
            }
            // Made before the old one is given up.
            None => Session::new(&model, engine, self.settings.clone()).map_err(|error| error.to_string())?,
        };
        let traced = self.trace.is_some() && (goes_on || self.session.is_some());
        self.stranded = None;
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
        for word in session.unwritable_words() {
            let text = format!("Custom word {word:?}: the model has no pieces to write it with.");
            self.probe.outbox.send(Event::Notice(text));
        }
        self.failures = 0;
        self.session = Some(session);
        self.open_keepers();
        // One trace is about one engine.
        if traced {
            self.stop_trace();
        }
        if traced || self.guests.tracing.as_mut().is_some_and(|tracing| std::mem::take(&mut tracing.at_once)) {
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
            Work::Attach(blocks, name) => {
                self.waiting.push_back((blocks, name));
                self.attach();
            }
            Work::Cancel => self.cancel(),
            Work::Set(setting) => {
                let Some(session) = &mut self.session else { return };
                if let Err(error) = session.set(setting.clone()) {
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

    /// Begins with the source that waits, once the one before has ended.
    fn attach(&mut self) {
        if self.source.is_some() {
            return;
        }
        let Some((blocks, name)) = self.waiting.pop_front() else { return };
        // Positions go on from what was taken in before, also by a session that a panic ended.
        let taken = self.probe.taken();
        let offset = self.session.as_mut().map_or(taken, |session| session.next_start(taken));
        self.probe.snapshot.lost_samples = 0;
        self.source = Some(Attached { blocks, offset });
        self.source_name = name;
        self.open_keepers();
        self.attached.fetch_add(1, Ordering::SeqCst);
    }

    /// Begins to keep the words of the source, once there are both a source and an engine.
    fn open_keepers(&mut self) {
        let (Some(session), Some(_), None) = (&self.session, &self.source, &self.keepers) else { return };
        let Guests { journal, typing, .. } = &mut self.guests;
        let journal = journal.as_mut().map(|open| open(&self.source_name, session.engine_info()));
        self.keepers = Some((journal, typing.as_mut().map(|open| open())));
    }

    /// Ends the source without looking at what it still holds, and throws away what is not committed.
    fn cancel(&mut self) {
        let waiting = self.waiting.len() as u64;
        self.waiting.clear();
        self.attached.fetch_add(waiting, Ordering::SeqCst);
        if self.source.take().is_none() {
            return;
        }
        let mut trace = self.trace.as_mut().map(|trace| &mut trace.probe);
        if let Some(session) = self.session.as_mut().or(self.stranded.as_mut()) {
            session.cancel(&mut (&mut self.keepers, (&mut self.probe, &mut trace)));
        }
        self.keepers = None;
        self.probe.publish(0);
        self.probe.outbox.send(Event::Stopped);
    }

    fn start_trace(&mut self, audio: bool) {
        let (Some(tracing), Some(session), None) = (&mut self.guests.tracing, &mut self.session, &self.trace) else {
            return;
        };
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
        // The journal first: words are on their way to the disk before anybody sees them.
        let mut keepers = self.keepers.as_mut();
        let done = match source.blocks.pop() {
            Ok(block) => {
                let start = SampleIdx(source.offset.0 + block.start.0);
                let block = AudioBlock::new(start, block.samples());
                self.probe.plot_level(&block);
                guarded(|| session.push(&block, &mut (&mut keepers, (&mut self.probe, &mut trace))))
                    .map(|()| Next::Continue)
            }
            // Abandoned is asked before empty: a block pushed in between is not lost.
            Err(_) if session.is_exhausted() || source.blocks.is_abandoned() && source.blocks.is_empty() => {
                guarded(|| session.finish(&mut (&mut keepers, (&mut self.probe, &mut trace)))).map(|()| Next::Idle)
            }
            Err(_) => return Next::Wait(TICK),
        };
        let queued = (source.blocks.slots() * SAMPLES_PER_MEL) as u64;
        match done {
            Ok(next) => {
                self.failures = 0;
                if self.probe.hops != hops || matches!(next, Next::Idle) {
                    self.probe.publish(queued);
                    if let Some(reason) = keepers.as_mut().and_then(Probe::fault) {
                        self.probe.outbox.send(Event::Notice(reason));
                    }
                    if trace.is_some_and(|trace| {
                        trace.fault().map(|reason| self.probe.outbox.send(Event::Notice(reason))).is_some()
                    }) {
                        self.stop_trace();
                    }
                }
                if matches!(next, Next::Idle) {
                    self.source = None;
                    self.keepers = None;
                    self.probe.outbox.send(Event::Stopped);
                    self.attach();
                    if self.source.is_some() {
                        return Next::Continue;
                    }
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
