//! Where the libraries of ONNX Runtime and TensorRT may be: as the settings say, as the environment says, in the data folder, or the system's.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::config::data_folder;

/// Names a library, as other programs that use ONNX Runtime have it.
const VARIABLE: &str = "ORT_DYLIB_PATH";
/// In the data folder: for libraries of the program's own.
const INSTALLED: &str = "engines/onnxruntime";

#[cfg(windows)]
const SYSTEM: &[&str] = &["C:\\Windows\\System32"];
#[cfg(target_os = "macos")]
const SYSTEM: &[&str] = &["/usr/local/lib", "/opt/homebrew/lib"];
#[cfg(not(any(windows, target_os = "macos")))]
const SYSTEM: &[&str] = &[
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/onnxruntime/lib",
];

/// The places in the order in which they count. A path that somebody gave is the only one: another library than that
/// would be none of their choice.
pub(super) fn onnxruntime(settings: Option<&Path>) -> Vec<PathBuf> {
    if let Some(given) = settings.map(Path::to_owned).or_else(|| env::var_os(VARIABLE).map(PathBuf::from)) {
        return vec![given];
    }
    let installed = data_folder().map(|folder| folder.join(INSTALLED));
    let folders = installed.into_iter().chain(SYSTEM.iter().map(PathBuf::from));
    folders.flat_map(|folder| libraries_in(&folder)).collect()
}

/// The folder with CUDA's libraries, if it was named; else the loader looks where it always does.
pub(super) fn cuda() -> Option<PathBuf> {
    env::var_os("DICTOSCOPE_CUDA").map(PathBuf::from)
}

/// Names TensorRT's library or the folder it is in.
#[cfg(feature = "tensorrt")]
const TENSORRT_VARIABLE: &str = "DICTOSCOPE_TENSORRT";
/// In the data folder: for libraries of the program's own.
#[cfg(feature = "tensorrt")]
const TENSORRT_INSTALLED: &str = "engines/tensorrt";

/// The same for TensorRT: files or folders.
#[cfg(feature = "tensorrt")]
pub(super) fn tensorrt(settings: Option<&Path>) -> Vec<PathBuf> {
    let named = || env::var_os(TENSORRT_VARIABLE).filter(|given| !given.is_empty()).map(PathBuf::from);
    if let Some(given) = settings.map(Path::to_owned).or_else(named) {
        return vec![given];
    }
    let installed = data_folder().map(|folder| folder.join(TENSORRT_INSTALLED));
    installed.into_iter().chain(SYSTEM.iter().map(PathBuf::from)).collect()
}

/// The libraries in a folder, the one with the longest name, which holds the version, first; where there is none, the
/// plain name, to be named in the message.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let plain = format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = format!("{}onnxruntime", env::consts::DLL_PREFIX);
        name.strip_prefix(&stem).is_some_and(|rest| rest.starts_with('.'))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(is_library).collect();
    found.sort_by_key(|path| (std::cmp::Reverse(path.as_os_str().len()), path.clone()));
    if found.is_empty() { vec![folder.join(plain)] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_name_with_the_version_comes_first_and_other_libraries_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(libraries_in(folder.path()), [path("libonnxruntime.so")]);
        for name in ["libonnxruntime.so", "libonnxruntime.so.1.32.0", "libonnxruntime_providers_shared.so"] {
            fs::write(path(name), "").unwrap();
        }
        assert_eq!(libraries_in(folder.path()), [path("libonnxruntime.so.1.32.0"), path("libonnxruntime.so")]);
    }

    #[test]
    fn a_given_path_is_the_only_place() {
        assert_eq!(onnxruntime(Some(Path::new("/given.so"))), [PathBuf::from("/given.so")]);
    }
}
