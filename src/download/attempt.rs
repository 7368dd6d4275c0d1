//! One try: a thread asks and reads, this side writes, counts and looks whether it shall stop.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::download::{
    Download, DownloadError, Limits, Progress, Step, check_space,
    http::{self, Head},
    meter::Meter,
    part::{Part, file_error},
};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 16;
/// Chunks between the threads: 1 MB.
const CHUNKS: usize = 16;
/// How soon a wish to stop is seen.
const GLANCE: Duration = Duration::from_millis(100);

enum Message {
    Head(Head),
    Chunk(Vec<u8>),
    /// The connection ended.
    End,
    Failed(DownloadError),
}

/// Asks for what `part` lacks and appends it; counts in `received`. Whole if it succeeds.
pub(super) fn attempt(
    download: &Download,
    limits: Limits,
    cancel: &AtomicBool,
    part: &mut Part,
    received: &mut u64,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(), DownloadError> {
    let messages = ask(download, limits, part)?;
    let mut total = download.size;
    let mut meter = Meter::new(Instant::now(), part.len());
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(DownloadError::Cancelled { part: part.path.clone(), kept: part.len() });
        }
        let message = match messages.recv_timeout(GLANCE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => continue,
            // The thread always says how it ended, unless it panicked.
            Err(RecvTimeoutError::Disconnected) => Message::End,
        };
        match message {
            Message::Head(head) => {
                if !fits(download, &head, part)? {
                    part.restart()?;
                    return attempt(download, limits, cancel, part, received, progress);
                }
                total = total.or(head.total);
                if let (None, Some(total)) = (download.size, total) {
                    let folder = part.path.parent().unwrap_or(&part.path);
                    check_space(folder, total.saturating_sub(part.len()))?;
                }
                if head.tag.as_deref() != part.tag() {
                    part.set_tag(head.tag)?;
                }
                meter = Meter::new(Instant::now(), part.len());
            }
            Message::Chunk(bytes) => {
                part.append(&bytes)?;
                *received += bytes.len() as u64;
                let done = part.len();
                if let Some(expected) = total.filter(|total| done > *total) {
                    part.restart()?;
                    return Err(DownloadError::Size { url: download.url.clone(), expected, found: done });
                }
                let rate = meter.rate(Instant::now(), done);
                progress(&Progress { step: Step::Receiving, done, total, rate });
            }
            Message::End => {
                let found = part.len();
                return match total.filter(|total| found < *total) {
                    Some(expected) => Err(DownloadError::Truncated { url: download.url.clone(), expected, found }),
                    None => Ok(()),
                };
            }
            Message::Failed(error) => return Err(error),
        }
    }
}

/// Whether what follows continues `part`, which is emptied if the server sends the whole file. `false`: it does not, and
/// the whole file has to be asked for.
fn fits(download: &Download, head: &Head, part: &mut Part) -> Result<bool, DownloadError> {
    match head.status {
        200 => {
            if part.len() > 0 {
                part.restart()?;
            }
        }
        206 if head.start == Some(part.len()) => {}
        206 | 416 if part.len() > 0 => return Ok(false),
        status => return Err(DownloadError::Status { url: download.url.clone(), status }),
    }
    match (download.size, head.total) {
        (Some(expected), Some(found)) if expected != found => {
            Err(DownloadError::Size { url: download.url.clone(), expected, found })
        }
        _ => Ok(true),
    }
}

/// A thread that asks and reads. It ends with the connection, at the next chunk after nobody listens any more, or when
/// nothing comes for too long.
fn ask(download: &Download, limits: Limits, part: &Part) -> Result<Receiver<Message>, DownloadError> {
    let (sender, messages) = bounded(CHUNKS);
    let (url, from, tag) = (download.url.clone(), part.len(), part.tag().map(str::to_owned));
    thread::Builder::new()
        .name("download".to_owned())
        .spawn(move || {
            let last = match http::get(&url, from, tag.as_deref(), limits) {
                Ok((head, stream)) => pass_on(head, stream, &sender),
                Err(error) => Message::Failed(error),
            };
            // Nobody listens: it was cancelled.
            let _ = sender.send(last);
        })
        .map_err(file_error(&part.path))?;
    Ok(messages)
}

/// Head and chunks to the other side; what is to be said at the end.
fn pass_on(head: Head, mut stream: http::Stream, sender: &Sender<Message>) -> Message {
    if sender.send(Message::Head(head)).is_err() {
        return Message::End;
    }
    loop {
        let mut chunk = vec![0; CHUNK];
        match stream.read(&mut chunk) {
            Ok(0) => return Message::End,
            Ok(count) => {
                chunk.truncate(count);
                if sender.send(Message::Chunk(chunk)).is_err() {
                    return Message::End;
                }
            }
            Err(error) => return Message::Failed(error),
        }
    }
}
