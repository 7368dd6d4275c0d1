//! One hop: features, encoder, the decisions up to the commit line, then the grey tail on a copy of the decoder.

use crate::{
    decode::{Decision, TdtDecoder, Vocabulary, WordToken},
    engine::{EncoderOutput, Engine, EngineError},
    features::{FeatureExtractor, FeatureFrames, FrontEnd, Normalization},
    session::{Probe, Stage, Window, timeline::Timeline, utterance::Utterance},
    units::{EncIdx, MelIdx},
};

/// Mel frames at a window's right edge whose FFT frame reaches beyond it: kept out of the running statistics.
const EDGE_FRAMES: u64 = 2;

/// Buffers that live from hop to hop.
#[derive(Debug)]
pub(super) struct Hopper {
    extractor: FeatureExtractor,
    features: FeatureFrames,
    encoded: EncoderOutput,
    hops: u64,
}

impl Hopper {
    pub(super) fn new(front_end: &FrontEnd) -> Self {
        Self {
            extractor: FeatureExtractor::new(front_end),
            features: FeatureFrames::default(),
            encoded: EncoderOutput::default(),
            hops: 0,
        }
    }

    /// Runs `window` of `utterance`. On an error the utterance stands where it stood.
    #[expect(clippy::too_many_arguments, reason = "the parts of a session, borrowed one by one")]
    pub(super) fn run(
        &mut self,
        mut window: Window,
        norm: Normalization,
        timeline: &Timeline,
        utterance: &mut Utterance,
        engine: &mut dyn Engine,
        vocabulary: &Vocabulary,
        probe: &mut dyn Probe,
    ) -> Result<(), EngineError> {
        window.hop = self.hops;
        window.start = window.start.max(timeline.first_frame());
        probe.on(Stage::Window(&window));

        let samples = timeline.slice(window.start, window.end);
        self.extractor.log_mel(window.start.mel(), samples, &mut self.features);
        self.count_in(&window, utterance);
        FeatureExtractor::normalize(norm, &utterance.stats, &mut self.features);
        probe.on(Stage::Features(&self.features));

        engine.encode(&self.features, &mut self.encoded)?;
        probe.on(Stage::Encoder(&self.encoded));

        let mut progress = utterance.progress.clone();
        let limit = if window.last { EncIdx(u64::MAX) } else { window.commit_to };
        let committed = self.decode(&mut progress.decoder, limit, engine)?;
        let ahead = if window.last {
            Vec::new()
        } else {
            self.decode(&mut progress.decoder.clone(), EncIdx(u64::MAX), engine)?
        };
        // Told only now: a hop that fails half way is tried again, and nobody must hear its decisions twice.
        for decision in &committed {
            probe.on(Stage::Decision(decision));
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
        let words = progress.take_words(&tail, vocabulary, &window);
        let tail = progress.tail_words(&tail, vocabulary, &window);
        utterance.done(&window, progress);
        self.hops += 1;
        if !words.is_empty() {
            probe.on(Stage::Committed(&words));
        }
        probe.on(Stage::Tail(&tail));
        probe.on(Stage::HopEnd(&window));
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
