//! `dictoscope engines`: what can compute here, and why what cannot does not; below it, its libraries come and go.

mod half;
mod install;
mod remove;

use clap::Subcommand;
use serde_json::json;

use crate::{
    cli::{
        Console, Outcome,
        args::{BuildArgs, EnginesArgs, ModelArgs},
        console::message_of,
        libraries,
        options::load_settings,
        plans,
    },
    config::EngineName,
    engine::OnnxRuntime,
};

/// What is done about the engines' libraries.
#[derive(Debug, Subcommand)]
pub(super) enum EnginesVerb {
    /// Fetch the libraries of an engine from PyPI into the data folder; without a name, list what there is.
    Install(install::InstallArgs),
    /// Build the plans that TensorRT runs a model from; needs no GPU unless it is to be for this one.
    Build(BuildArgs),
    /// Write a model whose graphs compute in 16-bit floats.
    Half(half::HalfArgs),
    /// Remove what `dictoscope engines install` fetched.
    Remove(remove::RemoveArgs),
}

pub(super) fn run(args: &EnginesArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    match &args.verb {
        None => list(args, console),
        Some(EnginesVerb::Install(args)) => install::run(args, console),
        Some(EnginesVerb::Build(args)) => plans::build(args, console),
        Some(EnginesVerb::Half(args)) => half::run(args, console),
        Some(EnginesVerb::Remove(args)) => remove::run(args, console),
    }
}

fn list(args: &EnginesArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let choice = ModelArgs::default().over(&settings);
    let model = choice.model()?;
    for name in EngineName::ALL {
        // Only an engine that opened a model is usable.
        let opened = choice.unchecked(name, &model).map(|engine| engine.info().clone());
        let library = match name {
            EngineName::Rten => None,
            EngineName::OnnxRuntime | EngineName::OnnxRuntimeCuda => {
                let gpu = name == EngineName::OnnxRuntimeCuda;
                let library = OnnxRuntime::load(&libraries::onnxruntime(settings.onnxruntime.as_deref(), gpu));
                library.ok().map(|library| library.path().display().to_string())
            }
            EngineName::TensorRt => plans::library(),
        };
        let note = (name == EngineName::TensorRt && cfg!(feature = "tensorrt")).then(|| plans::note(choice.gpu));
        let chosen = name == choice.engine;
        if args.json {
            console.json(&json!({
                "name": name.as_str(),
                "chosen": chosen,
                "usable": opened.is_ok(),
                "engine": opened.as_ref().ok().map(|info| &info.engine),
                "device": opened.as_ref().ok().map(|info| &info.device),
                "library": library,
                "note": note,
                "reason": opened.as_ref().err().map(message_of),
            }))?;
            continue;
        }
        let mark = if chosen { '*' } else { ' ' };
        match &opened {
            Ok(info) => write!(console.out, "{mark} {}: {}, {}", name.as_str(), info.engine, info.device)?,
            Err(error) => write!(console.out, "{mark} {}: not usable: {}", name.as_str(), message_of(error))?,
        }
        for remark in [library, note].into_iter().flatten() {
            write!(console.out, " ({remark})")?;
        }
        writeln!(console.out)?;
    }
    console.out.flush()?;
    Ok(Outcome::Done)
}
