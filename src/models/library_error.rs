//! What can be wrong with models that are kept.

use std::{io, path::PathBuf};

use crate::{download::DownloadError, models::ModelError};

/// A model cannot be fetched, kept, found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The catalogue is not as it should be.
    #[error("{name}: {reason}")]
    Catalogue {
        /// Its name.
        name: String,
        /// What was expected, and what was found.
        reason: String,
    },
    /// There is no model of this name.
    #[error("{place}: expected a model {name}, found {}", if found.is_empty() { "none".to_owned() } else { found.join(", ") })]
    Unknown {
        /// The catalogue, or the folder of models.
        place: String,
        /// What was asked for.
        name: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The name cannot be one.
    #[error("expected a name of letters, digits, . _ -, found {name:?}")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// Another model has the name.
    #[error("{}: expected a name that is free, found another model; --name gives it another", folder.display())]
    Taken {
        /// Its folder.
        folder: PathBuf,
    },
    /// The server's file is another than the one that was trusted at first.
    #[error(
        "{url}: expected the file that came at first (SHA-256 {expected}), found another ({found}); if that is meant, \
         --accept-changed takes it"
    )]
    Changed {
        /// The address.
        url: String,
        /// The hash that was kept.
        expected: String,
        /// The hash now.
        found: String,
    },
    /// A file did not come.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The files are no model that is run here.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Another process fetches or removes models.
    #[error("{}: expected nobody else at work here, found another process that fetches or removes", root.display())]
    Busy {
        /// The folder of all models.
        root: PathBuf,
    },
    /// The user asked to stop.
    #[error("stopped")]
    Cancelled,
    /// A file or folder cannot be read, written, renamed or removed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LibraryError {
    /// An error of this path.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
