//! The schema that other programs read says what the program writes: every line of real traces fits it, spoiled ones do not.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{collections::BTreeSet, fs, path::Path};

use common::scripted;
use dictoscope::{
    audio::AudioBlock,
    session::{SessionSettings, Setting, TopK},
    trace::{Dumps, Trace, TraceOptions, TraceProbe},
    units::SampleIdx,
};
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(common::root().join("engines/trace.schema.json")).unwrap()).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_fits(path: &Path) -> BTreeSet<String> {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let lines = lines(path);
    for line in &lines {
        // Of all the lines it could be, the errors of the one that its type names.
        let errors: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}\n{}", errors.join("\n"));
    }
    lines.iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_dictation_with_all_that_can_happen_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let script = &[(7, "▁Y", 1), (8, "es", 2), (30, "▁of", 2)];
    let mut session = scripted::session(scripted::engine(script, &scripted::vocabulary()), scripted::settings(0.48));
    let dumps = Dumps { audio: true, features: true, encoder: false, step: Some(2) };
    let options = TraceOptions { dumps, ..TraceOptions::new("a test", true) };
    let mut trace = TraceProbe::create(&path, &mut session, &options).unwrap();
    for (n, block) in scripted::audio(4.0).iter().enumerate() {
        if n == 150 {
            session.set(Setting::TopK(TopK::from(4))).unwrap();
        }
        // Seven encoder frames are missing.
        let start = SampleIdx(block.start.0 + if n < 304 { 0 } else { 7 * 1280 });
        session.push(&AudioBlock::new(start, block.samples()), &mut trace).unwrap();
    }
    session.finish(&mut trace).unwrap();
    drop(trace);
    let kinds = assert_fits(&path);
    let all = [
        "audio",
        "committed",
        "decision",
        "end",
        "gap",
        "header",
        "hop",
        "setting",
        "utterance_end",
        "utterance_start",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);

    let read = Trace::read(&path).unwrap();
    let tensors = read.tensors(&path).unwrap();
    let features = tensors.features.unwrap();
    assert_eq!(features.len(), read.hops.iter().map(|hop| hop.line.features.frames).sum::<usize>());
    let hop = read.hops.last().unwrap();
    let audio = tensors.audio.unwrap();
    assert_eq!(audio.len(), 64_000);
    let row = hop.line.rows.audio.unwrap() as usize;
    let samples = &audio.data[row..row + hop.line.audio.unwrap().values];
    assert_eq!(dictoscope::trace::AudioStats::of(samples), hop.line.audio.unwrap());
    assert!(tensors.encoder.is_none());
    assert!(folder.path().join("run.tensors/step-2.safetensors").exists());
}

#[test]
fn the_embedded_model_on_a_recording_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut session = common::whole_file(SessionSettings::default());
    let mut trace = TraceProbe::create(&path, &mut session, &TraceOptions::new("short.flac", true)).unwrap();
    for block in common::blocks(&common::clip("short.flac")) {
        session.push(&block, &mut trace).unwrap();
    }
    session.finish(&mut trace).unwrap();
    drop(trace);
    assert!(assert_fits(&path).contains("committed"));
}

#[test]
fn spoiled_lines_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let script = &[(7, "▁Y", 1)];
    let mut session = scripted::session(scripted::engine(script, &scripted::vocabulary()), scripted::settings(0.48));
    let mut trace = TraceProbe::create(&path, &mut session, &TraceOptions::new("a test", true)).unwrap();
    for block in scripted::audio(2.0) {
        session.push(&block, &mut trace).unwrap();
    }
    drop(trace);
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let decision = lines(&path).into_iter().find(|line| line["type"] == "decision").unwrap();
    assert!(validator.is_valid(&decision));
    for key in decision.as_object().unwrap().keys() {
        if key.ends_with("_sketch") {
            continue;
        }
        let mut without = decision.clone();
        without.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&without), "a decision without {key}");
    }
    let mut more = decision.clone();
    more["unheard_of"] = Value::Bool(true);
    assert!(!validator.is_valid(&more));
}
