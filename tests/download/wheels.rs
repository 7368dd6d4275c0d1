//! Packages out of small wheels: whole or not at all, and the old version as long as the new one is not complete.

use std::{
    fs,
    io::{Cursor, Write as _},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use dictoscope::packages::{
    Install, Installed, Notice, PackageError, State, Table, install, package_folder, platform, remove, state, tidy,
};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    QUICK,
    server::{Reply, Server},
    sha256,
};

/// A wheel with these members.
pub(crate) fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The lines of a table for a wheel of `onnxruntime`; `files` as TOML.
pub(crate) fn entry(url: &str, wheel: &[u8], unpacked: usize, accept: bool, files: &str) -> String {
    format!(
        "[[package.wheel]]\nplatform = \"{}\"\nproject = \"small\"\nversion = \"1\"\nlicence = \"Small Licence\"\n\
         accept = {accept}\nurl = \"{url}\"\nsize = {}\nunpacked = {unpacked}\nsha256 = \"{}\"\nfiles = {{ {files} }}\n",
        platform(),
        wheel.len(),
        sha256(wheel)
    )
}

pub(crate) fn head(version: &str) -> String {
    format!("[[package]]\nname = \"onnxruntime\"\nversion = \"{version}\"\n")
}

const FILES: &str = "\"libonnxruntime.so.1\" = \"p/lib.so\", \"licences/small/LICENSE\" = \"p/LICENSE\"";

/// A server with one wheel, and a folder for packages.
struct Shop {
    server: Server,
    folder: TempDir,
    table: Table,
}

impl Shop {
    fn new(version: &str, members: &[(&str, &[u8])], unpacked: usize, files: &str) -> Self {
        let bytes = wheel(members);
        let server = Server::new({
            let bytes = bytes.clone();
            move |_, asked| Reply::file(asked, &bytes, "\"a\"")
        });
        let text = head(version) + &entry(&server.at("small-1.whl"), &bytes, unpacked, false, files);
        let table = Table::parse("table", &text).unwrap();
        Self { server, folder: TempDir::new().unwrap(), table }
    }

    /// Version `version`, whose library holds just that.
    fn good(version: &str) -> Self {
        let library = version.as_bytes();
        Self::new(
            version,
            &[("p/lib.so", library), ("p/LICENSE", b"do"), ("p/other.py", b"x")],
            library.len() + 2,
            FILES,
        )
    }

    /// The same folder, other wares.
    fn in_folder_of(self, other: Shop) -> Self {
        Self { folder: other.folder, ..self }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("engines")
    }

    fn install_with(
        &self,
        force: bool,
        stop: impl Fn(&Notice<'_>) -> bool,
    ) -> Result<Option<(PathBuf, Installed)>, PackageError> {
        let package = self.table.package("onnxruntime").unwrap();
        let wheels = package.wheels_for(&platform(), None).unwrap();
        let cancel = AtomicBool::new(false);
        install(
            &Install { root: &self.root(), package, wheels: &wheels, force, limits: QUICK },
            &cancel,
            &mut |notice| {
                cancel.fetch_or(stop(notice), Ordering::SeqCst);
            },
        )
    }

    fn install(&self) -> Result<Option<(PathBuf, Installed)>, PackageError> {
        self.install_with(false, |_| false)
    }

    #[track_caller]
    fn holds(&self, version: &str) {
        let folder = package_folder(&self.root(), "onnxruntime");
        assert_eq!(fs::read_to_string(folder.join("libonnxruntime.so.1")).unwrap(), version);
        let State::There(installed) = state(&self.root(), "onnxruntime").unwrap() else { panic!("no package.json") };
        assert_eq!(installed.version, version);
    }

    /// What lies in the folder of all packages.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock");
        names.sort();
        names
    }
}

#[test]
fn a_package_is_what_the_table_lists_and_no_more() {
    let shop = Shop::good("1.0");
    let (folder, installed) = shop.install().unwrap().unwrap();
    assert_eq!(folder, shop.root().join("onnxruntime"));
    assert_eq!(shop.names(), ["onnxruntime"], "neither wheel nor unfinished folder");
    let paths: Vec<_> = installed.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["libonnxruntime.so.1", "licences/small/LICENSE"]);
    assert_eq!(installed.files[0].sha256, sha256(b"1.0"));
    assert!(!folder.join("other.py").exists());
    assert!(folder.join("package.json").exists());
    shop.holds("1.0");
}

#[test]
fn what_is_there_is_not_fetched_again_unless_it_changed_or_is_forced() {
    let shop = Shop::good("1.0");
    shop.install().unwrap();
    assert!(shop.install().unwrap().is_none());
    assert_eq!(shop.server.asked().len(), 1);
    fs::write(shop.root().join("onnxruntime/libonnxruntime.so.1"), "bad").unwrap();
    assert!(shop.install().unwrap().is_some());
    shop.holds("1.0");
    assert!(shop.install_with(true, |_| false).unwrap().is_some());
    assert_eq!(shop.server.asked().len(), 3);
}

#[test]
fn a_new_version_takes_the_place_of_the_old_one() {
    let old = Shop::good("1.0");
    old.install().unwrap();
    let new = Shop::good("2.0").in_folder_of(old);
    new.install().unwrap();
    new.holds("2.0");
    assert_eq!(new.names(), ["onnxruntime"]);
}

#[test]
fn a_stop_leaves_the_old_version_in_place() {
    let mut shop = Shop::good("1.0");
    shop.install().unwrap();
    for stop in [
        |notice: &Notice<'_>| matches!(notice, Notice::Fetching(..)),
        |notice: &Notice<'_>| matches!(notice, Notice::Unpacking { .. }),
    ] {
        shop = Shop::good("2.0").in_folder_of(shop);
        let error = shop.install_with(false, stop);
        // A wheel this small may be there before the stop is seen; then it stops at unpacking.
        assert!(error.is_err(), "{error:?}");
        shop.holds("1.0");
    }
    shop.install().unwrap();
    shop.holds("2.0");
    assert_eq!(shop.names(), ["onnxruntime"]);
}

#[test]
fn a_member_that_leads_out_is_refused() {
    let old = Shop::good("1.0");
    old.install().unwrap();
    for name in ["../evil.so", "p/../../evil.so", "/evil.so"] {
        let members: [(&str, &[u8]); 3] = [("p/lib.so", b"2.0"), ("p/LICENSE", b"do"), (name, b"evil")];
        let shop = Shop::new("2.0", &members, 5, FILES);
        let error = shop.install().unwrap_err();
        assert!(matches!(&error, PackageError::Member { member, .. } if member == name), "{error}");
        assert!(!shop.root().join("onnxruntime").exists());
        assert!(!shop.folder.path().join("evil.so").exists() && !shop.root().join("evil.so").exists());
    }
    old.holds("1.0");
}

#[test]
fn a_wheel_that_is_not_what_the_table_says_is_refused() {
    let library = vec![0; 100_000];
    let members: [(&str, &[u8]); 2] = [("p/lib.so", &library), ("p/LICENSE", b"do")];
    let error = Shop::new("1", &members, 99, FILES).install().unwrap_err();
    assert!(matches!(&error, PackageError::Member { expected, .. } if expected == "99 bytes in all"), "{error}");
    let error = Shop::new("1", &members[..1], 100_000, FILES).install().unwrap_err();
    assert!(matches!(&error, PackageError::Member { member, .. } if member == "p/LICENSE"), "{error}");
}

#[test]
fn a_swap_that_was_broken_off_is_mended() {
    let shop = Shop::good("1.0");
    shop.install().unwrap();
    // As if the program had been killed between the two renames.
    fs::rename(shop.root().join("onnxruntime"), shop.root().join("onnxruntime.old")).unwrap();
    fs::create_dir(shop.root().join("onnxruntime.new")).unwrap();
    shop.holds("1.0");
    let shop = Shop::good("2.0").in_folder_of(shop);
    shop.install().unwrap();
    shop.holds("2.0");
    assert_eq!(shop.names(), ["onnxruntime"]);
}

#[test]
fn libraries_of_somebody_else_are_left_alone() {
    let shop = Shop::good("1.0");
    let folder = shop.root().join("onnxruntime");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("mine.so"), "mine").unwrap();
    for error in [shop.install().unwrap_err(), remove(&shop.root(), "onnxruntime").unwrap_err()] {
        assert!(matches!(&error, PackageError::Foreign { folder: named } if *named == folder), "{error}");
    }
    assert_eq!(fs::read_to_string(folder.join("mine.so")).unwrap(), "mine");
}

#[test]
fn what_is_removed_is_gone() {
    let shop = Shop::good("1.0");
    shop.install().unwrap();
    remove(&shop.root(), "onnxruntime").unwrap();
    assert_eq!(shop.names(), [""; 0]);
    assert_eq!(state(&shop.root(), "onnxruntime").unwrap(), State::Missing);
    assert!(matches!(remove(&shop.root(), "onnxruntime"), Err(PackageError::Missing { .. })));
}

#[test]
fn two_processes_do_not_install_at_once() {
    let shop = Shop::good("1.0");
    shop.install().unwrap();
    let other = fs::File::options().write(true).open(shop.root().join(".lock")).unwrap();
    other.lock().unwrap();
    let error = shop.install_with(true, |_| false).unwrap_err();
    assert!(matches!(error, PackageError::Busy { .. }), "{error}");
    assert!(matches!(remove(&shop.root(), "onnxruntime"), Err(PackageError::Busy { .. })));
    shop.holds("1.0");
}

#[test]
fn unfinished_downloads_of_older_versions_go() {
    let shop = Shop::good("1.0");
    let downloads = shop.root().join("downloads");
    fs::create_dir_all(&downloads).unwrap();
    for name in ["small-0.whl.part", "small-0.whl.part.tag", "small-1.whl.part"] {
        fs::write(downloads.join(name), "").unwrap();
    }
    tidy(&shop.root(), &shop.table).unwrap();
    let left: Vec<_> = fs::read_dir(&downloads).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["small-1.whl.part"]);
}
