//! Where libraries of engines may be: as the settings say, as the environment says, in the data folder, or the system's.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    config::data_folder,
    packages::{GROUP_CUDA, package_folder},
};

/// Names ONNX Runtime's library, as other programs that use it have it.
const ORT_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Names the library of TensorRT for RTX, or its folder.
const TENSORRT_VARIABLE: &str = "DICTOSCOPE_TENSORRT";
/// Names the folder of CUDA's and cuDNN's libraries.
const CUDA_VARIABLE: &str = "DICTOSCOPE_CUDA";
/// In the data folder: for what `dictoscope engines install` fetches.
const INSTALLED: &str = "engines";

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
    "/usr/local/tensorrt_rtx/lib",
    "/opt/tensorrt_rtx/lib",
];

/// How a library is called: what its files begin with, before a version and an ending, and the name to look for, and to
/// tell, where there is none.
#[derive(Clone, Copy, Debug)]
struct Library {
    stem: &'static str,
    plain: &'static str,
}

#[cfg(windows)]
const ONNX_RUNTIME: Library = Library { stem: "onnxruntime", plain: "onnxruntime.dll" };
#[cfg(target_os = "macos")]
const ONNX_RUNTIME: Library = Library { stem: "libonnxruntime", plain: "libonnxruntime.dylib" };
#[cfg(not(any(windows, target_os = "macos")))]
const ONNX_RUNTIME: Library = Library { stem: "libonnxruntime", plain: "libonnxruntime.so" };

#[cfg(windows)]
const TENSORRT: Library = Library { stem: "tensorrt_rtx_1", plain: "tensorrt_rtx_1.dll" };
#[cfg(not(windows))]
const TENSORRT: Library = Library { stem: "libtensorrt_rtx.so.1", plain: "libtensorrt_rtx.so.1" };

/// Places of ONNX Runtime in the order in which they count. A path that somebody gave is the only one: another library
/// than that would be none of their choice. Of what was installed, `onnxruntime-gpu`, which computes on the CPU as well,
/// counts first: a process can load one library only. With `gpu` nothing else serves.
pub(super) fn onnxruntime(settings: Option<&Path>, gpu: bool) -> Vec<PathBuf> {
    if let Some(given) = given(settings, ORT_VARIABLE) {
        return vec![given];
    }
    let names: &[&str] = if gpu { &["onnxruntime-gpu"] } else { &["onnxruntime-gpu", "onnxruntime"] };
    places(packages_root().as_deref(), names, ONNX_RUNTIME)
}

/// Places of the library of TensorRT for RTX in the order in which they count; its ONNX parser lies beside it. What
/// somebody gave, a file or its folder, is the only one.
pub(super) fn tensorrt(settings: Option<&Path>) -> Vec<PathBuf> {
    match given(settings, TENSORRT_VARIABLE) {
        Some(folder) if folder.is_dir() => libraries_in(&folder, TENSORRT),
        Some(file) => vec![file],
        None => places(packages_root().as_deref(), &["tensorrt"], TENSORRT),
    }
}

/// Folder of CUDA's libraries: the one that somebody named, or what came with `onnxruntime-gpu`; where there is neither,
/// the loader looks where it always does.
pub(super) fn cuda_folder() -> Option<PathBuf> {
    if let Some(given) = given(None, CUDA_VARIABLE) {
        return Some(given);
    }
    Some(package_folder(&packages_root()?, "onnxruntime-gpu").join(GROUP_CUDA)).filter(|folder| folder.is_dir())
}

/// The folder of all packages. `None` where the system names no home.
pub(super) fn packages_root() -> Option<PathBuf> {
    data_folder().map(|folder| folder.join(INSTALLED))
}

fn given(settings: Option<&Path>, variable: &str) -> Option<PathBuf> {
    let named = || env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    settings.map(Path::to_owned).or_else(named)
}

/// The library in packages of these names below `root`, then in the system.
fn places(root: Option<&Path>, names: &[&str], library: Library) -> Vec<PathBuf> {
    let installed = root.iter().flat_map(|root| names.iter().map(|name| package_folder(root, name)));
    installed.chain(SYSTEM.iter().map(PathBuf::from)).flat_map(|folder| libraries_in(&folder, library)).collect()
}

/// The libraries in a folder, the one with the longest name, which holds the version, first; where there is none, the
/// plain name, to be named in the message.
fn libraries_in(folder: &Path, library: Library) -> Vec<PathBuf> {
    let is_library = |path: &PathBuf| {
        let rest = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(library.stem));
        rest.is_some_and(is_version)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(is_library).collect();
    found.sort_by_key(|path| (std::cmp::Reverse(path.as_os_str().len()), path.clone()));
    if found.is_empty() { vec![folder.join(library.plain)] } else { found }
}

/// Whether this ends a library's name: nothing, `.so`, `.1.32.0`, or on Windows `_7.dll`; not `_providers_cuda.so`.
fn is_version(rest: &str) -> bool {
    rest.is_empty()
        || rest.starts_with('.')
        || rest.strip_prefix('_').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_name_with_the_version_comes_first_and_other_libraries_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(libraries_in(folder.path(), ONNX_RUNTIME), [path("libonnxruntime.so")]);
        assert_eq!(libraries_in(folder.path(), TENSORRT), [path("libtensorrt_rtx.so.1")]);
        for name in [
            "libonnxruntime.so",
            "libonnxruntime.so.1.32.0",
            "libonnxruntime_providers_shared.so",
            "libtensorrt_rtx.so.1",
            "libtensorrt_onnxparser_rtx.so.1",
            "libtensorrt_rtx.so.10",
        ] {
            fs::write(path(name), "").unwrap();
        }
        let found = libraries_in(folder.path(), ONNX_RUNTIME);
        assert_eq!(found, [path("libonnxruntime.so.1.32.0"), path("libonnxruntime.so")]);
        assert_eq!(libraries_in(folder.path(), TENSORRT), [path("libtensorrt_rtx.so.1")]);
        assert_eq!(tensorrt(Some(folder.path())), [path("libtensorrt_rtx.so.1")], "a folder serves as well");
    }

    #[test]
    fn a_given_path_is_the_only_place() {
        assert_eq!(onnxruntime(Some(Path::new("/given.so")), false), [PathBuf::from("/given.so")]);
        assert_eq!(onnxruntime(Some(Path::new("/given.so")), true), [PathBuf::from("/given.so")]);
        assert_eq!(tensorrt(Some(Path::new("/given.so.1"))), [PathBuf::from("/given.so.1")]);
    }

    #[test]
    fn packages_come_before_the_system_and_in_their_order() {
        let both = places(Some(Path::new("/data")), &["onnxruntime", "onnxruntime-gpu"], ONNX_RUNTIME);
        let folders: Vec<_> = both.iter().filter_map(|path| path.parent()).take(2).collect();
        assert_eq!(folders, [Path::new("/data/onnxruntime"), Path::new("/data/onnxruntime-gpu")]);
        assert!(both.len() > SYSTEM.len() + 1, "{both:?}");
        assert_eq!(
            places(Some(Path::new("/data")), &["tensorrt"], TENSORRT)[0].parent(),
            Some(Path::new("/data/tensorrt"))
        );
    }
}
