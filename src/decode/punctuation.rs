//! Punctuation suppression: which pieces it masks, and when.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_general_category::{GeneralCategory, get_general_category};

/// What punctuation the decoder may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Punctuation {
    /// Nothing is suppressed.
    #[default]
    Off,
    /// None before an utterance's first word.
    Leading,
    /// None at all.
    All,
}

impl Punctuation {
    /// All choices, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Off, Self::Leading, Self::All];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Leading => "leading",
            Self::All => "all",
        }
    }

    /// Whether it acts, given whether the utterance has a word already.
    pub(super) fn acts(self, has_word: bool) -> bool {
        match self {
            Self::Off => false,
            Self::Leading => !has_word,
            Self::All => true,
        }
    }
}

impl fmt::Display for Punctuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Punctuation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == text);
        found.ok_or_else(|| format!("expected off, leading or all, found {text:?}"))
    }
}

/// Whether `c` is of a Unicode category P*.
pub(super) fn is_punctuation(c: char) -> bool {
    use GeneralCategory as G;
    matches!(
        get_general_category(c),
        G::ConnectorPunctuation
            | G::DashPunctuation
            | G::OpenPunctuation
            | G::ClosePunctuation
            | G::InitialPunctuation
            | G::FinalPunctuation
            | G::OtherPunctuation
    )
}

/// Whether `c` opens something: a space belongs before it. The straight double quote may open or close, and keeps its space.
pub(super) fn opens(c: char) -> bool {
    let category = get_general_category(c);
    c == '"' || matches!(category, GeneralCategory::OpenPunctuation | GeneralCategory::InitialPunctuation)
}

/// Apostrophes and hyphens belong to words: they are never suppressed.
fn belongs_to_words(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '-' | '\u{2010}' | '\u{2011}')
}

/// Whether suppression masks a piece (without its word mark): punctuation alone, apostrophe and hyphen excepted.
pub(super) fn is_maskable(piece: &str) -> bool {
    !piece.is_empty() && piece.chars().all(|c| is_punctuation(c) && !belongs_to_words(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pure_punctuation_is_masked() {
        for piece in [".", ",", "?!", "…", "—", "\"", "¿"] {
            assert!(is_maskable(piece), "{piece}");
        }
        for piece in ["", "'", "’", "-", "'s", ".5", "$", "a.", "%a"] {
            assert!(!is_maskable(piece), "{piece}");
        }
    }

    #[test]
    fn names_go_both_ways() {
        for mode in Punctuation::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert!("none".parse::<Punctuation>().is_err());
    }
}
