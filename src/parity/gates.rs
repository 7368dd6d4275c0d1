//! How closely two engines must agree, by the coarser of their arithmetics. Judgement, from what ports of such models showed.

use serde::{Deserialize, Serialize};

use crate::engine::Arithmetic;

/// Bounds for what is above the arithmetic of the encoder: the front-end always runs in f32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StageBounds {
    /// Largest absolute difference of two samples that count as the same audio.
    pub audio: f64,
    /// The same of two normalised features (the absolute tolerance of onnx-asr's own tests of its front-end).
    pub features: f64,
}

/// Bounds that do not depend on the engine.
pub const STAGES_AGREE: StageBounds = StageBounds { audio: 1e-6, features: 5e-4 };

/// What two engines must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The coarser arithmetic of the two.
    pub arithmetic: Arithmetic,
    /// Largest absolute difference of two values of an encoder frame, where the gate has one.
    pub encoder_max_abs: Option<f64>,
    /// Least cosine of two encoder frames.
    pub encoder_cosine: f64,
    /// Least cosine of two outputs of the prediction network.
    pub predictor_cosine: f64,
    /// Largest absolute difference of two raw logits on equal paths.
    pub logit_max_abs: f64,
}

impl Gate {
    /// The gate for two engines.
    ///
    /// Encoder bounds are those for a comparison with a 32-bit run on the CPU. A margin may shrink by twice the difference
    /// of a logit; so the bound of the logits is half the margin up to which a flip passes as rounding (0.05 for TF32,
    /// 0.5 for 16 bits), and in f32 ten times the encoder's bound, for the joint's gain.
    pub fn of(a: Arithmetic, b: Arithmetic) -> Self {
        let arithmetic = a.max(b);
        match arithmetic {
            Arithmetic::F32 => Self {
                arithmetic,
                encoder_max_abs: Some(1e-3),
                encoder_cosine: 0.9999,
                predictor_cosine: 0.9999,
                logit_max_abs: 1e-2,
            },
            Arithmetic::Tf32 => Self {
                arithmetic,
                encoder_max_abs: None,
                encoder_cosine: 0.999,
                predictor_cosine: 0.999,
                logit_max_abs: 0.025,
            },
            Arithmetic::F16 | Arithmetic::Bf16 => Self {
                arithmetic,
                encoder_max_abs: None,
                encoder_cosine: 0.99,
                predictor_cosine: 0.99,
                logit_max_abs: 0.25,
            },
        }
    }
}
