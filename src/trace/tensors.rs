//! The side files of a trace: samples, features and encoder frames as the run had them, and the tensors of single steps.
//!
//! They lie in a folder beside the trace and are whole `.npy` files at any time.

use std::{
    io,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    private,
    session::StepTensors,
    trace::npy::{self, Array, GrowingNpy, NpyError},
};

/// Where the samples lie, `[samples]`.
pub const AUDIO_FILE: &str = "audio.npy";
/// Where the features lie, `[mel frames, mel bins]`, window after window.
pub const FEATURES_FILE: &str = "features.npy";
/// Where the encoder's output lies, `[encoder frames, dim]`, window after window.
pub const ENCODER_FILE: &str = "encoder.npy";

/// Which side files to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dumps {
    /// Samples as the session got them.
    pub audio: bool,
    /// Normalised features of each window.
    pub features: bool,
    /// Encoder frames of each window.
    pub encoder: bool,
    /// All tensors of this committed decision, counted from 0.
    pub step: Option<u64>,
}

impl Dumps {
    /// Whether any side file is wanted.
    pub fn any(&self) -> bool {
        self.audio || self.features || self.encoder || self.step.is_some()
    }
}

/// The side files, as the header names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorFiles {
    /// Folder beside the trace.
    pub folder: String,
    /// Samples.
    pub audio: Option<TensorFile>,
    /// Features.
    pub features: Option<TensorFile>,
    /// Encoder frames.
    pub encoder: Option<TensorFile>,
}

/// One side file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorFile {
    /// Name in the folder.
    pub file: String,
    /// Always `f32`.
    pub dtype: String,
    /// What each axis is.
    pub layout: String,
}

impl TensorFile {
    fn new(file: &str, layout: &str) -> Self {
        Self { file: file.to_owned(), dtype: "f32".to_owned(), layout: layout.to_owned() }
    }
}

impl TensorFiles {
    /// Those of a trace at `path`.
    pub(super) fn beside(path: &Path, dumps: Dumps) -> Self {
        let folder = folder_beside(path).file_name().map(|name| name.to_string_lossy().into_owned());
        Self {
            folder: folder.unwrap_or_default(),
            audio: dumps.audio.then(|| TensorFile::new(AUDIO_FILE, "sample")),
            features: dumps.features.then(|| TensorFile::new(FEATURES_FILE, "mel_frame,mel_bin")),
            encoder: dumps.encoder.then(|| TensorFile::new(ENCODER_FILE, "encoder_frame,dim")),
        }
    }
}

/// The folder of side files of the trace at `path`: its name with `.tensors` in place of the ending.
pub fn folder_beside(path: &Path) -> PathBuf {
    path.with_extension("tensors")
}

/// Rows on their way to a side file.
#[derive(Debug)]
pub(super) enum Piece {
    Audio(Vec<f32>),
    Features(Vec<f32>),
    Encoder(Vec<f32>),
    Step(Box<StepTensors>),
}

/// The open side files.
#[derive(Debug)]
pub(super) struct TensorWriter {
    folder: PathBuf,
    audio: Option<GrowingNpy>,
    features: Option<GrowingNpy>,
    encoder: Option<GrowingNpy>,
}

impl TensorWriter {
    /// Makes the folder and empty files of `[_, mel_bins]` and `[_, dim]`.
    pub(super) fn create(path: &Path, dumps: Dumps, mel_bins: usize, dim: usize) -> io::Result<Self> {
        let folder = folder_beside(path);
        private::folder(&folder)?;
        let open = |wanted: bool, file: &str, columns| {
            wanted.then(|| GrowingNpy::create(&folder.join(file), columns)).transpose()
        };
        Ok(Self {
            audio: open(dumps.audio, AUDIO_FILE, None)?,
            features: open(dumps.features, FEATURES_FILE, Some(mel_bins))?,
            encoder: open(dumps.encoder, ENCODER_FILE, Some(dim))?,
            folder,
        })
    }

    pub(super) fn write(&mut self, piece: &Piece) -> io::Result<()> {
        let (file, rows) = match piece {
            Piece::Audio(rows) => (&mut self.audio, rows),
            Piece::Features(rows) => (&mut self.features, rows),
            Piece::Encoder(rows) => (&mut self.encoder, rows),
            Piece::Step(step) => return write_step(&self.folder, step),
        };
        file.as_mut().map_or(Ok(()), |file| file.append(rows))
    }
}

/// Writes everything of one step to `step-N.safetensors` in `folder`.
pub fn write_step(folder: &Path, step: &StepTensors) -> io::Result<()> {
    let prediction = &step.prediction;
    let tensors = [
        ("frame", &step.frame),
        ("prediction", &prediction.output),
        ("h", &prediction.state.h),
        ("c", &prediction.state.c),
        ("token_logits", &step.logits.tokens),
        ("duration_logits", &step.logits.durations),
    ];
    let bytes = tensors.map(|(name, data)| (name, data.len(), data.iter().flat_map(|x| x.to_le_bytes()).collect()));
    let mut views = Vec::new();
    for (name, len, bytes) in &bytes {
        let bytes: &Vec<u8> = bytes;
        let view = TensorView::new(Dtype::F32, vec![*len], bytes).map_err(io::Error::other)?;
        views.push((*name, view));
    }
    let facts = [("step", step.index.to_string()), ("encoder_frame", step.at.0.to_string())];
    let facts = facts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    let path = folder.join(format!("step-{}.safetensors", step.index));
    private::write(&path, &safetensors::serialize(views, Some(facts)).map_err(io::Error::other)?)
}

/// The side files of a trace, read back.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    /// `[samples]`
    pub audio: Option<Array<f32>>,
    /// `[mel frames, mel bins]`
    pub features: Option<Array<f32>>,
    /// `[encoder frames, dim]`
    pub encoder: Option<Array<f32>>,
}

impl Tensors {
    /// Reads what the header of the trace at `path` names.
    pub(super) fn read(path: &Path, files: &TensorFiles) -> Result<Self, NpyError> {
        // A trace may come from anybody: what it names lies beside it.
        let plain = |name: &str| {
            let one = Path::new(name).file_name() == Some(name.as_ref()) && !name.contains(['/', '\\', ':']);
            one.then(|| name.to_owned())
                .ok_or_else(|| NpyError::Outside { path: path.to_owned(), found: name.to_owned() })
        };
        let folder = path.parent().unwrap_or(Path::new("")).join(plain(&files.folder)?);
        let read = |file: &TensorFile| npy::read(&folder.join(plain(&file.file)?));
        let open = |file: &Option<TensorFile>| file.as_ref().map(read).transpose();
        Ok(Self { audio: open(&files.audio)?, features: open(&files.features)?, encoder: open(&files.encoder)? })
    }
}
