//! The doors of the program: what it writes is its user's alone whatever the umask, and it asks no network for anything unless
//! it is told to. Run under `strace`, which sees every socket.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../xvfb/mod.rs"]
mod xvfb;

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use xvfb::Xvfb;

/// A debug build under `strace` on a loaded machine.
const LIMIT: Duration = Duration::from_mins(3);

/// Folders of one's own; programs run with a umask that takes nothing away, every socket of theirs written down.
struct House {
    folder: TempDir,
    display: Option<Xvfb>,
    children: Vec<Child>,
}

impl House {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), display: None, children: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program under `strace`, which writes to `NAME.strace`; it is the child itself, not the tracer.
    fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 000; exec strace -D -f -q -e trace=socket,connect,sendto,sendmmsg -o \"$0\" \"$@\""])
            .arg(self.path(&format!("{name}.strace")))
            .arg(env!("CARGO_BIN_EXE_dictoscope"))
            .args(args);
        self.home(&mut command);
        command
    }

    fn home(&self, command: &mut Command) {
        for (variable, folder) in [("DATA", "data"), ("CONFIG", "config"), ("CACHE", "cache"), ("RUNTIME", "run")] {
            command.env(format!("DICTOSCOPE_{variable}_DIR"), self.path(folder));
        }
        command
            .env("PULSE_SERVER", format!("unix:{}", self.path("no-such-socket").display()))
            .env("NO_AT_BRIDGE", "1")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("DISPLAY")
            .stdin(Stdio::null());
        if let Some(display) = &self.display {
            command.env("DISPLAY", &display.display);
        }
    }

    /// Runs it to its end, and until `strace` has written down all that it saw.
    fn ends(&self, name: &str, args: &[&str]) -> Output {
        let child = self.command(name, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let output = child.wait_with_output().unwrap();
        self.until_written(name, id);
        output
    }

    fn until_written(&self, name: &str, id: u32) {
        let last = |line: &str| line.starts_with(&format!("{id} ")) && line.contains("+++ ");
        self.until("strace has written all", |house| {
            fs::read_to_string(house.path(&format!("{name}.strace"))).is_ok_and(|text| text.lines().any(last))
        });
    }

    fn run(&self, name: &str, args: &[&str]) -> String {
        let output = self.ends(name, args);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// An order, not looked at.
    fn order(&self, order: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dictoscope"));
        self.home(command.arg(order));
        command.output().unwrap()
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// What `strace` saw of one run: sockets, and those that lead out of this machine's files.
    fn sockets(&self, name: &str) -> (usize, Vec<String>) {
        let text = fs::read_to_string(self.path(&format!("{name}.strace"))).unwrap();
        let calls: Vec<&str> =
            text.lines().filter(|line| line.contains("socket(") || line.contains("sa_family")).collect();
        // Those of the kernel's own tables (netlink) and of files are no way out; all others are.
        let inside = |line: &&&str| line.contains("AF_UNIX") || line.contains("AF_NETLINK");
        let out = calls.iter().filter(|line| !inside(line)).map(|line| (*line).to_owned()).collect();
        (calls.len(), out)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn clip() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clips/short.flac").display().to_string()
}

/// Every file and folder below, with its permissions.
fn below(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let data = entry.path().symlink_metadata().unwrap();
        found.push((entry.path(), data.permissions().mode() & 0o777));
        if data.is_dir() {
            below(&entry.path(), found);
        }
    }
}

/// Refuses anything that others may read or enter.
#[track_caller]
fn assert_private(folder: &Path, needs: &[&str]) {
    let mut found = vec![(folder.to_owned(), fs::metadata(folder).unwrap().permissions().mode() & 0o777)];
    below(folder, &mut found);
    let open: Vec<String> = found
        .iter()
        .filter(|(path, mode)| *mode != if path.is_dir() { 0o700 } else { 0o600 })
        .map(|(path, mode)| format!("{mode:o} {}", path.display()))
        .collect();
    assert!(open.is_empty(), "expected 600 for files and 700 for folders, found\n{}", open.join("\n"));
    for need in needs {
        assert!(found.iter().any(|(path, _)| path.to_string_lossy().contains(need)), "no {need}: {found:?}");
    }
}

#[test]
fn strace_sees_a_way_out() {
    // What the other tests look for is found where it is: a program that does ask the network, and is refused.
    let house = House::new();
    let args = ["models", "download", "parakeet-tdt-0.6b-v3-int8", "--mirror", "http://127.0.0.1:9"];
    let output = house.ends("asks", &args);
    assert!(!output.status.success());
    let (_, out) = house.sockets("asks");
    assert!(out.iter().any(|line| line.contains("AF_INET")), "{out:?}");
    // In the clear nobody but this machine is asked, not even for its address.
    let args = ["models", "download", "parakeet-tdt-0.6b-v3-int8", "--mirror", "http://mirror.example"];
    let output = house.ends("clear", &args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("an address that begins with https://"), "{said}");
    assert_eq!(house.sockets("clear").1, Vec::<String>::new());
}

#[test]
fn no_verb_asks_the_network_for_anything() {
    let house = House::new();
    let text = house.run("transcribe", &["transcribe", &clip()]);
    assert!(text.starts_with("Yes, of course"), "{text}");
    let text = house.run("dictate", &["dictate", "--file", &clip()]);
    assert!(text.contains("of course"), "{text}");
    house.run("models", &["models"]);
    house.run("info", &["models", "info", "built-in"]);
    house.run("engines", &["engines"]);
    house.run("install", &["engines", "install"]);
    house.run("history", &["history"]);
    house.ends("devices", &["devices"]);
    for name in ["transcribe", "dictate", "models", "info", "engines", "install", "history", "devices"] {
        let (_, out) = house.sockets(name);
        assert!(out.is_empty(), "{name}: {}", out.join("\n"));
    }
    assert_private(&house.path("data"), &["history/", ".jsonl"]);
}

#[test]
fn the_window_asks_the_network_for_nothing_and_its_doors_are_the_users_alone() {
    let mut house = House::new();
    house.display = Some(Xvfb::start());
    let trace = house.path("traces-of-mine/run.jsonl");
    fs::create_dir(house.path("traces-of-mine")).unwrap();
    let args = ["--file", &clip(), "--trace", trace.to_str().unwrap(), "--dump-audio"];
    let child = house.command("window", &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    house.children.push(child);
    house.until("the window answers", |house| house.order("status").status.success());
    let socket = house.path("run/dictoscope.sock");
    let data = fs::metadata(&socket).unwrap();
    assert!(data.file_type().is_socket());
    assert_eq!((data.permissions().mode() & 0o777, mode(&house.path("run"))), (0o600, 0o700));
    house.until("words are kept", |house| !house.order("history").stdout.is_empty());
    house.until("it is done", |house| house.order("status").stdout.starts_with(b"ready"));
    let mut child = house.children.remove(0);
    child.kill().unwrap();
    child.wait().unwrap();
    house.until_written("window", child.id());
    let (all, out) = house.sockets("window");
    assert!(all > 0, "a window connects to its display at least");
    assert!(out.is_empty(), "{}", out.join("\n"));
    assert_private(&house.path("data"), &["history/"]);
    assert_eq!(mode(&trace), 0o600);
    assert_private(&house.path("traces-of-mine/run.tensors"), &["audio.npy"]);
}

#[test]
fn settings_and_models_are_the_users_alone() {
    let house = House::new();
    let model = house.path("mine");
    fs::create_dir(&model).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/split");
    for entry in fs::read_dir(from).unwrap().flatten() {
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    house.run("add", &["models", "add", model.to_str().unwrap(), "--name", "tiny"]);
    house.run("default", &["models", "default", "tiny"]);
    assert_private(&house.path("config"), &["settings.toml"]);
    let mut found = Vec::new();
    below(&house.path("data"), &mut found);
    assert!(found.iter().any(|(path, _)| path.ends_with("models/tiny/model.json")), "{found:?}");
    assert!(found.iter().all(|(path, mode)| mode & 0o022 == 0 && (!path.is_dir() || *mode == 0o700)), "{found:?}");
    // A file that its user lets others read stays so.
    let settings = house.path("config/settings.toml");
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o644)).unwrap();
    house.run("default", &["models", "default", "built-in"]);
    assert_eq!(mode(&settings), 0o644);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
