//! The session on a scripted engine: windows, commit line, words, gaps, settings and faults.

mod common;

use common::{
    Heard, run,
    scripted::{Faulty, audio, engine, session, settings, vocabulary},
};
use dictoscope::{
    audio::{AudioBlock, blocks_from},
    decode::{Punctuation, text_of},
    session::{EndReason, FeatureNorm, SessionError, SessionSettings, Setting, TopK, WindowSettings},
    units::{EncIdx, SampleIdx},
};
use proptest::prelude::*;

/// "Yes, of course." with its pieces, as (first frame, piece, duration).
const YES: &[(u64, &str, usize)] = &[
    (7, "▁Y", 1),
    (8, "es", 2),
    (10, ",", 1),
    (11, "▁of", 2),
    (13, "▁c", 1),
    (14, "our", 1),
    (40, "se", 4),
    (44, ".", 2),
];

fn yes(right_secs: f64) -> Heard {
    run(&mut session(engine(YES, &vocabulary()), settings(right_secs)), audio(5.0))
}

#[test]
fn half_a_second_commits_6_6_6_7_frames_and_every_frame_once() {
    let heard = yes(0.0);
    let committed: Vec<u64> = heard.windows.iter().map(|w| w.commit_to.0 - w.commit_from.0).collect();
    assert_eq!(committed[..8], [6, 6, 6, 7, 6, 6, 6, 7]);
    for pair in heard.windows.windows(2) {
        assert_eq!(pair[0].commit_to, pair[1].commit_from);
    }
    assert_eq!(heard.windows.last().unwrap().commit_to, EncIdx(63), "the last, partial frame too");
}

#[test]
fn words_are_the_same_for_every_right_context_and_carry_their_times() {
    for right_secs in [0.0, 0.24, 0.96, 2.0] {
        let heard = yes(right_secs);
        assert_eq!(heard.text(), "Yes, of course.", "right context {right_secs}");
        let words = heard.merged();
        let times: Vec<(u64, u64)> = words.iter().map(|w| (w.start.0, w.end.0)).collect();
        assert_eq!(times, [(7, 10), (11, 13), (13, 44)], "right context {right_secs}");
        assert!(words.iter().all(|w| w.confidence > 0.2 && w.confidence <= 1.0));
    }
}

#[test]
fn black_text_only_grows_and_the_tail_shows_what_is_to_come() {
    let heard = yes(0.96);
    // "c" and "our" stand alone for two seconds: they are committed, and the rest is glued on when it comes.
    let texts: Vec<&str> = heard.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(texts, ["Yes,", "of", "cour", "se", "."]);
    assert_eq!(heard.words.iter().map(|w| w.glued).collect::<Vec<_>>(), [false, false, false, true, true]);
    assert!(heard.tails.iter().any(|tail| text_of(tail).starts_with("Yes")), "shown grey before it is committed");
    assert!(heard.tails.last().unwrap().is_empty());
}

#[test]
fn a_word_waits_for_the_part_that_the_right_context_already_shows() {
    const SPLIT: &[(u64, &str, usize)] = &[(3, "▁c", 1), (5, "our", 1), (6, "se", 2), (14, "▁of", 2)];
    let heard = run(&mut session(engine(SPLIT, &vocabulary()), settings(0.48)), audio(3.0));
    let texts: Vec<&str> = heard.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(texts, ["course", "of"]);
}

#[test]
fn a_gap_ends_the_utterance_commits_what_came_before_and_goes_on_after_it() {
    let mut session = session(engine(YES, &vocabulary()), settings(0.96));
    let shifted = audio(5.0).into_iter().map(|block| {
        let start = if block.start.0 >= 16_000 { block.start.0 + 8_000 } else { block.start.0 };
        AudioBlock::new(SampleIdx(start), block.samples())
    });
    let heard = run(&mut session, shifted);
    assert_eq!(heard.gaps, [(SampleIdx(24_000), 8_000)]);
    assert_eq!(heard.ends[0], (EncIdx(13), EndReason::Gap));
    assert!(heard.text().starts_with("Yes, of"), "{}", heard.text());
    assert_eq!(heard.starts, [EncIdx(0), EncIdx(18)]);
}

#[test]
fn audio_that_goes_backwards_is_refused() {
    let mut session = session(engine(&[], &vocabulary()), settings(0.0));
    session.push(&AudioBlock::new(SampleIdx(0), &[0.0; 160]), &mut ()).unwrap();
    let refused = session.push(&AudioBlock::new(SampleIdx(80), &[0.0; 160]), &mut ());
    assert!(matches!(refused, Err(SessionError::Backwards { expected: 160, found: 80 })));
}

#[test]
fn settings_act_from_the_next_hop_are_marked_and_checked() {
    let mut session = session(engine(YES, &vocabulary()), settings(0.96));
    let mut heard = Heard::default();
    let blocks = audio(5.0);
    for block in &blocks[..180] {
        session.push(block, &mut heard).unwrap();
    }
    let line = heard.windows.last().unwrap().commit_to;
    let window = WindowSettings { left_secs: 1.0, hop_secs: 0.48, right_secs: 1.6 };
    for setting in [
        Setting::Punctuation(Punctuation::All),
        Setting::FeatureNorm(FeatureNorm::PerFeature),
        Setting::TopK(TopK::from(5)),
        Setting::Window(window),
    ] {
        session.set(setting).unwrap();
    }
    for block in &blocks[180..] {
        session.push(block, &mut heard).unwrap();
    }
    session.finish(&mut heard).unwrap();
    assert_eq!(heard.settings.len(), 4);
    assert!(heard.settings.iter().all(|(at, _)| *at == line), "from the commit line on: {:?}", heard.settings);
    assert_eq!(session.settings().window, window);
    assert!(!heard.text().contains('.'), "{}", heard.text());
    assert_eq!(heard.decisions.last().unwrap().token_top.len(), 5);
    let mels = session.contract().front_end.mel_bins;
    let normalised = heard.features.last().unwrap();
    let frames = normalised.len() / mels;
    for mel in 0..mels {
        let mean: f32 = (0..frames).map(|t| normalised[t * mels + mel]).sum::<f32>() / frames as f32;
        assert!(mean.abs() < 1e-3, "mel {mel}: {mean}");
    }

    let too_long = WindowSettings { left_secs: 29.0, hop_secs: 0.5, right_secs: 2.0 };
    let refused = session.set(Setting::Window(too_long)).unwrap_err().to_string();
    assert!(refused.contains("left + hop + right") && refused.contains("30"), "{refused}");
}

#[test]
fn an_engine_that_fails_on_a_hop_loses_and_doubles_nothing() {
    let inner = engine(YES, &vocabulary());
    let faulty = Faulty { inner, fail_on: vec![1, 3, 4, 7], panic_on: Vec::new(), calls: 0 };
    let mut session = session(faulty, settings(0.96));
    let mut heard = Heard::default();
    let mut failures = 0;
    for block in audio(5.0) {
        failures += u32::from(session.push(&block, &mut heard).is_err());
    }
    session.finish(&mut heard).unwrap();
    assert_eq!(failures, 4);
    assert_eq!(heard.text(), "Yes, of course.");
    assert_eq!(heard.path(), yes(0.96).path(), "every decision once");
}

#[test]
fn stopping_twice_commits_once_and_a_new_start_begins_on_the_grid() {
    let mut session = session(engine(YES, &vocabulary()), settings(0.96));
    let mut heard = run(&mut session, audio(5.0));
    session.finish(&mut heard).unwrap();
    assert_eq!(heard.text(), "Yes, of course.");
    assert_eq!(heard.ends, [(EncIdx(63), EndReason::Stopped)]);
    let start = session.next_start(SampleIdx(0));
    assert_eq!(start.0 % 1280, 0);
    session.push(&AudioBlock::new(start, &[0.0; 160]), &mut heard).unwrap();
    assert!(heard.gaps.is_empty(), "a new start is no gap");
}

#[test]
fn empty_and_tiny_audio_write_nothing_and_do_not_fail() {
    for samples in [0, 1, 80, 159, 800] {
        let mut session = session(engine(&[], &vocabulary()), settings(0.96));
        let heard = run(&mut session, blocks_from(SampleIdx(0), &vec![0.1; samples]));
        assert_eq!(heard.text(), "", "{samples} samples");
    }
}

#[test]
fn running_statistics_count_every_frame_once() {
    let mut with_running = settings(0.96);
    with_running.feature_norm = FeatureNorm::Running;
    let mut session = session(engine(&[], &vocabulary()), with_running);
    let heard = run(&mut session, audio(8.0));
    // The last window of a stationary signal is near mean 0 and deviation 1 by statistics of the whole utterance.
    let last = heard.features.last().unwrap();
    let mean = last.iter().sum::<f32>() / last.len() as f32;
    let square = last.iter().map(|x| x * x).sum::<f32>() / last.len() as f32;
    assert!(mean.abs() < 0.2 && (square - 1.0).abs() < 0.3, "{mean} {square}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn any_cutting_of_the_audio_gives_the_same_decisions(cuts in prop::collection::vec(1..161_usize, 400..500)) {
        let samples: Vec<f32> = audio(3.0).iter().flat_map(|block| block.samples().to_vec()).collect();
        let mut rest = samples.as_slice();
        let mut blocks = Vec::new();
        for cut in cuts.iter().chain(std::iter::repeat(&160)) {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            blocks.push(AudioBlock::new(SampleIdx((samples.len() - rest.len()) as u64), now));
            rest = later;
        }
        let cut = run(&mut session(engine(YES, &vocabulary()), settings(0.48)), blocks);
        let even = run(&mut session(engine(YES, &vocabulary()), settings(0.48)), audio(3.0));
        prop_assert_eq!(cut.decisions, even.decisions);
        prop_assert_eq!(cut.windows, even.windows);
        prop_assert_eq!(cut.words, even.words);
    }

    #[test]
    fn every_frame_is_committed_once_and_in_order_whatever_the_windows(
        hop_secs in 0.08..3.0_f64,
        left_secs in 0.0..6.0_f64,
        right_secs in 0.0..3.0_f64,
        samples in 0..110_000_usize,
    ) {
        let window = WindowSettings { left_secs, hop_secs, right_secs };
        let all: Vec<f32> = audio(7.0).iter().flat_map(|block| block.samples().to_vec()).take(samples).collect();
        let heard = run(
            &mut session(engine(YES, &vocabulary()), SessionSettings { window, ..settings(0.0) }),
            blocks_from(SampleIdx(0), &all),
        );
        let mut at = EncIdx(0);
        for window in &heard.windows {
            prop_assert_eq!(window.commit_from, at);
            prop_assert!(window.commit_to >= at, "{:?}", window);
            at = window.commit_to;
        }
        // Less than a mel frame at the end makes none.
        prop_assert_eq!(at.0, (samples as u64 / 160).div_ceil(8), "all of it, and no frame more");
        // The script knows nothing of windows: one of a second and one of a frame see the same.
        let whole = run(&mut session(engine(YES, &vocabulary()), settings(2.0)), blocks_from(SampleIdx(0), &all));
        let path = |heard: &Heard| -> Vec<_> { heard.decisions.iter().map(|d| (d.frame, d.token, d.duration)).collect() };
        prop_assert_eq!(path(&heard), path(&whole));
        prop_assert_eq!(heard.text(), whole.text());
    }
}
