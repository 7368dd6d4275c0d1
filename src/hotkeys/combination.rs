//! A key with its modifiers, as the settings write it: `Ctrl+Alt+D`, `F9`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Modifiers in the order they are written, each with what else people call it.
const MODIFIERS: [(&str, &[&str]); 4] =
    [("Ctrl", &["control"]), ("Alt", &["option"]), ("Shift", &[]), ("Super", &["meta", "win", "cmd", "command"])];

/// Keys by name: keysym (X11/keysymdef.h), its name there, and whether the key alone writes or edits text.
#[rustfmt::skip]
const NAMED: &[(&str, u32, &str, bool)] = &[
    ("Space", 0x20, "space", true), ("Enter", 0xff0d, "Return", true), ("Tab", 0xff09, "Tab", true),
    ("Backspace", 0xff08, "BackSpace", true), ("Delete", 0xffff, "Delete", true),
    ("Home", 0xff50, "Home", true), ("End", 0xff57, "End", true),
    ("PageUp", 0xff55, "Prior", true), ("PageDown", 0xff56, "Next", true),
    ("Left", 0xff51, "Left", true), ("Up", 0xff52, "Up", true), ("Right", 0xff53, "Right", true),
    ("Down", 0xff54, "Down", true),
    ("Escape", 0xff1b, "Escape", false), ("Insert", 0xff63, "Insert", false), ("Pause", 0xff13, "Pause", false),
    ("ScrollLock", 0xff14, "Scroll_Lock", false), ("PrintScreen", 0xff61, "Print", false),
    ("ContextMenu", 0xff67, "Menu", false),
    ("Comma", 0x2c, "comma", true), ("Minus", 0x2d, "minus", true), ("Period", 0x2e, "period", true),
    ("Slash", 0x2f, "slash", true), ("Semicolon", 0x3b, "semicolon", true), ("Equal", 0x3d, "equal", true),
    ("Quote", 0x27, "apostrophe", true), ("BracketLeft", 0x5b, "bracketleft", true),
    ("Backslash", 0x5c, "backslash", true), ("BracketRight", 0x5d, "bracketright", true),
    ("Backquote", 0x60, "grave", true),
];

/// A key of [`NAMED`], a letter, a digit, or a function key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Named(usize),
    /// `A` to `Z`, `0` to `9`.
    Character(char),
    /// 1 to 24.
    Function(u8),
}

/// A key and the modifiers held with it. A key that alone writes or edits text needs Ctrl, Alt or Super.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Combination {
    modifiers: [bool; 4],
    key: Key,
}

/// What a text has to be that is no [`Combination`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CombinationError {
    /// Not of the form.
    #[error("{}, found {found:?}", Combination::EXPECTED)]
    Form {
        /// The text.
        found: String,
    },
    /// The name of a key that is not known.
    #[error("a key: {}; found {found:?}", Combination::key_names())]
    Key {
        /// The name.
        found: String,
    },
    /// The key would be taken from every program that is written in.
    #[error("Ctrl, Alt or Super with {key}, which alone writes or edits text")]
    Bare {
        /// The key.
        key: String,
    },
}

impl Combination {
    /// What the settings take.
    pub const EXPECTED: &str = "a key with its modifiers (Ctrl, Alt, Shift, Super), as \"Ctrl+Alt+D\" or \"F9\"";

    /// The keys there are, for messages.
    pub fn key_names() -> String {
        let named: Vec<&str> = NAMED.iter().map(|named| named.0).collect();
        format!("A to Z, 0 to 9, F1 to F24, {}", named.join(", "))
    }

    /// Whether Ctrl, Alt, Shift and Super belong to it.
    pub fn modifiers(&self) -> [bool; 4] {
        self.modifiers
    }

    /// The key's keysym (X11/keysymdef.h), as it is without Shift.
    pub fn keysym(&self) -> u32 {
        match self.key {
            Key::Named(at) => NAMED[at].1,
            Key::Character(character) => u32::from(character.to_ascii_lowercase()),
            Key::Function(number) => 0xffbd + u32::from(number),
        }
    }

    /// As the XDG shortcuts specification writes it: `CTRL+ALT+d`.
    pub fn xdg(&self) -> String {
        let names = ["CTRL", "ALT", "SHIFT", "LOGO"];
        let mut parts: Vec<String> =
            names.iter().zip(self.modifiers).filter(|(_, held)| *held).map(|(name, _)| (*name).to_owned()).collect();
        parts.push(match self.key {
            Key::Named(at) => NAMED[at].2.to_owned(),
            Key::Character(character) => character.to_ascii_lowercase().to_string(),
            Key::Function(number) => format!("F{number}"),
        });
        parts.join("+")
    }

    /// Whether it is a key without modifiers.
    pub fn is_bare(&self) -> bool {
        !self.modifiers.contains(&true)
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((name, _), _) in MODIFIERS.iter().zip(self.modifiers).filter(|(_, held)| *held) {
            write!(f, "{name}+")?;
        }
        match self.key {
            Key::Named(at) => write!(f, "{}", NAMED[at].0),
            Key::Character(character) => write!(f, "{character}"),
            Key::Function(number) => write!(f, "F{number}"),
        }
    }
}

impl FromStr for Combination {
    type Err = CombinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || CombinationError::Form { found: text.to_owned() };
        let mut parts: Vec<&str> = text.split('+').map(str::trim).collect();
        let name = parts.pop().filter(|name| !name.is_empty()).ok_or_else(form)?;
        let mut modifiers = [false; 4];
        for part in parts {
            let is = |(name, others): &(&str, &[&str])| {
                name.eq_ignore_ascii_case(part) || others.iter().any(|other| other.eq_ignore_ascii_case(part))
            };
            let at = MODIFIERS.iter().position(is).ok_or_else(form)?;
            if std::mem::replace(&mut modifiers[at], true) {
                return Err(form());
            }
        }
        let key = key(name).ok_or_else(|| CombinationError::Key { found: name.to_owned() })?;
        let found = Self { modifiers, key };
        let writes = match key {
            Key::Named(at) => NAMED[at].3,
            Key::Character(_) => true,
            Key::Function(_) => false,
        };
        let [ctrl, alt, _, logo] = modifiers;
        if writes && !(ctrl || alt || logo) {
            return Err(CombinationError::Bare { key: Self { modifiers: [false; 4], key }.to_string() });
        }
        Ok(found)
    }
}

impl From<Combination> for String {
    fn from(combination: Combination) -> Self {
        combination.to_string()
    }
}

impl TryFrom<String> for Combination {
    type Error = CombinationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

fn key(name: &str) -> Option<Key> {
    let mut characters = name.chars();
    if let (Some(character), None) = (characters.next(), characters.next())
        && character.is_ascii_alphanumeric()
    {
        return Some(Key::Character(character.to_ascii_uppercase()));
    }
    if let Some(number) = name.strip_prefix(['F', 'f']).and_then(|number| number.parse().ok()) {
        return (1..=24).contains(&number).then_some(Key::Function(number));
    }
    let alias = if name.eq_ignore_ascii_case("Esc") { "Escape" } else { name };
    NAMED.iter().position(|named| named.0.eq_ignore_ascii_case(alias)).map(Key::Named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back_in_one_spelling() {
        for (text, written, keysym, xdg) in [
            ("ctrl + alt+d", "Ctrl+Alt+D", 0x64, "CTRL+ALT+d"),
            ("Win+Control+space", "Ctrl+Super+Space", 0x20, "CTRL+LOGO+space"),
            ("f9", "F9", 0xffc6, "F9"),
            ("Shift+F24", "Shift+F24", 0xffd5, "SHIFT+F24"),
            ("esc", "Escape", 0xff1b, "Escape"),
            ("Alt+7", "Alt+7", 0x37, "ALT+7"),
        ] {
            let combination: Combination = text.parse().unwrap();
            assert_eq!(combination.to_string(), written);
            assert_eq!(written.parse(), Ok(combination));
            assert_eq!((combination.keysym(), combination.xdg().as_str()), (keysym, xdg));
        }
    }

    #[test]
    fn what_is_no_key_is_told_with_what_would_be() {
        for (text, part) in [
            ("", "Ctrl+Alt+D"),
            ("Ctrl+", "Ctrl+Alt+D"),
            ("Hyper+D", "found \"Hyper+D\""),
            ("Ctrl+Ctrl+D", "found \"Ctrl+Ctrl+D\""),
            ("Ctrl+Foo", "F1 to F24"),
            ("F25", "found \"F25\""),
            ("F0", "found \"F0\""),
            ("D", "Ctrl, Alt or Super with D"),
            ("Shift+Space", "with Space"),
            ("Ctrl+ą", "found \"ą\""),
        ] {
            let error = text.parse::<Combination>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
