//! The terminal's loop: orders in, events out to eyes or programs, until Ctrl+C, the end of the time, or the end of the source.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

use super::{View, orders::Line, standing::Standing};
use crate::{
    cli::Console,
    session::{Command, Event, LiveHandle},
    ui::{Ask, Asked},
};

/// A clock is looked at this often when nothing else happens.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// Everything that the loop hears and tells.
pub(super) struct Conductor {
    pub(super) live: LiveHandle,
    pub(super) standing: Standing,
    /// Starts when it is told to, and waits again after a stop.
    pub(super) waits: bool,
    /// Ends so long after the first samples.
    pub(super) seconds: Option<Duration>,
    /// Orders from standard input.
    pub(super) lines: Receiver<Line>,
    /// Orders from hotkeys and from a second program.
    pub(super) asked: Receiver<Asked>,
    /// What hotkeys and typing have to say.
    pub(super) told: Receiver<String>,
    pub(super) typed: Receiver<String>,
    /// Told whether dictation runs.
    pub(super) dictating: Box<dyn FnMut(bool)>,
    /// Times that Ctrl+C was pressed.
    pub(super) interrupts: Arc<AtomicUsize>,
    pub(super) view: Box<dyn View>,
    /// Clipped samples that were told.
    pub(super) clipped_samples: u64,
}

/// What came of the events of a turn.
#[derive(Default)]
struct Turn {
    committed: bool,
    ended: bool,
}

impl Conductor {
    /// Dictates until it is over; the failure that ended it, if one did.
    pub(super) fn run(&mut self, woken: &Receiver<()>, console: &mut Console<'_>) -> io::Result<Option<String>> {
        let (mut started, mut failure) = (None, None);
        let mut stopping = false;
        if !self.waits {
            // It starts, whatever it answers.
            let _ = self.give(&Ask::Start);
        }
        loop {
            // Woken or timed out: either way there may be something to do.
            let _ = woken.recv_timeout(IDLE_WAIT);
            self.obey(console)?;
            let shown_secs = self.live.live().audio_secs;
            let turn = self.follow(&mut started, &mut failure, console)?;
            (self.dictating)(self.standing.is_live());
            // The last event is the last.
            if turn.ended {
                break;
            }
            // A hop's words come as an event, its tail as a snapshot right after: an older tail would show them again.
            if !turn.committed || self.live.live().audio_secs > shown_secs {
                self.view.tail(&self.live.live().tail, console)?;
            }
            let is_late = |began: Instant| self.seconds.is_some_and(|limit| began.elapsed() >= limit);
            let over = self.interrupts.load(Ordering::SeqCst) > 0 || started.is_some_and(is_late);
            if over && self.waits && !self.standing.is_live() {
                break;
            }
            if over && !stopping {
                self.send(Command::Stop);
                stopping = true;
            }
        }
        self.view.end(console)?;
        Ok(failure)
    }

    /// Carries out orders, and shows what others have to say.
    fn obey(&mut self, console: &mut Console<'_>) -> io::Result<()> {
        for line in self.lines.try_iter().collect::<Vec<_>>() {
            if let Err(reason) = line.and_then(|ask| self.give(&ask)) {
                (console.tell)(&reason);
            }
        }
        for Asked { ask, answer } in self.asked.try_iter().collect::<Vec<_>>() {
            // Who asked may have gone.
            let _ = answer.send(self.give(&ask));
        }
        for message in self.told.try_iter().chain(self.typed.try_iter()) {
            self.view.event(&Event::Notice(message), console)?;
        }
        Ok(())
    }

    /// What it does then, in a word, or why it does not.
    fn give(&mut self, ask: &Ask) -> Result<String, String> {
        if let Some(command) = self.standing.command(ask)? {
            self.send(command);
        }
        Ok(self.standing.name().to_owned())
    }

    fn send(&mut self, command: Command) {
        self.standing.sent(&command);
        self.live.send(command);
    }

    /// After an utterance in which the input was too loud; a window has a lamp for it.
    fn tell_clipping(&mut self, console: &mut Console<'_>) -> io::Result<()> {
        // Counted from the opening of a device, and 0 without one.
        let clipped = self.live.level().clipped_samples;
        let before = std::mem::replace(&mut self.clipped_samples, clipped);
        if clipped > before {
            let text = format!("the input is too loud: {} samples were clipped; turn it down", clipped - before);
            self.view.event(&Event::Notice(text), console)?;
        }
        Ok(())
    }

    /// Shows events. `started`: when the first samples came; `failure`: what will end it.
    fn follow(
        &mut self,
        started: &mut Option<Instant>,
        failure: &mut Option<String>,
        console: &mut Console<'_>,
    ) -> io::Result<Turn> {
        let mut turn = Turn::default();
        while let Some(event) = self.live.next_event() {
            self.view.event(&event, console)?;
            if matches!(event, Event::UtteranceEnd { .. }) {
                self.tell_clipping(console)?;
            }
            self.standing.follow(&event);
            match event {
                Event::Started { .. } => {
                    started.get_or_insert_with(Instant::now);
                }
                Event::Committed(_) => turn.committed = true,
                // The next order may find it.
                Event::SourceFailed { reason } if self.waits => (console.tell)(&reason),
                Event::SourceFailed { reason } => {
                    *failure = Some(reason);
                    // What was heard before is still to be committed; with nothing heard, nothing more comes.
                    turn.ended |= started.is_none();
                }
                Event::EngineFailed { reason } => {
                    *failure = Some(reason);
                    turn.ended = true;
                }
                // Unless the next dictation was started while this one was being transcribed.
                Event::Stopped => turn.ended |= !self.waits && !self.standing.is_live(),
                _ => {}
            }
            if turn.ended {
                break;
            }
        }
        Ok(turn)
    }
}
