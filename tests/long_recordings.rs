//! Recordings that do not fit one window: no word is lost or written twice where windows meet, and all is the same however long.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use common::{blurred::Blurred, embedded, run, samples, scripted, text::word_errors, whole_file};
use dictoscope::{
    audio::{AudioBlock, blocks_from},
    session::{EndReason, EndpointSettings, Session, SessionSettings, WindowSettings},
    units::SampleIdx,
};
use proptest::prelude::*;

const STORY: &str = "This is a longer recording, made to show how the program behaves over time. It has several \
    sentences, some short, some rather longer than the others, and it pauses now and then. When nobody speaks, nothing \
    should be written. After the silence the words begin again, and each of them should appear within a second. At the \
    end the last word must not be lost.";

/// Frames of words: two to four close together, then a pause, as people speak.
fn places() -> impl Strategy<Value = Vec<u64>> {
    let phrase = (proptest::collection::vec(3_u64..7, 1..4), 8_u64..15);
    proptest::collection::vec(phrase, 60..110).prop_map(|phrases| {
        let mut at = 3;
        let mut next = |step: u64| {
            at += step;
            at
        };
        phrases.into_iter().flat_map(|(steps, pause)| steps.into_iter().chain([pause])).map(&mut next).collect()
    })
}

/// Silence up to just behind the last word.
fn silence(places: &[u64]) -> Vec<AudioBlock> {
    let frames = places.last().map_or(0, |last| last + 20);
    blocks_from(SampleIdx(0), &vec![0.0; frames as usize * 1280]).collect()
}

fn heard(engine: Blurred, blocks: Vec<AudioBlock>) -> common::Heard {
    let mut session = Session::whole_file(&embedded(), Box::new(engine), SessionSettings::default()).unwrap();
    run(&mut session, blocks)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_word_is_written_once_though_windows_disagree_by_a_frame(places in places(), seed in 0_u64..1000) {
        let vocabulary = scripted::vocabulary();
        let engine = Blurred::new(places.clone(), seed, &vocabulary);
        let expected = engine.text(&vocabulary);
        let heard = heard(engine, silence(&places));
        prop_assert!(heard.windows.len() > 2, "{} windows", heard.windows.len());
        prop_assert_eq!(heard.text(), expected);
        let starts: Vec<_> = heard.words.iter().map(|word| word.start).collect();
        prop_assert!(starts.is_sorted());
        for (word, place) in heard.words.iter().zip(&places) {
            prop_assert!(word.start.0.abs_diff(*place) <= 1);
        }
    }
}

#[test]
fn lines_that_do_not_look_for_silence_lose_words_or_write_them_twice() {
    // The test above could fail: the same words through windows that hand over at fixed times.
    let vocabulary = scripted::vocabulary();
    let places: Vec<u64> = (0..400).map(|n| 5 + n * 5).collect();
    let engine = Blurred::new(places.clone(), 1, &vocabulary);
    let expected = engine.text(&vocabulary);
    let settings = SessionSettings {
        window: WindowSettings { left_secs: 4.0, hop_secs: 2.0, right_secs: 4.0 },
        endpoint: EndpointSettings { enabled: false, ..EndpointSettings::default() },
        ..SessionSettings::default()
    };
    let mut session = Session::new(&embedded(), Box::new(engine), settings).unwrap();
    assert_ne!(run(&mut session, silence(&places)).text(), expected);
}

#[test]
fn windows_overlap_and_follow_one_another_without_a_gap() {
    let vocabulary = scripted::vocabulary();
    let places: Vec<u64> = (0..200).map(|n| 3 + n * 9).collect();
    let heard = heard(Blurred::new(places.clone(), 7, &vocabulary), silence(&places));
    // As planned; where each came to end what it commits stands in the next.
    for pair in heard.windows.windows(2) {
        let line = pair[1].commit_from;
        assert!(line.0 > pair[0].commit_from.0 && pair[0].end.0 - line.0 >= 31, "{pair:?}");
        assert_eq!(line.0 - pair[1].start.0, 50, "4 s of left context");
    }
    assert!(heard.windows.last().is_some_and(|window| window.last));
    assert_eq!(heard.ends.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [EndReason::Stopped]);
}

#[test]
fn three_minutes_of_the_real_model_are_the_story_over_and_over() {
    let mut sound = Vec::new();
    for _ in 0..5 {
        sound.extend(samples(&common::clip("story.flac")));
        sound.extend(vec![0.0; 16_000 * 4]);
    }
    let heard = run(&mut whole_file(SessionSettings::default()), blocks_from(SampleIdx(0), &sound));
    assert!(heard.windows.len() > 10, "{}", heard.windows.len());
    assert!(heard.windows.iter().all(|window| window.end.0 - window.start.0 <= 250));
    let errors = word_errors(&[STORY; 5].join(" "), &heard.text());
    assert!(errors <= 15, "{errors} words wrong: {}", heard.text());
    let mut before = 0;
    for word in heard.merged() {
        assert!(word.start.0 >= before, "{} at {:?}", word.text, word.start);
        before = word.start.0;
    }
}
