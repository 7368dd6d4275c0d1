//! The program is killed at random moments: what was shown is in the journal, nothing is there twice.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use dictoscope::{
    output::{Journal, JournalWriter},
    session::{Event, Guests},
};
use tempfile::TempDir;

use crate::{
    queue::Slow,
    script::{live, play, recording, until, word_at},
};

const KILLS: u64 = 200;
/// Dictations that run at once; they mostly sleep.
const AT_ONCE: u64 = 4;
/// Longest life after the first word, in microseconds: about 50 hops.
const LIFE_MICROS: u64 = 400_000;
/// An encoder call takes as long; the recording is longer than any life.
const ENCODE: Duration = Duration::from_millis(8);
const SECS: f64 = 120.0;
/// The folder of the journal and of the recording; only the child has it.
const ROOM: &str = "DICTOSCOPE_TEST_ROOM";

/// What is killed: dictates into a journal and shows each committed word as `word TEXT`.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn dictation_to_be_killed() {
    let room = std::path::PathBuf::from(env::var_os(ROOM).unwrap());
    let journal = Journal::new(room.join("history"));
    let guests = Guests {
        journal: Some(Box::new(move |source, info| Box::new(JournalWriter::new(&journal, source.to_owned(), info)))),
        ..Guests::default()
    };
    let mut live = live(guests, |inner| Box::new(Slow { inner, on_encode: Box::new(|| thread::sleep(ENCODE)) }));
    live.send(play(&room.join("noise.wav")));
    loop {
        let mut words = Vec::new();
        let events = until(&mut live, &mut words, |event| matches!(event, Event::Committed(_) | Event::Stopped));
        let mut out = io::stdout();
        for word in &words {
            writeln!(out, "word {}", word.text).unwrap();
        }
        if events.iter().any(|event| matches!(event, Event::Stopped)) {
            return;
        }
    }
}

/// Words that were shown, after a kill `life` after the first; and those that the journal has.
fn killed_after(life: Duration) -> (Vec<String>, Vec<String>) {
    let room = TempDir::new().unwrap();
    recording(&room.path().join("noise.wav"), SECS);
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::dictation_to_be_killed", "--ignored", "--nocapture"])
        .env(ROOM, room.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut take = |shown: &mut Vec<String>| {
        let mut read = String::new();
        let more = lines.read_line(&mut read).unwrap() > 0;
        // Without an end it was not wholly there.
        shown.extend(read.strip_suffix('\n').and_then(|whole| whole.strip_prefix("word ")).map(str::to_owned));
        more
    };
    while shown.is_empty() {
        assert!(take(&mut shown), "no word was shown");
    }
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    while take(&mut shown) {}
    let journal = Journal::new(room.path().join("history"));
    let ids = journal.ids().unwrap();
    assert_eq!(ids.len(), 1, "one dictation");
    let dictation = journal.read(&ids[0]).unwrap();
    assert!(!dictation.ended);
    (shown, dictation.utterances.concat().into_iter().map(|word| word.text).collect())
}

#[test]
fn killed_at_200_random_moments_every_word_that_was_shown_is_in_the_journal_once() {
    let next = AtomicU64::new(0);
    let longest = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let kill = next.fetch_add(1, Ordering::SeqCst);
                    if kill >= KILLS {
                        return;
                    }
                    // Spread over the whole life, and never the same twice.
                    let life = kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) % LIFE_MICROS;
                    let (shown, kept) = killed_after(Duration::from_micros(life));
                    for (k, word) in kept.iter().enumerate() {
                        assert_eq!(word, word_at(k as u64 * crate::script::EVERY), "word {k} of {kept:?}");
                    }
                    assert!(kept.starts_with(&shown), "kill {kill}: shown {shown:?}, kept {kept:?}");
                    longest.fetch_max(kept.len() as u64, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(longest.load(Ordering::SeqCst) > 12, "the kills came while words were written");
}
