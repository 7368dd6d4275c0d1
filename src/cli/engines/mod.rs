//! `dictoscope engines`: what can compute here, and why what cannot does not; below it, its libraries come and go.

mod install;
mod remove;

use clap::Subcommand;
use serde_json::json;

use crate::{
    cli::{
        Console, Outcome,
        args::{EnginesArgs, ModelArgs},
        console::message_of,
        libraries,
        options::load_settings,
    },
    config::EngineName,
    engine::OnnxRuntime,
};

/// What is done about the engines' libraries.
#[derive(Debug, Subcommand)]
pub(super) enum EnginesVerb {
    /// Fetch the libraries of an engine from PyPI into the data folder; without a name, list what there is.
    Install(install::InstallArgs),
    /// Remove what `dictoscope engines install` fetched.
    Remove(remove::RemoveArgs),
}

pub(super) fn run(args: &EnginesArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    match &args.verb {
        None => list(args, console),
        Some(EnginesVerb::Install(args)) => install::run(args, console),
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
        let gpu = name == EngineName::OnnxRuntimeCuda;
        let library = (gpu || name == EngineName::OnnxRuntime)
            .then(|| OnnxRuntime::load(&libraries::onnxruntime(settings.onnxruntime.as_deref(), gpu)).ok())
            .flatten();
        let chosen = name == choice.engine;
        if args.json {
            console.json(&json!({
                "name": name.as_str(),
                "chosen": chosen,
                "usable": opened.is_ok(),
                "engine": opened.as_ref().ok().map(|info| &info.engine),
                "device": opened.as_ref().ok().map(|info| &info.device),
                "library": library.as_ref().map(OnnxRuntime::path),
                "reason": opened.as_ref().err().map(message_of),
            }))?;
            continue;
        }
        let mark = if chosen { '*' } else { ' ' };
        match &opened {
            Ok(info) => write!(console.out, "{mark} {}: {}, {}", name.as_str(), info.engine, info.device)?,
            Err(error) => write!(console.out, "{mark} {}: not usable: {}", name.as_str(), message_of(error))?,
        }
        match library {
            Some(library) => writeln!(console.out, " ({})", library.path().display())?,
            None => writeln!(console.out)?,
        }
    }
    console.out.flush()?;
    Ok(Outcome::Done)
}
