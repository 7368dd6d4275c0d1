//! An engine without a network: joint scores come from a function of (frame, tokens so far). For tests and replay.

use crate::{
    engine::{EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, TokenId},
    features::FeatureFrames,
    units::MEL_PER_ENC,
};

/// Answers one joint call with the raw logits of both heads.
type Script = Box<dyn FnMut(u64, u64) -> JointLogits + Send>;

/// Plays a script. The encoder passes each frame's absolute index on as its one value; the predictor counts its tokens.
///
/// Frames up to 2^24 are exact.
pub struct ScriptedEngine {
    info: EngineInfo,
    blank: TokenId,
    script: Script,
    /// Joint calls so far as (frame, tokens so far).
    pub joint_calls: Vec<(u64, u64)>,
    /// Predictor calls so far, by token.
    pub predictor_calls: Vec<TokenId>,
}

impl std::fmt::Debug for ScriptedEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedEngine").field("joint_calls", &self.joint_calls.len()).finish_non_exhaustive()
    }
}

impl ScriptedEngine {
    /// `script` gets the absolute encoder frame and the number of tokens fed to the predictor after the start of sequence.
    pub fn new(blank: TokenId, script: impl FnMut(u64, u64) -> JointLogits + Send + 'static) -> Self {
        let info = EngineInfo {
            engine: "scripted".into(),
            device: "none".into(),
            precision: "f32".into(),
            ..EngineInfo::default()
        };
        Self { info, blank, script: Box::new(script), joint_calls: Vec::new(), predictor_calls: Vec::new() }
    }

    /// Logits in which `token` and `duration` win by 5 and 2.
    pub fn one_hot(classes: usize, token: u32, durations: usize, duration: usize) -> JointLogits {
        let mut logits = JointLogits { tokens: vec![0.0; classes], durations: vec![0.0; durations] };
        logits.tokens[token as usize] = 5.0;
        logits.durations[duration] = 2.0;
        logits
    }
}

impl Engine for ScriptedEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        out.start = input.start.enc();
        out.dim = 1;
        out.data.clear();
        let frames = input.len().div_ceil(MEL_PER_ENC) as u64;
        out.data.extend((out.start.0..out.start.0 + frames).map(|frame| frame as f32));
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        let so_far = state.h.first().copied().unwrap_or(0.0);
        let count = if token == self.blank { so_far } else { so_far + 1.0 };
        self.predictor_calls.push(token);
        out.output = vec![count];
        out.state = PredictorState { h: vec![count], c: vec![count], resident: None };
        Ok(())
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        let call = (frame.first().map_or(0, |f| *f as u64), prediction.output.first().map_or(0, |p| *p as u64));
        self.joint_calls.push(call);
        *out = (self.script)(call.0, call.1);
        Ok(())
    }
}
