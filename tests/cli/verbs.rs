//! The verbs, their exit codes and their JSON.

use std::fs;

use serde_json::Value;

use crate::harness::{Bench, clip, heard, heard_streamed};

#[test]
fn version_and_help_are_results() {
    let bench = Bench::new();
    let version = bench.run(&["--version"]).exits(0);
    assert_eq!(version.out.trim(), format!("dictoscope {}", env!("CARGO_PKG_VERSION")));
    let help = bench.run(&["--help"]).exits(0);
    for verb in ["dictate", "transcribe", "devices", "bench", "parity"] {
        assert!(help.out.contains(verb), "{}", help.out);
        bench.run(&[verb, "--help"]).exits(0);
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let bench = Bench::new();
    for args in [
        &["nonsense"][..],
        &["transcribe"],
        &["transcribe", "a.wav", "--hop", "0"],
        &["transcribe", "a.wav", "--left", "-3"],
        &["transcribe", "a.wav", "--feature-norm", "loud"],
        &["transcribe", "a.wav", "--punctuation", "some"],
        &["transcribe", "a.wav", "--top-k", "1"],
        &["transcribe", "a.wav", "--threads", "0"],
        &["dictate", "--device", "a", "--file", "b"],
        &["--theme", "blue"],
        &["--theme", "dark", "devices"],
        &["bench"],
    ] {
        let ran = bench.run(args).exits(2);
        assert!(ran.out.is_empty() && ran.err.contains("error:"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_recording_becomes_text() {
    let ran = Bench::new().run(&["transcribe", &clip("short.flac")]).exits(0);
    assert_eq!(ran.out, format!("{}\n", heard("short.flac")));
    assert_eq!(ran.err, "");
}

#[test]
fn streamed_it_is_the_text_of_a_session() {
    let ran = Bench::new().run(&["transcribe", "--stream", &clip("short.flac")]).exits(0);
    assert_eq!(ran.out, format!("{}\n", heard_streamed("short.flac")));
}

#[test]
fn json_has_words_with_times_and_confidences() {
    for (flags, text) in
        [(&["--json"][..], heard("short.flac")), (&["--json", "--stream"], heard_streamed("short.flac"))]
    {
        let bench = Bench::new();
        let file = clip("short.flac");
        let ran = bench.run(&[&["transcribe", &file], flags].concat()).exits(0);
        let objects = ran.json();
        assert_eq!(objects.len(), 1);
        let object = &objects[0];
        assert_eq!(object["file"], file.as_str());
        assert_eq!(object["text"], text.as_str());
        assert!((object["duration_secs"].as_f64().unwrap() - 2.35).abs() < 0.011, "{}", object["duration_secs"]);
        assert!(object["engine"]["engine"].as_str().unwrap().contains("rten"));
        assert_eq!(object["window"]["mode"], if flags.len() == 1 { "whole" } else { "stream" });
        assert!(object.get("error").is_none());
        let words = object["words"].as_array().unwrap();
        assert_eq!(words.len(), text.split_whitespace().count());
        let mut before = 0.0;
        for word in words {
            let (start, end) = (word["start_secs"].as_f64().unwrap(), word["end_secs"].as_f64().unwrap());
            assert!(before <= start && start <= end && end <= 2.4, "{word}");
            before = start;
            let tokens = word["tokens"].as_array().unwrap();
            let least = tokens.iter().map(|token| token["token_probability"].as_f64().unwrap()).fold(1.0, f64::min);
            assert!((word["word_confidence"].as_f64().unwrap() - least).abs() < 1e-6, "{word}");
            for token in tokens {
                for key in ["piece", "token", "frame", "start_secs", "duration_frames", "duration_probability"] {
                    assert!(!token[key].is_null(), "{key}: {token}");
                }
                assert!(token["token_margin"].as_f64().unwrap() >= 0.0);
                assert!(token["duration_margin"].as_f64().unwrap() >= 0.0);
            }
        }
    }
}

#[test]
fn devices_lists_or_says_that_there_are_none() {
    let bench = Bench::new();
    let ran = bench.run(&["devices"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.err.contains("panicked"), "{}", ran.err);
    assert!(!ran.out.is_empty() || ran.err.contains("dictoscope:"), "neither a device nor a word");
    for device in bench.run(&["devices", "--json"]).json() {
        assert!(device["name"].is_string() && device["is_default"].is_boolean(), "{device}");
    }
}

#[test]
fn dictating_a_recording_writes_its_words() {
    let bench = Bench::new();
    let expected = heard_streamed("short.flac");
    let ran = bench.run(&["dictate", "--file", &clip("short.flac")]).exits(0);
    assert_eq!(ran.out, format!("{expected}\n"), "{}", ran.err);
    let lines = bench.run(&["dictate", "--json", "--file", &clip("short.flac")]).exits(0).json();
    let names: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    for name in ["ready", "started", "committed", "utterance_end"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert_eq!(names.last(), Some(&"stopped"));
    let committed: Vec<&str> =
        lines.iter().filter(|line| line["event"] == "committed").map(|line| line["text"].as_str().unwrap()).collect();
    // Marks and parts that are glued on come as events of their own.
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(letters(&committed.concat()), letters(&expected));
    bench.run(&["dictate", "--file", "/no/such.wav"]).exits(1).says(&["/no/such.wav"]);
}

#[test]
fn dictation_ends_after_the_seconds_asked_for() {
    let began = std::time::Instant::now();
    let bench = Bench::new();
    let ran = bench.run(&["dictate", "--seconds", "1.5", "--json", "--file", &clip("story.flac")]).exits(0);
    assert_eq!(ran.json().last().unwrap()["event"], "stopped");
    assert!(began.elapsed().as_secs_f64() < 15.0, "{:?}", began.elapsed());
}

#[cfg(unix)]
#[test]
fn an_interrupt_commits_what_was_said_and_ends_well() {
    use std::{
        io::{BufRead, BufReader, Read},
        process::{Command as Plain, Stdio},
    };

    let bench = Bench::new();
    let mut child = Plain::new(assert_cmd::cargo::cargo_bin!("dictoscope"))
        .args(["dictate", "--json", "--file", &clip("story.flac")])
        .env("DICTOSCOPE_CONFIG_DIR", bench.path("config"))
        .env("DICTOSCOPE_DATA_DIR", bench.path("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"tail\"") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "ended before a tail came");
    }
    assert!(Plain::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let events: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(events.iter().any(|event| event["event"] == "committed"), "the rest is committed: {rest}");
    assert_eq!(events.last().unwrap()["event"], "stopped");
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    use std::process::{Command as Plain, Stdio};

    let bench = Bench::new();
    let mut child = Plain::new(assert_cmd::cargo::cargo_bin!("dictoscope"))
        .args(["transcribe", "--json", &clip("short.flac")])
        .env("DICTOSCOPE_CONFIG_DIR", bench.path("config"))
        .env("DICTOSCOPE_DATA_DIR", bench.path("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = child.wait_with_output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8_lossy(&ran.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn settings_reach_the_session() {
    let bench = Bench::new();
    fs::create_dir(bench.path("config")).unwrap();
    fs::write(bench.path("config/settings.toml"), "[session]\npunctuation = \"all\"\n").unwrap();
    let expected = heard("short.flac");
    assert!(expected.contains([',', '.']), "nothing to leave out in {expected}");
    let ran = bench.run(&["transcribe", &clip("short.flac")]).exits(0);
    assert!(!ran.out.contains([',', '.']), "{}", ran.out);
    let ran = bench.run(&["transcribe", "--punctuation", "off", &clip("short.flac")]).exits(0);
    assert_eq!(ran.out.trim_end(), expected);
}

#[test]
fn bench_prints_cost_and_latency() {
    let bench = Bench::new();
    let ran = bench.run(&["bench", "--json", "--repeat-to", "12", &clip("short.flac")]).exits(0);
    let report = &ran.json()[0];
    assert!((report["audio_secs"].as_f64().unwrap() - 12.0).abs() < 0.02, "{report}");
    assert!(report["hop_millis"]["total"]["count"].as_u64().unwrap() > 8, "{report}");
    assert!(report["latency_secs"]["word_to_commit"]["count"].as_u64().unwrap() >= 3, "{report}");
    for stage in ["features", "encode", "decode"] {
        assert!(report["hop_millis"][stage]["p95"].as_f64().unwrap() > 0.0, "{stage}: {report}");
    }
    let tail = report["latency_secs"]["audio_to_tail"]["p50"].as_f64().unwrap();
    let commit = report["latency_secs"]["audio_to_commit"]["p50"].as_f64().unwrap();
    assert!(tail <= commit, "{report}");
    if cfg!(target_os = "linux") {
        assert!(report["peak_memory_bytes"].as_u64().unwrap() > 10_000_000, "{report}");
    }
    assert!(report["decisions"]["tokens"].as_u64().unwrap() > 5, "{report}");
    bench.run(&["bench", &clip("short.flac")]).exits(0);
    bench.run(&["bench", "/no/such.wav"]).exits(1).says(&["/no/such.wav"]);
}

#[test]
fn bench_takes_decisions_from_a_table_at_the_pace_that_was_asked_for() {
    let bench = Bench::new();
    let pace = |args: &[&str]| {
        let file = clip("short.flac");
        let fixed = ["bench", "--json", "--no-endpoint", "--decisions-per-second", "12", "--repeat-to", "6", &file];
        let report = bench.run(&[&fixed[..], args].concat()).exits(0).json().remove(0);
        let secs = report["audio_secs"].as_f64().unwrap();
        (report["decisions"]["committed"].as_f64().unwrap() / secs, report)
    };
    let (streamed, report) = pace(&["--warm-up", "2"]);
    // 6 s are less than the table holds at this pace, and it is not equally dense everywhere.
    assert!((streamed - 12.0).abs() < 1.0 && report["decisions_per_second"] == 12.0, "{report}");
    assert!(report["full_window_millis"]["total"]["count"].as_u64().unwrap() > 0, "{report}");
    let (whole, report) = pace(&["--whole", "--runs", "2"]);
    assert!((whole - 12.0).abs() < 1.0 && report["hop_millis"]["total"]["count"] == 2, "{report}");
    assert_eq!(report["window"]["mode"], "whole");
    bench.run(&["bench", &clip("short.flac"), "--decisions-per-second", "1"]).exits(1).says(&["at most 4 frames"]);
}

#[test]
fn bench_measures_an_engines_functions_one_by_one() {
    let bench = Bench::new();
    let calls = ["bench", "--calls", "--windows", "1,2,31", "--runs", "2"];
    let report = bench.run(&[&calls[..], &["--json"]].concat()).exits(0).json().remove(0);
    assert_eq!(report["encode"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!((&report["encode"][1]["mel_frames"], &report["skipped_windows"][0]), (&200.into(), &31.0.into()));
    for call in ["predict_millis", "joint_millis"] {
        assert!(report[call]["p95"].as_f64().unwrap() > 0.0 && report[call]["count"] == 2, "{call}: {report}");
    }
    let ran = bench.run(&calls).exits(0);
    assert!(ran.out.contains("encode 31 s: skipped") && ran.out.contains("joint, 16 frames"), "{}", ran.out);
    for wrong in [
        &["bench", "--calls", "a.wav"][..],
        &["bench", "--calls", "--whole"],
        &["bench", "a.wav", "--whole", "--hop", "1"],
    ] {
        bench.run(wrong).exits(2);
    }
}
