//! `dictoscope parity compare`: two traces, the first decision where they part, and whether that is rounding or a bug.

use std::path::{Path, PathBuf};

use clap::{Args, builder::BoolishValueParser};
use serde_json::json;

use crate::{
    cli::{Console, Outcome},
    parity::{CompareOptions, Run, compare},
    trace::{Tensors, Trace},
};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct CompareArgs {
    /// The trace that counts as right.
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The trace that is held against it.
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Compare this many decisions at most.
    #[arg(long, value_name = "N")]
    max_steps: Option<usize>,
    /// Margins below this on both sides are a tie, in logits.
    #[arg(long, value_name = "EPS", default_value_t = CompareOptions::default().epsilon)]
    epsilon: f32,
    /// Let duration flips pass where both margins are at most this and the paths meet again, in logits.
    #[arg(long, value_name = "EPS")]
    tolerate_duration_ties: Option<f32>,
    /// Fail also where a trace contradicts itself in its steps, frames or hops.
    #[arg(long, value_parser = BoolishValueParser::new())]
    check_index: bool,
    /// Fail also where a stage lies outside its gate and no decision flipped.
    #[arg(long, value_parser = BoolishValueParser::new())]
    strict: bool,
    /// Take other graph files of the same shapes for the same model.
    #[arg(long, value_parser = BoolishValueParser::new())]
    ignore_weights: bool,
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
}

pub(super) fn run(args: &CompareArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let (trace_a, tensors_a) = read(&args.a, console)?;
    let (trace_b, tensors_b) = read(&args.b, console)?;
    let options = CompareOptions {
        max_steps: args.max_steps,
        epsilon: args.epsilon,
        tolerate_duration_ties: args.tolerate_duration_ties,
        check_index: args.check_index,
        ignore_weights: args.ignore_weights,
        strict: args.strict,
    };
    let a = Run { trace: &trace_a, tensors: &tensors_a };
    let b = Run { trace: &trace_b, tensors: &tensors_b };
    let found = match compare(&a, &b, &options) {
        Ok(found) => found,
        Err(reason) => {
            if args.json {
                console.json(&json!({ "verdict": "not_comparable", "reason": reason.to_string(), "found": reason }))?;
            }
            (console.tell)(&format!("not comparable: {reason}"));
            return Ok(Outcome::NotComparable);
        }
    };
    let verdict = if found.same { "PASS" } else { "FAIL" };
    if args.json {
        console.json(&json!({ "verdict": verdict, "summary": found.verdict(), "found": found }))?;
    } else {
        writeln!(
            console.out,
            "A: {}\nB: {}\n{found}{}\n{verdict}",
            args.a.display(),
            args.b.display(),
            found.verdict()
        )?;
    }
    Ok(if found.same { Outcome::Done } else { Outcome::Different })
}

fn read(path: &Path, console: &mut Console<'_>) -> anyhow::Result<(Trace, Tensors)> {
    let trace = Trace::read(path)?;
    if trace.truncated {
        (console.tell)(&format!("{}: the trace was cut off; what is there is compared", path.display()));
    }
    let tensors = trace.tensors(path)?;
    Ok((trace, tensors))
}
