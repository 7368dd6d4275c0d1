//! Orders to the program that is running already, from a second one: `dictoscope toggle` bound to a key of the desktop.
//!
//! A local socket that only its user can open. One connection is one order: a line of JSON each way.

mod client;
mod message;
mod server;

use std::path::{Path, PathBuf};

pub use client::ask;
pub use message::{Order, Reply};
pub use server::Server;

/// File of the socket in the runtime folder.
const SOCKET: &str = "dictoscope.sock";

/// Longest line, in bytes.
const MOST_BYTES: u64 = 4096;

/// The running program cannot be reached, or cannot be reachable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Nobody listens.
    #[error("{}: expected a running Dictoscope, found none: start it first", path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// Somebody listens already.
    #[error("{}: Dictoscope is running already", path.display())]
    Running {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be made or used.
    #[error("{}: the socket cannot be used: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something else answered.
    #[error("{}: expected an answer of Dictoscope, found {found:?}", path.display())]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What came.
        found: String,
    },
}

/// Where the socket of `folder` is; on Windows a pipe named after it.
fn socket(folder: &Path) -> PathBuf {
    if cfg!(windows) {
        let name: String =
            folder.display().to_string().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        return PathBuf::from(format!(r"\\.\pipe\dictoscope-{name}"));
    }
    folder.join(SOCKET)
}
