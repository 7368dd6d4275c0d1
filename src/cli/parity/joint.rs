//! `dictoscope parity joint`: joints on the same inputs, step by step.

use super::{
    args::JointArgs,
    sides::{end, held_to, named, open, outcome, print_reasons, read_input},
};
use crate::{
    cli::{Console, Outcome},
    parity::tensors::{Head, JointReport, JointSide, compare_joints},
};

/// Flips printed; the JSON has all.
const MOST_FLIPS: usize = 10;

pub(super) fn run(args: &JointArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let mut opened = open(&args.sides, usize::MAX, console)?;
    let input = read_input(&args.input, &opened.model, console)?;
    let report = compare_joints(&mut opened.first, &mut opened.others, opened.model.contract(), &input)?;
    if args.sides.json {
        console.json(&report)?;
    } else {
        print(&report, console)?;
    }
    Ok(outcome(report.verdict))
}

fn print(report: &JointReport, console: &mut Console<'_>) -> anyhow::Result<()> {
    writeln!(console.out, "input {}, {} steps of the first side's path", report.source, report.steps)?;
    writeln!(console.out, "reference {}", named(&report.reference))?;
    if let Some(words) = report.reference_softmax.words() {
        writeln!(console.out, "  {words}")?;
    }
    for side in &report.sides {
        writeln!(console.out, "side {} ({})", named(&side.side), held_to(&side.gate))?;
        print_side(side, console)?;
        print_reasons(&side.reasons, console)?;
    }
    Ok(end(report.verdict, console)?)
}

fn print_side(side: &JointSide, console: &mut Console<'_>) -> anyhow::Result<()> {
    if let Some([encoder, predictor]) = &side.inputs {
        writeln!(
            console.out,
            "  its joint got its own inputs: encoder max |Δ| {:.3e}, predictor max |Δ| {:.3e}",
            encoder.max_abs, predictor.max_abs
        )?;
    }
    for (name, head) in [("token", side.token), ("duration", side.duration)] {
        writeln!(
            console.out,
            "  {name} head: max |Δ| {:.3e}, mean |Δ| {:.3e}, {} values not finite",
            head.max_abs, head.mean_abs, head.not_finite
        )?;
    }
    if let Some(words) = side.softmax.words() {
        writeln!(console.out, "  {words}; after a log-softmax of both sides max |Δ| {:.3e}", side.normalized_max_abs)?;
    }
    writeln!(console.out, "  {} flips", side.flips.len())?;
    for flip in side.flips.iter().take(MOST_FLIPS) {
        let head = match flip.head {
            Head::Token => "token",
            Head::Duration => "duration entry",
        };
        writeln!(
            console.out,
            "  step {} (frame {}, {:.2} s): {head} {} (margin {:.4}) -> {} (margin {:.4})",
            flip.step,
            flip.frame.0,
            flip.frame.secs(),
            flip.reference.0,
            flip.reference.1,
            flip.side.0,
            flip.side.1
        )?;
    }
    Ok(())
}
