//! Positions on the three clocks of the pipeline: samples, mel frames, encoder frames. Nothing here but arithmetic.
//!
//! 160 samples make 1 mel frame (10 ms); 8 mel frames make 1 encoder frame (80 ms). These three numbers are the
//! grid of the whole program (NeMo `window_stride` 0.01 and ×8 subsampling); a model whose contract says otherwise is refused.

use serde::{Deserialize, Serialize};

/// Samples per second on every clock in this crate.
pub const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples per mel frame (10 ms).
pub const SAMPLES_PER_MEL: usize = 160;
/// Mel frames per encoder frame (80 ms).
pub const MEL_PER_ENC: usize = 8;
/// Samples per encoder frame (80 ms).
pub const SAMPLES_PER_ENC: usize = SAMPLES_PER_MEL * MEL_PER_ENC;

/// Index of a 16 kHz sample since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SampleIdx(pub u64);

/// Index of a 10 ms mel frame since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MelIdx(pub u64);

/// Index of an 80 ms encoder frame since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EncIdx(pub u64);

impl SampleIdx {
    /// The mel frame this sample lies in.
    pub fn mel(self) -> MelIdx {
        MelIdx(self.0 / SAMPLES_PER_MEL as u64)
    }

    /// The encoder frame this sample lies in: the last grid line at or before it.
    pub fn enc(self) -> EncIdx {
        EncIdx(self.0 / SAMPLES_PER_ENC as u64)
    }

    /// Seconds since the session began.
    pub fn secs(self) -> f64 {
        self.0 as f64 / f64::from(SAMPLE_RATE_HZ)
    }
}

impl MelIdx {
    /// The first sample of this mel frame.
    pub fn sample(self) -> SampleIdx {
        SampleIdx(self.0 * SAMPLES_PER_MEL as u64)
    }

    /// The encoder frame this mel frame lies in.
    pub fn enc(self) -> EncIdx {
        EncIdx(self.0 / MEL_PER_ENC as u64)
    }
}

impl EncIdx {
    /// The first sample of this encoder frame.
    pub fn sample(self) -> SampleIdx {
        SampleIdx(self.0 * SAMPLES_PER_ENC as u64)
    }

    /// The first mel frame of this encoder frame.
    pub fn mel(self) -> MelIdx {
        MelIdx(self.0 * MEL_PER_ENC as u64)
    }

    /// Seconds since the session began, at the start of this frame.
    pub fn secs(self) -> f64 {
        self.sample().secs()
    }
}

/// Whole encoder frames in `secs`, rounded down: a window may be shorter than asked for, never longer.
pub fn enc_frames_from_secs(secs: f64) -> u64 {
    // The small addend keeps 0.56 s (7 frames in decimal, 6.9999… in binary) at 7.
    (secs * f64::from(SAMPLE_RATE_HZ) / SAMPLES_PER_ENC as f64 + 1e-6).max(0.0) as u64
}

/// Seconds in `frames` encoder frames.
pub fn secs_from_enc_frames(frames: u64) -> f64 {
    EncIdx(frames).secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_with_each_other() {
        assert_eq!(SampleIdx(1279).enc(), EncIdx(0));
        assert_eq!(SampleIdx(1280).enc(), EncIdx(1));
        assert_eq!(EncIdx(3).mel(), MelIdx(24));
        assert_eq!(EncIdx(3).sample(), MelIdx(24).sample());
        assert!((EncIdx(25).secs() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn seconds_round_down_to_whole_frames() {
        assert_eq!(enc_frames_from_secs(0.56), 7);
        assert_eq!(enc_frames_from_secs(0.48), 6);
        assert_eq!(enc_frames_from_secs(0.5), 6);
        assert_eq!(enc_frames_from_secs(30.0), 375);
        assert_eq!(enc_frames_from_secs(-1.0), 0);
    }
}
