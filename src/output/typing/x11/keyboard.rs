//! Keys through the XTEST extension, out of the keyboard's own layout: it is never changed, so that no letter can get lost on
//! the way of a change.

use std::{
    thread,
    time::{Duration, Instant},
};

use x11rb::{
    connection::Connection,
    protocol::{
        xkb::{self, ConnectionExt as _},
        xproto::{ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, KeyButMask, ModMask, Window},
        xtest::ConnectionExt as _,
    },
    rust_connection::RustConnection,
};

use super::failed;
use crate::output::typing::{Method, TypingError, desktop::GoOn};

/// Keysyms (X11/keysymdef.h).
const RETURN: u32 = 0xff0d;
const INSERT: u32 = 0xff63;
const SHIFT_L: u32 = 0xffe1;
const CONTROL_L: u32 = 0xffe3;
/// XKB's name for the keyboard that everything goes through.
const CORE_KEYBOARD: u16 = 0x0100;
/// Time between two keys: programs that read one event a frame keep up.
const PACE: Duration = Duration::from_millis(4);
/// A key that a person holds in the middle of a text is waited for as long as this.
const HELD_LIMIT: Duration = Duration::from_secs(10);

/// The layout as the server has it.
#[derive(Debug)]
pub(super) struct Keyboard {
    root: Window,
    least: u8,
    per_key: usize,
    symbols: Vec<u32>,
}

/// A key and whether Shift belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stroke {
    code: u8,
    shift: bool,
}

impl Keyboard {
    pub(super) fn read(connection: &RustConnection, root: Window) -> Result<Self, TypingError> {
        let version = connection.xtest_get_version(2, 2).map_err(failed)?.reply();
        version.map_err(|error| TypingError::NoDesktop { reason: format!("no XTEST extension: {error}") })?;
        connection.xkb_use_extension(1, 0).map_err(failed)?.reply().map_err(failed)?;
        let mut keyboard = Self { root, least: connection.setup().min_keycode, per_key: 0, symbols: Vec::new() };
        keyboard.refresh(connection)?;
        Ok(keyboard)
    }

    /// Reads the layout again: it may have changed.
    pub(super) fn refresh(&mut self, connection: &RustConnection) -> Result<(), TypingError> {
        let count = connection.setup().max_keycode - self.least + 1;
        let mapping = connection.get_keyboard_mapping(self.least, count).map_err(failed)?.reply().map_err(failed)?;
        (self.per_key, self.symbols) = (usize::from(mapping.keysyms_per_keycode).max(1), mapping.keysyms);
        Ok(())
    }

    /// The first character of `text` that cannot be typed as things are: no key, Caps Lock, or another layout is chosen.
    pub(super) fn missing(&self, connection: &RustConnection, text: &str) -> Result<Option<char>, TypingError> {
        let state = connection.xkb_get_state(CORE_KEYBOARD).map_err(failed)?.reply().map_err(failed)?;
        if state.group != xkb::Group::M1 || state.locked_mods.contains(ModMask::LOCK) {
            return Ok(text.chars().next());
        }
        Ok(text.chars().find(|character| self.stroke(*character).is_none()))
    }

    /// The key of a character on the first two levels of the first layout.
    fn stroke(&self, character: char) -> Option<Stroke> {
        // Keysyms of Latin-1 are its code points; beyond it layouts differ in how they name what they have.
        let wanted = Some(u32::from(character)).filter(|code| matches!(code, 0x20..=0x7e | 0xa0..=0xff))?;
        for (symbols, code) in self.symbols.chunks(self.per_key).zip(self.least..) {
            let plain = symbols.first().copied().unwrap_or_default();
            let shifted = symbols.get(1).copied().filter(|symbol| *symbol != 0).unwrap_or_else(|| capital(plain));
            if plain == wanted {
                return Some(Stroke { code, shift: false });
            }
            if shifted == wanted {
                return Some(Stroke { code, shift: true });
            }
        }
        None
    }

    /// The key of a keysym on any level.
    fn key(&self, symbol: u32) -> Result<u8, TypingError> {
        let mut keys = self.symbols.chunks(self.per_key).zip(self.least..);
        let found = keys.find(|(symbols, _)| symbols.contains(&symbol)).map(|(_, code)| code);
        found.ok_or_else(|| TypingError::Failed { reason: format!("no key has the keysym {symbol:#x}") })
    }

    /// Types a character, which must not be [`Keyboard::missing`].
    pub(super) fn press_character(&self, connection: &RustConnection, character: char) -> Result<(), TypingError> {
        let Some(Stroke { code, shift }) = self.stroke(character) else {
            return Err(TypingError::NoKey { character });
        };
        if shift { self.chord(connection, &[self.key(SHIFT_L)?, code]) } else { self.chord(connection, &[code]) }
    }

    pub(super) fn press_enter(&self, connection: &RustConnection) -> Result<(), TypingError> {
        self.chord(connection, &[self.key(RETURN)?])
    }

    pub(super) fn press_paste(&self, connection: &RustConnection, method: Method) -> Result<(), TypingError> {
        let symbols: &[u32] = match method {
            Method::PasteInsert => &[SHIFT_L, INSERT],
            Method::PasteShift => &[CONTROL_L, SHIFT_L, 'v' as u32],
            _ => &[CONTROL_L, 'v' as u32],
        };
        let codes: Vec<u8> = symbols.iter().map(|symbol| self.key(*symbol)).collect::<Result<_, _>>()?;
        self.chord(connection, &codes)
    }

    /// Presses the keys in their order and lets them go in the other.
    fn chord(&self, connection: &RustConnection, codes: &[u8]) -> Result<(), TypingError> {
        let presses = codes.iter().map(|code| (KEY_PRESS_EVENT, *code));
        let releases = codes.iter().rev().map(|code| (KEY_RELEASE_EVENT, *code));
        for (kind, code) in presses.chain(releases) {
            connection.xtest_fake_input(kind, code, x11rb::CURRENT_TIME, self.root, 0, 0, 0).map_err(failed)?;
        }
        connection.flush().map_err(failed)?;
        thread::sleep(PACE);
        Ok(())
    }

    /// Whether Shift, Ctrl, Alt or Super is down.
    pub(super) fn modifiers_held(&self, connection: &RustConnection) -> Result<bool, TypingError> {
        let mask = connection.query_pointer(self.root).map_err(failed)?.reply().map_err(failed)?.mask;
        let commands = KeyButMask::SHIFT | KeyButMask::CONTROL | KeyButMask::MOD1 | KeyButMask::MOD4;
        Ok(u16::from(mask) & u16::from(commands) != 0)
    }

    /// Waits while one is.
    pub(super) fn wait_for_release(&self, connection: &RustConnection, go_on: GoOn<'_>) -> Result<(), TypingError> {
        let until = Instant::now() + HELD_LIMIT;
        while self.modifiers_held(connection)? {
            if !go_on() {
                return Err(TypingError::Interrupted);
            }
            if Instant::now() > until {
                return Err(TypingError::ModifierHeld);
            }
            thread::sleep(PACE);
        }
        Ok(())
    }
}

/// The capital of a small Latin letter: a key with one symbol has it with Shift.
fn capital(symbol: u32) -> u32 {
    if (u32::from(b'a')..=u32::from(b'z')).contains(&symbol) { symbol - 0x20 } else { symbol }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout_and_of_no_other() {
        let a = u32::from('a');
        let symbols = vec![a, 0, 0, u32::from('1'), u32::from('!'), 0xb9, u32::from('ü'), u32::from('Ü'), 0];
        let keyboard = Keyboard { root: 0, least: 8, per_key: 3, symbols };
        let stroke = |code, shift| Some(Stroke { code, shift });
        assert_eq!(keyboard.stroke('a'), stroke(8, false));
        assert_eq!(keyboard.stroke('A'), stroke(8, true));
        assert_eq!(keyboard.stroke('!'), stroke(9, true));
        assert_eq!(keyboard.stroke('Ü'), stroke(10, true));
        for missing in ['¹', 'b', 'ż', '你', '\n'] {
            assert_eq!(keyboard.stroke(missing), None, "{missing}");
        }
        assert_eq!(keyboard.key(0xb9).unwrap(), 9);
        assert!(keyboard.key(INSERT).is_err());
    }
}
