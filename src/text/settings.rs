//! The rules as a user sets them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Rules for text. All are off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each rule")]
pub struct TextSettings {
    /// Whose lists of filler words and commands are taken.
    pub language: Language,
    /// Leave filler words out.
    pub fillers: bool,
    /// These instead of the language's list, if there are any.
    pub filler_words: Vec<String>,
    /// Write marks and line breaks that are spoken.
    pub commands: bool,
    /// Commands besides those of the language, as spoken and as written; an empty text takes one of the language's away.
    pub command_table: BTreeMap<String, String>,
    /// Write English cardinals from ten on as digits.
    pub numbers: bool,
    /// A capital at the beginning, after a full stop and its like, and after a line break.
    pub capitals: bool,
    /// In the order in which they are tried.
    pub replacements: Vec<Replacement>,
}

/// One replacement: of words as they are spoken, or by a regular expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replacement {
    /// One or more words; punctuation around them stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Instead of `from`: a regular expression that one or more whole words fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// What is written instead; of a regular expression with `$1` and `${name}`.
    pub to: String,
    /// Of `from`: whether upper and lower case are told apart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub case: bool,
    /// Of `regex`: words that it may span, 1 to 8; left out, one more than it has spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<usize>,
}

/// A language that there are lists for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Language {
    /// All of them, by the names that files have.
    pub const NAMES: [&'static str; 4] = ["en", "de", "fr", "es"];
}
