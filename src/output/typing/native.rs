//! Typing under Windows and macOS, whose own calls take any text. Nobody tells here who has the focus, or when a paste was
//! taken. Not tested.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use arboard::Clipboard;
use enigo::{Direction, Enigo, Key, Keyboard as _, Settings};

use crate::output::typing::{
    Method, TypingError,
    desktop::{Desktop, Focus, GoOn, TAKEN_AFTER},
};

/// Keys by `enigo`, clipboard by `arboard`.
pub(super) struct Native {
    own_focus: Arc<AtomicBool>,
    enigo: Enigo,
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").finish_non_exhaustive()
    }
}

impl Native {
    pub(super) fn open(own_focus: Arc<AtomicBool>) -> Result<Self, TypingError> {
        let enigo = Enigo::new(&Settings::default());
        let enigo = enigo.map_err(|error| TypingError::NoDesktop { reason: error.to_string() })?;
        Ok(Self { own_focus, enigo })
    }

    fn paste(&mut self, text: &str, method: Method) -> Result<(), TypingError> {
        let mut clipboard = Clipboard::new().map_err(failed)?;
        let before = match clipboard.get_text() {
            Ok(text) => Some(text),
            Err(arboard::Error::ContentNotAvailable) => {
                let held = "something that is no text".to_owned();
                return Err(TypingError::ClipboardHolds { held });
            }
            Err(error) => return Err(failed(error)),
        };
        clipboard.set_text(text).map_err(failed)?;
        let command = if cfg!(target_os = "macos") { Key::Meta } else { Key::Control };
        let keys: &[Key] = match method {
            Method::PasteShift => &[command, Key::Shift, Key::Unicode('v')],
            _ => &[command, Key::Unicode('v')],
        };
        for key in keys {
            self.enigo.key(*key, Direction::Press).map_err(failed)?;
        }
        for key in keys.iter().rev() {
            self.enigo.key(*key, Direction::Release).map_err(failed)?;
        }
        thread::sleep(TAKEN_AFTER);
        before.map_or(Ok(()), |before| clipboard.set_text(before).map_err(failed))
    }
}

impl Desktop for Native {
    fn focus(&mut self) -> Result<Focus, TypingError> {
        Ok(Focus::by_flag(&self.own_focus))
    }

    fn insert(&mut self, text: &str, method: Method, _: &Focus, go_on: GoOn<'_>) -> Result<(), TypingError> {
        if !go_on() {
            return Err(TypingError::Interrupted);
        }
        match method {
            Method::Off => Ok(()),
            Method::Auto | Method::Type => self.enigo.text(text).map_err(failed),
            Method::Paste | Method::PasteShift | Method::PasteInsert => self.paste(text, method),
        }
    }

    fn enter(&mut self, _: &Focus) -> Result<(), TypingError> {
        self.enigo.key(Key::Return, Direction::Click).map_err(failed)
    }
}

fn failed(error: impl fmt::Display) -> TypingError {
    TypingError::Failed { reason: error.to_string() }
}
