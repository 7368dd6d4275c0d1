//! What can be wrong with a package of libraries.

use std::{io, path::PathBuf};

use zip::result::ZipError;

use crate::download::DownloadError;

/// A package cannot be installed, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The table of packages is not as it should be.
    #[error("{table}: {reason}")]
    Table {
        /// Its name.
        table: String,
        /// What was expected, and what was found.
        reason: String,
    },
    /// The table does not have it.
    #[error("{table}: expected a package {name}, found {}", found.join(", "))]
    Unknown {
        /// The table's name.
        table: String,
        /// What was asked for.
        name: String,
        /// What there is.
        found: Vec<String>,
    },
    /// There is no wheel for this kind of machine.
    #[error("{package} {version}: expected a wheel for {platform}, found those for {}", found.join(", "))]
    Platform {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// This machine.
        platform: String,
        /// What there is.
        found: Vec<String>,
    },
    /// Its files did not come.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The wheel cannot be read.
    #[error("{}: expected a wheel: {source}", path.display())]
    Wheel {
        /// The wheel.
        path: PathBuf,
        /// Why.
        source: ZipError,
    },
    /// A member is missing, or is none that may be unpacked.
    #[error("{}: {member}: expected {expected}, found {found}", path.display())]
    Member {
        /// The wheel.
        path: PathBuf,
        /// The member.
        member: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A folder has the package's name but was not made by this program.
    #[error("{}: expected a package.json, found none: not a folder of this program's own; move it away", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// It is not there.
    #[error("{}: expected the package, found nothing", folder.display())]
    Missing {
        /// Where it would be.
        folder: PathBuf,
    },
    /// Another process installs or removes packages.
    #[error("{}: expected nobody else at work here, found another process that installs or removes", root.display())]
    Busy {
        /// The folder of all packages.
        root: PathBuf,
    },
    /// The user asked to stop.
    #[error("stopped; what is installed stays as it was, and what came is kept")]
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

/// An error of this path.
pub(super) fn file_error(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.into();
    move |source| PackageError::File { path, source }
}
