//! `dictoscope engines install` and `remove` from outside, with a table of packages and a server of the test's own.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use dictoscope::packages::{VARIABLE, platform};
use tempfile::TempDir;

use crate::{
    bytes,
    server::{Reply, Server, Then},
    wheels::{entry, head, wheel},
};

const FILES: &str = "\"libonnxruntime.so.1\" = \"p/lib.so\", \"licences/small/LICENSE\" = \"p/LICENSE\"";

/// The program with a data folder and a table of its own.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn table(&self, text: &str) {
        fs::write(self.path("table.toml"), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dictoscope"));
        command
            .arg("engines")
            .args(args)
            .env("DICTOSCOPE_CONFIG_DIR", self.path("config"))
            .env("DICTOSCOPE_DATA_DIR", self.path("data"))
            .env(VARIABLE, self.path("table.toml"))
            .env_remove("ORT_DYLIB_PATH")
            .env_remove("DICTOSCOPE_TENSORRT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it and gives what it printed on both ways.
    #[track_caller]
    fn run(&self, args: &[&str], code: i32) -> String {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    fn library(&self) -> PathBuf {
        self.path("data/engines/onnxruntime/libonnxruntime.so.1")
    }
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// A server with a wheel whose library holds `library`.
fn server_of(library: &[u8]) -> (Server, Vec<u8>) {
    let bytes = wheel(&[("p/lib.so", library), ("p/LICENSE", b"do")]);
    let server = Server::new({
        let bytes = bytes.clone();
        move |_, asked| Reply::file(asked, &bytes, "\"a\"")
    });
    (server, bytes)
}

#[test]
fn a_package_comes_is_found_and_goes() {
    let bench = Bench::new();
    let (server, bytes) = server_of(&bytes(300_000, 20));
    bench.table(&(head("7.1") + &entry(&server.at("small-1.whl"), &bytes, 300_002, true, FILES)));

    let text = bench.run(&["install"], 0);
    holds(&text, &["onnxruntime 7.1: ", "Small Licence; not installed"]);
    let text = bench.run(&["install", "onnxruntime"], 1);
    holds(&text, &["small 1: ", "Small Licence", "https://pypi.org/project/small/1/", "expected --yes"]);
    assert_eq!(server.asked().len(), 0, "nothing comes before its licence is accepted");

    let text = bench.run(&["install", "onnxruntime", "--yes"], 0);
    holds(&text, &["small: 100 % of", "onnxruntime 7.1 is installed: 300 kB in"]);
    assert_eq!(fs::metadata(bench.library()).unwrap().len(), 300_000);
    let text = bench.run(&["install"], 0);
    holds(&text, &["7.1 is installed in", "library: ", "libonnxruntime.so.1"]);
    holds(&bench.run(&["install", "onnxruntime"], 0), &["onnxruntime 7.1 is there already"]);
    assert_eq!(server.asked().len(), 1);
    // It is what the engine would load, if it were a library.
    holds(&bench.run(&[], 0), &["onnxruntime: not usable", "data/engines/onnxruntime/libonnxruntime.so.1: expected"]);

    holds(&bench.run(&["remove", "onnxruntime"], 0), &["onnxruntime was removed from"]);
    assert!(!bench.path("data/engines/onnxruntime").exists());
    holds(&bench.run(&["remove", "onnxruntime"], 1), &["found nothing"]);
    holds(&bench.run(&[], 0), &["found no library at", "`dictoscope engines install onnxruntime` fetches one"]);
}

#[test]
fn what_cannot_be_installed_is_told() {
    let bench = Bench::new();
    let text = bench.run(&["install", "cudnn"], 2);
    holds(&text, &["cudnn", "onnxruntime, onnxruntime-gpu, tensorrt"]);
    let text = bench.run(&["install", "onnxruntime"], 1);
    holds(&text, &["table.toml: "]);
    let here = platform();
    let other = entry("https://127.0.0.1/a.whl", b"", 0, false, FILES).replace(&here, "plan9-mips");
    bench.table(&(head("7.1") + &other));
    let text = bench.run(&["install", "onnxruntime"], 1);
    holds(&text, &["onnxruntime 7.1: expected a wheel for", &here, "found those for plan9-mips"]);
    holds(&bench.run(&["install", "tensorrt"], 1), &["expected a package tensorrt, found onnxruntime"]);
}

#[test]
fn a_kill_in_the_middle_leaves_the_old_version_and_the_next_run_goes_on() {
    let bench = Bench::new();
    let (old, wheel_of_old) = server_of(b"old");
    bench.table(&(head("1.0") + &entry(&old.at("small-1.whl"), &wheel_of_old, 5, false, FILES)));
    bench.run(&["install", "onnxruntime"], 0);

    let library = bytes(400_000, 21);
    let bytes = wheel(&[("p/lib.so", &library), ("p/LICENSE", b"do")]);
    let server = Server::new({
        let bytes = bytes.clone();
        move |number, asked| {
            let reply = Reply::file(asked, &bytes, "\"a\"");
            if number == 0 { reply.first(200_000, Then::Stall) } else { reply }
        }
    });
    bench.table(&(head("2.0") + &entry(&server.at("small-2.whl"), &bytes, 400_002, false, FILES)));
    let mut child = Running(bench.command(&["install", "onnxruntime"]).stderr(Stdio::null()).spawn().unwrap());
    let part = bench.path("data/engines/downloads/small-2.whl.part");
    let began = Instant::now();
    while fs::metadata(&part).map_or(0, |data| data.len()) < 200_000 {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing comes");
        thread::sleep(Duration::from_millis(20));
    }
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(fs::read(bench.library()).unwrap(), b"old");
    holds(&bench.run(&["install"], 0), &["1.0 is installed in"]);

    bench.run(&["install", "onnxruntime"], 0);
    assert!(fs::read(bench.library()).unwrap() == library);
    assert_eq!(server.sent(), bytes.len() as u64, "no byte came twice");
    assert!(!bench.path("data/engines/downloads").exists());
}
