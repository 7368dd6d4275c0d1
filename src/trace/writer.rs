//! The writer's thread: lines in through a bounded channel, one write to the file for each, so that a kill loses none behind it.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::trace::{Header, Line};

/// Lines that may wait: several minutes of dictation.
const LINES: usize = 16_384;

/// The end that hands lines over.
#[derive(Debug)]
pub struct TraceWriter {
    lines: Sender<Line>,
    /// Lines that found no room since the last one that did.
    lost: u64,
}

/// The end that owns the file. Finishing it waits for the last line.
#[derive(Debug)]
pub struct TraceFile {
    path: PathBuf,
    thread: JoinHandle<std::io::Result<()>>,
}

impl TraceFile {
    /// Creates the file and writes the header.
    pub fn create(path: &Path, header: Header) -> std::io::Result<(Self, TraceWriter)> {
        let mut file = File::create(path)?;
        write_line(&mut file, &Line::Header(Box::new(header)))?;
        let (lines, receiver) = crossbeam_channel::bounded(LINES);
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(move || write_all(&mut file, &receiver))?;
        Ok((Self { path: path.to_owned(), thread }, TraceWriter { lines, lost: 0 }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the last line; the [`TraceWriter`] must be gone. The error is the first that writing met.
    pub fn finish(self) -> std::io::Result<()> {
        self.thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the trace's thread panicked")))
    }
}

impl TraceWriter {
    /// Hands a line over; never blocks.
    pub fn write(&mut self, line: Line) {
        if self.lost > 0 && self.lines.try_send(Line::Lost { lines: self.lost }).is_ok() {
            self.lost = 0;
        }
        // A closed channel means that the file could not be written; `finish` tells.
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.lost += 1;
        }
    }
}

/// Body of the thread "trace".
fn write_all(file: &mut File, lines: &Receiver<Line>) -> std::io::Result<()> {
    lines.iter().try_for_each(|line| write_line(file, &line))
}

fn write_line(file: &mut File, line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // Unbuffered: what the kernel has outlives the program.
    file.write_all(&text)
}
