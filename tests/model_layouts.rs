//! Models in every layout that is known decode as the reference loop does with the graphs as they are, with either engine.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use common::{THREADS, root};
use dictoscope::{
    engine::{EncoderOutput, Engine, OnnxRuntime, Place},
    features::FeatureFrames,
    models::{Model, ModelError},
    parity::tensors::greedy,
    units::MelIdx,
};
use serde_json::Value;
use tempfile::TempDir;

/// Names of the layouts, and what the contract says of each: layout, weights, where it was parted.
const LAYOUTS: [(&str, &str, &str, bool); 5] = [
    ("onnx-asr", "onnx-asr", "f32", true),
    ("onnx-asr-int8", "onnx-asr", "int8", true),
    ("sherpa", "sherpa-onnx", "f32", false),
    ("split", "split export", "f32", false),
    ("fused", "onnx-asr", "f32", false),
];

/// A copy of a layout's files, which may be written beside.
fn copy(layout: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(root().join("tests/data/models").join(layout)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// What is told, and the model.
fn open(path: &Path, spare: Option<&Path>) -> (Result<Model, ModelError>, Vec<String>) {
    let mut told = Vec::new();
    let model = Model::open(path, spare, &mut |text| told.push(text.to_owned()));
    (model, told)
}

fn refusal(path: &Path) -> String {
    open(path, None).0.map_or_else(|error| error.to_string(), |model| panic!("{model:?} was accepted"))
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

/// As `engines/tiny_models.py` makes them.
fn features() -> FeatureFrames {
    let mut state: u32 = 12345;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / 8_388_608.0 - 1.0) * 1.75
    };
    FeatureFrames { start: MelIdx(0), mel_bins: 128, data: (0..333 * 128).map(|_| next()).collect() }
}

fn runtime() -> OnnxRuntime {
    let path = env::var_os("ORT_DYLIB_PATH").expect("ORT_DYLIB_PATH, as scripts/onnxruntime-library.sh prints it");
    OnnxRuntime::load(&[PathBuf::from(path)]).unwrap()
}

/// Frames, tokens and durations.
fn decode(engine: &mut dyn Engine, model: &Model) -> [Vec<u64>; 3] {
    let mut encoded = EncoderOutput::default();
    engine.encode(&features(), &mut encoded).unwrap();
    assert_eq!((encoded.len(), encoded.dim), (42, 16));
    let contract = model.contract();
    let found = greedy(engine, contract, &encoded).unwrap();
    let durations = found.logits.iter().map(|logits| {
        let head = &logits[contract.token_classes()..];
        (0..head.len()).rev().max_by(|a, b| head[*a].total_cmp(&head[*b])).unwrap() as u64
    });
    [
        found.path.iter().map(|step| step.frame.0).collect(),
        found.path.iter().map(|step| u64::from(step.token.0)).collect(),
        durations.collect(),
    ]
}

#[test]
fn every_layout_decodes_as_the_reference_does() {
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/data/models/expected.json")).unwrap()).unwrap();
    let runtime = runtime();
    for (name, layout, weights, parted) in LAYOUTS {
        let folder = copy(name);
        let (model, told) = open(folder.path(), None);
        let model = model.unwrap();
        let contract = model.contract();
        let derived = contract.derived.as_ref().unwrap();
        assert_eq!((derived.layout.as_str(), contract.weights.as_str()), (layout, weights), "{name}");
        assert_eq!((derived.parted_at.is_some(), contract.is_fused()), (parted, name == "fused"), "{name}: {told:?}");
        assert_eq!((contract.encoder.max_mel_frames, contract.encoder.length_masks), (512, true), "{name}");
        assert_eq!((contract.vocabulary.size, contract.durations.as_slice()), (30, &[0, 1, 2, 3, 4][..]), "{name}");
        let of = |key: &str| -> Vec<u64> { serde_json::from_value(expected[name][key].clone()).unwrap() };
        let expected = [of("frames"), of("tokens"), of("durations")];
        let host = Place::Host { graphs: true };
        for mut engine in [
            model.open_rten(THREADS).unwrap(),
            model.open_onnxruntime(&runtime, THREADS).unwrap(),
            model.open_onnxruntime_at(&runtime, host).unwrap(),
        ] {
            assert_eq!(decode(&mut *engine, &model), expected, "{name}, {:?}", engine.info());
        }
        let (again, told) = open(folder.path(), None);
        assert_eq!((again.unwrap().contract(), told.as_slice()), (contract, &[][..]), "{name}: kept");
    }
}

#[test]
fn a_folder_that_was_exported_of_a_nemo_file_decodes_as_the_reference_does() {
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/data/models/expected.json")).unwrap()).unwrap();
    let of = |key: &str| -> Vec<u64> { serde_json::from_value(expected["exported"][key].clone()).unwrap() };
    let folder = copy("exported");
    let (model, told) = open(folder.path(), None);
    let model = model.unwrap();
    let contract = model.contract();
    assert_eq!((contract.derived.is_some(), told.as_slice()), (false, &[][..]), "its own contract is taken");
    assert_eq!((contract.weights.as_str(), contract.encoder.length_masks), ("f16", true));
    let runtime = runtime();
    for mut engine in [model.open_rten(THREADS).unwrap(), model.open_onnxruntime(&runtime, THREADS).unwrap()] {
        let expected = [of("frames"), of("tokens"), of("durations")];
        assert_eq!(decode(&mut *engine, &model), expected, "{:?}", engine.info());
    }
    fs::write(folder.path().join("joint.onnx"), "x").unwrap();
    assert_says(&refusal(folder.path()), &["joint.onnx", "SHA-256"]);
}

#[test]
fn a_changed_file_makes_the_contract_anew() {
    let folder = copy("sherpa");
    open(folder.path(), None).0.unwrap();
    let path = folder.path().join("tokens.txt");
    let text = fs::read_to_string(&path).unwrap().replacen("<pad>", "<PAD>", 1);
    fs::write(&path, text).unwrap();
    let (model, told) = open(folder.path(), None);
    assert!(model.unwrap().vocabulary_text().contains("<PAD>"));
    assert_says(&told.concat(), &["tokens.txt", "SHA-256", "made anew"]);
    // A made graph that somebody touched, and a contract that is cut off.
    fs::write(folder.path().join("dictoscope-joint.onnx"), "x").unwrap();
    assert_says(&open(folder.path(), None).1.concat(), &["dictoscope-joint.onnx", "made anew"]);
    let contract = folder.path().join("contract.json");
    let text = fs::read_to_string(&contract).unwrap();
    fs::write(&contract, &text[..text.len() - 40]).unwrap();
    assert_says(&open(folder.path(), None).1.concat(), &["contract.json", "made anew"]);
    assert_eq!(open(folder.path(), None).1, Vec::<String>::new());
}

#[test]
fn the_file_of_an_encoder_chooses_among_several() {
    let folder = copy("onnx-asr");
    for file in ["encoder-model.int8.onnx", "decoder_joint-model.int8.onnx"] {
        fs::copy(root().join("tests/data/models/onnx-asr-int8").join(file), folder.path().join(file)).unwrap();
    }
    let weights = |path: &Path| open(path, None).0.unwrap().contract().weights.clone();
    assert_eq!(weights(folder.path()), "f32");
    assert_eq!(weights(&folder.path().join("encoder-model.int8.onnx")), "int8");
    assert!(folder.path().join("contract.int8.json").is_file());
    assert_eq!(weights(&folder.path().join("encoder-model.onnx")), "f32");
}

#[test]
fn a_model_where_nothing_can_be_written_has_its_contract_elsewhere() {
    let (folder, spare) = (copy("split"), tempfile::tempdir().unwrap());
    // A folder in the place of the file: nobody can write there, not even root.
    fs::create_dir(folder.path().join("dictoscope-predictor.onnx")).unwrap();
    assert_says(&refusal(folder.path()), &["dictoscope-predictor.onnx", "cannot be written"]);
    let (model, told) = open(folder.path(), Some(spare.path()));
    assert!(model.is_ok(), "{:?}", model.err());
    assert_says(&told.concat(), &[spare.path().to_str().unwrap()]);
    assert_eq!(open(folder.path(), Some(spare.path())).1, Vec::<String>::new(), "kept");
}

#[test]
fn other_kinds_of_models_are_refused_by_what_they_are() {
    let rnnt = copy("split");
    let path = rnnt.path().join("vocab.txt");
    let more = "a\nb\nc\nd\ne\n";
    fs::write(&path, fs::read_to_string(&path).unwrap() + more).unwrap();
    fs::remove_file(rnnt.path().join("model_meta.json")).unwrap();
    assert_says(&refusal(rnnt.path()), &["expected a TDT transducer", "RNN-T"]);

    let ctc = tempfile::tempdir().unwrap();
    let encoder = root().join("tests/data/models/split/encoder.onnx");
    fs::copy(&encoder, ctc.path().join("model.onnx")).unwrap();
    assert_says(&refusal(ctc.path()), &["expected a TDT transducer", "CTC"]);

    let short = copy("split");
    fs::write(short.path().join("vocab.txt"), "a\nb\n").unwrap();
    assert_says(&refusal(short.path()), &["vocab.txt", "expected 30", "found 2"]);
}

/// Replaces bytes in a file by as many.
fn patch(path: &Path, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let mut bytes = fs::read(path).unwrap();
    let mut count = 0;
    for at in 0..bytes.len().saturating_sub(old.len()) {
        if bytes[at..].starts_with(old) {
            bytes[at..at + old.len()].copy_from_slice(new);
            count += 1;
        }
    }
    assert!(count > 0, "{} has no {old:?}", path.display());
    fs::write(path, bytes).unwrap();
}

#[test]
fn weights_outside_the_folder_are_refused() {
    for place in [&b"../../etc/passw"[..], b"/etc/passwd-sha", b"weights/../../x"] {
        let folder = copy("sherpa");
        patch(&folder.path().join("encoder.onnx"), b"encoder.weights", place);
        let found = String::from_utf8_lossy(place);
        assert_says(&refusal(folder.path()), &["encoder.onnx", "the name of a file beside it", &found]);
    }
    let folder = copy("sherpa");
    fs::remove_file(folder.path().join("encoder.weights")).unwrap();
    assert_says(&refusal(folder.path()), &["encoder.onnx", "the file encoder.weights", "found nothing"]);
    // A contract that is silent about a file that its graph takes.
    let folder = copy("sherpa");
    open(folder.path(), None).0.unwrap();
    let path = folder.path().join("contract.json");
    let mut contract: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    contract["graphs"]["encoder"].as_object_mut().unwrap().remove("data");
    contract.as_object_mut().unwrap().remove("derived");
    fs::write(&path, contract.to_string()).unwrap();
    for file in ["predictor", "joint"] {
        fs::copy(folder.path().join(format!("dictoscope-{file}.onnx")), folder.path().join(format!("{file}.onnx")))
            .unwrap();
    }
    assert_says(&refusal(folder.path()), &["encoder.onnx", "no other files than []", "encoder.weights"]);
}

#[test]
fn what_is_cut_off_or_lies_about_its_size_is_refused() {
    let folder = copy("onnx-asr");
    let path = folder.path().join("encoder-model.onnx.data");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_says(&refusal(folder.path()), &["encoder-model.onnx", "weight", "of a file of 27648"]);

    let graphs = ["encoder-model.onnx", "decoder_joint-model.onnx"];
    for file in graphs {
        let whole = fs::read(root().join("tests/data/models/onnx-asr").join(file)).unwrap();
        for length in [0, 1, 100, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            let folder = copy("onnx-asr");
            fs::write(folder.path().join(file), &whole[..length]).unwrap();
            assert_says(&refusal(folder.path()), &[file]);
        }
        // Any byte may be wrong: an error or a model, never a panic or a wait without end.
        for at in (0..whole.len()).step_by(whole.len() / 60) {
            let folder = copy("onnx-asr");
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            fs::write(folder.path().join(file), bytes).unwrap();
            let _ = open(folder.path(), None);
        }
    }
}
