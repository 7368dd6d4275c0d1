//! The listening side: a thread that takes one connection after the other.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use interprocess::local_socket::{GenericFilePath, Listener, ListenerOptions, Stream, prelude::*};

use crate::{
    private,
    remote::{MOST_BYTES, Order, RemoteError, Reply, socket},
};

/// Who says nothing for so long is not listened to any more.
const LIMIT: Duration = Duration::from_secs(2);

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens in `folder`, which is made if it is not there; `answer` is called on the server's thread. There can be one: a
    /// second finds the first running. What a killed program left behind is no hindrance.
    pub fn open(folder: &Path, answer: impl Fn(Order) -> Reply + Send + 'static) -> Result<Self, RemoteError> {
        let path = socket(folder);
        let io = |source| RemoteError::Io { path: path.clone(), source };
        if !cfg!(windows) {
            private::folder(folder).map_err(io)?;
        }
        let name = path.as_path().to_fs_name::<GenericFilePath>().map_err(io)?;
        if Stream::connect(name.borrow()).is_ok() {
            return Err(RemoteError::Running { path });
        }
        if !cfg!(windows) && path.exists() {
            // Nobody listens: its program was killed.
            fs::remove_file(&path).map_err(io)?;
        }
        let options = ListenerOptions::new().name(name);
        #[cfg(unix)]
        let options = {
            use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
            options.mode(0o600)
        };
        let listener = options.create_sync().map_err(io)?;
        let closing = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("remote".to_owned()).spawn({
            let closing = Arc::clone(&closing);
            move || listen(&listener, &closing, &answer)
        });
        Ok(Self { thread: Some(thread.map_err(io)?), path, closing })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is to end.
        let woken = self.path.as_path().to_fs_name::<GenericFilePath>().and_then(Stream::connect);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take())
            && thread.join().is_err()
        {
            log::error!("the thread that takes orders ended in a panic");
        }
    }
}

fn listen(listener: &Listener, closing: &AtomicBool, answer: &impl Fn(Order) -> Reply) {
    for stream in listener.incoming() {
        if closing.load(Ordering::SeqCst) {
            return;
        }
        // A connection that breaks off is its own loss.
        if let Err(error) = stream.and_then(|stream| serve(stream, answer)) {
            log::debug!("an order was not taken: {error}");
        }
    }
}

/// A line, or what there is of one that is too long; all of it within the limit, however slowly it comes.
fn read_line(mut stream: &Stream) -> io::Result<String> {
    let end = Instant::now() + LIMIT;
    let (mut line, mut chunk) = (Vec::new(), [0; 512]);
    while line.len() < MOST_BYTES as usize && !line.contains(&b'\n') {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_recv_timeout(Some(left))?;
        match stream.read(&mut chunk)? {
            0 => break,
            count => line.extend_from_slice(&chunk[..count]),
        }
    }
    String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn serve(mut stream: Stream, answer: &impl Fn(Order) -> Reply) -> io::Result<()> {
    stream.set_send_timeout(Some(LIMIT))?;
    let line = read_line(&stream)?;
    let reply = match serde_json::from_str::<Order>(&line) {
        Ok(order) => answer(order),
        Err(error) => Reply::Refused { reason: format!("expected an order, found {:?}: {error}", line.trim()) },
    };
    let mut text = serde_json::to_string(&reply)?;
    text.push('\n');
    stream.write_all(text.as_bytes())
}
