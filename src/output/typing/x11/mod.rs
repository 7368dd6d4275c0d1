//! Typing under X11: who has the focus, keys through the XTEST extension, the clipboard served by this program itself.

mod content;
mod keyboard;
mod selection;

use std::{
    fmt,
    time::{Duration, Instant},
};

use x11rb::{
    connection::Connection,
    errors::{ConnectionError, ReplyError},
    protocol::{
        res::{ClientIdMask, ClientIdSpec, ConnectionExt as _},
        xproto::{AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, InputFocus, Window, WindowClass},
    },
    rust_connection::RustConnection,
};

use crate::output::typing::{
    Method, TypingError,
    desktop::{Desktop, Focus, GoOn, TYPED_CHARS},
};
use keyboard::Keyboard;
use selection::Selections;

/// `WM_CLASS` of this program's windows.
const OWN_CLASS: &str = "dictoscope";
/// Terminals that paste by Ctrl+Shift+V, by class.
const SHIFT_PASTE: &[&str] = &[
    "alacritty",
    "com.mitchellh.ghostty",
    "contour",
    "foot",
    "gnome-terminal-server",
    "kgx",
    "kitty",
    "konsole",
    "lxterminal",
    "mate-terminal",
    "org.gnome.console",
    "org.gnome.ptyxis",
    "org.wezfurlong.wezterm",
    "qterminal",
    "terminator",
    "tilix",
    "xfce4-terminal",
    "yakuake",
];
/// Terminals that paste by Shift+Insert.
const INSERT_PASTE: &[&str] = &["rxvt", "st-256color", "urxvt", "uxterm", "xterm"];

/// A connection of its own.
pub(super) struct X11 {
    connection: RustConnection,
    root: Window,
    keyboard: Keyboard,
    selections: Selections,
}

impl fmt::Debug for X11 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X11").field("root", &self.root).finish_non_exhaustive()
    }
}

impl X11 {
    /// `display`: as `DISPLAY` names it, which counts if this is `None`.
    pub(super) fn open(display: Option<&str>) -> Result<Self, TypingError> {
        let (connection, screen) =
            x11rb::connect(display).map_err(|error| TypingError::NoDesktop { reason: error.to_string() })?;
        let screen = &connection.setup().roots[screen];
        let (root, visual) = (screen.root, screen.root_visual);
        let window = connection.generate_id().map_err(failed)?;
        let events = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection
            .create_window(0, window, root, -1, -1, 1, 1, 0, WindowClass::INPUT_OUTPUT, visual, &events)
            .map_err(failed)?;
        let keyboard = Keyboard::read(&connection, root)?;
        let selections = Selections::new(&connection, window)?;
        Ok(Self { connection, root, keyboard, selections })
    }

    /// The window that has the focus, whichever part of it.
    fn focused(&self) -> Result<Option<Window>, ReplyError> {
        let focus = self.connection.get_input_focus()?.reply()?.focus;
        if focus == u32::from(InputFocus::POINTER_ROOT) || focus == self.root {
            let under = self.connection.query_pointer(self.root)?.reply()?.child;
            return Ok(Some(under).filter(|window| *window != x11rb::NONE));
        }
        Ok(Some(focus).filter(|window| *window != u32::from(InputFocus::NONE)))
    }

    /// The top-level window that `window` is a part of, and its `WM_CLASS`.
    fn top_level(&self, window: Window) -> Result<(Window, [String; 2]), ReplyError> {
        let mut at = window;
        loop {
            let class = self.class(at)?;
            let parent = self.connection.query_tree(at)?.reply()?.parent;
            if class.iter().any(|part| !part.is_empty()) || parent == self.root || parent == x11rb::NONE {
                return Ok((at, class));
            }
            at = parent;
        }
    }

    fn class(&self, window: Window) -> Result<[String; 2], ReplyError> {
        let (class, string) = (AtomEnum::WM_CLASS, AtomEnum::STRING);
        let value = self.connection.get_property(false, window, class, string, 0, 256)?.reply()?.value;
        let mut parts = value.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
        Ok([parts.next().unwrap_or_default(), parts.next().unwrap_or_default()])
    }

    fn look(&self) -> Result<Focus, ReplyError> {
        let Some(window) = self.focused()? else { return Ok(Focus::Nobody) };
        let (id, class) = self.top_level(window)?;
        let is_own = class.iter().any(|part| part.eq_ignore_ascii_case(OWN_CLASS))
            || process_of(&self.connection, id) == Some(std::process::id());
        Ok(if is_own { Focus::Own } else { Focus::Window { id, class } })
    }

    fn still_there(&self, focus: &Focus) -> Result<(), TypingError> {
        let now = self.look().map_err(failed)?;
        if now.is_same(focus) {
            return Ok(());
        }
        Err(TypingError::FocusMoved { from: focus.name().to_owned(), to: now.name().to_owned() })
    }

    fn type_text(&mut self, text: &str, focus: &Focus, go_on: GoOn<'_>) -> Result<(), TypingError> {
        for character in text.chars() {
            if !go_on() {
                return Err(TypingError::Interrupted);
            }
            // Asked before every key: what is typed into the wrong window cannot be taken back.
            self.still_there(focus)?;
            self.keyboard.wait_for_release(&self.connection, go_on)?;
            self.keyboard.press_character(&self.connection, character)?;
        }
        Ok(())
    }

    fn paste(&mut self, text: &str, method: Method, focus: &Focus) -> Result<(), TypingError> {
        let Focus::Window { id, .. } = focus else { return Ok(()) };
        self.selections.offer(&self.connection, text, method == Method::PasteInsert, *id)?;
        self.still_there(focus)?;
        self.keyboard.press_paste(&self.connection, method)?;
        self.selections.wait_until_taken(&self.connection)
    }
}

impl Desktop for X11 {
    fn focus(&mut self) -> Result<Focus, TypingError> {
        self.look().map_err(failed)
    }

    fn insert(&mut self, text: &str, method: Method, focus: &Focus, go_on: GoOn<'_>) -> Result<(), TypingError> {
        self.keyboard.refresh(&self.connection)?;
        let missing = self.keyboard.missing(&self.connection, text)?;
        match (method, missing) {
            (Method::Off, _) => Ok(()),
            (Method::Type, Some(character)) => Err(TypingError::NoKey { character }),
            (Method::Type, None) => self.type_text(text, focus, go_on),
            (Method::Auto, None) if text.chars().count() <= TYPED_CHARS => self.type_text(text, focus, go_on),
            (Method::Auto, _) => self.paste(text, usual_paste(focus), focus),
            (Method::Paste | Method::PasteShift | Method::PasteInsert, _) => self.paste(text, method, focus),
        }
    }

    fn enter(&mut self, focus: &Focus) -> Result<(), TypingError> {
        self.still_there(focus)?;
        self.keyboard.press_enter(&self.connection)
    }

    fn modifiers_held(&mut self) -> Result<bool, TypingError> {
        self.keyboard.modifiers_held(&self.connection)
    }

    fn serve(&mut self) -> Result<bool, TypingError> {
        self.selections.serve(&self.connection)
    }
}

impl Drop for X11 {
    fn drop(&mut self) {
        if let Err(error) = self.selections.hand_over(&self.connection) {
            log::warn!("the clipboard could not be handed over: {error}");
        }
    }
}

/// How the program that has the focus pastes.
fn usual_paste(focus: &Focus) -> Method {
    let Focus::Window { class, .. } = focus else { return Method::Paste };
    let is_in = |list: &[&str]| class.iter().any(|part| list.contains(&part.to_lowercase().as_str()));
    if is_in(INSERT_PASTE) {
        Method::PasteInsert
    } else if is_in(SHIFT_PASTE) {
        Method::PasteShift
    } else {
        Method::Paste
    }
}

/// The process behind a window or another resource, if the server knows it.
fn process_of(connection: &RustConnection, resource: u32) -> Option<u32> {
    let spec = ClientIdSpec { client: resource, mask: ClientIdMask::LOCAL_CLIENT_PID };
    let reply = connection.res_query_client_ids(&[spec]).ok()?.reply().ok()?;
    let id = reply.ids.into_iter().find(|id| id.spec.mask == ClientIdMask::LOCAL_CLIENT_PID)?;
    id.value.first().copied()
}

fn failed(error: impl Into<X11Fault>) -> TypingError {
    TypingError::Failed { reason: error.into().0 }
}

/// What an error of the connection says.
struct X11Fault(String);

impl From<ReplyError> for X11Fault {
    fn from(error: ReplyError) -> Self {
        Self(error.to_string())
    }
}

impl From<ConnectionError> for X11Fault {
    fn from(error: ConnectionError) -> Self {
        Self(error.to_string())
    }
}

impl From<x11rb::errors::ReplyOrIdError> for X11Fault {
    fn from(error: x11rb::errors::ReplyOrIdError) -> Self {
        Self(error.to_string())
    }
}

/// Waits a moment for an event; `false` once `until` has passed.
fn pause(until: Instant) -> bool {
    std::thread::sleep(Duration::from_millis(3));
    Instant::now() < until
}
