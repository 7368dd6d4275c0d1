//! What is in the data folder: reading, checking, putting in place and removing packages.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    download::{LockedFile, file_sha256},
    packages::{Package, PackageError, Wheel, error::file_error},
    private,
};

const FILE_NAME: &str = "package.json";
const FORMAT: &str = "dictoscope-package-1";

/// What `package.json` in a package's folder says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    format: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it was made of.
    pub wheels: Vec<InstalledWheel>,
    /// What it holds.
    pub files: Vec<InstalledFile>,
}

/// A wheel that a package was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledWheel {
    /// The project on PyPI.
    pub project: String,
    /// The project's version.
    pub version: String,
    /// Under which licence it came.
    pub licence: String,
    /// Where it came from.
    pub url: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFile {
    /// Below the package's folder.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// How a package stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not there.
    Missing,
    /// It is there and was complete when it was put there.
    There(Installed),
    /// The folder is there, but not its `package.json`, or a broken one.
    Unreadable,
}

impl Installed {
    /// The record of a package made of these wheels.
    pub(super) fn new(package: &Package, wheels: &[&Wheel], files: Vec<InstalledFile>) -> Self {
        let wheels = wheels.iter().map(|wheel| InstalledWheel {
            project: wheel.project.clone(),
            version: wheel.version.clone(),
            licence: wheel.licence.clone(),
            url: wheel.url.clone(),
            sha256: wheel.sha256.clone(),
        });
        Self {
            format: FORMAT.to_owned(),
            name: package.name.clone(),
            version: package.version.clone(),
            wheels: wheels.collect(),
            files,
        }
    }

    /// Whether it was made of just these wheels.
    pub(super) fn is_made_of(&self, wheels: &[&Wheel]) -> bool {
        self.wheels.iter().map(|wheel| &wheel.sha256).eq(wheels.iter().map(|wheel| &wheel.sha256))
    }

    /// Bytes of its files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The first file in `folder` that is not as it was, if any. `seen` is told how many bytes were read and says whether
    /// to go on.
    pub(super) fn changed_file(
        &self,
        folder: &Path,
        seen: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<String>, PackageError> {
        let mut before = 0;
        for file in &self.files {
            let path = folder.join(&file.path);
            match file_sha256(&path, &mut |done| seen(before + done)) {
                Ok(Some(found)) if found == file.sha256 => before += file.size,
                Ok(Some(_)) => return Ok(Some(file.path.clone())),
                Ok(None) => return Err(PackageError::Cancelled),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(file.path.clone())),
                Err(error) => return Err(file_error(path)(error)),
            }
        }
        Ok(None)
    }

    /// Writes it into a folder, through to the disk.
    pub(super) fn write(&self, folder: &Path) -> Result<(), PackageError> {
        use io::Write as _;
        let path = folder.join(FILE_NAME);
        let text = serde_json::to_string_pretty(self).map_err(|error| file_error(&path)(error.into()))?;
        let written = private::create(&path).and_then(|mut file| {
            writeln!(file, "{text}")?;
            file.sync_all()
        });
        written.map_err(file_error(path))
    }
}

/// Holds the folder of all packages for this process until it is dropped.
pub(super) fn lock(root: &Path) -> Result<LockedFile, PackageError> {
    private::folder(root).map_err(file_error(root))?;
    let path = root.join(".lock");
    let file = private::options().write(true).create(true).truncate(false).open(&path).map_err(file_error(&path))?;
    LockedFile::take(file, &path).ok_or_else(|| PackageError::Busy { root: root.to_owned() })
}

/// The folder of a package below `root`. If a swap was broken off between its two renames, the old version still lies
/// beside, and counts.
pub fn package_folder(root: &Path, name: &str) -> PathBuf {
    let (folder, old) = (root.join(name), old_folder(root, name));
    if !folder.exists() && old.exists() { old } else { folder }
}

fn old_folder(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{name}.old"))
}

/// Where the new version of a package is made.
pub(super) fn new_folder(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{name}.new"))
}

/// How a package below `root` stands.
pub fn state(root: &Path, name: &str) -> Result<State, PackageError> {
    let folder = package_folder(root, name);
    if !folder.exists() {
        return Ok(State::Missing);
    }
    let path = folder.join(FILE_NAME);
    match fs::read(&path) {
        Ok(text) => Ok(serde_json::from_slice(&text)
            .ok()
            .filter(|installed: &Installed| installed.format == FORMAT && installed.name == name)
            .map_or(State::Unreadable, State::There)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Unreadable),
        Err(error) => Err(file_error(path)(error)),
    }
}

/// Removes a package from below `root`. A folder that this program did not make stays.
pub fn remove(root: &Path, name: &str) -> Result<PathBuf, PackageError> {
    let folder = package_folder(root, name);
    match state(root, name)? {
        State::Missing => return Err(PackageError::Missing { folder }),
        State::Unreadable if !folder.join(FILE_NAME).exists() => return Err(PackageError::Foreign { folder }),
        State::Unreadable | State::There(_) => {}
    }
    let _locked = lock(root)?;
    // First out of the way, so that it is never there in part.
    let (gone, old) = (root.join(format!("{name}.gone")), old_folder(root, name));
    remove_folder(&gone)?;
    fs::rename(&folder, &gone).map_err(file_error(&folder))?;
    remove_folder(&old)?;
    remove_folder(&new_folder(root, name))?;
    remove_folder(&gone)?;
    Ok(folder)
}

/// Puts the new version, complete on the disk, in the old one's place.
pub(super) fn swap(root: &Path, name: &str) -> Result<PathBuf, PackageError> {
    let (folder, new, old) = (root.join(name), new_folder(root, name), old_folder(root, name));
    recover(root, name)?;
    if folder.exists() {
        fs::rename(&folder, &old).map_err(file_error(&folder))?;
    }
    if let Err(error) = fs::rename(&new, &folder) {
        // Back as it was; if even that fails, `package_folder` finds the old one where it lies.
        let _ = fs::rename(&old, &folder);
        return Err(file_error(new)(error));
    }
    sync_folder(root)?;
    remove_folder(&old)?;
    Ok(folder)
}

/// Brings what a broken-off swap left into order.
pub(super) fn recover(root: &Path, name: &str) -> Result<(), PackageError> {
    let (folder, old) = (root.join(name), old_folder(root, name));
    if old.exists() && !folder.exists() {
        fs::rename(&old, &folder).map_err(file_error(&old))?;
    }
    remove_folder(&old)
}

/// Removes a folder with all that is in it; none is as good.
pub(super) fn remove_folder(folder: &Path) -> Result<(), PackageError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(folder)(error)),
        _ => Ok(()),
    }
}

/// Names in a folder last through a loss of power only once the folder is written.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> Result<(), PackageError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(file_error(folder))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as the other one")]
pub(super) fn sync_folder(_: &Path) -> Result<(), PackageError> {
    Ok(())
}
