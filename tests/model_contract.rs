//! A wrong file of a model is refused, with file, tensor, expected and found.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::{fs, path::Path};

use dictoscope::{
    models::Model,
    session::{Session, SessionSettings},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const FILES: [&str; 6] =
    ["contract.json", "encoder.onnx", "predictor.onnx", "joint.onnx", "vocab.txt", "probe.safetensors"];

/// A copy of the embedded model whose contract went through `change`.
fn model(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    for file in FILES {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join("contract.json");
    let mut contract: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut contract);
    fs::write(&path, contract.to_string()).unwrap();
    folder
}

/// Loads, opens, and gives the error's text.
fn refusal(folder: &Path) -> String {
    match Model::from_dir(folder) {
        Err(error) => error.to_string(),
        Ok(model) => model.open_rten(Some(1)).err().map_or_else(String::new, |error| error.to_string()),
    }
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

#[test]
fn an_unchanged_copy_is_accepted() {
    assert_eq!(refusal(model(|_| ()).path()), "");
}

#[test]
fn a_damaged_file_is_refused_by_its_hash() {
    let folder = model(|_| ());
    let path = folder.path().join("joint.onnx");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_says(&refusal(folder.path()), &["joint.onnx", "SHA-256", "expected", "found"]);
}

#[test]
fn a_tensor_with_another_name_shape_or_type_is_refused_by_name() {
    let named = model(|c| c["graphs"]["encoder"]["inputs"][0]["name"] = json!("features"));
    assert_says(&refusal(named.path()), &["encoder.onnx", "\"features\"", "audio_signal"]);

    let typed = model(|c| c["graphs"]["encoder"]["inputs"][1]["dtype"] = json!("f32"));
    assert_says(&refusal(typed.path()), &["encoder.onnx", "\"length\"", "F32", "i32"]);

    let shaped = model(|c| {
        c["front_end"]["mel_bins"] = json!(128);
        c["graphs"]["encoder"]["inputs"][0]["shape"][1] = json!(128);
    });
    assert_says(&refusal(shaped.path()), &["encoder.onnx", "\"audio_signal\"", "128", "80"]);
}

/// What is wrong, how to make it so, and what the refusal must say.
type Case = (&'static str, fn(&mut Value), &'static [&'static str]);

#[test]
fn a_contract_that_contradicts_itself_or_the_grid_is_refused() {
    let cases: [Case; 7] = [
        ("rate", |c| c["sample_rate"] = json!(8000), &["sample_rate", "16000", "8000"]),
        ("subsampling", |c| c["encoder"]["subsampling"] = json!(4), &["encoder.subsampling", "8", "4"]),
        ("blank", |c| c["vocabulary"]["blank"] = json!(0), &["vocabulary.blank", "512", "found 0"]),
        ("durations", |c| c["durations"] = json!([0, 2, 1, 3, 4]), &["durations", "rising"]),
        ("heads", |c| c["durations"] = json!([0, 1, 2, 3]), &["logits", "517"]),
        ("unknown field", |c| c["dither"] = json!(1), &["contract.json", "dither"]),
        ("escape", |c| c["graphs"]["joint"]["file"] = json!("../joint.onnx"), &["../joint.onnx"]),
    ];
    for (what, change, parts) in cases {
        let text = refusal(model(change).path());
        assert!(!text.is_empty(), "{what} was accepted");
        assert_says(&text, parts);
    }
}

#[test]
fn a_short_vocabulary_is_refused_by_its_length() {
    let folder = model(|_| ());
    let path = folder.path().join("vocab.txt");
    let whole = fs::read_to_string(&path).unwrap();
    let text = whole.lines().take(100).collect::<Vec<_>>().join(
        "
",
    );
    fs::write(&path, &text).unwrap();
    let contract = folder.path().join("contract.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&contract).unwrap()).unwrap();
    let found = Model::from_dir(folder.path()).unwrap_err().to_string();
    let hash = found.split("found ").nth(1).unwrap().split(':').next().unwrap().to_owned();
    value["vocabulary"]["sha256"] = json!(hash);
    fs::write(&contract, value.to_string()).unwrap();
    let model = Model::from_dir(folder.path()).unwrap();
    let engine = model.open_rten(Some(1)).unwrap();
    let refused = Session::new(&model, engine, SessionSettings::default()).unwrap_err();
    assert_says(&refused.to_string(), &["vocab.txt", "512", "100"]);
}

#[test]
fn what_is_no_model_is_named() {
    let empty = tempfile::tempdir().unwrap();
    assert_says(&refusal(empty.path()), &["contract.json"]);
    assert_says(&refusal(&empty.path().join("nowhere")), &["nowhere", "nothing"]);
}
