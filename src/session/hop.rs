//! One hop: features, encoder, the decisions up to the commit line, then the grey tail on a copy of the decoder.

use std::ops::RangeInclusive;

use crate::{
    decode::{Decision, TdtDecoder, Vocabulary, WordToken},
    engine::{EncoderOutput, Engine, EngineError, Prediction},
    features::{FeatureExtractor, FeatureFrames, FrontEnd, Normalization},
    session::{Probe, Stage, StepTensors, Window, handover, timeline::Timeline, utterance::Utterance},
    units::{EncIdx, MelIdx},
};

/// Mel frames at a window's right edge whose FFT frame reaches beyond it: kept out of the running statistics.
const EDGE_FRAMES: u64 = 2;

/// What a hop is made with, borrowed from the session.
pub(super) struct Means<'a> {
    pub(super) engine: &'a mut dyn Engine,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) probe: &'a mut dyn Probe,
    /// Committed decisions after which decoding ends; `None` for no end.
    pub(super) most_decisions: Option<u64>,
}

/// Buffers that live from hop to hop.
#[derive(Debug)]
pub(super) struct Hopper {
    extractor: FeatureExtractor,
    features: FeatureFrames,
    encoded: EncoderOutput,
    hops: u64,
    /// Committed decisions so far.
    decisions: u64,
    /// Committed decision whose tensors a guest wants, counted from 0.
    pub(super) watched: Option<u64>,
    /// A guest wants the predictor sketch of every decision.
    pub(super) sketches: bool,
}

impl Hopper {
    pub(super) fn new(front_end: &FrontEnd) -> Self {
        Self {
            extractor: FeatureExtractor::new(front_end),
            features: FeatureFrames::default(),
            encoded: EncoderOutput::default(),
            hops: 0,
            decisions: 0,
            watched: None,
            sketches: false,
        }
    }

    /// Committed decisions so far.
    pub(super) fn decisions(&self) -> u64 {
        self.decisions
    }

    /// A new session: decisions are counted from 0 again. Hops keep their numbers.
    pub(super) fn restart(&mut self) {
        self.decisions = 0;
    }

    /// Runs `window` of `utterance` on the audio. On an error the utterance stands where it stood.
    pub(super) fn run(
        &mut self,
        mut window: Window,
        norm: Normalization,
        timeline: &Timeline,
        utterance: &mut Utterance,
        means: &mut Means<'_>,
    ) -> Result<(), EngineError> {
        let handovers = utterance.handovers(&window);
        window.hop = self.hops;
        window.start = window.start.max(timeline.first_frame());
        means.probe.on(Stage::Window(&window));
        let samples = timeline.slice(window.start, window.end);
        means.probe.on(Stage::Samples(samples));
        self.extractor.log_mel(window.start.mel(), samples, &mut self.features);
        self.count_in(&window, utterance);
        FeatureExtractor::normalize(norm, &utterance.stats, &mut self.features);
        self.decide(window, handovers, utterance, means)
    }

    /// The same on features that were computed elsewhere, as the encoder is to get them.
    pub(super) fn run_on_features(
        &mut self,
        mut window: Window,
        features: &FeatureFrames,
        utterance: &mut Utterance,
        means: &mut Means<'_>,
    ) -> Result<(), EngineError> {
        window.hop = self.hops;
        means.probe.on(Stage::Window(&window));
        self.features.clone_from(features);
        self.decide(window, None, utterance, means)
    }

    /// From normalised features to words. `handovers`: where the commit line may lie if that is chosen by what the window says.
    fn decide(
        &mut self,
        mut window: Window,
        handovers: Option<RangeInclusive<EncIdx>>,
        utterance: &mut Utterance,
        means: &mut Means<'_>,
    ) -> Result<(), EngineError> {
        let Means { engine, vocabulary, probe, most_decisions } = means;
        probe.on(Stage::Features(&self.features));
        engine.encode(&self.features, &mut self.encoded)?;
        probe.on(Stage::Encoder(&self.encoded));

        let mut progress = utterance.progress.clone();
        progress.decoder.set_sketches(self.sketches);
        let mut said = None;
        if let Some(lines) = handovers {
            let all = self.decode(&mut progress.decoder.clone(), EncIdx(u64::MAX), &mut **engine)?;
            window.commit_to =
                handover::line(all.iter().map(|decision| (decision.frame, decision.token)), vocabulary, &lines);
            said = Some(all);
        }
        let window = &window;
        let limit = if window.last { EncIdx(u64::MAX) } else { window.commit_to };
        let left = most_decisions.map_or(u64::MAX, |most| most.saturating_sub(self.decisions));
        let (committed, step) = self.decode_committed(&mut progress.decoder, limit, left, &mut **engine)?;
        let ahead = if window.last || committed.len() as u64 == left {
            Vec::new()
        } else if let Some(all) = said {
            all.into_iter().skip_while(|decision| decision.frame < window.commit_to).collect()
        } else {
            self.decode(&mut progress.decoder.clone(), EncIdx(u64::MAX), &mut **engine)?
        };
        // Told only now: a hop that fails half way is tried again, and nobody must hear its decisions twice.
        for decision in &committed {
            probe.on(Stage::Decision(decision));
        }
        if let Some(step) = &step {
            probe.on(Stage::Step(step));
        }
        for decision in &ahead {
            probe.on(Stage::TailDecision(decision));
        }

        let tokens = |decisions: &[Decision]| -> Vec<WordToken> {
            let emitted = decisions.iter().filter(|decision| !decision.is_blank);
            emitted.map(|decision| WordToken::from_decision(decision, vocabulary)).collect()
        };
        progress.open.extend(tokens(&committed));
        let tail = tokens(&ahead);
        let words = progress.take_words(&tail, vocabulary, window);
        let tail = progress.tail_words(&tail, vocabulary, window);
        utterance.done(window, progress);
        self.hops += 1;
        self.decisions += committed.len() as u64;
        if !words.is_empty() {
            probe.on(Stage::Committed(&words));
        }
        probe.on(Stage::Tail(&tail));
        probe.on(Stage::HopEnd(window));
        Ok(())
    }

    fn decode(
        &self,
        decoder: &mut TdtDecoder,
        until: EncIdx,
        engine: &mut dyn Engine,
    ) -> Result<Vec<Decision>, EngineError> {
        std::iter::from_fn(|| decoder.step(&self.encoded, until, engine).transpose()).collect()
    }

    /// At most `most` decisions, and the tensors of the watched one if it is among them.
    fn decode_committed(
        &self,
        decoder: &mut TdtDecoder,
        until: EncIdx,
        most: u64,
        engine: &mut dyn Engine,
    ) -> Result<(Vec<Decision>, Option<StepTensors>), EngineError> {
        let (mut decisions, mut watched) = (Vec::new(), None);
        while (decisions.len() as u64) < most {
            let index = self.decisions + decisions.len() as u64;
            let mut used: Option<Prediction> = None;
            if self.watched == Some(index) {
                decoder.prime(engine)?;
                used = decoder.prediction().cloned();
                used.as_mut().map(|prediction| engine.fetch(prediction)).transpose()?;
            }
            let Some(decision) = decoder.step(&self.encoded, until, engine)? else { break };
            if let (Some(prediction), Some(frame)) = (used, self.encoded.frame(decision.frame)) {
                let (frame, logits) = (frame.to_vec(), decoder.logits().clone());
                watched = Some(StepTensors { index, at: decision.frame, frame, prediction, logits });
            }
            decisions.push(decision);
        }
        Ok((decisions, watched))
    }

    /// Adds the frames that this window is the first to see in full to the utterance's statistics.
    fn count_in(&self, window: &Window, utterance: &mut Utterance) {
        let edge = if window.last { 0 } else { EDGE_FRAMES };
        let seen = MelIdx((self.features.start.0 + self.features.len() as u64).saturating_sub(edge));
        let from = utterance.stats_end.0.saturating_sub(self.features.start.0) as usize;
        let count = seen.0.saturating_sub(utterance.stats_end.0) as usize;
        for frame in self.features.frames().skip(from).take(count) {
            utterance.stats.add(frame);
        }
        utterance.stats_end = utterance.stats_end.max(seen);
    }
}
