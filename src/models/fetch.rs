//! Models from the catalogue into the data folder: there as a whole or not at all.

use std::{fs, path::PathBuf, sync::atomic::AtomicBool};

use crate::{
    download::{self, Download, DownloadError, Limits, Progress},
    models::{
        Entry, EntryFile, Library, LibraryError, Model,
        library::{Record, RecordedFile, remove_folder},
    },
    private,
};

/// What to fetch, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fetch<'a> {
    /// The model.
    pub entry: &'a Entry,
    /// An address that stands in for Hugging Face's.
    pub mirror: Option<&'a str>,
    /// Take files that are others than those that came at first.
    pub accept_changed: bool,
    /// Of the downloads.
    pub limits: Limits,
}

/// What a download is about.
#[derive(Clone, Copy, Debug)]
pub enum FetchNotice<'a> {
    /// A file comes.
    Fetching(&'a EntryFile, Progress),
    /// The hash of a file was not known before; it is now.
    Trusted(&'a EntryFile, &'a str),
    /// What comes from reading the model.
    Told(&'a str),
}

impl Library {
    /// Fetches a model. `None`: it is there already. `cancel` ends it within a moment and keeps what came.
    pub fn download(
        &self,
        what: &Fetch<'_>,
        cancel: &AtomicBool,
        notice: &mut dyn FnMut(&FetchNotice<'_>),
    ) -> Result<Option<Record>, LibraryError> {
        let entry = what.entry;
        let _locked = self.lock()?;
        let place = self.root().join(&entry.name);
        match self.record(&entry.name) {
            Some(record) if record.path.is_some() => return Err(LibraryError::Taken { folder: place }),
            Some(record) if self.is_whole(&record, entry) && !what.accept_changed => return Ok(None),
            None if place.exists() => return Err(LibraryError::Taken { folder: place }),
            _ => {}
        }
        let folder = self.unfinished(&entry.name);
        private::folder(&folder).map_err(LibraryError::file(&folder))?;
        self.check_space(entry, &folder)?;
        let mut hashes = self.hashes();
        let mut record = Record {
            source: Some(entry.page.clone()),
            licence: Some(entry.licence.clone()),
            ..Record::new(&entry.name)
        };
        for file in &entry.files {
            let url = entry.url(file);
            let kept = hashes.get(&url).filter(|_| !what.accept_changed).cloned();
            let known = file.sha256.clone().or_else(|| kept.clone());
            let to = folder.join(&file.file);
            let download = Download {
                url: entry.url_on(file, what.mirror),
                to: to.clone(),
                size: file.size,
                sha256: known.clone(),
            };
            let fetched = download::fetch(&download, what.limits, cancel, &mut |progress| {
                notice(&FetchNotice::Fetching(file, *progress));
            });
            let sha256 = match fetched {
                Ok(fetched) => fetched.sha256,
                Err(DownloadError::Hash { url, expected, found }) if file.sha256.is_none() => {
                    return Err(LibraryError::Changed { url, expected, found });
                }
                Err(error) => return Err(error.into()),
            };
            if known.is_none() {
                notice(&FetchNotice::Trusted(file, &sha256));
            }
            let size = fs::metadata(&to).map_err(LibraryError::file(&to))?.len();
            record.files.push(RecordedFile { file: file.file.clone(), size, sha256: sha256.clone() });
            hashes.insert(url, sha256);
            // At once: what came is known again if the next file does not come.
            self.write_hashes(&hashes)?;
        }
        // What is no model is not put in the place of one.
        Model::open(&folder, None, &mut |text| notice(&FetchNotice::Told(text)))?;
        record.write(&folder)?;
        self.put(&entry.name, folder)?;
        Ok(Some(record))
    }

    /// Whether what is there has all files of the entry in their sizes.
    fn is_whole(&self, record: &Record, entry: &Entry) -> bool {
        let folder = self.path_of(record);
        let size = |file: &str| fs::metadata(folder.join(file)).ok().map(|data| data.len());
        entry.files.iter().all(|file| {
            let recorded = record.files.iter().find(|recorded| recorded.file == file.file);
            recorded.is_some_and(|recorded| size(&file.file) == Some(recorded.size))
        })
    }

    /// All at once: to learn after a gigabyte that the rest has no room would be late.
    fn check_space(&self, entry: &Entry, folder: &std::path::Path) -> Result<(), DownloadError> {
        let there = |name: &str| fs::metadata(folder.join(name)).map_or(0, |data| data.len());
        let has: u64 = entry.files.iter().map(|file| there(&file.file) + there(&format!("{}.part", file.file))).sum();
        download::check_space(self.root(), entry.bytes().saturating_sub(has))
    }

    /// Puts what is complete in its place; an older one goes.
    fn put(&self, name: &str, folder: PathBuf) -> Result<(), LibraryError> {
        let (place, old) = (self.root().join(name), self.root().join(format!(".{name}.old")));
        remove_folder(&old)?;
        if place.exists() {
            fs::rename(&place, &old).map_err(LibraryError::file(&place))?;
        }
        if let Err(error) = fs::rename(&folder, &place) {
            // Back as it was.
            let _ = fs::rename(&old, &place);
            return Err(LibraryError::file(folder)(error));
        }
        remove_folder(&old)
    }
}
