//! Which files of a folder make a model, told by their names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    engine::OnnxGraph,
    models::{ModelError, files::read},
};

/// How a model is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `contract.json` and what it names.
    Contract,
    /// As NeMo exports and onnx-asr loads: encoder, and prediction network and joint in one graph.
    OnnxAsr,
    /// As sherpa-onnx has it: encoder, decoder, joiner.
    Sherpa,
    /// Encoder, predictor, joint, each exported by itself.
    Split,
}

impl Layout {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::OnnxAsr => "onnx-asr",
            Self::Sherpa => "sherpa-onnx",
            Self::Split => "split export",
        }
    }
}

/// Prediction network and joint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    /// In one graph.
    Fused(String),
    /// The prediction network's and the joint's graph.
    Two(String, String),
}

/// The files of a model that has no contract; names below `folder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) layout: Layout,
    pub(super) folder: PathBuf,
    pub(super) encoder: String,
    pub(super) decoder: Decoder,
    pub(super) vocabulary: String,
    /// JSON files that say more of the model.
    pub(super) notes: Vec<String>,
    /// What tells the encoder from others in the folder: empty, `.int8`.
    pub(super) variant: String,
}

/// Files that say more of a model.
const NOTES: [&str; 2] = ["config.json", "model_meta.json"];
const VOCABULARIES: [&str; 2] = ["vocab.txt", "tokens.txt"];

/// The model at `path`: a folder, or the file of an encoder.
pub(super) fn find(path: &Path) -> Result<Files, ModelError> {
    let no_model = |found: String| ModelError::NoModel { path: path.to_owned(), found };
    let (folder, chosen) = match fs::metadata(path) {
        Ok(data) if data.is_dir() => (path.to_owned(), None),
        Ok(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            (folder.to_owned(), path.file_name().map(|name| name.to_string_lossy().into_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(no_model("nothing".to_owned())),
        Err(error) => return Err(ModelError::read(path)(error)),
    };
    let names = names_in(&folder)?;
    let has = |name: &String| names.contains(name);
    let mut tails: Vec<&str> = names.iter().filter_map(|name| tail_of(name)).collect();
    if let Some(chosen) = &chosen {
        let Some(tail) = tail_of(chosen) else {
            return Err(no_model(format!("{chosen}, which is no encoder (encoder….onnx)")));
        };
        tails = vec![tail];
    }
    // The plain one first.
    tails.sort_by_key(|tail| (variant_of(tail).len(), *tail));
    let found =
        tails.iter().find_map(|tail| decoder_for(tail, &names).map(|(layout, decoder)| (*tail, layout, decoder)));
    let Some((tail, layout, decoder)) = found else { return Err(what_it_is_instead(path, &folder, &names)) };
    let Some(vocabulary) = VOCABULARIES.iter().map(|name| (*name).to_owned()).find(has) else {
        return Err(no_model("no vocab.txt and no tokens.txt".to_owned()));
    };
    Ok(Files {
        layout,
        encoder: format!("encoder{tail}.onnx"),
        decoder,
        vocabulary,
        notes: NOTES.iter().map(|name| (*name).to_owned()).filter(has).collect(),
        variant: variant_of(tail).to_owned(),
        folder,
    })
}

fn names_in(folder: &Path) -> Result<Vec<String>, ModelError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(ModelError::read(folder))? {
        let entry = entry.map_err(ModelError::read(folder))?;
        // Caches of downloads have links.
        if entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// What stands between `encoder` and `.onnx`: empty, `.int8`, `-model.int8`.
fn tail_of(name: &str) -> Option<&str> {
    name.strip_prefix("encoder")?.strip_suffix(".onnx")
}

fn is_onnx(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "onnx")
}

/// What of it tells the precision.
fn variant_of(tail: &str) -> &str {
    tail.find('.').map_or("", |at| &tail[at..])
}

/// Prediction network and joint that go with an encoder: of the same ending, else the plain ones, else the only ones.
fn decoder_for(tail: &str, names: &[String]) -> Option<(Layout, Decoder)> {
    let plain = tail.strip_suffix(variant_of(tail)).unwrap_or(tail);
    let find = |stem: &str| {
        let of = |tail: &str| Some(format!("{stem}{tail}.onnx")).filter(|name| names.contains(name));
        let other = || {
            let mut like = names.iter().filter(|name| name.starts_with(&format!("{stem}{plain}.")) && is_onnx(name));
            like.next().filter(|_| like.next().is_none()).cloned()
        };
        of(tail).or_else(|| of(plain)).or_else(other)
    };
    if let Some(fused) = find("decoder_joint") {
        return Some((Layout::OnnxAsr, Decoder::Fused(fused)));
    }
    if let (Some(decoder), Some(joiner)) = (find("decoder"), find("joiner")) {
        return Some((Layout::Sherpa, Decoder::Two(decoder, joiner)));
    }
    let (predictor, joint) = (find("predictor")?, find("joint")?);
    Some((Layout::Split, Decoder::Two(predictor, joint)))
}

/// Models of other kinds, as far as their files tell.
fn what_it_is_instead(path: &Path, folder: &Path, names: &[String]) -> ModelError {
    let kind = |found: &str| ModelError::Kind { path: path.to_owned(), found: found.to_owned() };
    let onnx: Vec<&String> = names.iter().filter(|name| is_onnx(name)).collect();
    let encoders = onnx.iter().filter(|name| name.starts_with("encoder")).count();
    if encoders > 0 && onnx.iter().any(|name| name.starts_with("decoder")) {
        return kind("an encoder and a decoder without a joint: an attention model, as Whisper or Canary");
    }
    if encoders == 0
        && let Some(model) = onnx.iter().find(|name| name.starts_with("model") || onnx.len() == 1)
    {
        let file = folder.join(model);
        let outputs = read(&file).and_then(|bytes| {
            OnnxGraph::parse(&bytes).and_then(|graph| graph.outputs()).map_err(ModelError::graph(&file))
        });
        match outputs {
            Ok(outputs) if outputs.iter().any(|port| port.is_float() && port.rank() == Some(3)) => {
                return kind("a CTC model (one graph that gives a score for each frame and piece)");
            }
            Err(error) => return error,
            Ok(_) => {}
        }
    }
    let found = match onnx.len() {
        0 if names.is_empty() => "an empty folder".to_owned(),
        0 => "no .onnx file".to_owned(),
        _ => onnx.iter().take(8).map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
    };
    ModelError::NoModel { path: path.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    #[test]
    fn layouts_are_told_by_their_files() {
        let fused = folder(&["encoder-model.onnx", "encoder-model.int8.onnx", "decoder_joint-model.onnx", "vocab.txt"]);
        let files = find(fused.path()).unwrap();
        assert_eq!(
            (files.layout, files.encoder.as_str(), files.variant.as_str()),
            (Layout::OnnxAsr, "encoder-model.onnx", "")
        );
        let files = find(&fused.path().join("encoder-model.int8.onnx")).unwrap();
        assert_eq!(files.decoder, Decoder::Fused("decoder_joint-model.onnx".into()), "the plain one goes with it");
        assert_eq!(files.variant, ".int8");

        let three =
            folder(&["encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx", "tokens.txt", "config.json"]);
        let files = find(three.path()).unwrap();
        assert_eq!((files.layout, files.vocabulary.as_str()), (Layout::Sherpa, "tokens.txt"));
        assert_eq!(files.notes, ["config.json"]);

        let split = folder(&["encoder.onnx", "predictor.onnx", "joint.onnx", "model_meta.json", "vocab.txt"]);
        assert_eq!(find(split.path()).unwrap().layout, Layout::Split);
    }

    #[test]
    fn what_is_no_model_is_told_by_what_it_is() {
        let says = |names: &[&str]| find(folder(names).path()).unwrap_err().to_string();
        assert!(says(&[]).contains("an empty folder"));
        assert!(says(&["encoder.onnx", "decoder.onnx", "tokens.txt"]).contains("attention model"));
        assert!(says(&["encoder.onnx", "decoder.onnx", "joiner.onnx"]).contains("no vocab.txt and no tokens.txt"));
        assert!(says(&["encoder.onnx"]).contains("found encoder.onnx"));
        let folder = folder(&["decoder.onnx"]);
        let error = find(&folder.path().join("decoder.onnx")).unwrap_err().to_string();
        assert!(error.contains("which is no encoder"), "{error}");
        assert!(find(&folder.path().join("nowhere")).unwrap_err().to_string().contains("found nothing"));
    }
}
