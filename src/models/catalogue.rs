//! Models that can be fetched: where their files are, and what is known of them before.

use std::{env, fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{download::size_text, models::LibraryError};

/// Environment variable that names another catalogue.
pub const CATALOGUE_VARIABLE: &str = "DICTOSCOPE_MODELS";
/// What a mirror stands in for.
const HOST: &str = "https://huggingface.co";
const BUILT_IN: &str = include_str!("../../assets/models.toml");
const BUILT_IN_NAME: &str = "the built-in catalogue of models";

/// All models that can be fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    #[serde(skip)]
    name: String,
    #[serde(rename = "model")]
    models: Vec<Entry>,
}

/// A model that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called here.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// Under which licence it comes.
    pub licence: String,
    /// The page that tells of it.
    pub page: String,
    /// What the names of its files are put behind.
    pub base: String,
    /// Bytes of all files, about.
    pub about_bytes: u64,
    /// Its files.
    pub files: Vec<EntryFile>,
}

/// A file of such a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryFile {
    /// Its name.
    pub file: String,
    /// Its bytes, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Catalogue {
    /// The one that [`CATALOGUE_VARIABLE`] names, else the built-in one.
    pub fn load() -> Result<Self, LibraryError> {
        match env::var_os(CATALOGUE_VARIABLE).filter(|path| !path.is_empty()) {
            None => Self::parse(BUILT_IN_NAME, BUILT_IN),
            Some(path) => {
                let name = Path::new(&path).display().to_string();
                let text = fs::read_to_string(&path)
                    .map_err(|error| LibraryError::Catalogue { name: name.clone(), reason: error.to_string() })?;
                Self::parse(&name, &text)
            }
        }
    }

    /// Reads a catalogue and refuses names that lead anywhere.
    pub fn parse(name: &str, text: &str) -> Result<Self, LibraryError> {
        let fault = |reason: String| LibraryError::Catalogue { name: name.to_owned(), reason };
        let mut catalogue: Self = toml::from_str(text).map_err(|error| fault(error.to_string().trim().to_owned()))?;
        name.clone_into(&mut catalogue.name);
        for entry in &catalogue.models {
            for file in std::iter::once(&entry.name).chain(entry.files.iter().map(|file| &file.file)) {
                if !is_name(file) {
                    return Err(fault(format!(
                        "{}: expected a name of letters, digits, . _ -, found {file:?}",
                        entry.name
                    )));
                }
            }
            if !entry.base.ends_with('/') {
                return Err(fault(format!(
                    "{}: base: expected an address that ends in /, found {:?}",
                    entry.name, entry.base
                )));
            }
        }
        Ok(catalogue)
    }

    /// What it holds.
    pub fn entries(&self) -> &[Entry] {
        &self.models
    }

    /// The model of a name.
    pub fn entry(&self, name: &str) -> Result<&Entry, LibraryError> {
        self.models.iter().find(|entry| entry.name == name).ok_or_else(|| LibraryError::Unknown {
            place: self.name.clone(),
            name: name.to_owned(),
            found: self.models.iter().map(|entry| entry.name.clone()).collect(),
        })
    }
}

impl Entry {
    /// The address of a file.
    pub fn url(&self, file: &EntryFile) -> String {
        format!("{}{}", self.base, file.file)
    }

    /// The same on a mirror, which has what Hugging Face has below the same paths.
    pub fn url_on(&self, file: &EntryFile, mirror: Option<&str>) -> String {
        let url = self.url(file);
        match (mirror, url.strip_prefix(HOST)) {
            (Some(mirror), Some(path)) => format!("{}{path}", mirror.trim_end_matches('/')),
            _ => url,
        }
    }

    /// Bytes of all files: as they are known, else about.
    pub fn bytes(&self) -> u64 {
        self.known_bytes().unwrap_or(self.about_bytes)
    }

    /// The same in words.
    pub fn size_text(&self) -> String {
        let about = if self.known_bytes().is_some() { "" } else { "about " };
        format!("{about}{}", size_text(self.bytes()))
    }

    fn known_bytes(&self) -> Option<u64> {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Whether a name is a plain one on every system.
pub(super) fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    plain && !name.is_empty() && !name.starts_with('.') && name.len() <= 200
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_whole() {
        let catalogue = Catalogue::parse(BUILT_IN_NAME, BUILT_IN).unwrap();
        assert!(catalogue.entries().len() >= 4);
        for entry in catalogue.entries() {
            assert!(entry.base.starts_with(HOST) && entry.page.starts_with(HOST), "{}", entry.name);
            assert!(entry.files.iter().any(|file| file.file.starts_with("encoder")), "{}", entry.name);
            assert!(entry.bytes() > 1 << 29, "{}", entry.name);
        }
        let entry = catalogue.entry("parakeet-tdt-0.6b-v3-int8").unwrap();
        let url = entry.url_on(&entry.files[2], Some("https://mirror.example/hf/"));
        assert_eq!(url, "https://mirror.example/hf/istupakov/parakeet-tdt-0.6b-v3-onnx/resolve/main/vocab.txt");
        assert!(catalogue.entry("x").unwrap_err().to_string().contains("parakeet-tdt-0.6b-v2"));
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for file in ["../x", "a/b", "", ".x", "c:x"] {
            let text = format!(
                "[[model]]\nname = \"n\"\nabout = \"\"\nlicence = \"\"\npage = \"\"\nbase = \"https://a.org/\"\nabout_bytes = 1\n\
                 files = [{{ file = {file:?} }}]\n"
            );
            let error = Catalogue::parse("c.toml", &text).unwrap_err().to_string();
            assert!(error.contains("c.toml") && error.contains("expected a name"), "{error}");
        }
    }
}
