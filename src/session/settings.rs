//! What can be set on a session, live, and the changes that carry it.

use serde::{Deserialize, Serialize};

pub use crate::{
    decode::{CustomWords, Punctuation},
    features::{FeatureNorm, Normalization},
};

use crate::{
    session::SessionError,
    units::{enc_frames_from_secs, secs_from_enc_frames},
};

/// Window re-encoding: how much audio each encoder call sees, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowSettings {
    /// Seconds of audio before the commit line that are encoded again.
    pub left_secs: f64,
    /// Seconds between inferences; need not be a multiple of 80 ms.
    pub hop_secs: f64,
    /// Seconds of audio a frame must have after it before its decisions are committed.
    pub right_secs: f64,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self { left_secs: 3.52, hop_secs: 0.5, right_secs: 0.96 }
    }
}

impl WindowSettings {
    /// Left context in whole encoder frames.
    pub fn left_frames(&self) -> u64 {
        enc_frames_from_secs(self.left_secs)
    }

    /// Right context in whole encoder frames.
    pub fn right_frames(&self) -> u64 {
        enc_frames_from_secs(self.right_secs)
    }

    /// Longest window these settings make, in encoder frames: left + hop (rounded up) + right.
    pub fn longest_frames(&self) -> u64 {
        let hop = enc_frames_from_secs(self.hop_secs);
        let hop = if secs_from_enc_frames(hop) < self.hop_secs - 1e-6 { hop + 1 } else { hop };
        self.left_frames() + hop + self.right_frames()
    }
}

/// Voice gate and end of utterance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointSettings {
    /// Off: one utterance from start to stop, and silence is decoded too.
    pub enabled: bool,
    /// Voice score at which an utterance begins, in [0, 1].
    pub onset: f32,
    /// Voice score below which a frame counts as silence, in [0, 1].
    pub release: f32,
    /// Seconds of silence that end an utterance.
    pub silence_secs: f64,
    /// Seconds of audio before the onset that belong to the utterance.
    pub pre_roll_secs: f64,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self { enabled: true, onset: 0.5, release: 0.35, silence_secs: 1.2, pre_roll_secs: 0.48 }
    }
}

/// Everything a session can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// Window re-encoding.
    pub window: WindowSettings,
    /// Voice gate and end of utterance.
    pub endpoint: EndpointSettings,
    /// Feature normalisation: the model's own unless set.
    pub feature_norm: FeatureNorm,
    /// Punctuation suppression.
    pub punctuation: Punctuation,
    /// How many candidates of the token head each decision keeps; at least 2.
    pub top_k: TopK,
    /// Words that the decoder is drawn to.
    #[serde(skip_serializing_if = "CustomWords::is_default")]
    pub custom_words: CustomWords,
    /// End after this many committed decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debug_steps: Option<u64>,
}

impl SessionSettings {
    /// Takes one change over.
    pub fn take(&mut self, setting: &Setting) {
        match setting {
            Setting::Window(window) => self.window = *window,
            Setting::Endpoint(endpoint) => self.endpoint = *endpoint,
            Setting::FeatureNorm(norm) => self.feature_norm = *norm,
            Setting::Punctuation(punctuation) => self.punctuation = *punctuation,
            Setting::TopK(top_k) => self.top_k = *top_k,
            Setting::CustomWords(words) => self.custom_words.clone_from(words),
        }
    }
}

/// Candidates kept per decision, at least 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "usize", into = "usize")]
pub struct TopK(usize);

impl TopK {
    /// The number of candidates.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for TopK {
    fn default() -> Self {
        Self(2)
    }
}

impl From<usize> for TopK {
    fn from(k: usize) -> Self {
        Self(k.max(2))
    }
}

impl From<TopK> for usize {
    fn from(k: TopK) -> Self {
        k.0
    }
}

/// One change, applied from the next hop on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// New window sizes.
    Window(WindowSettings),
    /// New gate.
    Endpoint(EndpointSettings),
    /// New normalisation.
    FeatureNorm(FeatureNorm),
    /// New suppression.
    Punctuation(Punctuation),
    /// New number of candidates.
    TopK(TopK),
    /// New words.
    CustomWords(CustomWords),
}

impl Setting {
    /// Refuses what is out of range. `longest`: the model's longest window in seconds.
    pub(super) fn check(&self, longest: f64) -> Result<(), SessionError> {
        let checks: &[(&'static str, f64, f64, f64)] = match self {
            Self::Window(window) => &[
                ("left context in seconds", window.left_secs, 0.0, longest),
                ("hop in seconds", window.hop_secs, 0.08, longest),
                ("right context in seconds", window.right_secs, 0.0, longest),
                ("left + hop + right in seconds", secs_from_enc_frames(window.longest_frames()), 0.08, longest),
            ],
            Self::Endpoint(endpoint) => &[
                ("onset score", f64::from(endpoint.onset), 0.0, 1.0),
                ("release score", f64::from(endpoint.release), 0.0, 1.0),
                ("silence in seconds", endpoint.silence_secs, 0.1, 60.0),
                ("pre-roll in seconds", endpoint.pre_roll_secs, 0.0, 5.0),
            ],
            Self::CustomWords(words) => {
                &[("boost in logits", f64::from(words.boost), 0.0, f64::from(CustomWords::MOST))]
            }
            Self::FeatureNorm(_) | Self::Punctuation(_) | Self::TopK(_) => &[],
        };
        for (setting, found, low, high) in checks.iter().copied() {
            if !(low..=high).contains(&found) {
                return Err(SessionError::Setting { setting, expected: format!("{low} to {high}"), found });
            }
        }
        Ok(())
    }
}
