//! Where a model's files come from: carried in the binary, or a folder with a `contract.json`.

mod embedded;

use std::{
    borrow::Cow,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::engine::{
    Contract, ContractError, Engine, EngineError, GraphSource, GraphSpec, OnnxRuntime, OrtEngine, OrtResidentEngine,
    Place, RtenEngine, hexadecimal, sha256,
};

/// Name of the contract beside a model's files.
pub const CONTRACT_FILE: &str = "contract.json";

/// A model could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read.
    #[error("{}: cannot read this file of the model: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder is no model.
    #[error("{}: expected a folder with {CONTRACT_FILE}, found {found}", path.display())]
    NoContract {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// A file name in the contract leads out of the folder.
    #[error("{}: expected the name of a file beside it, found {found:?}", contract.display())]
    Outside {
        /// The contract.
        contract: PathBuf,
        /// The name.
        found: String,
    },
    /// The vocabulary is not UTF-8.
    #[error("{file}: expected UTF-8 text: {source}")]
    Text {
        /// The file.
        file: String,
        /// Where it breaks off.
        source: std::string::FromUtf8Error,
    },
    /// Contract or hash is wrong.
    #[error(transparent)]
    Contract(#[from] ContractError),
}

/// A file in memory.
type Bytes = Cow<'static, [u8]>;

/// A model whose files are read and whose hashes agree with its contract.
#[derive(Clone)]
pub struct Model {
    contract: Contract,
    vocabulary: String,
    graphs: [GraphSource; 3],
    probe: Option<Bytes>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("contract", &self.contract.name).finish_non_exhaustive()
    }
}

impl Model {
    /// The model in the binary.
    pub fn embedded() -> Result<Self, ModelError> {
        let contract = Contract::parse(CONTRACT_FILE, embedded::CONTRACT)?;
        Self::assemble(contract, None, |file| Ok(Cow::Borrowed(embedded::file(file).unwrap_or_default())))
    }

    /// The model in `folder`.
    pub fn from_dir(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(CONTRACT_FILE);
        let no_contract = |found| ModelError::NoContract { path: folder.to_owned(), found };
        if !folder.is_dir() {
            return Err(no_contract(if folder.exists() { "a file" } else { "nothing" }));
        }
        if !path.is_file() {
            return Err(no_contract("a folder without it"));
        }
        let json = fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let contract = Contract::parse(&path.display().to_string(), &json)?;
        let graphs = &contract.graphs;
        for data in [&graphs.encoder, &graphs.predictor, &graphs.joint].into_iter().flat_map(|graph| &graph.data) {
            check_file(&beside(&path, &data.file)?, &data.file, &data.sha256)?;
        }
        Self::assemble(contract, Some(folder), |file| {
            let path = beside(&path, file)?;
            fs::read(&path).map(Cow::Owned).map_err(|source| ModelError::Read { path, source })
        })
    }

    fn assemble(
        contract: Contract,
        folder: Option<&Path>,
        read: impl Fn(&str) -> Result<Bytes, ModelError>,
    ) -> Result<Self, ModelError> {
        let checked = |file: &str, sha256: &str| {
            let bytes = read(file)?;
            check_hash(file, sha256, &bytes)?;
            Ok::<_, ModelError>(bytes)
        };
        let vocabulary = checked(&contract.vocabulary.file, &contract.vocabulary.sha256)?.into_owned();
        let vocabulary = String::from_utf8(vocabulary)
            .map_err(|source| ModelError::Text { file: contract.vocabulary.file.clone(), source })?;
        let source = |spec: &GraphSpec| {
            let bytes = checked(&spec.file, &spec.sha256)?;
            Ok::<_, ModelError>(match folder {
                // An engine finds files of weights beside the graph's own.
                Some(folder) if !spec.data.is_empty() => GraphSource::File(folder.join(&spec.file)),
                _ => GraphSource::Bytes(bytes),
            })
        };
        let graphs = &contract.graphs;
        let graphs = [source(&graphs.encoder)?, source(&graphs.predictor)?, source(&graphs.joint)?];
        let probe = contract.probe.as_ref().map(|probe| checked(&probe.file, &probe.sha256)).transpose()?;
        Ok(Self { contract, vocabulary, graphs, probe })
    }

    /// What the model is.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Text of the vocabulary file.
    pub fn vocabulary_text(&self) -> &str {
        &self.vocabulary
    }

    /// The file of reference outputs, if the model has one; its hash agrees with the contract.
    pub fn probe(&self) -> Option<&[u8]> {
        self.probe.as_deref()
    }

    /// Encoder, predictor and joint as ONNX.
    pub fn graphs(&self) -> &[GraphSource; 3] {
        &self.graphs
    }

    /// Opens the compiled-in engine on this model. `threads`: `None` for as many as the machine runs at once, at most 4.
    pub fn open_rten(&self, threads: Option<usize>) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(RtenEngine::open(&self.contract, self.graphs.clone(), threads)?))
    }

    /// Opens ONNX Runtime on this model at `place`, where predictions stay.
    pub fn open_onnxruntime_at(&self, runtime: &OnnxRuntime, place: Place) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(OrtResidentEngine::open(runtime, &self.contract, &self.graphs, place)?))
    }

    /// Opens ONNX Runtime on this model, on the CPU. `threads` as for [`Self::open_rten`].
    pub fn open_onnxruntime(
        &self,
        runtime: &OnnxRuntime,
        threads: Option<usize>,
    ) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(OrtEngine::open(runtime, &self.contract, &self.graphs, threads)?))
    }
}

/// The path of a file that the contract at `contract` names.
fn beside(contract: &Path, file: &str) -> Result<PathBuf, ModelError> {
    let name = Path::new(file);
    // One plain component: no folders, no `..`, no root.
    if name.file_name() != Some(name.as_os_str()) {
        return Err(ModelError::Outside { contract: contract.to_owned(), found: file.to_owned() });
    }
    Ok(contract.with_file_name(name))
}

fn check_hash(file: &str, expected: &str, bytes: &[u8]) -> Result<(), ContractError> {
    compare_hash(file, expected, sha256(bytes))
}

/// The same of a file that may be larger than the memory.
fn check_file(path: &Path, file: &str, expected: &str) -> Result<(), ModelError> {
    let read = |source| ModelError::Read { path: path.to_owned(), source };
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, fs::File::open(path).map_err(read)?);
    loop {
        let bytes = reader.fill_buf().map_err(read)?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let count = bytes.len();
        reader.consume(count);
    }
    Ok(compare_hash(file, expected, hexadecimal(&hasher.finalize()))?)
}

fn compare_hash(file: &str, expected: &str, found: String) -> Result<(), ContractError> {
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(ContractError::Hash { file: file.to_owned(), expected: expected.to_owned(), found })
}
