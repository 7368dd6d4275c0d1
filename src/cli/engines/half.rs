//! `dictoscope engines half`: a model whose graphs compute in 16-bit floats, for GPUs that are faster at them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    cli::{Console, Outcome, args::ModelArgs, options::load_settings},
    engine::{Arithmetic, GraphSource, GraphSpec, sha256, to_half},
    models::{CONTRACT_FILE, Model},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct HalfArgs {
    /// Folder to make, which must not be there yet.
    #[arg(value_name = "DIR")]
    out: PathBuf,
    /// A model, instead of that of the settings.
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
}

pub(super) fn run(args: &HalfArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let choice = ModelArgs { model: args.model.clone(), ..ModelArgs::default() }.over(&settings);
    let model = choice.model()?;
    let mut contract = model.contract().clone();
    if contract.arithmetic.unwrap_or_default() != Arithmetic::F32 {
        bail!("{}: expected a model that computes in f32", contract.name);
    }
    fs::create_dir(&args.out).with_context(|| format!("{}: cannot be made", args.out.display()))?;
    let graphs = &mut contract.graphs;
    let mut operators = 0;
    for (spec, graph) in [&mut graphs.encoder, &mut graphs.predictor, &mut graphs.joint].into_iter().zip(model.graphs())
    {
        operators += convert(spec, graph, &args.out)?;
    }
    contract.derived = None;
    contract.arithmetic = Some(Arithmetic::F16);
    contract.name = format!("{}, 16-bit floats", contract.name);
    write(&args.out, &contract.vocabulary.file, model.vocabulary_text().as_bytes())?;
    if let (Some(spec), Some(probe)) = (&mut contract.probe, model.probe()) {
        // The reference outputs stay those of the 32-bit graphs: that is what is to be agreed with. They name the graphs.
        let mut probe = probe.to_vec();
        let old = &model.contract().graphs;
        let new = &contract.graphs;
        for (old, new) in [(&old.encoder, &new.encoder), (&old.predictor, &new.predictor), (&old.joint, &new.joint)] {
            rename(&mut probe, old.sha256.as_bytes(), new.sha256.as_bytes());
        }
        spec.sha256 = sha256(&probe);
        write(&args.out, &spec.file, &probe)?;
    }
    // Last: what has no contract is no model.
    write(&args.out, CONTRACT_FILE, (serde_json::to_string_pretty(&contract)? + "\n").as_bytes())?;
    Model::from_dir(&args.out)?;
    writeln!(console.out, "{}: {operators} operators compute in 16-bit floats", args.out.display())?;
    console.out.flush()?;
    Ok(Outcome::Done)
}

/// Writes a graph converted; how many of its operators were.
fn convert(spec: &mut GraphSpec, graph: &GraphSource, out: &Path) -> anyhow::Result<usize> {
    let GraphSource::Bytes(bytes) = graph else {
        bail!("{}: expected a graph that holds its weights, found weights in files beside it", spec.file);
    };
    let (converted, report) = to_half(bytes).with_context(|| format!("{}: cannot be converted", spec.file))?;
    spec.sha256 = sha256(&converted);
    write(out, &spec.file, &converted)?;
    Ok(report.operators)
}

fn write(folder: &Path, file: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(file);
    fs::write(&path, bytes).with_context(|| format!("{}: cannot be written", path.display()))
}

/// Replaces `old` by `new`, a text of the same length, wherever it stands.
fn rename(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let mut at = 0;
    while at + old.len() <= bytes.len() {
        if bytes[at..].starts_with(old) {
            bytes[at..at + old.len()].copy_from_slice(new);
        }
        at += 1;
    }
}
