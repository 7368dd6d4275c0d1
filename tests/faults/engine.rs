//! The engine errs or panics on any hop.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use dictoscope::session::{Command, Event, Guests};
use tempfile::TempDir;

use crate::{
    common::scripted::Faulty,
    script::{check_whole, live, play, recording, until},
};

/// Of the recording.
const SECS: f64 = 4.0;
const FRAMES: u64 = 50;
/// Encoder calls that it takes.
const HOPS: u64 = 8;

fn file() -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("noise.wav");
    recording(&path, SECS);
    (folder, path)
}

#[test]
fn the_recording_has_as_many_hops_as_these_tests_go_through() {
    let (_folder, path) = file();
    let calls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&calls);
    let mut live = live(Guests::default(), move |inner| {
        let calls = Arc::clone(&counted);
        let count = move || {
            calls.fetch_add(1, Ordering::SeqCst);
        };
        Box::new(crate::queue::Slow { inner, on_encode: Box::new(count) })
    });
    let mut words = Vec::new();
    live.send(play(&path));
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    check_whole(&words, 0, FRAMES);
    assert!((HOPS..HOPS + 3).contains(&calls.load(Ordering::SeqCst)), "{calls:?}");
}

#[test]
fn an_error_on_any_hop_is_told_and_tried_again() {
    let (_folder, path) = file();
    for hop in 1..=HOPS {
        let mut live = live(Guests::default(), move |inner| {
            Box::new(Faulty { inner, fail_on: vec![hop], panic_on: Vec::new(), calls: 0 })
        });
        let mut words = Vec::new();
        live.send(play(&path));
        let events = until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
        check_whole(&words, 0, FRAMES);
        let call = format!("of call {hop}");
        let told =
            |event: &Event| matches!(event, Event::Notice(text) if text.contains(&call) && text.contains("again"));
        assert!(events.iter().any(told), "hop {hop}: {events:?}");
    }
}

#[test]
fn a_panic_on_any_hop_is_told_and_another_engine_goes_on_where_it_stopped() {
    let (_folder, path) = file();
    for hop in 1..=HOPS {
        let opened = AtomicU64::new(0);
        let mut live = live(Guests::default(), move |inner| {
            let first = opened.fetch_add(1, Ordering::SeqCst) == 0;
            let panic_on = if first { vec![hop] } else { Vec::new() };
            Box::new(Faulty { inner, fail_on: Vec::new(), panic_on, calls: 0 })
        });
        let mut words = Vec::new();
        live.send(play(&path));
        let events = until(&mut live, &mut words, |event| matches!(event, Event::EngineFailed { .. }));
        let call = format!("panic on call {hop}");
        let told = |event: &Event| matches!(event, Event::EngineFailed { reason } if reason.contains(&call));
        assert!(events.iter().any(told), "hop {hop}: {events:?}");
        live.send(Command::Restart);
        until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
        check_whole(&words, 0, FRAMES);
    }
}

#[test]
fn an_engine_that_errs_for_good_is_given_up_with_a_message_and_its_words_come_from_the_next() {
    let (_folder, path) = file();
    let opened = AtomicU64::new(0);
    let mut live = live(Guests::default(), move |inner| {
        let first = opened.fetch_add(1, Ordering::SeqCst) == 0;
        let fail_on = if first { (3..100).collect() } else { Vec::new() };
        Box::new(Faulty { inner, fail_on, panic_on: Vec::new(), calls: 0 })
    });
    let mut words = Vec::new();
    live.send(play(&path));
    until(
        &mut live,
        &mut words,
        |event| matches!(event, Event::EngineFailed { reason } if reason.contains("of call 5")),
    );
    live.send(Command::Restart);
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    check_whole(&words, 0, FRAMES);
}
