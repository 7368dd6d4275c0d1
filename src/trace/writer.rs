//! The writer's thread: lines and tensors in through bounded channels, one write to the file for each, so that a kill loses
//! none behind it.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, select};

use crate::{
    private,
    trace::{
        Line,
        tensors::{Piece, TensorWriter},
    },
};

/// Lines that may wait: several minutes of dictation.
const LINES: usize = 16_384;
/// Tensors that may wait, of at most one window each: tens of MB at worst.
const PIECES: usize = 64;

/// Hands lines to the file's thread. Dropping it waits for the last line.
#[derive(Debug)]
pub struct TraceWriter {
    path: PathBuf,
    /// Taken when it ends.
    senders: Option<(Sender<Line>, Sender<Piece>)>,
    thread: Option<JoinHandle<io::Result<()>>>,
    /// Lines that found no room since the last one that did.
    lost: u64,
    /// Wait for a slow disk instead of losing lines: for sources that are not live.
    wait: bool,
}

impl TraceWriter {
    /// Creates the file at `path` and writes its first line. `wait`: a full queue holds the caller up, else it loses lines,
    /// which are counted.
    pub fn create(path: &Path, header: &Line, wait: bool) -> io::Result<Self> {
        Self::with_tensors(path, header, wait, None)
    }

    pub(super) fn with_tensors(
        path: &Path,
        header: &Line,
        wait: bool,
        mut tensors: Option<TensorWriter>,
    ) -> io::Result<Self> {
        let mut file = private::create(path)?;
        write_line(&mut file, header)?;
        let (lines, line_receiver) = crossbeam_channel::bounded(LINES);
        let (pieces, piece_receiver) = crossbeam_channel::bounded(PIECES);
        let thread = thread::Builder::new()
            .name("trace".to_owned())
            .spawn(move || write_all(&mut file, &line_receiver, &piece_receiver, &mut tensors))?;
        Ok(Self { path: path.to_owned(), senders: Some((lines, pieces)), thread: Some(thread), lost: 0, wait })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands a line over. Whether it found room.
    pub fn write(&mut self, line: Line) -> bool {
        let Some((lines, _)) = &self.senders else { return false };
        if self.lost > 0 && lines.try_send(Line::Lost { lines: self.lost }).is_ok() {
            self.lost = 0;
        }
        let sent = send(lines, line, self.wait);
        // A closed channel means that the file could not be written; `fault` and `finish` tell.
        self.lost += u64::from(!sent);
        sent
    }

    /// Hands rows of a side file over. Whether they found room.
    pub(super) fn write_piece(&mut self, piece: Piece) -> bool {
        self.senders.as_ref().is_some_and(|(_, pieces)| send(pieces, piece, self.wait))
    }

    /// Why the file can no longer be written, once, if it cannot.
    pub fn fault(&mut self) -> Option<String> {
        if self.senders.is_none() || !self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            return None;
        }
        self.finish().err().map(|error| self.incomplete(&error))
    }

    /// Waits for the last line. The error is the first that writing met; a second call has nothing to say.
    pub fn finish(&mut self) -> io::Result<()> {
        self.senders = None;
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the trace's thread panicked")))
    }

    /// The message of a trace that could not be written to its end.
    pub fn incomplete(&self, error: &io::Error) -> String {
        format!("{}: the trace is incomplete: {error}", self.path.display())
    }
}

impl Drop for TraceWriter {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            log::error!("{}", self.incomplete(&error));
        }
    }
}

fn send<T>(channel: &Sender<T>, value: T, wait: bool) -> bool {
    if wait {
        return channel.send(value).is_ok();
    }
    !matches!(channel.try_send(value), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
}

/// Body of the thread "trace": until the senders are gone and both queues are empty.
fn write_all(
    file: &mut File,
    lines: &Receiver<Line>,
    pieces: &Receiver<Piece>,
    tensors: &mut Option<TensorWriter>,
) -> io::Result<()> {
    let mut write_piece = |piece: &Piece| tensors.as_mut().map_or(Ok(()), |tensors| tensors.write(piece));
    loop {
        select! {
            recv(lines) -> line => match line {
                Ok(line) => write_line(file, &line)?,
                Err(_) => break,
            },
            recv(pieces) -> piece => match piece {
                Ok(piece) => write_piece(&piece)?,
                Err(_) => break,
            },
        }
    }
    pieces.iter().try_for_each(|piece| write_piece(&piece))?;
    lines.iter().try_for_each(|line| write_line(file, &line))
}

fn write_line(file: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // Unbuffered: what the kernel has outlives the program.
    file.write_all(&text)
}
