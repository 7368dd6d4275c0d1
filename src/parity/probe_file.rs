//! `probe.safetensors`: a model's reference outputs on a signal that needs no file, as `engines/probe.py` writes them.

use safetensors::{Dtype, SafeTensors};

use crate::{
    engine::{Contract, TokenId},
    trace::npy::Array,
};

/// Version of the file's format.
const FORMAT: &str = "dictoscope-probe-1";
/// Samples of [`crate::parity::tensors::noise`] that the features are of: 2 s.
pub const PROBE_SAMPLES: usize = 32_000;

/// What a reference engine gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeFile {
    /// Name, version and arithmetic of the reference.
    pub made_by: String,
    /// As the encoder got them, `[mel frames, mel_bins]`.
    pub features: Array<f32>,
    /// `[encoder frames, dim]`
    pub encoder: Array<f32>,
    /// `[2, hidden]`: after the start of sequence on zero state, and after [`ProbeFile::token`] on the state that left.
    pub prediction: Array<f32>,
    /// `[encoder frames, classes]`: raw logits of every encoder frame with the first prediction.
    pub joint: Array<f32>,
    /// Token fed after the start of sequence.
    pub token: TokenId,
}

/// The reference outputs cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Not a file of tensors.
    #[error("{file}: expected reference outputs in safetensors: {source}")]
    Parse {
        /// File name.
        file: String,
        /// Where it breaks off.
        source: safetensors::SafeTensorError,
    },
    /// Something in it is not as it should be.
    #[error("{file}: {what}: expected {expected}, found {found}")]
    Field {
        /// File name.
        file: String,
        /// Tensor, or key of the metadata.
        what: String,
        /// What would do.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl ProbeFile {
    /// Reads the file and holds it against the contract of the model it belongs to. `file` names it in errors.
    pub fn parse(file: &str, bytes: &[u8], contract: &Contract) -> Result<Self, ProbeError> {
        let parse = |source| ProbeError::Parse { file: file.to_owned(), source };
        let tensors = SafeTensors::deserialize(bytes).map_err(parse)?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(parse)?;
        let field = |what: &str, expected: String, found: String| ProbeError::Field {
            file: file.to_owned(),
            what: what.to_owned(),
            expected,
            found,
        };
        let facts = metadata.metadata().clone().unwrap_or_default();
        let graphs = &contract.graphs;
        let same = [
            ("format", FORMAT),
            ("encoder_sha256", &graphs.encoder.sha256),
            ("predictor_sha256", &graphs.predictor.sha256),
            ("joint_sha256", &graphs.joint.sha256),
        ];
        for (key, expected) in same {
            match facts.get(key) {
                Some(found) if found.eq_ignore_ascii_case(expected) => {}
                found => return Err(field(key, expected.to_owned(), found.map_or("nothing".to_owned(), Clone::clone))),
            }
        }
        let fact = |key: &str| facts.get(key).cloned().unwrap_or_default();
        let (token, blank) = (fact("token"), contract.vocabulary.blank.0);
        let Some(token) = token.parse().ok().filter(|token| *token < blank).map(TokenId) else {
            return Err(field("token", format!("a number below {blank}"), format!("{token:?}")));
        };
        let read = |name: &str, shape: [usize; 2]| {
            let view = tensors.tensor(name).map_err(parse)?;
            if view.dtype() != Dtype::F32 || view.shape() != shape {
                return Err(field(name, format!("F32 {shape:?}"), format!("{:?} {:?}", view.dtype(), view.shape())));
            }
            let (values, _) = view.data().as_chunks::<4>();
            let data: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            if data.iter().all(|x| x.is_finite()) {
                return Ok(Array { shape: shape.to_vec(), data });
            }
            Err(field(name, "finite values".to_owned(), "others".to_owned()))
        };
        let mel_frames = PROBE_SAMPLES / contract.front_end.hop;
        let frames = mel_frames.div_ceil(contract.encoder.subsampling);
        Ok(Self {
            made_by: fact("made_by"),
            features: read("features", [mel_frames, contract.front_end.mel_bins])?,
            encoder: read("encoder", [frames, contract.encoder.dim])?,
            prediction: read("prediction", [2, contract.prediction_width()])?,
            joint: read("joint", [frames, contract.joint_classes()])?,
            token,
        })
    }
}
