//! A session on the embedded model's contract with a script in place of its networks.

use dictoscope::{
    audio::{AudioBlock, blocks_from},
    decode::Vocabulary,
    engine::{
        EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, ScriptedEngine,
        TokenId,
    },
    features::FeatureFrames,
    session::{EndpointSettings, Session, SessionSettings, WindowSettings},
    units::SampleIdx,
};

/// Tokens and their place: token on frame, then on by duration. Frames that are not listed are blanks of one frame.
pub(crate) fn engine(script: &'static [(u64, &'static str, usize)], vocabulary: &Vocabulary) -> ScriptedEngine {
    let pieces = vocabulary.pieces().clone();
    let blank = vocabulary.blank();
    ScriptedEngine::new(blank, move |frame, emitted| {
        let (classes, blank) = (pieces.len(), blank.0);
        match script.get(emitted as usize).filter(|(at, _, _)| *at <= frame) {
            Some((_, piece, duration)) => {
                let token = pieces.iter().position(|p| p == piece).expect("a piece of the vocabulary") as u32;
                ScriptedEngine::one_hot(classes, token, 5, *duration)
            }
            None => ScriptedEngine::one_hot(classes, blank, 5, 1),
        }
    })
}

pub(crate) fn vocabulary() -> Vocabulary {
    let model = super::embedded();
    let spec = &model.contract().vocabulary;
    Vocabulary::parse(&spec.file, model.vocabulary_text(), spec.size).expect("the embedded vocabulary")
}

pub(crate) fn session(engine: impl Engine + 'static, settings: SessionSettings) -> Session {
    let model = super::embedded();
    Session::from_parts(model.contract().clone(), vocabulary(), Box::new(engine), settings).expect("settings in range")
}

/// No gate, hop 0.5 s, left 2 s, right as given.
pub(crate) fn settings(right_secs: f64) -> SessionSettings {
    SessionSettings {
        window: WindowSettings { left_secs: 2.0, hop_secs: 0.5, right_secs },
        endpoint: EndpointSettings { enabled: false, ..EndpointSettings::default() },
        ..SessionSettings::default()
    }
}

/// Faint noise, so that features are finite and the gate would hear nothing.
pub(crate) fn audio(secs: f64) -> Vec<AudioBlock> {
    let mut state: u32 = 1;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / 8_388_608.0 - 1.0) * 1e-3
    };
    let samples: Vec<f32> = (0..(secs * 16000.0) as u32).map(|_| noise()).collect();
    blocks_from(SampleIdx(0), &samples).collect()
}

/// Passes everything on, but fails or panics on the encoder calls it is told.
pub(crate) struct Faulty<E> {
    pub(crate) inner: E,
    pub(crate) fail_on: Vec<u64>,
    pub(crate) panic_on: Vec<u64>,
    pub(crate) calls: u64,
}

impl<E: Engine> Engine for Faulty<E> {
    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        self.calls += 1;
        assert!(!self.panic_on.contains(&self.calls), "asked to panic on call {}", self.calls);
        if self.fail_on.contains(&self.calls) {
            return Err(EngineError::NotFinite { call: "encode", tensor: format!("of call {}", self.calls) });
        }
        self.inner.encode(input, out)
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        self.inner.predict(token, state, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        self.inner.joint(frame, prediction, out)
    }
}
