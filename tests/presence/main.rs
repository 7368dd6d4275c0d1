//! What the program is on a desktop beside its window: overlay, icon in the tray, minimised, sounds.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../hotkeys/bus.rs"]
mod bus;
#[path = "../common/mod.rs"]
mod common;
#[path = "../hotkeys/desk.rs"]
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod desk;
#[path = "../microphone/server.rs"]
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod server;
mod sounds;
mod tray;
#[path = "../xvfb/mod.rs"]
mod xvfb;

use std::{thread, time::Duration};

use common::text::word_errors;
use desk::{Desk, LIMIT};

const WINDOW: &str = "Dictoscope";
const OVERLAY: &str = "Dictoscope overlay";

/// As long as a window manager takes to do what it should not do.
const MOMENT: Duration = Duration::from_millis(400);

/// A desk with a window manager, the program's window, and a terminal that has the focus.
fn busy_desk(settings: &str, arguments: &[&str]) -> Desk {
    let mut desk = Desk::new(settings);
    desk.window_manager();
    desk.terminal();
    desk.window_with(arguments);
    desk.xdotool(&["search", "--name", "^terminal$", "windowactivate", "--sync"]);
    desk.until("the terminal has the focus", |desk| desk.focused() == "terminal");
    desk
}

/// Title by title, the windows from the lowest to the highest.
fn stack(desk: &Desk) -> String {
    let output = desk.room.command("xwininfo").args(["-root", "-tree"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_overlay_shows_while_dictation_runs_and_never_has_the_focus() {
    let desk = busy_desk("[output]\ntype = \"words\"\n", &[]);
    let server = desk.room.start_server();
    thread::sleep(MOMENT);
    assert!(!desk.is_shown(OVERLAY), "nothing is dictated");
    desk.order("start");
    desk.until("the overlay is there", |desk| desk.is_shown(OVERLAY));
    desk.until("it listens", |desk| desk.order("status") == "listening");
    thread::scope(|scope| {
        let playing = scope.spawn(|| server.play(&common::clip("train.flac")));
        while !playing.is_finished() {
            assert_eq!(desk.focused(), "terminal");
            thread::sleep(Duration::from_millis(100));
        }
        playing.join().unwrap();
    });
    desk.picture("overlay");
    // In the middle of the lower edge of the screen of 1280 by 800, and nothing that a click could meet.
    let overlay = desk.asked(&["search", "--onlyvisible", "--name", OVERLAY]);
    let place = desk.asked(&["getwindowgeometry", "--shell", &overlay]);
    assert!(place.contains("X=420") && place.contains("Y=710") && place.contains("WIDTH=440"), "{place}");
    desk.xdotool(&["mousemove", "640", "750"]);
    let under = desk.asked(&["getmouselocation", "--shell"]);
    assert!(!under.contains(&format!("WINDOW={overlay}\n")) && !under.ends_with(&overlay), "{under}");
    desk.order("stop");
    desk.until("it has stopped", |desk| desk.order("status") == "ready");
    desk.until("the overlay is gone", |desk| !desk.is_shown(OVERLAY));
    let spoken = common::reference_text("train.flac");
    desk.until("the text is typed", |desk| word_errors(&spoken, &desk.typed()) <= 1);

    // Where the window itself has the focus there is no need for it.
    desk.xdotool(&["search", "--name", "^Dictoscope$", "windowactivate", "--sync"]);
    desk.order("start");
    desk.until("it listens", |desk| desk.order("status") == "listening");
    thread::sleep(MOMENT);
    assert!(!desk.is_shown(OVERLAY));
}

#[test]
fn dictation_and_overlay_go_on_while_the_window_is_minimised() {
    let desk = busy_desk("[output]\ntype = \"words\"\n[window]\noverlay_place = \"top-right\"\n", &[]);
    let server = desk.room.start_server();
    desk.xdotool(&["search", "--onlyvisible", "--name", "^Dictoscope$", "windowminimize"]);
    desk.until("the window is minimised", |desk| !desk.is_shown(WINDOW));
    for _ in 0..2 {
        desk.order("start");
        desk.until("the overlay is there", |desk| desk.is_shown(OVERLAY));
        desk.until("it listens", |desk| desk.order("status") == "listening");
        desk.order("cancel");
        desk.until("the overlay is gone", |desk| !desk.is_shown(OVERLAY));
    }
    desk.order("start");
    desk.until("it listens", |desk| desk.order("status") == "listening");
    server.play(&common::clip("train.flac"));
    desk.picture("minimised");
    assert!(!desk.is_shown(WINDOW));
    desk.order("stop");
    let spoken = common::reference_text("train.flac");
    desk.until("the text is typed", |desk| word_errors(&spoken, &desk.typed()) <= 1);
    desk.until("it has stopped", |desk| desk.order("status") == "ready");
}

#[test]
fn the_overlay_is_above_everything_as_long_as_the_program_runs_if_it_is_to_be() {
    let desk = busy_desk("[window]\noverlay = \"always\"\noverlay_place = \"bottom-left\"\n", &[]);
    desk.until("the overlay is there", |desk| desk.is_shown(OVERLAY));
    for title in ["^Dictoscope$", "^terminal$", "^Dictoscope$"] {
        desk.xdotool(&["search", "--name", title, "windowactivate", "--sync"]);
        thread::sleep(MOMENT);
        let stack = stack(&desk);
        let line = |part: &str| stack.lines().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{stack}"));
        // The tree names the highest first.
        assert!(line("\"Dictoscope overlay\"") < line("\"terminal\""), "{stack}");
        assert!(line("\"Dictoscope overlay\"") < line("\"Dictoscope\""), "{stack}");
    }
}

#[test]
fn a_window_that_starts_minimised_is_brought_forward_by_a_second_start() {
    let mut desk = Desk::new("[window]\noverlay = \"never\"\n");
    desk.window_manager();
    desk.terminal();
    desk.window_with(&["--minimised"]);
    desk.until("the window is minimised", |desk| !desk.is_shown(WINDOW));
    desk.until("the terminal has the focus", |desk| desk.focused() == "terminal");
    let server = desk.room.start_server();
    desk.order("start");
    desk.until("it listens", |desk| desk.order("status") == "listening");
    server.play(&common::clip("short.flac"));
    desk.order("stop");
    desk.until("it has stopped", |desk| desk.order("status") == "ready");
    assert!(!desk.is_shown(WINDOW) && !desk.is_shown(OVERLAY));
    // A second program gives the order and ends.
    assert_eq!(desk.order("show"), "ready");
    desk.until("the window is in front", |desk| desk.focused() == WINDOW);
    desk.xdotool(&["search", "--onlyvisible", "--name", "^Dictoscope$", "windowminimize"]);
    desk.until("the window is minimised", |desk| !desk.is_shown(WINDOW));
    let second = desk.room.command(env!("CARGO_BIN_EXE_dictoscope")).status().unwrap();
    assert!(second.success());
    desk.until("the window is in front again", |desk| desk.focused() == WINDOW);
    desk.order("quit");
    drop(server);
    ends(&mut desk);
}

/// The program ends by itself, and well.
fn ends(desk: &mut Desk) {
    for _ in 0..LIMIT.as_millis() / 50 {
        if let Some(status) = desk.ended() {
            assert_eq!(status.code(), Some(0));
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the program does not end");
}
