//! An engine that computes everything and whose decisions are written down beforehand: for timing models with random weights.

use std::fmt;

use super::script::Script;
use crate::{
    engine::{EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, TokenId},
    features::FeatureFrames,
    units::EncIdx,
};

/// Values of a row that tell it from the others.
const KEY: usize = 8;
/// How far the chosen classes stand above the best of the network's own.
const TOKEN_LEAD: f32 = 5.0;
const DURATION_LEAD: f32 = 2.0;
/// Decisions that the inner engine is told of beforehand, as without a script its own scores tell it.
const AHEAD: usize = 16;

/// Runs the inner engine's encoder, predictor and joint as they are, and then lifts one token and one duration above all other
/// logits, so that the loop takes the script's decision.
///
/// Which decision is a function of the absolute frame, and of how many were made on it: committed decisions and those of the
/// grey tail agree from hop to hop. A joint call's frame is found among the rows of the newest encoder output by its first
/// values. A frame that is not there keeps the network's logits.
pub(super) struct ScriptedDecisions<E> {
    inner: E,
    script: Script,
    start: EncIdx,
    keys: Vec<[f32; KEY]>,
    /// Row of the newest joint call, and how many calls there were on it in a row.
    newest: Option<(usize, usize)>,
}

impl<E: Engine> ScriptedDecisions<E> {
    pub(super) fn new(inner: E, script: Script) -> Self {
        Self { inner, script, start: EncIdx(0), keys: Vec::new(), newest: None }
    }

    /// The row of `frame`: seldom far from the newest one.
    fn row(&self, frame: &[f32]) -> Option<usize> {
        let key = key(frame);
        let newest = self.newest.map_or(0, |(row, _)| row);
        (newest..self.keys.len()).chain(0..newest).find(|row| self.keys[*row] == key)
    }
}

fn key(row: &[f32]) -> [f32; KEY] {
    let mut key = [0.0; KEY];
    let count = row.len().min(KEY);
    key[..count].copy_from_slice(&row[..count]);
    key
}

/// Lifts one entry above the others.
fn choose(logits: &mut [f32], chosen: usize, lead: f32) {
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if let Some(logit) = logits.get_mut(chosen) {
        *logit = best + lead;
    }
}

impl<E> fmt::Debug for ScriptedDecisions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedDecisions").field("start", &self.start).finish_non_exhaustive()
    }
}

impl<E: Engine> Engine for ScriptedDecisions<E> {
    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        self.inner.encode(input, out)?;
        self.start = out.start;
        self.newest = None;
        self.keys.clear();
        self.keys.extend(out.data.chunks_exact(out.dim.max(1)).map(key));
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        self.inner.predict(token, state, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        let Some(row) = self.row(frame) else { return self.inner.joint(frame, prediction, out) };
        let nth = self.newest.filter(|(newest, _)| *newest == row).map_or(0, |(_, nth)| nth + 1);
        self.newest = Some((row, nth));
        let ahead = self.script.path(self.start.0 + row as u64, nth, AHEAD);
        self.inner.expect(&ahead);
        self.inner.joint(frame, prediction, out)?;
        let Some(&(token, duration)) = ahead.first() else { return Ok(()) };
        choose(&mut out.tokens, token.0 as usize, TOKEN_LEAD);
        choose(&mut out.durations, duration, DURATION_LEAD);
        Ok(())
    }

    fn fetch(&mut self, prediction: &mut Prediction) -> Result<(), EngineError> {
        self.inner.fetch(prediction)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        audio::AudioBlock,
        decode::Decision,
        engine::ScriptedEngine,
        models::Model,
        session::{Probe, Session, SessionSettings, Stage},
        units::{SAMPLES_PER_MEL, SampleIdx},
    };

    #[derive(Default)]
    struct Decisions {
        committed: Vec<(u64, TokenId, u32)>,
        /// By frame: of the tails, the decisions on it in order.
        tails: Vec<(u64, TokenId, u32)>,
    }

    impl Probe for Decisions {
        fn on(&mut self, stage: Stage<'_>) {
            let row = |d: &Decision| (d.frame.0, d.token, d.duration);
            match stage {
                Stage::Decision(decision) => self.committed.push(row(decision)),
                Stage::TailDecision(decision) => self.tails.push(row(decision)),
                _ => {}
            }
        }
    }

    /// A session over noise on a network that says blank for ever.
    fn decisions(secs: u64) -> Decisions {
        let model = Model::embedded().unwrap();
        let classes = model.contract().token_classes();
        let inner = ScriptedEngine::new(TokenId(512), move |_, _| ScriptedEngine::one_hot(classes, 512, 5, 1));
        let script = Script::new(12.0, model.contract()).unwrap();
        let mut settings = SessionSettings::default();
        settings.endpoint.enabled = false;
        let engine = Box::new(ScriptedDecisions::new(inner, script));
        let mut session = Session::new(&model, engine, settings).unwrap();
        let mut found = Decisions::default();
        for block in 0..secs * 100 {
            let start = SampleIdx(block * SAMPLES_PER_MEL as u64);
            session.push(&AudioBlock::new(start, &[0.1; SAMPLES_PER_MEL]), &mut found).unwrap();
        }
        session.finish(&mut found).unwrap();
        found
    }

    #[test]
    fn a_session_takes_the_scripts_path_and_its_tails_agree() {
        let found = decisions(30);
        let mut script = Script::new(12.0, Model::embedded().unwrap().contract()).unwrap();
        let (mut frame, mut nth) = (0, 0);
        for (at, token, duration) in &found.committed {
            let (expected, entry) = script.at(frame, nth);
            assert_eq!((*at, *token, *duration as usize), (frame, expected, entry));
            (frame, nth) = if entry == 0 { (frame, nth + 1) } else { (frame + entry as u64, 0) };
        }
        assert!((found.committed.len() as f64 / 30.0 - 12.0).abs() < 0.3, "{}", found.committed.len());
        let mut on_frame = BTreeMap::<u64, Vec<(u64, TokenId, u32)>>::new();
        for decision in &found.committed {
            on_frame.entry(decision.0).or_default().push(*decision);
        }
        assert!(found.tails.len() > 300);
        for decision in found.tails.iter().filter(|decision| decision.0 < frame) {
            assert!(on_frame[&decision.0].contains(decision), "{decision:?}");
        }
    }

    #[test]
    fn a_frame_of_no_window_keeps_its_logits() {
        let model = Model::embedded().unwrap();
        let inner = ScriptedEngine::new(TokenId(512), |_, _| ScriptedEngine::one_hot(513, 7, 5, 3));
        let mut engine = ScriptedDecisions::new(inner, Script::new(12.0, model.contract()).unwrap());
        let mut logits = JointLogits::default();
        engine.joint(&[5.0], &Prediction::of_output(&[0.0]), &mut logits).unwrap();
        assert_eq!(logits, ScriptedEngine::one_hot(513, 7, 5, 3));
    }
}
