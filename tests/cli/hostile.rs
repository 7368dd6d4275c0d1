//! Models, features and traces of somebody who means harm: refused by the library and by the program, with file, expected and found.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use dictoscope::{
    models::Model,
    trace::{Trace, npy},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Bench, clip, text};

/// A copy of a model of the tests.
fn model(layout: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(layout);
    for entry in fs::read_dir(from).unwrap().flatten() {
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

/// The library and the program refuse the model, soon, and say all of `parts`.
#[track_caller]
fn refused(folder: &Path, parts: &[&str]) {
    let begun = Instant::now();
    let error = Model::open(folder, None, &mut |_| ()).map(|_| "a model").unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    let bench = Bench::new();
    for engine in ["rten", "onnxruntime"] {
        let args = ["transcribe", "--engine", engine, &clip("short.flac"), "--model", &text(folder)];
        assert_eq!(bench.run(&args).exits(1).says(parts).out, "");
    }
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

// Protocol Buffers: fields of bytes and of integers.
fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    [varint(u64::from(number) << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn integer(number: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(number) << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A tensor of onnx.proto with other fields of its own.
fn tensor(name: &str, element: u64, sizes: &[u64], rest: &[u8]) -> Vec<u8> {
    let sizes = sizes.iter().flat_map(|size| integer(1, *size)).collect();
    [sizes, integer(2, element), bytes(8, name.as_bytes()), rest.to_vec()].concat()
}

/// Fields of a tensor whose values stand in a file.
fn external(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry =
        |(key, value): &(&str, &str)| bytes(13, &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat());
    [entries.iter().flat_map(entry).collect(), integer(14, 1)].concat()
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[u8]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
    [inputs, bytes(2, output.as_bytes()), bytes(4, op.as_bytes()), attributes.to_vec()].concat()
}

/// A file with a graph of these fields.
fn graph(fields: &[Vec<u8>]) -> Vec<u8> {
    [integer(1, 8), bytes(7, &fields.concat()), bytes(8, &integer(2, 17))].concat()
}

fn with_joint(content: &[u8]) -> TempDir {
    let folder = model("split");
    fs::write(folder.path().join("joint.onnx"), content).unwrap();
    folder
}

#[test]
fn sizes_that_overflow_or_ask_for_gigabytes_are_refused() {
    let raw = bytes(9, &[0; 16]);
    for sizes in [&[1 << 40, 1 << 40][..], &[u64::MAX, 4], &[1 << 33, 1 << 20], &[1 << 62, 1 << 62, 1 << 62]] {
        let folder = with_joint(&graph(&[bytes(5, &tensor("w", 1, sizes, &raw))]));
        refused(folder.path(), &["joint.onnx", "weight \"w\"", "expected", "found"]);
    }
    // Fewer values than the sizes say: raw, and in a list.
    for rest in [raw.clone(), bytes(4, &[0; 16]), Vec::new()] {
        let folder = with_joint(&graph(&[bytes(5, &tensor("w", 1, &[1 << 28], &rest))]));
        refused(folder.path(), &["joint.onnx", "weight \"w\"", "expected", "found"]);
    }
    // A value within a node.
    let value = bytes(5, &[bytes(1, b"value"), bytes(5, &tensor("k", 1, &[1 << 30], &raw))].concat());
    let folder = with_joint(&graph(&[bytes(1, &node("Constant", &[], "k", &value))]));
    refused(folder.path(), &["joint.onnx", "weight \"k\"", "4294967296 bytes", "found 16"]);
    // Operators that make much of little, which engines would do while they load.
    let shape = |size: u64| bytes(5, &tensor("s", 7, &[1], &bytes(9, &size.to_le_bytes())));
    for (op, inputs) in
        [("ConstantOfShape", &["s"][..]), ("Expand", &["x", "s"]), ("Tile", &["x", "s"]), ("Range", &["x", "s", "x"])]
    {
        let folder = with_joint(&graph(&[shape(1 << 40), bytes(1, &node(op, inputs, "much", &[]))]));
        refused(folder.path(), &["joint.onnx", "\"much\"", "values at most", op, "1099511627776"]);
    }
}

#[test]
fn a_file_that_two_readers_would_read_differently_is_refused() {
    let folder = model("split");
    let path = folder.path().join("joint.onnx");
    let whole = fs::read(&path).unwrap();
    let second = bytes(7, &bytes(5, &tensor("w", 1, &[4], &external(&[("location", "/etc/passwd")]))));
    fs::write(&path, [whole.as_slice(), &second].concat()).unwrap();
    refused(folder.path(), &["joint.onnx", "a model with a graph", "2 of them"]);
    fs::write(&path, [&second, whole.as_slice()].concat()).unwrap();
    refused(folder.path(), &["joint.onnx", "2 of them"]);
    // ONNX Runtime's own format behind the first bytes of a message.
    fs::write(&path, [&b"\x12\x10\x00\x00ORTM\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"[..], &whole].concat()).unwrap();
    refused(folder.path(), &["joint.onnx", "format of an engine"]);
    let twice = external(&[("location", "joint.onnx"), ("location", "/etc/passwd")]);
    let folder = with_joint(&graph(&[bytes(5, &tensor("w", 1, &[4], &twice))]));
    refused(folder.path(), &["joint.onnx", "one location", "two"]);
}

#[test]
fn weights_in_files_elsewhere_are_refused_wherever_the_graph_names_them() {
    for place in ["../../../../etc/passwd", "/etc/passwd", "a/b", "..", "", "C:\\x", "x\0y"] {
        let far = external(&[("location", place)]);
        let far = tensor("w", 1, &[4], &far);
        let attribute = |field: u32, content: &[u8]| bytes(5, &[bytes(1, b"a"), bytes(field, content)].concat());
        let inner = bytes(5, &far);
        for fields in [
            bytes(5, &far),
            // A sparse weight: its values, its indices.
            bytes(15, &bytes(1, &far)),
            bytes(15, &bytes(2, &far)),
            // Of a node: a tensor, several, sparse ones, in a graph within it.
            bytes(1, &node("Constant", &[], "k", &attribute(5, &far))),
            bytes(1, &node("Constant", &[], "k", &attribute(10, &far))),
            bytes(1, &node("Constant", &[], "k", &attribute(22, &bytes(1, &far)))),
            bytes(1, &node("If", &["c"], "k", &attribute(6, &inner))),
            bytes(
                1,
                &node("If", &["c"], "k", &attribute(11, &bytes(1, &node("Constant", &[], "k", &attribute(5, &far))))),
            ),
        ] {
            let folder = with_joint(&graph(&[fields]));
            let error = Model::open(folder.path(), None, &mut |_| ()).unwrap_err().to_string();
            assert!(error.contains("joint.onnx: expected the name of a file beside it"), "{place:?}: {error}");
        }
        let function = bytes(25, &bytes(7, &node("Constant", &[], "k", &attribute(5, &far))));
        let default = bytes(25, &bytes(11, &[bytes(1, b"a"), bytes(5, &far)].concat()));
        for outside in [function, default, bytes(20, &bytes(1, &inner))] {
            let folder = with_joint(&[graph(&[]), outside].concat());
            let error = Model::open(folder.path(), None, &mut |_| ()).unwrap_err().to_string();
            assert!(error.contains("expected the name of a file beside it"), "{place:?}: {error}");
        }
    }
    let folder = with_joint(&graph(&[bytes(5, &tensor("w", 1, &[4], &external(&[("location", "/etc/passwd")])))]));
    refused(folder.path(), &["joint.onnx", "the name of a file beside it", "/etc/passwd"]);
    for (key, value) in [("offset", "99999999999999"), ("length", "99999999999999"), ("offset", "-1"), ("length", "x")]
    {
        let far = external(&[("location", "vocab.txt"), (key, value)]);
        let folder = with_joint(&graph(&[bytes(5, &tensor("w", 1, &[4], &far))]));
        refused(folder.path(), &["joint.onnx", "weight \"w\"", "16 bytes in vocab.txt", "of a file of 161"]);
    }
}

#[test]
fn a_link_out_of_the_folder_is_refused_and_a_cache_of_links_is_not() {
    let (folder, elsewhere) = (model("sherpa"), tempfile::tempdir().unwrap());
    let (weights, target) = (folder.path().join("encoder.weights"), elsewhere.path().join("weights"));
    fs::rename(&weights, &target).unwrap();
    symlink(&target, &weights).unwrap();
    refused(
        folder.path(),
        &["encoder.weights", "a link that stays in its folder", &text(&fs::canonicalize(&target).unwrap())],
    );
    // As Hugging Face's cache lays a model out: links out of a snapshot into the blobs beside.
    let cache = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (cache.path().join("blobs"), cache.path().join("snapshots/0123abcd"));
    fs::create_dir_all(&blobs).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    for (n, entry) in fs::read_dir(model("sherpa").path()).unwrap().flatten().enumerate() {
        fs::copy(entry.path(), blobs.join(n.to_string())).unwrap();
        symlink(format!("../../blobs/{n}"), snapshot.join(entry.file_name())).unwrap();
    }
    let model = Model::open(&snapshot, None, &mut |_| ()).unwrap();
    model.open_rten(Some(1)).unwrap();
}

/// A whole model with a contract, which went through `change`.
fn contracted(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = model("split");
    Model::open(folder.path(), None, &mut |_| ()).unwrap();
    for part in ["predictor", "joint"] {
        fs::copy(folder.path().join(format!("dictoscope-{part}.onnx")), folder.path().join(format!("{part}.onnx")))
            .unwrap();
    }
    let path = folder.path().join("contract.json");
    let mut contract: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    contract.as_object_mut().unwrap().remove("derived");
    change(&mut contract);
    fs::write(&path, contract.to_string()).unwrap();
    folder
}

#[test]
fn a_contract_that_names_files_elsewhere_is_refused() {
    assert!(Model::open(contracted(|_| ()).path(), None, &mut |_| ()).is_ok());
    for place in ["../../../etc/passwd", "/etc/passwd", "below/vocab.txt", "..", ""] {
        let folder = contracted(|contract| contract["vocabulary"]["file"] = json!(place));
        refused(folder.path(), &["contract.json", "the name of a file beside it", &format!("{place:?}")]);
        let folder =
            contracted(|contract| contract["graphs"]["encoder"]["data"] = json!([{"file": place, "sha256": ""}]));
        let error = Model::open(folder.path(), None, &mut |_| ()).unwrap_err().to_string();
        assert!(error.contains("the name of a file beside it"), "{error}");
    }
    // What has no end, or nobody to write it.
    let folder = contracted(|_| ());
    let vocabulary = folder.path().join("vocab.txt");
    fs::remove_file(&vocabulary).unwrap();
    symlink("/dev/zero", &vocabulary).unwrap();
    refused(folder.path(), &["vocab.txt", "expected", "/dev/zero"]);
    fs::remove_file(&vocabulary).unwrap();
    assert!(Command::new("mkfifo").arg(&vocabulary).status().unwrap().success());
    refused(folder.path(), &["vocab.txt", "expected a file", "a device or pipe"]);
}

#[test]
fn a_vocabulary_that_is_none_is_refused() {
    let million: String = "x\n".repeat(1_000_000);
    for (content, parts) in [
        (million.as_bytes(), &["vocab.txt", "pieces", "found 1000000"][..]),
        (b"\xff\xfe\x00", &["vocab.txt", "UTF-8"]),
    ] {
        let folder = model("split");
        fs::write(folder.path().join("vocab.txt"), content).unwrap();
        refused(folder.path(), parts);
    }
    // A terminal, or the window that is typed into, would do what they say.
    for piece in ["\0", "\u{1b}[2J", "a\u{7f}"] {
        let folder = model("split");
        let path = folder.path().join("vocab.txt");
        let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        lines[3] = piece.to_owned();
        fs::write(&path, lines.join("\n")).unwrap();
        let args = ["transcribe", &clip("short.flac"), "--model", &text(folder.path())];
        let ran = Bench::new().run(&args).exits(1).says(&["vocab.txt", "line 4", "control character"]);
        assert!(!ran.err.contains(piece), "told in quotes: {}", ran.err);
    }
}

#[test]
fn features_and_traces_that_lie_are_refused() {
    let bench = Bench::new();
    let file = |shape: &str| {
        let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let head =
            [&b"\x93NUMPY\x01\x00"[..], &(dictionary.len() as u16).to_le_bytes(), dictionary.as_bytes()].concat();
        [head, vec![0; 64]].concat()
    };
    for (content, part) in [
        (file("(1099511627776, 80)"), "[1099511627776, 80]"),
        (file("(4611686018427387904, 4611686018427387904)"), "other values by its shape"),
        (file("(2, 80)"), "found 64 bytes"),
        (file("(99999999999999999999999,)"), "a dictionary with"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "64 KiB at most"),
    ] {
        let path = bench.path("features.npy");
        fs::write(&path, content).unwrap();
        let error = npy::read::<f32>(&path).unwrap_err().to_string();
        assert!(error.contains("features.npy: expected") && error.contains(part), "{error}");
        bench.run(&["transcribe", &text(&path)]).exits(1).says(&["features.npy", "expected", part]);
    }
    // A trace whose tensors are anywhere else.
    let trace = bench.path("run.jsonl");
    bench.run(&["transcribe", "--stream", "--trace", &text(&trace), "--dump-audio", &clip("short.flac")]).exits(0);
    let whole = fs::read_to_string(&trace).unwrap();
    for place in ["/etc", "../elsewhere", ".."] {
        let changed = whole.replacen("\"run.tensors\"", &format!("{place:?}"), 1);
        assert_ne!(changed, whole);
        let path = bench.path("changed.jsonl");
        fs::write(&path, changed).unwrap();
        let error = Trace::read(&path).unwrap().tensors(&path).unwrap_err().to_string();
        assert!(error.contains("changed.jsonl: expected the name of a file or folder beside it"), "{error}");
        bench.run(&["replay", &text(&path), "--no-window", "--again"]).exits(1).says(&["changed.jsonl", place]);
    }
}

#[test]
fn a_seam_that_would_take_minutes_to_find_is_not_looked_for() {
    // One graph for both whose thousands of operators lie one behind the other.
    let folder = model("fused");
    let path: PathBuf = folder.path().join("decoder_joint-model.onnx");
    let whole = fs::read(&path).unwrap();
    let at = whole.iter().position(|byte| *byte == 0x3a).unwrap();
    let chain: Vec<u8> = (0..20_000)
        .flat_map(|n| bytes(1, &node("Identity", &[&format!("chain{n}")], &format!("chain{}", n + 1), &[])))
        .collect();
    let size = whole[at + 1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let length = whole[at + 1..][..size].iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    let content = &whole[at + 1 + size..at + 1 + size + length];
    let graph = bytes(7, &[content, &chain].concat());
    fs::write(&path, [&whole[..at], &graph, &whole[at + 1 + size + length..]].concat()).unwrap();
    refused(folder.path(), &["decoder_joint-model.onnx", "more operators than any"]);
}
