//! Encoder frames in; decisions and words out. No thread, clock, file or device.

mod argmax;
mod custom_words;
pub mod margins;
mod punctuation;
mod record;
mod segment;
mod tdt;
mod vocab;
mod word_trie;
mod words;

pub use crate::engine::TokenId;
pub use argmax::{best, log_sum_exp, top_k};
pub use custom_words::CustomWords;
pub use punctuation::Punctuation;
pub use record::{Boosted, Candidate, Decision, Suppressed};
pub use tdt::{TdtDecoder, TdtRules};
pub use vocab::{Vocabulary, VocabularyError};
pub use word_trie::WordTrie;
pub use words::{Word, WordToken, merge_glued, text_of, words_from_tokens};
