//! The table `[text]` of the file: how its words reach the session, and its replacements one by one.

use toml::{Table, Value};

use super::{ConfigError, Settings, schema};
use crate::{
    session::CustomWords,
    text::{Replacement, Rules, TextSettings},
};

/// The session knows the words of the file, which stand with the other things about text.
const ALIASES: [(&str, &str); 2] =
    [("text.words", "session.custom_words.words"), ("text.boost", "session.custom_words.boost")];

/// A table as the file has it, to one as the settings have it.
pub(super) fn from_file(table: &mut Table) {
    for (ours, theirs) in ALIASES {
        if let Some(value) = schema::get(table, ours).cloned() {
            schema::remove(table, ours);
            schema::set(table, theirs, value);
        }
    }
}

/// The settings as the file has them.
pub(super) fn to_file(settings: &Settings) -> Result<Table, toml::ser::Error> {
    let mut table = Table::try_from(settings)?;
    schema::remove(&mut table, "session.custom_words");
    let CustomWords { words, boost } = &settings.session.custom_words;
    let words = words.iter().cloned().map(Value::String).collect();
    schema::set(&mut table, "text.words", Value::Array(words));
    schema::set(&mut table, "text.boost", Value::Float(f64::from(*boost)));
    Ok(table)
}

/// The replacements that can be used, and a fault for each that cannot. `None` where the value is no list.
pub(super) fn replacements(key: &str, value: &Value) -> Option<(Value, Vec<ConfigError>)> {
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for (index, value) in value.as_array()?.iter().enumerate() {
        let at = format!("{key}[{index}]");
        match value.clone().try_into::<Replacement>() {
            Ok(replacement) => {
                let settings = TextSettings { replacements: vec![replacement], ..TextSettings::default() };
                match Rules::new(&settings).1.pop() {
                    None => good.push(value.clone()),
                    Some(fault) => {
                        let below = fault.key.trim_start_matches("replacements[0]");
                        let (expected, found) = (fault.expected, fault.found);
                        faults.push(ConfigError::Value { key: format!("{at}{below}"), expected, found });
                    }
                }
            }
            Err(error) => {
                let expected = "a table with `from` or `regex`, `to`, `case` and `words`".to_owned();
                let found = format!("{value}: {}", error.message());
                faults.push(ConfigError::Value { key: at, expected, found });
            }
        }
    }
    Some((Value::Array(good), faults))
}
