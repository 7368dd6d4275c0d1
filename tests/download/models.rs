//! Models from a server that stalls, truncates, corrupts, changes its files and refuses; and `dictoscope models` from outside.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use dictoscope::{
    download::{DownloadError, Step},
    models::{CATALOGUE_VARIABLE, Catalogue, Fetch, FetchNotice, Library, LibraryError, ModelError, Record},
};
use tempfile::TempDir;

use crate::{
    QUICK,
    server::{Asked, Reply, Server, Then},
    sha256,
};

const FILES: [&str; 5] = ["encoder.onnx", "encoder.weights", "decoder.onnx", "joiner.onnx", "tokens.txt"];

fn fixture(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/sherpa").join(file)).unwrap()
}

/// The tiny model's files, some of them replaced, below `m/`.
fn serve(change: impl Fn(usize, &Asked, &mut Vec<u8>) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let files: BTreeMap<String, Vec<u8>> = FILES.iter().map(|file| (format!("m/{file}"), fixture(file))).collect();
    Server::new(move |number, asked| {
        let Some(body) = files.get(&asked.path) else { return Reply::new(404, b"no") };
        let mut body = body.clone();
        change(number, asked, &mut body).unwrap_or_else(|| Reply::file(asked, &body, &format!("\"{}\"", sha256(&body))))
    })
}

fn catalogue(base: &str, extra: &str) -> String {
    let files: Vec<String> = FILES.iter().map(|file| format!("{{ file = \"{file}\"{extra} }}")).collect();
    format!(
        "[[model]]\nname = \"tiny\"\nabout = \"a test's\"\nlicence = \"CC0-1.0\"\npage = \"https://example.org/tiny\"\n\
         base = \"{base}\"\nabout_bytes = 100000\nfiles = [{}]\n",
        files.join(", ")
    )
}

struct Place {
    folder: TempDir,
    library: Library,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let library = Library::new(folder.path().join("models"));
        Self { folder, library }
    }

    fn fetch(&self, text: &str, accept_changed: bool, cancel_at: Option<&str>) -> Result<Option<Record>, LibraryError> {
        let catalogue = Catalogue::parse("test", text).unwrap();
        let entry = catalogue.entry("tiny").unwrap();
        let cancel = AtomicBool::new(false);
        let fetch = Fetch { entry, mirror: None, accept_changed, limits: QUICK };
        self.library.download(&fetch, &cancel, &mut |notice| {
            if let FetchNotice::Fetching(file, progress) = notice {
                let there = progress.step == Step::Receiving && cancel_at == Some(&file.file);
                cancel.fetch_or(there, Ordering::SeqCst);
            }
        })
    }

    #[track_caller]
    fn has_nothing(&self) {
        assert!(!self.folder.path().join("models/tiny").exists());
        assert!(self.library.list().unwrap().is_empty());
    }
}

#[test]
fn a_model_comes_as_a_whole_and_what_came_before_a_stop_does_not_come_again() {
    let server = serve(|number, asked, body| {
        // The first time the weights stop half-way.
        (number == 1).then(|| Reply::file(asked, body, "\"w\"").first(20_000, Then::Stall))
    });
    let (place, text) = (Place::new(), catalogue(&server.at("m/"), ""));
    let error = place.fetch(&text, false, Some("encoder.weights")).unwrap_err();
    assert!(matches!(error, LibraryError::Download(DownloadError::Cancelled { .. })), "{error}");
    place.has_nothing();
    let record = place.fetch(&text, false, None).unwrap().unwrap();
    let asked: Vec<_> = server.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(asked.iter().filter(|path| *path == "m/encoder.onnx").count(), 1, "{asked:?}");
    assert_eq!(record.files.len(), 5);
    assert_eq!(record.files[1].sha256, sha256(&fixture("encoder.weights")));
    assert!(place.library.open(Path::new("tiny"), &mut |_| {}).is_ok());
    assert_eq!(place.fetch(&text, false, None).unwrap(), None, "it is there");
    assert_eq!(place.library.changed_file(&record, &mut |_| true).unwrap(), None);
}

#[test]
fn a_file_that_changed_since_it_was_trusted_is_refused_until_that_is_meant() {
    let changed = std::sync::Arc::new(AtomicBool::new(false));
    let server = serve({
        let changed = std::sync::Arc::clone(&changed);
        move |_, asked, body| {
            if asked.path == "m/tokens.txt" && changed.load(Ordering::SeqCst) {
                *body = String::from_utf8(body.clone()).unwrap().replacen("<pad>", "<PAD>", 1).into_bytes();
            }
            None
        }
    });
    let (place, text) = (Place::new(), catalogue(&server.at("m/"), ""));
    place.fetch(&text, false, None).unwrap();
    place.library.remove("tiny").unwrap();
    changed.store(true, Ordering::SeqCst);
    let error = place.fetch(&text, false, None).unwrap_err();
    assert!(matches!(&error, LibraryError::Changed { url, .. } if url.ends_with("tokens.txt")), "{error}");
    place.has_nothing();
    place.fetch(&text, true, None).unwrap();
    let model = place.library.open(Path::new("tiny"), &mut |_| {}).unwrap();
    assert!(model.vocabulary_text().contains("<PAD>"));
}

#[test]
fn what_a_server_does_wrong_is_told_and_nothing_is_installed() {
    let nothing = Server::new(|_, _| Reply::new(404, b"no"));
    let short = serve(|_, _, body| Some(Reply::new(200, body).first(100, Then::Close)));
    let stalls = serve(|_, asked, body| Some(Reply::file(asked, body, "\"a\"").first(50, Then::Stall)));
    let whole = serve(|_, _, _| None);
    let other = format!(", sha256 = \"{}\"", "0".repeat(64));
    for (server, extra, part) in [
        (&nothing, "", "HTTP status 404"),
        (&short, "", "found the end after 100"),
        (&stalls, "", "nothing came for"),
        (&whole, other.as_str(), "expected SHA-256 0000"),
        (&whole, ", size = 7", "expected 7 bytes"),
        (&whole, ", size = 900000000000000", "free, found"),
    ] {
        let place = Place::new();
        let error = place.fetch(&catalogue(&server.at("m/"), extra), false, None).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
        place.has_nothing();
    }
    // Offline: nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = format!("http://127.0.0.1:{port}/m/");
    let place = Place::new();
    let error = place.fetch(&catalogue(&gone, ""), false, None).unwrap_err().to_string();
    assert!(error.contains("cannot reach 127.0.0.1") && error.contains("offline"), "{error}");
    // What came is no model.
    let server = serve(|_, asked, body| {
        if asked.path == "m/joiner.onnx" {
            *body = b"<html>sign in</html>".to_vec();
        }
        None
    });
    let error = place.fetch(&catalogue(&server.at("m/"), ""), false, None).unwrap_err();
    assert!(
        matches!(&error, LibraryError::Model(ModelError::Graph { path, .. }) if path.ends_with("joiner.onnx")),
        "{error}"
    );
    place.has_nothing();
}

#[test]
fn a_server_that_refuses_ranges_sends_the_file_anew() {
    let server = serve(|number, asked, body| match (number, asked.from) {
        (0, _) => Some(Reply::file(asked, body, "\"a\"").first(5_000, Then::Stall)),
        (1, Some(_)) => Some(Reply::new(416, b"")),
        _ => None,
    });
    let (place, text) = (Place::new(), catalogue(&server.at("m/"), ""));
    place.fetch(&text, false, Some("encoder.onnx")).unwrap_err();
    place.fetch(&text, false, None).unwrap();
    assert!(place.library.open(Path::new("tiny"), &mut |_| {}).is_ok());
}

/// The program with folders and a catalogue of its own.
struct Bench(TempDir);

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs it and gives what it printed on both ways.
    #[track_caller]
    fn run(&self, args: &[&str], code: i32) -> String {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("dictoscope"))
            .args(args)
            .env("DICTOSCOPE_CONFIG_DIR", self.path("config"))
            .env("DICTOSCOPE_DATA_DIR", self.path("data"))
            .env(CATALOGUE_VARIABLE, self.path("models.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }

    #[track_caller]
    fn says(&self, args: &[&str], code: i32, parts: &[&str]) {
        let text = self.run(args, code);
        for part in parts {
            assert!(text.contains(part), "{args:?}: {part:?} is missing in {text}");
        }
    }
}

#[test]
fn the_verbs_do_what_they_say() {
    let server = serve(|_, _, _| None);
    let bench = Bench(TempDir::new().unwrap());
    // Through a mirror: the catalogue names Hugging Face, the settings this machine.
    fs::write(bench.path("models.toml"), catalogue("https://huggingface.co/m/", "")).unwrap();
    fs::create_dir(bench.path("config")).unwrap();
    let settings = bench.path("config/settings.toml");
    let mirror = server.at("");
    fs::write(&settings, format!("model_mirror = \"{}\"\nown = 1\n", mirror.trim_end_matches('/'))).unwrap();

    bench.says(&["models"], 0, &["* built-in: ", "tiny: a test's; about 100 kB to fetch, CC0-1.0"]);
    bench.says(&["models", "download", "tiny"], 0, &["tokens.txt: SHA-256", "trusted from now on", "tiny is here: "]);
    bench.says(&["models", "download", "tiny"], 0, &["tiny is there already"]);
    bench.says(&["models", "download", "huge"], 1, &["models.toml", "expected a model huge, found tiny"]);
    bench.says(&["models", "info", "tiny"], 0, &[
        "layout sherpa-onnx, weights f32",
        "128 mel bins, encoder frames of 16, prediction network 2 × 12, 30 pieces, durations [0, 1, 2, 3, 4], windows up to 5 s",
        "engine rten: can run it",
    ]);
    bench.says(
        &["models", "info", "tiny", "--measure", "--json"],
        0,
        &["\"real_time_factor\":", "\"layout\":\"sherpa-onnx\""],
    );
    bench.says(&["models", "default", "tiny"], 0, &["tiny is the model of"]);
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains("data/models/tiny") && text.contains("own = 1"), "{text}");
    bench.says(&["models", "list"], 0, &["  built-in: ", "* tiny: "]);
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clips/short.flac");
    bench.says(&["transcribe", "--json", clip.to_str().unwrap()], 0, &["\"text\""]);

    bench.says(&["models", "verify"], 0, &["tiny: whole"]);
    let weights = bench.path("data/models/tiny/encoder.weights");
    let mut bytes = fs::read(&weights).unwrap();
    bytes[9_000] ^= 1;
    fs::write(&weights, bytes).unwrap();
    bench.says(&["models", "verify", "tiny"], 1, &["tiny: encoder.weights: expected SHA-256"]);
    bench.says(&["models", "remove", "tiny"], 0, &["was removed from", "that is the built-in one now"]);
    assert!(!bench.path("data/models/tiny").exists());
    assert!(!fs::read_to_string(&settings).unwrap().contains("tiny"));
    bench.says(&["models", "remove", "tiny"], 1, &["expected a model tiny, found none"]);
}

#[test]
fn a_model_that_is_elsewhere_gets_a_name_and_stays_where_it_is() {
    let bench = Bench(TempDir::new().unwrap());
    fs::write(bench.path("models.toml"), catalogue("https://example.org/", "")).unwrap();
    let folder = bench.path("mine");
    fs::create_dir(&folder).unwrap();
    for file in FILES {
        fs::write(folder.join(file), fixture(file)).unwrap();
    }
    let path = folder.to_str().unwrap();
    bench.says(&["models", "add", path], 0, &["mine: ", "stay there", "(sherpa-onnx)"]);
    bench.says(&["models", "add", path], 0, &["mine: "]);
    bench.says(&["models", "add", path, "--name", "../x"], 1, &["expected a name"]);
    bench.says(&["models", "add", bench.path("nowhere").to_str().unwrap()], 1, &["nowhere"]);
    bench.says(&["models", "verify", "mine"], 0, &["mine: whole"]);
    bench.says(&["models", "list", "--json"], 0, &["\"name\":\"mine\""]);
    bench.says(&["models", "remove", "mine"], 0, &["no longer known; its files stay in"]);
    assert!(folder.join("encoder.onnx").is_file());
    bench.says(&["models", "info", "built-in"], 0, &["layout contract", "engine rten: can run it"]);
}
