//! A desk with a microphone, a screen that nobody sees, and a terminal that takes what is typed.

use std::{
    fs,
    process::{Child, ExitStatus, Stdio},
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

    /// Starts a window manager; without one nothing is minimised, and nothing has the focus by itself.
    pub(crate) fn window_manager(&mut self) {
        let mut openbox = self.room.command("openbox");
        openbox.stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(openbox.spawn().expect("openbox is among the packages of `make setup-test`"));
        let mut xprop = self.room.command("xprop");
        xprop.args(["-root", "_NET_SUPPORTING_WM_CHECK"]);
        let xprop = std::cell::RefCell::new(xprop);
        self.until("the window manager runs", |_| {
            let output = xprop.borrow_mut().output().expect("xprop is among the packages of `make setup-test`");
            String::from_utf8_lossy(&output.stdout).contains("window id")
        });
    }

    /// Starts the program, with its window.
    pub(crate) fn window(&mut self) {
        self.window_with(&[]);
    }

    /// The same with flags.
    pub(crate) fn window_with(&mut self, arguments: &[&str]) {
        let mut window = self.room.command(env!("CARGO_BIN_EXE_dictoscope"));
        let log = fs::File::create(self.room.path("stderr")).unwrap();
        self.children.push(window.args(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.until("the window is ready", |desk| desk.order("status") == "ready");
    }

    /// How the program ended that was started last, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.children.last_mut().unwrap().try_wait().unwrap()
    }

    pub(crate) fn xdotool(&self, arguments: &[&str]) {
        let status = self.room.command("xdotool").args(arguments).stdout(Stdio::null()).status();
        assert!(status.expect("xdotool is among the packages of `make setup-test`").success(), "{arguments:?}");
    }

    /// What it prints, without the line break.
    pub(crate) fn asked(&self, arguments: &[&str]) -> String {
        let output = self.room.command("xdotool").args(arguments).output();
        let output = output.expect("xdotool is among the packages of `make setup-test`");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Title of the window that has the focus.
    pub(crate) fn focused(&self) -> String {
        self.asked(&["getwindowfocus", "getwindowname"])
    }

    /// Whether a window of this title is on the screen.
    pub(crate) fn is_shown(&self, title: &str) -> bool {
        !self.asked(&["search", "--onlyvisible", "--name", &format!("^{title}$")]).is_empty()
    }

    /// What the screen shows, for a person to look at, where `PRESENCE_PICTURES` names a folder for that.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("PRESENCE_PICTURES") else { return };
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        let status = self.room.command("import").args(["-window", "root"]).arg(path).status();
        assert!(status.expect("imagemagick is among the packages of `make setup-test`").success());
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
