//! Streaming the clips through the embedded model: text, pauses, silence, bad samples.

mod common;

use common::{
    clip, run, samples, stream,
    text::{plain_words, word_errors},
    whole_file,
};
use dictoscope::{
    audio::blocks_from,
    decode::text_of,
    session::{EndReason, EndpointSettings, SessionSettings},
    units::SampleIdx,
};

const STORY: &str = "This is a longer recording, made to show how the program behaves over time. It has several \
    sentences, some short, some rather longer than the others, and it pauses now and then. When nobody speaks, nothing \
    should be written. After the silence the words begin again, and each of them should appear within a second. At the \
    end the last word must not be lost.";

#[test]
fn the_story_is_written_streamed_and_nothing_in_its_pauses() {
    let heard = run(&mut stream(SessionSettings::default()), common::blocks(&clip("story.flac")));
    let errors = word_errors(STORY, &heard.text());
    assert!(errors <= 3, "{errors} of {} words wrong: {}", plain_words(STORY).len(), heard.text());
    assert_eq!(plain_words(&heard.text()).last().map(String::as_str), Some("lost"), "{}", heard.text());
    // Its pauses begin and end utterances; no word lies outside one.
    assert!(heard.starts.len() >= 3, "{:?}", heard.starts);
    assert_eq!(heard.starts.len(), heard.ends.len());
    for word in heard.merged() {
        let inside = heard.starts.iter().zip(&heard.ends).any(|(from, (to, _))| *from <= word.start && word.end <= *to);
        assert!(inside, "{} at {:?}", word.text, word.start);
    }
    let silences: Vec<f64> =
        heard.starts.iter().skip(1).zip(&heard.ends).map(|(s, (e, _))| s.secs() - e.secs()).collect();
    assert!(silences.iter().any(|secs| *secs > 1.5), "the pause of 3.5 s is not decoded: {silences:?}");
}

#[test]
fn the_story_as_a_whole_file_goes_through_overlapping_windows() {
    let heard = run(&mut whole_file(SessionSettings::default()), common::blocks(&clip("story.flac")));
    assert_eq!(heard.windows.len(), 2, "31.6 s do not fit one window of 30 s");
    let errors = word_errors(STORY, &heard.text());
    assert!(errors <= 3, "{errors} words wrong: {}", heard.text());
}

#[test]
fn committed_text_only_grows_and_joins_to_the_same_words() {
    let heard = run(&mut stream(SessionSettings::default()), common::blocks(&clip("pause.flac")));
    assert_eq!(text_of(&heard.merged()), heard.text());
    let starts: Vec<_> = heard.words.iter().map(|word| word.start).collect();
    assert!(starts.is_sorted(), "{starts:?}");
}

#[test]
fn a_minute_of_silence_and_of_noise_writes_nothing_and_costs_no_window() {
    let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0;
    for gain in [0.0, 0.003] {
        let samples: Vec<f32> = (0..960_000).map(|n| gain * noise(n)).collect();
        let heard = run(&mut stream(SessionSettings::default()), blocks_from(SampleIdx(0), &samples));
        assert_eq!((heard.text().as_str(), heard.windows.len()), ("", 0), "gain {gain}");
    }
}

#[test]
fn silence_decoded_without_the_gate_writes_nothing_either() {
    let settings = SessionSettings {
        endpoint: EndpointSettings { enabled: false, ..EndpointSettings::default() },
        ..SessionSettings::default()
    };
    let heard = run(&mut stream(settings), blocks_from(SampleIdx(0), &vec![0.0; 80_000]));
    assert_eq!(heard.text(), "");
    assert_eq!(heard.ends.last().map(|(_, reason)| *reason), Some(EndReason::Stopped));
}

#[test]
fn clipped_and_broken_samples_leave_words_standing() {
    let mut loud: Vec<f32> = samples(&clip("letter.flac")).iter().map(|x| (x * 8.0).clamp(-1.0, 1.0)).collect();
    for n in (0..loud.len()).step_by(5000) {
        loud[n] = f32::NAN;
    }
    let heard = run(&mut stream(SessionSettings::default()), blocks_from(SampleIdx(0), &loud));
    assert!(plain_words(&heard.text()).len() >= 8, "{}", heard.text());
}
