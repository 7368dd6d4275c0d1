//! A desk with a microphone, a screen that nobody sees, and a terminal that takes what is typed.

use std::{
    fs,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    server::{Room, Server},
    xvfb::Xvfb,
};

/// For anything that is waited for: a debug build beside other jobs on two cores stays well below.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Folder, screen and sound of one test.
pub(crate) struct Desk {
    pub(crate) room: Room,
    _xvfb: Xvfb,
    children: Vec<Child>,
}

impl Desk {
    /// With these settings.
    pub(crate) fn new(settings: &str) -> Self {
        let xvfb = Xvfb::start();
        let mut room = Room::new();
        room.display = Some(xvfb.display.clone());
        fs::create_dir(room.path("config")).unwrap();
        fs::write(room.path("config/settings.toml"), settings).unwrap();
        Self { room, _xvfb: xvfb, children: Vec::new() }
    }

    pub(crate) fn server(&self) -> Server<'_> {
        self.room.start_server()
    }

    /// Opens the terminal, whose file takes what is typed, and gives it the focus.
    pub(crate) fn terminal(&mut self) {
        let file = self.room.path("typed");
        let shell = format!("stty -icanon min 1 -echo; touch '{0}'; exec cat > '{0}'", file.display());
        let mut xterm = self.room.command("xterm");
        xterm.args(["-u8", "-T", "terminal", "-e", "sh", "-c", &shell]).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(xterm.spawn().expect("xterm is among the packages of `make setup-test`"));
        self.until("the terminal runs", |_| file.exists());
        self.xdotool(&["search", "--sync", "--name", "^terminal$", "windowfocus", "--sync"]);
    }

    /// Starts the program, with its window.
    pub(crate) fn window(&mut self) {
        let mut window = self.room.command(env!("CARGO_BIN_EXE_dictoscope"));
        self.children.push(window.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        self.until("the window is ready", |desk| desk.order("status") == "ready");
    }

    pub(crate) fn xdotool(&self, arguments: &[&str]) {
        let status = self.room.command("xdotool").args(arguments).stdout(Stdio::null()).status();
        assert!(status.expect("xdotool is among the packages of `make setup-test`").success(), "{arguments:?}");
    }

    /// Gives an order by a second program; what it prints.
    pub(crate) fn order(&self, order: &str) -> String {
        let output = self.room.command(env!("CARGO_BIN_EXE_dictoscope")).arg(order).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The whole journal of what was dictated.
    pub(crate) fn journal(&self) -> String {
        let folder = self.room.path("data/history");
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        files.map(|file| fs::read_to_string(file).unwrap()).collect()
    }

    pub(crate) fn typed(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.room.path("typed")).unwrap_or_default()).into_owned()
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < LIMIT, "waited in vain until {what}; typed: {:?}", self.typed());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
