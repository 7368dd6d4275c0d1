//! Custom words as a prefix trie of tokens, and the bonus for tokens that follow it.

use std::collections::BTreeMap;

use crate::{
    decode::{
        CustomWords, Vocabulary,
        argmax::top_k,
        segment::{Pieces, segmentations},
    },
    engine::TokenId,
};

/// SentencePiece's mark of a word's beginning.
const WORD_MARK: char = '\u{2581}';
/// What a word may cost in all, in boosts: the raw logits by which its tokens lay below those they overtook.
const MOST_COST: f32 = 2.0;
/// A token gets a bonus only if it is among so many of the best: the model must have thought of it.
const CANDIDATES: usize = 8;

/// Words ready to be followed.
#[derive(Clone, Debug)]
pub struct WordTrie {
    boost: f32,
    /// The root is the first.
    nodes: Vec<Node>,
    unwritable: Vec<String>,
}

/// A beginning of one or more words.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The node that each token leads to.
    next: BTreeMap<u32, usize>,
    /// Share of its word that is spelled here, in (0, 1]; of several words that of the shortest.
    share: f32,
}

/// Where a decoder stands in the trie: the words it may be within, each with what it has cost so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Walk(Vec<(usize, f32)>);

impl WordTrie {
    /// The words that `vocabulary` can write; `None` where there is nothing to boost.
    pub fn new(custom: &CustomWords, vocabulary: &Vocabulary) -> Option<Self> {
        if custom.is_off() {
            return None;
        }
        let pieces = vocabulary.pieces().iter().enumerate().map(|(id, piece)| (piece.as_str(), id as u32));
        let pieces: Pieces<'_> = pieces.filter(|(_, id)| !vocabulary.is_silent(TokenId(*id))).collect();
        let boost = custom.boost.min(CustomWords::MOST);
        let mut trie = Self { boost, nodes: vec![Node::default()], unwritable: Vec::new() };
        for word in &custom.words {
            let ways: Vec<Vec<u32>> = forms(word).iter().flat_map(|form| cut(form, &pieces)).collect();
            for tokens in &ways {
                trie.insert(tokens, vocabulary);
            }
            if ways.is_empty() {
                trie.unwritable.push(word.clone());
            }
        }
        Some(trie)
    }

    /// Words that the vocabulary has no pieces for.
    pub fn unwritable(&self) -> &[String] {
        &self.unwritable
    }

    fn insert(&mut self, tokens: &[u32], vocabulary: &Vocabulary) {
        let letters = |token: &u32| vocabulary.piece(TokenId(*token)).chars().filter(|c| *c != WORD_MARK).count();
        let whole = tokens.iter().map(letters).sum::<usize>().max(1);
        let (mut at, mut spelled) = (0, 0);
        for token in tokens {
            let fresh = self.nodes.len();
            at = *self.nodes[at].next.entry(*token).or_insert(fresh);
            if at == fresh {
                self.nodes.push(Node::default());
            }
            spelled += letters(token);
            self.nodes[at].share = self.nodes[at].share.max(spelled as f32 / whole as f32);
        }
    }

    /// The logits with the bonuses added, if there is a bonus for a token that may be chosen.
    ///
    /// A token's bonus is the boost times the share of the word that it completes. A greedy decoder cannot take a token back,
    /// so a beginning that may yet be abandoned is worth little, and the end of a word all of it.
    ///
    /// `winner`: what wins without. `allowed`: whether a token may be chosen at all.
    pub(super) fn lift(
        &self,
        walk: &Walk,
        logits: &[f32],
        winner: usize,
        allowed: impl Fn(usize) -> bool,
    ) -> Option<Vec<f32>> {
        let least = top_k(logits, CANDIDATES).last()?.logit;
        let mut lifted: Option<Vec<f32>> = None;
        for (node, spent) in walk.0.iter().copied().chain([(0, 0.0)]) {
            for (token, to) in &self.nodes[node].next {
                let (token, bonus) = (*token as usize, self.boost * self.nodes[*to].share);
                let Some(logit) = logits.get(token).copied() else { continue };
                let cost = (logits[winner] - logit).max(0.0);
                if logit < least || cost > bonus || spent + cost > MOST_COST * self.boost || !allowed(token) {
                    continue;
                }
                let lifted = lifted.get_or_insert_with(|| logits.to_vec());
                lifted[token] = lifted[token].max(logit + bonus);
            }
        }
        lifted
    }

    /// The walk after `token`, which cost so many logits.
    pub(super) fn follow(&self, walk: &Walk, token: TokenId, cost: f32) -> Walk {
        let from = walk.0.iter().copied().chain([(0, 0.0)]);
        let step = |(node, spent): (usize, f32)| Some((*self.nodes[node].next.get(&token.0)?, spent + cost));
        Walk(from.filter_map(step).collect())
    }
}

/// How a word may stand in a text: as given, and with the other case of its first letter, as at the beginning of a sentence.
fn forms(word: &str) -> Vec<String> {
    let mut letters = word.trim().chars();
    let Some(first) = letters.next() else { return Vec::new() };
    let other: String =
        if first.is_uppercase() { first.to_lowercase().collect() } else { first.to_uppercase().collect() };
    let mut forms = vec![word.trim().to_owned(), other + letters.as_str()];
    forms.dedup();
    forms
}

/// The ways to write a word or phrase; a phrase goes one of the two ways throughout.
fn cut(form: &str, pieces: &Pieces<'_>) -> Vec<Vec<u32>> {
    let words: Vec<Vec<Vec<u32>>> =
        form.split_whitespace().map(|word| segmentations(&format!("{WORD_MARK}{word}"), pieces)).collect();
    if words.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let way =
        |pick: fn(&Vec<Vec<u32>>) -> Option<&Vec<u32>>| words.iter().filter_map(pick).flatten().copied().collect();
    let mut ways: Vec<Vec<u32>> = vec![way(|ways| ways.first()), way(|ways| ways.last())];
    ways.dedup();
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [&str; 14] = ["ow", "er", "our", "▁f", "▁F", "l", "o", "u", "r", "f", "▁", "▁new", "▁york", "F"];

    fn vocabulary() -> Vocabulary {
        Vocabulary::parse("v", &PIECES.join("\n"), PIECES.len()).unwrap()
    }

    fn trie(words: &[&str]) -> WordTrie {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        WordTrie::new(&CustomWords { words, boost: 2.0 }, &vocabulary()).unwrap()
    }

    fn token(piece: &str) -> usize {
        PIECES.iter().position(|p| *p == piece).unwrap()
    }

    fn walk(trie: &WordTrie, said: &[&str]) -> Walk {
        said.iter().fold(Walk::default(), |walk, piece| trie.follow(&walk, TokenId(token(piece) as u32), 0.0))
    }

    /// What each piece gets after `said`, where all raw logits are equal.
    fn bonuses(trie: &WordTrie, said: &[&str]) -> Vec<(&'static str, f32)> {
        // No more than so many are among the best of equals.
        let lifted = trie.lift(&walk(trie, said), &[0.0; PIECES.len()], 0, |_| true).unwrap_or_default();
        PIECES.into_iter().zip(lifted).filter(|(_, bonus)| *bonus > 0.0).collect()
    }

    #[test]
    fn a_bonus_grows_with_what_is_spelled_and_ends_off_the_path() {
        let trie = trie(&["flour"]);
        assert_eq!(bonuses(&trie, &[]), [("▁f", 0.4), ("▁F", 0.4)]);
        assert_eq!(bonuses(&trie, &["▁f"]), [("▁f", 0.4), ("▁F", 0.4), ("l", 0.8)]);
        assert_eq!(bonuses(&trie, &["▁F", "l"])[0], ("our", 2.0));
        assert_eq!(bonuses(&trie, &["▁f", "l", "ow"]), bonuses(&trie, &[]), "off the path it begins anew");
    }

    #[test]
    fn phrases_go_over_words() {
        let trie = trie(&["new york"]);
        assert!(bonuses(&trie, &["▁new"]).contains(&("▁york", 2.0)));
        assert!(trie.unwritable().is_empty());
    }

    #[test]
    fn what_the_vocabulary_cannot_write_is_named_and_never_begun() {
        assert_eq!(trie(&["flöur", "flour"]).unwritable(), ["flöur"]);
        assert!(bonuses(&trie(&["flöur"]), &[]).is_empty());
    }

    #[test]
    fn nothing_to_boost_is_no_trie() {
        let none = |words: &[&str], boost| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            WordTrie::new(&CustomWords { words, boost }, &vocabulary()).is_none()
        };
        assert!(none(&[], 2.0) && none(&["  "], 2.0) && none(&["flour"], 0.0));
    }

    #[test]
    fn a_token_out_of_reach_gets_nothing_and_a_word_costs_no_more_than_its_bound() {
        let trie = trie(&["flour"]);
        let logits = |below: f32| -> Vec<f32> {
            let of = |piece: &str| {
                if piece == "l" {
                    -below
                } else if piece == "ow" {
                    0.0
                } else {
                    -9.0
                }
            };
            PIECES.into_iter().map(of).collect()
        };
        let wins = |walk: &Walk, below: f32| {
            let lifted = trie.lift(walk, &logits(below), token("ow"), |_| true);
            lifted.is_some_and(|lifted| lifted[token("l")] > 0.0)
        };
        let begun = walk(&trie, &["▁f"]);
        assert!(wins(&begun, 0.7) && !wins(&begun, 0.9), "two letters of five are worth 0.8");
        let spent = trie.follow(&Walk::default(), TokenId(token("▁f") as u32), 3.5);
        assert!(wins(&spent, 0.4) && !wins(&spent, 0.6), "4 logits in all");
        assert!(trie.lift(&begun, &logits(0.4), token("ow"), |index| index != token("l")).is_none());
        // Eight others between the best and it.
        let mut crowd = logits(0.5);
        for (index, logit) in crowd.iter_mut().enumerate() {
            *logit = if index >= 6 { -0.1 } else { *logit };
        }
        assert!(!trie.lift(&begun, &crowd, token("ow"), |_| true).is_some_and(|lifted| lifted[token("l")] > 0.0));
    }
}
