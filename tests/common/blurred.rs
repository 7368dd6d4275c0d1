//! An engine whose windows do not quite agree where words are, as those of a real one.

use dictoscope::{
    decode::Vocabulary,
    engine::{
        EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, ScriptedEngine,
        TokenId,
    },
    features::FeatureFrames,
    units::MEL_PER_ENC,
};

/// Writes the words of a list, each on its frame, or in a window one frame before or after it.
pub(crate) struct Blurred {
    info: EngineInfo,
    /// Absolute frames, in order.
    places: Vec<u64>,
    /// Tokens that open words: word n is token n of these, over and over.
    tokens: Vec<u32>,
    classes: usize,
    blank: u32,
    seed: u64,
}

impl Blurred {
    pub(crate) fn new(places: Vec<u64>, seed: u64, vocabulary: &Vocabulary) -> Self {
        let (classes, blank) = (vocabulary.pieces().len(), vocabulary.blank().0);
        let letters = |token: &u32| vocabulary.piece(TokenId(*token)).chars().skip(1).all(char::is_alphabetic);
        let opens = |token: &u32| {
            vocabulary.opens_word(TokenId(*token)) && vocabulary.piece(TokenId(*token)).chars().count() > 2
        };
        let tokens: Vec<u32> = (0..classes as u32).filter(opens).filter(letters).take(97).collect();
        assert_eq!(tokens.len(), 97, "words enough that none comes again soon");
        Self { info: EngineInfo::default(), places, tokens, classes, blank, seed }
    }

    /// What is to be written.
    pub(crate) fn text(&self, vocabulary: &Vocabulary) -> String {
        let word = |n: usize| vocabulary.text([TokenId(self.tokens[n % self.tokens.len()])]);
        (0..self.places.len()).map(word).collect::<Vec<_>>().join(" ")
    }

    /// Where the window that begins at `start` sees word `n`.
    fn seen(&self, n: usize, start: u64) -> u64 {
        let mixed = (n as u64 ^ (start << 20) ^ (self.seed << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (self.places[n] + (mixed >> 33) % 3).saturating_sub(1)
    }
}

impl Engine for Blurred {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Each frame has one value: 0, or 1 and the number of the word on it.
    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        out.start = input.start.enc();
        out.dim = 1;
        let (start, count) = (out.start.0, input.len().div_ceil(MEL_PER_ENC));
        out.data.clear();
        out.data.resize(count, 0.0);
        let first = self.places.partition_point(|place| place + 2 < start);
        for n in first..self.places.len() {
            let Some(frame) = self.seen(n, start).checked_sub(start) else { continue };
            match out.data.get_mut(frame as usize) {
                Some(value) => *value = (n + 1) as f32,
                None => break,
            }
        }
        Ok(())
    }

    fn predict(&mut self, _: TokenId, _: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        out.output = vec![0.0];
        Ok(())
    }

    fn joint(&mut self, frame: &[f32], _: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        let token = (frame[0] as usize).checked_sub(1).map_or(self.blank, |n| self.tokens[n % self.tokens.len()]);
        *out = ScriptedEngine::one_hot(self.classes, token, 5, 1);
        Ok(())
    }
}
