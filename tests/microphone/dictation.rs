//! `dictoscope dictate --json` as a test watches it: events as they come, what was committed, how it ended.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};
use serde_json::Value;

use crate::server::Room;

/// For anything that is waited for: a debug build beside other jobs on two cores stays well below.
const LIMIT: Duration = Duration::from_mins(1);

/// A running dictation. Dropping it ends it, also when the test panics.
pub(crate) struct Dictation<'a> {
    room: &'a Room,
    child: Child,
    lines: Receiver<String>,
    /// Every event so far.
    pub(crate) events: Vec<Value>,
}

impl<'a> Dictation<'a> {
    pub(crate) fn start(room: &'a Room, args: &[&str]) -> Self {
        let mut child = room
            .command(env!("CARGO_BIN_EXE_dictoscope"))
            .args(["dictate", "--json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(File::create(room.path("stderr")).unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = bounded(10_000);
        let read = move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        thread::Builder::new().name("events".to_owned()).spawn(read).unwrap();
        Self { room, child, lines, events: Vec::new() }
    }

    /// Waits until an event of this name comes and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, name: &str) -> Value {
        let until = Instant::now() + LIMIT;
        loop {
            let Ok(line) = self.lines.recv_deadline(until) else {
                panic!("waited for {name:?} in vain.\nevents: {:#?}\nstderr: {}", self.names(), self.stderr());
            };
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            self.events.push(event.clone());
            if event["event"] == name {
                return event;
            }
        }
    }

    /// The first notice, which may have come already.
    #[track_caller]
    pub(crate) fn notice(&mut self) -> String {
        let came = self.events.iter().find(|event| event["event"] == "notice").cloned();
        let notice = came.unwrap_or_else(|| self.wait_for("notice"));
        notice["text"].as_str().expect("a notice's text").to_owned()
    }

    /// Presses Ctrl+C and reads to the end, which is to be a good one.
    #[track_caller]
    pub(crate) fn interrupt(&mut self) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        self.wait_for("stopped");
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.stderr());
        assert!(self.lines.try_recv().is_err(), "stopped is the last event");
        self.is_calm();
    }

    /// Presses Ctrl+C while nothing is dictated.
    #[track_caller]
    pub(crate) fn end(&mut self) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.stderr());
        self.is_calm();
    }

    /// Waits until the program ends by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end. events: {:#?}", self.names());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// No panic, and no error of a library that a person can do nothing about.
    #[track_caller]
    pub(crate) fn is_calm(&self) {
        let said = self.stderr();
        assert!(!said.contains("panicked") && !said.contains("ERROR"), "{said}");
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.room.path("stderr")).unwrap()
    }

    /// Names of the events so far.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event["event"].as_str()).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().contains(&name)
    }

    /// Committed words, and when each begins, in seconds.
    fn committed(&self) -> impl Iterator<Item = &Value> {
        let committed = self.events.iter().filter(|event| event["event"] == "committed");
        committed.flat_map(|event| event["words"].as_array().expect("committed words"))
    }

    /// Everything committed so far, as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for word in self.committed() {
            if !text.is_empty() && word["glued"] == false {
                text.push(' ');
            }
            text += word["text"].as_str().expect("a word's text");
        }
        text
    }

    /// When each committed word begins, in seconds.
    pub(crate) fn starts_secs(&self) -> Vec<f64> {
        self.committed().map(|word| word["start_secs"].as_f64().expect("a time")).collect()
    }
}

impl Drop for Dictation<'_> {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
