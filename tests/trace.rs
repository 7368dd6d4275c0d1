//! A trace holds every decision of a run, line by line, and is readable while it is written and after a crash.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{fs, io::Write as _, path::Path};

use common::{
    Heard, run,
    scripted::{audio, engine, session, settings, vocabulary},
};
use dictoscope::{
    session::{Session, Setting, TopK},
    trace::{FORMAT, Line, Mark, Trace, TraceError, TraceOptions, TraceProbe},
};

const SCRIPT: &[(u64, &str, usize)] = &[(7, "▁Y", 1), (8, "es", 2), (30, "▁of", 2), (40, "▁c", 1)];

fn scripted() -> Session {
    session(engine(SCRIPT, &vocabulary()), settings(0.48))
}

/// Runs five seconds and writes them down; a setting changes half way.
fn traced(path: &Path) -> Heard {
    let mut session = scripted();
    let mut heard = Heard::default();
    let mut trace = TraceProbe::create(path, &mut session, &TraceOptions::new("a test", true)).unwrap();
    for (n, block) in audio(5.0).iter().enumerate() {
        if n == 250 {
            session.set(Setting::TopK(TopK::from(4))).unwrap();
        }
        session.push(block, &mut (&mut heard, &mut trace)).unwrap();
    }
    session.finish(&mut (&mut heard, &mut trace)).unwrap();
    heard
}

#[test]
fn every_decision_word_and_setting_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let heard = traced(&path);
    let trace = Trace::read(&path).unwrap();
    assert!(!trace.truncated);
    assert_eq!((trace.header.format.as_str(), trace.header.source.as_str()), (FORMAT, "a test"));
    assert_eq!(trace.header.contract, *scripted().contract());
    assert_eq!(trace.header.settings, settings(0.48));

    let decisions: Vec<_> = trace.decisions().map(|line| line.decision.clone()).collect();
    assert_eq!(decisions, heard.decisions);
    assert!(trace.decisions().all(|line| !line.tail && line.secs == line.decision.frame.secs()));
    let words: Vec<_> = trace.words().cloned().collect();
    assert_eq!(words, heard.words);
    let windows: Vec<_> = trace.hops.iter().map(|hop| hop.line.window).collect();
    assert_eq!(windows, heard.windows);
    assert!(trace.hops.iter().any(|hop| !hop.tail.is_empty()));
    for (hop, features) in trace.hops.iter().zip(&heard.features) {
        let stats = &hop.line.features;
        assert_eq!(stats.frames * stats.mel_bins, features.len());
        assert!(features.iter().all(|x| (stats.stats.min..=stats.stats.max).contains(x)));
    }
    let settings: Vec<_> = trace.marks.iter().filter(|mark| matches!(mark.line, Line::Setting { .. })).collect();
    assert_eq!(settings.len(), 1);
    assert!(matches!(trace.marks.last(), Some(Mark { line: Line::UtteranceEnd { .. }, .. })));
}

#[test]
fn lines_are_in_the_file_while_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut session = scripted();
    let mut trace = TraceProbe::create(&path, &mut session, &TraceOptions::new("a test", true)).unwrap();
    for block in audio(3.0) {
        session.push(&block, &mut trace).unwrap();
    }
    // The writer is another thread; it needs a moment, not the end of the run.
    let began = std::time::Instant::now();
    while Trace::read(&path).map_or(0, |trace| trace.hops.len()) < 6 {
        assert!(began.elapsed().as_secs() < 20, "six hops were done, fewer are in the file");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    drop(trace);
}

#[test]
fn a_cut_last_line_is_left_out_and_a_broken_one_before_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    traced(&path);
    let whole = Trace::read(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();

    let cut = folder.path().join("cut.jsonl");
    let last = text.trim_end().rfind('\n').unwrap();
    fs::write(&cut, &text[..last + 20]).unwrap();
    let read = Trace::read(&cut).unwrap();
    assert!(read.truncated);
    assert_eq!(read.hops.len(), whole.hops.len());

    let broken = folder.path().join("broken.jsonl");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[3] = "{\"type\":\"hop\"";
    fs::write(&broken, lines.join("\n")).unwrap();
    assert!(matches!(Trace::read(&broken), Err(TraceError::Line { line: 4, .. })));

    let mut headless = fs::File::create(&broken).unwrap();
    headless.write_all(lines[1].as_bytes()).unwrap();
    assert!(matches!(Trace::read(&broken), Err(TraceError::Header { .. })));
    fs::write(&broken, "").unwrap();
    assert!(matches!(Trace::read(&broken), Err(TraceError::Header { .. })));
    assert!(matches!(Trace::read(&folder.path().join("nowhere")), Err(TraceError::Read { .. })));
}

#[test]
fn a_guest_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let alone = run(&mut scripted(), audio(5.0));
    let mut session = scripted();
    let mut heard = Heard::default();
    let mut trace =
        TraceProbe::create(&folder.path().join("run.jsonl"), &mut session, &TraceOptions::new("a test", true)).unwrap();
    for block in audio(5.0) {
        session.push(&block, &mut (&mut heard, &mut trace)).unwrap();
    }
    session.finish(&mut (&mut heard, &mut trace)).unwrap();
    assert_eq!(heard.decisions, alone.decisions);
}
