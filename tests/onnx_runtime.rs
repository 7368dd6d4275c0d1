//! ONNX Runtime against rten on the embedded model: same decisions on every clip, and what is said where it cannot be used.
//!
//! `make unit` names the library by `ORT_DYLIB_PATH`; without it these tests fail.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::PathBuf;

use common::{Heard, THREADS, blocks, clip, embedded, reference, root, run};
use dictoscope::{
    engine::{
        EncoderOutput, Engine, EngineError, JointLogits, LibraryError, OnnxRuntime, Place, Prediction, PredictorState,
        TokenId,
    },
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

/// Values bound at a place, as on a GPU, but in host memory.
fn open_bound() -> Box<dyn Engine> {
    embedded().open_onnxruntime_at(&runtime(), Place::Host { graphs: false }).unwrap()
}

/// The same with all that a GPU would have recorded.
fn open_recorded() -> Box<dyn Engine> {
    let engine = embedded().open_onnxruntime_at(&runtime(), Place::Host { graphs: true }).unwrap();
    assert!(engine.info().device.ends_with("windows and decisions recorded"), "{}", engine.info().device);
    engine
}

#[test]
fn the_decisions_on_every_clip_are_those_of_the_reference() {
    decisions_are_those_of_the_reference(open);
}

#[test]
fn the_decisions_are_the_same_where_predictions_stay_on_the_device() {
    decisions_are_those_of_the_reference(open_bound);
}

#[test]
fn the_decisions_are_the_same_where_they_are_computed_ahead() {
    decisions_are_those_of_the_reference(open_recorded);
}

#[test]
fn scores_and_states_computed_ahead_are_those_of_step_by_step() {
    let (mut plain, mut ahead) = (open(), open_recorded());
    let contract = embedded().contract().clone();
    let (dim, blank) = (contract.encoder.dim, contract.vocabulary.blank);
    let mel_bins = contract.front_end.mel_bins;
    let data = (0..200 * mel_bins).map(|i| (i as f32 * 0.37).sin()).collect();
    let features = FeatureFrames { start: MelIdx(0), mel_bins, data };
    let mut window = EncoderOutput::default();
    ahead.encode(&features, &mut window).unwrap();
    let frames = window.data.clone();
    let close = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    let [mut a, mut b] = [Prediction::default(), Prediction::default()];
    plain.predict(blank, &PredictorState::default(), &mut a).unwrap();
    ahead.predict(blank, &PredictorState::default(), &mut b).unwrap();
    // As the loop would go, but for every seventh token, which a mask or a bonus may have chosen; and back, as the tail does.
    let (mut row, mut kept) = (0, b.clone());
    for turn in 0..60_usize {
        let frame = &frames[row * dim..(row + 1) * dim];
        let [mut logits_a, mut logits_b] = [JointLogits::default(), JointLogits::default()];
        plain.joint(frame, &a, &mut logits_a).unwrap();
        ahead.joint(frame, &b, &mut logits_b).unwrap();
        assert!(close(&logits_a.tokens, &logits_b.tokens), "turn {turn}");
        assert!(close(&logits_a.durations, &logits_b.durations), "turn {turn}");
        let best = (0..logits_b.tokens.len()).max_by(|x, y| logits_b.tokens[*x].total_cmp(&logits_b.tokens[*y]));
        let token = if turn % 7 == 6 { TokenId(turn as u32) } else { TokenId(best.unwrap() as u32) };
        if token != blank {
            let (state_a, state_b) = (a.state.clone(), b.state.clone());
            plain.predict(token, &state_a, &mut a).unwrap();
            ahead.predict(token, &state_b, &mut b).unwrap();
            assert!(close(&a.output, &b.output) && close(&a.state.h, &b.state.h), "turn {turn}");
            assert!(close(&a.state.c, &b.state.c), "turn {turn}");
        }
        row = (row + turn % 3) % window.len();
        if turn % 20 == 13 {
            std::mem::swap(&mut kept, &mut b);
            a = b.clone();
        }
    }
    // A frame of no window is scored all the same.
    let [mut logits_a, mut logits_b] = [JointLogits::default(), JointLogits::default()];
    let frame = vec![0.25; dim];
    plain.joint(&frame, &a, &mut logits_a).unwrap();
    ahead.joint(&frame, &b, &mut logits_b).unwrap();
    assert!(close(&logits_a.tokens, &logits_b.tokens));
}

#[test]
fn several_frames_at_once_have_the_logits_of_one_by_one() {
    let (mut plain, mut bound) = (open(), open_bound());
    let contract = embedded().contract().clone();
    let dim = contract.encoder.dim;
    let frames: Vec<f32> = (0..3 * dim).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut prediction = Prediction::default();
    bound.predict(contract.vocabulary.blank, &PredictorState::default(), &mut prediction).unwrap();
    let mut together = Vec::new();
    bound.joint_rows(&frames, dim, &prediction, &mut together).unwrap();
    bound.fetch(&mut prediction).unwrap();
    let mut apart = Vec::new();
    plain.joint_rows(&frames, dim, &prediction, &mut apart).unwrap();
    assert_eq!((together.len(), apart.len()), (3 * contract.joint_classes(), 3 * contract.joint_classes()));
    assert!(together.iter().zip(&apart).all(|(a, b)| (a - b).abs() < 1e-4));
    assert!(bound.joint_rows(&frames[1..], dim, &prediction, &mut apart).is_err());
}

#[test]
fn a_prediction_that_stays_on_the_device_can_be_fetched() {
    let (mut plain, mut bound) = (open(), open_bound());
    let blank = embedded().contract().vocabulary.blank;
    let (mut a, mut b) = (Prediction::default(), Prediction::default());
    for token in [blank, TokenId(5), TokenId(77)] {
        let (state_a, state_b) = (a.state.clone(), b.state.clone());
        plain.predict(token, &state_a, &mut a).unwrap();
        bound.predict(token, &state_b, &mut b).unwrap();
        assert!(b.output.is_empty() && b.state.h.is_empty() && b.resident.is_some());
    }
    let dim = embedded().contract().encoder.dim;
    let frame: Vec<f32> = (0..dim).map(|i| (i as f32 * 0.37).sin()).collect();
    let (mut logits_a, mut logits_b) = (JointLogits::default(), JointLogits::default());
    plain.joint(&frame, &a, &mut logits_a).unwrap();
    bound.joint(&frame, &b, &mut logits_b).unwrap();
    assert_eq!(logits_a, logits_b);
    bound.fetch(&mut b).unwrap();
    assert_eq!((&a.output, &a.state.h, &a.state.c), (&b.output, &b.state.h, &b.state.c));
    // What was fetched is what another engine goes on with.
    (b.resident, b.state.resident) = (None, None);
    assert_eq!(a, b);
    let state = a.state.clone();
    plain.predict(TokenId(9), &state, &mut a).unwrap();
    bound.predict(TokenId(9), &state, &mut b).unwrap();
    bound.fetch(&mut b).unwrap();
    assert_eq!(a.output, b.output);
}

#[test]
fn a_session_changes_its_engine_between_two_blocks_and_decides_the_same() {
    let heard_with = |changes: &[usize]| {
        let mut session = Session::new(&embedded(), open_bound(), SessionSettings::default()).unwrap();
        let mut heard = Heard::default();
        for (index, block) in blocks(&clip("letter.flac")).iter().enumerate() {
            if changes.contains(&index) {
                session.set_engine(if index % 2 == 0 { open() } else { open_recorded() });
            }
            session.push(block, &mut heard).unwrap();
        }
        session.finish(&mut heard).unwrap();
        heard.path()
    };
    assert_eq!(heard_with(&[150, 231, 302]), heard_with(&[]));
}

#[test]
fn a_library_without_cuda_says_so_and_names_the_next_choice() {
    let place = Place::Cuda { device: 0, graphs: true };
    let error = embedded().open_onnxruntime_at(&runtime(), place).map(|_| ()).unwrap_err();
    assert!(matches!(error, EngineError::Device { .. }), "{error:?}");
    for part in ["CUDA device 0", "rten"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

fn decisions_are_those_of_the_reference(open: fn() -> Box<dyn Engine>) {
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
