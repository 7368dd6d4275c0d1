//! The JSON that `--json` prints. Field names are a promise: fields may be added, none changes its meaning.

use std::fmt;

use serde::Serialize;

use crate::{
    decode::Word,
    engine::EngineInfo,
    session::WindowSettings,
    units::{EncIdx, SAMPLE_RATE_HZ, SampleIdx, secs_from_enc_frames},
};

/// A word with its times and the least of its tokens' probabilities.
#[derive(Debug, Serialize)]
pub(super) struct JsonWord<'a> {
    text: &'a str,
    /// Written without a space before it.
    glued: bool,
    start_secs: f64,
    end_secs: f64,
    /// The least softmax probability of its tokens within the token head.
    word_confidence: f32,
    tokens: Vec<JsonToken<'a>>,
}

/// A token with the decision that wrote it.
#[derive(Debug, Serialize)]
struct JsonToken<'a> {
    piece: &'a str,
    token: u32,
    frame: u64,
    start_secs: f64,
    duration_frames: u32,
    token_probability: f32,
    duration_probability: f32,
    token_margin: f32,
    duration_margin: f32,
}

impl<'a> From<&'a Word> for JsonWord<'a> {
    fn from(word: &'a Word) -> Self {
        Self {
            text: &word.text,
            glued: word.glued,
            start_secs: secs(word.start),
            end_secs: secs(word.end),
            word_confidence: word.confidence,
            tokens: word
                .tokens
                .iter()
                .map(|token| JsonToken {
                    piece: &token.piece,
                    token: token.token.0,
                    frame: token.frame.0,
                    start_secs: secs(token.frame),
                    duration_frames: token.duration,
                    token_probability: token.token_probability,
                    duration_probability: token.duration_probability,
                    token_margin: token.token_margin,
                    duration_margin: token.duration_margin,
                })
                .collect(),
        }
    }
}

/// Words as JSON.
pub(super) fn words(words: &[Word]) -> Vec<JsonWord<'_>> {
    words.iter().map(JsonWord::from).collect()
}

/// The windows a session used, as they came out on the 80 ms grid.
#[derive(Debug, Serialize)]
pub(super) struct JsonWindow {
    /// `stream`, or `whole`: the long windows of recordings.
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_secs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hop_secs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right_secs: Option<f64>,
}

impl JsonWindow {
    /// One window, or for longer recordings windows that overlap.
    pub(super) fn whole() -> Self {
        Self { mode: "whole", left_secs: None, hop_secs: None, right_secs: None }
    }

    /// Hop by hop.
    pub(super) fn stream(window: &WindowSettings) -> Self {
        Self {
            mode: "stream",
            left_secs: Some(millis(secs_from_enc_frames(window.left_frames()))),
            hop_secs: Some(window.hop_secs),
            right_secs: Some(millis(secs_from_enc_frames(window.right_frames()))),
        }
    }
}

impl fmt::Display for JsonWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode)?;
        for (name, secs) in [("left", self.left_secs), ("hop", self.hop_secs), ("right", self.right_secs)] {
            if let Some(secs) = secs {
                write!(f, ", {name} {secs} s")?;
            }
        }
        Ok(())
    }
}

/// One recording.
#[derive(Debug, Serialize)]
pub(super) struct JsonFile<'a> {
    pub(super) file: &'a str,
    pub(super) duration_secs: f64,
    pub(super) text: String,
    pub(super) model: &'a str,
    pub(super) engine: &'a EngineInfo,
    pub(super) window: JsonWindow,
    pub(super) words: Vec<JsonWord<'a>>,
    /// The text after the rules for it, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cared: Option<String>,
    /// Its parts with the committed words they stand for and the rule that made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cared_words: Option<Vec<serde_json::Value>>,
    /// What stopped nothing but should be known, such as NaN samples.
    pub(super) notices: &'a [String],
    /// Why the recording could not be read to its end; the words before stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// Seconds at an encoder frame.
pub(super) fn secs(at: EncIdx) -> f64 {
    millis(at.secs())
}

/// Seconds at a sample.
pub(super) fn sample_secs(at: SampleIdx) -> f64 {
    millis(at.secs())
}

/// Seconds that `samples` last.
pub(super) fn lasting(samples: u64) -> f64 {
    millis(samples as f64 / f64::from(SAMPLE_RATE_HZ))
}

/// To the millisecond: 0.56, not 0.5600000000000001.
fn millis(secs: f64) -> f64 {
    (secs * 1000.0).round() / 1000.0
}
