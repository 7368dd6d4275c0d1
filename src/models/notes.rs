//! What the files of a model say of it beside the graphs: `config.json`, `model_meta.json`, and the exporter's notes in a graph.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::models::{ModelError, files::read_text};

/// Key and where it stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    said: BTreeMap<String, String>,
}

impl Notes {
    /// Those of a graph.
    pub(super) fn of_graph(said: BTreeMap<String, String>) -> Self {
        Self { said }
    }

    /// Adds those of a JSON file; what was said before stays.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ModelError> {
        let wrong = |found: String| ModelError::Layout {
            path: path.to_owned(),
            what: "the file".to_owned(),
            expected: "a JSON object".to_owned(),
            found,
        };
        let value: Value = serde_json::from_str(&read_text(path)?).map_err(|error| wrong(error.to_string()))?;
        let Value::Object(object) = value else { return Err(wrong(kind(&value).to_owned())) };
        for (key, value) in object {
            self.add(&key, &value);
        }
        Ok(())
    }

    fn add(&mut self, key: &str, value: &Value) {
        match value {
            // Of the split export: what its front-end is.
            Value::Object(inner) if key == "features" => inner.iter().for_each(|(key, value)| self.add(key, value)),
            Value::Object(_) | Value::Null => {}
            Value::String(text) => {
                self.said.entry(key.to_owned()).or_insert_with(|| text.clone());
            }
            other => {
                self.said.entry(key.to_owned()).or_insert_with(|| other.to_string());
            }
        }
    }

    /// The first of the keys that is there.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.said.get(*key)).map(String::as_str)
    }

    /// The same as a number.
    pub(super) fn number(&self, keys: &[&str]) -> Option<usize> {
        self.text(keys)?.trim().parse().ok()
    }

    /// The same as a list of numbers.
    pub(super) fn numbers(&self, keys: &[&str]) -> Option<Vec<u32>> {
        serde_json::from_str(self.text(keys)?).ok()
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
        _ => "a single value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_counts_and_what_is_no_object_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model_meta.json");
        std::fs::write(&path, r#"{"features": {"n_mels": 80}, "duration_values": [0, 2], "blank_id": 9, "x": null}"#)
            .unwrap();
        let mut notes = Notes::of_graph(BTreeMap::from([("n_mels".to_owned(), "128".to_owned())]));
        notes.add_file(&path).unwrap();
        assert_eq!((notes.number(&["feat_dim", "n_mels"]), notes.number(&["blank_id"])), (Some(128), Some(9)));
        assert_eq!((notes.numbers(&["duration_values"]), notes.text(&["x"])), (Some(vec![0, 2]), None));
        std::fs::write(&path, "[1]").unwrap();
        let error = notes.add_file(&path).unwrap_err().to_string();
        assert!(error.contains("model_meta.json") && error.contains("found a list"), "{error}");
    }
}
