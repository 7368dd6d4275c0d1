//! Many and long recordings: formats, files, several at once, files that break off, interrupts.

use std::fs;

use crate::{
    common::text::plain_words,
    harness::{Bench, clip, heard, text},
    subtitles,
};

#[test]
fn subtitles_are_valid_and_hold_every_word_at_its_time() {
    let bench = Bench::new();
    let story = clip("story.flac");
    let json = &bench.run(&["transcribe", "--json", &story]).exits(0).json()[0];
    let words = json["words"].as_array().unwrap();
    let said: Vec<String> = plain_words(json["text"].as_str().unwrap());
    let srt = bench.run(&["transcribe", "--format", "srt", &story]).exits(0).out;
    let vtt = bench.run(&["transcribe", "--format", "vtt", &story]).exits(0).out;
    let cues = subtitles::srt(&srt);
    assert_eq!(subtitles::vtt(&vtt), cues);
    assert!(cues.len() >= 5, "{srt}");
    let shown: Vec<&str> = cues.iter().flat_map(|cue| &cue.lines).map(String::as_str).collect();
    assert_eq!(plain_words(&shown.join(" ")), said);
    // No cue before its first word.
    let mut next = 0;
    for cue in &cues {
        let start = (words[next]["start_secs"].as_f64().unwrap() * 1000.0).round() as u64;
        assert!(cue.start >= start, "{cue:?} before {}", words[next]);
        assert!(cue.start < start + 1000, "{cue:?} long after {}", words[next]);
        next += cue.lines.join(" ").split_whitespace().count();
    }
    assert_eq!(next, words.len());
}

#[test]
fn several_recordings_go_into_a_folder_as_files_of_their_names() {
    let bench = Bench::new();
    let out = bench.path("out");
    let (short, train) = (clip("short.flac"), clip("train.flac"));
    let missing = text(&bench.path("missing.wav"));
    let args = ["transcribe", "--jobs", "2", "--output", &text(&out), &short, &missing, &train];
    let ran = bench.run(&args).exits(1).says(&["missing.wav"]);
    assert_eq!(ran.out, "");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(read("short.txt"), heard("short.flac") + "\n");
    assert_eq!(read("train.txt"), heard("train.flac") + "\n");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2, "nothing for the one that is missing, and nothing unfinished");

    // What is there stays, the others are done, and the exit code tells.
    fs::write(out.join("short.txt"), "mine").unwrap();
    fs::remove_file(out.join("train.txt")).unwrap();
    bench.run(&["transcribe", "--output", &text(&out), &short, &train]).exits(1).says(&["short.txt", "--overwrite"]);
    assert_eq!((read("short.txt"), read("train.txt")), ("mine".to_owned(), heard("train.flac") + "\n"));
    bench.run(&["transcribe", "--overwrite", "--output", &text(&out), &short]).exits(0);
    assert_eq!(read("short.txt"), heard("short.flac") + "\n");
    // The ending says what is meant.
    let srt = bench.path("short.srt");
    bench.run(&["transcribe", "--output", &text(&srt), &short]).exits(0);
    assert_eq!(subtitles::srt(&fs::read_to_string(srt).unwrap()).len(), 1);
}

#[test]
fn what_cannot_become_one_file_is_wrong_usage() {
    let bench = Bench::new();
    let short = clip("short.flac");
    bench.run(&["transcribe", "--format", "srt", &short, &short]).exits(2).says(&["--output"]);
    bench.run(&["transcribe", "--format", "srt", "--json", &short]).exits(2);
    bench.run(&["transcribe", "--overwrite", &short]).exits(2);
    bench.run(&["transcribe", "--jobs", "0", &short]).exits(2);
    bench.run(&["transcribe", "--output", &text(&bench.path("a")), &short, &short]).exits(1).says(&["short.txt"]);
}

#[test]
fn two_jobs_write_what_one_writes_in_the_order_of_the_arguments() {
    let bench = Bench::new();
    let missing = text(&bench.path("missing.wav"));
    // The first is the longest: the others are done before it.
    let files = [clip("story.flac"), clip("short.flac"), missing.clone(), clip("train.flac"), clip("question.flac")];
    let with = |jobs: &str, format: &str| {
        let flags = ["transcribe", "--jobs", jobs, "--threads", "2", "--format", format];
        let args: Vec<&str> = flags.into_iter().chain(files.iter().map(String::as_str)).collect();
        bench.run(&args).exits(1).says(&["missing.wav"])
    };
    let (one, two) = (with("1", "text"), with("2", "text"));
    assert_eq!(two.out, one.out);
    assert_eq!(two.err, one.err);
    let named: Vec<&str> = one.out.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(named, [&files[0], &files[1], &files[3], &files[4]]);
    let objects = with("3", "json").json();
    let named: Vec<&str> = objects.iter().map(|object| object["file"].as_str().unwrap()).collect();
    assert_eq!(named, files.each_ref().map(String::as_str));
    assert_eq!(objects[1]["text"], heard("short.flac").as_str());
    assert_eq!(objects[0]["engine"]["device"], "CPU, 1 thread");
}

#[test]
fn a_recording_that_breaks_off_gives_its_beginning_and_says_so() {
    let bench = Bench::new();
    let whole = fs::read(clip("story.flac")).unwrap();
    let cut = bench.path("cut.flac");
    fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    let out = bench.path("cut.txt");
    bench.run(&["transcribe", "--output", &text(&out), &text(&cut)]).exits(0).says(&["cut.flac", "truncated"]);
    let (left, all) = (fs::read_to_string(out).unwrap(), bench.run(&["transcribe", &clip("story.flac")]).exits(0).out);
    let (left, all) = (plain_words(&left), plain_words(&all));
    assert!(left.len() * 2 > all.len() && left.len() < all.len(), "{left:?}");
    let same = left.iter().zip(&all).filter(|(left, all)| left == all).count();
    assert!(same + 3 >= left.len(), "{left:?} is no beginning of {all:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_at_once_and_leaves_nothing_half_written() {
    use std::{
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    let bench = Bench::new();
    // Speech: silence is soon read.
    let speech = crate::common::samples(&crate::common::clip("story.flac"));
    let long = bench.wav("long.wav", 16_000, 1, speech.into_iter().cycle().take(16_000 * 1200));
    let out = bench.path("out");
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("dictoscope"))
        .args(["transcribe", "--jobs", "2", "--format", "vtt", "--output", &text(&out), &clip("short.flac"), &long])
        .env("DICTOSCOPE_CONFIG_DIR", bench.path("config"))
        .env("DICTOSCOPE_DATA_DIR", bench.path("data"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while !out.join("short.vtt").exists() {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(20));
    }
    // Ends a program as Ctrl+C does; that one is ignored by all that a shell starts in the background, tests included.
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let asked = Instant::now();
    assert_ne!(child.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["short.vtt"], "what was done is there, and nothing else");
}
