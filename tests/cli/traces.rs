//! What is done with traces from outside: written with side files, cut short, compared, run again, counted.

use std::fs;

use dictoscope::trace::Trace;
use serde_json::Value;

use crate::harness::{Bench, clip, text};

#[test]
fn a_trace_is_compared_run_again_and_counted() {
    let bench = Bench::new();
    let input = clip("short.flac");
    let (a, b, c) = (text(&bench.path("a.jsonl")), text(&bench.path("b.jsonl")), text(&bench.path("c.jsonl")));
    bench.run(&["transcribe", &input, "--trace", &a, "--dump-audio", "--dump-features"]).exits(0);

    // From its sound, and from its features: the same decisions.
    for from in ["audio", "features"] {
        bench.run(&["replay", &a, "--again", from, "--save", &b, "--no-window"]).exits(0);
        let ran = bench.run(&["parity", "compare", &a, &b, "--check-index", "--strict"]).exits(0);
        assert_eq!(ran.out.lines().last(), Some("PASS"), "{}", ran.out);
    }

    // Under other features: other decisions, and the report says which stage.
    bench.run(&["replay", &a, "--feature-norm", "per_feature", "--save", &b, "--no-window"]).exits(0);
    let ran = bench.run(&["parity", "compare", &a, &b]).exits(1);
    assert_eq!(ran.out.lines().last(), Some("FAIL"), "{}", ran.out);
    assert!(ran.out.contains("B is normalised per feature, A is not"), "{}", ran.out);
    let found = bench.run(&["parity", "compare", &a, &b, "--json"]).exits(1).json();
    assert_eq!((&found[0]["verdict"], &found[0]["found"]["cause"]["stage"]), (&"FAIL".into(), &"features".into()));

    // In other windows: not comparable.
    bench.run(&["transcribe", "--stream", &input, "--trace", &c]).exits(0);
    let ran = bench.run(&["parity", "compare", &a, &c]).exits(2);
    ran.says(&["not comparable", "whole_file"]);

    let counted = bench.run(&["margins", "--json", &a, &input]).exits(0).json();
    let decisions = Trace::read(a.as_ref()).unwrap().decisions().count() as u64;
    assert_eq!(counted[0]["decisions"], Value::from(2 * decisions));
    assert!(bench.run(&["margins", &a]).exits(0).out.contains("duration margin"));
}

#[test]
fn steps_are_limited_and_one_is_kept_whole() {
    let bench = Bench::new();
    let trace = text(&bench.path("a.jsonl"));
    let args = ["transcribe", &clip("short.flac"), "--trace", &trace, "--debug-steps", "7", "--dump-step", "3"];
    bench.run(&args).exits(0);
    let read = Trace::read(trace.as_ref()).unwrap();
    assert_eq!((read.decisions().count(), read.truncated), (7, false));
    let bytes = fs::read(bench.path("a.tensors/step-3.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut sizes: Vec<(&str, usize)> = tensors.iter().map(|(name, tensor)| (name, tensor.shape()[0])).collect();
    sizes.sort_unstable();
    let expected =
        [("c", 320), ("duration_logits", 5), ("frame", 384), ("h", 320), ("prediction", 320), ("token_logits", 513)];
    assert_eq!(sizes, expected);
    // What the step holds is what the record says.
    let logits = tensors.tensor("duration_logits").unwrap();
    let values: Vec<f32> = logits.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(values, read.decisions().nth(3).unwrap().decision.duration_logits);
}

#[test]
fn what_a_trace_did_not_keep_is_said() {
    let bench = Bench::new();
    let trace = text(&bench.path("a.jsonl"));
    bench.run(&["transcribe", &clip("short.flac"), "--trace", &trace]).exits(0);
    bench.run(&["replay", &trace, "--again", "--no-window"]).exits(1).says(&["a.jsonl", "--dump-audio"]);
    bench.run(&["replay", &trace, "--again", "features", "--no-window"]).exits(1).says(&["--dump-features"]);
    bench.run(&["replay", &text(&bench.path("none.jsonl")), "--no-window"]).exits(1).says(&["none.jsonl"]);
    bench.run(&["transcribe", &clip("short.flac"), "--dump-audio"]).exits(2).says(&["--trace"]);
    let ran = bench.run(&["replay", &trace]).exits(1);
    ran.says(&["no display", "--no-window"]);
}
