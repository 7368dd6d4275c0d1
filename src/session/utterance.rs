//! One utterance: its windows, its decoder, and the tokens that are not words yet.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    decode::{TdtDecoder, TdtRules, Vocabulary, Word, WordToken, WordTrie, words_from_tokens},
    features::RunningStats,
    session::{
        SessionSettings, Window, WindowSettings,
        window::{Planner, Policy},
    },
    units::{EncIdx, MelIdx, SampleIdx},
};

/// The state that a hop advances, all or nothing: a hop works on a clone and hands it back when it succeeded.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Committed state of the decoder.
    pub(super) decoder: TdtDecoder,
    /// Committed tokens of a word that is still open.
    pub(super) open: Vec<WordToken>,
    /// Whether a word was committed in this utterance.
    pub(super) has_words: bool,
}

/// One utterance.
#[derive(Debug)]
pub(super) struct Utterance {
    planner: Planner,
    pub(super) progress: Progress,
    /// Statistics of the features since the utterance began, for running normalisation.
    pub(super) stats: RunningStats,
    /// First mel frame that is not in `stats` yet.
    pub(super) stats_end: MelIdx,
}

impl Utterance {
    pub(super) fn new(rules: &Arc<TdtRules>, policy: Policy, longest: u64, start: EncIdx) -> Self {
        Self {
            planner: Planner::new(policy, longest, start),
            progress: Progress {
                decoder: TdtDecoder::new(Arc::clone(rules), start),
                open: Vec::new(),
                has_words: false,
            },
            stats: RunningStats::default(),
            stats_end: start.mel(),
        }
    }

    /// The next window if its audio has arrived.
    pub(super) fn due(&self, available: SampleIdx) -> Option<Window> {
        self.planner.due(available)
    }

    /// The window that ends the utterance.
    pub(super) fn last(&self, available: SampleIdx) -> Window {
        self.planner.last(available)
    }

    /// Where the window may end what it commits, if that is for it to choose.
    pub(super) fn handovers(&self, window: &Window) -> Option<RangeInclusive<EncIdx>> {
        self.planner.handovers(window)
    }

    /// First frame that is not committed yet.
    pub(super) fn commit_line(&self) -> EncIdx {
        self.planner.commit_line()
    }

    /// Hands the decoder its settings; `words`: the custom ones among them, made ready.
    pub(super) fn configure(&mut self, settings: &SessionSettings, words: Option<&Arc<WordTrie>>) {
        self.progress.decoder.set_words(words);
        self.progress.decoder.set_punctuation(settings.punctuation);
        self.progress.decoder.set_top_k(settings.top_k.get());
    }

    /// New window sizes from the next hop on.
    pub(super) fn set_window(&mut self, window: WindowSettings) {
        self.planner.set_policy(Policy::Stream(window));
    }

    /// The hop succeeded.
    pub(super) fn done(&mut self, window: &Window, progress: Progress) {
        self.planner.done(window);
        self.progress = progress;
    }
}

impl Progress {
    /// Takes the words that are finished out of the open tokens, given the tokens of the right context.
    ///
    /// The last word is finished if the right context opens another one next, says nothing, or goes on with punctuation
    /// alone. Should a later hop go on with it after all, what follows is committed as a glued word: text once
    /// committed is never changed, only continued.
    pub(super) fn take_words(&mut self, tail: &[WordToken], vocabulary: &Vocabulary, window: &Window) -> Vec<Word> {
        let heard = |token: &&WordToken| !vocabulary.is_silent(token.token);
        let continues = tail
            .iter()
            .find(heard)
            .is_some_and(|next| !vocabulary.opens_word(next.token) && !vocabulary.is_punctuation(next.token));
        let finished = if continues {
            self.open.iter().rposition(|token| vocabulary.opens_word(token.token)).unwrap_or(0)
        } else {
            self.open.len()
        };
        let rest = self.open.split_off(finished);
        let tokens = std::mem::replace(&mut self.open, rest);
        let words = words_from_tokens(&tokens, vocabulary, self.has_words, clip(window));
        self.has_words |= !words.is_empty();
        words
    }

    /// The grey tail: the open word, if any, and what the right context says.
    pub(super) fn tail_words(&self, tail: &[WordToken], vocabulary: &Vocabulary, window: &Window) -> Vec<Word> {
        let tokens: Vec<WordToken> = self.open.iter().chain(tail).cloned().collect();
        words_from_tokens(&tokens, vocabulary, self.has_words, clip(window))
    }
}

/// Words end with their utterance; within it a duration may reach beyond the window.
fn clip(window: &Window) -> EncIdx {
    if window.last { window.end } else { EncIdx(u64::MAX) }
}
