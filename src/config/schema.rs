//! Every key of the settings file and what it may hold; faults are found key by key, so that one typo costs one value.

use toml::{Table, Value};

use crate::{
    config::{AudioSettings, Channel, ConfigError, EngineName, Method, OverlayPlace, OverlayWhen, TypeMode, text},
    hotkeys::{Combination, CombinationError},
    session::{CustomWords, EndpointSettings},
    text::Language,
};

/// What a key may hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// true or false.
    Flag,
    /// A finite number, least and largest included.
    Number(f64, f64),
    /// A whole number, least and largest included.
    Whole(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A table whose keys are names and whose values are of these words; the wrong ones are left out.
    Choices(&'static [&'static str]),
    /// A text with something in it.
    Text,
    /// A list of texts with something in them.
    Texts,
    /// A table of texts.
    TextTable,
    /// A list of replacements, each of which is looked at for itself.
    Replacements,
    /// An absolute path: a settings file is read from any working directory.
    Folder,
    /// A key with its modifiers.
    Hotkey,
    /// [`Channel::MIX`], or the number of a channel.
    Channel,
}

/// Names of the engines.
const ENGINES: &[&str] = &EngineName::NAMES;

/// Dotted path and kind of every key. Seconds are bounded by what no model exceeds; the session checks them against its own.
pub(super) const KEYS: &[(&str, Kind)] = &[
    ("schema_version", Kind::Whole(1, super::SCHEMA_VERSION as i64)),
    ("device", Kind::Text),
    ("audio.channel", Kind::Channel),
    ("audio.pre_roll_secs", Kind::Number(0.0, AudioSettings::MOST_SECS)),
    ("audio.tail_secs", Kind::Number(0.0, AudioSettings::MOST_SECS)),
    ("theme", Kind::Choice(&["system", "light", "dark"])),
    ("window.overlay", Kind::Choice(&OverlayWhen::NAMES)),
    ("window.overlay_place", Kind::Choice(&OverlayPlace::NAMES)),
    ("window.start_minimised", Kind::Flag),
    ("window.tray", Kind::Flag),
    ("window.close_to_tray", Kind::Flag),
    ("window.sounds", Kind::Flag),
    ("model", Kind::Folder),
    ("model_mirror", Kind::Text),
    ("threads", Kind::Whole(1, 256)),
    ("engine", Kind::Choice(ENGINES)),
    ("fallback", Kind::Choice(ENGINES)),
    ("gpu", Kind::Whole(0, 255)),
    ("history.keep", Kind::Flag),
    ("history.days", Kind::Whole(0, 36_500)),
    ("onnxruntime", Kind::Folder),
    ("output.type", Kind::Choice(&TypeMode::NAMES)),
    ("output.method", Kind::Choice(&Method::NAMES)),
    ("output.trailing_space", Kind::Flag),
    ("output.submit", Kind::Flag),
    ("output.applications", Kind::Choices(&Method::NAMES)),
    ("hotkeys.toggle", Kind::Hotkey),
    ("hotkeys.push_to_talk", Kind::Hotkey),
    ("hotkeys.cancel", Kind::Hotkey),
    ("session.feature_norm", Kind::Choice(&["model", "per_feature", "running", "none"])),
    ("session.punctuation", Kind::Choice(&["off", "leading", "all"])),
    ("session.top_k", Kind::Whole(2, 100)),
    ("session.window.left_secs", Kind::Number(0.0, 600.0)),
    ("session.window.hop_secs", Kind::Number(0.08, 600.0)),
    ("session.window.right_secs", Kind::Number(0.0, 600.0)),
    ("session.endpoint.enabled", Kind::Flag),
    ("session.endpoint.onset", Kind::Number(0.0, 1.0)),
    ("session.endpoint.release", Kind::Number(0.0, 1.0)),
    ("session.endpoint.silence_secs", Kind::Number(0.1, 60.0)),
    ("session.endpoint.pre_roll_secs", Kind::Number(0.0, 10.0)),
    ("text.words", Kind::Texts),
    ("text.boost", Kind::Number(0.0, CustomWords::MOST as f64)),
    ("text.language", Kind::Choice(&Language::NAMES)),
    ("text.fillers", Kind::Flag),
    ("text.filler_words", Kind::Texts),
    ("text.commands", Kind::Flag),
    ("text.command_table", Kind::TextTable),
    ("text.numbers", Kind::Flag),
    ("text.capitals", Kind::Flag),
    ("text.replacements", Kind::Replacements),
];

impl Kind {
    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Flag => value.is_bool(),
            Self::Number(least, most) => number(value).is_some_and(|x| (least..=most).contains(&x)),
            Self::Whole(least, most) => value.as_integer().is_some_and(|n| (least..=most).contains(&n)),
            Self::Choice(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Choices(_) => value.is_table(),
            Self::Text => is_text(value),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(is_text)),
            Self::TextTable => value.as_table().is_some_and(|table| table.values().all(Value::is_str)),
            Self::Replacements => value.is_array(),
            Self::Folder => value.as_str().is_some_and(|text| std::path::Path::new(text).is_absolute()),
            Self::Channel => {
                value.as_str() == Some(Channel::MIX)
                    || value.as_integer().is_some_and(|channel| u16::try_from(channel).is_ok())
            }
            Self::Hotkey => hotkey(value).is_some_and(|read| read.is_ok()),
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Number(least, most) => format!("a number from {least} to {most}"),
            Self::Whole(least, most) if least == most => least.to_string(),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Choice(words) => words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", "),
            Self::Choices(words) => format!("a table of names and of {}", Self::Choice(words).describe()),
            Self::Text => "a text that is not empty".to_owned(),
            Self::Texts => "a list of texts that are not empty".to_owned(),
            Self::TextTable => "a table of texts".to_owned(),
            Self::Replacements => "a list of tables".to_owned(),
            Self::Folder => "an absolute path in quotes".to_owned(),
            Self::Channel => format!("\"{}\" or a channel, counted from 0", Channel::MIX),
            Self::Hotkey => Combination::EXPECTED.to_owned(),
        }
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// `None` if it is no text at all.
fn hotkey(value: &Value) -> Option<Result<Combination, CombinationError>> {
    value.as_str().map(str::parse)
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

/// The value at a dotted path.
pub(super) fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((head, rest)) => get(table.get(head)?.as_table()?, rest),
    }
}

/// Sets the value at a dotted path and makes the tables on the way; what stands in the way is replaced.
pub(super) fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let below = table.entry(head).or_insert_with(|| Value::Table(Table::new()));
            if !below.is_table() {
                *below = Value::Table(Table::new());
            }
            if let Some(below) = below.as_table_mut() {
                set(below, rest, value);
            }
        }
    }
}

/// Removes the value at a dotted path.
pub(super) fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((head, rest)) => {
            if let Some(below) = table.get_mut(head).and_then(Value::as_table_mut) {
                remove(below, rest);
            }
        }
    }
}

/// The known keys that hold what they may hold, as a table of their own, and a fault for each that does not.
pub(super) fn admitted(table: &Table) -> (Table, Vec<ConfigError>) {
    let (mut good, mut faults) = (Table::new(), Vec::new());
    for section in
        ["audio", "window", "history", "output", "hotkeys", "session", "session.window", "session.endpoint", "text"]
    {
        if let Some(value) = get(table, section).filter(|value| !value.is_table()) {
            faults.push(fault(section, "a table".to_owned(), value));
        }
    }
    for &(key, kind) in KEYS {
        match get(table, key) {
            Some(Value::Table(table)) if matches!(kind, Kind::Choices(_)) => {
                set(&mut good, key, Value::Table(chosen(key, kind, table, &mut faults)));
            }
            Some(value) if matches!(kind, Kind::Replacements) && kind.admits(value) => {
                let (usable, found) = text::replacements(key, value).unwrap_or((value.clone(), Vec::new()));
                set(&mut good, key, usable);
                faults.extend(found);
            }
            Some(value) if kind.admits(value) => set(&mut good, key, value.clone()),
            Some(value) if matches!(kind, Kind::Hotkey) => faults.push(no_hotkey(key, value)),
            Some(value) => faults.push(fault(key, kind.describe(), value)),
            None => {}
        }
    }
    keep_release_below_onset(&mut good, &mut faults);
    keep_hotkeys_apart(&mut good, &mut faults);
    (good, faults)
}

/// What is wrong with a key of the keyboard, in its own words.
fn no_hotkey(key: &str, value: &Value) -> ConfigError {
    match hotkey(value) {
        Some(Err(CombinationError::Key { .. })) => fault(key, format!("a key: {}", Combination::key_names()), value),
        Some(Err(error @ CombinationError::Bare { .. })) => fault(key, error.to_string(), value),
        _ => fault(key, Kind::Hotkey.describe(), value),
    }
}

/// One key can do one thing: the first that has it keeps it.
fn keep_hotkeys_apart(good: &mut Table, faults: &mut Vec<ConfigError>) {
    let mut taken: Vec<(&str, Combination)> = Vec::new();
    for &(key, _) in KEYS.iter().filter(|(_, kind)| matches!(kind, Kind::Hotkey)) {
        let Some(Ok(combination)) = get(good, key).and_then(hotkey) else { continue };
        if let Some((first, _)) = taken.iter().find(|(_, other)| *other == combination) {
            let value = Value::String(combination.to_string());
            faults.push(fault(key, format!("another key than that of {first}"), &value));
            remove(good, key);
        } else {
            taken.push((key, combination));
        }
    }
}

/// The entries of `table` that are of a kind's words, and a fault for each that is not.
fn chosen(key: &str, kind: Kind, table: &Table, faults: &mut Vec<ConfigError>) -> Table {
    let Kind::Choices(words) = kind else { return Table::new() };
    let word = Kind::Choice(words);
    for (name, value) in table.iter().filter(|(_, value)| !word.admits(value)) {
        faults.push(fault(&format!("{key}.{name}"), word.describe(), value));
    }
    table.iter().filter(|(_, value)| word.admits(value)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The gate's two scores hang together: a value from the file must fit the other one, be it from the file or the default.
fn keep_release_below_onset(good: &mut Table, faults: &mut Vec<ConfigError>) {
    let (onset, release) = ("session.endpoint.onset", "session.endpoint.release");
    let defaults = EndpointSettings::default();
    let of = |key, default: f32| get(good, key).and_then(number).unwrap_or(f64::from(default));
    let (high, low) = (of(onset, defaults.onset), of(release, defaults.release));
    if low <= high {
        return;
    }
    if let Some(value) = get(good, release) {
        faults.push(fault(release, format!("at most {onset} ({high})"), value));
    } else if let Some(value) = get(good, onset) {
        faults.push(fault(onset, format!("at least {release} ({low})"), value));
    }
    remove(good, onset);
    remove(good, release);
}

/// Dotted paths that no one knows, for a warning: they may be typing errors.
pub(super) fn unknown(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    collect_unknown(table, "", &mut found);
    found
}

fn collect_unknown(table: &Table, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let below = format!("{key}.");
        match value.as_table() {
            Some(inner) if KEYS.iter().any(|(known, _)| known.starts_with(&below)) => {
                collect_unknown(inner, &key, found);
            }
            _ if KEYS.iter().any(|(known, _)| *known == key || known.starts_with(&below)) => {}
            _ => found.push(key),
        }
    }
}

fn fault(key: &str, expected: String, value: &Value) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), expected, found: value.to_string() }
}
