//! Downloads from servers that break off, stall, lie and change their minds, and packages that are made of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod models;
mod program;
mod server;
mod wheels;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use dictoscope::download::{Download, DownloadError, Fetched, Limits, Step, fetch, hex};
use server::{Reply, Server, Then};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const QUICK: Limits = Limits {
    connect: Duration::from_secs(5),
    stall: Duration::from_millis(300),
    tries: 1,
    pause: Duration::from_millis(1),
};

/// Bytes that are not the same anywhere.
fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut x = seed * 2 + 1;
    let next = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 56) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A folder, and a file in it that is to come.
struct Place {
    folder: TempDir,
    download: Download,
}

impl Place {
    fn new(server: &Server, size: Option<usize>, sha256: Option<String>) -> Self {
        let folder = TempDir::new().unwrap();
        let size = size.map(|size| size as u64);
        let download = Download { url: server.at("file"), to: folder.path().join("below/file"), size, sha256 };
        Self { folder, download }
    }

    /// For a file that is known.
    fn of(server: &Server, body: &[u8]) -> Self {
        Self::new(server, Some(body.len()), Some(sha256(body)))
    }

    fn fetch(&self, limits: Limits) -> Result<Fetched, DownloadError> {
        fetch(&self.download, limits, &AtomicBool::new(false), &mut |_| {})
    }

    /// Stops once `bytes` are there.
    fn stop_after(&self, bytes: u64) -> DownloadError {
        let cancel = AtomicBool::new(false);
        let limits = Limits { stall: Duration::from_secs(20), ..QUICK };
        fetch(&self.download, limits, &cancel, &mut |progress| {
            cancel.fetch_or(progress.step == Step::Receiving && progress.done >= bytes, Ordering::SeqCst);
        })
        .unwrap_err()
    }

    fn part(&self) -> PathBuf {
        self.download.to.with_added_extension("part")
    }

    fn names(&self) -> Vec<String> {
        let below = self.folder.path().join("below");
        let mut names: Vec<_> =
            fs::read_dir(below).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn holds(&self, body: &[u8]) {
        assert!(fs::read(&self.download.to).unwrap() == body);
        assert_eq!(self.names(), ["file"], "nothing is left beside it");
    }
}

#[test]
fn a_file_comes_whole_and_its_progress_is_told() {
    let body = bytes(300_000, 1);
    let server = Server::new({
        let body = body.clone();
        move |_, asked| Reply::file(asked, &body, "\"a\"")
    });
    let place = Place::of(&server, &body);
    let mut last = 0;
    let fetched = fetch(&place.download, QUICK, &AtomicBool::new(false), &mut |progress| {
        assert!(progress.done > last && progress.total == Some(300_000));
        last = progress.done;
    })
    .unwrap();
    assert_eq!(fetched, Fetched { sha256: sha256(&body), received: 300_000 });
    assert_eq!(last, 300_000);
    place.holds(&body);
    assert_eq!(place.fetch(QUICK).unwrap().received, 0, "it is there");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let body = bytes(400_000, 2);
    let server = Server::new({
        let body = body.clone();
        move |number, asked| {
            let reply = Reply::file(asked, &body, "\"a\"");
            if number < 3 { reply.first(100_000, Then::Close) } else { reply }
        }
    });
    let place = Place::of(&server, &body);
    // Every try brings something, so two in vain are never reached.
    place.fetch(Limits { tries: 2, ..QUICK }).unwrap();
    place.holds(&body);
    assert_eq!(server.sent(), 400_000, "no byte came twice");
    let from: Vec<_> = server.asked().iter().map(|asked| asked.from).collect();
    assert_eq!(from, [None, Some(100_000), Some(200_000), Some(300_000)]);
    assert_eq!(server.asked()[1].if_range.as_deref(), Some("\"a\""));
}

#[test]
fn what_came_before_a_stop_does_not_come_again() {
    let body = bytes(500_000, 3);
    let server = Server::new({
        let body = body.clone();
        move |number, asked| {
            let reply = Reply::file(asked, &body, "\"a\"");
            if number == 0 { reply.first(200_000, Then::Stall) } else { reply }
        }
    });
    let place = Place::of(&server, &body);
    let began = Instant::now();
    let error = place.stop_after(200_000);
    assert!(began.elapsed() < Duration::from_secs(5), "a stop does not wait for the server");
    assert!(matches!(error, DownloadError::Cancelled { kept: 200_000, .. }), "{error}");
    assert!(error.to_string().contains("200 kB are kept in"), "{error}");
    assert_eq!(fs::metadata(place.part()).unwrap().len(), 200_000);
    assert_eq!(place.fetch(QUICK).unwrap().received, 300_000);
    place.holds(&body);
    assert_eq!(server.sent(), 500_000);
}

#[test]
fn a_server_that_says_no_more_is_given_up_and_what_came_is_kept() {
    let body = bytes(50_000, 4);
    let server = Server::new({
        let body = body.clone();
        move |_, asked| Reply::file(asked, &body, "\"a\"").first(20_000, Then::Stall)
    });
    let place = Place::of(&server, &body);
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(error, DownloadError::Stalled { .. }), "{error}");
    assert_eq!(fs::metadata(place.part()).unwrap().len(), 20_000);
}

#[test]
fn a_file_cut_short_is_named_with_its_bytes() {
    let body = bytes(50_000, 5);
    let server = Server::new({
        let body = body.clone();
        // The same beginning again and again: no headway, however much comes.
        move |_, _| Reply::new(200, &body).first(30_000, Then::Close)
    });
    let place = Place::of(&server, &body);
    let error = place.fetch(Limits { tries: 3, ..QUICK }).unwrap_err();
    assert!(matches!(error, DownloadError::Truncated { expected: 50_000, found: 30_000, .. }), "{error}");
    assert_eq!(server.asked().len(), 3, "one that made headway and two that did not");
}

#[test]
fn a_file_that_changed_in_between_comes_anew() {
    let (old, new) = (bytes(200_000, 6), bytes(250_000, 7));
    let server = Server::new({
        let (old, new) = (old.clone(), new.clone());
        move |number, asked| {
            if number == 0 {
                Reply::file(asked, &old, "\"old\"").first(100_000, Then::Stall)
            } else {
                Reply::file(asked, &new, "\"new\"")
            }
        }
    });
    let place = Place::new(&server, None, None);
    place.stop_after(100_000);
    assert_eq!(place.fetch(QUICK).unwrap().received, 250_000);
    assert_eq!(server.asked()[1].if_range.as_deref(), Some("\"old\""));
    place.holds(&new);
}

#[test]
fn a_part_without_mark_or_hash_is_not_trusted() {
    let body = bytes(100_000, 8);
    let server = Server::new({
        let body = body.clone();
        move |number, _| {
            if number == 0 { Reply::new(200, &body).first(40_000, Then::Stall) } else { Reply::new(200, &body) }
        }
    });
    let place = Place::new(&server, None, None);
    place.stop_after(40_000);
    assert_eq!(place.fetch(QUICK).unwrap().received, 100_000);
    assert_eq!(server.asked()[1].from, None);
    place.holds(&body);
}

#[test]
fn a_server_without_ranges_sends_the_whole_file() {
    let body = bytes(100_000, 9);
    for status in [200, 416] {
        let server = Server::new({
            let body = body.clone();
            move |number, asked| match (number, asked.from) {
                (0, _) => Reply::new(200, &body).first(40_000, Then::Stall),
                (_, Some(_)) if status == 416 => Reply::new(416, b""),
                _ => Reply::new(200, &body),
            }
        });
        let place = Place::of(&server, &body);
        place.stop_after(40_000);
        assert_eq!(place.fetch(QUICK).unwrap().received, 100_000, "{status}");
        assert_eq!(server.asked()[1].from, Some(40_000));
        place.holds(&body);
    }
}

#[test]
fn a_file_of_another_hash_is_removed() {
    let body = bytes(100_000, 10);
    let server = Server::new({
        let body = body.clone();
        move |number, asked| {
            let mut sent = body.clone();
            sent[70_000] ^= u8::from(number == 0);
            Reply::file(asked, &sent, "\"a\"")
        }
    });
    let place = Place::of(&server, &body);
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(&error, DownloadError::Hash { expected, .. } if *expected == sha256(&body)), "{error}");
    assert_eq!(place.names(), [""; 0]);
    place.fetch(QUICK).unwrap();
    place.holds(&body);
}

#[test]
fn a_file_of_another_size_is_refused_before_it_comes() {
    let server = Server::new(|_, asked| Reply::file(asked, &bytes(100_000, 11), "\"a\""));
    let place = Place::new(&server, Some(99_999), None);
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(error, DownloadError::Size { expected: 99_999, found: 100_000, .. }), "{error}");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_refusal_is_told_and_leaves_nothing() {
    for (status, tries) in [(404, 1), (503, 3)] {
        let server = Server::new(move |_, _| Reply::new(status, b"no"));
        let place = Place::new(&server, None, None);
        let error = place.fetch(Limits { tries: 3, ..QUICK }).unwrap_err();
        assert!(matches!(error, DownloadError::Status { status: found, .. } if found == status), "{error}");
        assert_eq!((server.asked().len(), place.names().len()), (tries, 0), "{status}");
    }
}

#[test]
fn redirects_are_followed_but_not_into_the_clear() {
    let body = bytes(1000, 12);
    let server = Server::new({
        let body = body.clone();
        move |_, asked| match asked.path.as_str() {
            "file" => Reply::new(302, b"").header("Location", "/there"),
            "there" => Reply::file(asked, &body, "\"a\""),
            "away" => Reply::new(301, b"").header("Location", "http://example.org/file"),
            _ => Reply::new(307, b"").header("Location", "round"),
        }
    });
    let mut place = Place::of(&server, &body);
    place.fetch(QUICK).unwrap();
    place.holds(&body);
    place.download = Download { sha256: None, url: server.at("away"), ..place.download };
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(&error, DownloadError::Insecure { url } if url == "http://example.org/file"), "{error}");
    place.download.url = server.at("round");
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(error, DownloadError::Redirects { .. }), "{error}");
    place.holds(&body);
}

#[test]
fn nobody_there_is_told_at_once() {
    let server = Server::new(|_, _| Reply::new(404, b""));
    let mut place = Place::new(&server, None, None);
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    place.download.url = format!("http://{}/file", listener.local_addr().unwrap());
    drop(listener);
    let began = Instant::now();
    let error = place.fetch(Limits { tries: 5, pause: Duration::from_secs(10), ..QUICK }).unwrap_err();
    assert!(matches!(&error, DownloadError::Unreachable { host, .. } if host == "127.0.0.1"), "{error}");
    assert!(error.to_string().contains("offline"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_disk_that_is_too_small_is_told_before() {
    let server = Server::new(|_, _| Reply::new(404, b""));
    let place = Place::new(&server, Some(usize::MAX >> 2), None);
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(error, DownloadError::Space { needs, has, .. } if needs > has), "{error}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let server = Server::new(|_, _| Reply::new(404, b""));
    let place = Place::new(&server, None, None);
    fs::create_dir_all(place.part().parent().unwrap()).unwrap();
    let other = fs::File::create(place.part()).unwrap();
    other.lock().unwrap();
    let error = place.fetch(QUICK).unwrap_err();
    assert!(matches!(error, DownloadError::Busy { .. }), "{error}");
}
