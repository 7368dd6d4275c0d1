//! One window through two sides, tensor by tensor: an engine, or a folder of tensors that another program dumped.
//!
//! Each comparison gives both sides the same inputs, so that only the part that is asked about can differ.

mod encoder;
mod error;
mod features;
mod folder;
mod greedy;
mod input;
mod joint;
mod metrics;
mod predictor;
mod side;
mod swap;
mod vectors;

pub use encoder::{EncoderReport, EncoderSide, compare_encoders};
pub use error::{NotComparable, TensorError};
pub use features::{FeatureAgreement, Layout, Reading, feature_agreement, read_features};
pub use folder::{
    Facts, JOINT_FILE, PATH_FILE, PREDICTOR_FILE, TENSORS_FILE, TENSORS_FORMAT, TensorFolder, TensorSet,
    is_tensor_folder,
};
pub use greedy::{Greedy, PathStep, greedy, prediction_rows, tokens_of};
pub use input::{Input, features_of, is_npy, noise};
pub use joint::{Flip, Head, JointReport, JointSide, SoftmaxLook, compare_joints};
pub use metrics::{Difference, RowComparison, cosine, transposed};
pub use predictor::{PredictorReport, PredictorSide, compare_predictors, read_tokens, teacher_forced};
pub use side::{Side, SideFacts, SideRun};
pub use swap::{Carrier, Choice, Combination, HeadVerdict, Parting, SwapOutcome, SwapReport, first_parting, swap};
pub use vectors::{VectorCase, check_vectors};

use serde::Serialize;

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within the gate.
    Pass,
    /// Beyond it.
    Fail,
}

impl Verdict {
    /// The verdict over these reasons: none is a pass.
    pub fn of(reasons: &[String]) -> Self {
        if reasons.is_empty() { Self::Pass } else { Self::Fail }
    }

    /// Pass if all pass.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        if verdicts.into_iter().all(|verdict| verdict == Self::Pass) { Self::Pass } else { Self::Fail }
    }

    /// As the last line of a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
        }
    }
}
