//! Custom words: none change nothing; a bonus wins a word on a recording, is told in the decision, the trace and the comparison,
//! and never writes where the model would not.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use common::{Heard, blocks, clip, root, run, scripted, whole_file};
use dictoscope::{
    decode::Vocabulary,
    engine::ScriptedEngine,
    parity::{CompareOptions, Comparison, Run, compare},
    session::{CustomWords, SessionSettings, Setting},
    trace::{Line, Tensors, Trace, TraceOptions, TraceProbe},
};

fn settings(words: &[&str], boost: f32) -> SessionSettings {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    SessionSettings { custom_words: CustomWords { words, boost }, ..SessionSettings::default() }
}

fn heard(name: &str, settings: SessionSettings) -> Heard {
    run(&mut whole_file(settings), blocks(&clip(name)))
}

fn traced(path: &Path, settings: SessionSettings) -> PathBuf {
    let mut session = whole_file(settings);
    let mut trace = TraceProbe::create(path, &mut session, &TraceOptions::new("recipe.flac", true)).unwrap();
    for block in blocks(&clip("recipe.flac")) {
        session.push(&block, &mut trace).unwrap();
    }
    session.finish(&mut trace).unwrap();
    trace.finish().unwrap();
    path.to_owned()
}

fn compared(a: &Path, b: &Path, options: &CompareOptions) -> Comparison {
    let (a, b) = (Trace::read(a).unwrap(), Trace::read(b).unwrap());
    let none = Tensors::default();
    compare(&Run { trace: &a, tensors: &none }, &Run { trace: &b, tensors: &none }, options).unwrap()
}

#[test]
fn without_words_every_decision_is_the_same_to_the_last_bit() {
    let json = |heard: &Heard| serde_json::to_string(&heard.decisions).unwrap();
    let plain = heard("recipe.flac", SessionSettings::default());
    for off in [settings(&[], 9.0), settings(&["stir"], 0.0), settings(&[" "], 9.0)] {
        assert_eq!(json(&heard("recipe.flac", off)), json(&plain));
    }
    assert!(!json(&plain).contains("boosted"));
}

#[test]
fn a_word_that_the_model_hears_as_another_is_won_and_the_rest_of_the_text_stays() {
    let plain = heard("recipe.flac", SessionSettings::default());
    assert!(plain.text().contains("and stared until"), "{}", plain.text());
    let won = heard("recipe.flac", settings(&["stir"], 6.0));
    assert_eq!(won.text(), plain.text().replace("stared", "stir"));

    let boosted: Vec<_> = won.decisions.iter().filter(|decision| decision.boosted.is_some()).collect();
    assert_eq!(boosted.len(), 1);
    let (decision, boost) = (boosted[0], boosted[0].boosted.unwrap());
    assert_eq!(decision.token_top[0].token, boost.token, "the raw logits stay raw");
    assert!(boost.cost > 0.0 && boost.cost < boost.bonus && boost.bonus <= 6.0, "{boost:?}");
    let raw = decision.token_probability.ln() + decision.token_lse;
    assert!((decision.token_top[0].logit - raw - boost.cost).abs() < 1e-3);
    assert!((decision.token_margin - (boost.bonus - boost.cost)).abs() < 1e-4, "{decision:?}");
    assert!(won.words.iter().any(|word| word.text == "stir" && word.tokens.len() == 2));
}

#[test]
fn words_that_are_not_spoken_change_nothing() {
    let names = ["Dictoscope", "Kubernetes", "Parakeet", "Ørsted", "quixotic", "San Francisco"];
    for clip in ["letter.flac", "code.flac", "numbers.flac", "river.flac"] {
        let custom = settings(&names, CustomWords::BOOST);
        assert_eq!(heard(clip, custom).path(), heard(clip, SessionSettings::default()).path(), "{clip}");
    }
    assert_eq!(whole_file(settings(&names, 3.0)).unwritable_words(), ["Ørsted"]);
}

#[test]
fn a_change_acts_from_its_hop_on_and_is_marked() {
    let mut session = whole_file(SessionSettings::default());
    let words = CustomWords { words: vec!["stir".to_owned()], boost: 6.0 };
    session.set(Setting::CustomWords(words.clone())).unwrap();
    let found = run(&mut session, blocks(&clip("recipe.flac")));
    assert_eq!(found.settings[0].1, Setting::CustomWords(words));
    assert!(found.decisions.iter().any(|decision| decision.boosted.is_some()), "{}", found.text());
    let beyond = CustomWords { words: Vec::new(), boost: 99.0 };
    assert!(session.set(Setting::CustomWords(beyond)).is_err());
}

/// Token 7 of the embedded vocabulary against "▁st", and the end of "stir" against blank.
#[test]
fn a_bonus_neither_writes_where_the_model_is_silent_nor_eats_punctuation() {
    let vocabulary = scripted::vocabulary();
    let id = |piece: &str| vocabulary.pieces().iter().position(|found| found == piece).unwrap() as u32;
    let (st, ir, dot, blank) = (id("▁st"), id("ir"), id("."), vocabulary.blank().0);
    let run = |vocabulary: &Vocabulary, winner: u32| {
        let classes = vocabulary.pieces().len();
        let engine = ScriptedEngine::new(vocabulary.blank(), move |frame, emitted| {
            let token = if emitted == 0 && frame >= 4 {
                st
            } else if emitted == 1 {
                winner
            } else {
                blank
            };
            let mut logits = ScriptedEngine::one_hot(classes, token, 5, 1);
            if emitted == 1 {
                logits.tokens[ir as usize] = 4.5;
            }
            logits
        });
        let custom = settings(&["stir"], 9.0).custom_words;
        let mut session =
            scripted::session(engine, SessionSettings { custom_words: custom, ..scripted::settings(0.48) });
        common::run(&mut session, scripted::audio(2.0)).text()
    };
    assert_eq!(run(&vocabulary, id("ay")), "stir");
    assert_eq!(run(&vocabulary, blank), "st");
    assert_eq!(run(&vocabulary, dot), "st.");
}

#[test]
fn the_trace_tells_of_a_bonus_and_a_comparison_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let plain = traced(&path("plain.jsonl"), SessionSettings::default());
    let a = traced(&path("a.jsonl"), settings(&["stir"], 6.0));
    let b = traced(&path("b.jsonl"), settings(&["stir"], 6.0));

    let schema = fs::read_to_string(root().join("engines/trace.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for line in fs::read_to_string(&a).unwrap().lines() {
        assert!(validator.is_valid(&serde_json::from_str(line).unwrap()), "{line}");
    }
    let trace = Trace::read(&a).unwrap();
    assert_eq!(trace.header.settings, settings(&["stir"], 6.0));
    assert_eq!(trace.decisions().filter(|line| line.decision.boosted.is_some()).count(), 1);
    let setting = Line::Setting {
        frame: dictoscope::units::EncIdx(0),
        setting: Setting::CustomWords(trace.header.settings.custom_words.clone()),
    };
    assert!(validator.is_valid(&serde_json::to_value(setting).unwrap()));

    let options = CompareOptions { check_index: true, strict: true, ..CompareOptions::default() };
    let same = compared(&a, &b, &options);
    assert!(same.same && same.index_faults.iter().all(Vec::is_empty), "{same}");
    let other = compared(&plain, &a, &options);
    assert!(!other.same);
    assert!(other.cause.as_ref().unwrap().what.contains("goes on with a custom word"), "{other}");
    let declared: BTreeSet<&str> = other.declared.iter().map(|d| d.field.as_str()).collect();
    assert!(declared.iter().all(|field| field.starts_with("settings.custom_words")) && !declared.is_empty());

    let mut spoiled = Trace::read(&a).unwrap();
    let lines = spoiled.hops.iter_mut().flat_map(|hop| &mut hop.decisions);
    for boosted in lines.filter_map(|line| line.decision.boosted.as_mut()) {
        boosted.bonus = boosted.cost / 2.0;
    }
    let none = Tensors::default();
    let (whole, spoiled) = (Run { trace: &trace, tensors: &none }, Run { trace: &spoiled, tensors: &none });
    assert_eq!(compare(&whole, &spoiled, &options).unwrap().index_faults[1].len(), 1);
}
