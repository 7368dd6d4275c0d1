//! The rows of the window's page of models: all at once by name, then each as it has been read.

use std::path::PathBuf;

use super::{
    BUILT_IN,
    page::{Desk, Gone},
};
use crate::{
    cli::console::message_of,
    download::size_text,
    models::{Catalogue, Description, Entry},
    ui::{ModelPlace, ModelRow, ModelsTold},
};

/// Lists what a desk has.
pub(super) struct Rows<'a>(pub(super) &'a Desk);

/// A model that is on this machine.
struct Here {
    name: String,
    place: ModelPlace,
    path: Option<PathBuf>,
    /// Where it came from, and under which licence.
    from: Vec<(&'static str, String)>,
}

impl Rows<'_> {
    /// Tells names at once, and of each model what it is once it has been opened.
    pub(super) fn list(&self) -> Result<anyhow::Result<Option<ModelsTold>>, Gone> {
        let (here, entries) = match self.all() {
            Ok(all) => all,
            Err(error) => return Ok(Err(error)),
        };
        let in_use = self.0.in_use();
        let mut rows: Vec<ModelRow> = here.iter().map(|model| row(model, in_use == model.path)).collect();
        rows.extend(entries.iter().map(fetchable));
        self.0.tell(ModelsTold::List(rows.clone()))?;
        for (model, mut row) in here.iter().zip(rows) {
            match self.0.open(model.path.as_deref()) {
                Ok(opened) => {
                    let about = Description::of(&opened, model.path.as_deref());
                    row.line = format!("{} ({}), {}", about.name, about.layout, size_text(about.bytes));
                    row.facts = facts(&about);
                    row.facts.extend(model.from.iter().cloned());
                }
                Err(error) => {
                    row.line.clear();
                    row.fault = Some(message_of(&error));
                }
            }
            self.0.tell(ModelsTold::Row(row))?;
        }
        Ok(Ok(None))
    }

    /// Models that are here, and entries of the catalogue of those that are not.
    fn all(&self) -> anyhow::Result<(Vec<Here>, Vec<Entry>)> {
        let built_in = Here { name: BUILT_IN.to_owned(), place: ModelPlace::BuiltIn, path: None, from: Vec::new() };
        let mut here = vec![built_in];
        for record in self.0.library.list()? {
            let from = [("Source", &record.source), ("Licence", &record.licence)];
            here.push(Here {
                name: record.name.clone(),
                place: if record.path.is_some() { ModelPlace::Elsewhere } else { ModelPlace::Kept },
                path: Some(self.0.library.path_of(&record)),
                from: from.into_iter().filter_map(|(what, text)| Some((what, text.clone()?))).collect(),
            });
        }
        if let Some(path) = self.0.in_use().filter(|path| here.iter().all(|model| model.path.as_ref() != Some(path))) {
            let (name, place) = (path.display().to_string(), ModelPlace::Given);
            here.push(Here { name, place, path: Some(path), from: Vec::new() });
        }
        let is_here = |entry: &&Entry| here.iter().any(|model| model.name == entry.name);
        let entries = Catalogue::load()?.entries().iter().filter(|entry| !is_here(entry)).cloned().collect();
        Ok((here, entries))
    }
}

fn row(model: &Here, chosen: bool) -> ModelRow {
    ModelRow {
        name: model.name.clone(),
        place: model.place,
        chosen,
        line: "Reading…".to_owned(),
        facts: Vec::new(),
        fault: None,
    }
}

fn fetchable(entry: &Entry) -> ModelRow {
    let facts = vec![
        ("To fetch", entry.size_text()),
        ("Files", entry.files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>().join(", ")),
        ("Licence", entry.licence.clone()),
        ("Source", entry.page.clone()),
    ];
    let (name, line) = (entry.name.clone(), entry.about.clone());
    ModelRow { name, place: ModelPlace::ToFetch, chosen: false, line, facts, fault: None }
}

fn facts(about: &Description) -> Vec<(&'static str, String)> {
    let [layers, hidden] = about.predictor;
    let durations: Vec<String> = about.durations.iter().map(u32::to_string).collect();
    let mut facts = vec![
        ("Memory", format!("about {} while it runs", size_text(about.memory))),
        ("On the disk", size_text(about.bytes)),
        ("Weights", about.weights.clone()),
        ("Languages", if about.languages.is_empty() { "not told".to_owned() } else { about.languages.join(" ") }),
        ("Vocabulary", format!("{} pieces and blank", about.pieces)),
        ("Durations", format!("{} encoder frames", durations.join(", "))),
        ("Features", format!("{} mel bins", about.mel_bins)),
        ("Encoder", format!("frames of {} values, windows up to {:.0} s", about.dim, about.longest_secs)),
        ("Predictor", format!("{layers} × {hidden}")),
    ];
    if about.fused {
        facts.push(("Joint", "cannot be parted from the prediction network: each decision runs both".to_owned()));
    }
    facts.extend(about.folder.as_ref().map(|folder| ("Folder", folder.display().to_string())));
    facts
}
