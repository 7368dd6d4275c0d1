//! The user's own words as a setting: what they are, and how strongly the decoder is drawn to them.

use serde::{Deserialize, Serialize};

/// Words and phrases that the model may not know, such as names. None by default, and then nothing is boosted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomWords {
    /// As they are to be written; a phrase has spaces.
    pub words: Vec<String>,
    /// The largest bonus that one token can get, in logits; 0 boosts nothing.
    pub boost: f32,
}

impl CustomWords {
    /// The boost unless one is set, in logits: the last token of a word wins against one that the model holds for up to
    /// e^3 = 20 times as likely, the first of five letters against one up to 1.8 times as likely.
    pub const BOOST: f32 = 3.0;
    /// The largest boost that can be set: beyond it any word could be forced.
    pub const MOST: f32 = 10.0;

    /// Whether nothing was set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing is boosted.
    pub fn is_off(&self) -> bool {
        self.boost <= 0.0 || self.words.iter().all(|word| word.trim().is_empty())
    }
}

impl Default for CustomWords {
    fn default() -> Self {
        Self { words: Vec::new(), boost: Self::BOOST }
    }
}
