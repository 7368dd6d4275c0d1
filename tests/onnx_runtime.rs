//! ONNX Runtime against rten on the embedded model: same decisions on every clip, and what is said where it cannot be used.
//!
//! `make unit` names the library by `ORT_DYLIB_PATH`; without it these tests fail.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::PathBuf;

use common::{THREADS, blocks, clip, embedded, reference, root, run};
use dictoscope::{
    engine::{EncoderOutput, Engine, EngineError, LibraryError, OnnxRuntime},
    features::FeatureFrames,
    session::{Session, SessionSettings},
    units::MelIdx,
};

fn library() -> PathBuf {
    std::env::var_os("ORT_DYLIB_PATH")
        .expect("`make unit` sets ORT_DYLIB_PATH; see scripts/onnxruntime-library.sh")
        .into()
}

fn runtime() -> OnnxRuntime {
    OnnxRuntime::load(&[library()]).unwrap()
}

fn open() -> Box<dyn Engine> {
    embedded().open_onnxruntime(&runtime(), THREADS).unwrap()
}

#[test]
fn the_decisions_on_every_clip_are_those_of_the_reference() {
    let folder = root().join("assets/model/reference");
    let mut clips: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    clips.sort();
    assert!(clips.len() > 10, "{clips:?}");
    for name in clips {
        let mut session = Session::whole_file(&embedded(), open(), SessionSettings::default()).unwrap();
        let heard = run(&mut session, blocks(&clip(&format!("{name}.flac"))));
        let (header, decisions) = reference(&name);
        let expected: Vec<(u64, u64, u64)> = decisions
            .iter()
            .map(|line| ["token", "frame", "duration"].map(|key| line[key].as_u64().unwrap()).into())
            .collect();
        let found: Vec<(u64, u64, u64)> =
            heard.path().into_iter().map(|(token, frame, duration)| (token.into(), frame, duration.into())).collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(heard.text(), header["text"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn it_says_what_runs() {
    let engine = open();
    let info = engine.info();
    assert!(info.engine.starts_with("ONNX Runtime 1."), "{}", info.engine);
    assert_eq!(info.device, "CPU, 2 threads");
    assert_eq!(info.encoder_sha256, embedded().contract().graphs.encoder.sha256);
}

#[test]
fn features_of_another_size_and_too_many_are_refused() {
    let mut engine = open();
    let mut out = EncoderOutput::default();
    let frames =
        |mel_bins: usize, count: usize| FeatureFrames { start: MelIdx(0), mel_bins, data: vec![0.0; mel_bins * count] };
    let error = engine.encode(&frames(81, 10), &mut out).unwrap_err();
    assert!(
        matches!(error, EngineError::Shape { ref expected, ref found, .. } if (expected[0], found[0]) == (80, 81)),
        "{error}"
    );
    let error = engine.encode(&frames(80, 3001), &mut out).unwrap_err();
    assert!(matches!(error, EngineError::TooLong { limit: 3000, found: 3001 }), "{error}");
    engine.encode(&frames(80, 0), &mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn one_process_has_one_library() {
    let loaded = runtime();
    assert_eq!(loaded.path(), library().canonicalize().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("libonnxruntime.so.1.99.0");
    std::fs::copy(library(), &other).unwrap();
    let error = OnnxRuntime::load(&[other]).unwrap_err();
    assert!(matches!(error, LibraryError::OtherLoaded { .. }), "{error}");
    assert!(error.to_string().contains("restart the program"), "{error}");
}
