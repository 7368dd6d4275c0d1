//! The ONNX Runtime library: loaded at run time, once for the process, and only in a version that this program knows.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::environment::Environment;

/// Oldest version that can be used: `ort` is built for its interface, and older ones end the process.
pub(super) const OLDEST: &str = "1.31";

/// The library cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// It is at none of the places.
    #[error(
        "expected ONNX Runtime {OLDEST} or newer, found no library {}; `dictoscope engines install onnxruntime` fetches \
         one; ORT_DYLIB_PATH or the key onnxruntime of the settings names another",
        places(looked_at)
    )]
    NotFound {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
    },
    /// The loader, or the version, says no.
    #[error("{}: expected ONNX Runtime {OLDEST} or newer: {reason}", path.display())]
    Unusable {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The libraries that the CUDA provider needs are not all there.
    #[error("{}: expected CUDA 13's and cuDNN 9's libraries: {reason}", folder.display())]
    Cuda {
        /// Where they were to be.
        folder: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// Another one is loaded already.
    #[error("{}: expected the library that is loaded already, {}: restart the program to change it", path.display(), loaded.display())]
    OtherLoaded {
        /// What was asked for.
        path: PathBuf,
        /// What is loaded.
        loaded: PathBuf,
    },
}

fn places(looked_at: &[PathBuf]) -> String {
    let names: Vec<_> = looked_at.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { "anywhere".to_owned() } else { format!("at {}", names.join(", ")) }
}

/// A loaded library.
#[derive(Clone, Debug)]
pub struct OnnxRuntime {
    path: PathBuf,
    version: String,
    pub(super) environment: Environment,
}

/// The process can have one.
static LOADED: Mutex<Option<OnnxRuntime>> = Mutex::new(None);

impl OnnxRuntime {
    /// The first of `candidates` that is a file, loaded. A second call gives the same library, or an error if it would
    /// have to be another.
    pub fn load(candidates: &[PathBuf]) -> Result<Self, LibraryError> {
        let not_found = || LibraryError::NotFound { looked_at: candidates.to_vec() };
        let path = candidates.iter().find(|path| path.is_file()).ok_or_else(not_found)?;
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            if runtime.path == path {
                return Ok(runtime.clone());
            }
            return Err(LibraryError::OtherLoaded { path, loaded: runtime.path.clone() });
        }
        let unusable = |reason: String| LibraryError::Unusable { path: path.clone(), reason };
        let builder = ort::init_from(&path).map_err(|error| unusable(error.to_string()))?;
        let environment = builder.build().map_err(|error| unusable(error.to_string()))?;
        let version = version_in(&path).unwrap_or_else(|| format!("at least {OLDEST}"));
        let runtime = Self { path, version, environment };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Where the library is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its own word, for example `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// Loads CUDA's and cuDNN's libraries out of `folder`, so that ONNX Runtime's provider, which looks for them by name alone,
/// finds them there.
pub fn preload_cuda(folder: &Path) -> Result<(), LibraryError> {
    ort::ep::cuda::preload_dylibs(Some(folder), Some(folder))
        .map_err(|error| LibraryError::Cuda { folder: folder.to_owned(), reason: error.to_string() })
}

/// The version out of the file's name, as packages have it (`libonnxruntime.so.1.32.0`, `libonnxruntime.1.32.0.dylib`):
/// the library tells its own only through an interface that `ort` keeps to itself.
fn version_in(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let numbers = name.split('.').filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let numbers: Vec<&str> = numbers.collect();
    (numbers.len() >= 2).then(|| numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_in_the_name_or_not() {
        for (name, version) in [
            ("/a/libonnxruntime.so.1.32.0", Some("1.32.0")),
            ("libonnxruntime.1.31.1.dylib", Some("1.31.1")),
            ("libonnxruntime.so", None),
            ("onnxruntime.dll", None),
        ] {
            assert_eq!(version_in(Path::new(name)).as_deref(), version, "{name}");
        }
    }

    #[test]
    fn a_missing_library_names_the_places_and_what_to_do() {
        let error = OnnxRuntime::load(&["/no/a.so".into(), "/no/b.so".into()]).unwrap_err().to_string();
        for part in ["1.31", "/no/a.so, /no/b.so", "dictoscope engines install onnxruntime", "ORT_DYLIB_PATH"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let file = tempfile::Builder::new().suffix(".so").tempfile().unwrap();
        let error = OnnxRuntime::load(&[file.path().to_owned()]).unwrap_err();
        assert!(
            matches!(&error, LibraryError::Unusable { path, .. } if path.ends_with(file.path().file_name().unwrap()))
        );
        assert!(error.to_string().contains("expected ONNX Runtime 1.31 or newer"), "{error}");
    }
}
