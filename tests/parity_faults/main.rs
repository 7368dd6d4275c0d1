//! Faults planted below the header of a run: comparison finds each, says what differs first, and names what it points to.
//!
//! The table in engines/README.md is what these tests found; with `UPDATE_TABLES` set they write it.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;
mod plant;
mod rounding;

use std::{fs, path::Path};

use dictoscope::{
    engine::Engine,
    parity::{Class, CompareOptions, Comparison, Run, Stage, compare},
    session::{EndpointSettings, FeatureNorm, SessionSettings, WindowSettings},
    trace::Trace,
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

#[test]
fn every_planted_fault_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (a, b) = (path("a.jsonl"), path("b.jsonl"));
    let (kept, header) = plant::healthy(&a, CLIP, settings(), true);

    plant::with_own_loop(&b, &kept, &header, false);
    let control = compared(&a, &b);
    assert!(control.same && control.cause.is_none() && control.hints.is_empty(), "{control}");
    assert_eq!(control.counts, dictoscope::parity::Counts::default());

    let engine = |change: fn(&mut Faulty)| {
        plant::with_engine(&b, CLIP, &header, |inner| -> Box<dyn Engine> {
            let mut faulty = Faulty::new(inner);
            change(&mut faulty);
            Box::new(faulty)
        });
        compared(&a, &b)
    };
    let features = |kept: &Kept, change: &dyn Fn(usize) -> dictoscope::features::FeatureFrames| {
        plant::with_features(&b, kept, &header, |hop, _| change(hop));
        compared(&a, &b)
    };
    let mut faults = vec![
        Fault {
            name: "features transposed",
            found: features(&kept, &|hop| plant::transposed(&kept.features[hop])),
            stage: Some(Stage::Features),
            classes: PARTS,
            hint: "stored channel-major and read as time-major",
        },
        Fault {
            name: "right context dropped",
            found: engine(|faulty| faulty.drop_frames = RIGHT_MELS),
            stage: Some(Stage::Encoder),
            classes: PARTS,
            hint: "the right context was not encoded",
        },
        Fault {
            name: "no pre-emphasis",
            found: features(&kept, &|hop| plant::without_preemphasis(&header, &kept.features[hop], &kept.samples[hop])),
            stage: Some(Stage::Features),
            classes: PARTS,
            hint: "the curve of pre-emphasis",
        },
        Fault {
            name: "overshoot lost at a chunk's end",
            found: {
                plant::with_own_loop(&b, &kept, &header, true);
                compared(&a, &b)
            },
            stage: Some(Stage::Rule),
            classes: PARTS,
            hint: "was lost at the commit line",
        },
        Fault {
            name: "predictor primed with a token",
            found: engine(|faulty| faulty.start_token = Some(dictoscope::decode::TokenId(4))),
            stage: Some(Stage::Predictor),
            classes: ANY,
            hint: "primed its prediction network otherwise",
        },
        Fault {
            name: "duration head read as part of the token head",
            found: engine(|faulty| faulty.joint = Some(plant::joined_heads)),
            stage: Some(Stage::Rule),
            classes: ANY,
            hint: "the duration head is read as part of it",
        },
        Fault {
            name: "joint log-softmaxed, each head",
            found: engine(|faulty| faulty.joint = Some(plant::softmax_each)),
            stage: Some(Stage::Joint),
            classes: ANY,
            hint: "both heads are log-softmaxed, each on its own",
        },
        Fault {
            name: "joint log-softmaxed, both heads together",
            found: engine(|faulty| faulty.joint = Some(plant::softmax_both)),
            stage: Some(Stage::Joint),
            classes: ANY,
            hint: "over both heads together",
        },
    ];

    // The embedded model takes features as they are; this fault needs a run with statistics.
    let c = path("c.jsonl");
    let normed = SessionSettings { feature_norm: FeatureNorm::PerFeature, ..settings() };
    let (kept, header) = plant::healthy(&c, CLIP, normed, true);
    plant::with_features(&b, &kept, &header, |hop, features| {
        plant::chunk_wise(&header, features, &kept.samples[hop], 48)
    });
    faults.push(Fault {
        name: "statistics of chunks instead of the window (`per_feature`)",
        found: compared(&c, &b),
        stage: Some(Stage::Features),
        classes: ANY,
        hint: "normalised chunk by chunk",
    });
    faults.push(Fault {
        name: "encoder rounded to f16",
        found: rounding::flipped_by_rounding(folder.path()),
        stage: None,
        classes: &[Some(Class::Numerical), Some(Class::Tie)],
        hint: "",
    });

    let mut rows = String::new();
    for fault in &faults {
        let found = &fault.found;
        println!("== {}\n{found}", fault.name);
        assert_eq!(found.cause.as_ref().map(|cause| cause.stage), fault.stage, "{}:\n{found}", fault.name);
        assert!(fault.classes.contains(&found.class), "{}: {:?}\n{found}", fault.name, found.class);
        assert!(
            found.hints.iter().any(|hint| hint.contains(fault.hint)) || fault.hint.is_empty(),
            "{}:\n{found}",
            fault.name
        );
        rows += &row(fault);
    }
    check_table(&rows);
}

#[test]
fn faults_are_found_from_fingerprints_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    let (kept, header) = plant::healthy(&a, CLIP, settings(), false);
    plant::with_features(&b, &kept, &header, |_, features| plant::transposed(features));
    let found = compared(&a, &b);
    assert_eq!(found.cause.as_ref().map(|cause| cause.stage), Some(Stage::Features), "{found}");
    assert!(found.hints.iter().any(|hint| hint.contains("the same values in another order")), "{found}");

    plant::with_engine(&b, CLIP, &header, |inner| {
        let scale = |_: &_, out: &mut dictoscope::engine::EncoderOutput| out.data.iter_mut().for_each(|x| *x *= 1.05);
        Box::new(Faulty { encoded: Some(Box::new(scale)), ..Faulty::new(inner) })
    });
    let found = compared(&a, &b);
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
