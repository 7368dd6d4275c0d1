//! The threads behind the window: commands in, events out; a panic of the engine loses no word.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{THREADS, clip, embedded, run, scripted::Faulty, stream};
use dictoscope::{
    decode::{Word, text_of},
    engine::Engine,
    session::{
        Command, Engines, Event, Guests, LiveHandle, PlotItem, SessionSettings, Setting, Source, WindowSettings,
    },
};

/// A debug build on a loaded machine.
const LIMIT: Duration = Duration::from_mins(2);

fn open(wrap: impl Fn(Box<dyn Engine>) -> Box<dyn Engine> + Send + 'static) -> LiveHandle {
    let opener = move || {
        let model = embedded();
        let engine = model.open_rten(THREADS).map_err(|error| error.to_string())?;
        Ok((model, wrap(engine)))
    };
    LiveHandle::spawn(Engines::only(opener), Guests::default(), SessionSettings::default(), Arc::new(|| ()))
}

fn file(name: &str) -> Command {
    Command::Start(Source::File { path: clip(name), real_time: false })
}

/// Drains events into `words` until `done` says so.
fn until(live: &mut LiveHandle, words: &mut Vec<Word>, mut done: impl FnMut(&Event) -> bool) -> Event {
    let began = Instant::now();
    loop {
        while let Some(event) = live.next_event() {
            if let Event::Committed(new) = &event {
                words.extend_from_slice(new);
            }
            if done(&event) {
                return event;
            }
        }
        assert!(began.elapsed() < LIMIT, "waited in vain; words so far: {}", text_of(words));
        thread::sleep(Duration::from_millis(5));
    }
}

fn expected(name: &str) -> String {
    run(&mut stream(SessionSettings::default()), common::blocks(&clip(name))).text()
}

#[test]
fn a_file_played_through_the_threads_gives_the_words_of_the_session() {
    let mut live = open(|engine| engine);
    let mut words = Vec::new();
    until(&mut live, &mut words, |event| matches!(event, Event::Ready(_)));
    live.send(file("letter.flac"));
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    assert_eq!(text_of(&words), expected("letter.flac"));
    assert!(live.live().tail.is_empty());
    assert!(live.live().timing.total_millis() > 0.0);
    let mut levels = 0;
    let mut decisions = 0;
    while let Some(item) = live.next_plot() {
        match item {
            PlotItem::Level { .. } => levels += 1,
            PlotItem::Hop(hop) => decisions += hop.decisions.len(),
            _ => {}
        }
    }
    assert_eq!(levels, 710, "one for each 10 ms");
    // Streamed there may be some more or fewer than for the whole file.
    assert!(decisions > common::reference("letter.flac").1.len() / 2, "{decisions}");
}

#[test]
fn a_dictation_that_begins_before_the_one_before_is_transcribed_costs_it_no_word() {
    let mut live = open(|engine| engine);
    let (mut words, mut order) = (Vec::new(), Vec::new());
    until(&mut live, &mut words, |event| matches!(event, Event::Ready(_)));
    live.send(file("letter.flac"));
    // Read at once, and far from transcribed.
    until(&mut live, &mut words, |event| matches!(event, Event::Committed(_)));
    live.send(file("short.flac"));
    until(&mut live, &mut words, |event| {
        if matches!(event, Event::Started { .. } | Event::Stopped) {
            order.push(matches!(event, Event::Started { .. }));
        }
        order.len() == 3
    });
    assert_eq!(order, [false, true, false], "one after the other");
    assert_eq!(text_of(&words), format!("{} {}", expected("letter.flac"), expected("short.flac")));
}

#[test]
fn a_panic_of_the_engine_becomes_an_event_and_a_restart_goes_on_with_what_is_queued() {
    let opened = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&opened);
    let mut live = open(move |inner| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let panic_on = if first { vec![9] } else { Vec::new() };
        Box::new(Faulty { inner, fail_on: Vec::new(), panic_on, calls: 0 })
    });
    let mut words = Vec::new();
    live.send(file("story.flac"));
    let failed = until(&mut live, &mut words, |event| matches!(event, Event::EngineFailed { .. }));
    assert!(matches!(failed, Event::EngineFailed { reason } if reason.contains("asked to panic on call 9")));
    let before = text_of(&words);
    assert!(!before.is_empty() && expected("story.flac").starts_with(&before), "{before}");
    live.send(Command::Restart);
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    assert_eq!(opened.load(Ordering::Relaxed), 2);
    let text = text_of(&words);
    assert!(text.starts_with(&before), "{text}");
    assert_eq!(text, expected("story.flac"), "the session goes on as if nothing had been");
}

/// Threads that know the engines `sound`, `broken`, which panics on its first hop, and `missing`.
fn open_several(chosen: &str, fallback: Option<&str>) -> LiveHandle {
    let opener = |name: &str| {
        let model = embedded();
        let inner = model.open_rten(THREADS).map_err(|error| error.to_string())?;
        let panic_on = match name {
            "sound" => Vec::new(),
            "broken" => vec![1],
            _ => return Err(format!("{name} is not there")),
        };
        let engine: Box<dyn Engine> = Box::new(Faulty { inner, fail_on: Vec::new(), panic_on, calls: 0 });
        Ok((model, engine))
    };
    let (chosen, fallback) = (chosen.to_owned(), fallback.map(ToOwned::to_owned));
    let engines = Engines { open: Box::new(opener), chosen, fallback };
    LiveHandle::spawn(engines, Guests::default(), SessionSettings::default(), Arc::new(|| ()))
}

#[test]
fn another_engine_goes_on_in_the_middle_of_a_word_and_a_missing_one_changes_nothing() {
    let mut live = open_several("sound", None);
    let mut words = Vec::new();
    live.send(Command::Start(Source::File { path: clip("letter.flac"), real_time: true }));
    until(&mut live, &mut words, |event| matches!(event, Event::Committed(_)));
    live.send(Command::UseEngine("missing".to_owned()));
    let refused = until(&mut live, &mut words, |event| matches!(event, Event::EngineRefused { .. }));
    assert!(
        matches!(&refused, Event::EngineRefused { name, reason } if name == "missing" && reason.contains("not there")),
        "{refused:?}"
    );
    live.send(Command::UseEngine("sound".to_owned()));
    let ready = until(&mut live, &mut words, |event| matches!(event, Event::Ready(_)));
    assert!(matches!(ready, Event::Ready(ready) if ready.name == "sound"));
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    assert_eq!(text_of(&words), expected("letter.flac"));
}

#[test]
fn a_failing_engine_falls_back_only_where_that_is_allowed() {
    let mut live = open_several("broken", None);
    let mut words = Vec::new();
    live.send(file("short.flac"));
    let failed = until(&mut live, &mut words, |event| matches!(event, Event::EngineFailed { .. } | Event::Stopped));
    assert!(matches!(&failed, Event::EngineFailed { reason } if reason.contains("panicked")), "{failed:?}");
    // The user chooses another one: what was heard is not lost.
    live.send(Command::UseEngine("sound".to_owned()));
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    assert_eq!(text_of(&words), expected("short.flac"));

    for chosen in ["broken", "missing"] {
        let (mut live, mut words) = (open_several(chosen, Some("sound")), Vec::new());
        live.send(file("short.flac"));
        let mut notices = Vec::new();
        until(&mut live, &mut words, |event| {
            assert!(!matches!(event, Event::EngineFailed { .. }), "{event:?}");
            if let Event::Notice(text) = event {
                notices.push(text.clone());
            }
            matches!(event, Event::Stopped)
        });
        assert!(notices.iter().any(|text| text.contains("going on with sound")), "{chosen}: {notices:?}");
        assert_eq!(text_of(&words), expected("short.flac"), "{chosen}");
    }
}

#[test]
fn errors_of_the_engine_are_tried_again() {
    let mut live = open(|inner| Box::new(Faulty { inner, fail_on: vec![2, 4, 5], panic_on: Vec::new(), calls: 0 }));
    let mut words = Vec::new();
    live.send(file("short.flac"));
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    assert_eq!(text_of(&words), expected("short.flac"));
}

#[test]
fn what_cannot_be_opened_or_set_is_told_and_nothing_hangs() {
    let mut live = open(|engine| engine);
    let mut words = Vec::new();
    live.send(Command::Start(Source::File { path: "/nowhere/x.wav".into(), real_time: true }));
    let failed = until(&mut live, &mut words, |event| matches!(event, Event::SourceFailed { .. }));
    assert!(matches!(failed, Event::SourceFailed { reason } if reason.contains("/nowhere/x.wav")));
    let window = WindowSettings { left_secs: 100.0, hop_secs: 0.5, right_secs: 1.0 };
    live.send(Command::Set(Setting::Window(window)));
    until(&mut live, &mut words, |event| matches!(event, Event::SettingRefused { .. }));
    live.send(Command::Start(Source::Microphone { device: Some("no such microphone".into()) }));
    until(&mut live, &mut words, |event| matches!(event, Event::SourceFailed { .. }));
}

#[test]
fn stopping_in_the_middle_commits_what_was_read() {
    let mut live = open(|engine| engine);
    let mut words = Vec::new();
    live.send(Command::Start(Source::File { path: clip("story.flac"), real_time: true }));
    until(&mut live, &mut words, |event| matches!(event, Event::Committed(_)));
    live.send(Command::Stop);
    until(&mut live, &mut words, |event| matches!(event, Event::Stopped));
    let text = text_of(&words);
    let whole = expected("story.flac");
    let first = whole.split_whitespace().next().unwrap();
    assert!(text.starts_with(first) && text.len() < whole.len(), "{text}");
}
