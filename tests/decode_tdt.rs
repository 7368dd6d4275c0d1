//! The TDT loop against scripted joints (made by running NeMo's label looping) and against itself in pieces.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::Arc;

use dictoscope::{
    decode::{Decision, Punctuation, TdtDecoder, TdtRules, Vocabulary, WordToken, text_of, words_from_tokens},
    engine::{EncoderOutput, JointLogits, ScriptedEngine, TokenId},
    units::EncIdx,
};
use proptest::prelude::*;
use serde_json::Value;

const BLANK: u32 = 4;
const CLASSES: usize = 5;
const DURATIONS: usize = 5;

fn rules(maskable: Vec<bool>) -> Arc<TdtRules> {
    Arc::new(TdtRules {
        blank: TokenId(BLANK),
        durations: (0..DURATIONS as u32).collect(),
        max_symbols: 10,
        maskable: maskable.into(),
    })
}

/// Frames `from..to`, each holding its own absolute index.
fn frames(from: u64, to: u64) -> EncoderOutput {
    EncoderOutput { start: EncIdx(from), dim: 1, data: (from..to).map(|frame| frame as f32).collect() }
}

/// Decodes frames `0..sum(chunks)`, chunk by chunk.
fn decode(engine: &mut ScriptedEngine, chunks: &[u64]) -> (Vec<Decision>, Vec<u64>) {
    let mut decoder = TdtDecoder::new(rules(Vec::new()), EncIdx(0));
    let (mut decisions, mut jumps, mut start) = (Vec::new(), Vec::new(), 0);
    for chunk in chunks {
        let encoded = frames(start, start + chunk);
        while let Some(decision) = decoder.step(&encoded, encoded.end(), engine).unwrap() {
            decisions.push(decision);
        }
        start += chunk;
        jumps.push(decoder.cursor().0.saturating_sub(start));
    }
    (decisions, jumps)
}

fn script(case: &str) -> impl FnMut(u64, u64) -> JointLogits + Send + 'static {
    let case = case.to_owned();
    move |t, u| {
        #[expect(clippy::match_same_arms, reason = "one arm for each line of a case's script")]
        let (token, duration) = match (case.as_str(), u) {
            ("A", 0) => (0, 2),
            ("A", 1) => (1, 0),
            ("A", 2) => (2, 3),
            ("A", 3) if t < 7 => (BLANK, 1),
            ("A", _) => (3, 4),
            ("B", _) if t < 3 => (BLANK, 0),
            ("B", 0) => (1, 1),
            ("C", _) => (1, 0),
            ("D", 0..=8) => (1, 0),
            ("D", 9) => (1, 2),
            ("D", _) => (BLANK, 1),
            ("E" | "F", 0..=2) => (u as u32, 4),
            _ => (BLANK, 4),
        };
        ScriptedEngine::one_hot(CLASSES, token, DURATIONS, duration)
    }
}

fn list(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect()
}

#[test]
fn scripted_cases_give_tokens_frames_durations_and_visits_of_label_looping() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tdt_scripted.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = golden.as_object().unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in cases {
        let chunks =
            case["chunks"].as_array().map_or_else(|| vec![case["T"].as_u64().unwrap()], |_| list(&case["chunks"]));
        let mut engine = ScriptedEngine::new(TokenId(BLANK), script(name));
        let (decisions, jumps) = decode(&mut engine, &chunks);
        let expected = &case["label_looping"];
        let emitted: Vec<&Decision> = decisions.iter().filter(|d| !d.is_blank).collect();
        let column = |value: fn(&Decision) -> u64| emitted.iter().map(|d| value(d)).collect::<Vec<_>>();
        assert_eq!(column(|d| u64::from(d.token.0)), list(&expected["tokens"]), "{name}: tokens");
        assert_eq!(column(|d| d.frame.0), list(&expected["frames"]), "{name}: frames");
        assert_eq!(column(|d| u64::from(d.duration)), list(&expected["durations"]), "{name}: durations");
        assert_eq!(jumps, list(&expected["time_jumps"]), "{name}: overshoot carried over");
        let visits: Vec<Vec<u64>> = expected["joint_calls"].as_array().unwrap().iter().map(list).collect();
        let visited: Vec<(u64, u64)> = visits.iter().map(|visit| (visit[0], visit[1])).collect();
        assert_eq!(engine.joint_calls, visited, "{name}: joint calls as (frame, tokens so far)");
    }
}

#[test]
fn the_start_of_sequence_is_a_call_and_blanks_are_not_fed() {
    let mut engine = ScriptedEngine::new(TokenId(BLANK), script("A"));
    decode(&mut engine, &[12]);
    assert_eq!(engine.predictor_calls, [BLANK, 0, 1, 2, 3, 3].map(TokenId));
}

#[test]
fn blank_with_duration_zero_advances_one_frame_and_says_so() {
    let mut engine = ScriptedEngine::new(TokenId(BLANK), script("B"));
    let (decisions, _) = decode(&mut engine, &[8]);
    let first = &decisions[0];
    assert_eq!((first.duration, first.advance, first.forced), (0, 1, true));
    assert!(!decisions[3].forced);
}

#[test]
fn the_symbol_limit_forces_the_cursor_on() {
    let mut engine = ScriptedEngine::new(TokenId(BLANK), script("C"));
    let (decisions, _) = decode(&mut engine, &[3]);
    let forced: Vec<u64> = decisions.iter().filter(|d| d.forced).map(|d| d.step).collect();
    assert_eq!(forced, [9, 19, 29]);
}

#[test]
fn equal_logits_go_to_the_lowest_index_in_both_heads() {
    let ties = |_, _| JointLogits { tokens: vec![1.0, 3.0, 3.0, 0.0, 3.0], durations: vec![0.0, 2.0, 2.0, 0.0, 2.0] };
    let (decisions, _) = decode(&mut ScriptedEngine::new(TokenId(BLANK), ties), &[1]);
    let only = &decisions[0];
    assert_eq!((only.token, only.duration), (TokenId(1), 1));
    assert_eq!((only.token_margin, only.duration_margin), (0.0, 0.0));
}

#[test]
fn a_record_holds_probabilities_and_log_sums_of_each_head_alone() {
    let logits =
        |_, _| JointLogits { tokens: vec![0.0, 1.0, -2.0, 0.5, 3.0], durations: vec![0.0, 2.0, 1.0, -1.0, 0.5] };
    let (decisions, _) = decode(&mut ScriptedEngine::new(TokenId(BLANK), logits), &[1]);
    let only = &decisions[0];
    // Softmax of (0, 2, 1, -1, 0.5) as computed apart.
    let expected = [0.076_196_6, 0.563_021_2, 0.207_123_9, 0.028_031_2, 0.125_627];
    for (found, expected) in only.duration_probabilities().zip(expected) {
        assert!((found - expected).abs() < 1e-6);
    }
    assert!((only.duration_probability - expected[1]).abs() < 1e-6);
    let sum: f32 = [0.0_f32, 1.0, -2.0, 0.5, 3.0].iter().map(|x| x.exp()).sum();
    assert!((only.token_lse - sum.ln()).abs() < 1e-6);
    assert!((only.blank_probability - 3.0_f32.exp() / sum).abs() < 1e-6);
    assert_eq!((only.token_margin, only.duration_margin), (2.0, 1.0));
    assert_eq!(only.token_top.iter().map(|c| c.token.0).collect::<Vec<_>>(), [4, 1]);
}

/// Token 0 is punctuation and would win by 2 on every even count of tokens, 1 is a word.
fn punctuated(_: u64, u: u64) -> JointLogits {
    let tokens = if u.is_multiple_of(2) { vec![5.0, 3.0, 0.0, 0.0, -1.0] } else { vec![0.0, 6.0, 0.0, 0.0, -1.0] };
    JointLogits { tokens, durations: vec![0.0, 4.0, 1.0, 0.0, 0.0] }
}

fn suppress(punctuation: Punctuation) -> Vec<Decision> {
    let mut engine = ScriptedEngine::new(TokenId(BLANK), punctuated);
    let mut decoder = TdtDecoder::new(rules(vec![true, false, false, false, false]), EncIdx(0));
    decoder.set_punctuation(punctuation);
    let encoded = frames(0, 4);
    std::iter::from_fn(|| decoder.step(&encoded, encoded.end(), &mut engine).unwrap()).collect()
}

#[test]
fn suppression_masks_before_the_argmax_and_keeps_the_cost() {
    let tokens = |decisions: &[Decision]| decisions.iter().map(|d| d.token.0).collect::<Vec<_>>();
    let off = suppress(Punctuation::Off);
    assert_eq!(tokens(&off), [0, 1, 0, 1]);
    assert!(off.iter().all(|d| d.suppressed.is_none()));

    let leading = suppress(Punctuation::Leading);
    assert_eq!(tokens(&leading), [1, 1, 0, 1]);
    let first = &leading[0];
    let kept = first.suppressed.unwrap();
    assert_eq!((kept.token, kept.cost), (TokenId(0), 2.0));
    assert_eq!(first.token_top[0].token, TokenId(0), "the raw best stays in the record");
    assert_eq!(first.token_margin, 3.0, "among what was allowed");
    assert_eq!(first.duration, off[0].duration, "the duration head is not touched");
    assert!(first.token_probability < 0.5, "within the raw head");

    let all = suppress(Punctuation::All);
    assert_eq!(tokens(&all), [1, 1, 1, 1]);
    assert_eq!(all.iter().filter(|d| d.suppressed.is_some()).count(), 2);
}

/// A joint whose answer depends on frame and tokens in a way that no chunking could guess.
fn hashed(seed: u64) -> impl FnMut(u64, u64) -> JointLogits + Send + 'static {
    move |t, u| {
        let mut state = seed ^ t.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 1e6
        };
        JointLogits {
            tokens: (0..CLASSES).map(|_| next()).collect(),
            durations: (0..DURATIONS).map(|_| next()).collect(),
        }
    }
}

proptest! {
    #[test]
    fn any_partition_of_one_encoder_output_gives_identical_decisions(
        seed in any::<u64>(),
        chunks in prop::collection::vec(1..12_u64, 1..12),
    ) {
        let total = chunks.iter().sum();
        let (whole, _) = decode(&mut ScriptedEngine::new(TokenId(BLANK), hashed(seed)), &[total]);
        let (parts, _) = decode(&mut ScriptedEngine::new(TokenId(BLANK), hashed(seed)), &chunks);
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn the_cursor_goes_on_and_a_copy_of_the_state_changes_nothing(
        seed in any::<u64>(),
        total in 1..60_u64,
        copies in prop::collection::vec(any::<bool>(), 1..30),
    ) {
        let encoded = frames(0, total);
        let mut engine = ScriptedEngine::new(TokenId(BLANK), hashed(seed));
        let (alone, _) = decode(&mut ScriptedEngine::new(TokenId(BLANK), hashed(seed)), &[total]);
        let mut decoder = TdtDecoder::new(rules(Vec::new()), EncIdx(0));
        let (mut decisions, mut copies) = (Vec::new(), copies.iter().cycle());
        loop {
            if *copies.next().unwrap() {
                // As the grey tail does: on the same engine, to the end.
                let mut tail = decoder.clone();
                while tail.step(&encoded, encoded.end(), &mut engine).unwrap().is_some() {}
            }
            let before = decoder.cursor();
            let Some(decision) = decoder.step(&encoded, encoded.end(), &mut engine).unwrap() else { break };
            prop_assert_eq!(decision.frame, before);
            prop_assert_eq!(decoder.cursor().0, before.0 + u64::from(decision.advance));
            decisions.push(decision);
            prop_assert!(decisions.len() as u64 <= total * 10, "no end");
        }
        prop_assert!(decoder.cursor() >= encoded.end());
        for frame in 0..total {
            prop_assert!(decisions.iter().filter(|decision| decision.frame.0 == frame).count() <= 10);
        }
        prop_assert_eq!(decisions, alone);
    }

    #[test]
    fn words_hold_the_text_of_their_tokens_and_their_times_go_on(
        tokens in prop::collection::vec((0..PIECES.len() as u32, 0..5_u32, 0..4_u64), 0..40),
    ) {
        let vocabulary = Vocabulary::parse("v", &PIECES.join("\n"), PIECES.len()).unwrap();
        let mut frame = 0;
        let tokens: Vec<WordToken> = tokens
            .iter()
            .map(|(token, duration, gap)| {
                let at = frame + gap;
                frame = at + u64::from(*duration);
                let decision = Decision { token: TokenId(*token), frame: EncIdx(at), duration: *duration, ..blank() };
                WordToken::from_decision(&decision, &vocabulary)
            })
            .collect();
        let words = words_from_tokens(&tokens, &vocabulary, false, EncIdx(frame));
        // A mark alone is a word of nothing, which keeps the space before what follows it.
        let (joined, whole) = (text_of(&words), vocabulary.text(tokens.iter().map(|token| token.token)));
        prop_assert!(joined.split_whitespace().eq(whole.split_whitespace()), "{:?} {:?}", joined, whole);
        prop_assert!(words.iter().all(|word| word.start <= word.end && word.end <= EncIdx(frame)));
        prop_assert!(words.windows(2).all(|pair| pair[0].start <= pair[1].start && pair[0].end <= pair[1].start));
        let spoken = tokens.iter().filter(|token| !vocabulary.is_silent(token.token));
        prop_assert_eq!(words.iter().flat_map(|word| &word.tokens).collect::<Vec<_>>(), spoken.collect::<Vec<_>>());
    }
}

const PIECES: [&str; 10] = ["▁the", "▁c", "our", "se", "▁", "a", "'", "▁it", "s", "<unk>"];

/// A decision of which only token and time matter.
fn blank() -> Decision {
    let mut engine = ScriptedEngine::new(TokenId(BLANK), script("E"));
    decode(&mut engine, &[1]).0.remove(0)
}
