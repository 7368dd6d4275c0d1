//! A PulseAudio of the test's own, in its own folder, with a null sink whose monitor is the virtual microphone.

use std::{
    fs,
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A server that takes longer to answer is broken, even on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A server that outlives its test, should the test be killed, ends by itself after so many idle seconds.
const IDLE_SECS: &str = "60";
/// What PulseAudio, ALSA and the program would otherwise take from whoever runs the tests.
const FOREIGN: &[&str] = &[
    "PULSE_SINK",
    "PULSE_SOURCE",
    "PULSE_COOKIE",
    "PULSE_CONFIG",
    "PULSE_CLIENTCONFIG",
    "PIPEWIRE_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DICTOSCOPE_LOG",
    "RUST_LOG",
];

/// Folder and environment of one test: no sound but its own, no settings but its own.
pub(crate) struct Room {
    folder: TempDir,
    /// The screen that its programs see, if there is one.
    #[allow(dead_code, reason = "only the hotkeys' tests have one")]
    pub(crate) display: Option<String>,
    /// The session bus, if there is one: of a Wayland desktop, where there is no screen.
    #[allow(dead_code, reason = "only the hotkeys' tests have one")]
    pub(crate) bus: Option<String>,
}

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self { folder: TempDir::new().unwrap(), display: None, bus: None };
        fs::create_dir_all(room.path("pulse")).unwrap();
        fs::create_dir(room.path("home")).unwrap();
        // PulseAudio wants its folder to be nobody else's.
        for folder in [room.folder.path(), &room.path("pulse")] {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(folder, private).unwrap();
        }
        // Without a single PCM in its configuration ALSA has no device, whatever cards there are.
        fs::write(room.path("asound.conf"), "").unwrap();
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that hears and sees this room only.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in FOREIGN {
            command.env_remove(name);
        }
        if let Some(display) = &self.display {
            command.env("DISPLAY", display);
        }
        if self.bus.is_some() && self.display.is_none() {
            command.env("WAYLAND_DISPLAY", "wayland-of-this-test");
        }
        command
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("PULSE_RUNTIME_PATH", self.path("pulse"))
            .env("PULSE_SERVER", format!("unix:{}", self.socket().display()))
            .env("HOME", self.path("home"))
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus.as_deref().unwrap_or("disabled:"))
            .env("ALSA_CONFIG_PATH", self.path("asound.conf"))
            .env("DICTOSCOPE_CONFIG_DIR", self.path("config"))
            .env("DICTOSCOPE_DATA_DIR", self.path("data"))
            .stdin(Stdio::null());
        command
    }

    fn socket(&self) -> PathBuf {
        self.path("pulse/native")
    }

    /// Starts the server; returns once it answers and the microphone is there.
    pub(crate) fn start_server(&self) -> Server<'_> {
        // What a killed server left behind would answer nobody.
        drop(fs::remove_file(self.socket()));
        let log = self.path("pulse.log");
        let child = self
            .command("pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time", IDLE_SECS])
            .args(["--resample-method=speex-float-10", &format!("--log-target=file:{}", log.display())])
            .args([
                "-L",
                "module-null-sink sink_name=vmic sink_properties=device.description=vmic rate=48000 channels=1",
            ])
            // Last: when the socket answers, the sink is there.
            .args(["-L", &format!("module-native-protocol-unix socket={}", self.socket().display())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{}", not_startable("pulseaudio", &error)));
        let mut server = Server { room: self, child };
        let began = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < START_LIMIT,
                "pulseaudio does not answer ({}): {}",
                ended.map_or("it runs".to_owned(), |status| status.to_string()),
                fs::read_to_string(&log).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

/// A running server. Dropping it stops it, also when the test panics.
pub(crate) struct Server<'a> {
    room: &'a Room,
    child: Child,
}

impl Server<'_> {
    /// Speaks a recording into the microphone; returns when its last sample was played.
    pub(crate) fn play(&self, recording: &Path) {
        self.tool("paplay", &["--device=vmic", recording.to_str().unwrap()]);
    }

    /// Pulls the microphone out.
    pub(crate) fn unplug(&self) {
        self.tool("pactl", &["unload-module", "module-null-sink"]);
    }

    /// Plugs it in again.
    pub(crate) fn plug(&self) {
        let sink = ["sink_name=vmic", "sink_properties=device.description=vmic", "rate=48000", "channels=1"];
        self.tool("pactl", &[&["load-module", "module-null-sink"][..], &sink].concat());
    }

    /// Plugs in another microphone and makes it the system's default.
    pub(crate) fn plug_default(&self, name: &str) {
        let sink = [format!("sink_name={name}"), format!("sink_properties=device.description={name}")];
        self.tool("pactl", &["load-module", "module-null-sink", &sink[0], &sink[1]]);
        self.tool("pactl", &["set-default-source", &format!("{name}.monitor")]);
    }

    /// Another output, which becomes the system's default; the microphone stays.
    pub(crate) fn plug_output(&self, name: &str) {
        self.tool("pactl", &["load-module", "module-null-sink", &format!("sink_name={name}"), "rate=48000"]);
        self.tool("pactl", &["set-default-sink", name]);
        self.tool("pactl", &["set-default-source", "vmic.monitor"]);
    }

    /// Programs that record from the microphone.
    pub(crate) fn recordings(&self) -> usize {
        self.tool("pactl", &["list", "short", "source-outputs"]).lines().count()
    }

    /// Dies at once, as in a crash.
    pub(crate) fn crash(self) {
        drop(self);
    }

    /// What it prints.
    fn tool(&self, program: &str, args: &[&str]) -> String {
        let output = self.room.command(program).args(args).output();
        let output = output.unwrap_or_else(|error| panic!("{}", not_startable(program, &error)));
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What to do about a program that does not start.
pub(crate) fn not_startable(program: &str, error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        format!(
            "the program `{program}` is missing, so the microphone cannot be tested; `make setup-test` installs it \
             (packages pulseaudio and pulseaudio-utils)"
        )
    } else {
        format!("`{program}` does not start: {error}")
    }
}
