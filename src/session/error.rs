//! What can go wrong in a session.

use crate::{decode::VocabularyError, engine::EngineError};

/// A session could not be made, told or fed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The engine failed. The session stands where it stood: the next push tries the same window again.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The model's vocabulary is not what its contract says.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A setting is out of range; the old one stays.
    #[error("{setting}: expected {expected}, found {found}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// The range, with its unit.
        expected: String,
        /// What was asked for.
        found: f64,
    },
    /// Features that were fed do not fit their window.
    #[error("features: expected [{} or up to 7 fewer, {}], found {found:?}", expected[0], expected[1])]
    Features {
        /// Mel frames and mel bins.
        expected: [usize; 2],
        /// The same as they came.
        found: [usize; 2],
    },
    /// A block lies before the end of the one before.
    #[error("audio went backwards: expected sample {expected} or later, found {found}")]
    Backwards {
        /// End of the block before.
        expected: u64,
        /// Start of this block.
        found: u64,
    },
}
