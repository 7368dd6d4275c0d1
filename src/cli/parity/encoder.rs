//! `dictoscope parity encoder`: encoders frame by frame.

use serde_json::json;

use super::{
    args::EncoderArgs,
    sides::{end, held_to, named, open, outcome, print_reasons, read_input},
};
use crate::{
    cli::{Console, Outcome, json::secs},
    parity::tensors::{EncoderReport, compare_encoders},
    units::EncIdx,
};

pub(super) fn run(args: &EncoderArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let mut opened = open(&args.sides, usize::MAX, console)?;
    let input = read_input(&args.input, &opened.model, console)?;
    let report = compare_encoders(&mut opened.first, &mut opened.others, opened.model.contract(), &input)?;
    if args.sides.json {
        let mut object = serde_json::to_value(&report)?;
        if args.frames {
            for (side, object) in report.sides.iter().zip(object["sides"].as_array_mut().into_iter().flatten()) {
                let each = side.frames.each.iter().enumerate().map(|(frame, (cosine, max_abs))| {
                    let at = secs(EncIdx(frame as u64));
                    json!({ "frame": frame, "secs": at, "cosine": cosine, "max_abs": max_abs })
                });
                object["each"] = each.collect();
            }
        }
        console.json(&object)?;
    } else {
        print(&report, args.frames, console)?;
    }
    Ok(outcome(report.verdict))
}

fn print(report: &EncoderReport, frames: bool, console: &mut Console<'_>) -> anyhow::Result<()> {
    writeln!(console.out, "input {}, {} mel frames", report.source, report.mel_frames)?;
    writeln!(console.out, "reference {}", named(&report.reference))?;
    if let Some(features) = report.reference_features {
        writeln!(console.out, "  its features against ours: {features}")?;
    }
    for side in &report.sides {
        writeln!(console.out, "side {} ({})", named(&side.side), held_to(&side.gate))?;
        if let Some(features) = side.features {
            writeln!(console.out, "  its features against ours: {features}")?;
            if !features.agrees {
                writeln!(
                    console.out,
                    "  the inputs differ; feed its features.npy as INPUT to compare the encoders alone"
                )?;
            }
        }
        let found = &side.frames;
        writeln!(
            console.out,
            "  {} frames of {}: least cosine {:.6} at frame {} ({:.2} s), mean cosine {:.6}",
            found.rows, found.width, found.cosine_min, found.worst_row, side.worst_secs, found.cosine_mean
        )?;
        writeln!(console.out, "  {}", found.difference)?;
        if frames {
            for (frame, (cosine, max_abs)) in found.each.iter().enumerate() {
                let at = EncIdx(frame as u64).secs();
                writeln!(console.out, "  frame {frame:4} {at:7.2} s  cosine {cosine:.6}  max |Δ| {max_abs:.3e}")?;
            }
        }
        print_reasons(&side.reasons, console)?;
    }
    Ok(end(report.verdict, console)?)
}
