//! The thread `typing`: takes the words of one dictation after the other and puts them into the focused window.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::{
    output::typing::{
        Method, OutputSettings, TypeMode, TypingError,
        compose::{Composer, Piece, Spoken},
        desktop::{Desktop, Focus, open},
    },
    session::{Probe, Stage},
    text::{CaredWord, SharedRules, TextCare},
};

/// Orders that may wait: hops of half an hour.
const ORDERS: usize = 4096;
/// Messages that may wait to be read.
const MESSAGES: usize = 64;
/// Modifier keys may be held for so long, as with push-to-talk; then what waits is not typed.
const HELD_LIMIT: Duration = Duration::from_mins(2);
const HELD_TICK: Duration = Duration::from_millis(20);
/// How often others are answered who ask for the clipboard.
const SERVE_TICK: Duration = Duration::from_millis(40);

enum Order {
    /// A dictation begins; the flag says that it was cancelled.
    Begin(Arc<AtomicBool>),
    Words(Vec<Spoken>),
    UtteranceEnd,
    End,
    Set(OutputSettings),
}

/// Owns the thread. Dropping it leaves the thread to end by itself; [`Typist::finish`] waits.
#[derive(Debug)]
pub struct Typist {
    orders: Sender<Order>,
    told: Receiver<String>,
    own_focus: Arc<AtomicBool>,
    hotkey_held: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Typist {
    /// Starts the thread; the desktop is looked for when there is something to type. `display`: of X11, instead of the one
    /// that the environment names. `wake` is called after each message.
    pub fn start(
        settings: OutputSettings,
        display: Option<String>,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, receiver) = bounded(ORDERS);
        let (teller, told) = bounded(MESSAGES);
        let own_focus = Arc::new(AtomicBool::new(false));
        let tell = move |text: String| {
            if let Err(error) = teller.try_send(text) {
                log::warn!("{}", error.into_inner());
            }
            wake();
        };
        let hotkey_held = Arc::new(AtomicBool::new(false));
        let (flag, hold) = (Arc::clone(&own_focus), Arc::clone(&hotkey_held));
        let thread = thread::Builder::new().name("typing".to_owned()).spawn(move || {
            // Made here: a desktop's connection may be tied to its thread.
            let hand =
                Hand { settings, display, own_focus: flag, hotkey_held: hold, desktop: None, dictation: None, tell };
            hand.run(&receiver);
        })?;
        Ok(Self { orders, told, own_focus, hotkey_held, thread })
    }

    /// What listens to a dictation that begins now.
    pub fn guest(&self) -> TypingGuest {
        TypingGuest::begin(self.orders.clone(), TextCare::default())
    }

    /// Makes a guest for each dictation; what `rules` make of its words is typed.
    pub fn guests(&self, rules: SharedRules) -> impl FnMut() -> Box<dyn Probe + Send> + Send + use<> {
        let orders = self.orders.clone();
        move || Box::new(TypingGuest::begin(orders.clone(), TextCare::new(rules.now())))
    }

    /// Changes what the user wants, from the next word on.
    pub fn setter(&self) -> impl FnMut(&OutputSettings) + use<> {
        let orders = self.orders.clone();
        move |settings| {
            if orders.try_send(Order::Set(settings.clone())).is_err() {
                log::warn!("typing does not answer");
            }
        }
    }

    /// What the user should read, as it comes.
    pub fn messages(&self) -> &Receiver<String> {
        &self.told
    }

    /// To be set while a window of this program has the focus.
    pub fn own_focus(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.own_focus)
    }

    /// To be set while a hotkey is down: every key that is pressed then goes to whoever has the hotkey, those that are typed
    /// included. What there is to type waits for as long.
    pub fn hotkey_held(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.hotkey_held)
    }

    /// Waits until all was typed, at most for `limit`; what the user should still read. No guest may be left.
    pub fn finish(self, limit: Duration) -> Vec<String> {
        drop(self.orders);
        let until = Instant::now() + limit;
        while !self.thread.is_finished() && Instant::now() < until {
            thread::sleep(HELD_TICK);
        }
        let mut told: Vec<String> = self.told.try_iter().collect();
        if !self.thread.is_finished() {
            told.push(format!("not all was typed within {:.0} s", limit.as_secs_f64()));
        } else if self.thread.join().is_err() {
            told.push("the thread that types ended in a panic".to_owned());
        }
        told
    }
}

/// Hands the words of one dictation over. Dropping it ends the dictation; what was handed over is still typed.
#[derive(Debug)]
pub struct TypingGuest {
    orders: Sender<Order>,
    cancelled: Arc<AtomicBool>,
    care: TextCare,
    fault: Option<String>,
}

impl TypingGuest {
    fn begin(orders: Sender<Order>, care: TextCare) -> Self {
        let mut guest = Self { orders, cancelled: Arc::default(), care, fault: None };
        guest.send(Order::Begin(Arc::clone(&guest.cancelled)));
        guest
    }

    fn send_words(&mut self, cared: Vec<CaredWord>) {
        let written = cared.into_iter().filter(|word| !word.text.is_empty());
        let spoken: Vec<_> = written.map(|word| Spoken { text: word.text, glued: word.glued }).collect();
        if !spoken.is_empty() {
            self.send(Order::Words(spoken));
        }
    }

    fn send(&mut self, order: Order) {
        self.fault = match self.orders.try_send(order) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => Some("words are not typed: the desktop is too slow".to_owned()),
            Err(TrySendError::Disconnected(_)) => Some("words are not typed: the thread that types ended".to_owned()),
        };
    }
}

impl Probe for TypingGuest {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Committed(words) => {
                let cared = self.care.push(words);
                self.send_words(cared);
            }
            // At once, whatever waits before it.
            Stage::Cancelled => self.cancelled.store(true, Ordering::SeqCst),
            Stage::UtteranceEnd(..) => {
                let cared = self.care.finish();
                self.send_words(cared);
                self.send(Order::UtteranceEnd);
            }
            _ => {}
        }
    }

    fn fault(&mut self) -> Option<String> {
        self.fault.take()
    }
}

impl Drop for TypingGuest {
    fn drop(&mut self) {
        self.send(Order::End);
    }
}

/// State of the thread.
struct Hand<T> {
    settings: OutputSettings,
    display: Option<String>,
    own_focus: Arc<AtomicBool>,
    hotkey_held: Arc<AtomicBool>,
    desktop: Option<Box<dyn Desktop>>,
    dictation: Option<Dictation>,
    tell: T,
}

/// The dictation that is being typed.
struct Dictation {
    composer: Composer,
    cancelled: Arc<AtomicBool>,
    /// Who gets its text: who had the focus at its beginning, or after a window of this program had it.
    target: Option<Focus>,
    /// Nothing more of it is typed.
    stopped: bool,
    /// That this program's own window gets nothing was told.
    own_told: bool,
}

impl<T: Fn(String)> Hand<T> {
    /// The thread's body: until the typist and all guests are gone.
    fn run(mut self, orders: &Receiver<Order>) {
        let mut serving = false;
        loop {
            let order = if serving {
                orders.recv_timeout(SERVE_TICK)
            } else {
                orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            serving = match self.desktop.as_mut().map(|desktop| desktop.serve()) {
                None => false,
                Some(Ok(serving)) => serving,
                Some(Err(error)) => {
                    log::warn!("{error}");
                    self.desktop = None;
                    false
                }
            };
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Begin(cancelled) => {
                let composer = Composer::new(&self.settings);
                let mut dictation = Dictation { composer, cancelled, target: None, stopped: false, own_told: false };
                if self.settings.mode != TypeMode::Off {
                    match self.focus() {
                        Ok(Focus::Own | Focus::Nobody) => {}
                        Ok(focus) => dictation.target = Some(focus),
                        Err(error) => {
                            dictation.stopped = true;
                            (self.tell)(format!("{error}; the words are kept in the history"));
                        }
                    }
                }
                self.dictation = Some(dictation);
            }
            Order::Words(words) => {
                let piece = self.dictation.as_mut().and_then(|dictation| dictation.composer.words(&words));
                self.deliver(piece);
            }
            Order::UtteranceEnd => {
                let piece = self.dictation.as_mut().and_then(|dictation| dictation.composer.end_utterance());
                self.deliver(piece);
            }
            Order::End => self.dictation = None,
            Order::Set(settings) => {
                if let Some(dictation) = &mut self.dictation {
                    dictation.composer.set(&settings);
                }
                self.settings = settings;
            }
        }
    }

    fn focus(&mut self) -> Result<Focus, TypingError> {
        let desktop = match &mut self.desktop {
            Some(desktop) => desktop,
            none => none.insert(open(self.display.as_deref(), Arc::clone(&self.own_focus))?),
        };
        desktop.focus()
    }

    /// Types a piece, or tells why not.
    fn deliver(&mut self, piece: Option<Piece>) {
        let Some(piece) = piece else { return };
        let Some(mut dictation) = self.dictation.take() else { return };
        if !dictation.stopped && !dictation.cancelled.load(Ordering::SeqCst) {
            match self.put(&piece, &mut dictation) {
                Ok(()) | Err(TypingError::Interrupted) => {}
                Err(error @ (TypingError::ClipboardHolds { .. } | TypingError::NoKey { .. })) => {
                    (self.tell)(format!("{error}. Not typed: {:?}", piece.text));
                }
                Err(error) => {
                    dictation.stopped = true;
                    if matches!(error, TypingError::Failed { .. }) {
                        self.desktop = None;
                    }
                    (self.tell)(format!("{error}; nothing more is typed of this dictation, the history has it all"));
                }
            }
        }
        self.dictation = Some(dictation);
    }

    fn put(&mut self, piece: &Piece, dictation: &mut Dictation) -> Result<(), TypingError> {
        self.focus()?;
        self.wait_for_modifiers(dictation)?;
        let focus = self.focus()?;
        match (&focus, &dictation.target) {
            (Focus::Own, _) => {
                if !std::mem::replace(&mut dictation.own_told, true) {
                    (self.tell)("not typed while Dictoscope's own window has the focus".to_owned());
                }
                return Ok(());
            }
            (now, Some(target)) if !now.is_same(target) => {
                let (from, to) = (target.name().to_owned(), now.name().to_owned());
                return Err(TypingError::FocusMoved { from, to });
            }
            (Focus::Nobody, None) => return Ok(()),
            (now, None) => dictation.target = Some(now.clone()),
            (_, Some(_)) => {}
        }
        let method = focus.method(&self.settings);
        let Some(desktop) = &mut self.desktop else { return Ok(()) };
        let cancelled = Arc::clone(&dictation.cancelled);
        let held = Arc::clone(&self.hotkey_held);
        let go_on = move || {
            while held.load(Ordering::SeqCst) && !cancelled.load(Ordering::SeqCst) {
                thread::sleep(HELD_TICK);
            }
            !cancelled.load(Ordering::SeqCst)
        };
        if !piece.text.is_empty() {
            desktop.insert(&piece.text, method, &focus, &go_on)?;
        }
        if piece.submit && go_on() && method != Method::Off {
            desktop.enter(&focus)?;
        }
        Ok(())
    }

    /// With Ctrl held, text would be commands. A hotkey that is held to talk may be held for as long as one talks.
    fn wait_for_modifiers(&mut self, dictation: &Dictation) -> Result<(), TypingError> {
        let Some(desktop) = &mut self.desktop else { return Ok(()) };
        let mut until = Instant::now() + HELD_LIMIT;
        loop {
            if self.hotkey_held.load(Ordering::SeqCst) {
                until = Instant::now() + HELD_LIMIT;
            } else if !desktop.modifiers_held()? {
                return Ok(());
            }
            if dictation.cancelled.load(Ordering::SeqCst) {
                return Err(TypingError::Interrupted);
            }
            if Instant::now() > until {
                return Err(TypingError::ModifierHeld);
            }
            desktop.serve()?;
            thread::sleep(HELD_TICK);
        }
    }
}
