//! Runs with a fault below their header: what they declare is what the healthy run declares.

use std::path::Path;

use dictoscope::{
    decode::{Decision, TokenId, Vocabulary, WordToken, best, log_sum_exp, top_k, words_from_tokens},
    engine::{EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, Sketch},
    features::{FeatureExtractor, FeatureFrames, Normalization, RunningStats},
    models::Model,
    session::{Probe, Session, SessionSettings, Stage, Window},
    trace::{Dumps, Header, TraceOptions, TraceProbe, header},
    units::EncIdx,
};

use crate::common::{self, THREADS};

/// What a healthy run did, kept for runs that are made from it.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) windows: Vec<Window>,
    pub(crate) samples: Vec<Vec<f32>>,
    pub(crate) features: Vec<FeatureFrames>,
    pub(crate) encoded: Vec<EncoderOutput>,
}

impl Probe for Kept {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Window(window) => self.windows.push(*window),
            Stage::Samples(samples) => self.samples.push(samples.to_vec()),
            Stage::Features(features) => self.features.push(features.clone()),
            Stage::Encoder(encoded) => self.encoded.push(encoded.clone()),
            _ => {}
        }
    }
}

pub(crate) fn options(dumps: bool) -> TraceOptions {
    let dumps = Dumps { features: dumps, encoder: dumps, ..Dumps::default() };
    TraceOptions { dumps, ..TraceOptions::new("a recording", true) }
}

/// Runs `blocks` through a session and writes it down; returns what it kept and the header it wrote.
pub(crate) fn healthy(path: &Path, clip: &str, settings: SessionSettings, dumps: bool) -> (Kept, Header) {
    let mut session = common::stream(settings);
    let options = options(dumps);
    let header = header(&session, path, &options);
    let mut trace = TraceProbe::create(path, &mut session, &options).unwrap();
    let kept = push_all(&mut session, clip, &mut trace);
    (kept, header)
}

fn push_all(session: &mut Session, clip: &str, trace: &mut TraceProbe) -> Kept {
    let mut kept = Kept::default();
    for block in common::blocks(&common::clip(clip)) {
        session.push(&block, &mut (&mut kept, &mut *trace)).unwrap();
    }
    session.finish(&mut (&mut kept, &mut *trace)).unwrap();
    trace.finish().unwrap();
    kept
}

/// A run whose engine is changed.
pub(crate) fn with_engine(
    path: &Path,
    clip: &str,
    header: &Header,
    change: impl FnOnce(Box<dyn Engine>) -> Box<dyn Engine>,
) {
    let model = common::embedded();
    let engine = change(model.open_rten(THREADS).unwrap());
    let mut session = Session::new(&model, engine, header.settings.clone()).unwrap();
    let mut trace = open(path, header, &model);
    push_all(&mut session, clip, &mut trace);
}

/// A run that is fed changed features, window by window.
pub(crate) fn with_features(
    path: &Path,
    kept: &Kept,
    header: &Header,
    change: impl Fn(usize, &FeatureFrames) -> FeatureFrames,
) {
    let model = common::embedded();
    let mut session = Session::new(&model, model.open_rten(THREADS).unwrap(), header.settings.clone()).unwrap();
    let mut trace = open(path, header, &model);
    for (hop, window) in kept.windows.iter().enumerate() {
        // The samples were the same: only the front-end differs.
        let mut spoken = Spoken { samples: &kept.samples[hop], trace: &mut trace };
        session.push_features(*window, &change(hop, &kept.features[hop]), &mut spoken).unwrap();
    }
    trace.finish().unwrap();
}

/// Tells the samples of the window too, as a session on audio does.
struct Spoken<'a> {
    samples: &'a [f32],
    trace: &'a mut TraceProbe,
}

impl Probe for Spoken<'_> {
    fn on(&mut self, stage: Stage<'_>) {
        self.trace.on(stage);
        if let Stage::Window(_) = stage {
            self.trace.on(Stage::Samples(self.samples));
        }
    }
}

fn open(path: &Path, header: &Header, model: &Model) -> TraceProbe {
    let vocabulary = vocabulary_of(model);
    let dumps = header.tensors.is_some();
    let mut header = header.clone();
    if let Some(files) = &mut header.tensors {
        files.folder = dictoscope::trace::folder_beside(path).file_name().unwrap().to_string_lossy().into_owned();
    }
    TraceProbe::with_header(path, header, vocabulary.pieces(), &options(dumps)).unwrap()
}

fn vocabulary_of(model: &Model) -> Vocabulary {
    let spec = &model.contract().vocabulary;
    Vocabulary::parse(&spec.file, model.vocabulary_text(), spec.size).unwrap()
}

/// A run by a loop of its own, which forgets an overshoot at the commit line if `lose_overshoot`.
pub(crate) fn with_own_loop(path: &Path, kept: &Kept, header: &Header, lose_overshoot: bool) {
    let model = common::embedded();
    let mut engine = model.open_rten(THREADS).unwrap();
    let mut trace = open(path, header, &model);
    let contract = &header.contract;
    let blank = contract.vocabulary.blank;
    trace.on(Stage::UtteranceStart(kept.windows[0].commit_from));
    let mut prediction = Prediction::default();
    engine.predict(blank, &PredictorState::default(), &mut prediction).unwrap();
    let (mut cursor, mut step, mut symbols) = (kept.windows[0].commit_from, 0, 0);
    let (mut tokens, vocabulary) = (Vec::new(), vocabulary_of(&model));
    for (hop, window) in kept.windows.iter().enumerate() {
        trace.on(Stage::Window(window));
        trace.on(Stage::Samples(&kept.samples[hop]));
        trace.on(Stage::Features(&kept.features[hop]));
        let encoded = &kept.encoded[hop];
        trace.on(Stage::Encoder(encoded));
        let until = if window.last { encoded.end() } else { window.commit_to };
        if lose_overshoot && hop > 0 {
            cursor = window.commit_from;
        }
        while cursor < until {
            let frame = encoded.frame(cursor).unwrap();
            let mut logits = JointLogits::default();
            engine.joint(frame, &prediction, &mut logits).unwrap();
            let (token, token_margin) = best(&logits.tokens, |_| true).unwrap();
            let (entry, duration_margin) = best(&logits.durations, |_| true).unwrap();
            let (token_lse, duration_lse) = (log_sum_exp(&logits.tokens), log_sum_exp(&logits.durations));
            let is_blank = token as u32 == blank.0;
            let duration = contract.durations[entry];
            symbols = if is_blank { symbols } else { symbols + 1 };
            let forced = duration == 0 && (is_blank || symbols >= contract.max_symbols);
            let advance = if forced { 1 } else { duration };
            let blank_logit = logits.tokens[blank.0 as usize];
            let decision = Decision {
                step,
                frame: cursor,
                token: TokenId(token as u32),
                is_blank,
                duration,
                advance,
                forced,
                token_top: top_k(&logits.tokens, 2),
                token_margin,
                token_lse,
                token_probability: (logits.tokens[token] - token_lse).exp(),
                blank_logit,
                blank_probability: (blank_logit - token_lse).exp(),
                duration_margin,
                duration_lse,
                duration_probability: (logits.durations[entry] - duration_lse).exp(),
                duration_logits: logits.durations.clone(),
                suppressed: None,
                boosted: None,
                encoder_sketch: Some(Sketch::of(frame)),
                predictor_sketch: Some(Sketch::of(&prediction.output)),
            };
            trace.on(Stage::Decision(&decision));
            if !is_blank {
                tokens.push(WordToken::from_decision(&decision, &vocabulary));
                let state = prediction.state.clone();
                engine.predict(TokenId(token as u32), &state, &mut prediction).unwrap();
            }
            symbols = if advance > 0 { 0 } else { symbols };
            cursor = EncIdx(cursor.0 + u64::from(advance));
            step += 1;
        }
        if window.last {
            let words = words_from_tokens(&tokens, &vocabulary, false, window.end);
            trace.on(Stage::Committed(&words));
        }
        trace.on(Stage::HopEnd(window));
    }
    trace.finish().unwrap();
}

/// Channel-major bytes read as time-major.
pub(crate) fn transposed(features: &FeatureFrames) -> FeatureFrames {
    let data = dictoscope::parity::tensors::transposed(&features.data, features.mel_bins);
    FeatureFrames { data, ..features.clone() }
}

/// Log-mel of `samples` without pre-emphasis.
pub(crate) fn without_preemphasis(header: &Header, features: &FeatureFrames, samples: &[f32]) -> FeatureFrames {
    let mut front_end = header.contract.front_end.clone();
    front_end.preemphasis = 0.0;
    let mut out = FeatureFrames::default();
    FeatureExtractor::new(&front_end).log_mel(features.start, samples, &mut out);
    out
}

/// Each `chunk` mel frames normalised by statistics of their own.
pub(crate) fn chunk_wise(header: &Header, features: &FeatureFrames, samples: &[f32], chunk: usize) -> FeatureFrames {
    let mut raw = FeatureFrames::default();
    FeatureExtractor::new(&header.contract.front_end).log_mel(features.start, samples, &mut raw);
    let mut data = Vec::new();
    for rows in raw.data.chunks(chunk * raw.mel_bins) {
        let mut part = FeatureFrames { data: rows.to_vec(), ..raw.clone() };
        FeatureExtractor::normalize(Normalization::PerFeature, &RunningStats::default(), &mut part);
        data.extend(part.data);
    }
    FeatureFrames { data, ..raw }
}

type ChangeEncoded = Box<dyn FnMut(&FeatureFrames, &mut EncoderOutput) + Send>;

/// An engine with a fault in one of its three answers.
pub(crate) struct Faulty {
    pub(crate) inner: Box<dyn Engine>,
    /// Mel frames at the window's end that the encoder is not given.
    pub(crate) drop_frames: usize,
    pub(crate) encoded: Option<ChangeEncoded>,
    /// Fed in place of the start of sequence.
    pub(crate) start_token: Option<TokenId>,
    pub(crate) joint: Option<fn(&mut JointLogits)>,
}

impl Faulty {
    pub(crate) fn new(inner: Box<dyn Engine>) -> Self {
        Self { inner, drop_frames: 0, encoded: None, start_token: None, joint: None }
    }
}

impl Engine for Faulty {
    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        let keep = input.len().saturating_sub(self.drop_frames).max(8);
        let data = input.data[..(keep * input.mel_bins).min(input.data.len())].to_vec();
        self.inner.encode(&FeatureFrames { data, ..input.clone() }, out)?;
        if let Some(change) = &mut self.encoded {
            change(input, out);
        }
        Ok(())
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        let start = self.start_token.filter(|_| state.h.is_empty());
        // An entry of the duration head is no token of the prediction network.
        let token = TokenId(start.unwrap_or(token).0.min(512));
        self.inner.predict(token, state, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        self.inner.joint(frame, prediction, out)?;
        if let Some(change) = self.joint {
            change(out);
        }
        Ok(())
    }
}

/// Rounds every value to 16-bit float.
pub(crate) fn round_to_f16(encoded: &mut EncoderOutput) {
    for x in &mut encoded.data {
        *x = half::f16::from_f32(*x).to_f32();
    }
}

/// Log-softmax over each head.
pub(crate) fn softmax_each(logits: &mut JointLogits) {
    for head in [&mut logits.tokens, &mut logits.durations] {
        let lse = log_sum_exp(head);
        for x in head.iter_mut() {
            *x -= lse;
        }
    }
}

/// Log-softmax over both heads together.
pub(crate) fn softmax_both(logits: &mut JointLogits) {
    let all: Vec<f32> = logits.tokens.iter().chain(&logits.durations).copied().collect();
    let lse = log_sum_exp(&all);
    for x in logits.tokens.iter_mut().chain(&mut logits.durations) {
        *x -= lse;
    }
}

/// The token head takes the duration head's entries too.
pub(crate) fn joined_heads(logits: &mut JointLogits) {
    logits.tokens.extend_from_slice(&logits.durations);
}
