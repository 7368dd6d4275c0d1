//! Keys under X11: grabbed on the root window, heard on a thread that sleeps until one is pressed.
//!
//! x11rb and not the crate `global-hotkey` that other systems use: that one looks 20 times a second, so that a word begins
//! up to 50 ms late, on a thread without a name, and where the display is not there it is silent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use x11rb::{
    connection::Connection,
    errors::{ReplyError, ReplyOrIdError},
    protocol::{
        ErrorKind, Event,
        xkb::{self, ConnectionExt as _},
        xproto::{
            ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, GrabMode, KeyButMask, Mapping, ModMask,
            Window, WindowClass,
        },
    },
    rust_connection::RustConnection,
};

use super::{Action, Combination, HotkeyError, Listener};

/// XKB's name for the keyboard that everything goes through.
const CORE_KEYBOARD: u16 = 0x0100;
/// Num Lock and Scroll Lock (X11/keysymdef.h).
const LOCKS: [u32; 2] = [0xff7f, 0xff14];

/// Owns the thread.
pub(super) struct X11Keys {
    connection: Arc<RustConnection>,
    /// A message to it wakes the thread.
    window: Window,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    dictating: AtomicBool,
    closing: AtomicBool,
}

impl X11Keys {
    pub(super) fn open(bound: Vec<(Action, Combination)>, listener: Arc<Listener>) -> Result<Self, HotkeyError> {
        let (connection, screen) = x11rb::connect(None).map_err(|error| no_desktop(&error))?;
        let root = connection.setup().roots[screen].root;
        let window = prepare(&connection, root).map_err(|error| no_desktop(&error))?;
        let (connection, state) = (Arc::new(connection), Arc::<State>::default());
        let grabs = Grabs {
            connection: Arc::clone(&connection),
            root,
            bound,
            listener,
            state: Arc::clone(&state),
            grabbed: Vec::new(),
            ignored: Vec::new(),
            held: Vec::new(),
            told: Vec::new(),
        };
        let thread = thread::Builder::new().name("hotkeys".to_owned()).spawn(move || grabs.run());
        let thread = thread.map_err(|error| no_desktop(&error))?;
        Ok(Self { connection, window, state, thread: Some(thread) })
    }

    pub(super) fn set_dictating(&self, dictating: bool) {
        if self.state.dictating.swap(dictating, Ordering::SeqCst) != dictating {
            self.wake();
        }
    }

    /// Fails only with the connection, of which the thread hears itself.
    fn wake(&self) {
        let message = ClientMessageEvent::new(32, self.window, 1_u32, [0; 5]);
        if self.connection.send_event(false, self.window, EventMask::NO_EVENT, message).is_ok() {
            self.connection.flush().ok();
        }
    }
}

impl Drop for X11Keys {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        self.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread of the hotkeys ended in a panic");
        }
    }
}

/// A window to wake the thread by; and a key that is held is one press and one release from here on.
fn prepare(connection: &RustConnection, root: Window) -> Result<Window, ReplyOrIdError> {
    let window = connection.generate_id()?;
    let class = WindowClass::INPUT_ONLY;
    connection.create_window(
        0,
        window,
        root,
        -1,
        -1,
        1,
        1,
        0,
        class,
        x11rb::COPY_FROM_PARENT,
        &CreateWindowAux::new(),
    )?;
    connection.xkb_use_extension(1, 0)?.reply()?;
    let (repeat, none) = (xkb::PerClientFlag::DETECTABLE_AUTO_REPEAT, xkb::BoolCtrl::default());
    let flags = connection.xkb_per_client_flags(CORE_KEYBOARD, repeat, repeat, none, none, none)?.reply()?;
    if !flags.value.contains(repeat) {
        log::warn!("the X server tells a held key from a pressed one by time only");
    }
    Ok(window)
}

/// A key as it was grabbed.
struct Grabbed {
    action: Action,
    code: u8,
    modifiers: ModMask,
}

/// State of the thread.
struct Grabs {
    connection: Arc<RustConnection>,
    root: Window,
    bound: Vec<(Action, Combination)>,
    listener: Arc<Listener>,
    state: Arc<State>,
    grabbed: Vec<Grabbed>,
    /// Modifiers that a lock sets and that must make no difference, in all their unions.
    ignored: Vec<ModMask>,
    /// Keys that are down.
    held: Vec<(u8, Action)>,
    /// Actions of which it was told that their key cannot be had.
    told: Vec<Action>,
}

impl Grabs {
    /// The thread's body: until the program or the display ends.
    fn run(mut self) {
        let mut done = self.grab_all();
        while done.is_ok() && !self.state.closing.load(Ordering::SeqCst) {
            done = match self.connection.wait_for_event() {
                Ok(event) => self.hear(&event),
                Err(error) => Err(error.into()),
            };
        }
        for (_, action) in std::mem::take(&mut self.held) {
            self.obey(action, false);
        }
        self.listener.held.store(false, Ordering::SeqCst);
        if let Err(error) = done {
            (self.listener.tell)(HotkeyError::Lost { reason: error.to_string() }.to_string());
        }
    }

    fn hear(&mut self, event: &Event) -> Result<(), ReplyError> {
        match event {
            Event::KeyPress(press) => self.pressed(press.detail, press.state),
            Event::KeyRelease(release) => self.released(release.detail),
            Event::MappingNotify(change) if change.request != Mapping::POINTER => {
                self.ungrab(|_| true)?;
                self.grab_all()?;
            }
            Event::ClientMessage(_) => self.follow_dictation()?,
            _ => {}
        }
        Ok(())
    }

    fn pressed(&mut self, code: u8, state: KeyButMask) {
        // What auto-repeat sends while a key is held.
        if self.held.iter().any(|(held, _)| *held == code) {
            return;
        }
        let mask = KeyButMask::SHIFT | KeyButMask::CONTROL | KeyButMask::MOD1 | KeyButMask::MOD4;
        let modifiers = ModMask::from((state & mask).bits());
        let mut grabbed = self.grabbed.iter();
        let Some(key) = grabbed.find(|key| key.code == code && key.modifiers == modifiers) else { return };
        let action = key.action;
        self.listener.held.store(true, Ordering::SeqCst);
        self.held.push((code, action));
        self.obey(action, true);
    }

    fn released(&mut self, code: u8) {
        let Some(at) = self.held.iter().position(|(held, _)| *held == code) else { return };
        let (_, action) = self.held.remove(at);
        self.listener.held.store(!self.held.is_empty(), Ordering::SeqCst);
        self.obey(action, false);
    }

    fn obey(&self, action: Action, down: bool) {
        if let Some(order) = action.order(down) {
            (self.listener.obey)(order);
        }
    }

    /// Takes the key that cancels, or gives it back.
    fn follow_dictation(&mut self) -> Result<(), ReplyError> {
        let dictating = self.state.dictating.load(Ordering::SeqCst);
        let has = self.grabbed.iter().any(|key| key.action == Action::Cancel);
        match (dictating, has) {
            (true, false) => self.grab_where(|action| action == Action::Cancel),
            (false, true) => self.ungrab(|action| action == Action::Cancel),
            _ => Ok(()),
        }
    }

    fn grab_all(&mut self) -> Result<(), ReplyError> {
        self.ignored = ignored(&self.connection)?;
        self.grab_where(|action| action != Action::Cancel)?;
        self.follow_dictation()
    }

    /// Grabs the keys of some actions; of one that cannot be had it is told once.
    fn grab_where(&mut self, which: impl Fn(Action) -> bool) -> Result<(), ReplyError> {
        for (action, combination) in self.bound.clone() {
            if !which(action) {
                continue;
            }
            let (name, key) = (action.name(), combination.to_string());
            let refusal = match keycode(&self.connection, combination.keysym())? {
                None => HotkeyError::NoKey { action: name, key },
                Some(code) if self.grab(action, code, mask(&combination))? => continue,
                Some(_) => HotkeyError::Taken { action: name, key },
            };
            if !self.told.contains(&action) {
                self.told.push(action);
                (self.listener.tell)(refusal.to_string());
            }
        }
        self.connection.flush()?;
        Ok(())
    }

    /// False where another program has the key, whole or with a lock on.
    fn grab(&mut self, action: Action, code: u8, modifiers: ModMask) -> Result<bool, ReplyError> {
        for lock in &self.ignored {
            let mode = GrabMode::ASYNC;
            match self.connection.grab_key(false, self.root, modifiers | *lock, code, mode, mode)?.check() {
                Ok(()) => {}
                Err(ReplyError::X11Error(error)) if error.error_kind == ErrorKind::Access => {
                    self.release(code, modifiers)?;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.grabbed.push(Grabbed { action, code, modifiers });
        Ok(true)
    }

    fn ungrab(&mut self, which: impl Fn(Action) -> bool) -> Result<(), ReplyError> {
        let (gone, kept) = std::mem::take(&mut self.grabbed).into_iter().partition(|key| which(key.action));
        self.grabbed = kept;
        let gone: Vec<Grabbed> = gone;
        gone.iter().try_for_each(|key| self.release(key.code, key.modifiers))
    }

    fn release(&self, code: u8, modifiers: ModMask) -> Result<(), ReplyError> {
        for lock in &self.ignored {
            self.connection.ungrab_key(code, self.root, modifiers | *lock)?.check()?;
        }
        Ok(())
    }
}

fn mask(combination: &Combination) -> ModMask {
    let masks = [ModMask::CONTROL, ModMask::M1, ModMask::SHIFT, ModMask::M4];
    let held = masks.into_iter().zip(combination.modifiers()).filter(|(_, held)| *held);
    held.fold(ModMask::default(), |union, (mask, _)| union | mask)
}

/// The first key that makes a keysym.
fn keycode(connection: &RustConnection, keysym: u32) -> Result<Option<u8>, ReplyError> {
    let (least, most) = (connection.setup().min_keycode, connection.setup().max_keycode);
    let mapping = connection.get_keyboard_mapping(least, most - least + 1)?.reply()?;
    let per_key = usize::from(mapping.keysyms_per_keycode).max(1);
    // What a key makes alone comes before what it makes with Shift or in another layout.
    let level = |at: usize| {
        let mut keys = mapping.keysyms.chunks(per_key).zip(least..=most);
        keys.find(|(symbols, _)| symbols.get(at) == Some(&keysym)).map(|(_, code)| code)
    };
    Ok((0..per_key).find_map(level))
}

/// All unions of the modifiers that Caps Lock, Num Lock and Scroll Lock set.
fn ignored(connection: &RustConnection) -> Result<Vec<ModMask>, ReplyError> {
    let mapping = connection.get_modifier_mapping()?.reply()?;
    let per_modifier = usize::from(mapping.keycodes_per_modifier()).max(1);
    let mut locks = vec![ModMask::LOCK];
    for keysym in LOCKS {
        let Some(code) = keycode(connection, keysym)? else { continue };
        let at = mapping.keycodes.chunks(per_modifier).position(|codes| codes.contains(&code));
        if let Some(at) = at.filter(|at| *at >= 3) {
            locks.push(ModMask::from(1_u16 << at));
        }
    }
    let mut unions = vec![ModMask::default()];
    for lock in locks {
        let with: Vec<ModMask> = unions.iter().map(|union| *union | lock).filter(|new| !unions.contains(new)).collect();
        unions.extend(with);
    }
    Ok(unions)
}

fn no_desktop(error: &impl std::fmt::Display) -> HotkeyError {
    HotkeyError::NoDesktop { reason: error.to_string() }
}
