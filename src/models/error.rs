//! What can be wrong with a model's files.

use std::{io, path::PathBuf};

use crate::{
    engine::{ContractError, OnnxError},
    models::CONTRACT_FILE,
};

/// A model could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read.
    #[error("{}: cannot read this file of the model: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What lies in the place of a file is none that is read.
    #[error("{}: expected {expected}, found {found}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A contract, or a graph for it, could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder is no model.
    #[error("{}: expected a folder with {CONTRACT_FILE}, found {found}", path.display())]
    NoContract {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Neither a contract nor a layout that is known.
    #[error(
        "{}: expected a model: {CONTRACT_FILE}, or encoder and decoder_joint, or encoder, decoder and joiner, or encoder, \
         predictor and joint (.onnx) with vocab.txt or tokens.txt; found {found}",
        path.display()
    )]
    NoModel {
        /// The folder or file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A model, but not of the kind that is run here.
    #[error("{}: expected a TDT transducer, found {found}", path.display())]
    Kind {
        /// The folder or file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// A graph cannot be read, or its weights are not what it says.
    #[error("{}: {source}", path.display())]
    Graph {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: OnnxError,
    },
    /// A graph, or a file beside it, is not as a model of its layout has it.
    #[error("{}: {what}: expected {expected}, found {found}", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The tensor or key.
        what: String,
        /// What would do.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file name in a contract or graph leads out of the folder.
    #[error("{}: expected the name of a file beside it, found {found:?}", file.display())]
    Outside {
        /// The contract or graph.
        file: PathBuf,
        /// The name.
        found: String,
    },
    /// A graph has weights in a file that its contract does not list.
    #[error("{}: expected weights in no other files than {listed:?}, found {found:?}", file.display())]
    Unlisted {
        /// The graph.
        file: PathBuf,
        /// By the contract.
        listed: Vec<String>,
        /// In the graph.
        found: String,
    },
    /// A text file is not UTF-8.
    #[error("{file}: expected UTF-8 text: {source}")]
    Text {
        /// The file.
        file: String,
        /// Where it breaks off.
        source: std::string::FromUtf8Error,
    },
    /// Contract or hash is wrong.
    #[error(transparent)]
    Contract(#[from] ContractError),
}

impl ModelError {
    /// An error of reading `path`.
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    /// An error of a graph at `path`.
    pub(super) fn graph(path: impl Into<PathBuf>) -> impl FnOnce(OnnxError) -> Self {
        let path = path.into();
        move |source| Self::Graph { path, source }
    }
}
