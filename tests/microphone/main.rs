//! End to end: a recording is spoken into a virtual microphone and read out of `dictoscope dictate`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod dictation;
#[expect(dead_code, reason = "shared; each test binary uses a part")]
mod server;

use common::text::{plain_words, word_errors};
use dictation::Dictation;
use serde_json::Value;
use server::Room;

#[track_caller]
fn assert_heard(clips: &[&str], dictation: &Dictation<'_>) {
    let expected = clips.iter().map(|clip| common::reference_text(clip)).collect::<Vec<_>>().join(" ");
    let text = dictation.text();
    // A recording lies on the 80 ms grid of the encoder as chance has it: one word of a clip may be heard otherwise.
    let wrong = word_errors(&expected, &text);
    assert!(wrong <= clips.len(), "in the file: {expected}\nheard:       {text}\n{wrong} words wrong");
    let starts = dictation.starts_secs();
    assert!(starts.is_sorted(), "words come in the order they were spoken: {starts:?}");
}

#[test]
fn what_is_spoken_into_the_microphone_is_committed() {
    let room = Room::new();
    let server = room.start_server();
    let devices = room.command(env!("CARGO_BIN_EXE_dictoscope")).args(["devices", "--json"]).output().unwrap();
    let device: Value = serde_json::from_slice(&devices.stdout).expect("one device");
    assert_eq!((&device["name"], &device["is_default"]), (&"Monitor of vmic".into(), &true.into()));

    let mut dictation = Dictation::start(&room, &["--device", "Monitor of vmic"]);
    let started = dictation.wait_for("started");
    assert_eq!(started["source"], "Monitor of vmic");
    server.play(&common::clip("train.flac"));
    // The silence behind the sentence ends it, without anybody pressing a key.
    let end = dictation.wait_for("utterance_end");
    assert_eq!(end["reason"], "silence");
    assert_heard(&["train.flac"], &dictation);
    dictation.interrupt();
    assert_heard(&["train.flac"], &dictation);
    for trouble in ["audio_lost", "device_lost", "source_failed", "engine_failed", "notice"] {
        assert!(!dictation.has(trouble), "{:#?}", dictation.events);
    }
}

#[test]
fn an_input_that_is_too_loud_is_told() {
    let room = Room::new();
    let server = room.start_server();
    let mut dictation = Dictation::start(&room, &[]);
    dictation.wait_for("started");
    let loud = room.path("loud.wav");
    let mut sox = room.command("sox");
    sox.args([&common::clip("train.flac"), &loud]).args(["gain", "-n", "0", "gain", "30"]);
    assert!(sox.status().expect("sox is among the packages of `make setup-test`").success());
    server.play(&loud);
    let told = dictation.wait_for("notice")["text"].as_str().unwrap().to_owned();
    assert!(told.contains("too loud") && told.contains("samples were clipped"), "{told}");
    dictation.interrupt();
}

#[test]
fn a_sound_server_that_dies_and_comes_back_costs_no_word() {
    let room = Room::new();
    let server = room.start_server();
    let mut dictation = Dictation::start(&room, &[]);
    dictation.wait_for("started");
    server.play(&common::clip("short.flac"));
    dictation.wait_for("committed");

    server.crash();
    dictation.wait_for("device_lost");
    let server = room.start_server();
    let back = dictation.wait_for("device_back");
    assert_eq!(back["source"], "Monitor of vmic");
    // The gap in the audio ended what was being said, if silence had not.
    if !dictation.has("utterance_end") {
        dictation.wait_for("utterance_end");
    }
    assert_heard(&["short.flac"], &dictation);

    server.play(&common::clip("train.flac"));
    // At once, with the end of the sentence still grey: it is committed before the program ends.
    dictation.interrupt();
    assert_heard(&["short.flac", "train.flac"], &dictation);
}

#[test]
fn a_microphone_that_is_pulled_and_plugged_in_again_is_heard_again() {
    let room = Room::new();
    let server = room.start_server();
    let mut dictation = Dictation::start(&room, &[]);
    dictation.wait_for("started");
    server.unplug();
    dictation.wait_for("device_lost");
    server.plug();
    dictation.wait_for("device_back");
    server.play(&common::clip("short.flac"));
    dictation.interrupt();
    assert_heard(&["short.flac"], &dictation);
}

#[test]
fn without_a_sound_server_it_says_so_and_fails() {
    let room = Room::new();
    let mut dictation = Dictation::start(&room, &[]);
    assert_eq!(dictation.wait().code(), Some(1));
    dictation.is_calm();
    let said = dictation.stderr();
    for part in ["dictoscope:", "no input device", "transcribe"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn a_missing_program_names_the_command_that_installs_it() {
    let error = Room::new().command("pulseaudio-that-is-not-installed").spawn().unwrap_err();
    let message = server::not_startable("pulseaudio", &error);
    assert!(message.contains("`pulseaudio` is missing") && message.contains("make setup-test"), "{message}");
}

#[test]
fn errors_are_counted_as_words() {
    assert_eq!(plain_words("Yes, of course."), ["yes", "of", "course"]);
    for (heard, wrong) in [("a b c d", 0), ("a x c d", 1), ("a c d", 1), ("a b b c d", 1), ("", 4), ("b c d a", 2)] {
        assert_eq!(word_errors("a, b: c d.", heard), wrong, "{heard}");
    }
}
