//! Tokens into words with times and confidence.

use serde::{Deserialize, Serialize};

use crate::{
    decode::{Decision, Vocabulary},
    engine::TokenId,
    units::EncIdx,
};

/// A word as it is shown, with the decisions behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Text without surrounding white space.
    pub text: String,
    /// Written without a space before it: it continues the word that was committed before.
    pub glued: bool,
    /// First encoder frame of its first token.
    pub start: EncIdx,
    /// One past the last encoder frame of its last token.
    pub end: EncIdx,
    /// The least softmax probability of its tokens within the token head, in [0, 1].
    pub confidence: f32,
    /// The decisions that emitted its tokens, in order; blanks are left out.
    pub tokens: Vec<WordToken>,
}

/// One token of a word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WordToken {
    /// Index into the vocabulary.
    pub token: TokenId,
    /// The vocabulary piece, U+2581 where it opens a word.
    pub piece: String,
    /// Step of the decision in its utterance.
    pub step: u64,
    /// Encoder frame of the decision.
    pub frame: EncIdx,
    /// Duration in encoder frames.
    pub duration: u32,
    /// Softmax probability within the token head.
    pub token_probability: f32,
    /// Softmax probability of the duration within its head.
    pub duration_probability: f32,
    /// Raw-logit margin in the token head.
    pub token_margin: f32,
    /// Raw-logit margin in the duration head.
    pub duration_margin: f32,
}

impl WordToken {
    /// The part of a decision that a word keeps.
    pub fn from_decision(decision: &Decision, vocabulary: &Vocabulary) -> Self {
        Self {
            token: decision.token,
            piece: vocabulary.piece(decision.token).to_owned(),
            step: decision.step,
            frame: decision.frame,
            duration: decision.duration,
            token_probability: decision.token_probability,
            duration_probability: decision.duration_probability,
            token_margin: decision.token_margin,
            duration_margin: decision.duration_margin,
        }
    }

    /// One past the last encoder frame.
    pub fn end(&self) -> EncIdx {
        EncIdx(self.frame.0 + u64::from(self.duration))
    }
}

/// Groups tokens into words. The first is `glued` if it does not open a word and `continues` says that one came before.
/// Words that end beyond `limit` are clipped there. Tokens that write nothing are left out.
pub fn words_from_tokens(tokens: &[WordToken], vocabulary: &Vocabulary, continues: bool, limit: EncIdx) -> Vec<Word> {
    let mut groups: Vec<Vec<&WordToken>> = Vec::new();
    let mut spoken = tokens.iter().filter(|token| !vocabulary.is_silent(token.token)).peekable();
    while let Some(token) = spoken.next() {
        let next = spoken.peek().map(|next| next.token);
        match groups.last_mut() {
            Some(group) if !vocabulary.opens_word_before(token.token, next) => group.push(token),
            _ => groups.push(vec![token]),
        }
    }
    groups.into_iter().filter_map(|group| word_from_group(&group, vocabulary, continues, limit)).collect()
}

fn word_from_group(group: &[&WordToken], vocabulary: &Vocabulary, continues: bool, limit: EncIdx) -> Option<Word> {
    let (first, last) = (group.first()?, group.last()?);
    // Punctuation has no length of its own: it ends where the token before it ends (NeMo `_refine_timestamps_tdt`).
    let spoken = group.iter().rev().find(|token| !vocabulary.is_punctuation(token.token));
    let end = spoken.map_or(last.frame, |token| token.end());
    Some(Word {
        text: vocabulary.text(group.iter().map(|token| token.token)),
        glued: continues && !vocabulary.opens_word_before(first.token, group.get(1).map(|next| next.token)),
        start: first.frame.min(limit),
        end: end.max(first.frame).min(limit),
        confidence: group.iter().map(|token| token.token_probability).fold(1.0, f32::min),
        tokens: group.iter().map(|token| (*token).clone()).collect(),
    })
}

/// The text of consecutive words: a space before each but the first and the glued.
pub fn text_of(words: &[Word]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() && !word.glued {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

/// Joins each glued word to the one before it, so that a word committed in two parts counts once.
pub fn merge_glued(words: impl IntoIterator<Item = Word>) -> Vec<Word> {
    let mut merged: Vec<Word> = Vec::new();
    for word in words {
        match merged.last_mut() {
            Some(before) if word.glued => before.absorb(word),
            _ => merged.push(word),
        }
    }
    merged
}

impl Word {
    /// Takes a glued word in as this word's end.
    pub fn absorb(&mut self, next: Word) {
        self.text.push_str(&next.text);
        // Punctuation alone has no length and does not stretch the word.
        if next.end > next.start {
            self.end = self.end.max(next.end);
        }
        self.confidence = self.confidence.min(next.confidence);
        self.tokens.extend(next.tokens);
    }
}
