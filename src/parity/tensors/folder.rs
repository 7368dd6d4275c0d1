//! A folder with the tensors of one window: what `dictoscope parity dump` writes, and what other programs can write.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    engine::{Contract, EngineInfo, TokenId},
    parity::tensors::{NotComparable, PathStep, TensorError, tokens_of},
    trace::{
        AUDIO_FILE, ENCODER_FILE, FEATURES_FILE,
        npy::{self, Array, Element, NpyError},
    },
    units::EncIdx,
};

/// What is true of the whole folder.
pub const TENSORS_FILE: &str = "tensors.json";
/// Frame and token of each joint evaluation, `[steps, 2]` i32.
pub const PATH_FILE: &str = "path.npy";
/// Output of the prediction network `[1 + tokens, hidden]` f32: after the start of sequence, then after each token.
pub const PREDICTOR_FILE: &str = "predictor.npy";
/// Raw logits of each step of the path `[steps, classes]` f32.
pub const JOINT_FILE: &str = "joint.npy";
/// Version of the format of [`TENSORS_FILE`].
pub const TENSORS_FORMAT: &str = "dictoscope-tensors-1";

const ARRAYS: [&str; 6] = [AUDIO_FILE, FEATURES_FILE, ENCODER_FILE, PATH_FILE, PREDICTOR_FILE, JOINT_FILE];

/// What [`TENSORS_FILE`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Always [`TENSORS_FORMAT`].
    pub format: String,
    /// Program and version.
    pub program: String,
    /// What computed.
    pub engine: EngineInfo,
    /// Name of the model.
    pub contract_name: String,
    /// SHA-256 of the encoder graph, hexadecimal.
    pub encoder_sha256: String,
    /// What was fed.
    pub source: String,
}

/// The tensors; each may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorSet {
    /// `[samples]` at 16 kHz; missing where features were fed.
    pub audio: Option<Array<f32>>,
    /// As the encoder got them, `[mel frames, mel_bins]`.
    pub features: Option<Array<f32>>,
    /// `[encoder frames, dim]`
    pub encoder: Option<Array<f32>>,
    /// The greedy path.
    pub path: Option<Vec<PathStep>>,
    /// `[1 + tokens, hidden]`
    pub predictor: Option<Array<f32>>,
    /// `[steps, classes]`
    pub joint: Option<Array<f32>>,
}

/// A folder that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorFolder {
    /// Where it is.
    pub path: PathBuf,
    /// `None` without [`TENSORS_FILE`], as beside a trace.
    pub facts: Option<Facts>,
    /// What is in it.
    pub tensors: TensorSet,
}

/// Whether `path` is a folder of tensors: one with [`TENSORS_FILE`] or an array of a name that is known.
pub fn is_tensor_folder(path: &Path) -> bool {
    path.is_dir() && ARRAYS.iter().chain([&TENSORS_FILE]).any(|file| path.join(file).is_file())
}

impl TensorFolder {
    /// Reads what is there and holds it against the contract and against each other. Features may have any two axes: what
    /// is wrong with them is for the comparison to tell.
    pub fn read(path: &Path, contract: &Contract) -> Result<Self, TensorError> {
        let facts = read_facts(path)?;
        let side = || path.display().to_string();
        if let Some(facts) = facts.as_ref().filter(|facts| facts.encoder_sha256 != contract.graphs.encoder.sha256) {
            let expected = format!("{}, encoder {}", contract.name, contract.graphs.encoder.sha256);
            let found = format!("{}, encoder {}", facts.contract_name, facts.encoder_sha256);
            return Err(NotComparable::Model { side: side(), expected, found }.into());
        }
        let wide = |file: &'static str, width: Option<usize>| {
            let Some(array) = read_array::<f32>(path, file, 2)? else { return Ok(None) };
            match width {
                Some(width) if array.width() != width => {
                    let (expected, found) = ([array.len(), width], [array.len(), array.width()]);
                    Err(NotComparable::Shape { side: side(), what: file, expected, found }.into())
                }
                _ => Ok::<_, TensorError>(Some(array)),
            }
        };
        let tensors = TensorSet {
            audio: read_array(path, AUDIO_FILE, 1)?,
            features: wide(FEATURES_FILE, None)?,
            encoder: wide(ENCODER_FILE, Some(contract.encoder.dim))?,
            path: read_path(path, contract)?,
            predictor: wide(PREDICTOR_FILE, Some(contract.prediction_width()))?,
            joint: wide(JOINT_FILE, Some(contract.joint_classes()))?,
        };
        let folder = Self { path: path.to_owned(), facts, tensors };
        folder.check(contract)?;
        Ok(folder)
    }

    fn check(&self, contract: &Contract) -> Result<(), TensorError> {
        let TensorSet { encoder, path, predictor, joint, .. } = &self.tensors;
        let Some(path) = path else { return Ok(()) };
        let fits = |file: &str, expected: usize, found: Option<usize>, what: &str| match found {
            Some(found) if found != expected => Err(TensorError::Unfit {
                path: self.path.join(file),
                expected: format!("{expected} rows, {what}"),
                found: found.to_string(),
            }),
            _ => Ok(()),
        };
        let tokens = tokens_of(path, contract.vocabulary.blank).len();
        fits(PREDICTOR_FILE, 1 + tokens, predictor.as_ref().map(Array::len), "one and one a token of path.npy")?;
        fits(JOINT_FILE, path.len(), joint.as_ref().map(Array::len), "one a step of path.npy")?;
        let beyond = encoder.as_ref().and_then(|frames| path.iter().find(|step| step.frame.0 >= frames.len() as u64));
        if let (Some(step), Some(frames)) = (beyond, encoder) {
            let (expected, found) = (format!("frames below {}, those of encoder.npy", frames.len()), step.frame.0);
            return Err(TensorError::Unfit { path: self.path.join(PATH_FILE), expected, found: found.to_string() });
        }
        Ok(())
    }

    /// A tensor that a comparison needs.
    pub(super) fn need<'a, T>(&self, tensor: Option<&'a T>, file: &'static str) -> Result<&'a T, TensorError> {
        tensor.ok_or_else(|| {
            let found = ARRAYS.iter().filter(|file| self.path.join(file).is_file());
            let found = found.map(|&file| file.to_owned()).collect();
            TensorError::Missing { folder: self.path.clone(), expected: file, found }
        })
    }
}

impl TensorSet {
    /// Writes all there is to `folder`, and takes away what an earlier dump left there that is missing now.
    pub fn write(&self, folder: &Path, facts: &Facts) -> Result<(), TensorError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| TensorError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let arrays = [
            (AUDIO_FILE, &self.audio),
            (FEATURES_FILE, &self.features),
            (ENCODER_FILE, &self.encoder),
            (PREDICTOR_FILE, &self.predictor),
            (JOINT_FILE, &self.joint),
        ];
        for (file, array) in arrays {
            let path = folder.join(file);
            match array {
                Some(array) => npy::write(&path, &array.shape, &array.data)?,
                None => remove(&path).map_err(io(&path))?,
            }
        }
        let path = folder.join(PATH_FILE);
        match &self.path {
            Some(steps) => {
                let data: Vec<i32> = steps.iter().flat_map(|step| [step.frame.0 as i32, step.token.0 as i32]).collect();
                npy::write_i32(&path, &[steps.len(), 2], &data)?;
            }
            None => remove(&path).map_err(io(&path))?,
        }
        let path = folder.join(TENSORS_FILE);
        let json = serde_json::to_string_pretty(facts).map_err(|error| io(&path)(error.into()))?;
        fs::write(&path, json + "\n").map_err(io(&path))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_facts(folder: &Path) -> Result<Option<Facts>, TensorError> {
    let path = folder.join(TENSORS_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TensorError::Io { path, source }),
    };
    let json = |expected: String, found: String| TensorError::Json { path: path.clone(), expected, found };
    let facts: Facts =
        serde_json::from_str(&text).map_err(|error| json(format!("facts of {TENSORS_FORMAT}"), error.to_string()))?;
    if facts.format == TENSORS_FORMAT {
        return Ok(Some(facts));
    }
    Err(json(format!("format {TENSORS_FORMAT:?}"), format!("{:?}", facts.format)))
}

/// An array with this many axes, if the file is there.
fn read_array<T: Element>(folder: &Path, file: &str, axes: usize) -> Result<Option<Array<T>>, TensorError> {
    let path = folder.join(file);
    if !path.exists() {
        return Ok(None);
    }
    let array = npy::read::<T>(&path)?;
    if array.shape.len() == axes {
        return Ok(Some(array));
    }
    let expected = if axes == 1 { "one axis".to_owned() } else { format!("{axes} axes") };
    Err(NpyError::Shape { path, expected, found: array.shape }.into())
}

fn read_path(folder: &Path, contract: &Contract) -> Result<Option<Vec<PathStep>>, TensorError> {
    let Some(array) = read_array::<i32>(folder, PATH_FILE, 2)? else { return Ok(None) };
    let path = folder.join(PATH_FILE);
    if array.width() != 2 {
        let expected = "[steps, 2]: frame and token".to_owned();
        return Err(NpyError::Shape { path, expected, found: array.shape }.into());
    }
    let mut steps: Vec<PathStep> = Vec::with_capacity(array.len());
    for pair in array.data.chunks_exact(2) {
        let step = u64::try_from(pair[0]).ok().zip(u32::try_from(pair[1]).ok());
        let step = step.map(|(frame, token)| PathStep { frame: EncIdx(frame), token: TokenId(token) });
        let fits = |step: &PathStep| {
            (step.token.0 as usize) < contract.token_classes() && steps.last().is_none_or(|s| s.frame <= step.frame)
        };
        let Some(step) = step.filter(fits) else {
            let expected = format!("frames that rise and tokens below {}", contract.token_classes());
            let found = format!("frame {} and token {} at step {}", pair[0], pair[1], steps.len());
            return Err(TensorError::Unfit { path, expected, found });
        };
        steps.push(step);
    }
    Ok(Some(steps))
}
