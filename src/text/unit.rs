//! A word as rules see it: with the parts that were committed later and without the punctuation at its edges.

use crate::{
    decode::{Word, text_of},
    text::edges::{lower, split},
};

/// A committed word and the glued parts that followed it.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// As they were committed.
    pub(super) raw: Vec<Word>,
    /// Their text.
    pub(super) text: String,
    /// Opening punctuation, what is between, closing punctuation.
    pub(super) head: String,
    pub(super) core: String,
    pub(super) tail: String,
    /// `core` in lower case.
    pub(super) lower: String,
}

impl Unit {
    pub(super) fn new(raw: Vec<Word>) -> Self {
        let text = text_of(&raw);
        let (head, core, tail) = split(&text);
        let (head, core, tail) = (head.to_owned(), core.to_owned(), tail.to_owned());
        Self { raw, lower: lower(&core), text, head, core, tail }
    }

    /// Text behind the opening punctuation, to which a later part may still be added.
    pub(super) fn stem(&self) -> &str {
        &self.text[self.head.len()..]
    }
}
