//! Files and folders that their user alone can read, whatever the umask allows.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Options for a file that is private if it is made; one that is there keeps its permissions.
pub fn options() -> OpenOptions {
    with_mode(0o600)
}

/// Options for a file that others may read but not write, as far as the umask lets them.
pub fn readable() -> OpenOptions {
    with_mode(0o644)
}

#[cfg_attr(
    not(unix),
    expect(unused_variables, unused_mut, reason = "folders of a user are private by the system's rules")
)]
fn with_mode(mode: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options
}

/// Makes or empties a file.
pub fn create(path: &Path) -> io::Result<File> {
    options().write(true).create(true).truncate(true).open(path)
}

/// Makes a file that is not there yet.
pub fn create_new(path: &Path) -> io::Result<File> {
    options().write(true).create_new(true).open(path)
}

/// Writes a whole file.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create(path)?.write_all(bytes)
}

/// Makes a folder and those above it that are not there.
pub fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
