//! A file that this process alone writes to.

use std::{
    fs::{File, TryLockError},
    ops::{Deref, DerefMut},
    path::Path,
};

/// An open file with the system's lock on it.
#[derive(Debug)]
pub struct LockedFile(File);

impl LockedFile {
    /// Locks the file, whose path is for the log; `None` if another process, or another part of this one, has done so.
    pub fn take(file: File, path: &Path) -> Option<Self> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return None,
            // A file system without locks.
            Err(TryLockError::Error(error)) => log::debug!("{}: not locked: {error}", path.display()),
        }
        Some(Self(file))
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for LockedFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Closing alone would leave the lock with a child process that is just being made and still has the file open.
        if let Err(error) = self.0.unlock() {
            log::debug!("not unlocked: {error}");
        }
    }
}
