//! A model from wherever the user has it: by its contract, or by one that is made from its layout and kept.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    engine::{Contract, ContractError, sha256},
    models::{
        CONTRACT_FILE, Model, ModelError,
        derive::{self, Derived, contract_file, derive},
        files::read_text,
        layout::{Files, find},
    },
    private,
};

impl Model {
    /// The model at `path`: a folder in any layout that is known, or the file of its encoder. A contract that is made is
    /// written beside the model, or where that cannot be, below `spare`; `tell` hears of what is out of the ordinary about that.
    pub fn open(path: &Path, spare: Option<&Path>, tell: &mut dyn FnMut(&str)) -> Result<Self, ModelError> {
        let own = path.join(CONTRACT_FILE);
        if path.is_dir() && own.is_file() && !is_derived(&own) {
            return Self::from_dir(path);
        }
        let files = match find(path) {
            Ok(files) => files,
            // A contract that nobody can make anew: what is wrong with it is the user's answer.
            Err(_) if own.is_file() => return Self::from_dir(path),
            Err(error) => return Err(error),
        };
        let name = contract_file(&files.variant);
        let spare = spare.map(|spare| spare.join(place_for(&files)));
        let mut stale = None;
        for folder in [Some(&files.folder), spare.as_ref()].into_iter().flatten() {
            let contract = folder.join(&name);
            if !contract.is_file() {
                continue;
            }
            match Self::kept(&contract, &files) {
                Ok(Some(model)) => return Ok(model),
                Ok(None) => stale = Some(format!("{}: made by another version of the program", contract.display())),
                Err(error) => stale = Some(error.to_string()),
            }
        }
        if let Some(why) = stale {
            tell(&format!("{why}; the contract is made anew"));
        }
        Self::made(&files, &name, spare.as_deref(), tell)
    }

    /// By a contract that was made before, if it is of these rules and these files.
    fn kept(contract: &Path, files: &Files) -> Result<Option<Self>, ModelError> {
        let model = Self::by_contract(contract, &files.folder)?;
        let fits = model.contract.derived.as_ref().is_some_and(|derived| derived.version == derive::VERSION);
        Ok((fits && model.contract.graphs.encoder.file == files.encoder).then_some(model))
    }

    fn made(files: &Files, name: &str, spare: Option<&Path>, tell: &mut dyn FnMut(&str)) -> Result<Self, ModelError> {
        let derived = derive(files)?;
        if derived.contract.is_fused() {
            tell(&format!(
                "{}: prediction network and joint cannot be parted; each decision runs both, and `parity predictor` has nothing \
                 to compare",
                files.folder.display()
            ));
        }
        let (folder, error) = match write(&files.folder, name, &derived) {
            Ok(()) => (files.folder.clone(), None),
            Err(error) => match spare {
                Some(spare) => (spare.to_owned(), Some((error, write(spare, name, &derived)))),
                None => return Err(error),
            },
        };
        if let Some((why, written)) = error {
            written?;
            tell(&format!("{why}; the contract is in {}", folder.display()));
        }
        log::info!("{}: made from the layout {}", folder.join(name).display(), files.layout.as_str());
        Self::by_contract(&folder.join(name), &files.folder)
    }
}

/// Whether a contract says that it was made from another layout; one that cannot be read was not.
fn is_derived(path: &Path) -> bool {
    let json = read_text(path).unwrap_or_default();
    Contract::parse(CONTRACT_FILE, &json).map_or(json.contains("\"derived\""), |contract| contract.derived.is_some())
}

/// The folder of a model's contract where it cannot be beside the model.
fn place_for(files: &Files) -> PathBuf {
    let folder = fs::canonicalize(&files.folder).unwrap_or_else(|_| files.folder.clone());
    PathBuf::from(&sha256(folder.as_os_str().as_encoded_bytes())[..16])
}

/// Graphs first: what has no contract is no model.
fn write(folder: &Path, name: &str, derived: &Derived) -> Result<(), ModelError> {
    private::folder(folder).map_err(ModelError::read(folder))?;
    for (file, bytes) in &derived.graphs {
        replace(&folder.join(file), bytes)?;
    }
    let path = folder.join(name);
    let json = serde_json::to_string_pretty(&derived.contract)
        .map_err(|source| ContractError::Parse { file: path.display().to_string(), source })?;
    replace(&path, (json + "\n").as_bytes())
}

/// The same with a text.
pub(super) fn replace_text(path: &Path, text: &str) -> Result<(), ModelError> {
    replace(path, text.as_bytes())
}

/// Writes beside the file, then renames over it.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let new = path.with_added_extension(format!("new-{}", std::process::id()));
    // Anew: what a folder of somebody else has under this name may be a link.
    let _ = fs::remove_file(&new);
    let mut options = private::readable();
    let made = options.write(true).create_new(true).open(&new);
    let written = made.and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&new, path));
    written.map_err(|source: io::Error| {
        // The error that made it so is what the user reads.
        let _ = fs::remove_file(&new);
        ModelError::Write { path: path.to_owned(), source }
    })
}
