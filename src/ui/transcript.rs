//! The text so far: all committed words, in paragraphs of one utterance each.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    decode::{Word, text_of},
    text::{CaredWord, Rule},
};

/// Newest words that keep their tokens. Older ones keep text, times and confidence.
pub(crate) const DETAILED_WORDS: usize = 2_000;

/// Words and where paragraphs begin.
#[derive(Clone, Debug, Default, PartialEq)]
struct Text {
    words: Vec<Word>,
    /// Index of the first word of each paragraph.
    paragraphs: Vec<usize>,
    /// By index, where a rule changed the text: what was committed, and which rule.
    changes: BTreeMap<usize, Change>,
}

/// What a rule for text did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// Text of the words as they were committed.
    pub(crate) committed: String,
    pub(crate) rule: Rule,
}

/// Grows with the text and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    text: Text,
    cleared: Option<Text>,
    /// The next word begins a paragraph.
    breaks: bool,
    /// Words whose tokens were dropped.
    bare: usize,
    /// A recorded run: all words keep their tokens.
    keeps_tokens: bool,
    /// Counts changes other than appending: who laid out the words must begin anew.
    generation: u64,
}

impl Transcript {
    /// A transcript whose words all keep their tokens.
    pub(crate) fn keeping_tokens() -> Self {
        Self { keeps_tokens: true, ..Self::default() }
    }

    pub(crate) fn push(&mut self, words: Vec<Word>) {
        if words.is_empty() {
            return;
        }
        if self.breaks || self.text.paragraphs.is_empty() {
            self.text.paragraphs.push(self.text.words.len());
            self.breaks = false;
        }
        self.text.words.extend(words);
        if self.keeps_tokens {
            return;
        }
        let keep_from = self.text.words.len().saturating_sub(DETAILED_WORDS);
        for word in self.text.words.get_mut(self.bare..keep_from).unwrap_or_default() {
            word.tokens = Vec::new();
        }
        self.bare = self.bare.max(keep_from);
    }

    /// Takes texts that rules made of committed words. What was left out is not shown, and a line break begins a paragraph.
    pub(crate) fn push_cared(&mut self, cared: Vec<CaredWord>) {
        for cared in cared {
            let (mut word, breaks) = (cared.word(), cared.text.contains('\n'));
            word.text = word.text.replace('\n', "");
            if !word.text.is_empty() {
                if let Some(rule) = cared.rule {
                    let change = Change { committed: text_of(&cared.raw), rule };
                    self.text.changes.insert(self.text.words.len(), change);
                }
                self.push(vec![word]);
            }
            self.breaks |= breaks;
        }
    }

    /// What a rule did at the word of this index.
    pub(crate) fn change(&self, index: usize) -> Option<&Change> {
        self.text.changes.get(&index)
    }

    /// The next words begin a paragraph.
    pub(crate) fn end_paragraph(&mut self) {
        self.breaks = true;
    }

    /// Takes the text away; [`Self::undo_clear`] brings it back.
    pub(crate) fn clear(&mut self) {
        if self.text.words.is_empty() {
            return;
        }
        self.cleared = Some(std::mem::take(&mut self.text));
        self.bare = 0;
        self.generation += 1;
    }

    /// Puts the text that was cleared last before what came since.
    pub(crate) fn undo_clear(&mut self) {
        let Some(mut text) = self.cleared.take() else { return };
        let offset = text.words.len();
        text.paragraphs.extend(self.text.paragraphs.iter().map(|first| first + offset));
        text.words.append(&mut self.text.words);
        text.changes
            .extend(std::mem::take(&mut self.text.changes).into_iter().map(|(at, change)| (at + offset, change)));
        self.text = text;
        self.bare = 0;
        self.generation += 1;
    }

    pub(crate) fn can_undo(&self) -> bool {
        self.cleared.is_some()
    }

    pub(crate) fn words(&self) -> &[Word] {
        &self.text.words
    }

    /// Index of the first word of each paragraph.
    pub(crate) fn paragraphs(&self) -> &[usize] {
        &self.text.paragraphs
    }

    /// The next word begins a paragraph.
    pub(crate) fn at_paragraph_end(&self) -> bool {
        self.breaks || self.text.paragraphs.is_empty()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The words of `range` as plain text, a line per paragraph.
    pub(crate) fn text(&self, range: Range<usize>) -> String {
        let mut text = String::new();
        for (index, word) in self.text.words.iter().enumerate().take(range.end).skip(range.start) {
            if !text.is_empty() {
                if self.text.paragraphs.binary_search(&index).is_ok() {
                    text.push('\n');
                } else if !word.glued {
                    text.push(' ');
                }
            }
            text.push_str(&word.text);
        }
        text
    }

    /// All committed text.
    pub(crate) fn full_text(&self) -> String {
        self.text(0..self.text.words.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::{TokenId, WordToken},
        units::EncIdx,
    };

    fn word(text: &str, glued: bool) -> Word {
        let token = WordToken {
            token: TokenId::default(),
            piece: text.to_owned(),
            step: 0,
            frame: EncIdx(0),
            duration: 1,
            token_probability: 0.5,
            duration_probability: 0.5,
            token_margin: 1.0,
            duration_margin: 1.0,
        };
        Word { text: text.to_owned(), glued, start: EncIdx(0), end: EncIdx(1), confidence: 0.5, tokens: vec![token] }
    }

    #[test]
    fn text_has_spaces_glue_and_paragraphs() {
        let mut transcript = Transcript::default();
        transcript.push(vec![word("Yes", false), word(",", true), word("of", false)]);
        transcript.push(vec![word("course.", false)]);
        transcript.end_paragraph();
        transcript.push(vec![word("Next.", false)]);
        assert_eq!(transcript.full_text(), "Yes, of course.\nNext.");
        assert_eq!(transcript.text(2..4), "of course.");
        assert_eq!(transcript.paragraphs(), [0, 4]);
    }

    #[test]
    fn clear_can_be_undone_after_more_words() {
        let mut transcript = Transcript::default();
        transcript.push(vec![word("old", false)]);
        transcript.clear();
        transcript.push(vec![word("new", false)]);
        assert_eq!(transcript.full_text(), "new");
        transcript.undo_clear();
        assert_eq!(transcript.full_text(), "old\nnew");
        assert!(!transcript.can_undo());
    }

    #[test]
    fn what_rules_made_is_shown_with_what_was_committed() {
        let cared = |text: &str, glued, raw: &str| CaredWord {
            text: text.to_owned(),
            glued,
            raw: vec![word(raw, false)],
            rule: (text != raw).then_some(Rule::Number),
        };
        let mut transcript = Transcript::default();
        transcript.push_cared(vec![cared("a", false, "a"), cared("", true, "um"), cared("12", false, "twelve")]);
        transcript.push_cared(vec![cared("\n", true, "line"), cared("b", true, "b")]);
        assert_eq!(transcript.full_text(), "a 12\nb");
        assert_eq!(transcript.change(1).map(|change| change.committed.as_str()), Some("twelve"));
        transcript.clear();
        transcript.push_cared(vec![cared("13", false, "thirteen")]);
        transcript.undo_clear();
        assert_eq!(transcript.change(3).map(|change| change.committed.as_str()), Some("thirteen"));
        assert_eq!(transcript.change(0), None);
    }

    #[test]
    fn clearing_nothing_keeps_the_text_cleared_before() {
        let mut transcript = Transcript::default();
        transcript.push(vec![word("old", false)]);
        transcript.clear();
        transcript.clear();
        transcript.undo_clear();
        assert_eq!(transcript.full_text(), "old");
    }

    #[test]
    fn only_the_newest_words_keep_their_tokens() {
        let mut transcript = Transcript::default();
        for _ in 0..700 {
            transcript.push(vec![word("a", false), word("b", false), word("c", false), word("d", false)]);
        }
        let detailed = transcript.words().iter().filter(|word| !word.tokens.is_empty()).count();
        assert_eq!(transcript.words().len(), 2_800);
        assert_eq!(detailed, DETAILED_WORDS);
        assert!(transcript.words()[799].tokens.is_empty() && !transcript.words()[800].tokens.is_empty());
    }
}
