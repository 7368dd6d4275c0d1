//! Encoder frames in; decisions and words out. No thread, clock, file or device.

mod argmax;
pub mod margins;
mod punctuation;
mod record;
mod tdt;
mod vocab;
mod words;

pub use crate::engine::TokenId;
pub use argmax::{best, log_sum_exp, top_k};
pub use punctuation::Punctuation;
pub use record::{Candidate, Decision, Suppressed};
pub use tdt::{TdtDecoder, TdtRules};
pub use vocab::{Vocabulary, VocabularyError};
pub use words::{Word, WordToken, merge_glued, text_of, words_from_tokens};
