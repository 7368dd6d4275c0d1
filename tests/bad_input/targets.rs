//! What reads files and messages of others, each as a function of bytes: for the fuzzer (`fuzz/`) and for the test that replays
//! its seeds. A target must not panic, whatever comes, and says what must hold for what was accepted.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use dictoscope::{
    audio::AudioFile,
    config::Settings,
    decode::{Vocabulary, Word, text_of, words_from_tokens},
    engine::{Contract, OnnxGraph, TokenId, to_half},
    hotkeys::Combination,
    models::{Catalogue, Model},
    output::{ExportFormat, Journal, JournalLine, export},
    packages::Table,
    remote::{Order, Reply},
    text::{Rules, TextCare, TextSettings},
    trace::{Trace, npy},
    units::{EncIdx, SAMPLE_RATE_HZ},
};

use crate::{ROOT, sound};

/// Something that reads bytes.
pub struct Target {
    /// Name of the target and of its folder of seeds.
    pub name: &'static str,
    /// Reads them.
    pub run: fn(&[u8]),
    /// Files and folders of the repository that are seeds, too.
    pub seeds: &'static [&'static str],
    /// Mutated inputs that the test tries; fewer where one takes long.
    pub tries: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "contract", run: contract, seeds: &["assets/model/contract.json"], tries: 2000 },
    Target { name: "vocabulary", run: vocabulary, seeds: &["tests/data/models/split/vocab.txt"], tries: 2000 },
    Target { name: "trace", run: trace, seeds: &[], tries: 1000 },
    Target { name: "npy", run: array, seeds: &[], tries: 2000 },
    Target { name: "audio", run: audio, seeds: &["tests/data/audio"], tries: 600 },
    Target { name: "settings", run: settings, seeds: &[], tries: 300 },
    Target { name: "catalogue", run: catalogue, seeds: &["assets/models.toml"], tries: 1000 },
    Target { name: "packages", run: packages, seeds: &[], tries: 1000 },
    Target { name: "order", run: order, seeds: &[], tries: 4000 },
    Target { name: "onnx", run: onnx, seeds: &["tests/data/models/split"], tries: 1000 },
    Target { name: "model", run: model, seeds: &["tests/data/models/fused/decoder_joint-model.onnx"], tries: 300 },
    Target { name: "journal", run: journal, seeds: &[], tries: 2000 },
    Target { name: "resample", run: sound::resample, seeds: &[], tries: 400 },
    Target { name: "text", run: text, seeds: &[], tries: 1000 },
    Target { name: "hotkey", run: hotkey, seeds: &[], tries: 4000 },
];

/// A file of a process of its own, overwritten with every input.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a folder for temporary files");
    path
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dictoscope-bad-input-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

fn contract(bytes: &[u8]) {
    let Ok(contract) = Contract::parse("contract.json", &String::from_utf8_lossy(bytes)) else { return };
    assert!(contract.joint_classes() > contract.token_classes() && contract.prediction_width() > 0);
    assert!(contract.front_end.window <= contract.front_end.fft);
    let json = serde_json::to_string(&contract).expect("a contract is JSON");
    assert_eq!(Contract::parse("again", &json).expect("what was accepted is accepted again"), contract);
}

/// The first line is a size.
fn vocabulary(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, rest) = text.split_once('\n').unwrap_or(("", &text));
    let size = first.parse().unwrap_or_else(|_| rest.lines().count());
    let Ok(vocabulary) = Vocabulary::parse("vocab.txt", rest, size) else { return };
    assert_eq!(vocabulary.pieces().len(), size + 1);
    assert_eq!(vocabulary.blank(), TokenId(size as u32));
    for token in 0..vocabulary.pieces().len().min(2000) as u32 {
        assert!(!vocabulary.is_silent(TokenId(token)) || vocabulary.text([TokenId(token)]).is_empty());
    }
    vocabulary.text((0..vocabulary.pieces().len() as u32).map(TokenId));
    vocabulary.text([TokenId(u32::MAX)]);
}

fn trace(bytes: &[u8]) {
    let path = file("trace.jsonl", bytes);
    let Ok(trace) = Trace::read(&path) else { return };
    // The tensors that a header names are read, too, if they are there: none is.
    let _ = trace.tensors(&path);
    assert!(trace.marks.iter().all(|mark| mark.hops <= trace.hops.len()));
    let words: Vec<Word> = trace.words().cloned().collect();
    text_of(&words);
}

fn array(bytes: &[u8]) {
    let path = file("array.npy", bytes);
    if let Ok(array) = npy::read::<f32>(&path) {
        assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
        assert!(array.row(array.len()).is_none_or(<[f32]>::is_empty));
        array.rows(usize::MAX, 2);
    }
    if let Ok(array) = npy::read::<i32>(&path) {
        assert_eq!(array.len() * array.width(), array.data.len());
    }
}

fn audio(bytes: &[u8]) {
    // By its name a file may be taken for MP3 whatever it begins with.
    let path = file(if bytes.len().is_multiple_of(2) { "audio" } else { "audio.mp3" }, bytes);
    let Ok(mut audio) = AudioFile::open(&path) else { return };
    // Some 300 seconds for each KB: more than any packet or hole can stand for.
    let most = (bytes.len() as u64 / 1024 + 4) * 300 * u64::from(SAMPLE_RATE_HZ);
    let mut position = 0;
    while let Ok(Some(block)) = audio.next_block() {
        assert_eq!(block.start.0, position);
        assert!(block.samples().iter().all(|sample| sample.is_finite()), "{:?}", audio.info());
        position = block.end().0;
        assert!(position < most, "{position} samples of {} bytes: {:?}", bytes.len(), audio.info());
    }
    audio.notices();
}

fn settings(bytes: &[u8]) {
    let path = file("settings.toml", bytes);
    if Settings::load(&path).settings.save(&path).is_ok() {
        // Numbers are rounded once; what the program wrote itself it finds no fault with.
        let first = Settings::load(&path);
        assert_eq!(first.notices, Vec::<String>::new());
        first.settings.save(&path).expect("as before");
        assert_eq!(Settings::load(&path).settings, first.settings);
    }
    for entry in fs::read_dir(folder()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("settings.toml") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn catalogue(bytes: &[u8]) {
    let Ok(catalogue) = Catalogue::parse("models.toml", &String::from_utf8_lossy(bytes)) else { return };
    for entry in catalogue.entries() {
        entry.size_text();
        for file in &entry.files {
            assert!(plain(&file.file) && entry.url_on(file, Some("https://mirror.example")).ends_with(&file.file));
        }
    }
}

fn packages(bytes: &[u8]) {
    let Ok(table) = Table::parse("packages.toml", &String::from_utf8_lossy(bytes)) else { return };
    for place in table.packages().iter().flat_map(|package| &package.wheels).flat_map(|wheel| wheel.files.keys()) {
        assert!(place.split('/').all(|part| part != "..") && !place.starts_with('/'), "{place}");
    }
}

fn order(bytes: &[u8]) {
    if let Ok(order) = serde_json::from_slice::<Order>(bytes) {
        let line = serde_json::to_string(&order).expect("an order is JSON");
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Order>(&line).expect("the same"), order);
    }
    let _ = serde_json::from_slice::<Reply>(bytes);
}

fn onnx(bytes: &[u8]) {
    let Ok(graph) = OnnxGraph::parse(bytes) else { return };
    let _ = graph.external_files();
    let _ = graph.check_weights(&|_| Some(1 << 20));
    let _ = graph.external_weights();
    let _ = (graph.weight_sizes(), graph.recurrent_layers(), graph.metadata());
    if let (Ok(inputs), Ok(outputs)) = (graph.inputs(), graph.outputs()) {
        for (input, output) in inputs.iter().zip(&outputs) {
            let _ = graph.depends(&[&output.name], &input.name);
        }
    }
    let encoded = graph.encode();
    let again = OnnxGraph::parse(&encoded).expect("what was read can be read again");
    assert_eq!(again.encode(), encoded);
    let _ = graph.with_files_renamed(&|name| format!("x{name}"));
    if let Ok((half, _)) = to_half(bytes) {
        assert!(OnnxGraph::parse(&half).is_ok());
    }
}

/// The bytes as prediction network and joint of a model whose other files are whole.
fn model(bytes: &[u8]) {
    let folder = folder().join("model");
    if !folder.exists() {
        fs::create_dir(&folder).expect("a folder for temporary files");
        let from = Path::new(ROOT).join("tests/data/models/fused");
        for file in ["encoder-model.onnx", "encoder-model.onnx.data", "vocab.txt", "config.json"] {
            fs::copy(from.join(file), folder.join(file)).expect("the models of tests");
        }
    }
    fs::write(folder.join("decoder_joint-model.onnx"), bytes).expect("a folder for temporary files");
    if let Ok(model) = Model::open(&folder, None, &mut |_| ()) {
        assert_eq!(model.contract().encoder.dim, 16);
    }
    for made in ["contract.json", "dictoscope-predictor.onnx", "dictoscope-joint.onnx"] {
        let _ = fs::remove_file(folder.join(made));
    }
}

fn journal(bytes: &[u8]) {
    let folder = folder().join("journal");
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    fs::write(folder.join("20261125-101500.jsonl"), bytes).expect("a folder for temporary files");
    let journal = Journal::new(folder);
    let (found, faults) = journal.search("").expect("a folder that can be read");
    assert_eq!(found.len() + faults.len(), 1);
    if let Ok(dictation) = journal.read("20261125-101500") {
        for name in ["txt", "md", "srt", "json"] {
            export(&dictation, ExportFormat::parse(name).expect("a format"));
        }
    }
    let _ = serde_json::from_slice::<JournalLine>(bytes);
}

/// Settings in TOML, a line of dashes, words.
fn text(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let (rules, spoken) = input.split_once("\n---\n").unwrap_or(("", &input));
    let Ok(settings) = toml::from_str::<TextSettings>(rules) else { return };
    let (rules, _) = Rules::new(&settings);
    let words = || {
        spoken.split_whitespace().take(300).enumerate().map(|(at, word)| {
            let (start, end) = (EncIdx(at as u64), EncIdx(at as u64 + 1));
            Word { text: word.to_owned(), glued: word.len() % 5 == 4, start, end, ..Word::default() }
        })
    };
    let words: Vec<Word> = words().collect();
    let mut care = TextCare::new(Arc::new(rules));
    let mut cared = Vec::new();
    for word in &words {
        cared.extend(care.push(std::slice::from_ref(word)));
    }
    cared.extend(care.finish());
    let raw: Vec<Word> = cared.iter().flat_map(|cared| cared.raw.clone()).collect();
    assert_eq!(raw, words, "no word is lost");
    let vocabulary = Vocabulary::parse("v", "a", 1).expect("one piece");
    assert!(words_from_tokens(&[], &vocabulary, false, EncIdx(0)).is_empty());
}

fn hotkey(bytes: &[u8]) {
    let Ok(key) = String::from_utf8_lossy(bytes).parse::<Combination>() else { return };
    assert_eq!(key.to_string().parse::<Combination>(), Ok(key));
    assert!(key.keysym() != 0 && !key.xdg().is_empty());
}

fn plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', ':']) && name != ".."
}
