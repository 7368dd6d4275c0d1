//! Reading and writing the settings file: nothing is lost silently, and a reader never sees half a file.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use toml::{Table, Value};

use crate::{
    config::{ConfigError, SCHEMA_VERSION, Settings, schema, text},
    private,
};

/// Environment variable that names the folder of the settings file.
const FOLDER_VARIABLE: &str = "DICTOSCOPE_CONFIG_DIR";
/// The same for the data folder.
const DATA_VARIABLE: &str = "DICTOSCOPE_DATA_DIR";
/// The same for the cache.
const CACHE_VARIABLE: &str = "DICTOSCOPE_CACHE_DIR";
/// The same for the folder of the socket.
const RUNTIME_VARIABLE: &str = "DICTOSCOPE_RUNTIME_DIR";
const FILE_NAME: &str = "settings.toml";

/// Settings as far as the file gave them, and what the user should read about the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The file's values; the default where a value is missing or wrong.
    pub settings: Settings,
    /// One message per fault.
    pub notices: Vec<String>,
}

/// Where the settings stand: `$DICTOSCOPE_CONFIG_DIR`, else the folder the system keeps settings in
/// (`~/.config/dictoscope` on Linux). `None` where the system names no home.
pub fn settings_path() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
        return Some(Path::new(&folder).join(FILE_NAME));
    }
    directories::ProjectDirs::from("", "", "dictoscope").map(|dirs| dirs.config_dir().join(FILE_NAME))
}

/// Folder of what the program keeps for itself: traces, results of engine checks. `DICTOSCOPE_DATA_DIR` wins.
pub fn data_folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(DATA_VARIABLE).filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    directories::ProjectDirs::from("", "", "dictoscope").map(|dirs| dirs.data_local_dir().to_owned())
}

/// Folder of what can be made anew at any time, as the plans of TensorRT. `DICTOSCOPE_CACHE_DIR` wins.
pub fn cache_folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(CACHE_VARIABLE).filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    directories::ProjectDirs::from("", "", "dictoscope").map(|dirs| dirs.cache_dir().to_owned())
}

/// Folder of what ends with the program, as its socket: `DICTOSCOPE_RUNTIME_DIR`, else the one the system has for that
/// (`XDG_RUNTIME_DIR` on Linux), else the data folder.
pub fn runtime_folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(RUNTIME_VARIABLE).filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    let dirs = directories::ProjectDirs::from("", "", "dictoscope");
    dirs.and_then(|dirs| dirs.runtime_dir().map(Path::to_owned)).or_else(data_folder)
}

impl Settings {
    /// Reads the file at `path`. Never fails: what cannot be used is named in the notices. A file that is no TOML is
    /// renamed to `settings.toml.broken-N`; one from a newer program stays untouched and unused.
    pub fn load(path: &Path) -> Loaded {
        let content = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::default(),
            Err(source) => return defaults_because(&ConfigError::Read { path: path.to_owned(), source }),
        };
        let table = match parse(path, &content) {
            Ok(table) => table,
            Err(error @ ConfigError::Newer { .. }) => return defaults_because(&error),
            Err(error) => {
                let aside = match set_aside(path) {
                    Ok(aside) => format!("it was set aside as {}", aside.display()),
                    Err(error) => format!("it could not be set aside: {error}"),
                };
                return Loaded {
                    settings: Self::default(),
                    notices: vec![format!("{error}; {aside}, and the defaults are used")],
                };
            }
        };
        for key in schema::unknown(&table) {
            log::warn!("{}: {key}: unknown, kept as it is", path.display());
        }
        let (mut good, faults) = schema::admitted(&table);
        text::from_file(&mut good);
        let mut notices: Vec<String> =
            faults.iter().map(|fault| format!("{}: {fault}; {}", path.display(), fault.instead())).collect();
        let settings = good.try_into().unwrap_or_else(|error| {
            notices.push(format!("{}: {error}; the defaults are used", path.display()));
            Self::default()
        });
        Loaded { settings, notices }
    }

    /// Writes the settings to `path`: a value stands in the file if it is not the default or stood there before; keys
    /// that nobody knows stay. Comments do not. The file is replaced in one step. A file with wrong values, or one that
    /// is no TOML, is set aside first.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        let write_error = |source| ConfigError::Write { path: path.to_owned(), source };
        let mut table = match fs::read_to_string(path) {
            Ok(text) => match parse(path, &text) {
                Ok(table) => {
                    if !schema::admitted(&table).1.is_empty() {
                        set_aside(path).map_err(write_error)?;
                    }
                    table
                }
                Err(error @ ConfigError::Newer { .. }) => return Err(error),
                Err(_) => {
                    set_aside(path).map_err(write_error)?;
                    Table::new()
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Table::new(),
            Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
        };
        let (ours, defaults) = (text::to_file(self)?, text::to_file(&Self::default())?);
        for &(key, _) in schema::KEYS {
            match schema::get(&ours, key) {
                Some(value) => {
                    let stood_there = schema::get(&table, key).is_some();
                    if stood_there || key == "schema_version" || schema::get(&defaults, key) != Some(value) {
                        schema::set(&mut table, key, tidy(value));
                    }
                }
                None => schema::remove(&mut table, key),
            }
        }
        replace(path, &toml::to_string_pretty(&table)?).map_err(write_error)
    }
}

fn defaults_because(error: &ConfigError) -> Loaded {
    Loaded { settings: Settings::default(), notices: vec![format!("{error}; the defaults are used")] }
}

fn parse(path: &Path, text: &str) -> Result<Table, ConfigError> {
    let table: Table = toml::from_str(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        // The parser draws the line it stumbled on; one line is enough for a message.
        reason: match error.span() {
            Some(span) => {
                let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
                format!("line {line}: {}", error.message())
            }
            None => error.message().to_owned(),
        },
    })?;
    match table.get("schema_version").and_then(Value::as_integer) {
        Some(found) if found > i64::from(SCHEMA_VERSION) => {
            Err(ConfigError::Newer { path: path.to_owned(), expected: SCHEMA_VERSION, found })
        }
        _ => Ok(table),
    }
}

/// Single-precision values as a person would write them: 0.35, not 0.3499999940395355.
fn tidy(value: &Value) -> Value {
    match value {
        Value::Float(x) => Value::Float((x * 1e6).round() / 1e6),
        other => other.clone(),
    }
}

/// Renames the file to the first free `NAME.broken-N`.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut n = 1_u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".broken-{n}"));
        let aside = PathBuf::from(name);
        if aside.symlink_metadata().is_err() {
            fs::rename(path, &aside)?;
            return Ok(aside);
        }
        n += 1;
    }
}

/// Writes beside the file, then renames over it.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A file that is a link (dotfile managers make them) stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = target.parent() {
        private::folder(folder)?;
    }
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".new-{}", process::id()));
    let new = PathBuf::from(name);
    let written = private::create(&new).and_then(|mut file| {
        // Who may read it stays as the user has it.
        if let Ok(there) = fs::metadata(&target) {
            file.set_permissions(there.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, &target)).inspect_err(|_| {
        // The half-written file is of no use; the error that made it so is what the user reads.
        let _ = fs::remove_file(&new);
    })
}
