//! `dictoscope parity` and the engine gate from outside: exit codes, reports, what is said to bad input.

use std::{fs, path::Path};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Bench, clip, text};

/// The embedded model's blank.
const BLANK: i32 = 512;

/// Rewrites an `.npy` of f32 in place: `change` gets its rows of `width` values.
fn change_rows(path: &Path, width: usize, change: impl FnOnce(&mut Vec<Vec<f32>>)) {
    let array = dictoscope::trace::npy::read::<f32>(path).unwrap();
    assert_eq!(array.width(), width);
    let mut rows: Vec<Vec<f32>> = array.data.chunks_exact(width).map(<[f32]>::to_vec).collect();
    change(&mut rows);
    dictoscope::trace::npy::write(path, &[rows.len(), width], &rows.concat()).unwrap();
}

/// A copy of the embedded model whose reference outputs say otherwise of one value of the encoder.
fn model_with_other_reference(bench: &Bench) -> String {
    let folder = bench.path("model");
    fs::create_dir(&folder).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    for file in ["contract.json", "encoder.onnx", "predictor.onnx", "joint.onnx", "vocab.txt", "probe.safetensors"] {
        fs::copy(from.join(file), folder.join(file)).unwrap();
    }
    let probe = folder.join("probe.safetensors");
    let mut bytes = fs::read(&probe).unwrap();
    // The encoder's frames come first after the header.
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let first = 8 + header;
    bytes[first..first + 4].copy_from_slice(&7.5_f32.to_le_bytes());
    fs::write(&probe, &bytes).unwrap();
    let contract = folder.join("contract.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&contract).unwrap()).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    value["probe"]["sha256"] = json!(hash);
    fs::write(&contract, value.to_string()).unwrap();
    text(&folder)
}

#[test]
fn a_dump_agrees_with_its_engine_in_every_verb() {
    let bench = Bench::new();
    let (input, dump) = (clip("short.flac"), text(&bench.path("dump")));
    let ran = bench.run(&["parity", "dump", &input, &dump]).exits(0);
    assert!(ran.out.contains("235 mel frames, 30 encoder frames"), "{}", ran.out);
    let sides = format!("rten,{dump}");
    for args in [
        &["parity", "encoder", "--engines", &sides, &input][..],
        &["parity", "predictor", "--engines", &sides, &input],
        &["parity", "joint", "--engines", &sides, &input],
        &["parity", "features", &input, &dump],
    ] {
        let ran = bench.run(args).exits(0);
        assert_eq!(ran.out.lines().last(), Some("PASS"), "{args:?}: {}", ran.out);
        assert_eq!(ran.err, "");
        let ran = bench.run(&[args, &["--json"]].concat()).exits(0);
        assert_eq!(ran.json()[0]["verdict"], "pass", "{}", ran.out);
    }
    let swap = bench.run(&["parity", "swap", "--engines", &sides, "--step", "2", &input]).exits(0);
    assert!(swap.out.contains("token: no flip") && swap.out.matches("encoder ").count() == 4, "{}", swap.out);
    let tokens = text(&bench.path("dump/path.npy"));
    bench.run(&["parity", "predictor", "--engines", &sides, "--tokens", &tokens]).exits(0);
    let features = text(&bench.path("dump/features.npy"));
    bench.run(&["parity", "encoder", "--engines", &sides, &features]).exits(0);
    let frames = bench.run(&["parity", "encoder", "--frames", "--engines", &sides, &input]).exits(0);
    assert_eq!(frames.out.matches("  frame ").count(), 30, "{}", frames.out);
    let frames = bench.run(&["parity", "encoder", "--frames", "--json", "--engines", &sides, &input]).exits(0);
    assert_eq!(frames.json()[0]["sides"][0]["each"].as_array().unwrap().len(), 30);
    assert_eq!(frames.json()[0]["sides"][0]["gate"]["encoder_max_abs"], 1e-3);
}

#[test]
fn what_differs_is_exit_code_1_and_what_cannot_be_compared_2() {
    let bench = Bench::new();
    let (input, dump) = (clip("short.flac"), text(&bench.path("dump")));
    bench.run(&["parity", "dump", &input, &dump]).exits(0);
    let sides = format!("rten,{dump}");
    let encoder = bench.path("dump/encoder.npy");
    change_rows(&encoder, 384, |rows| rows[5][0] += 1.0);
    let ran = bench.run(&["parity", "encoder", "--engines", &sides, &input]).exits(1);
    assert_eq!(ran.out.lines().last(), Some("FAIL"), "{}", ran.out);
    assert!(ran.out.contains("at frame 5 (0.40 s)") && ran.out.contains("expected at most 1e-3"), "{}", ran.out);
    assert_eq!(ran.err, "");

    let blank = steps_of(&bench).iter().position(|step| step[1] == BLANK).expect("a step that writes nothing");
    change_rows(&bench.path("dump/joint.npy"), 518, |rows| rows[blank][3] += 100.0);
    let ran = bench.run(&["parity", "joint", "--engines", &sides, &input]).exits(1);
    assert!(ran.out.contains("1 flips") && ran.out.contains(&format!("token {BLANK} (margin")), "{}", ran.out);

    change_rows(&bench.path("dump/features.npy"), 80, |rows| {
        let flat = rows.concat();
        let count = rows.len();
        let across: Vec<f32> = (0..80)
            .flat_map(|bin| (0..count).map(move |row| (row, bin)))
            .map(|(row, bin)| flat[row * 80 + bin])
            .collect();
        *rows = across.chunks_exact(80).map(<[f32]>::to_vec).collect();
    });
    let ran = bench.run(&["parity", "features", &input, &dump]).exits(1);
    assert!(ran.out.contains("reinterpreted: channel-major"), "{}", ran.out);

    change_rows(&encoder, 384, |rows| rows.push(vec![0.0; 384]));
    let ran = bench.run(&["parity", "encoder", "--engines", &sides, &input]).exits(2);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("not comparable") && ran.err.contains("[31, 384]"), "{}", ran.err);
    let ran = bench.run(&["parity", "encoder", "--json", "--engines", &sides, &input]).exits(2);
    assert_eq!(ran.json()[0]["verdict"], "not_comparable", "{}", ran.out);

    // The path of another recording.
    let (other, meeting) = (text(&bench.path("other")), clip("meeting.flac"));
    bench.run(&["parity", "dump", &meeting, &other]).exits(0);
    let sides = format!("rten,{other}");
    let ran = bench.run(&["parity", "joint", "--engines", &sides, &input]).exits(2);
    assert!(ran.err.contains("went another way"), "{}", ran.err);
    let ran = bench.run(&["parity", "predictor", "--engines", &sides, &input]).exits(2);
    assert!(ran.err.contains("at token"), "{}", ran.err);
    let ran = bench.run(&["parity", "swap", "--engines", &sides, "--step", "900", &meeting]).exits(2);
    assert!(ran.err.contains("expected more than 900"), "{}", ran.err);
}

/// Frame and token of each step that `dump` wrote.
fn steps_of(bench: &Bench) -> Vec<[i32; 2]> {
    let path = dictoscope::trace::npy::read::<i32>(&bench.path("dump/path.npy")).unwrap();
    path.data.as_chunks().0.to_vec()
}

#[test]
fn a_swap_names_the_encoder() {
    let bench = Bench::new();
    let (input, dump) = (clip("short.flac"), text(&bench.path("dump")));
    bench.run(&["parity", "dump", &input, &dump]).exits(0);
    let steps = steps_of(&bench);
    let step = steps.iter().position(|step| step[1] != BLANK).expect("a step that writes");
    // The last blank stands in the silence at the end.
    let quiet = steps.iter().rfind(|step| step[1] == BLANK).expect("a step that writes nothing")[0] as usize;
    change_rows(&bench.path("dump/encoder.npy"), 384, |rows| rows[steps[step][0] as usize] = rows[quiet].clone());
    let (sides, step) = (format!("rten,{dump}"), step.to_string());
    let ran = bench.run(&["parity", "swap", "--engines", &sides, "--step", &step, &input]).exits(1);
    assert!(ran.out.contains("token: the encoder carries the flip"), "{}", ran.out);
    let ran = bench.run(&["parity", "swap", "--json", "--joint", "rten", "--engines", &sides, "--step", &step, &input]);
    assert_eq!(ran.exits(1).json()[0]["verdicts"][0]["carrier"], "encoder");
}

#[test]
fn vectors_of_another_front_end_agree() {
    let vectors = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/features_nemo.json"));
    let ran = Bench::new().run(&["parity", "features", "--vectors", &vectors]).exits(0);
    assert_eq!((ran.out.lines().count(), ran.out.lines().last()), (7, Some("PASS")), "{}", ran.out);
}

#[test]
fn what_cannot_be_opened_is_named() {
    let bench = Bench::new();
    let (input, empty) = (clip("short.flac"), text(bench.folder.path()));
    bench.run(&["parity", "encoder", "--engines", "rten,magic", &input]).exits(1).says(&[
        "magic",
        "rten",
        "no such folder",
    ]);
    let sides = format!("rten,{empty}");
    bench.run(&["parity", "encoder", "--engines", &sides, &input]).exits(1).says(&["a folder without them"]);
    bench.run(&["parity", "encoder", "--engines", "rten,rten", "/no/such.flac"]).exits(1).says(&["/no/such.flac"]);
    bench.run(&["parity", "gate", "--engine", "magic"]).exits(2).says(&["magic", "rten", "onnxruntime"]);
    let long = bench.wav("long.wav", 16_000, 1, std::iter::repeat_n(0.0, 16_000 * 31));
    bench.run(&["parity", "dump", &long, &text(&bench.path("d"))]).exits(1).says(&["long.wav", "1 to 3000"]);
    for args in [
        &["parity"][..],
        &["parity", "encoder", &input],
        &["parity", "encoder", "--engines", "rten", &input],
        &["parity", "swap", "--engines", "rten,rten,rten", "--step", "0", &input],
        &["parity", "swap", "--engines", "rten,rten", &input],
        &["parity", "predictor", "--engines", "rten,rten"],
        &["parity", "features", &input],
    ] {
        let ran = bench.run(args).exits(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}: {}", ran.err);
    }
}

#[test]
fn an_engine_is_checked_once_and_every_report_says_so() {
    let bench = Bench::new();
    let transcribed = || bench.run(&["transcribe", "--json", &clip("short.flac")]).exits(0).json();
    let parity = |objects: &[Value]| objects[0]["engine"]["parity"].as_str().unwrap().to_owned();
    let first = parity(&transcribed());
    assert!(first.starts_with("passed (max |Δ| "), "{first}");
    let file = bench.path("data/engine-checks.json");
    let stored = fs::read_to_string(&file).unwrap();

    // What is remembered is what is said.
    let mut checks: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(checks["checks"].as_array().unwrap().len(), 1);
    checks["checks"][0]["date"] = json!("2001-02-03");
    fs::write(&file, checks.to_string()).unwrap();
    assert!(parity(&transcribed()).ends_with(", 2001-02-03)"));
    let bench_object = bench.run(&["bench", "--json", &clip("short.flac")]).exits(0).json();
    assert!(parity(&bench_object).ends_with(", 2001-02-03)"), "{bench_object:?}");
    let trace = text(&bench.path("run.jsonl"));
    bench.run(&["transcribe", "--trace", &trace, &clip("short.flac")]).exits(0);
    let header = fs::read_to_string(&trace).unwrap();
    assert!(header.lines().next().unwrap().contains("2001-02-03"));
    let told = bench.run(&["dictate", "--file", &clip("short.flac")]).exits(0);
    told.says(&["parity: passed (max |Δ| ", "2001-02-03"]);

    // Made anew by the verb; a broken file is set aside; without a file it works too.
    let gate = bench.run(&["parity", "gate"]).exits(0);
    assert!(gate.out.contains("against ONNX Runtime") && gate.out.ends_with("passed\n"), "{}", gate.out);
    assert!(!parity(&transcribed()).contains("2001"));
    fs::write(&file, "{").unwrap();
    assert_eq!(parity(&transcribed())[..6], first[..6]);
    assert!(bench.path("data/engine-checks.json.broken-1").exists() && file.exists());
    fs::remove_dir_all(bench.path("data")).unwrap();
    fs::write(bench.path("data"), "a file where the folder should be").unwrap();
    assert!(parity(&transcribed()).starts_with("passed"));
}

#[test]
fn an_engine_that_disagrees_is_refused_unless_forced() {
    let bench = Bench::new();
    let model = model_with_other_reference(&bench);
    let (input, args) = (clip("short.flac"), ["transcribe", "--json", "--model", &model]);
    for _ in 0..2 {
        // The second time it is remembered.
        let ran = bench.run(&[&args[..], &[&input]].concat()).exits(1);
        assert_eq!(ran.out, "");
        ran.says(&["rten", "does not agree", "encoder max |Δ|", "expected at most 1e-3", "--force"]);
    }
    let forced = bench.run(&[&args[..], &["--force", &input]].concat()).exits(0).json();
    let parity = forced[0]["engine"]["parity"].as_str().unwrap();
    assert!(parity.starts_with("failed (encoder max |Δ|") && parity.ends_with("forced"), "{parity}");
    let gate = bench.run(&["parity", "gate", "--json", "--model", &model]).exits(1).json();
    assert_eq!(gate[0]["report"]["status"], "failed");
    assert!(gate[0]["report"]["measured"]["encoder_max_abs"].as_f64().unwrap() > 1.0);
    assert!(gate[0]["report"]["measured"]["joint_max_abs"].is_number());
}

#[test]
fn a_model_without_reference_outputs_is_not_checked() {
    let bench = Bench::new();
    let model = model_with_other_reference(&bench);
    let contract = bench.path("model/contract.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&contract).unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("probe");
    fs::write(&contract, value.to_string()).unwrap();
    let objects = bench.run(&["transcribe", "--json", "--model", &model, &clip("short.flac")]).exits(0).json();
    assert_eq!(objects[0]["engine"]["parity"], "not checked: the model has no reference outputs");
    let gate = bench.run(&["parity", "gate", "--model", &model]).exits(0);
    assert!(gate.out.ends_with("not checked: the model has no reference outputs\n"), "{}", gate.out);
    assert!(!bench.path("data/engine-checks.json").exists());
}
