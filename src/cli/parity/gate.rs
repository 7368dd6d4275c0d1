//! `dictoscope parity gate`: checks an engine against the model's reference outputs anew, and remembers it.

use serde_json::json;

use super::args::GateArgs;
use crate::{
    cli::{Console, Outcome, engine_checks, options::load_settings},
    parity::STAGES_AGREE,
};

pub(super) fn run(args: &GateArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let choice = args.model.over(&load_settings(console));
    let model = choice.model()?;
    let mut engine = choice.unchecked(choice.engine, &model)?;
    let check = engine_checks::check(&mut *engine, &model, true)?;
    let (report, info) = (&check.report, engine.info());
    if args.json {
        let bound = STAGES_AGREE.features;
        console.json(&json!({ "engine": info, "date": check.date, "features_bound": bound, "report": report }))?;
    } else {
        writeln!(console.out, "{}: {}, {}, {}", info.model, info.engine, info.device, info.precision)?;
        if let Some(made_by) = &report.made_by {
            writeln!(console.out, "against {made_by}")?;
        }
        if let Some(found) = &report.measured {
            writeln!(console.out, "features of our front-end: max |Δ| {:.3e}", found.features_max_abs)?;
            writeln!(
                console.out,
                "encoder: max |Δ| {:.3e}, least cosine {:.6}",
                found.encoder_max_abs, found.encoder_min_cosine
            )?;
            writeln!(
                console.out,
                "predictor: max |Δ| {:.3e}, least cosine {:.6}",
                found.predictor_max_abs, found.predictor_min_cosine
            )?;
            writeln!(console.out, "joint: max |Δ| {:.3e}", found.joint_max_abs)?;
        }
        for reason in &report.reasons {
            writeln!(console.out, "beyond its bound: {reason}")?;
        }
        writeln!(console.out, "{report}")?;
        console.out.flush()?;
    }
    Ok(if report.failed() { Outcome::Different } else { Outcome::Done })
}
