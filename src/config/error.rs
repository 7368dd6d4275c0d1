//! What can be wrong with the settings file, each fault with its place.

use std::{io, path::PathBuf};

use thiserror::Error;

impl ConfigError {
    /// What holds instead of a wrong value.
    pub(super) fn instead(&self) -> &'static str {
        match self {
            Self::Value { key, .. } if key.ends_with(']') || key.contains("].") => "this rule is left out",
            Self::Value { key, .. } if key.starts_with("hotkeys.") => "no key is taken for it",
            _ => "the default is used",
        }
    }
}

/// A fault of the settings file, or of reading and writing it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key holds a value of the wrong kind or out of range.
    #[error("{key}: expected {expected}, found {found}")]
    Value {
        /// Dotted path of the key.
        key: String,
        /// What the key may hold.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The file is no TOML.
    #[error("{path} is not valid TOML: {reason}")]
    Syntax {
        /// The settings file.
        path: PathBuf,
        /// Line, column and reason.
        reason: String,
    },
    /// The file was written by a program that knows a later layout.
    #[error("{path}: schema_version: expected at most {expected}, found {found}; it was written by a newer version")]
    Newer {
        /// The settings file.
        path: PathBuf,
        /// The version this program knows.
        expected: u32,
        /// The version in the file.
        found: i64,
    },
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The settings file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file, or its folder, could not be written.
    #[error("cannot write {path}: {source}; the settings hold until the program ends")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings cannot be written as TOML.
    #[error("cannot write the settings as TOML: {0}")]
    Serialize(#[from] toml::ser::Error),
}
