//! Comparison of traces by its options: what is the same, what is let pass, what cannot be compared.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::{Path, PathBuf};

use common::scripted;
use dictoscope::{
    engine::ScriptedEngine,
    parity::{Class, CompareOptions, Comparison, NotComparable, Rule, Run, compare},
    session::{SessionSettings, WindowSettings},
    trace::{Header, Trace, TraceOptions, TraceProbe, header},
};

/// A run in which token 7 stands on frame 6, and on frame 10 durations 1 and 2 differ by `lead`.
fn run(folder: &Path, name: &str, lead: f32, settings: SessionSettings, change: impl Fn(&mut Header)) -> PathBuf {
    let vocabulary = scripted::vocabulary();
    let (classes, blank) = (vocabulary.pieces().len(), vocabulary.blank());
    let engine = ScriptedEngine::new(blank, move |frame, emitted| {
        let token = if frame >= 6 && emitted == 0 { 7 } else { blank.0 };
        let mut logits = ScriptedEngine::one_hot(classes, token, 5, 1);
        if frame == 10 {
            logits.durations = vec![0.0, 2.0, 2.0 + lead, 0.0, 0.0];
        }
        logits
    });
    let path = folder.join(name);
    let mut session = scripted::session(engine, settings);
    let options = TraceOptions::new("a test", true);
    let mut header = header(&session, &path, &options);
    change(&mut header);
    let pieces = session.vocabulary().pieces().clone();
    let mut trace = TraceProbe::with_header(&path, header, &pieces, &options).unwrap();
    for block in scripted::audio(3.0) {
        session.push(&block, &mut trace).unwrap();
    }
    session.finish(&mut trace).unwrap();
    trace.finish().unwrap();
    path
}

fn compared(a: &Path, b: &Path, options: &CompareOptions) -> Result<Comparison, NotComparable> {
    let (a, b) = (Trace::read(a).unwrap(), Trace::read(b).unwrap());
    let none = dictoscope::trace::Tensors::default();
    compare(&Run { trace: &a, tensors: &none }, &Run { trace: &b, tensors: &none }, options)
}

#[test]
fn equal_runs_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a.jsonl", -0.0002, scripted::settings(0.48), |_| {});
    let b = run(folder.path(), "b.jsonl", -0.0002, scripted::settings(0.48), |_| {});
    let options = CompareOptions { check_index: true, strict: true, ..CompareOptions::default() };
    let found = compared(&a, &b, &options).unwrap();
    assert!(found.same && found.class.is_none() && found.hints.is_empty(), "{found}");
    assert!(found.steps[0] > 20 && found.steps[0] == found.steps[1]);
}

#[test]
fn a_duration_tie_is_a_tie_and_can_be_let_pass() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a.jsonl", -0.0002, scripted::settings(0.48), |_| {});
    let b = run(folder.path(), "b.jsonl", 0.0002, scripted::settings(0.48), |_| {});
    let found = compared(&a, &b, &CompareOptions::default()).unwrap();
    assert!(!found.same);
    assert_eq!(found.class, Some(Class::Tie), "{found}");
    let first = found.first.as_ref().unwrap();
    assert_eq!((first.field, first.frame), ("duration", 10));

    let tolerant = CompareOptions { tolerate_duration_ties: Some(0.001), ..CompareOptions::default() };
    let found = compared(&a, &b, &tolerant).unwrap();
    assert!(found.same && found.tolerated.len() == 1, "{found}");
    let strict = CompareOptions { tolerate_duration_ties: Some(0.0001), ..CompareOptions::default() };
    assert!(!compared(&a, &b, &strict).unwrap().same, "the margins are larger");

    let short = CompareOptions { max_steps: Some(5), ..CompareOptions::default() };
    let found = compared(&a, &b, &short).unwrap();
    assert!(found.same && found.steps == [5, 5], "{found}");
}

#[test]
fn a_large_difference_of_logits_excuses_no_flip() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a.jsonl", -1.0, scripted::settings(0.48), |_| {});
    let b = run(folder.path(), "b.jsonl", 1.0, scripted::settings(0.48), |_| {});
    let found = compared(&a, &b, &CompareOptions::default()).unwrap();
    assert_eq!(found.class, Some(Class::Shifted), "{found}");
    assert_eq!(found.cause.as_ref().map(|cause| cause.stage.name()), Some("joint"), "{found}");
}

#[test]
fn other_windows_and_other_contracts_are_not_comparable() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a.jsonl", 0.5, scripted::settings(0.48), |_| {});
    let wider = WindowSettings { left_secs: 2.4, ..scripted::settings(0.48).window };
    let other = SessionSettings { window: wider, ..scripted::settings(0.48) };
    let b = run(folder.path(), "b.jsonl", 0.5, other, |_| {});
    let error = compared(&a, &b, &CompareOptions::default()).unwrap_err();
    assert!(matches!(error, NotComparable::Windows { .. }));
    assert!(error.to_string().contains("settings.window.left_secs is 2.0 against 2.4"), "{error}");

    let c = run(folder.path(), "c.jsonl", 0.5, scripted::settings(0.48), |header| header.contract.max_symbols = 5);
    let error = compared(&a, &c, &CompareOptions::default()).unwrap_err();
    assert!(error.to_string().contains("contract.max_symbols is 10 against 5"), "{error}");

    let d = run(folder.path(), "d.jsonl", 0.5, scripted::settings(0.48), |header| {
        header.contract.graphs.encoder.sha256 = "0".repeat(64);
    });
    assert!(matches!(compared(&a, &d, &CompareOptions::default()), Err(NotComparable::Contract { .. })));
    let options = CompareOptions { ignore_weights: true, ..CompareOptions::default() };
    assert!(compared(&a, &d, &options).unwrap().same);
}

#[test]
fn a_cut_trace_is_compared_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a.jsonl", 0.5, scripted::settings(0.48), |_| {});
    let text = std::fs::read_to_string(&a).unwrap();
    let cut = folder.path().join("cut.jsonl");
    std::fs::write(&cut, &text[..text.len() * 2 / 3]).unwrap();
    let found = compared(&cut, &a, &CompareOptions::default()).unwrap();
    assert!(found.same && found.cut_off == [true, false] && found.steps[0] < found.steps[1], "{found}");
}

#[test]
fn a_trace_that_contradicts_itself_fails_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let a = run(folder.path(), "a.jsonl", 0.5, scripted::settings(0.48), |_| {});
    let text = std::fs::read_to_string(&a).unwrap();
    // Step 3 calls itself 4.
    let spoil = |line: &str| match line {
        line if line.contains("\"tail\":false") => line.replacen("\"step\":3,", "\"step\":4,", 1),
        line => line.to_owned(),
    };
    let spoiled = text.lines().map(|line| spoil(line) + "\n").collect::<String>();
    assert_ne!(text, spoiled);
    let b = folder.path().join("b.jsonl");
    std::fs::write(&b, spoiled).unwrap();
    assert!(compared(&a, &b, &CompareOptions::default()).unwrap().same, "steps are not decisions");
    let options = CompareOptions { check_index: true, ..CompareOptions::default() };
    let found = compared(&a, &b, &options).unwrap();
    assert!(!found.same);
    assert!(found.index_faults[0].is_empty());
    assert_eq!(found.index_faults[1][0].rule, Rule::Step);
}
