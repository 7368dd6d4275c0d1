//! What can go wrong on the way of a file from the web.

use std::{io, path::PathBuf};

use crate::download::size_text;

/// A file did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No answer at all: no network, no such host, nobody listens, a proxy that refuses.
    #[error(
        "cannot reach {host}: {reason}; is this machine offline, or behind a proxy that HTTPS_PROXY does not name?"
    )]
    Unreachable {
        /// The server.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// The address, or one that the server sends on to, is neither https nor this machine's own.
    #[error("{url}: expected an address that begins with https://")]
    Insecure {
        /// The address.
        url: String,
    },
    /// The server cannot prove who it is.
    #[error("{host}: expected a certificate that this system trusts: {reason}")]
    Certificate {
        /// The server.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server refuses.
    #[error("{url}: expected the file, found HTTP status {status}")]
    Status {
        /// The address.
        url: String,
        /// The server's answer.
        status: u16,
    },
    /// The server sends on and on.
    #[error("{url}: expected the file, found more than {limit} redirects")]
    Redirects {
        /// The address that was asked for.
        url: String,
        /// As many are followed.
        limit: usize,
    },
    /// The answer makes no sense.
    #[error("{url}: expected an answer in HTTP: {reason}")]
    Protocol {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Nothing came for too long.
    #[error("{host}: nothing came for {secs:.0} s; what came before is kept, and the next try goes on from there")]
    Stalled {
        /// The server.
        host: String,
        /// As long was waited.
        secs: f64,
    },
    /// The connection ended before the file did.
    #[error(
        "{url}: expected {expected} bytes, found the end after {found}; they are kept, and the next try goes on from there"
    )]
    Truncated {
        /// The address.
        url: String,
        /// The whole file.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The server's file has another size.
    #[error("{url}: expected {expected} bytes, found {found}")]
    Size {
        /// The address.
        url: String,
        /// What was to come.
        expected: u64,
        /// What the server has.
        found: u64,
    },
    /// The file that came is another one.
    #[error("{url}: expected SHA-256 {expected}, found {found}; what came was removed")]
    Hash {
        /// The address.
        url: String,
        /// What was to come.
        expected: String,
        /// What came.
        found: String,
    },
    /// The disk is too full.
    #[error("{}: expected {} free, found {}", folder.display(), size_text(*needs), size_text(*has))]
    Space {
        /// Where it was to go.
        folder: PathBuf,
        /// Bytes that are needed.
        needs: u64,
        /// Bytes that are there.
        has: u64,
    },
    /// Somebody else fetches the same file.
    #[error("{}: another download writes to it", part.display())]
    Busy {
        /// The unfinished file.
        part: PathBuf,
    },
    /// The user asked to stop.
    #[error("stopped; {} are kept in {}, and the next try goes on from there", size_text(*kept), part.display())]
    Cancelled {
        /// The unfinished file.
        part: PathBuf,
        /// Its bytes.
        kept: u64,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DownloadError {
    /// Whether the same question may well have another answer in a moment.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Stalled { .. } | Self::Truncated { .. } => true,
            Self::Status { status, .. } => *status >= 500 || matches!(status, 408 | 429),
            _ => false,
        }
    }
}
