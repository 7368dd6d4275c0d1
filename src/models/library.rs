//! Models that are kept in the data folder, and those that are somewhere else and known by a name.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    download::{LockedFile, file_sha256},
    models::{LibraryError, Model, catalogue::is_name, open::replace_text},
    private,
};

const RECORD: &str = "model.json";
const FORMAT: &str = "dictoscope-model-1";
/// SHA-256 by address, of what came.
const HASHES: &str = "hashes.json";
/// Contracts of models beside which nothing can be written.
const SPARE: &str = ".contracts";
/// What is being fetched.
const UNFINISHED: &str = ".downloads";

/// The folder of all models that are kept.
#[derive(Clone, Debug)]
pub struct Library {
    root: PathBuf,
}

/// What is known of a model that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub(super) format: String,
    /// Its name.
    pub name: String,
    /// Where it is, if that is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Under which licence it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Its files as they came.
    pub files: Vec<RecordedFile>,
}

/// A file of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// Its name.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl Record {
    pub(super) fn new(name: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            name: name.to_owned(),
            path: None,
            source: None,
            licence: None,
            files: Vec::new(),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), LibraryError> {
        write_json(&folder.join(RECORD), self)
    }
}

impl Library {
    /// The one in `root`, which need not be there.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where contracts go that cannot be beside their models.
    pub fn spare(&self) -> PathBuf {
        self.root.join(SPARE)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn unfinished(&self, name: &str) -> PathBuf {
        self.root.join(UNFINISHED).join(name)
    }

    /// Every model, by name. A folder without a record that can be read is none.
    pub fn list(&self) -> Result<Vec<Record>, LibraryError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LibraryError::file(&self.root)(error)),
        };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut found: Vec<Record> = names.filter_map(|name| self.record(&name)).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The record of a name, if it is one of a model.
    pub fn record(&self, name: &str) -> Option<Record> {
        if !is_name(name) {
            return None;
        }
        let text = fs::read(self.root.join(name).join(RECORD)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.format == FORMAT && record.name == name).then_some(record)
    }

    /// The same, or an error that names what there is.
    pub fn need(&self, name: &str) -> Result<Record, LibraryError> {
        match self.record(name) {
            Some(record) => Ok(record),
            None => Err(LibraryError::Unknown {
                place: self.root.display().to_string(),
                name: name.to_owned(),
                found: self.list()?.into_iter().map(|record| record.name).collect(),
            }),
        }
    }

    /// Where a model's files are.
    pub fn path_of(&self, record: &Record) -> PathBuf {
        record.path.clone().unwrap_or_else(|| self.root.join(&record.name))
    }

    /// What `word` stands for: a path that is there, else the name of a model, else the path all the same.
    pub fn resolve(&self, word: &Path) -> PathBuf {
        let name = word.to_str().filter(|_| !word.exists());
        name.and_then(|name| self.record(name)).map_or_else(|| word.to_owned(), |record| self.path_of(&record))
    }

    /// The model that `word` stands for; `tell` as for [`Model::open`].
    pub fn open(&self, word: &Path, tell: &mut dyn FnMut(&str)) -> Result<Model, LibraryError> {
        Ok(Model::open(&self.resolve(word), Some(&self.spare()), tell)?)
    }

    /// Gives the model at `path` a name: else that of its folder. Its files stay where they are.
    pub fn add(&self, path: &Path, name: Option<&str>, tell: &mut dyn FnMut(&str)) -> Result<Record, LibraryError> {
        let path = fs::canonicalize(path).map_err(LibraryError::file(path))?;
        Model::open(&path, Some(&self.spare()), tell)?;
        let folder = if path.is_dir() { &path } else { path.parent().unwrap_or(&path) };
        let own = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.map_or(own, str::to_owned);
        if !is_name(&name) {
            return Err(LibraryError::Name { name });
        }
        let _locked = self.lock()?;
        let place = self.root.join(&name);
        match self.record(&name) {
            Some(record) if record.path.as_ref() == Some(&path) => return Ok(record),
            None if !place.exists() => {}
            _ => return Err(LibraryError::Taken { folder: place }),
        }
        let record = Record { path: Some(path), ..Record::new(&name) };
        private::folder(&place).map_err(LibraryError::file(&place))?;
        record.write(&place)?;
        Ok(record)
    }

    /// Removes a model; of one that is somewhere else, only its name.
    pub fn remove(&self, name: &str) -> Result<Record, LibraryError> {
        let record = self.need(name)?;
        let _locked = self.lock()?;
        let (folder, gone) = (self.root.join(name), self.root.join(format!(".{name}.gone")));
        remove_folder(&gone)?;
        // First out of the way, so that it is never there in part.
        fs::rename(&folder, &gone).map_err(LibraryError::file(&folder))?;
        remove_folder(&gone)?;
        Ok(record)
    }

    /// The first of a model's files that is not as it came, with its hash now; `seen` is told how many bytes were read and says
    /// whether to go on. What came from nowhere has no hashes but its contract's.
    pub fn changed_file(
        &self,
        record: &Record,
        seen: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<(RecordedFile, String)>, LibraryError> {
        let (folder, mut before) = (self.path_of(record), 0);
        for file in &record.files {
            let path = folder.join(&file.file);
            match file_sha256(&path, &mut |done| seen(before + done)) {
                Ok(Some(found)) if found == file.sha256 => before += file.size,
                Ok(Some(found)) => return Ok(Some((file.clone(), found))),
                Ok(None) => return Err(LibraryError::Cancelled),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Some((file.clone(), "nothing".to_owned())));
                }
                Err(error) => return Err(LibraryError::file(path)(error)),
            }
        }
        Ok(None)
    }

    /// Holds the folder for this process until it is dropped.
    pub(super) fn lock(&self) -> Result<LockedFile, LibraryError> {
        private::folder(&self.root).map_err(LibraryError::file(&self.root))?;
        let path = self.root.join(".lock");
        let mut options = private::options();
        let file = options.write(true).create(true).truncate(false).open(&path).map_err(LibraryError::file(&path))?;
        LockedFile::take(file, &path).ok_or_else(|| LibraryError::Busy { root: self.root.clone() })
    }

    /// Hashes of what came before, by address.
    pub(super) fn hashes(&self) -> BTreeMap<String, String> {
        fs::read(self.root.join(HASHES)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    pub(super) fn write_hashes(&self, hashes: &BTreeMap<String, String>) -> Result<(), LibraryError> {
        write_json(&self.root.join(HASHES), hashes)
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), LibraryError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| LibraryError::file(path)(error.into()))?;
    Ok(replace_text(path, &(text + "\n"))?)
}

/// Removes a folder with all that is in it; none is as good.
pub(super) fn remove_folder(folder: &Path) -> Result<(), LibraryError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LibraryError::file(folder)(error)),
        _ => Ok(()),
    }
}
