//! Hotkeys, as texts: a combination that cannot be one is told and not used.

use eframe::egui::{TextEdit, Ui};

use super::{fault, remark};
use crate::config::{Combination, HotkeySettings};

/// What each key is for: its name in the file, and in a few words.
const KEYS: [(&str, &str); 3] = [
    ("start and stop", "Starts dictation, and stops it"),
    ("hold to talk", "Dictation runs while it is held"),
    ("cancel", "Throws away what is not committed; taken from other programs only while dictation runs"),
];

/// Texts that are being typed, or cannot be used.
#[derive(Debug, Default)]
pub(super) struct KeyDrafts([Option<String>; KEYS.len()]);

pub(super) fn keys_ui(ui: &mut Ui, keys: &mut HotkeySettings, KeyDrafts(drafts): &mut KeyDrafts) {
    for (index, (name, hint)) in KEYS.into_iter().enumerate() {
        let now = of(keys, index).map(|key| key.to_string()).unwrap_or_default();
        let mut text = drafts[index].clone().unwrap_or_else(|| now.clone());
        let label = ui.horizontal(|ui| {
            let field = TextEdit::singleline(&mut text).hint_text("none").desired_width(132.0);
            let field = ui.add(field).on_hover_text(hint);
            let label = ui.label(name);
            field.labelled_by(label.id)
        });
        let field = label.inner;
        if field.changed() {
            drafts[index] = Some(text.clone());
        }
        if drafts[index].is_none() {
            continue;
        }
        match read(&text, keys, index) {
            // Only once it is whole: half of it is a key, too.
            Ok(key) if field.lost_focus() || !field.has_focus() => {
                *slot(keys, index) = key;
                drafts[index] = None;
            }
            Ok(_) => {}
            Err(reason) => fault(ui, &reason),
        }
    }
    remark(ui, "A key with its modifiers, as Ctrl+Alt+D or F9. Acts at once.");
}

fn slot(keys: &mut HotkeySettings, index: usize) -> &mut Option<Combination> {
    match index {
        0 => &mut keys.toggle,
        1 => &mut keys.push_to_talk,
        _ => &mut keys.cancel,
    }
}

fn of(keys: &HotkeySettings, index: usize) -> Option<Combination> {
    [keys.toggle, keys.push_to_talk, keys.cancel][index]
}

/// The key that a text names, nothing if it is empty, or why it cannot be the key `index`.
fn read(text: &str, keys: &HotkeySettings, index: usize) -> Result<Option<Combination>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let key: Combination = text.parse().map_err(|error| format!("Expected {error}"))?;
    let other = (0..KEYS.len()).find(|other| *other != index && of(keys, *other) == Some(key));
    match other {
        Some(other) => Err(format!("Expected another key than that of {:?}, found {key}", KEYS[other].0)),
        None => Ok(Some(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_refused_or_taken_away() {
        let keys = HotkeySettings { toggle: "Ctrl+Alt+D".parse().ok(), ..HotkeySettings::default() };
        assert_eq!(read("f9", &keys, 1), Ok("F9".parse().ok()));
        assert_eq!(read("  ", &keys, 0), Ok(None));
        assert_eq!(read("ctrl+alt+d", &keys, 0), Ok(keys.toggle), "its own");
        assert!(read("ctrl+alt+d", &keys, 2).unwrap_err().contains("start and stop"));
        assert!(read("D", &keys, 1).unwrap_err().contains("Ctrl, Alt or Super with D"));
    }
}
