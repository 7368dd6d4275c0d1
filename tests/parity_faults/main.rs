//! Faults planted below the header of a run: comparison finds each, says what differs first, and names what it points to.
//!
//! The table in engines/README.md is what these tests found; with `UPDATE_TABLES` set they write it.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;
mod plant;
mod rounding;

use std::{
    fs,
    path::{Path, PathBuf},
};

use dictoscope::{
    decode::TokenId,
    engine::Engine,
    features::FeatureFrames,
    parity::{Class, CompareOptions, Comparison, Counts, Run, Stage, compare},
    session::{EndpointSettings, FeatureNorm, SessionSettings, WindowSettings},
    trace::{Header, Trace},
};
use plant::{Faulty, Kept};

const CLIP: &str = "numbers.flac";
/// Mel frames of the right context, which one fault drops.
const RIGHT_MELS: usize = 96;

fn settings() -> SessionSettings {
    SessionSettings {
        window: WindowSettings { left_secs: 2.0, hop_secs: 0.5, right_secs: 0.96 },
        endpoint: EndpointSettings { enabled: false, ..EndpointSettings::default() },
        ..SessionSettings::default()
    }
}

pub(crate) fn compared(a: &Path, b: &Path) -> Comparison {
    let read = |path: &Path| {
        let trace = Trace::read(path).unwrap();
        let tensors = trace.tensors(path).unwrap();
        (trace, tensors)
    };
    let ((ta, xa), (tb, xb)) = (read(a), read(b));
    let options = CompareOptions { check_index: true, ..CompareOptions::default() };
    compare(&Run { trace: &ta, tensors: &xa }, &Run { trace: &tb, tensors: &xb }, &options).unwrap()
}

/// A fault and what must be said of it.
struct Fault {
    name: &'static str,
    found: Comparison,
    stage: Option<Stage>,
    classes: &'static [Option<Class>],
    hint: &'static str,
}

const PARTS: &[Option<Class>] = &[Some(Class::Semantic), Some(Class::Shifted)];
/// Decisions may stay the same: log-softmax changes no argmax.
const ANY: &[Option<Class>] = &[None, Some(Class::Semantic), Some(Class::Shifted)];

/// A healthy run and the place for the runs that are held against it.
struct Stand {
    healthy: PathBuf,
    faulty: PathBuf,
    kept: Kept,
    header: Header,
}

impl Stand {
    fn new(folder: &Path, name: &str, settings: SessionSettings, dumps: bool) -> Self {
        let (healthy, faulty) = (folder.join(format!("{name}.jsonl")), folder.join(format!("{name}-faulty.jsonl")));
        let (kept, header) = plant::healthy(&healthy, CLIP, settings, dumps);
        Self { healthy, faulty, kept, header }
    }

    fn with_engine(&self, change: fn(&mut Faulty)) -> Comparison {
        plant::with_engine(&self.faulty, CLIP, &self.header, |inner| -> Box<dyn Engine> {
            let mut faulty = Faulty::new(inner);
            change(&mut faulty);
            Box::new(faulty)
        });
        self.compared()
    }

    /// `change` gets the features and the samples of a hop.
    fn with_features(&self, change: &dyn Fn(&FeatureFrames, &[f32]) -> FeatureFrames) -> Comparison {
        plant::with_features(&self.faulty, &self.kept, &self.header, |hop, features| {
            change(features, &self.kept.samples[hop])
        });
        self.compared()
    }

    fn with_own_loop(&self, lose_overshoot: bool) -> Comparison {
        plant::with_own_loop(&self.faulty, &self.kept, &self.header, lose_overshoot);
        self.compared()
    }

    fn compared(&self) -> Comparison {
        compared(&self.healthy, &self.faulty)
    }
}

/// Faults of the front-end and of the window.
fn input_faults(stand: &Stand, normed: &Stand) -> Vec<Fault> {
    let chunked = |features: &FeatureFrames, samples: &[f32]| plant::chunk_wise(&normed.header, features, samples, 48);
    vec![
        Fault {
            name: "features transposed",
            found: stand.with_features(&|features, _| plant::transposed(features)),
            stage: Some(Stage::Features),
            classes: PARTS,
            hint: "stored channel-major and read as time-major",
        },
        Fault {
            name: "no pre-emphasis",
            found: stand
                .with_features(&|features, samples| plant::without_preemphasis(&stand.header, features, samples)),
            stage: Some(Stage::Features),
            classes: PARTS,
            hint: "the curve of pre-emphasis",
        },
        // The embedded model takes features as they are; this fault needs a run with statistics.
        Fault {
            name: "statistics of chunks instead of the window (`per_feature`)",
            found: normed.with_features(&chunked),
            stage: Some(Stage::Features),
            classes: ANY,
            hint: "normalised chunk by chunk",
        },
        Fault {
            name: "right context dropped",
            found: stand.with_engine(|faulty| faulty.drop_frames = RIGHT_MELS),
            stage: Some(Stage::Encoder),
            classes: PARTS,
            hint: "the right context was not encoded",
        },
    ]
}

/// Faults of predictor, joint and loop.
fn decoder_faults(stand: &Stand) -> Vec<Fault> {
    vec![
        Fault {
            name: "overshoot lost at a chunk's end",
            found: stand.with_own_loop(true),
            stage: Some(Stage::Rule),
            classes: PARTS,
            hint: "was lost at the commit line",
        },
        Fault {
            name: "predictor primed with a token",
            found: stand.with_engine(|faulty| faulty.start_token = Some(TokenId(4))),
            stage: Some(Stage::Predictor),
            classes: ANY,
            hint: "primed its prediction network otherwise",
        },
        Fault {
            name: "duration head read as part of the token head",
            found: stand.with_engine(|faulty| faulty.joint = Some(plant::joined_heads)),
            stage: Some(Stage::Rule),
            classes: ANY,
            hint: "the duration head is read as part of it",
        },
        Fault {
            name: "joint log-softmaxed, each head",
            found: stand.with_engine(|faulty| faulty.joint = Some(plant::softmax_each)),
            stage: Some(Stage::Joint),
            classes: ANY,
            hint: "both heads are log-softmaxed, each on its own",
        },
        Fault {
            name: "joint log-softmaxed, both heads together",
            found: stand.with_engine(|faulty| faulty.joint = Some(plant::softmax_both)),
            stage: Some(Stage::Joint),
            classes: ANY,
            hint: "over both heads together",
        },
    ]
}

#[test]
fn a_second_loop_without_a_fault_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let found = Stand::new(folder.path(), "run", settings(), true).with_own_loop(false);
    assert!(found.same && found.cause.is_none() && found.hints.is_empty(), "{found}");
    assert_eq!(found.counts, Counts::default());
}

#[test]
fn every_planted_fault_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), "run", settings(), true);
    let normed = SessionSettings { feature_norm: FeatureNorm::PerFeature, ..settings() };
    let normed = Stand::new(folder.path(), "normed", normed, true);
    let mut faults = input_faults(&stand, &normed);
    faults.extend(decoder_faults(&stand));
    faults.push(Fault {
        name: "encoder rounded to f16",
        found: rounding::flipped_by_rounding(folder.path()),
        stage: None,
        classes: &[Some(Class::Numerical), Some(Class::Tie)],
        hint: "",
    });
    let mut rows = String::new();
    for fault in &faults {
        let (name, found) = (fault.name, &fault.found);
        assert_eq!(found.cause.as_ref().map(|cause| cause.stage), fault.stage, "{name}:\n{found}");
        assert!(fault.classes.contains(&found.class), "{name}: {:?}\n{found}", found.class);
        let named = fault.hint.is_empty() || found.hints.iter().any(|hint| hint.contains(fault.hint));
        assert!(named, "{name}:\n{found}");
        rows += &row(fault);
    }
    check_table(&rows);
}

#[test]
fn faults_are_found_from_fingerprints_alone() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path(), "run", settings(), false);
    let found = stand.with_features(&|features, _| plant::transposed(features));
    assert_eq!(found.cause.as_ref().map(|cause| cause.stage), Some(Stage::Features), "{found}");
    assert!(found.hints.iter().any(|hint| hint.contains("the same values in another order")), "{found}");

    let found = stand.with_engine(|faulty| {
        faulty.encoded = Some(Box::new(|_, out| out.data.iter_mut().for_each(|x| *x *= 1.05)));
    });
    assert_eq!(found.cause.as_ref().map(|cause| cause.stage), Some(Stage::Encoder), "{found}");
}

fn row(fault: &Fault) -> String {
    let found = &fault.found;
    let decisions = found.class.map_or("same decisions", Class::name);
    let stage = found.cause.as_ref().map_or("none", |cause| cause.stage.name());
    let hints = if found.hints.is_empty() { "–".to_owned() } else { found.hints.join("; ") };
    format!("| {} | {decisions} | {stage} | {hints} |\n", fault.name)
}

/// Holds the table in the documents against what was found; figures may differ between processors.
fn check_table(rows: &str) {
    let path = common::root().join("engines/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let head = "| planted fault | class | differs earliest | points to |\n| --- | --- | --- | --- |\n";
    let start = text.find(head).expect("the table of faults in engines/README.md") + head.len();
    let end = start + text[start..].find("\n\n").map_or(text.len() - start, |end| end + 1);
    if std::env::var_os("UPDATE_TABLES").is_some() {
        fs::write(&path, format!("{}{rows}{}", &text[..start], &text[end..])).unwrap();
        return;
    }
    let words = |text: &str| -> String { text.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect() };
    assert_eq!(words(&text[start..end]), words(rows), "run with UPDATE_TABLES=1 and look at the change");
}
