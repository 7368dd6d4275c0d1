//! A flip that 16-bit rounding makes: found by playing a recording at the very loudness at which two choices tie.

use std::path::Path;

use dictoscope::{
    audio::blocks_from,
    engine::{Arithmetic, Engine},
    parity::Comparison,
    session::{Session, SessionSettings},
    trace::{TraceOptions, TraceProbe, header},
    units::SampleIdx,
};

use crate::{
    common::{self, THREADS},
    compared,
    plant::{Faulty, round_to_f16},
};

/// Tried in this order; how loud a clip is matters little to a robust model, and for some its path never changes.
const CLIPS: &[&str] = &["short.flac", "train.flac", "numbers.flac", "meeting.flac", "letter.flac"];

/// Runs the clip at `gain` and writes it down; the path of the decisions.
fn run(path: &Path, samples: &[f32], gain: f32, rounded: bool) -> Vec<(u32, u64, u32)> {
    let model = common::embedded();
    let mut engine = model.open_rten(THREADS).unwrap();
    if rounded {
        engine = Box::new(Faulty { encoded: Some(Box::new(|_, out| round_to_f16(out))), ..Faulty::new(engine) });
    }
    let mut session = Session::whole_file(&model, engine as Box<dyn Engine>, SessionSettings::default()).unwrap();
    let options = TraceOptions::new("a recording at some loudness", true);
    let mut header = header(&session, path, &options);
    if rounded {
        // What really runs: the gate of 16 bits applies.
        header.engine.arithmetic = Arithmetic::F16;
    }
    let pieces = session.vocabulary().pieces().clone();
    let mut trace = TraceProbe::with_header(path, header, &pieces, &options).unwrap();
    let mut heard = common::Heard::default();
    let scaled: Vec<f32> = samples.iter().map(|x| x * gain).collect();
    for block in blocks_from(SampleIdx(0), &scaled) {
        session.push(&block, &mut (&mut heard, &mut trace)).unwrap();
    }
    session.finish(&mut (&mut heard, &mut trace)).unwrap();
    trace.finish().unwrap();
    heard.path()
}

/// The comparison of a plain and a rounded run that part.
pub(crate) fn flipped_by_rounding(folder: &Path) -> Comparison {
    CLIPS
        .iter()
        .find_map(|clip| flipped_in(&common::samples(&common::clip(clip)), folder))
        .expect("a loudness at which 16-bit rounding flips a decision")
}

/// The same for one recording, if it has such a loudness.
fn flipped_in(samples: &[f32], folder: &Path) -> Option<Comparison> {
    let (a, b) = (folder.join("plain.jsonl"), folder.join("rounded.jsonl"));
    let gains: Vec<f32> = (0..12).map(|n| 0.7_f32.powi(n)).collect();
    for pair in gains.windows(2) {
        let (mut low, mut high) = (pair[1], pair[0]);
        let (at_low, at_high) = (run(&a, samples, low, false), run(&a, samples, high, false));
        if at_low == at_high {
            continue;
        }
        // Close in on a loudness at which the path changes: there a margin is 0.
        for _ in 0..16 {
            let middle = 0.5 * (low + high);
            if run(&a, samples, middle, false) == at_low { low = middle } else { high = middle }
        }
        for gain in [low, high] {
            if run(&a, samples, gain, false) != run(&b, samples, gain, true) {
                return Some(compared(&a, &b));
            }
        }
    }
    None
}
