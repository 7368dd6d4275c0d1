//! A side of a comparison: an engine that runs, or a folder with what another one gave.

use serde::Serialize;

use crate::{
    engine::{Arithmetic, Contract, EncoderOutput, Engine, EngineInfo},
    features::FeatureFrames,
    parity::tensors::{Facts, Greedy, Input, NotComparable, TensorError, TensorFolder, TensorSet, greedy},
    trace::{ENCODER_FILE, npy::Array},
    units::EncIdx,
};

/// One side.
pub enum Side {
    /// It computes.
    Engine {
        /// The word by which it was asked for.
        name: String,
        /// What computes.
        engine: Box<dyn Engine>,
    },
    /// It was computed.
    Folder(Box<TensorFolder>),
}

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Side").field(&self.name()).finish()
    }
}

/// What a report says of a side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideFacts {
    /// Engine or folder, as it was named.
    pub name: String,
    /// What computed; `None` for a folder that does not say.
    pub engine: Option<EngineInfo>,
}

/// One window through one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SideRun {
    /// Encoder frames.
    pub encoded: EncoderOutput,
    /// Its own greedy path on them. A folder without `joint.npy` has no logits.
    pub greedy: Greedy,
}

impl Side {
    /// How messages name it.
    pub fn name(&self) -> String {
        match self {
            Self::Engine { name, .. } => name.clone(),
            Self::Folder(folder) => folder.path.display().to_string(),
        }
    }

    /// What a report says of it.
    pub fn facts(&self) -> SideFacts {
        let engine = match self {
            Self::Engine { engine, .. } => Some(engine.info().clone()),
            Self::Folder(folder) => folder.facts.as_ref().map(|facts| facts.engine.clone()),
        };
        SideFacts { name: self.name(), engine }
    }

    /// Its coarsest arithmetic; a folder that does not say is held to f32.
    pub fn arithmetic(&self) -> Arithmetic {
        self.facts().engine.map_or(Arithmetic::F32, |info| info.arithmetic)
    }

    /// Encoder frames for `features`: computed, or from the folder, whose number of frames must be right.
    pub fn encode(&mut self, contract: &Contract, features: &FeatureFrames) -> Result<EncoderOutput, TensorError> {
        let name = self.name();
        let encoded = match self {
            Self::Engine { engine, .. } => {
                let mut encoded = EncoderOutput::default();
                engine.encode(features, &mut encoded).map_err(TensorError::engine(&name))?;
                encoded
            }
            Self::Folder(folder) => {
                let frames = folder.need(folder.tensors.encoder.as_ref(), ENCODER_FILE)?;
                EncoderOutput { start: EncIdx(0), dim: frames.width(), data: frames.data.clone() }
            }
        };
        let expected = [features.len().div_ceil(contract.encoder.subsampling), contract.encoder.dim];
        let found = [encoded.len(), encoded.dim];
        if found == expected {
            return Ok(encoded);
        }
        Err(NotComparable::Shape { side: name, what: "encoder frames", expected, found }.into())
    }

    /// The whole window: encoder frames and greedy path, computed or from the folder.
    pub fn run(&mut self, contract: &Contract, features: &FeatureFrames) -> Result<SideRun, TensorError> {
        let encoded = self.encode(contract, features)?;
        let name = self.name();
        let greedy = match self {
            Self::Engine { engine, .. } => {
                greedy(&mut **engine, contract, &encoded).map_err(TensorError::engine(&name))?
            }
            Self::Folder(folder) => folder.greedy()?,
        };
        Ok(SideRun { encoded, greedy })
    }
}

impl TensorFolder {
    /// The path with its tensors; needs `path.npy` and `predictor.npy`.
    pub fn greedy(&self) -> Result<Greedy, TensorError> {
        let TensorSet { path, predictor, joint, .. } = &self.tensors;
        let rows = |array: &Array<f32>| -> Vec<Vec<f32>> {
            array.data.chunks_exact(array.width().max(1)).map(<[f32]>::to_vec).collect()
        };
        Ok(Greedy {
            path: self.need(path.as_ref(), super::PATH_FILE)?.clone(),
            predictions: rows(self.need(predictor.as_ref(), super::PREDICTOR_FILE)?),
            logits: joint.as_ref().map(rows).unwrap_or_default(),
        })
    }
}

impl TensorSet {
    /// Runs `input` through `engine` and keeps every tensor.
    pub fn of(
        engine: &mut dyn Engine,
        contract: &Contract,
        input: &Input,
    ) -> Result<(Self, Facts), crate::engine::EngineError> {
        let mut encoded = EncoderOutput::default();
        engine.encode(&input.features, &mut encoded)?;
        let greedy = greedy(engine, contract, &encoded)?;
        let rows = |rows: &[Vec<f32>], width: usize| Array { shape: vec![rows.len(), width], data: rows.concat() };
        let info = engine.info();
        let facts = Facts {
            format: super::TENSORS_FORMAT.to_owned(),
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: info.clone(),
            contract_name: contract.name.clone(),
            encoder_sha256: contract.graphs.encoder.sha256.clone(),
            source: input.source.clone(),
        };
        let features = &input.features;
        let set = Self {
            audio: input.samples.as_ref().map(|samples| Array { shape: vec![samples.len()], data: samples.clone() }),
            features: Some(Array { shape: vec![features.len(), features.mel_bins], data: features.data.clone() }),
            predictor: Some(rows(&greedy.predictions, contract.prediction_width())),
            joint: Some(rows(&greedy.logits, contract.joint_classes())),
            path: Some(greedy.path),
            encoder: Some(Array { shape: vec![encoded.len(), encoded.dim], data: encoded.data }),
        };
        Ok((set, facts))
    }
}
