//! The window on a display of its own: orders of a second program, one window for each user, a kill and what is left of it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod xvfb;

use std::{
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use xvfb::Xvfb;

/// A debug build on a loaded machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A display that nobody sees, and folders of one's own.
struct Room {
    folder: TempDir,
    xvfb: Xvfb,
    windows: Vec<Child>,
}

impl Room {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), xvfb: Xvfb::start(), windows: Vec::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dictoscope"));
        let path = |name: &str| self.folder.path().join(name);
        command
            .args(arguments)
            .env("DISPLAY", &self.xvfb.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("DICTOSCOPE_DATA_DIR", path("data"))
            .env("DICTOSCOPE_CONFIG_DIR", path("config"))
            .env("DICTOSCOPE_RUNTIME_DIR", path("run"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the window says it does.
    fn order(&self, order: &str) -> String {
        let output = self.run(&[order]);
        assert!(output.status.success(), "{order}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Opens the window and waits until it answers.
    fn open(&mut self, arguments: &[&str]) {
        let child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.windows.push(child);
        self.until("the window answers", |room| room.run(&["status"]).status.success());
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for child in &mut self.windows {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn clip(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/clips").join(name).display().to_string()
}

#[test]
fn a_second_program_gives_orders_and_opens_no_second_window() {
    let mut room = Room::new();
    let lonely = room.run(&["toggle"]);
    assert_eq!(lonely.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&lonely.stderr).contains("start it first"));
    room.open(&["--file", &clip("story.flac")]);
    room.until("it listens", |room| room.order("status") == "listening");
    // The same program again brings the window to the front and ends.
    assert!(room.run(&[]).status.success());
    room.until("words are kept", |room| !room.run(&["history"]).stdout.is_empty());
    assert!(matches!(room.order("stop").as_str(), "stopping" | "ready"));
    room.until("it has stopped", |room| room.order("status") == "ready");
    assert!(!room.run(&["use-engine", "tract"]).status.success());
    assert!(room.run(&["use-engine", "rten"]).status.success());
}

#[test]
fn after_a_kill_the_words_are_there_and_the_next_window_listens_and_says_so() {
    let mut room = Room::new();
    room.open(&["--file", &clip("story.flac")]);
    room.until("a word is kept", |room| !room.run(&["history", "show"]).stdout.is_empty());
    room.windows[0].kill().unwrap();
    room.windows[0].wait().unwrap();
    let kept = String::from_utf8(room.run(&["history", "show"]).stdout).unwrap();
    assert!(kept.starts_with("This is"), "{kept}");
    assert!(!room.run(&["status"]).status.success());
    room.open(&[]);
    assert_eq!(String::from_utf8(room.run(&["history", "show"]).stdout).unwrap(), kept);
    let list = String::from_utf8(room.run(&["history"]).stdout).unwrap();
    assert!(list.contains("not ended"), "{list}");
}
