//! An hour of sound takes no more memory than its first minutes. Alone in its program: memory is that of the whole process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{fs, path::Path};

use common::{blurred::Blurred, embedded, scripted};
use dictoscope::{
    audio::AudioFile,
    session::{Probe, Session, SessionSettings, Stage},
};

/// Most memory so far, in bytes (`VmHWM`).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// 16-bit mono at 8 kHz, written piece by piece.
fn write_wav(path: &Path, secs: u32) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let mut state = 1_u32;
    for _ in 0..secs * 8000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writer.write_sample((state >> 22) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// Counts words and keeps none.
#[derive(Default)]
struct Count(usize);

impl Probe for Count {
    fn on(&mut self, stage: Stage<'_>) {
        if let Stage::Committed(words) = stage {
            self.0 += words.len();
        }
    }
}

#[test]
fn an_hour_takes_no_more_memory_than_its_first_minutes() {
    const HOUR: u32 = 3600;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hour.wav");
    write_wav(&path, HOUR);
    // Two words a second.
    let places: Vec<u64> = (0..u64::from(HOUR) * 2).map(|n| 3 + n * 25 / 4).collect();
    let engine = Blurred::new(places.clone(), 5, &scripted::vocabulary());
    let mut session = Session::whole_file(&embedded(), Box::new(engine), SessionSettings::default()).unwrap();
    let (mut file, mut count, mut early) = (AudioFile::open(&path).unwrap(), Count::default(), None);
    while let Some(block) = file.next_block().unwrap() {
        session.push(&block, &mut count).unwrap();
        if early.is_none() && block.end().secs() > 150.0 {
            early = Some(peak());
        }
    }
    session.finish(&mut count).unwrap();
    assert_eq!(file.notices(), [""; 0]);
    assert_eq!(count.0, places.iter().filter(|place| **place < u64::from(HOUR) * 100 / 8).count());
    let grown = peak() - early.unwrap();
    assert!(grown < 2_000_000, "{grown} bytes more after an hour, whose samples alone are 230 MB");
}
