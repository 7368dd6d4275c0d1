//! Whole-file decoding of the clips against PyTorch's greedy decoding of the same weights (`assets/model/reference`).
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use common::{Heard, clip, root, run, whole_file};
use dictoscope::{decode::Decision, session::SessionSettings, units::SampleIdx};
use serde_json::Value;

/// Of top-2 logits, duration logits and log-sum-exp. PyTorch decoded the weights as the graphs hold them (f16 behind Casts), so
/// only the order of sums differs: up to 3.2e-4 was seen (`river`), where logits reach 20.
const LOGIT_TOLERANCE: f64 = 1e-3;

/// Of a margin, the difference of two logits.
const MARGIN_TOLERANCE: f64 = 2.0 * LOGIT_TOLERANCE;

fn close(found: f32, expected: &Value, what: &str) {
    within(LOGIT_TOLERANCE, found, expected, what);
}

fn within(tolerance: f64, found: f32, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((f64::from(found) - expected).abs() <= tolerance, "{what}: expected {expected}, found {found}");
}

fn compare(decision: &Decision, expected: &Value, what: &str) {
    let ids = |value: &Value| value.as_u64().unwrap();
    assert_eq!(u64::from(decision.token.0), ids(&expected["token"]), "{what}: token");
    assert_eq!(decision.frame.0, ids(&expected["frame"]), "{what}: frame");
    assert_eq!(u64::from(decision.duration), ids(&expected["duration"]), "{what}: duration");
    assert_eq!(u64::from(decision.advance), ids(&expected["advance"]), "{what}: advance");
    assert_eq!(decision.forced, expected["forced"].as_bool().unwrap(), "{what}: forced");
    assert_eq!(decision.step, ids(&expected["step"]), "{what}: step");
    for (rank, candidate) in decision.token_top.iter().enumerate() {
        assert_eq!(u64::from(candidate.token.0), ids(&expected["token_top2"][rank]), "{what}: rank {rank}");
        close(candidate.logit, &expected["token_logits"][rank], &format!("{what}: logit of rank {rank}"));
    }
    assert_eq!(decision.duration_logits.len(), expected["duration_logits"].as_array().unwrap().len());
    for (index, logit) in decision.duration_logits.iter().enumerate() {
        close(*logit, &expected["duration_logits"][index], &format!("{what}: duration logit {index}"));
    }
    close(decision.token_lse, &expected["token_lse"], &format!("{what}: token log-sum-exp"));
    close(decision.duration_lse, &expected["duration_lse"], &format!("{what}: duration log-sum-exp"));
    within(MARGIN_TOLERANCE, decision.token_margin, &expected["token_margin"], &format!("{what}: token margin"));
    within(
        MARGIN_TOLERANCE,
        decision.duration_margin,
        &expected["duration_margin"],
        &format!("{what}: duration margin"),
    );
    close(decision.blank_logit, &expected["blank_logit"], &format!("{what}: blank logit"));
}

#[test]
fn every_decision_on_every_clip_is_that_of_the_reference() {
    let folder = root().join("assets/model/reference");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 12, "one reference for each clip below 30 s");
    let mut session = whole_file(SessionSettings::default());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let header = lines.next().unwrap();
        let name = header["clip"].as_str().unwrap();
        let start = session.next_start(SampleIdx(0));
        let blocks = common::blocks(&clip(name)).into_iter().map(|mut block| {
            block.start.0 += start.0;
            block
        });
        let mut heard: Heard = run(&mut session, blocks);
        for decision in &mut heard.decisions {
            decision.frame.0 -= start.enc().0;
        }
        assert_eq!(heard.windows.len(), 1, "{name}: one window for the whole file");
        let mels = session.contract().front_end.mel_bins;
        assert_eq!(heard.features[0].len() / mels, header["mel_frames"].as_u64().unwrap() as usize, "{name}");
        for (mel, value) in header["mel_frame_10"].as_array().unwrap().iter().enumerate() {
            close(heard.features[0][10 * mels + mel], value, &format!("{name}: mel {mel} of frame 10"));
        }
        let expected: Vec<Value> = lines.collect();
        assert_eq!(heard.decisions.len(), expected.len(), "{name}: number of decisions");
        for (decision, expected) in heard.decisions.iter().zip(&expected) {
            compare(decision, expected, &format!("{name} step {}", decision.step));
        }
        assert_eq!(heard.text(), header["text"].as_str().unwrap(), "{name}");
    }
}
