//! Orders from a second program: one listener, whatever its callers do, and no door for anybody else.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![cfg(unix)]

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    sync::{Arc, Mutex},
};

use dictoscope::remote::{Order, RemoteError, Reply, Server, ask};
use tempfile::TempDir;

/// A server that writes down what it is told.
fn server(folder: &TempDir) -> (Server, Arc<Mutex<Vec<Order>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let server = Server::open(folder.path(), move |order| {
        log.lock().unwrap().push(order.clone());
        match order {
            Order::Engine { name } => Reply::Refused { reason: format!("no engine is called {name}") },
            _ => Reply::Done { state: "ready".to_owned() },
        }
    });
    (server.unwrap(), told)
}

#[test]
fn orders_arrive_and_are_answered() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(ask(folder.path(), &Order::Toggle), Err(RemoteError::NotRunning { .. })));
    let (server, told) = server(&folder);
    assert_eq!(ask(folder.path(), &Order::Toggle).unwrap(), Reply::Done { state: "ready".to_owned() });
    let engine = Order::Engine { name: "tract \"1\"\n".to_owned() };
    assert!(matches!(ask(folder.path(), &engine).unwrap(), Reply::Refused { reason } if reason.contains("tract")));
    assert_eq!(*told.lock().unwrap(), [Order::Toggle, engine]);
    drop(server);
    assert!(matches!(ask(folder.path(), &Order::Status), Err(RemoteError::NotRunning { .. })));
}

#[test]
fn there_is_one_listener_and_a_dead_one_is_no_hindrance() {
    let folder = TempDir::new().unwrap();
    let (first, _) = server(&folder);
    let second = Server::open(folder.path(), |_| Reply::Done { state: String::new() });
    assert!(matches!(second, Err(RemoteError::Running { .. })));
    drop(first);
    // A socket file that nobody listens at, as a killed program leaves it.
    let path = folder.path().join("dictoscope.sock");
    fs::remove_file(&path).ok();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (_third, told) = server(&folder);
    ask(folder.path(), &Order::Show).unwrap();
    assert_eq!(*told.lock().unwrap(), [Order::Show]);
}

#[test]
fn only_the_user_may_connect() {
    let folder = TempDir::new().unwrap();
    let _server = server(&folder);
    let mode = fs::metadata(folder.path().join("dictoscope.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn nonsense_is_refused_and_silence_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let (_server, told) = server(&folder);
    let path = folder.path().join("dictoscope.sock");
    // One says nothing and stays, one goes at once, the others talk nonsense.
    let _silent = UnixStream::connect(&path).unwrap();
    drop(UnixStream::connect(&path).unwrap());
    let endless = vec![b'x'; 100_000];
    for nonsense in [&b"{}\n"[..], b"\n", b"{\"order\":\"format\"}\n", b"\xff\xfe\n", &endless] {
        let mut stream = UnixStream::connect(&path).unwrap();
        // The server may hang up while it is still being talked at.
        let _ = stream.write_all(nonsense);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.contains("refused"), "{answer}");
    }
    assert_eq!(ask(folder.path(), &Order::Status).unwrap(), Reply::Done { state: "ready".to_owned() });
    assert_eq!(*told.lock().unwrap(), [Order::Status]);
}

#[test]
fn who_drips_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let (_server, _) = server(&folder);
    let mut slow = UnixStream::connect(folder.path().join("dictoscope.sock")).unwrap();
    slow.write_all(b"{").unwrap();
    let drip = std::thread::Builder::new()
        .name("drip".to_owned())
        .spawn(move || {
            // Far longer than anybody is listened to; the server hangs up before.
            (0..60)
                .take_while(|_| {
                    std::thread::sleep(std::time::Duration::from_millis(300));
                    slow.write_all(b" ").is_ok()
                })
                .count()
        })
        .unwrap();
    ask(folder.path(), &Order::Status).unwrap();
    assert!(drip.join().unwrap() < 40);
}
