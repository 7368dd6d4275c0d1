//! Whether two traces can be compared at all: by their headers, the same contract and the same windows.

use serde::Serialize;
use serde_json::Value;

use crate::trace::Header;

/// A field that the two headers declare differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDifference {
    /// Dotted path, for example `contract.front_end.mel_bins`.
    pub field: String,
    /// In the first trace.
    pub a: String,
    /// In the second.
    pub b: String,
}

/// Why two traces cannot be compared.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "not_comparable", rename_all = "snake_case")]
pub enum NotComparable {
    /// They are of other models.
    #[error("the headers declare another contract: {}", list(differences))]
    Contract {
        /// Where.
        differences: Vec<FieldDifference>,
    },
    /// They were cut into other windows.
    #[error("the headers declare other windows: {}", list(differences))]
    Windows {
        /// Where.
        differences: Vec<FieldDifference>,
    },
}

fn list(differences: &[FieldDifference]) -> String {
    let all: Vec<String> = differences.iter().map(|d| format!("{} is {} against {}", d.field, d.a, d.b)).collect();
    all.join(", ")
}

/// Refuses headers of other contracts or windows. `ignore_weights`: other graph files of the same shapes are the same model.
pub(super) fn check(a: &Header, b: &Header, ignore_weights: bool) -> Result<(), NotComparable> {
    let contract = |header: &Header| {
        let mut value = serde_json::to_value(&header.contract).unwrap_or_default();
        forget(&mut value, ignore_weights);
        value
    };
    let differences = differences("contract", &contract(a), &contract(b));
    if !differences.is_empty() {
        return Err(NotComparable::Contract { differences });
    }
    let windows = |header: &Header| {
        let settings = &header.settings;
        let mut value = serde_json::json!({ "whole_file": header.whole_file });
        if !header.whole_file {
            value["settings"] = serde_json::json!({ "window": settings.window, "endpoint": settings.endpoint });
        }
        value
    };
    let differences = self::differences("", &windows(a), &windows(b));
    if differences.is_empty() { Ok(()) } else { Err(NotComparable::Windows { differences }) }
}

/// What else the headers declare differently: worth saying, no reason not to compare.
pub(super) fn declared(a: &Header, b: &Header) -> Vec<FieldDifference> {
    let rest = |header: &Header| {
        serde_json::json!({
            "engine": header.engine,
            "settings": {
                "feature_norm": header.settings.feature_norm,
                "punctuation": header.settings.punctuation,
                "custom_words": header.settings.custom_words,
            },
            "input": header.input,
        })
    };
    let mut found = differences("", &rest(a), &rest(b));
    found.retain(|difference| difference.field != "engine.parity");
    found
}

/// Takes out what says nothing of how the model decides.
fn forget(contract: &mut Value, weights: bool) {
    let Value::Object(fields) = contract else { return };
    fields.remove("probe");
    if weights {
        fields.remove("name");
        fields.remove("weights");
        for graph in ["encoder", "predictor", "joint"] {
            if let Some(Value::Object(graph)) = fields.get_mut("graphs").and_then(|graphs| graphs.get_mut(graph)) {
                graph.remove("file");
                graph.remove("sha256");
            }
        }
    }
}

/// Leaves that are not equal.
fn differences(path: &str, a: &Value, b: &Value) -> Vec<FieldDifference> {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (a, b) {
        (Value::Object(fields_a), Value::Object(fields_b)) => {
            let mut keys: Vec<&String> = fields_a.keys().chain(fields_b.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            let at = |value: &Value, key: &str| value.get(key).cloned().unwrap_or(Value::Null);
            keys.into_iter().flat_map(|key| differences(&join(key), &at(a, key), &at(b, key))).collect()
        }
        _ if a == b => Vec::new(),
        _ => vec![FieldDifference { field: path.to_owned(), a: a.to_string(), b: b.to_string() }],
    }
}
