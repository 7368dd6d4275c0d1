//! Rules for text from outside: by the settings file and by flags, on recordings, on traces, and in the history.

use std::fs;

use serde_json::Value;

use crate::harness::{Bench, clip, heard, text};

const SETTINGS: &str = "[text]\nwords = [\"Quixote\"]\nnumbers = true\n[[text.replacements]]\nfrom = \"seven ships\"\n\
                        to = \"a fleet\"\n[[text.replacements]]\nregex = \"b(ird)s\"\nto = \"B${1}S\"\n\
                        [[text.replacements]]\nregex = \"(\"\nto = \"\"\n";

fn configured() -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path("config")).unwrap();
    fs::write(bench.path("config/settings.toml"), SETTINGS).unwrap();
    bench
}

#[test]
fn rules_change_what_is_printed_and_a_broken_one_is_named() {
    let (bench, raw) = (configured(), heard("numbers.flac"));
    let expected = "She counted a fleet, 12 boats, and more than a hundred BirdS.";
    let ran = bench.run(&["transcribe", &clip("numbers.flac")]).exits(0);
    assert_eq!(ran.out.trim_end(), expected);
    ran.says(&["text.replacements[2].regex: expected a regular expression", "unclosed group", "this rule is left out"]);

    let found = &bench.run(&["transcribe", "--json", &clip("numbers.flac")]).exits(0).json()[0];
    assert_eq!((found["text"].as_str(), found["cared"].as_str()), (Some(raw.as_str()), Some(expected)));
    let changes = found["cared_words"].as_array().unwrap();
    let fleet = changes.iter().find(|change| change["text"] == "a fleet,").unwrap();
    assert_eq!(
        (&fleet["committed"], &fleet["rule"]),
        (&"seven ships,".into(), &"replacement of \"seven ships\"".into())
    );

    let ran = bench.run(&["transcribe", "--text", "none", "--replace", "birds=crows", &clip("numbers.flac")]).exits(0);
    assert_eq!(ran.out.trim_end(), "She counted a fleet, twelve boats, and more than a hundred crows.");
    bench.run(&["transcribe", "--replace-regex", "(=x", &clip("short.flac")]).exits(1).says(&["unclosed group"]);
    bench.run(&["transcribe", "--replace", "x", &clip("short.flac")]).exits(2).says(&["expected FROM=TO"]);
}

#[test]
fn every_rule_can_be_tried_on_a_trace() {
    let bench = Bench::new();
    let trace = text(&bench.path("run.jsonl"));
    bench.run(&["transcribe", "--stream", "--trace", &trace, &clip("numbers.flac")]).exits(0);
    let plain = bench.run(&["replay", &trace, "--no-window"]).exits(0).out;
    assert!(!plain.contains("with the rules"), "{plain}");
    let args = [
        "replay",
        &trace,
        "--no-window",
        "--text",
        "numbers",
        "--replace",
        "ships=vessels",
        "--replace-regex",
        "b(.)+s=$1",
    ];
    let ran = bench.run(&args).exits(0).out;
    for part in [
        "with the rules for text:",
        "seven vessels, 12 t,",
        "\"twelve\" -> \"12\"  (number)",
        "(replacement of \"ships\")",
    ] {
        assert!(ran.contains(part), "{part:?} is not in {ran}");
    }
}

#[test]
fn custom_words_win_by_flag_and_by_settings_and_again_on_a_trace() {
    let bench = Bench::new();
    let (plain, again) = (text(&bench.path("plain.jsonl")), text(&bench.path("again.jsonl")));
    bench.run(&["transcribe", "--trace", &plain, "--dump-audio", &clip("recipe.flac")]).exits(0);
    let ran =
        bench.run(&["replay", &plain, "--words", "stir", "--boost", "6", "--save", &again, "--no-window"]).exits(0);
    assert!(ran.out.contains("and stir until") && ran.out.contains("goes on with a custom word"), "{}", ran.out);
    let lines: Vec<Value> =
        fs::read_to_string(&again).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["settings"]["custom_words"]["words"][0], "stir");
    assert_eq!(lines.iter().filter(|line| !line["boosted"].is_null() && line["tail"] == false).count(), 1);

    fs::create_dir(bench.path("config")).unwrap();
    fs::write(bench.path("config/settings.toml"), "[text]\nwords = [\"stir\", \"Ørsted\"]\nboost = 6\n").unwrap();
    let ran = bench.run(&["transcribe", &clip("recipe.flac")]).exits(0);
    assert!(ran.out.contains("and stir until"), "{}", ran.out);
    ran.says(&["custom word \"Ørsted\": the model has no pieces to write it with"]);
    bench.run(&["transcribe", "--boost", "11", &clip("short.flac")]).exits(2).says(&["expected logits, 0 to 10"]);
}

#[test]
fn a_dictation_is_printed_and_kept_with_the_words_beside() {
    let bench = configured();
    let ran = bench.run(&["dictate", "--file", &clip("numbers.flac")]).exits(0);
    let shown = ran.out.trim_end().to_owned();
    assert!(shown.contains("a fleet") && shown.contains("12 boats"), "{shown}");
    let found = &bench.run(&["history", "--json", "show"]).exits(0).out;
    let kept: Value = serde_json::from_str(found).unwrap();
    assert_eq!(kept["text"].as_str(), Some(shown.as_str()));
    let words = kept["utterances"][0].as_array().unwrap();
    let raw: Vec<&str> = words.iter().filter_map(|word| word["text"].as_str()).collect();
    assert!(raw.contains(&"twelve") && raw.contains(&"seven"), "{raw:?}");
    assert_eq!(bench.run(&["history", "show"]).exits(0).out.trim_end(), shown);

    let events = bench.run(&["dictate", "--json", "--file", &clip("numbers.flac")]).exits(0).json();
    let of = |kind: &str, key: &str| -> Vec<String> {
        let lists = events.iter().filter(|event| event["event"] == kind).filter_map(|event| event["words"].as_array());
        lists.flatten().map(|word| word[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("text", "committed").join(" "), of("committed", "text").join(" "));
    assert!(of("text", "text").contains(&"12".to_owned()));
}
