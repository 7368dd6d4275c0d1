//! A web server on this machine that says and does what a test tells it to, and counts what it sent.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// First byte of the range.
    pub(crate) from: Option<usize>,
    pub(crate) if_range: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body that are sent before `then`; all of them otherwise.
    pub(crate) sends: usize,
    pub(crate) then: Then,
}

/// What follows the bytes that are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// The end of the connection.
    Close,
    /// Nothing, for ten seconds.
    Stall,
}

impl Reply {
    pub(crate) fn new(status: u16, body: &[u8]) -> Self {
        Self { status, headers: Vec::new(), sends: body.len(), body: body.to_vec(), then: Then::Close }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn first(mut self, sends: usize, then: Then) -> Self {
        (self.sends, self.then) = (sends.min(self.body.len()), then);
        self
    }

    /// As a good server answers: the rest if the mark is the right one or none was given, else the whole file.
    pub(crate) fn file(asked: &Asked, body: &[u8], tag: &str) -> Self {
        let same = asked.if_range.as_deref().is_none_or(|asked| asked == tag);
        let reply = match asked.from {
            Some(from) if from >= body.len() => Self::new(416, b""),
            Some(from) if same => Self::new(206, &body[from..])
                .header("Content-Range", &format!("bytes {from}-{}/{}", body.len() - 1, body.len())),
            _ => Self::new(200, body),
        };
        reply.header("ETag", tag)
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// `answer` gets the number of the request, from 0, and the request.
    pub(crate) fn new(answer: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, sent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let server = Self { url, asked: Arc::clone(&asked), sent: Arc::clone(&sent) };
        let answer = Arc::new(answer);
        thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (asked, sent, answer) = (Arc::clone(&asked), Arc::clone(&sent), Arc::clone(&answer));
                    let one = move || serve(stream, &asked, &sent, &*answer);
                    thread::Builder::new().name("connection".to_owned()).spawn(one).unwrap();
                }
            })
            .unwrap();
        server
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Bytes of bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// A client that goes away is no failure of the server.
fn serve(
    mut stream: TcpStream,
    all: &Mutex<Vec<Asked>>,
    sent: &AtomicU64,
    answer: &(dyn Fn(usize, &Asked) -> Reply + Send + Sync),
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
    let mut asked = Asked { path, ..Asked::default() };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_lowercase().as_str() {
            "range" => {
                asked.from = Some(value.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap());
            }
            "if-range" => asked.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    let number = {
        let mut all = all.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    let reply = answer(number, &asked);
    let more: String = reply.headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let (status, length) = (reply.status, reply.body.len());
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n");
    // In small portions, so that the other side sees progress.
    let mut whole = stream.write_all(head.as_bytes()).is_ok();
    for portion in reply.body[..reply.sends].chunks(10_000) {
        whole = whole && stream.write_all(portion).is_ok();
        if whole {
            sent.fetch_add(portion.len() as u64, Ordering::SeqCst);
        }
    }
    if let Then::Stall = reply.then {
        thread::sleep(Duration::from_secs(10));
    }
}
