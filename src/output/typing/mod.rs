//! Committed words into the window that has the focus: typed where the keyboard has the keys for them, pasted elsewhere.
//!
//! A guest of the session hands words to the thread `typing`, which owns the connection to the desktop. Nothing is typed
//! into a window of this program, into another window than the one that had the focus when dictation began, or while a
//! modifier key is held. What the clipboard held before a paste is there again after it.

mod compose;
mod desktop;
#[cfg(not(target_os = "linux"))]
mod native;
mod typist;
#[cfg(target_os = "linux")]
mod wayland;
#[cfg(target_os = "linux")]
mod x11;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use typist::{TypingGuest, Typist};

/// What is typed, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeMode {
    /// Nothing.
    #[default]
    Off,
    /// Words as they are committed.
    Words,
    /// An utterance at its end.
    Utterance,
}

impl TypeMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Words, Self::Utterance];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 3] = ["off", "words", "utterance"];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The mode of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// How text gets into a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Short text for which the keyboard has keys is typed; the rest is pasted, in terminals that are known as they want it.
    #[default]
    Auto,
    /// Key by key.
    Type,
    /// Clipboard and Ctrl+V.
    Paste,
    /// Clipboard and Ctrl+Shift+V, as most terminals want it.
    PasteShift,
    /// Clipboard, primary selection and Shift+Insert, as old terminals want it.
    PasteInsert,
    /// Not at all.
    Off,
}

impl Method {
    /// Their names, as the settings have them.
    pub const NAMES: [&'static str; 6] = ["auto", "type", "paste", "paste-shift", "paste-insert", "off"];
}

/// What the user wants typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSettings {
    /// What is typed, and when.
    #[serde(rename = "type")]
    pub mode: TypeMode,
    /// How, in programs that `applications` does not name.
    pub method: Method,
    /// A space after each utterance.
    pub trailing_space: bool,
    /// Enter after each utterance, instead of the space.
    pub submit: bool,
    /// How in single programs, by either part of `WM_CLASS` in any case; X11 only.
    pub applications: BTreeMap<String, Method>,
}

impl Default for OutputSettings {
    fn default() -> Self {
        Self {
            mode: TypeMode::default(),
            method: Method::default(),
            trailing_space: true,
            submit: false,
            applications: BTreeMap::new(),
        }
    }
}

/// Text did not get into a window.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TypingError {
    /// No way to type here.
    #[error("this desktop cannot be typed into: {reason}")]
    NoDesktop { reason: String },
    /// The display, or a program that does the work, failed.
    #[error("typing failed: {reason}")]
    Failed { reason: String },
    /// The keyboard lacks a character, and pasting is not allowed.
    #[error("the keyboard has no key for {character:?}, and `output.method` or a rule says to type")]
    NoKey { character: char },
    /// Pasting would lose what the clipboard holds.
    #[error("not pasted, for the clipboard holds what would be lost: {held}; copy some text to free it")]
    ClipboardHolds { held: String },
    /// Nobody fetched the text after the keys were pressed.
    #[error("the window did not take the paste within {secs} s; the text is in the clipboard until it does")]
    NotTaken { secs: u64 },
    /// The text is for another window than the one that has the focus.
    #[error("typing stopped: the focus went from {from} to {to}")]
    FocusMoved { from: String, to: String },
    /// With Ctrl held, text would be commands.
    #[error("not typed: a modifier key (Ctrl, Alt, Shift or Super) is held")]
    ModifierHeld,
    /// Dictation was cancelled.
    #[error("interrupted")]
    Interrupted,
}
