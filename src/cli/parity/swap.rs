//! `dictoscope parity swap`: which input of the joint carries a flip.

use serde_json::json;

use super::{
    args::SwapArgs,
    sides::{Opened, named, open, read_input},
};
use crate::{
    cli::{Console, Outcome},
    engine::Engine,
    parity::tensors::{Carrier, Choice, Head, Parting, Side, SwapOutcome, SwapReport, swap},
};

pub(super) fn run(args: &SwapArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let Opened { choice, model, first, mut others } = open(&args.sides, 2, console)?;
    let input = read_input(&args.input, &model, console)?;
    let mut neutral = args.joint.map(|name| choice.engine_named(name, &model)).transpose()?;
    let Some(second) = others.pop() else { return Ok(Outcome::NotComparable) };
    let mut sides: [Side; 2] = [first, second];
    let names = [sides[0].name(), sides[1].name()];
    let joint =
        args.joint.zip(neutral.as_mut()).map(|(name, engine)| (name.as_str(), &mut **engine as &mut dyn Engine));
    match swap(&mut sides, joint, model.contract(), &input.source, &input.features, args.step)? {
        SwapOutcome::Parted(parting) => {
            let reason = parted(&parting, &names, args.step);
            if args.sides.json {
                console.json(&json!({ "verdict": "not_comparable", "reason": reason, "parting": parting }))?;
            }
            (console.tell)(&reason);
            Ok(Outcome::NotComparable)
        }
        SwapOutcome::Swapped(report) => {
            if args.sides.json {
                console.json(&*report)?;
            } else {
                print(&report, console)?;
            }
            let flips = report.verdicts.iter().any(|verdict| verdict.carrier != Carrier::NoFlip);
            Ok(if flips { Outcome::Different } else { Outcome::Done })
        }
    }
}

fn parted(parting: &Parting, names: &[String; 2], step: usize) -> String {
    let [first, second] = names;
    let Parting { step: at, head, found: [a, b] } = parting;
    let how = match head {
        Head::Token => format!("{first} chose token {a}, {second} token {b}"),
        Head::Duration => {
            let next = |frame: u64| if frame == u64::MAX { "the end".to_owned() } else { format!("frame {frame}") };
            format!("after the same token {first} went on to {}, {second} to {}", next(*a), next(*b))
        }
    };
    format!(
        "not comparable at step {step}: the sides stand at different frames or have emitted different tokens, so that the \
         joint inputs there are not about the same decision; they part at step {at}: {how}; try --step {at}"
    )
}

fn print(report: &SwapReport, console: &mut Console<'_>) -> anyhow::Result<()> {
    let letters = ["A", "B"];
    writeln!(console.out, "input {}", report.source)?;
    for ((side, own), letter) in report.sides.iter().zip(&report.own).zip(letters) {
        writeln!(console.out, "{letter} {}", named(side))?;
        if let Some(own) = own {
            writeln!(console.out, "  chose {}", chosen(own))?;
        }
    }
    let frame = report.frame;
    writeln!(
        console.out,
        "step {} on frame {} ({:.2} s), joint of {}",
        report.step,
        frame.0,
        frame.secs(),
        report.joint
    )?;
    for found in &report.combinations {
        let (encoder, predictor) = (letters[found.encoder], letters[found.predictor]);
        writeln!(console.out, "  encoder {encoder}, predictor {predictor}: {}", chosen(&found.choice))?;
    }
    for verdict in &report.verdicts {
        let head = match verdict.head {
            Head::Token => "token",
            Head::Duration => "duration",
        };
        writeln!(console.out, "{head}: {}", carried(verdict.carrier))?;
    }
    Ok(console.out.flush()?)
}

fn chosen(choice: &Choice) -> String {
    format!(
        "token {} (margin {:.4}), duration {} (margin {:.4})",
        choice.token.0, choice.token_margin, choice.duration, choice.duration_margin
    )
}

fn carried(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Encoder => "the encoder carries the flip",
        Carrier::Predictor => "the predictor carries the flip",
        Carrier::Either => "encoder and predictor each carry the flip by themselves",
        Carrier::Together => "only encoder and predictor together carry the flip",
        Carrier::Neither => "neither encoder nor predictor: the joint itself or the rule",
        Carrier::NoFlip => "no flip",
    }
}
