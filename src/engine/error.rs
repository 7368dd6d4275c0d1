//! What can go wrong at the seam, with where it went wrong.

use crate::engine::{DType, Dim};

/// A contract, or a model's file, is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("{file}: not a model contract: {source}")]
    Parse {
        /// File name.
        file: String,
        /// Where in the file.
        source: serde_json::Error,
    },
    /// A field has a value this program cannot run.
    #[error("{file}: {field}: expected {expected}, found {found}")]
    Field {
        /// File name.
        file: String,
        /// Path of the field.
        field: String,
        /// What would do.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file's hash is not the contract's.
    #[error("{file}: SHA-256: expected {expected}, found {found}: the file is damaged or belongs to another model")]
    Hash {
        /// File name.
        file: String,
        /// Contract's hash.
        expected: String,
        /// File's hash.
        found: String,
    },
}

/// An engine could not be opened or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The graph could not be read.
    #[error("{file}: {engine} cannot load this graph: {source}")]
    Load {
        /// Engine name.
        engine: &'static str,
        /// File name.
        file: String,
        /// The engine's own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A tensor of the contract is not in the graph.
    #[error("{file}: tensor {tensor:?} of the contract is not in the graph; the graph has {found:?}")]
    MissingTensor {
        /// File name.
        file: String,
        /// Name in the contract.
        tensor: String,
        /// Names in the graph.
        found: Vec<String>,
    },
    /// A tensor's element type is not the contract's.
    #[error("{file}: tensor {tensor:?}: expected element type {expected:?}, found {found}")]
    ElementType {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
        /// Contract's type.
        expected: DType,
        /// Graph's type.
        found: String,
    },
    /// A tensor's declared shape is not the contract's.
    #[error("{file}: tensor {tensor:?}: expected shape {expected:?}, found {found}")]
    DeclaredShape {
        /// File name.
        file: String,
        /// Tensor name.
        tensor: String,
        /// Contract's shape.
        expected: Vec<Dim>,
        /// Graph's shape.
        found: String,
    },
    /// A value at run time has another shape than the contract promises.
    #[error("{call}: tensor {tensor:?}: expected shape {expected:?}, found {found:?}")]
    Shape {
        /// `encode`, `predict` or `joint`.
        call: &'static str,
        /// Tensor name.
        tensor: String,
        /// By the contract.
        expected: Vec<usize>,
        /// What came.
        found: Vec<usize>,
    },
    /// More mel frames than the model's position table holds.
    #[error("encode: expected at most {limit} mel frames in one call, found {found}")]
    TooLong {
        /// The contract's `max_mel_frames`.
        limit: usize,
        /// Frames given.
        found: usize,
    },
    /// NaN or infinity came out of the engine.
    #[error("{call}: tensor {tensor:?} holds a value that is not finite")]
    NotFinite {
        /// `encode`, `predict` or `joint`.
        call: &'static str,
        /// Tensor name.
        tensor: String,
    },
    /// The engine failed while running.
    #[error("{call} failed in {engine}: {source}")]
    Run {
        /// `encode`, `predict` or `joint`.
        call: &'static str,
        /// Engine name.
        engine: &'static str,
        /// The engine's own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The device that was asked for cannot be used.
    #[error("{engine} cannot use {device}: {source}; the next choice is the engine {next}")]
    Device {
        /// Engine name.
        engine: &'static str,
        /// The device.
        device: String,
        /// The engine's own words.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What would do instead.
        next: &'static str,
    },
    /// The thread pool could not be made.
    #[error("expected 1 to {limit} threads, found {found}")]
    Threads {
        /// Upper bound.
        limit: usize,
        /// What was asked for.
        found: usize,
    },
}
