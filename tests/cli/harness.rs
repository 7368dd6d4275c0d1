//! The program as the tests call it: recordings and settings in a folder of its own, neither screen nor sound server.

use std::{
    path::{Path, PathBuf},
    process::Output,
};

use assert_cmd::Command;
use dictoscope::session::SessionSettings;
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for recordings and settings, and the program with neither screen nor sound server.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("dictoscope");
        command
            .args(args)
            .env("DICTOSCOPE_CONFIG_DIR", self.path("config"))
            .env("DICTOSCOPE_DATA_DIR", self.path("data"))
            .env("PULSE_SERVER", format!("unix:{}", self.path("no-such-socket").display()))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env_remove("DICTOSCOPE_LOG")
            .env_remove("RUST_LOG")
            .timeout(std::time::Duration::from_mins(2));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// Writes a 16-bit WAV of `channels` channels.
    pub(crate) fn wav(&self, name: &str, rate: u32, channels: u16, samples: impl Iterator<Item = f32>) -> String {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let path = self.path(name);
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for sample in samples {
            for _ in 0..channels {
                writer.write_sample((sample.clamp(-1.0, 1.0) * 32767.0) as i16).unwrap();
            }
        }
        writer.finalize().unwrap();
        text(&path)
    }

    pub(crate) fn float_wav(&self, name: &str, samples: impl Iterator<Item = f32>) -> String {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let path = self.path(name);
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        samples.for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        text(&path)
    }
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        self
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub(crate) fn clip(name: &str) -> String {
    text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clips").join(name))
}

/// What the embedded model hears in a clip as a whole file, by its reference.
pub(crate) use crate::common::reference_text as heard;

/// What it hears streamed: by a session in this process, for there is no reference for windows.
pub(crate) fn heard_streamed(name: &str) -> String {
    use crate::common::{blocks, run, stream};
    run(&mut stream(SessionSettings::default()), blocks(Path::new(&clip(name)))).text()
}

/// A clip's samples at 16 kHz, through the program's own reader of files.
pub(crate) fn samples(name: &str) -> Vec<f32> {
    let mut file = dictoscope::audio::AudioFile::open(Path::new(&clip(name))).unwrap();
    let mut samples = Vec::new();
    while let Some(block) = file.next_block().unwrap() {
        samples.extend_from_slice(block.samples());
    }
    samples
}
