//! What the program says to bad input: a message that names it, never a panic, and the text that was there.

use std::fs;

use crate::{
    common::text::{plain_words, word_errors},
    harness::{Bench, clip, heard, samples, text},
};

#[test]
fn after_a_failed_file_the_next_one_follows_and_the_exit_code_is_1() {
    let bench = Bench::new();
    let (missing, good) = (text(&bench.path("missing.wav")), clip("short.flac"));
    let ran = bench.run(&["transcribe", &missing, &good]).exits(1).says(&["missing.wav"]);
    assert_eq!(ran.out, format!("{good}: {}\n", heard("short.flac")), "nothing stands for the file that failed");

    let objects = bench.run(&["transcribe", "--json", &missing, &good]).exits(1).json();
    assert_eq!(objects.len(), 2);
    assert!(objects[0]["error"].as_str().unwrap().contains("missing.wav"));
    assert_eq!(objects[1]["text"], heard("short.flac").as_str());
}

#[test]
fn what_is_no_recording_is_named() {
    let bench = Bench::new();
    let prose = bench.path("prose.wav");
    fs::write(&prose, "This is text and no sound at all. ".repeat(100)).unwrap();
    let empty = bench.path("empty.wav");
    fs::write(&empty, "").unwrap();
    for (path, name) in
        [(text(&prose), "prose.wav"), (text(&empty), "empty.wav"), (text(bench.folder.path()), "directory")]
    {
        let ran = bench.run(&["transcribe", &path]).exits(1);
        assert!(ran.out.is_empty(), "{}", ran.out);
        assert!(ran.err.contains(&path) || ran.err.contains(name), "{path}: {}", ran.err);
    }
}

#[test]
fn a_truncated_wav_gives_what_was_there_and_says_so() {
    let bench = Bench::new();
    let whole = bench.wav("whole.wav", 16_000, 1, samples("meeting.flac").into_iter());
    let bytes = fs::read(&whole).unwrap();
    let cut = bench.path("cut.wav");
    fs::write(&cut, &bytes[..bytes.len() * 3 / 5]).unwrap();
    let ran = bench.run(&["transcribe", &text(&cut)]);
    assert!(matches!(ran.code, Some(0 | 1)), "{:?}", ran.code);
    assert!(ran.err.contains("cut.wav") && !ran.err.contains("panicked"), "{}", ran.err);
    // Of 12 words some 7 are left.
    let (whole, left) = (plain_words(&heard("meeting.flac")), plain_words(&ran.out));
    let there = left.iter().filter(|word| whole.contains(word)).count();
    assert!(there >= 4 && there < whole.len(), "{} of {whole:?}", ran.out);
}

#[test]
fn almost_nothing_writes_nothing() {
    let bench = Bench::new();
    for (name, count) in [("none.wav", 0), ("one.wav", 1), ("short.wav", 800)] {
        let path = bench.wav(name, 16_000, 1, (0..count).map(|i| (i as f32 * 0.3).sin() * 0.1));
        for flag in [None, Some("--stream"), Some("--no-endpoint")] {
            let args: Vec<&str> = ["transcribe", &path].into_iter().chain(flag).collect();
            let ran = bench.run(&args).exits(0).says(&[name]);
            assert_eq!(ran.out, "", "{name} {flag:?}");
        }
    }
}

#[test]
fn a_minute_of_silence_writes_nothing() {
    let bench = Bench::new();
    // Digital silence, and the faint noise of a quiet room.
    let mut seed = 1_u32;
    let mut noise = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 16_777_216.0 - 0.5
    };
    let silent = bench.wav("silent.wav", 16_000, 1, std::iter::repeat_n(0.0, 60 * 16_000));
    let faint = bench.wav("faint.wav", 16_000, 1, (0..60 * 16_000).map(|_| noise() * 0.002));
    for path in [silent, faint] {
        let ran = bench.run(&["transcribe", "--stream", &path]).exits(0).says(&["no speech found"]);
        assert_eq!(ran.out, "", "{path}");
    }
}

#[test]
fn any_rate_and_channels_will_do() {
    let bench = Bench::new();
    let speech = samples("short.flac");
    let at_8k = bench.wav("8k.wav", 8_000, 1, speech.iter().copied().step_by(2));
    // Straight lines between the samples, twelve for one, on both channels.
    let last = speech.len() - 1;
    let at_192k = bench.wav(
        "192k.wav",
        192_000,
        2,
        (0..last * 12).map(|i| {
            let (at, share) = (i / 12, (i % 12) as f32 / 12.0);
            speech[at] * (1.0 - share) + speech[at + 1] * share
        }),
    );
    let loud = bench.wav("clipped.wav", 16_000, 1, speech.iter().map(|x| x * 30.0));
    for path in [&at_8k, &at_192k] {
        let ran = bench.run(&["transcribe", path]).exits(0);
        assert!(word_errors(&heard("short.flac"), &ran.out) <= 1, "{path}: {}", ran.out);
    }
    bench.run(&["transcribe", &loud]).exits(0);
}

#[test]
fn samples_that_are_no_numbers_are_named_and_passed_over() {
    let bench = Bench::new();
    let mut speech = samples("short.flac");
    speech[8_000] = f32::NAN;
    speech[8_001] = f32::INFINITY;
    speech[8_002] = f32::NEG_INFINITY;
    let path = bench.float_wav("nan.wav", speech.into_iter());
    let ran = bench.run(&["transcribe", &path]).exits(0).says(&["nan.wav"]);
    assert!(word_errors(&heard("short.flac"), &ran.out) <= 1, "{}", ran.out);

    let path = bench.float_wav("all_nan.wav", std::iter::repeat_n(f32::NAN, 16_000));
    let ran = bench.run(&["transcribe", "--stream", &path]).exits(0).says(&["all_nan.wav"]);
    assert_eq!(ran.out, "");
}

#[test]
fn a_window_longer_than_the_model_takes_is_refused_with_its_bound() {
    let ran = Bench::new().run(&["transcribe", &clip("short.flac"), "--left", "40"]).exits(1);
    assert!(ran.err.contains("expected") && ran.err.contains("found"), "{}", ran.err);
    assert!(ran.out.is_empty());
}

#[test]
fn a_folder_that_is_no_model_is_named() {
    let bench = Bench::new();
    let folder = text(bench.folder.path());
    bench.run(&["transcribe", &clip("short.flac"), "--model", &folder]).exits(1).says(&[&folder, "contract.json"]);
    bench.run(&["transcribe", &clip("short.flac"), "--model", "/no/such"]).exits(1).says(&["/no/such"]);
}

#[test]
fn a_microphone_that_is_not_there_is_named() {
    let ran = Bench::new().run(&["dictate", "--device", "No Such Microphone"]).exits(1);
    assert!(ran.out.is_empty());
    assert!(ran.err.contains("No Such Microphone"), "{}", ran.err);
}

#[test]
fn without_a_screen_the_window_offers_the_terminal() {
    Bench::new().run(&[]).exits(1).says(&["dictoscope dictate", "dictoscope transcribe"]);
}

#[test]
fn a_broken_settings_file_is_set_aside_and_the_work_goes_on() {
    let bench = Bench::new();
    fs::create_dir(bench.path("config")).unwrap();
    let settings = bench.path("config/settings.toml");
    fs::write(&settings, "threads = [").unwrap();
    bench.run(&["transcribe", &clip("short.flac")]).exits(0).says(&["settings.toml.broken-1"]);
    assert!(bench.path("config/settings.toml.broken-1").exists() && !settings.exists());

    fs::write(&settings, "[session.window]\nhop_secs = \"long\"\n").unwrap();
    bench.run(&["transcribe", &clip("short.flac")]).exits(0).says(&["session.window.hop_secs", "expected", "\"long\""]);
}
