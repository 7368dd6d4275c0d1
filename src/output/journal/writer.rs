//! Writes one dictation: a guest of the session hands lines to a thread of its own, which holds nothing up.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::{
    engine::EngineInfo,
    output::journal::{
        Journal, JournalChange, JournalError, JournalLine, JournalWord,
        line::FORMAT,
        written::{Done, Written},
    },
    private,
    session::{Probe, Stage},
    text::{CaredWord, TextCare},
    units::{EncIdx, SAMPLE_RATE_HZ},
};

/// Lines that may wait for a slow disk: more than an hour of dictation.
const LINES: usize = 16_384;
/// Inference waits no longer than this for the kernel to have a line. It mostly takes a tenth of a millisecond.
const WRITE_LIMIT: Duration = Duration::from_millis(250);

/// What the thread does with a line.
enum Order {
    Write(JournalLine),
    /// The same, and the disk must have it.
    Sync(JournalLine),
}

/// The guest that writes a dictation down. The file is made when the first word comes; dropping it ends the file.
#[derive(Debug)]
pub struct JournalWriter {
    journal: Journal,
    source: String,
    engine: String,
    model: String,
    care: TextCare,
    /// Words of which it is written what became of them.
    cared: usize,
    /// Frame of the first utterance: times count from there.
    origin: Option<EncIdx>,
    file: Option<Running>,
    /// What went wrong and was not told yet.
    fault: Option<String>,
    /// Something went wrong: nothing more is written.
    given_up: bool,
}

/// An open file and its thread.
#[derive(Debug)]
struct Running {
    path: PathBuf,
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    /// Lines handed over.
    sent: u64,
    written: Arc<Written>,
    /// A line was waited for in vain: until the thread has caught up none is waited for.
    behind: bool,
}

impl JournalWriter {
    /// A dictation of `source` with the engine of `info`.
    pub fn new(journal: &Journal, source: String, info: &EngineInfo) -> Self {
        Self {
            journal: journal.clone(),
            source,
            engine: format!("{}, {}", info.engine, info.device),
            model: info.model.clone(),
            care: TextCare::default(),
            cared: 0,
            origin: None,
            file: None,
            fault: None,
            given_up: false,
        }
    }

    /// Writes down, beside the words, what rules make of them.
    #[must_use]
    pub fn caring(mut self, care: TextCare) -> Self {
        self.care = care;
        self
    }

    fn changes(&mut self, cared: Vec<CaredWord>) -> Vec<JournalChange> {
        let mut changes = Vec::new();
        for CaredWord { text, glued, raw, rule } in cared {
            let (first, count) = (self.cared, raw.len());
            self.cared += count;
            changes.extend(rule.map(|rule| JournalChange { first, count, text, glued, rule: rule.to_string() }));
        }
        changes
    }

    fn give_up(&mut self, reason: String) {
        self.fault = Some(reason);
        self.given_up = true;
    }

    /// Hands a line over; the first makes the file.
    fn send(&mut self, order: Order) {
        if self.given_up {
            return;
        }
        if self.file.is_none() {
            let begin = JournalLine::Begin {
                format: FORMAT.to_owned(),
                at: now(),
                source: self.source.clone(),
                engine: self.engine.clone(),
                model: self.model.clone(),
            };
            match Running::create(&self.journal, &begin) {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    self.give_up(format!("{error}; what is said is not kept"));
                    return;
                }
            }
        }
        let Some(file) = &mut self.file else { return };
        let Some(orders) = &file.orders else { return };
        let reason = match orders.try_send(order) {
            Ok(()) => {
                file.sent += 1;
                file.wait();
                return;
            }
            Err(TrySendError::Full(_)) => "the disk is too slow".to_owned(),
            Err(TrySendError::Disconnected(_)) => {
                file.finish().err().map_or_else(|| "its thread ended".to_owned(), |error| error.to_string())
            }
        };
        let reason = format!("{}: the journal is incomplete: {reason}", file.path.display());
        self.give_up(reason);
    }
}

impl Probe for JournalWriter {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::UtteranceStart(at) => {
                self.origin.get_or_insert(at);
            }
            Stage::Committed(words) => {
                let offset = self.origin.unwrap_or_default().secs();
                let cared = self.care.push(words);
                let changes = self.changes(cared);
                let words = words.iter().map(|word| JournalWord::of(word, offset)).collect();
                self.send(Order::Write(JournalLine::Words { at: now(), words, changes }));
            }
            // Utterances without a word make no file.
            Stage::UtteranceEnd(at, _) if self.file.is_some() => {
                let end = at.secs() - self.origin.unwrap_or_default().secs();
                let cared = self.care.finish();
                let changes = self.changes(cared);
                self.send(Order::Sync(JournalLine::Utterance { end, changes }));
            }
            Stage::Cancelled if self.file.is_some() => {
                let text = "cancelled: what was not committed was thrown away".to_owned();
                self.send(Order::Write(JournalLine::Note { at: now(), text }));
            }
            Stage::Gap(_, samples) if self.file.is_some() => {
                let millis = samples as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ);
                self.send(Order::Write(JournalLine::Note {
                    at: now(),
                    text: format!("{millis:.0} ms of sound are missing"),
                }));
            }
            _ => {}
        }
    }

    fn fault(&mut self) -> Option<String> {
        // A thread that ended early met an error that no line has told yet.
        if self.fault.is_none()
            && let Some(file) = &mut self.file
            && file.written.has_ended()
            && let Err(error) = file.finish()
        {
            return Some(format!("{}: the journal is incomplete: {error}", file.path.display()));
        }
        self.fault.take()
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.send(Order::Sync(JournalLine::End { at: now() }));
        }
        if let Some(Err(error)) = self.file.as_mut().map(Running::finish) {
            log::error!("the journal is incomplete: {error}");
        }
    }
}

impl Running {
    fn create(journal: &Journal, begin: &JournalLine) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { path: journal.folder.clone(), action: "written", source };
        private::folder(&journal.folder).map_err(io)?;
        let (path, mut file) = new_file(&journal.folder).map_err(io)?;
        write_line(&mut file, begin).map_err(io)?;
        let (orders, receiver) = crossbeam_channel::bounded(LINES);
        let written = Arc::<Written>::default();
        let done = Done(Arc::clone(&written));
        let work = move || write_all(&mut file, &receiver, &done);
        let thread = Some(thread::Builder::new().name("journal".to_owned()).spawn(work).map_err(io)?);
        Ok(Self { path, orders: Some(orders), thread, sent: 0, written, behind: false })
    }

    /// Waits a moment for the kernel to have all lines: what is shown after this outlives the program.
    fn wait(&mut self) {
        let limit = if self.behind { Duration::ZERO } else { WRITE_LIMIT };
        self.behind = !self.written.reached(self.sent, limit);
    }

    /// Waits for the last line; the first error that writing met.
    fn finish(&mut self) -> io::Result<()> {
        self.orders = None;
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the journal's thread panicked")))
    }
}

/// Body of the thread "journal".
fn write_all(file: &mut File, orders: &Receiver<Order>, done: &Done) -> io::Result<()> {
    for order in orders {
        match order {
            Order::Write(line) => write_line(file, &line)?,
            Order::Sync(line) => {
                write_line(file, &line)?;
                file.sync_data()?;
            }
        }
        done.line();
    }
    Ok(())
}

fn write_line(file: &mut File, line: &JournalLine) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // Unbuffered: what the kernel has outlives the program.
    file.write_all(&text)
}

/// A new file named by the time in UTC, which only its user can read.
fn new_file(folder: &Path) -> io::Result<(PathBuf, File)> {
    let stem = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let mut options = private::options();
    options.append(true).create_new(true);
    for n in 0_u32.. {
        let name = if n == 0 { format!("{stem}.jsonl") } else { format!("{stem}-{n}.jsonl") };
        let path = folder.join(name);
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// Milliseconds since 1970, UTC.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
