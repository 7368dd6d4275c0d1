//! `dictoscope parity features`: our front-end against a dump, or against stored vectors.

use std::path::Path;

use serde_json::json;

use super::{
    args::FeaturesArgs,
    sides::{end, outcome, read_input},
};
use crate::{
    cli::{Console, Outcome, options::load_settings},
    models::Model,
    parity::{
        STAGES_AGREE,
        tensors::{
            Difference, Input, NotComparable, TensorError, Verdict, check_vectors, feature_agreement, read_features,
        },
    },
    trace::{AUDIO_FILE, npy},
};

pub(super) fn run(args: &FeaturesArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let model = args.model.over(&load_settings(console)).model()?;
    match (&args.vectors, &args.input, &args.dump) {
        (Some(file), ..) => vectors(file, &model, args.json, console),
        (None, Some(input), Some(dump)) => {
            let input = read_input(input, &model, console)?;
            against_dump(&input, dump, &model, args.json, console)
        }
        // The parser asks for one or the other.
        _ => Ok(Outcome::Done),
    }
}

fn vectors(file: &Path, model: &Model, as_json: bool, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let cases = check_vectors(file, &model.contract().front_end)?;
    let verdict = Verdict::all(cases.iter().map(|case| case.verdict));
    if as_json {
        console.json(&json!({
            "source": file, "bound": STAGES_AGREE.features, "cases": cases, "verdict": verdict,
        }))?;
        return Ok(outcome(verdict));
    }
    for case in &cases {
        let ([frames, bins], difference) = (case.shape, case.difference);
        writeln!(
            console.out,
            "{} samples, {:?}: {frames} frames of {bins}, max |Δ| {:.3e}, mean |Δ| {:.3e}: {}",
            case.samples,
            case.normalization,
            difference.max_abs,
            difference.mean_abs,
            case.verdict.name()
        )?;
    }
    end(verdict, console)?;
    Ok(outcome(verdict))
}

fn against_dump(
    input: &Input,
    dump: &Path,
    model: &Model,
    as_json: bool,
    console: &mut Console<'_>,
) -> anyhow::Result<Outcome> {
    let features = read_features(dump)?;
    let audio = audio_of(input, dump)?;
    let agreement = feature_agreement(model.contract(), input, &features);
    if agreement.reading.is_none() {
        let (side, expected, found) = (dump.display().to_string(), agreement.ours, agreement.theirs);
        return Err(TensorError::from(NotComparable::Shape { side, what: "features", expected, found }).into());
    }
    let same_audio = audio.as_ref().is_none_or(AudioAgreement::is_same);
    let verdict = if agreement.agrees && same_audio { Verdict::Pass } else { Verdict::Fail };
    if as_json {
        console.json(&json!({
            "source": input.source, "dump": dump, "audio": audio.map(|audio| audio.json()),
            "features": agreement, "verdict": verdict,
        }))?;
        return Ok(outcome(verdict));
    }
    if let Some(audio) = audio {
        let state = if audio.is_same() { "equal" } else { "different" };
        let [ours, theirs] = audio.samples;
        writeln!(
            console.out,
            "audio {state}: {ours} samples, dump {theirs}, max |Δ| {:.3e}",
            audio.difference.max_abs
        )?;
    }
    writeln!(console.out, "features {agreement}")?;
    end(verdict, console)?;
    Ok(outcome(verdict))
}

/// Our samples against those of the dump.
struct AudioAgreement {
    samples: [usize; 2],
    difference: Difference,
}

impl AudioAgreement {
    fn is_same(&self) -> bool {
        self.samples[0] == self.samples[1] && self.difference.is_within(STAGES_AGREE.audio)
    }

    fn json(&self) -> serde_json::Value {
        json!({ "samples": self.samples, "difference": self.difference, "equal": self.is_same() })
    }
}

/// Where both sides have samples.
fn audio_of(input: &Input, dump: &Path) -> Result<Option<AudioAgreement>, TensorError> {
    let path = dump.join(AUDIO_FILE);
    let Some(samples) = input.samples.as_ref().filter(|_| dump.is_dir() && path.is_file()) else { return Ok(None) };
    let theirs = npy::read::<f32>(&path)?.data;
    let difference = Difference::of(samples, &theirs);
    Ok(Some(AudioAgreement { samples: [samples.len(), theirs.len()], difference }))
}
