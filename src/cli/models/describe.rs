//! `dictoscope models list` and `info`.

use std::path::PathBuf;

use clap::{Args, builder::BoolishValueParser};
use serde_json::json;

use super::{BUILT_IN, library};
use crate::{
    cli::{
        Console, Outcome,
        args::ModelArgs,
        console::message_of,
        options::{ModelChoice, load_settings},
    },
    config::EngineName,
    download::size_text,
    models::{Catalogue, Description, Model, measure},
};

#[derive(Debug, Args)]
pub(super) struct InfoArgs {
    /// Name or path; left out, the model of the settings.
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Also run it on 3 s of noise with every engine that can.
    #[arg(long, value_parser = BoolishValueParser::new())]
    measure: bool,
    /// Print one JSON object.
    #[arg(long, value_parser = BoolishValueParser::new())]
    json: bool,
}

/// The built-in model, those that are kept, and those of the catalogue that are not.
pub(super) fn list(json: bool, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let (settings, library) = (load_settings(console), library()?);
    let default = settings.model.as_deref().map(|path| library.resolve(path));
    let mut rows = vec![(BUILT_IN.to_owned(), None)];
    rows.extend(library.list()?.into_iter().map(|record| (record.name.clone(), Some(library.path_of(&record)))));
    for (name, path) in &rows {
        let model = match path {
            Some(path) => library.open(path, &mut *console.tell).map_err(anyhow::Error::from),
            None => Model::embedded().map_err(anyhow::Error::from),
        };
        let described = model.map(|model| Description::of(&model, path.as_deref()));
        let chosen = default.as_ref() == path.as_ref();
        if json {
            let reason = described.as_ref().err().map(message_of);
            console.json(&json!({
                "name": name, "here": true, "chosen": chosen, "model": described.as_ref().ok(), "reason": reason,
            }))?;
            continue;
        }
        let mark = if chosen { '*' } else { ' ' };
        match &described {
            Ok(model) => {
                write!(console.out, "{mark} {name}: {} ({}), {}", model.name, model.layout, size_text(model.bytes))?;
            }
            Err(error) => write!(console.out, "{mark} {name}: not usable: {}", message_of(error))?,
        }
        if let Some(path) = path {
            write!(console.out, ", {}", path.display())?;
        }
        writeln!(console.out)?;
    }
    for entry in Catalogue::load()?.entries().iter().filter(|entry| rows.iter().all(|(name, _)| *name != entry.name)) {
        if json {
            console.json(&json!({ "name": entry.name, "here": false, "entry": entry }))?;
        } else {
            let size = entry.size_text();
            writeln!(console.out, "  {}: {}; {size} to fetch, {}", entry.name, entry.about, entry.licence)?;
        }
    }
    console.out.flush()?;
    Ok(Outcome::Done)
}

pub(super) fn info(args: &InfoArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    let settings = load_settings(console);
    let built_in = args.model.as_ref().is_some_and(|word| word.as_os_str() == BUILT_IN && !word.exists());
    let mut choice = ModelArgs { model: args.model.clone(), ..ModelArgs::default() }.over(&settings);
    if built_in {
        choice.folder = None;
    }
    let path = choice.folder.as_deref().map(|word| Ok::<_, anyhow::Error>(library()?.resolve(word))).transpose()?;
    let model = choice.model()?;
    let about = Description::of(&model, path.as_deref());
    let mut engines = Vec::new();
    for name in EngineName::ALL {
        engines.push((name, engine(&choice, name, &model, args.measure)));
    }
    if args.json {
        let engines: Vec<_> = engines
            .iter()
            .map(|(name, found)| {
                let (usable, measured, reason) = match found {
                    Ok(measured) => (true, *measured, None),
                    Err(error) => (false, None, Some(message_of(error))),
                };
                json!({ "name": name.as_str(), "usable": usable, "measured": measured, "reason": reason })
            })
            .collect();
        console.json(&json!({ "model": about, "engines": engines }))?;
        return Ok(Outcome::Done);
    }
    print(&about, console)?;
    for (name, found) in &engines {
        match found {
            Ok(None) => writeln!(console.out, "engine {}: can run it", name.as_str())?,
            Ok(Some(measured)) => writeln!(
                console.out,
                "engine {}: 3 s of audio in {:.0} ms, a decision in {:.2} ms, real-time factor {:.3}",
                name.as_str(),
                measured.encode_ms,
                measured.step_ms,
                measured.real_time_factor
            )?,
            Err(error) => writeln!(console.out, "engine {}: {}", name.as_str(), message_of(error))?,
        }
    }
    console.out.flush()?;
    Ok(Outcome::Done)
}

/// Only an engine that opened the model can run it.
fn engine(
    choice: &ModelChoice,
    name: EngineName,
    model: &Model,
    measured: bool,
) -> anyhow::Result<Option<crate::models::Measurement>> {
    let mut engine = choice.unchecked(name, model)?;
    Ok(if measured { Some(measure(&mut *engine, model.contract())?) } else { None })
}

fn print(about: &Description, console: &mut Console<'_>) -> anyhow::Result<()> {
    let [layers, hidden] = about.predictor;
    let languages = if about.languages.is_empty() { "not told".to_owned() } else { about.languages.join(" ") };
    writeln!(console.out, "{}", about.name)?;
    if let Some(folder) = &about.folder {
        writeln!(console.out, "folder {}", folder.display())?;
    }
    writeln!(console.out, "layout {}, weights {}", about.layout, about.weights)?;
    writeln!(console.out, "languages {languages}")?;
    writeln!(
        console.out,
        "{} mel bins, encoder frames of {}, prediction network {layers} × {hidden}, {} pieces, durations {:?}, windows up to {:.0} s",
        about.mel_bins, about.dim, about.pieces, about.durations, about.longest_secs
    )?;
    if about.fused {
        writeln!(console.out, "prediction network and joint cannot be parted: each decision runs both")?;
    }
    let (bytes, memory) = (size_text(about.bytes), size_text(about.memory));
    writeln!(console.out, "{bytes} on the disk, about {memory} of memory")?;
    Ok(())
}
