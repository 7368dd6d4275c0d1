//! `dictoscope parity dump`: every tensor of one window, for other programs and for later.

use anyhow::Context;

use super::{args::DumpArgs, sides::read_input};
use crate::{
    cli::{Console, Outcome, options::load_settings},
    parity::tensors::TensorSet,
    trace::npy::Array,
};

pub(super) fn run(args: &DumpArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let choice = args.model.over(&load_settings(console));
    let model = choice.model()?;
    let input = read_input(&args.input, &model, console)?;
    let mut engine = choice.engine(&model)?;
    let (tensors, facts) =
        TensorSet::of(&mut *engine, model.contract(), &input).with_context(|| choice.engine.as_str())?;
    tensors.write(&args.folder, &facts)?;
    let (mel_frames, frames) = (input.features.len(), tensors.encoder.as_ref().map_or(0, Array::len));
    let steps = tensors.path.as_ref().map_or(0, Vec::len);
    let tokens = tensors.predictor.as_ref().map_or(0, |outputs| outputs.len().saturating_sub(1));
    writeln!(
        console.out,
        "{}: {mel_frames} mel frames, {frames} encoder frames, {steps} steps, {tokens} tokens",
        args.folder.display()
    )?;
    console.out.flush()?;
    Ok(Outcome::Done)
}
