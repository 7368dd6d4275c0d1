//! End to end: a recording is spoken into a virtual microphone, keys are pressed, and the text is read out of a terminal.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod bus;
#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod desk;
#[path = "../microphone/dictation.rs"]
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod dictation;
mod portal;
#[path = "../microphone/server.rs"]
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod server;
#[path = "../xvfb/mod.rs"]
mod xvfb;

use std::{fs, thread, time::Duration};

use common::text::word_errors;
use desk::Desk;
use dictation::Dictation;

const KEYS: &str = "[hotkeys]\ntoggle = \"Ctrl+Alt+D\"\npush_to_talk = \"F9\"\ncancel = \"Escape\"\n";

/// As long as a person holds a key down who does not want to hold it.
const TAP: Duration = Duration::from_millis(60);

#[track_caller]
fn assert_typed(desk: &Desk, clip: &str) {
    let spoken = common::reference_text(clip);
    // A recording lies on the 80 ms grid of the encoder as chance has it: one word may be heard otherwise.
    desk.until("the text is typed", |desk| word_errors(&spoken, &desk.typed()) <= 1);
}

fn waiting<'a>(desk: &'a Desk, args: &[&str]) -> Dictation<'a> {
    let mut dictation = Dictation::start(&desk.room, &[&["--wait"], args].concat());
    dictation.wait_for("ready");
    dictation
}

#[test]
fn what_is_said_while_the_key_is_held_is_typed_once_it_is_let_go() {
    let mut desk = Desk::new(KEYS);
    desk.terminal();
    let server = desk.server();
    let mut dictation = waiting(&desk, &["--type", "words"]);
    assert_eq!(desk.order("status"), "ready");
    desk.xdotool(&["keydown", "F9"]);
    dictation.wait_for("started");
    assert_eq!(desk.order("status"), "listening");
    server.play(&common::clip("train.flac"));
    assert_eq!(desk.typed(), "", "the desktop gives all keys to whoever has the one that is held");
    desk.xdotool(&["keyup", "F9"]);
    dictation.wait_for("stopped");
    assert_typed(&desk, "train.flac");
    let starts = dictation.names().iter().filter(|name| **name == "started").count();
    assert_eq!(starts, 1, "the key that is held repeats itself, and is one press: {:?}", dictation.names());

    // Pressed again at once, while the rest of the first is being transcribed: a second dictation.
    desk.xdotool(&["keydown", "F9"]);
    dictation.wait_for("started");
    desk.xdotool(&["keyup", "F9", "keydown", "F9"]);
    dictation.wait_for("stopped");
    dictation.wait_for("started");
    desk.xdotool(&["keyup", "F9"]);
    dictation.wait_for("stopped");
    dictation.end();
}

#[test]
fn what_was_said_just_before_the_key_is_not_lost() {
    let settings = format!("{KEYS}[audio]\npre_roll_secs = 5\n");
    let mut desk = Desk::new(&settings);
    desk.terminal();
    let server = desk.server();
    let mut dictation = waiting(&desk, &["--type", "utterance"]);
    // The whole sentence is over before the key is pressed.
    server.play(&common::clip("short.flac"));
    desk.xdotool(&["keydown", "F9"]);
    dictation.wait_for("started");
    desk.xdotool(&["keyup", "F9"]);
    dictation.wait_for("stopped");
    assert_typed(&desk, "short.flac");
    dictation.end();
}

#[test]
fn a_microphone_that_is_kept_open_is_the_default_of_the_moment() {
    let desk = Desk::new(&format!("{KEYS}[audio]\npre_roll_secs = 0.5\n"));
    let server = desk.server();
    let mut dictation = waiting(&desk, &[]);
    desk.until("the microphone is open", |_| server.recordings() > 0);
    desk.order("start");
    assert_eq!(dictation.wait_for("started")["source"], "Monitor of vmic");
    desk.order("stop");
    dictation.wait_for("stopped");
    server.plug_default("second");
    desk.order("start");
    assert_eq!(dictation.wait_for("started")["source"], "Monitor of second");
    desk.order("stop");
    dictation.wait_for("stopped");
    dictation.end();
}

#[test]
fn without_a_pre_roll_the_microphone_is_closed_between_dictations() {
    let desk = Desk::new(KEYS);
    let server = desk.server();
    let mut dictation = waiting(&desk, &[]);
    assert_eq!(server.recordings(), 0);
    assert_eq!(desk.order("start"), "starting");
    dictation.wait_for("started");
    assert!(server.recordings() > 0);
    server.play(&common::clip("short.flac"));
    desk.order("stop");
    dictation.wait_for("stopped");
    desk.until("the microphone is closed", |_| server.recordings() == 0);
    dictation.end();
}

#[test]
fn a_cancelled_dictation_types_nothing_and_the_journal_says_so() {
    let mut desk = Desk::new(&format!("{KEYS}[audio]\npre_roll_secs = 0.5\n"));
    desk.terminal();
    let server = desk.server();
    let mut dictation = waiting(&desk, &["--type", "utterance"]);
    // While nothing is dictated the key is everybody's.
    desk.xdotool(&["key", "Escape"]);
    desk.until("the terminal has it", |desk| desk.typed() == "\u{1b}");
    let by_key: &dyn Fn() = &|| desk.xdotool(&["key", "Escape"]);
    let by_order: &dyn Fn() = &|| assert_eq!(desk.order("cancel"), "stopping");
    for (n, cancel) in [by_key, by_order].into_iter().enumerate() {
        desk.xdotool(&["keydown", "ctrl", "keydown", "alt", "key", "d", "keyup", "alt", "keyup", "ctrl"]);
        dictation.wait_for("started");
        thread::scope(|scope| {
            let playing = scope.spawn(|| server.play(&common::clip("train.flac")));
            dictation.wait_for("committed");
            cancel();
            dictation.wait_for("stopped");
            playing.join().unwrap();
        });
        desk.until("the journal tells", |desk| desk.journal().matches("cancelled: ").count() == n + 1);
    }
    thread::sleep(TAP * 10);
    assert_eq!(desk.typed(), "\u{1b}");
    dictation.end();
}

#[test]
fn a_key_that_another_program_has_is_told_and_the_others_work() {
    let desk = Desk::new("[hotkeys]\ntoggle = \"Ctrl+Alt+D\"\n");
    let _server = desk.server();
    let mut first = waiting(&desk, &[]);
    fs::write(desk.room.path("config/settings.toml"), KEYS).unwrap();
    let mut second = waiting(&desk, &[]);
    let told = second.notice();
    assert!(told.contains("hotkeys.toggle: Ctrl+Alt+D is taken by another program"), "{told}");
    desk.xdotool(&["key", "ctrl+alt+d"]);
    first.wait_for("started");
    desk.xdotool(&["keydown", "F9"]);
    second.wait_for("started");
    desk.xdotool(&["keyup", "F9"]);
    second.wait_for("stopped");
    second.end();
    first.end();
}

#[test]
fn the_window_is_started_and_stopped_by_its_key_wherever_the_focus_is() {
    let mut desk = Desk::new(&format!("{KEYS}[output]\ntype = \"words\"\n"));
    desk.window();
    desk.terminal();
    let server = desk.server();
    desk.xdotool(&["key", "ctrl+alt+d"]);
    desk.until("it listens", |desk| desk.order("status") == "listening");
    server.play(&common::clip("train.flac"));
    desk.xdotool(&["key", "ctrl+alt+d"]);
    desk.until("it has stopped", |desk| desk.order("status") == "ready");
    assert_typed(&desk, "train.flac");
}
