//! What plans are built for: compute capabilities, precision, and the lengths of windows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::engine::{Contract, tensorrt::TensorRtError};

/// A GPU's generation: 89 is 8.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Capability(pub u32);

impl Capability {
    /// What can be built for and run on. TensorRT for RTX 1.7: `enum class ComputeCapability` in its NvInfer.h, which the
    /// library holds to (1.7.1.116 refuses 8.7, 9.0, 10.0 and 11.0: "Compute capability is invalid or not supported"),
    /// and as the support matrix in NVIDIA's documentation has it. TensorRT for data centres builds on the GPU itself and
    /// supports every one since Turing.
    pub const SUPPORTED: &[Self] = if cfg!(feature = "tensorrt-enterprise") {
        &[
            Self(75),
            Self(80),
            Self(86),
            Self(87),
            Self(89),
            Self(90),
            Self(100),
            Self(103),
            Self(110),
            Self(120),
            Self(121),
        ]
    } else {
        &[Self(75), Self(80), Self(86), Self(89), Self(120), Self(121)]
    };

    /// Turing, which TensorRT for RTX multiplies no 32-bit matrices on ("FP32 GEMM is not supported").
    pub const TURING: Self = Self(75);

    /// As compilers write it: `sm_89`.
    pub fn sm(self) -> String {
        format!("sm_{}", self.0)
    }

    /// Whether plans can be built for it.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// Takes `sm_89`, `8.9` and `89`.
impl FromStr for Capability {
    type Err = TensorRtError;

    fn from_str(text: &str) -> Result<Self, TensorRtError> {
        let digits = text.trim().trim_start_matches("sm_").replacen('.', "", 1);
        let capability = digits.parse().ok().map(Self).filter(|capability| capability.is_supported());
        capability.ok_or_else(|| TensorRtError::Capability { found: text.to_owned() })
    }
}

/// The arithmetic of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats, and no TF32.
    #[default]
    Fp32,
    /// 16-bit floats where [`crate::engine::to_half`] puts them.
    Fp16,
}

impl Precision {
    /// Both, by the names that flags have.
    pub const ALL: [Self; 2] = [Self::Fp32, Self::Fp16];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Lengths of the windows that the encoder takes, in mel frames. A plan runs on all of them, and is made for `usual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Shortest.
    pub least: usize,
    /// That of a dictation's full window.
    pub usual: usize,
    /// Longest.
    pub most: usize,
}

impl Profile {
    /// From one frame to the model's longest window, for windows of `usual` frames.
    pub fn of(contract: &Contract, usual: usize) -> Self {
        let most = contract.encoder.max_mel_frames;
        Self { least: 1, usual: usual.clamp(1, most), most }
    }

    /// Refuses lengths that the model or the builder would refuse.
    pub(super) fn check(self, contract: &Contract) -> Result<(), TensorRtError> {
        let (limit, found) = (contract.encoder.max_mel_frames, [self.least, self.usual, self.most]);
        if 1 <= self.least && found.is_sorted() && self.most <= limit {
            return Ok(());
        }
        Err(TensorRtError::Profile { limit, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_has_three_spellings() {
        for text in ["sm_89", "8.9", "89"] {
            assert_eq!(text.parse::<Capability>().unwrap(), Capability(89));
        }
        assert_eq!((Capability(120).to_string(), Capability(120).sm()), ("12.0".to_owned(), "sm_120".to_owned()));
    }

    #[cfg(not(feature = "tensorrt-enterprise"))]
    #[test]
    fn what_is_not_supported_names_what_is() {
        for text in ["sm_90", "9.0", "1", "", "here"] {
            let error = text.parse::<Capability>().unwrap_err().to_string();
            assert!(error.contains("7.5, 8.0, 8.6, 8.9, 12.0, 12.1") && error.contains(text), "{error}");
        }
    }
}
