//! Files from the web: resumed where they broke off, checked while they come, there as a whole or not at all.
//!
//! A file grows as `NAME.part` beside its place and moves there once its size and hash are right. An interrupted one is
//! kept, and the next try asks for the rest, provided that the server still has the same file.

mod attempt;
mod error;
mod http;
mod lock;
mod meter;
mod part;

pub use error::DownloadError;
pub use lock::LockedFile;
pub use meter::size_text;
pub use part::{file_sha256, hex};

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use attempt::attempt;
use part::{Part, file_error};

use crate::private;

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Where it is: https, or http on this machine.
    pub url: String,
    /// Where it goes. A file that is there is kept if `sha256` says that it is the one, else replaced.
    pub to: PathBuf,
    /// Its bytes, if known: the disk is asked for them before, and a server with another size is refused.
    pub size: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal, if known.
    pub sha256: Option<String>,
}

/// How long to wait, and how often to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub stall: Duration,
    /// So many tries that fail in a row are the last; one that brought something new begins to count anew.
    pub tries: u32,
    /// Before the second try; doubles with each.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            tries: 5,
            pause: Duration::from_secs(1),
        }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What is there already is read and hashed.
    Checking,
    /// Bytes come.
    Receiving,
    /// A try failed; the next one follows.
    Waiting,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes of the whole file, if known.
    pub total: Option<u64>,
    /// Bytes a second lately; 0 as long as nothing can be said.
    pub rate: f64,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Bytes that came over the network for it this time.
    pub received: u64,
}

/// Fetches a file. `cancel` ends it within a moment and keeps what came; `progress` is called often and should be quick.
pub fn fetch(
    download: &Download,
    limits: Limits,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Fetched, DownloadError> {
    let folder = download.to.parent().unwrap_or(Path::new("."));
    private::folder(folder).map_err(file_error(folder))?;
    let mut checked = |done, total| {
        progress(&Progress { step: Step::Checking, done, total: Some(total), rate: 0.0 });
        !cancel.load(Ordering::Relaxed)
    };
    if let Some(sha256) = there_already(download, &mut checked)? {
        return Ok(Fetched { sha256, received: 0 });
    }
    let mut part = Part::open(&download.to, &download.url, download.sha256.is_some(), &mut checked)?;
    if download.size.is_some_and(|size| part.len() > size) {
        part.restart()?;
    }
    if let Some(size) = download.size {
        check_space(folder, size - part.len())?;
    }
    let received = if download.size.is_some_and(|size| part.len() == size) {
        0
    } else {
        match receive(download, limits, cancel, &mut part, progress) {
            Ok(received) => received,
            Err(error) => {
                if part.len() == 0 {
                    // Nothing to go on from; the error is what the user reads.
                    let _ = part.discard();
                }
                return Err(error);
            }
        }
    };
    let found = part.sha256();
    if let Some(expected) = download.sha256.clone().filter(|expected| *expected != found) {
        part.discard()?;
        return Err(DownloadError::Hash { url: download.url.clone(), expected, found });
    }
    part.finish(&download.to)?;
    Ok(Fetched { sha256: found, received })
}

/// The hash of the file if it stands in its place and is the right one.
fn there_already(
    download: &Download,
    checked: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Option<String>, DownloadError> {
    let (Some(expected), Ok(data)) = (&download.sha256, fs::metadata(&download.to)) else { return Ok(None) };
    if !data.is_file() || download.size.is_some_and(|size| size != data.len()) {
        return Ok(None);
    }
    let found = file_sha256(&download.to, &mut |done| checked(done, data.len())).map_err(file_error(&download.to))?;
    match found {
        Some(found) => Ok((found == *expected).then_some(found)),
        None => Err(DownloadError::Cancelled { part: download.to.clone(), kept: data.len() }),
    }
}

/// Tries until the file is whole, or until tries bring nothing new. How many bytes came.
fn receive(
    download: &Download,
    limits: Limits,
    cancel: &AtomicBool,
    part: &mut Part,
    progress: &mut dyn FnMut(&Progress),
) -> Result<u64, DownloadError> {
    let (mut received, mut furthest, mut in_vain) = (0, part.len(), 0);
    loop {
        let error = match attempt(download, limits, cancel, part, &mut received, progress) {
            Ok(()) => return Ok(received),
            Err(error) => error,
        };
        // A machine that is offline from the start needs no second try to know it.
        let offline = matches!(error, DownloadError::Unreachable { .. }) && received == 0;
        in_vain = if part.len() > furthest { 1 } else { in_vain + 1 };
        furthest = furthest.max(part.len());
        if offline || !error.may_pass() || in_vain >= limits.tries {
            return Err(error);
        }
        log::info!("{error}: trying again");
        progress(&Progress { step: Step::Waiting, done: part.len(), total: download.size, rate: 0.0 });
        let until = Instant::now() + limits.pause * 2_u32.pow(in_vain.min(6) - 1);
        while Instant::now() < until {
            if cancel.load(Ordering::Relaxed) {
                return Err(DownloadError::Cancelled { part: part.path.clone(), kept: part.len() });
            }
            thread::sleep(Duration::from_millis(50).min(limits.pause));
        }
    }
}

/// Whether the disk of a folder has room for so many bytes.
pub fn check_space(folder: &Path, needs: u64) -> Result<(), DownloadError> {
    let has = fs4::available_space(folder).map_err(file_error(folder))?;
    if has < needs { Err(DownloadError::Space { folder: folder.to_owned(), needs, has }) } else { Ok(()) }
}
