//! From the table to the data folder: fetch, unpack beside, put in place.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    download::{self, Download, DownloadError, Limits, Progress},
    packages::{
        Installed, Package, PackageError, State, Table, Wheel,
        error::file_error,
        installed::{self, new_folder, remove_folder, swap, sync_folder},
        package_folder,
        wheel::{kept_at, unpack},
    },
};

/// What to install, and how.
#[derive(Clone, Copy, Debug)]
pub struct Install<'a> {
    /// The folder of all packages.
    pub root: &'a Path,
    /// The package.
    pub package: &'a Package,
    /// Its wheels for this machine.
    pub wheels: &'a [&'a Wheel],
    /// Install even what is there and whole.
    pub force: bool,
    /// Of the downloads.
    pub limits: Limits,
}

/// What an installation is about.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// What is there is held against its hashes.
    Verifying {
        /// Bytes that were read.
        done: u64,
        /// Bytes of all files.
        total: u64,
    },
    /// A file of what is there is not as it was; the package is installed anew.
    Changed(&'a str),
    /// A wheel comes.
    Fetching(&'a Wheel, Progress),
    /// A wheel is unpacked.
    Unpacking {
        /// The wheel.
        wheel: &'a Wheel,
        /// Bytes that are written.
        done: u64,
    },
}

/// Where unfinished downloads are kept.
fn download_folder(root: &Path) -> PathBuf {
    root.join("downloads")
}

/// Installs a package. `None`: the same is there already, and its files are as they were. Whatever happens, what was
/// there stays usable until the new one is complete.
pub fn install(
    what: &Install<'_>,
    cancel: &AtomicBool,
    notice: &mut dyn FnMut(&Notice<'_>),
) -> Result<Option<(PathBuf, Installed)>, PackageError> {
    let Install { root, package, wheels, .. } = *what;
    let _locked = installed::lock(root)?;
    installed::recover(root, &package.name)?;
    if is_installed(what, cancel, notice)? {
        return Ok(None);
    }
    let downloads = download_folder(root);
    check_space(what, &downloads)?;
    for wheel in wheels {
        let download = Download {
            url: wheel.url.clone(),
            to: kept_at(&downloads, wheel),
            size: Some(wheel.size),
            sha256: Some(wheel.sha256.clone()),
        };
        download::fetch(&download, what.limits, cancel, &mut |progress| notice(&Notice::Fetching(wheel, *progress)))?;
    }
    let new = new_folder(root, &package.name);
    remove_folder(&new)?;
    fs::create_dir(&new).map_err(file_error(&new))?;
    let made = fill(what, &downloads, &new, cancel, notice);
    let record = match made {
        Ok(record) => record,
        Err(error) => {
            // The error that made it so is what the user reads.
            let _ = fs::remove_dir_all(&new);
            return Err(error);
        }
    };
    let folder = swap(root, &package.name)?;
    for wheel in wheels {
        let path = kept_at(&downloads, wheel);
        fs::remove_file(&path).map_err(file_error(&path))?;
    }
    // Only if nothing else waits in it.
    let _ = fs::remove_dir(&downloads);
    Ok(Some((folder, record)))
}

/// Removes downloads that no wheel of `table` is any more: those of older versions, never finished.
pub fn tidy(root: &Path, table: &Table) -> Result<(), PackageError> {
    let downloads = download_folder(root);
    let Ok(entries) = fs::read_dir(&downloads) else { return Ok(()) };
    let _locked = installed::lock(root)?;
    let known: Vec<&str> =
        table.packages().iter().flat_map(|package| &package.wheels).filter_map(Wheel::file_name).collect();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !known.iter().any(|known| name.starts_with(known)) {
            fs::remove_file(&path).map_err(file_error(&path))?;
        }
    }
    Ok(())
}

/// Whether just this is installed, and its files are as they were. An error if something else has its place.
pub fn is_installed(
    what: &Install<'_>,
    cancel: &AtomicBool,
    notice: &mut dyn FnMut(&Notice<'_>),
) -> Result<bool, PackageError> {
    let name = &what.package.name;
    let folder = package_folder(what.root, name);
    match installed::state(what.root, name)? {
        // Somebody put libraries of their own there; with --force they go.
        State::Unreadable if !what.force && !is_empty(&folder) => Err(PackageError::Foreign { folder }),
        State::Missing | State::Unreadable => Ok(false),
        State::There(there) if what.force || !there.is_made_of(what.wheels) => Ok(false),
        State::There(there) => {
            let total = there.size();
            let mut seen = |done| {
                notice(&Notice::Verifying { done, total });
                !cancel.load(Ordering::Relaxed)
            };
            let changed = there.changed_file(&folder, &mut seen)?;
            if let Some(file) = &changed {
                notice(&Notice::Changed(file));
            }
            Ok(changed.is_none())
        }
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// All at once: to learn after a gigabyte that the rest has no room would be late.
fn check_space(what: &Install<'_>, downloads: &Path) -> Result<(), DownloadError> {
    let needs: u64 = what
        .wheels
        .iter()
        .map(|wheel| {
            let path = kept_at(downloads, wheel);
            let part = path.with_added_extension("part");
            let there = [path, part].iter().find_map(|path| fs::metadata(path).ok()).map_or(0, |data| data.len());
            wheel.unpacked + wheel.size.saturating_sub(there)
        })
        .sum();
    download::check_space(what.root, needs)
}

/// The new version, complete on the disk.
fn fill(
    what: &Install<'_>,
    downloads: &Path,
    folder: &Path,
    cancel: &AtomicBool,
    notice: &mut dyn FnMut(&Notice<'_>),
) -> Result<Installed, PackageError> {
    let mut files = Vec::new();
    for wheel in what.wheels {
        let mut seen = |done| {
            notice(&Notice::Unpacking { wheel, done });
            !cancel.load(Ordering::Relaxed)
        };
        files.extend(unpack(&kept_at(downloads, wheel), wheel, folder, &mut seen)?);
    }
    let record = Installed::new(what.package, what.wheels, files);
    record.write(folder)?;
    for sub in folders_below(folder)? {
        sync_folder(&sub)?;
    }
    Ok(record)
}

/// The folder and all in it.
fn folders_below(folder: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let mut found = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = found.get(at).cloned() {
        at += 1;
        for entry in fs::read_dir(&folder).map_err(file_error(&folder))? {
            let path = entry.map_err(file_error(&folder))?.path();
            if path.is_dir() {
                found.push(path);
            }
        }
    }
    Ok(found)
}
