//! Why two sides could not be held against each other: something broke, or they are not about the same thing.

use std::path::PathBuf;

use crate::{audio::AudioError, engine::EngineError, trace::npy::NpyError};

/// A comparison of tensors came to no end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// An engine failed.
    #[error("{side}: {source}")]
    Engine {
        /// Name of the side.
        side: String,
        /// What it said.
        source: EngineError,
    },
    /// An array could not be read or written, or has another shape.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The recording could not be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A file is not the JSON that it should be.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What would do.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file of a folder does not fit the others.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What the other files ask for.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A folder lacks a file that this comparison needs.
    #[error("{}: expected {expected} in this folder, found {}", folder.display(), listed(found))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// File that is needed.
        expected: &'static str,
        /// Arrays that are there.
        found: Vec<String>,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The features are those of the other layout.
    #[error(
        "{}: expected features [mel frames, {mel_bins}], found {found:?}: they are transposed; write \
         numpy.ascontiguousarray(features.T)", path.display()
    )]
    Transposed {
        /// The file.
        path: PathBuf,
        /// Values per frame by the contract.
        mel_bins: usize,
        /// Sizes in its header.
        found: Vec<usize>,
    },
    /// The input does not fit one window.
    #[error(
        "{input}: expected {expected} mel frames, what the model takes in one window, found {found} ({:.2} s)",
        *found as f64 / 100.0
    )]
    Length {
        /// What was given.
        input: String,
        /// Bounds in words.
        expected: String,
        /// Mel frames it has.
        found: usize,
    },
    /// The input holds NaN or infinity.
    #[error("{input}: expected finite values, found {found} that are not")]
    NotFinite {
        /// What was given.
        input: String,
        /// How many.
        found: usize,
    },
    /// Something that the sides must share is not the same.
    #[error(transparent)]
    NotComparable(#[from] NotComparable),
}

/// The sides are not about the same thing: whatever numbers came out would say nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotComparable {
    /// The tensors come from another model.
    #[error("not comparable: {side} is of another model: expected {expected}, found {found}")]
    Model {
        /// Name of the side.
        side: String,
        /// Model and hash of its encoder here.
        expected: String,
        /// The same by the folder.
        found: String,
    },
    /// Another number of rows or values.
    #[error("not comparable: {what} of {side}: expected {expected:?} as the first side has, found {found:?}")]
    Shape {
        /// Name of the side.
        side: String,
        /// Which tensor.
        what: &'static str,
        /// Rows and values per row of the first side.
        expected: [usize; 2],
        /// The same of this side.
        found: [usize; 2],
    },
    /// The tokens or frames of the paths differ.
    #[error(
        "not comparable: {side} went another way: at {what} {at} expected {expected}, found {found}; from there on its \
         inputs are others"
    )]
    Path {
        /// Name of the side.
        side: String,
        /// What is counted: `token` or `step`.
        what: &'static str,
        /// Where the paths part, counted from 0.
        at: usize,
        /// What the first side has there.
        expected: String,
        /// What this side has.
        found: String,
    },
    /// A step that a side never made.
    #[error("not comparable: {side} made {found} steps, expected more than {step}")]
    Step {
        /// Name of the side.
        side: String,
        /// The step asked for, counted from 0.
        step: usize,
        /// Steps it made.
        found: usize,
    },
}

impl TensorError {
    /// For [`Result::map_err`] on what the engine of `side` says.
    pub(super) fn engine(side: &str) -> impl FnOnce(EngineError) -> Self {
        let side = side.to_owned();
        move |source| Self::Engine { side, source }
    }
}

fn listed(found: &[String]) -> String {
    if found.is_empty() { "no array".to_owned() } else { found.join(", ") }
}
