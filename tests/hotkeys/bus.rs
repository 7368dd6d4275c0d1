//! A session bus of the test's own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Ends with its value.
pub(crate) struct Bus {
    pub(crate) address: String,
    daemon: Child,
}

impl Bus {
    pub(crate) fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is among the packages of `make setup-test`");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { address: address.trim().to_owned(), daemon }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
