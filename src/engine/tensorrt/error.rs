//! What can go wrong with TensorRT: library, plans, driver, GPU; each with what to do.

use std::path::PathBuf;

use crate::engine::{
    EngineError, OnnxError,
    tensorrt::{Capability, OLDEST, PRODUCT, Precision},
};

/// TensorRT cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorRtError {
    /// The library is at none of the places.
    #[error(
        "expected the libraries of {PRODUCT} {OLDEST} or newer, found none {}; `dictoscope engines install tensorrt` gets \
         them, DICTOSCOPE_TENSORRT names their folder",
        places(looked_at)
    )]
    NotFound {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
    },
    /// The loader says no.
    #[error("{}: expected a library of {PRODUCT}: {reason}", path.display())]
    Unusable {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A version that this program is not built for.
    #[error(
        "{}: expected {PRODUCT} {OLDEST} or a later one of the same major version, found {found}; \
         `dictoscope engines install tensorrt` gets one that fits",
        path.display()
    )]
    Version {
        /// The library.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// Another one is loaded already.
    #[error("{}: expected the library that is loaded already, {}: restart the program to change it", path.display(), loaded.display())]
    OtherLoaded {
        /// What was asked for.
        path: PathBuf,
        /// What is loaded.
        loaded: PathBuf,
    },
    /// No NVIDIA driver.
    #[error(
        "expected an NVIDIA driver (libcuda), found none on this machine; the engines onnxruntime and rten need none"
    )]
    NoDriver,
    /// A driver, but no GPU that answers.
    #[error("expected an NVIDIA GPU, found none: {reason}; the engines onnxruntime and rten need none")]
    NoDevice {
        /// The driver's own words.
        reason: String,
    },
    /// A GPU that TensorRT does not run on.
    #[error(
        "{device}: expected one of the compute capabilities that {PRODUCT} supports ({}), found {found}; use the engine \
         onnxruntime, with CUDA where its library has it, or rten",
        names(Capability::SUPPORTED)
    )]
    Unsupported {
        /// Name of the GPU.
        device: String,
        /// Its compute capability.
        found: Capability,
    },
    /// A compute capability that nobody knows.
    #[error("expected here or some of {}, found {found:?}", names(Capability::SUPPORTED))]
    Capability {
        /// What was asked for.
        found: String,
    },
    /// Turing multiplies no matrices in 32 bits.
    #[error(
        "compute capability {capability}: expected --precision fp16, found {found}: {PRODUCT} has no {found} matrix products there"
    )]
    Precision {
        /// The compute capability.
        capability: Capability,
        /// What was asked for.
        found: Precision,
    },
    /// The lengths of a profile do not fit each other or the model.
    #[error("profile: expected 1 <= least <= usual <= most <= {limit} mel frames, found {found:?}")]
    Profile {
        /// The contract's longest window.
        limit: usize,
        /// Least, usual, most.
        found: [usize; 3],
    },
    /// No plan was built for this model, library and GPU.
    #[error(
        "{}: expected plans of {model} for {PRODUCT} {version} and compute capability {capability}, found none; \
         `dictoscope engines build --for {}` makes them",
        folder.display(), capability.sm()
    )]
    NoPlan {
        /// Where plans are kept.
        folder: PathBuf,
        /// Name of the model.
        model: String,
        /// Version of the library.
        version: String,
        /// The GPU's.
        capability: Capability,
    },
    /// A plan is not as it was when it was built.
    #[error("{}: expected {expected}, found {found}; `dictoscope engines build` makes it anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is.
        found: String,
    },
    /// The builder says no.
    #[error("{file}: {PRODUCT} cannot build a plan of this graph: {reason}")]
    Build {
        /// The graph.
        file: String,
        /// TensorRT's own words.
        reason: String,
    },
    /// A plan cannot be run here.
    #[error("{}: {PRODUCT} cannot open this plan: {reason}", path.display())]
    Open {
        /// The plan.
        path: PathBuf,
        /// TensorRT's own words.
        reason: String,
    },
    /// The graph cannot be converted.
    #[error("{file}: {source}")]
    Graph {
        /// The graph.
        file: String,
        /// Why.
        source: OnnxError,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A graph does not agree with the contract.
    #[error(transparent)]
    Contract(#[from] EngineError),
}

fn places(looked_at: &[PathBuf]) -> String {
    let names: Vec<_> = looked_at.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { "anywhere".to_owned() } else { format!("at {}", names.join(", ")) }
}

fn names(capabilities: &[Capability]) -> String {
    capabilities.iter().map(Capability::to_string).collect::<Vec<_>>().join(", ")
}
