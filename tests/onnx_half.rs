//! The embedded model converted to 16-bit floats against itself in 32: both in ONNX Runtime, frame by frame and word by word.
//!
//! `make unit` names the library by `ORT_DYLIB_PATH`; without it these tests fail.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::borrow::Cow;

use common::{THREADS, blocks, clip, embedded, reference, run};
use dictoscope::{
    engine::{EncoderOutput, Engine, GraphSource, OnnxRuntime, OrtEngine, to_half},
    features::FeatureFrames,
    session::{Session, SessionSettings},
    units::MelIdx,
};

/// Least cosine of a frame in 16 bits with the same in 32.
const LEAST_COSINE: f64 = 0.999;

fn open(half: bool) -> Box<dyn Engine> {
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`make unit` sets ORT_DYLIB_PATH");
    let runtime = OnnxRuntime::load(&[library.into()]).unwrap();
    let model = embedded();
    if !half {
        return model.open_onnxruntime(&runtime, THREADS).unwrap();
    }
    let graphs = model.graphs().clone().map(|graph| match graph {
        GraphSource::Bytes(bytes) => GraphSource::Bytes(Cow::Owned(to_half(&bytes).unwrap().0)),
        GraphSource::File(path) => panic!("{}: the embedded model is whole", path.display()),
    });
    Box::new(OrtEngine::open(&runtime, model.contract(), &graphs, THREADS).unwrap())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn frames_agree_and_words_stay() {
    let (mut single, mut half) = (open(false), open(true));
    let mut least = 1.0_f64;
    for name in ["letter", "numbers", "question", "short"] {
        let mut session = Session::whole_file(&embedded(), open(true), SessionSettings::default()).unwrap();
        let heard = run(&mut session, blocks(&clip(&format!("{name}.flac"))));
        assert_eq!(heard.text(), reference(name).0["text"].as_str().unwrap(), "{name}");
        for features in heard.features {
            let input = FeatureFrames { start: MelIdx(0), mel_bins: 80, data: features };
            let (mut a, mut b) = (EncoderOutput::default(), EncoderOutput::default());
            single.encode(&input, &mut a).unwrap();
            half.encode(&input, &mut b).unwrap();
            assert_eq!(a.len(), b.len());
            for (a, b) in a.data.chunks(a.dim).zip(b.data.chunks(b.dim)) {
                least = least.min(cosine(a, b));
            }
        }
    }
    assert!(least > LEAST_COSINE && least < 1.0, "{least}: below what rounding explains, or nothing was rounded");
}

#[test]
fn the_program_writes_a_half_model_that_passes_the_check_of_its_engine() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("half");
    let program = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_dictoscope"))
            .args(arguments)
            .env("DICTOSCOPE_DATA_DIR", folder.path().join("data"))
            .env("DICTOSCOPE_CONFIG_DIR", folder.path().join("config"))
            .output()
            .unwrap()
    };
    let (path, recording) = (out.to_str().unwrap(), clip("short.flac"));
    let made = program(&["engines", "half", path]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Without --force: the reference outputs of the 32-bit graphs are agreed with.
    let transcribed = program(&["transcribe", recording.to_str().unwrap(), "--model", path, "--engine", "onnxruntime"]);
    assert!(transcribed.status.success(), "{}", String::from_utf8_lossy(&transcribed.stderr));
    assert_eq!(String::from_utf8_lossy(&transcribed.stdout).trim(), common::reference_text("short.flac"));
    for (again, found) in
        [(&["engines", "half", path][..], "half"), (&["engines", "half", "/tmp/x/y/z", "--model", path], "f32")]
    {
        let refused = program(again);
        assert!(!refused.status.success());
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains(found),
            "{}",
            String::from_utf8_lossy(&refused.stderr)
        );
    }
}
