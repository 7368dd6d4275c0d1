//! The greedy TDT loop: one joint evaluation, one decision, 0 to 4 encoder frames on.
//!
//! The semantics are those of NeMo's label looping (`tdt_label_looping.py`), the default of its batched greedy decoder.

use std::sync::Arc;

use crate::{
    decode::{
        Boosted, Decision, Punctuation, Suppressed, WordTrie,
        argmax::{best, log_sum_exp, top_k},
        word_trie::Walk,
    },
    engine::{EncoderOutput, Engine, EngineError, JointLogits, Prediction, PredictorState, Sketch, TokenId},
    units::EncIdx,
};

/// What of a model the loop must know.
#[derive(Clone, Debug)]
pub struct TdtRules {
    /// Blank, which is also the start of sequence.
    pub blank: TokenId,
    /// Encoder frames that each entry of the duration head stands for.
    pub durations: Arc<[u32]>,
    /// Tokens at most on one frame before the cursor is forced on.
    pub max_symbols: u32,
    /// For each token whether punctuation suppression masks it; shorter than the head is allowed.
    pub maskable: Arc<[bool]>,
}

/// The decoder and its state. A clone decodes the grey tail and is thrown away.
#[derive(Clone, Debug)]
pub struct TdtDecoder {
    rules: Arc<TdtRules>,
    punctuation: Punctuation,
    words: Option<Arc<WordTrie>>,
    walk: Walk,
    top_k: usize,
    prediction: Option<Prediction>,
    cursor: EncIdx,
    symbols_on_frame: u32,
    step: u64,
    has_word: bool,
    sketches: bool,
    logits: JointLogits,
}

impl TdtDecoder {
    /// A decoder at the start of an utterance: zero state, cursor on frame `start`.
    pub fn new(rules: Arc<TdtRules>, start: EncIdx) -> Self {
        Self {
            rules,
            punctuation: Punctuation::Off,
            words: None,
            walk: Walk::default(),
            top_k: 2,
            prediction: None,
            cursor: start,
            symbols_on_frame: 0,
            step: 0,
            has_word: false,
            sketches: false,
            logits: JointLogits::default(),
        }
    }

    /// Acts from the next step on.
    pub fn set_punctuation(&mut self, punctuation: Punctuation) {
        self.punctuation = punctuation;
    }

    /// Custom words, if there are any; they act from the next word on.
    pub fn set_words(&mut self, words: Option<&Arc<WordTrie>>) {
        let same = match (&self.words, words) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !same {
            (self.words, self.walk) = (words.cloned(), Walk::default());
        }
    }

    /// Candidates kept per decision, at least 2; acts from the next step on.
    pub fn set_top_k(&mut self, k: usize) {
        self.top_k = k.max(2);
    }

    /// Whether a decision has its predictor sketch also where the engine keeps its predictions, which costs a transfer
    /// for each token; acts from the next step on.
    pub fn set_sketches(&mut self, sketches: bool) {
        self.sketches = sketches;
    }

    /// Prepares for another engine of the same model: what `engine` keeps of the newest prediction comes to the host.
    /// If that fails, the prediction network begins anew at the next step, and the words so far stay as they are.
    pub fn bring_home(&mut self, engine: &mut dyn Engine) -> Result<(), EngineError> {
        let Some(prediction) = &mut self.prediction else { return Ok(()) };
        let fetched = engine.fetch(prediction);
        (prediction.resident, prediction.state.resident) = (None, None);
        if fetched.is_err() {
            self.prediction = None;
        }
        fetched
    }

    /// The absolute frame that the next decision will be made on. It may lie beyond what was encoded so far.
    pub fn cursor(&self) -> EncIdx {
        self.cursor
    }

    /// Feeds the start of sequence (blank) on zero state, if that was not done yet.
    pub fn prime(&mut self, engine: &mut dyn Engine) -> Result<(), EngineError> {
        if self.prediction.is_none() {
            let mut first = Prediction::default();
            engine.predict(self.rules.blank, &PredictorState::default(), &mut first)?;
            self.prediction = Some(first);
        }
        Ok(())
    }

    /// What the prediction network said after the newest token: the joint's other input at the next step.
    /// `None` before [`TdtDecoder::prime`] or the first step.
    pub fn prediction(&self) -> Option<&Prediction> {
        self.prediction.as_ref()
    }

    /// Raw logits of the newest step.
    pub fn logits(&self) -> &JointLogits {
        &self.logits
    }

    /// The next decision on a frame before `until`, or `None` once the cursor stands there or beyond `encoded`.
    ///
    /// On an error the decoder stands where it stood: the step can be tried again.
    pub fn step(
        &mut self,
        encoded: &EncoderOutput,
        until: EncIdx,
        engine: &mut dyn Engine,
    ) -> Result<Option<Decision>, EngineError> {
        if self.cursor >= until {
            return Ok(None);
        }
        let Some(frame) = encoded.frame(self.cursor) else { return Ok(None) };
        self.prime(engine)?;
        let Some(prediction) = &mut self.prediction else { return Ok(None) };
        if self.sketches && prediction.output.is_empty() {
            engine.fetch(prediction)?;
        }
        let Some(prediction) = &self.prediction else { return Ok(None) };
        engine.joint(frame, prediction, &mut self.logits)?;
        let Some(mut decision) = self.decide() else { return Ok(None) };
        decision.encoder_sketch = Some(Sketch::of(frame));
        decision.predictor_sketch = (!prediction.output.is_empty()).then(|| Sketch::of(&prediction.output));
        let mut stuck = decision.is_blank;
        if !decision.is_blank {
            let mut next = Prediction::default();
            engine.predict(decision.token, &prediction.state, &mut next)?;
            self.prediction = Some(next);
            if let Some(words) = &self.words {
                let cost = decision.boosted.map_or(0.0, |boosted| boosted.cost);
                self.walk = words.follow(&self.walk, decision.token, cost);
            }
            self.symbols_on_frame += 1;
            self.has_word |= !self.is_maskable(decision.token.0 as usize);
            stuck = self.symbols_on_frame >= self.rules.max_symbols;
        }
        if decision.advance == 0 && stuck {
            decision.advance = 1;
            decision.forced = true;
        }
        if decision.advance > 0 {
            self.cursor.0 += u64::from(decision.advance);
            self.symbols_on_frame = 0;
        }
        self.step += 1;
        Ok(Some(decision))
    }

    /// Chooses token and duration from the logits at hand; `None` if a head is empty.
    fn decide(&self) -> Option<Decision> {
        let JointLogits { tokens, durations } = &self.logits;
        let blank = self.rules.blank;
        let masks = self.punctuation.acts(self.has_word);
        let allowed = |index: usize| !(masks && self.is_maskable(index));
        let (best_allowed, margin) = best(tokens, allowed)?;
        let (raw_token, _) = best(tokens, |_| true)?;
        let lifted = self.lift(best_allowed, &allowed);
        let (token, token_margin) =
            lifted.as_ref().and_then(|lifted| best(lifted, allowed)).unwrap_or((best_allowed, margin));
        let (duration_index, duration_margin) = best(durations, |_| true)?;
        let duration = *self.rules.durations.get(duration_index)?;
        let token_lse = log_sum_exp(tokens);
        let duration_lse = log_sum_exp(durations);
        let blank_logit = tokens.get(blank.0 as usize).copied().unwrap_or(f32::NEG_INFINITY);
        Some(Decision {
            step: self.step,
            frame: self.cursor,
            token: TokenId(token as u32),
            is_blank: token as u32 == blank.0,
            duration,
            advance: duration,
            forced: false,
            token_top: top_k(tokens, self.top_k),
            token_margin,
            token_lse,
            token_probability: (tokens[token] - token_lse).exp(),
            blank_logit,
            blank_probability: (blank_logit - token_lse).exp(),
            duration_margin,
            duration_lse,
            duration_probability: (durations[duration_index] - duration_lse).exp(),
            duration_logits: durations.clone(),
            suppressed: (raw_token != best_allowed).then(|| Suppressed {
                token: TokenId(raw_token as u32),
                cost: tokens[raw_token] - tokens[best_allowed],
            }),
            boosted: lifted.filter(|_| token != best_allowed).map(|lifted| Boosted {
                token: TokenId(best_allowed as u32),
                bonus: lifted[token] - tokens[token],
                cost: tokens[best_allowed] - tokens[token],
            }),
            encoder_sketch: None,
            predictor_sketch: None,
        })
    }

    /// The logits with the bonuses of custom words, if there are any. Blank and punctuation stay what they are: a bonus decides
    /// which piece is written, never whether one is.
    fn lift(&self, winner: usize, allowed: &impl Fn(usize) -> bool) -> Option<Vec<f32>> {
        let words = self.words.as_ref()?;
        let stays = winner as u32 == self.rules.blank.0 || self.is_maskable(winner);
        if stays { None } else { words.lift(&self.walk, &self.logits.tokens, winner, allowed) }
    }

    fn is_maskable(&self, token: usize) -> bool {
        self.rules.maskable.get(token).copied().unwrap_or(false)
    }
}
