//! Typing into other windows, on displays of their own: what arrived is read back from the window that had the focus.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod xvfb;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use dictoscope::{
    decode::Word,
    output::{Method, OutputSettings, TypeMode, TypingGuest, Typist},
    session::{EndReason, Probe, Stage},
    units::EncIdx,
};
use tempfile::TempDir;
use xvfb::Xvfb;

/// A debug build on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

/// A display that nobody sees, and a folder.
struct Room {
    folder: TempDir,
    xvfb: Xvfb,
    children: Vec<Child>,
}

impl Room {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), xvfb: Xvfb::start(), children: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DISPLAY", &self.xvfb.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("LC_ALL", "C.UTF-8")
            .env("DICTOSCOPE_DATA_DIR", self.path("data"))
            .env("DICTOSCOPE_CONFIG_DIR", self.path("config"))
            .env("DICTOSCOPE_RUNTIME_DIR", self.path("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Opens a terminal in which a file of this name takes what is typed, and gives it the focus.
    fn terminal(&mut self, name: &str) {
        let file = self.path(name);
        let shell = format!("stty -icanon min 1 -echo; touch '{0}'; exec cat > '{0}'", file.display());
        let arguments = ["-u8", "-T", name, "-class", "XTerm", "-e", "sh", "-c", &shell];
        let terminal = self.command("xterm").args(arguments).spawn();
        self.children.push(terminal.expect("xterm is among the packages of `make setup-test`"));
        self.until("the terminal runs", |_| file.exists());
        self.focus(name);
    }

    fn focus(&self, name: &str) {
        let title = format!("^{name}$");
        let done =
            self.command("xdotool").args(["search", "--sync", "--name", &title, "windowfocus", "--sync"]).status();
        assert!(done.expect("xdotool is among the packages of `make setup-test`").success());
    }

    fn xdotool(&self, arguments: &[&str]) {
        assert!(self.command("xdotool").args(arguments).status().unwrap().success(), "{arguments:?}");
    }

    /// Copies a text as another program does.
    fn copy(&mut self, text: &str) {
        let mut clip = self.command("xclip");
        clip.args(["-selection", "clipboard", "-quiet"]).stdin(Stdio::piped());
        let mut child = clip.spawn().expect("xclip is among the packages of `make setup-test`");
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        self.children.push(child);
        self.until("the text is copied", |room| room.clipboard() == text);
    }

    fn clipboard(&self) -> String {
        let mut clip = self.command("timeout");
        let out = clip.args(["5", "xclip", "-selection", "clipboard", "-o"]).stdout(Stdio::piped()).output();
        String::from_utf8(out.unwrap().stdout).unwrap()
    }

    fn arrived(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap_or_default()).unwrap_or_default()
    }

    #[track_caller]
    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn expect(&self, name: &str, text: &str) {
        let began = Instant::now();
        while self.arrived(name) != text {
            assert!(began.elapsed() < LIMIT, "expected {text:?}, arrived {:?}", self.arrived(name));
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn typist(&self, settings: OutputSettings) -> Typist {
        Typist::start(settings, Some(self.xvfb.display.clone()), || ()).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn settings(mode: TypeMode) -> OutputSettings {
    OutputSettings { mode, ..OutputSettings::default() }
}

fn say(guest: &mut TypingGuest, text: &str) {
    let word = |text: &str| Word { text: text.to_owned(), end: EncIdx(1), confidence: 1.0, ..Word::default() };
    let words: Vec<Word> = text.split(' ').map(word).collect();
    guest.on(Stage::Committed(&words));
}

fn end(guest: &mut TypingGuest) {
    guest.on(Stage::UtteranceEnd(EncIdx(1), EndReason::Silence));
}

#[test]
fn short_plain_text_is_typed_and_the_clipboard_is_left_alone() {
    let mut room = Room::new();
    room.terminal("one");
    room.copy("what was there");
    let typist = room.typist(settings(TypeMode::Words));
    let mut guest = typist.guest();
    let text = "Hello, World! It's 100% \"Quoted\" <{[(~`@#$^&*)]}> AbCdEfGhIjKlMnOpQrStUvWxYz \\|/ a_b-c=d+e;f:g?";
    let (first, second) = text.split_once(" <{").unwrap();
    for part in [first, &format!("<{{{second}")] {
        say(&mut guest, part);
    }
    end(&mut guest);
    room.expect("one", &format!("{text} "));
    assert_eq!(room.clipboard(), "what was there");
    drop(guest);
    assert_eq!(typist.finish(LIMIT), Vec::<String>::new());
}

#[test]
fn any_script_is_pasted_whole_and_the_clipboard_holds_again_what_it_held() {
    let mut room = Room::new();
    room.terminal("one");
    let before = "zażółć, an older text\nof two lines 你好";
    room.copy(before);
    let typist = room.typist(settings(TypeMode::Words));
    let mut guest = typist.guest();
    let parts = ["Zażółć gęślą jaźń", "你好，世界", "🎤 émoji ✓", "Ελληνικά Кириллица"];
    let mut expected = String::new();
    for part in parts {
        say(&mut guest, part);
        expected += if expected.is_empty() { "" } else { " " };
        expected += part;
        room.expect("one", &expected);
        room.until("the clipboard is as before", |room| room.clipboard() == before);
    }
    end(&mut guest);
    // What another program copies now is not touched by what was kept.
    room.copy("newer");
    say(&mut guest, "ąę");
    room.expect("one", &format!("{expected} ąę"));
    room.until("the newer text is there", |room| room.clipboard() == "newer");
    drop(guest);
    assert_eq!(typist.finish(LIMIT), Vec::<String>::new());
}

#[test]
fn an_utterance_comes_at_its_end_and_enter_with_it() {
    let mut room = Room::new();
    room.terminal("one");
    let typist = room.typist(OutputSettings { submit: true, ..settings(TypeMode::Utterance) });
    let mut guest = typist.guest();
    say(&mut guest, "one two");
    say(&mut guest, "three");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(room.arrived("one"), "");
    end(&mut guest);
    room.expect("one", "one two three\n");
    // Cancelled: what was not typed is not typed any more.
    say(&mut guest, "four");
    guest.on(Stage::Cancelled);
    guest.on(Stage::UtteranceEnd(EncIdx(1), EndReason::Cancelled));
    drop(guest);
    assert_eq!(typist.finish(LIMIT), Vec::<String>::new());
    assert_eq!(room.arrived("one"), "one two three\n");
}

#[test]
fn another_window_gets_nothing_and_it_is_told() {
    let mut room = Room::new();
    room.terminal("two");
    room.terminal("one");
    let typist = room.typist(settings(TypeMode::Words));
    let mut guest = typist.guest();
    say(&mut guest, "here");
    room.expect("one", "here");
    room.focus("two");
    say(&mut guest, "there");
    let told = typist.messages().recv_timeout(LIMIT).unwrap();
    assert!(told.contains("focus went from XTerm to XTerm"), "{told}");
    // Back again: the dictation is over all the same, the next one is not.
    room.focus("one");
    say(&mut guest, "again");
    drop(guest);
    let mut next = typist.guest();
    thread::sleep(Duration::from_millis(300));
    say(&mut next, "!");
    room.expect("one", "here!");
    assert_eq!(room.arrived("two"), "");
    drop(next);
    assert_eq!(typist.finish(LIMIT), Vec::<String>::new());
}

#[test]
fn nothing_is_typed_while_a_modifier_is_held_and_rules_count() {
    let mut room = Room::new();
    room.terminal("one");
    let typist = room.typist(settings(TypeMode::Words));
    let mut guest = typist.guest();
    room.xdotool(&["keydown", "ctrl"]);
    say(&mut guest, "calm");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(room.arrived("one"), "");
    room.xdotool(&["keyup", "ctrl"]);
    room.expect("one", "calm");
    // With Caps Lock typing would swap the case: it is pasted then.
    room.xdotool(&["key", "Caps_Lock"]);
    say(&mut guest, "Case");
    room.expect("one", "calm Case");
    room.xdotool(&["key", "Caps_Lock"]);
    let mut set = typist.setter();
    let rule =
        |method| OutputSettings { applications: [("xterm".to_owned(), method)].into(), ..settings(TypeMode::Words) };
    set(&rule(Method::Off));
    say(&mut guest, "off");
    set(&rule(Method::Type));
    say(&mut guest, "ż");
    let told = typist.messages().recv_timeout(LIMIT).unwrap();
    assert!(told.contains("no key for 'ż'"), "{told}");
    say(&mut guest, "on");
    room.expect("one", "calm Case on");
    drop((guest, set));
    assert_eq!(typist.finish(LIMIT), Vec::<String>::new());
}

#[test]
fn a_picture_in_the_clipboard_is_left_alone() {
    let mut room = Room::new();
    room.terminal("one");
    let icon = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/icon.png");
    let mut clip = room.command("xclip");
    clip.args(["-selection", "clipboard", "-quiet", "-t", "image/png", icon]);
    room.children.push(clip.spawn().unwrap());
    thread::sleep(Duration::from_millis(500));
    let typist = room.typist(settings(TypeMode::Words));
    let mut guest = typist.guest();
    say(&mut guest, "żółw");
    let told = typist.messages().recv_timeout(LIMIT).unwrap();
    assert!(told.contains("image/png") && told.contains("żółw"), "{told}");
    say(&mut guest, "plain");
    room.expect("one", " plain");
    drop(guest);
    assert_eq!(typist.finish(LIMIT), Vec::<String>::new());
    let out = room
        .command("xclip")
        .args(["-selection", "clipboard", "-t", "image/png", "-o"])
        .stdout(Stdio::piped())
        .output();
    assert_eq!(out.unwrap().stdout, fs::read(icon).unwrap());
}

#[test]
fn the_program_types_what_it_hears_and_never_into_itself() {
    let mut room = Room::new();
    room.terminal("one");
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/clips/short.flac");
    let program = env!("CARGO_BIN_EXE_dictoscope");
    let out =
        room.command(program).args(["dictate", "--file", clip, "--type", "words"]).stdout(Stdio::piped()).output();
    let said = String::from_utf8(out.unwrap().stdout).unwrap();
    assert!(said.split_whitespace().count() > 2, "{said}");
    room.expect("one", &(said.split_whitespace().collect::<Vec<_>>().join(" ") + " "));
    // The window has the focus itself: the recording is heard, and typed nowhere.
    let window = room.command(program).args(["--file", clip, "--type", "words"]).spawn().unwrap();
    room.children.push(window);
    room.focus("Dictoscope");
    let history =
        |room: &Room| room.command(program).args(["history", "--json"]).stdout(Stdio::piped()).output().unwrap();
    room.until("the window has heard it", |room| {
        let lines = String::from_utf8(history(room).stdout).unwrap();
        lines.lines().count() == 2 && lines.lines().all(|line| line.contains("\"ended\":true"))
    });
    assert_eq!(room.arrived("one").trim(), said.split_whitespace().collect::<Vec<_>>().join(" "));
}
