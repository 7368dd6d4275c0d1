//! The two libraries of TensorRT: found, loaded once for the process, and only in a version that this program is built for.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::engine::tensorrt::{OLDEST, TensorRtError, ffi, logger};

/// Names of the library and of its reader of ONNX, without prefix and ending.
const NAMES: [&str; 2] = if cfg!(feature = "tensorrt-enterprise") {
    ["nvinfer", "nvonnxparser"]
} else {
    ["tensorrt_rtx", "tensorrt_onnxparser_rtx"]
};

/// The libraries, loaded.
#[derive(Clone, Debug)]
pub struct TensorRt {
    path: PathBuf,
    version: String,
}

/// The process can have one.
static LOADED: Mutex<Option<TensorRt>> = Mutex::new(None);

impl TensorRt {
    /// The first of `candidates`, files or folders, that has the library, loaded with the reader of ONNX beside it. A
    /// second call gives the same library, or an error if it would have to be another.
    pub fn load(candidates: &[PathBuf]) -> Result<Self, TensorRtError> {
        let not_found = || TensorRtError::NotFound { looked_at: candidates.to_vec() };
        let path = candidates.iter().find_map(|path| library_at(path)).ok_or_else(not_found)?;
        let path = path.canonicalize().unwrap_or(path);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            if library.path == path {
                return Ok(library.clone());
            }
            return Err(TensorRtError::OtherLoaded { path, loaded: library.path.clone() });
        }
        let unusable = |reason: String| TensorRtError::Unusable { path: path.clone(), reason };
        let version = ffi::library_version(&path).map_err(unusable)?;
        if !fits(&version) {
            let found = version.map(|part| part.to_string()).join(".");
            return Err(TensorRtError::Version { path, found });
        }
        let reason = logger::begin();
        trtx::dynamically_load_tensorrt(Some(path.as_os_str())).map_err(|error| unusable(reason(error)))?;
        let parser = parser_beside(&path).ok_or_else(|| unusable(format!("no {} beside it", NAMES[1])))?;
        trtx::dynamically_load_tensorrt_onnxparser(Some(parser.as_os_str()))
            .map_err(|error| unusable(reason(error)))?;
        let library = Self { path, version: version.map(|part| part.to_string()).join(".") };
        *loaded = Some(library.clone());
        Ok(library)
    }

    /// Where the library is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its own word, for example `1.7.1.116`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// Interfaces only grow within a major version; the bindings are made for that of [`OLDEST`].
fn fits(version: &[i32; 4]) -> bool {
    let oldest: Vec<i32> = OLDEST.split('.').filter_map(|part| part.parse().ok()).collect();
    version[0] == oldest[0] && version[1] >= oldest[1]
}

/// A library by its own path, or the one in a folder whose name says most of the version.
fn library_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_library = |path: &PathBuf| path.is_file() && is_named(path, NAMES[0]);
    entries.filter(is_library).max_by_key(|path| (path.as_os_str().len(), path.clone()))
}

/// The reader of ONNX of the same version beside the library, or any there.
fn parser_beside(library: &Path) -> Option<PathBuf> {
    let name = library.file_name()?.to_str()?;
    let same = library.with_file_name(name.replacen(NAMES[0], NAMES[1], 1));
    if same.is_file() {
        return Some(same);
    }
    let entries = fs::read_dir(library.parent()?).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| is_named(path, NAMES[1])).max_by_key(|path| (path.as_os_str().len(), path.clone()))
}

/// `libtensorrt_rtx.so.1`, `tensorrt_rtx_1_7.dll`; not a library whose name only begins so.
fn is_named(path: &Path, stem: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(rest) = name.trim_start_matches(std::env::consts::DLL_PREFIX).strip_prefix(stem) else { return false };
    let after = rest.trim_start_matches(|c: char| c == '_' || c.is_ascii_digit());
    after.starts_with(std::env::consts::DLL_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_names_the_places_and_what_to_do() {
        let error = TensorRt::load(&["/no/a".into(), "/no/b.so".into()]).unwrap_err().to_string();
        for part in [OLDEST, "/no/a, /no/b.so", "engines install tensorrt", "DICTOSCOPE_TENSORRT"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let file = tempfile::Builder::new().suffix(".so").tempfile().unwrap();
        let error = TensorRt::load(&[file.path().to_owned()]).unwrap_err();
        assert!(matches!(&error, TensorRtError::Unusable { .. }), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_gives_its_library_and_none_with_a_longer_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |stem: &str, end: &str| folder.path().join(format!("lib{stem}{end}"));
        fs::write(path(NAMES[1], ".so.1"), "").unwrap();
        fs::write(path(NAMES[0], "_plugin.so.1"), "").unwrap();
        assert_eq!(library_at(folder.path()), None);
        fs::write(path(NAMES[0], ".so.1"), "").unwrap();
        assert_eq!(library_at(folder.path()), Some(path(NAMES[0], ".so.1")));
        assert_eq!(parser_beside(&path(NAMES[0], ".so.1")), Some(path(NAMES[1], ".so.1")));
        assert_eq!(parser_beside(&path(NAMES[0], ".so.1.7.1")), Some(path(NAMES[1], ".so.1")));
    }

    #[test]
    fn a_newer_minor_version_fits_and_another_major_one_does_not() {
        let oldest: Vec<i32> = OLDEST.split('.').map(|part| part.parse().unwrap()).collect();
        let (major, minor) = (oldest[0], oldest[1]);
        assert!(fits(&[major, minor, 0, 0]) && fits(&[major, minor + 3, 1, 2]));
        assert!(!fits(&[major, minor - 1, 9, 9]) && !fits(&[major + 1, minor, 0, 0]));
    }
}
