//! The unfinished file: what came so far, its hash, and by what mark the server would know whether it is still the same.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    download::{DownloadError, LockedFile},
    private,
};

/// Bytes that are read and hashed at a time.
const CHUNK: usize = 1 << 20;

/// `NAME.part` and, once a server gave a mark, `NAME.part.tag` beside it. Locked as long as it is open.
#[derive(Debug)]
pub(super) struct Part {
    file: LockedFile,
    pub(super) path: PathBuf,
    tag_path: PathBuf,
    url: String,
    len: u64,
    hash: Sha256,
    tag: Option<String>,
}

/// An error of this path.
pub(super) fn file_error(path: &Path) -> impl Fn(io::Error) -> DownloadError {
    move |source| DownloadError::File { path: path.to_owned(), source }
}

/// `path` with `ending` behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Part {
    /// Opens or makes the part of `to`. What is there is taken up if it is of the same address, and if `keep`, or the
    /// mark that the server gave, can tell that it fits what follows; `seen` is told how much of it was hashed and says
    /// whether to go on.
    pub(super) fn open(
        to: &Path,
        url: &str,
        keep: bool,
        seen: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Self, DownloadError> {
        let (path, tag_path) = (beside(to, ".part"), beside(to, ".part.tag"));
        let mut options = private::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(file_error(&path))?;
        let Some(file) = LockedFile::take(file, &path) else { return Err(DownloadError::Busy { part: path }) };
        let (of, tag) = read_tag(&tag_path);
        let mut part = Self {
            file,
            path,
            tag_path,
            url: url.to_owned(),
            len: 0,
            hash: Sha256::new(),
            tag: tag.filter(|_| of == url),
        };
        let there = part.file.metadata().map_err(file_error(&part.path))?.len();
        if there == 0 || (part.tag.is_none() && !(keep && (of == url || of.is_empty()))) {
            part.restart()?;
            return Ok(part);
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = part.file.read(&mut chunk).map_err(file_error(&part.path))?;
            if count == 0 {
                return Ok(part);
            }
            part.hash.update(&chunk[..count]);
            part.len += count as u64;
            if !seen(part.len, there) {
                return Err(DownloadError::Cancelled { part: part.path, kept: there });
            }
        }
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// By what the server knows its file again.
    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Throws away what is there.
    pub(super) fn restart(&mut self) -> Result<(), DownloadError> {
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0))).map_err(file_error(&self.path))?;
        (self.len, self.hash) = (0, Sha256::new());
        self.set_tag(None)
    }

    /// Remembers the server's mark.
    pub(super) fn set_tag(&mut self, tag: Option<String>) -> Result<(), DownloadError> {
        self.tag = tag;
        let text = format!("{}\n{}\n", self.url, self.tag.as_deref().unwrap_or_default());
        private::write(&self.tag_path, text.as_bytes()).map_err(file_error(&self.tag_path))
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(bytes).map_err(file_error(&self.path))?;
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// SHA-256 of what is there, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// Makes it the file itself.
    pub(super) fn finish(self, to: &Path) -> Result<(), DownloadError> {
        self.file.sync_all().map_err(file_error(&self.path))?;
        // Windows renames no file that is open.
        drop(self.file);
        fs::rename(&self.path, to).map_err(file_error(to))?;
        // Without its part the mark says nothing.
        let _ = fs::remove_file(&self.tag_path);
        sync_folder_of(to)
    }

    /// Removes it.
    pub(super) fn discard(self) -> Result<(), DownloadError> {
        drop(self.file);
        let _ = fs::remove_file(&self.tag_path);
        fs::remove_file(&self.path).map_err(file_error(&self.path))
    }
}

/// Address and mark; empty and none where there is no file to read them from.
fn read_tag(path: &Path) -> (String, Option<String>) {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().map(str::to_owned);
    (lines.next().unwrap_or_default(), lines.next().filter(|tag| !tag.is_empty()))
}

/// A rename lasts through a loss of power only once its folder is written.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> Result<(), DownloadError> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file_error(folder))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as the other one")]
fn sync_folder_of(_: &Path) -> Result<(), DownloadError> {
    Ok(())
}

/// SHA-256 of a file, in hexadecimal; `seen` is told how many bytes were read and says whether to go on. `None`: it did not.
pub fn file_sha256(path: &Path, seen: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let (mut hash, mut chunk, mut done) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(Some(hex(&hash.finalize())));
        }
        hash.update(&chunk[..count]);
        done += count as u64;
        if !seen(done) {
            return Ok(None);
        }
    }
}

/// Lower-case hexadecimal, as package indexes write hashes.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
