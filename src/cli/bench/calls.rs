//! What each of an engine's functions costs on its own, for windows of several lengths.

use std::{
    io::{self, Write},
    time::Instant,
};

use serde::Serialize;

use super::report::{Spread, write_memory};
use crate::{
    cli::{Console, Outcome, args::BenchArgs},
    engine::{EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, TokenId},
    models::Model,
    parity::tensors::{features_of, noise},
    units::{SAMPLE_RATE_HZ, SAMPLES_PER_MEL},
};

/// Calls before the first that counts: engines that record a size do it within these.
const WARM_UP: u32 = 6;
const RUNS: u32 = 50;
/// Frames that the joint is given at once.
const ROWS: [usize; 5] = [1, 2, 4, 8, 16];

/// Milliseconds of the four functions.
#[derive(Debug, Serialize)]
struct Calls {
    model: String,
    engine: EngineInfo,
    warm_up: u32,
    encode: Vec<Encode>,
    /// Windows that are longer than the model takes, in seconds.
    skipped_windows: Vec<f64>,
    predict_millis: Spread,
    joint_millis: Spread,
    /// The joint on several frames with one prediction: in one call where the engine can, else one after the other.
    joint_rows: Vec<JointRows>,
    /// The copy of a prediction and its state to the host; `null` where they are there.
    fetch_millis: Option<Spread>,
    peak_memory_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Encode {
    window_secs: f64,
    mel_frames: usize,
    /// The first call with a window of this length.
    first_millis: f64,
    millis: Spread,
}

#[derive(Debug, Serialize)]
struct JointRows {
    frames: usize,
    millis: Spread,
}

pub(super) fn run(
    args: &BenchArgs,
    model: &Model,
    engine: &mut dyn Engine,
    console: &mut Console<'_>,
) -> anyhow::Result<Outcome> {
    let calls = measure(&args.windows, args.runs.unwrap_or(RUNS), model, engine)?;
    if args.json {
        console.json(&calls)?;
    } else {
        calls.print(console.out)?;
    }
    Ok(Outcome::Done)
}

fn measure(windows: &[f64], runs: u32, model: &Model, engine: &mut dyn Engine) -> Result<Calls, EngineError> {
    let contract = model.contract();
    let (mut encode, mut skipped_windows) = (Vec::new(), Vec::new());
    let mut encoded = EncoderOutput::default();
    for &window_secs in windows {
        let mel_frames = (window_secs * f64::from(SAMPLE_RATE_HZ)).round() as usize / SAMPLES_PER_MEL;
        if mel_frames == 0 || mel_frames > contract.encoder.max_mel_frames {
            skipped_windows.push(window_secs);
            continue;
        }
        let front_end = &contract.front_end;
        let features = features_of(front_end, front_end.normalization, &noise(mel_frames * SAMPLES_PER_MEL));
        let mut call = || engine.encode(&features, &mut encoded);
        let first_millis = millis(&mut call)?;
        let spread = spread(WARM_UP - 1, runs, &mut call)?;
        encode.push(Encode { window_secs, mel_frames, first_millis, millis: spread });
    }
    let mut prediction = Prediction::default();
    engine.predict(contract.vocabulary.blank, &PredictorState::default(), &mut prediction)?;
    let mut token = 0;
    let predict_millis = spread(WARM_UP, runs, &mut || {
        let mut next = Prediction::default();
        engine.predict(TokenId(token), &prediction.state, &mut next)?;
        token = (token + 1) % contract.vocabulary.size as u32;
        prediction = next;
        Ok(())
    })?;
    let frame = vec![0.5; contract.encoder.dim];
    let frames: Vec<&[f32]> =
        if encoded.is_empty() { vec![&frame] } else { encoded.data.chunks_exact(encoded.dim).collect() };
    let (mut logits, mut next) = (JointLogits::default(), frames.iter().cycle());
    let joint_millis =
        spread(WARM_UP, runs, &mut || engine.joint(next.next().copied().unwrap_or(&frame), &prediction, &mut logits))?;
    let mut joint_rows = Vec::new();
    for frames in ROWS {
        let rows = vec![0.5; frames * contract.encoder.dim];
        let mut logits = Vec::new();
        let mut call = || engine.joint_rows(&rows, contract.encoder.dim, &prediction, &mut logits);
        joint_rows.push(JointRows { frames, millis: spread(WARM_UP, runs, &mut call)? });
    }
    let fetch_millis = match &prediction.resident {
        Some(_) => Some(spread(WARM_UP, runs, &mut || engine.fetch(&mut prediction.clone()))?),
        None => None,
    };
    let (model, engine) = (contract.name.clone(), engine.info().clone());
    let peak_memory_bytes = super::peak_memory_bytes();
    Ok(Calls {
        model,
        engine,
        warm_up: WARM_UP,
        encode,
        skipped_windows,
        predict_millis,
        joint_millis,
        joint_rows,
        fetch_millis,
        peak_memory_bytes,
    })
}

fn millis(call: &mut dyn FnMut() -> Result<(), EngineError>) -> Result<f64, EngineError> {
    let began = Instant::now();
    call()?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

fn spread(warm_up: u32, runs: u32, call: &mut dyn FnMut() -> Result<(), EngineError>) -> Result<Spread, EngineError> {
    for _ in 0..warm_up {
        call()?;
    }
    let all = (0..runs).map(|_| millis(call)).collect::<Result<Vec<f64>, _>>()?;
    Ok(Spread::of(all))
}

impl Calls {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} on {}, {}", self.model, self.engine.engine, self.engine.device)?;
        writeln!(out, "\nmilliseconds per call      p50      p95      max    first")?;
        for Encode { window_secs, first_millis, millis, .. } in &self.encode {
            let name = format!("encode {window_secs} s");
            let Spread { p50, p95, max, .. } = millis;
            writeln!(out, "{name:<20} {p50:>9.3} {p95:>8.3} {max:>8.3} {first_millis:>8.3}")?;
        }
        let rows = [
            ("predict", Some(&self.predict_millis)),
            ("joint", Some(&self.joint_millis)),
            ("fetch", self.fetch_millis.as_ref()),
        ];
        for (name, spread) in rows {
            match spread {
                Some(Spread { p50, p95, max, .. }) => writeln!(out, "{name:<20} {p50:>9.3} {p95:>8.3} {max:>8.3}")?,
                None => writeln!(out, "{name:<20} nothing to do: predictions are on the host")?,
            }
        }
        for JointRows { frames, millis: Spread { p50, p95, max, .. } } in &self.joint_rows {
            let name = format!("joint, {frames} frames");
            writeln!(out, "{name:<20} {p50:>9.3} {p95:>8.3} {max:>8.3}")?;
        }
        for secs in &self.skipped_windows {
            writeln!(out, "encode {secs} s: skipped, no window of this model can have that length")?;
        }
        writeln!(out)?;
        write_memory(out, self.peak_memory_bytes)?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ScriptedEngine;

    #[test]
    fn windows_that_the_model_cannot_take_are_skipped_and_named() {
        let model = Model::embedded().unwrap();
        let mut engine = ScriptedEngine::new(TokenId(512), |_, _| ScriptedEngine::one_hot(513, 512, 5, 1));
        let calls = measure(&[2.0, 31.0, 0.001], 3, &model, &mut engine).unwrap();
        assert_eq!(calls.skipped_windows, [31.0, 0.001]);
        assert_eq!((calls.encode.len(), calls.encode[0].mel_frames), (1, 200));
        assert!(calls.fetch_millis.is_none());
        assert_eq!(engine.joint_calls.len() as u32, (WARM_UP + 3) * (1 + 1 + 2 + 4 + 8 + 16));
        let mut out = Vec::new();
        calls.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("encode 31 s: skipped") && text.contains("predictions are on the host"), "{text}");
    }
}
