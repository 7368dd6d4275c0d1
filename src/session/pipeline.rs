//! `Session`: audio blocks in; windows, decisions and words out, through a probe. No thread, clock, file or device.

use std::sync::Arc;

use crate::{
    audio::AudioBlock,
    decode::{TdtRules, Vocabulary, WordTrie},
    engine::{Contract, Engine, EngineInfo},
    features::FeatureFrames,
    models::Model,
    session::{
        EndReason, Probe, SessionError, SessionSettings, Setting, Stage, Window,
        endpoint::{Gate, VoiceGate},
        hop::{Hopper, Means},
        timeline::Timeline,
        utterance::Utterance,
        window::{Policy, file_window},
    },
    units::{EncIdx, MEL_PER_ENC, SAMPLES_PER_ENC, SampleIdx, enc_frames_from_secs},
};

/// Whether the session listens for speech or has an utterance open.
#[derive(Debug)]
enum State {
    /// No utterance; none may begin before this frame.
    Listening(EncIdx),
    Speaking(Box<Utterance>),
}

/// The conductor of one dictation.
pub struct Session {
    engine: Box<dyn Engine>,
    contract: Contract,
    vocabulary: Vocabulary,
    rules: Arc<TdtRules>,
    settings: SessionSettings,
    words: Option<Arc<WordTrie>>,
    /// Changes that wait for the next hop.
    pending: Vec<Setting>,
    whole_file: bool,
    timeline: Timeline,
    gate: VoiceGate,
    hopper: Hopper,
    state: State,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("engine", self.engine.info())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session that streams: windows as set, utterances by the voice gate.
    pub fn new(model: &Model, engine: Box<dyn Engine>, settings: SessionSettings) -> Result<Self, SessionError> {
        let spec = &model.contract().vocabulary;
        let vocabulary = Vocabulary::parse(&spec.file, model.vocabulary_text(), spec.size)?;
        Self::from_parts(model.contract().clone(), vocabulary, engine, settings)
    }

    /// A session for files: one window for up to 30 s, if the model takes as much, overlapping ones of 20 s beyond,
    /// one utterance.
    pub fn whole_file(model: &Model, engine: Box<dyn Engine>, settings: SessionSettings) -> Result<Self, SessionError> {
        let mut session = Self::new(model, engine, settings)?;
        session.whole_file = true;
        session.reset();
        Ok(session)
    }

    /// From a contract and a vocabulary without files; for tests and replay.
    pub fn from_parts(
        contract: Contract,
        vocabulary: Vocabulary,
        engine: Box<dyn Engine>,
        settings: SessionSettings,
    ) -> Result<Self, SessionError> {
        let rules = TdtRules {
            blank: vocabulary.blank(),
            durations: contract.durations.clone().into(),
            max_symbols: contract.max_symbols,
            maskable: Arc::clone(vocabulary.maskable()),
        };
        let session = Self {
            timeline: Timeline::new(contract.encoder.max_mel_frames / MEL_PER_ENC),
            gate: VoiceGate::new(settings.endpoint, SampleIdx(0)),
            hopper: Hopper::new(&contract.front_end),
            state: State::Listening(EncIdx(0)),
            rules: Arc::new(rules),
            words: WordTrie::new(&settings.custom_words, &vocabulary).map(Arc::new),
            pending: Vec::new(),
            whole_file: false,
            engine,
            contract,
            vocabulary,
            settings,
        };
        session.check(&Setting::Window(session.settings.window))?;
        session.check(&Setting::Endpoint(session.settings.endpoint))?;
        Ok(session)
    }

    /// What actually runs.
    pub fn engine_info(&self) -> &EngineInfo {
        self.engine.info()
    }

    /// Goes on with another engine of the same model from the next hop on: nothing that was heard or decided is lost.
    pub fn set_engine(&mut self, engine: Box<dyn Engine>) {
        if let State::Speaking(utterance) = &mut self.state
            && let Err(error) = utterance.progress.decoder.bring_home(&mut *self.engine)
        {
            log::warn!("the prediction network begins anew: its state was lost with the engine: {error}");
        }
        self.engine = engine;
    }

    /// The model's contract.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The model's vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Settings as they act now.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Custom words that the model has no pieces for.
    pub fn unwritable_words(&self) -> &[String] {
        self.words.as_ref().map_or(&[], |words| words.unwritable())
    }

    /// The model's longest window in encoder frames.
    pub fn longest_window(&self) -> u64 {
        (self.contract.encoder.max_mel_frames / MEL_PER_ENC) as u64
    }

    /// The longest window that it makes, in encoder frames.
    fn planned_window(&self) -> u64 {
        if self.whole_file { file_window(self.longest_window()) } else { self.longest_window() }
    }

    /// Whether it was made by [`Session::whole_file`].
    pub fn is_whole_file(&self) -> bool {
        self.whole_file
    }

    /// Whether an utterance is open.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    /// Tells the tensors of committed decision `index`, counted from 0, as [`Stage::Step`].
    pub fn watch_step(&mut self, index: Option<u64>) {
        self.hopper.watched = index;
    }

    /// Whether decisions have their predictor sketch also where it costs a transfer from the engine's device.
    pub fn keep_sketches(&mut self, keep: bool) {
        self.hopper.sketches = keep;
    }

    /// Whether as many decisions were committed as `settings.debug_steps` allows: what is pushed is ignored from then on.
    pub fn is_exhausted(&self) -> bool {
        self.settings.debug_steps.is_some_and(|most| self.hopper.decisions() >= most)
    }

    /// Changes a setting from the next hop on. Out of range: refused, and the old one stays.
    pub fn set(&mut self, setting: Setting) -> Result<(), SessionError> {
        self.check(&setting)?;
        self.pending.push(setting);
        Ok(())
    }

    /// Takes the next block. Blocks follow one another; a jump in `start` is a gap: the utterance before it is ended.
    ///
    /// On an error the block is kept and the next push tries the window again.
    pub fn push(&mut self, block: &AudioBlock, probe: &mut dyn Probe) -> Result<(), SessionError> {
        let expected = self.timeline.end();
        if block.start < expected {
            return Err(SessionError::Backwards { expected: expected.0, found: block.start.0 });
        }
        if block.start > expected {
            if self.timeline.is_started() {
                self.end_utterance(expected, EndReason::Gap, probe)?;
                probe.on(Stage::Gap(block.start, block.start.0 - expected.0));
            }
            self.timeline.jump_to(block.start);
            self.gate.reset(block.start);
            self.state = State::Listening(block.start.enc());
        }
        probe.on(Stage::Audio(block));
        self.timeline.push(block.samples());
        if self.is_exhausted() {
            return Ok(());
        }
        if !self.is_speaking() {
            self.apply_pending(self.timeline.end().enc(), probe);
        }
        self.hear(block, probe)?;
        self.run_due(probe)
    }

    /// Takes the next window with features that were computed elsewhere, normalised as the encoder is to get them, instead
    /// of audio. Windows follow one another as [`Stage::Window`] told them; the one marked `last` ends its utterance.
    pub fn push_features(
        &mut self,
        window: Window,
        features: &FeatureFrames,
        probe: &mut dyn Probe,
    ) -> Result<(), SessionError> {
        let expected = (window.end.0 - window.start.0.min(window.end.0)) as usize;
        if features.mel_bins != self.contract.front_end.mel_bins || features.len().div_ceil(MEL_PER_ENC) != expected {
            return Err(SessionError::Features {
                expected: [expected * MEL_PER_ENC, self.contract.front_end.mel_bins],
                found: [features.len(), features.mel_bins],
            });
        }
        if self.is_exhausted() {
            return Ok(());
        }
        self.apply_pending(window.commit_from, probe);
        if !self.is_speaking() {
            self.timeline.jump_to(window.commit_from.sample());
            self.begin(window.commit_from, probe);
        }
        let State::Speaking(utterance) = &mut self.state else { return Ok(()) };
        let mut means = Means {
            engine: &mut *self.engine,
            vocabulary: &self.vocabulary,
            probe: &mut *probe,
            most_decisions: self.settings.debug_steps,
        };
        self.hopper.run_on_features(window, features, utterance, &mut means)?;
        if window.last {
            self.state = State::Listening(window.end);
            probe.on(Stage::UtteranceEnd(window.end, EndReason::Stopped));
        }
        Ok(())
    }

    /// The source ended or dictation stops: commits all there is. The session can be pushed to again.
    pub fn finish(&mut self, probe: &mut dyn Probe) -> Result<(), SessionError> {
        self.end_utterance(self.timeline.end(), EndReason::Stopped, probe)?;
        self.gate.reset(self.timeline.end());
        Ok(())
    }

    /// Throws away what is not committed and ends an open utterance at its commit line. The session can be pushed to
    /// again, from [`Session::next_start`] on.
    pub fn cancel(&mut self, probe: &mut dyn Probe) {
        probe.on(Stage::Cancelled);
        let end = self.timeline.end();
        if let State::Speaking(utterance) = &self.state {
            let at = utterance.commit_line();
            self.state = State::Listening(end.enc());
            probe.on(Stage::Tail(&[]));
            probe.on(Stage::UtteranceEnd(at, EndReason::Cancelled));
        }
        self.gate.reset(end);
    }

    /// As new, at position 0 and with the settings as they are; the engine is kept. What was not finished is forgotten.
    pub fn reset(&mut self) {
        self.timeline = Timeline::new(self.planned_window() as usize);
        self.hopper.restart();
        self.gate.reset(SampleIdx(0));
        self.state = State::Listening(EncIdx(0));
    }

    /// Prepares for a new source after [`Session::finish`]: the position its first block must have, on the 80 ms grid
    /// and not before `earliest`.
    pub fn next_start(&mut self, earliest: SampleIdx) -> SampleIdx {
        let end = self.timeline.end().max(earliest);
        let grid = SampleIdx(end.0.next_multiple_of(SAMPLES_PER_ENC as u64));
        self.timeline.jump_to(grid);
        self.gate.reset(grid);
        self.state = State::Listening(grid.enc());
        grid
    }

    /// Lets the gate hear a block, and opens and closes utterances.
    fn hear(&mut self, block: &AudioBlock, probe: &mut dyn Probe) -> Result<(), SessionError> {
        if self.whole_file || !self.settings.endpoint.enabled {
            if let State::Listening(from) = self.state {
                self.begin(from, probe);
            }
            return Ok(());
        }
        let mut heard = Vec::new();
        self.gate.push(block.samples(), |gate| heard.push(gate));
        for gate in heard {
            match gate {
                Gate::Opened(at) => {
                    if let State::Listening(earliest) = self.state {
                        let pre_roll = enc_frames_from_secs(self.settings.endpoint.pre_roll_secs);
                        self.begin(EncIdx(at.enc().0.saturating_sub(pre_roll)).max(earliest), probe);
                    }
                }
                // On the grid, so that the next utterance can begin on the very next sample.
                Gate::Closed(at) => self.end_utterance(at.enc().sample(), EndReason::Silence, probe)?,
            }
        }
        Ok(())
    }

    fn begin(&mut self, from: EncIdx, probe: &mut dyn Probe) {
        let start = from.max(self.timeline.first_frame());
        let policy = if self.whole_file { Policy::Whole } else { Policy::Stream(self.settings.window) };
        let mut utterance = Utterance::new(&self.rules, policy, self.planned_window(), start);
        utterance.configure(&self.settings, self.words.as_ref());
        self.state = State::Speaking(Box::new(utterance));
        probe.on(Stage::UtteranceStart(start));
    }

    /// Encodes and decodes every window whose audio has arrived.
    fn run_due(&mut self, probe: &mut dyn Probe) -> Result<(), SessionError> {
        loop {
            let State::Speaking(utterance) = &self.state else { return Ok(()) };
            if utterance.due(self.timeline.end()).is_none() {
                return Ok(());
            }
            let at = utterance.commit_line();
            // A change may move the next hop: ask again after it.
            self.apply_pending(at, probe);
            let State::Speaking(utterance) = &self.state else { return Ok(()) };
            let Some(window) = utterance.due(self.timeline.end()) else { return Ok(()) };
            self.hop(window, probe)?;
        }
    }

    /// Ends the open utterance, if there is one, with the audio up to `at`.
    fn end_utterance(&mut self, at: SampleIdx, reason: EndReason, probe: &mut dyn Probe) -> Result<(), SessionError> {
        let State::Speaking(utterance) = &self.state else { return Ok(()) };
        let window = utterance.last(at);
        self.hop(window, probe)?;
        self.state = State::Listening(EncIdx(window.end.0).max(at.enc()));
        probe.on(Stage::Tail(&[]));
        probe.on(Stage::UtteranceEnd(window.end, reason));
        Ok(())
    }

    fn hop(&mut self, window: Window, probe: &mut dyn Probe) -> Result<(), SessionError> {
        let State::Speaking(utterance) = &mut self.state else { return Ok(()) };
        let norm = self.settings.feature_norm.resolve(self.contract.front_end.normalization);
        let mut means = Means {
            engine: &mut *self.engine,
            vocabulary: &self.vocabulary,
            probe,
            most_decisions: self.settings.debug_steps,
        };
        Ok(self.hopper.run(window, norm, &self.timeline, utterance, &mut means)?)
    }

    fn apply_pending(&mut self, at: EncIdx, probe: &mut dyn Probe) {
        for setting in std::mem::take(&mut self.pending) {
            self.settings.take(&setting);
            match &setting {
                Setting::Endpoint(endpoint) => self.gate.set(*endpoint),
                Setting::CustomWords(words) => self.words = WordTrie::new(words, &self.vocabulary).map(Arc::new),
                _ => {}
            }
            if let State::Speaking(utterance) = &mut self.state {
                utterance.configure(&self.settings, self.words.as_ref());
                if let (Setting::Window(window), false) = (&setting, self.whole_file) {
                    utterance.set_window(*window);
                }
            }
            probe.on(Stage::Setting(at, &setting));
        }
    }

    fn check(&self, setting: &Setting) -> Result<(), SessionError> {
        setting.check(EncIdx(self.longest_window()).secs())
    }
}
