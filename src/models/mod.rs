//! Where a model's files come from: carried in the binary, or a folder in any layout that is known.

mod catalogue;
mod derive;
mod describe;
mod embedded;
mod error;
mod fetch;
mod files;
mod known;
mod layout;
mod library;
mod library_error;
mod notes;
mod open;
mod roles;

pub use catalogue::{CATALOGUE_VARIABLE, Catalogue, Entry, EntryFile};
pub use describe::{Description, Measurement, measure};
pub use error::ModelError;
pub use fetch::{Fetch, FetchNotice};
pub use layout::Layout;
pub use library::{Library, Record, RecordedFile};
pub use library_error::LibraryError;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use crate::engine::{
    Contract, Engine, EngineError, GraphSource, GraphSpec, OnnxRuntime, OrtEngine, OrtResidentEngine, Place,
    RtenEngine, sha256,
};
use files::{beside, compare_hash, parse_graph, read, read_text, sha256_of};

/// Name of the contract beside a model's files.
pub const CONTRACT_FILE: &str = "contract.json";
/// Graphs of more bytes are left to the engine to read.
const LARGE: usize = 256 << 20;

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

    /// The model in `folder` by the contract there.
    pub fn from_dir(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(CONTRACT_FILE);
        let no_contract = |found| ModelError::NoContract { path: folder.to_owned(), found };
        if !folder.is_dir() {
            return Err(no_contract(if folder.exists() { "a file" } else { "nothing" }));
        }
        if !path.is_file() {
            return Err(no_contract("a folder without it"));
        }
        Self::by_contract(&path, folder)
    }

    /// The model of the contract at `path`, whose files are in `folder`, and beside the contract those that were made for it.
    fn by_contract(path: &Path, folder: &Path) -> Result<Self, ModelError> {
        let json = read_text(path)?;
        let contract = Contract::parse(&path.display().to_string(), &json)?;
        let model = folder.join(CONTRACT_FILE);
        let place = |file: &str| {
            let made = contract.derived.is_some() && file.starts_with(derive::MADE);
            beside(if made { path } else { &model }, file)
        };
        let graphs = &contract.graphs;
        let data = [&graphs.encoder, &graphs.predictor, &graphs.joint].into_iter().flat_map(|graph| &graph.data);
        for data in data.chain(contract.derived.iter().flat_map(|derived| &derived.from)) {
            compare_hash(&data.file, &data.sha256, sha256_of(&place(&data.file)?)?)?;
        }
        let places = [&graphs.encoder, &graphs.predictor, &graphs.joint].map(|graph| place(&graph.file));
        Self::assemble(contract.clone(), Some(places), |file| Ok(Cow::Owned(read(&place(file)?)?)))
    }

    /// `places`: where the graphs are files.
    fn assemble(
        contract: Contract,
        places: Option<[Result<PathBuf, ModelError>; 3]>,
        read: impl Fn(&str) -> Result<Bytes, ModelError>,
    ) -> Result<Self, ModelError> {
        let checked = |file: &str, hash: &str| {
            let bytes = read(file)?;
            compare_hash(file, hash, sha256(&bytes))?;
            Ok::<_, ModelError>(bytes)
        };
        let vocabulary = checked(&contract.vocabulary.file, &contract.vocabulary.sha256)?.into_owned();
        let vocabulary = String::from_utf8(vocabulary)
            .map_err(|source| ModelError::Text { file: contract.vocabulary.file.clone(), source })?;
        let source = |spec: &GraphSpec, place: Option<PathBuf>| {
            let bytes = checked(&spec.file, &spec.sha256)?;
            let Some(place) = place else { return Ok::<_, ModelError>(GraphSource::Bytes(bytes)) };
            let (_, named) = parse_graph(&place, &bytes)?;
            if let Some(found) = named.into_iter().find(|name| spec.data.iter().all(|data| data.file != *name)) {
                let listed = spec.data.iter().map(|data| data.file.clone()).collect();
                return Err(ModelError::Unlisted { file: place, listed, found });
            }
            // An engine finds files of weights beside the graph's own.
            Ok(if spec.data.is_empty() && bytes.len() < LARGE {
                GraphSource::Bytes(bytes)
            } else {
                GraphSource::File(place)
            })
        };
        let [encoder, predictor, joint] = match places {
            Some([encoder, predictor, joint]) => [Some(encoder?), Some(predictor?), Some(joint?)],
            None => [None, None, None],
        };
        let graphs = &contract.graphs;
        let graphs =
            [source(&graphs.encoder, encoder)?, source(&graphs.predictor, predictor)?, source(&graphs.joint, joint)?];
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
