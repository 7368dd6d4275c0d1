//! Listens to a session and hands lines and tensors to the writer's thread.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    audio::AudioBlock,
    decode::Decision,
    engine::EncoderOutput,
    features::FeatureFrames,
    session::{HopTiming, Probe, Session, Stage, StageTimer},
    trace::{
        AudioStats, DecisionLine, Dumps, EncoderStats, FORMAT, FeatureStats, Header, HopLine, Input, Line, TensorFiles,
        TraceWriter,
        tensors::{Piece, TensorWriter},
    },
    units::SampleIdx,
};

/// How a run is written down.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// Device or file.
    pub source: String,
    /// What the session will be fed.
    pub input: Input,
    /// Side files.
    pub dumps: Dumps,
    /// A slow disk holds the run up; else lines that find no room are lost and counted.
    pub wait: bool,
}

impl TraceOptions {
    /// Of a run that is fed audio from `source`, without side files.
    pub fn new(source: &str, wait: bool) -> Self {
        Self { source: source.to_owned(), input: Input::Audio, dumps: Dumps::default(), wait }
    }
}

/// A guest of the session that writes it down. Dropping it waits for the last line.
#[derive(Debug)]
pub struct TraceProbe {
    writer: TraceWriter,
    dumps: Dumps,
    pieces: Arc<[String]>,
    timer: StageTimer,
    hop: HopLine,
    /// Decisions and words of the hop at hand: they follow its line.
    pending: Vec<Line>,
    /// Hops and committed decisions written.
    hops: u64,
    decisions: u64,
    audio: AudioRows,
    feature_rows: u64,
    encoder_rows: u64,
}

/// Samples on their way to the side file, and where they lie in it.
#[derive(Debug, Default)]
struct AudioRows {
    /// Position and row of the first sample of the stretch at hand.
    stretch: Option<(SampleIdx, u64)>,
    /// Position after the newest sample.
    end: SampleIdx,
    /// Rows written.
    rows: u64,
    /// Samples that wait: a write for every 10 ms would be a waste.
    waiting: Vec<f32>,
}

/// Samples written at once: 0.1 s.
const AUDIO_PIECE: usize = 1600;

impl TraceProbe {
    /// Creates the file at `path` and writes the header of a run of `session`.
    pub fn create(path: &Path, session: &mut Session, options: &TraceOptions) -> io::Result<Self> {
        let header = header(session, path, options);
        session.watch_step(options.dumps.step);
        session.keep_sketches(true);
        Self::with_header(path, header, session.vocabulary().pieces(), options)
    }

    /// The same with a header of one's own.
    pub fn with_header(
        path: &Path,
        header: Header,
        pieces: &Arc<[String]>,
        options: &TraceOptions,
    ) -> io::Result<Self> {
        let contract = &header.contract;
        let (mel_bins, dim) = (contract.front_end.mel_bins, contract.encoder.dim);
        let dumps = options.dumps;
        let tensors = dumps.any().then(|| TensorWriter::create(path, dumps, mel_bins, dim)).transpose()?;
        let header = Line::Header(Box::new(header));
        Ok(Self {
            writer: TraceWriter::with_tensors(path, &header, options.wait, tensors)?,
            dumps,
            pieces: Arc::clone(pieces),
            timer: StageTimer::default(),
            hop: HopLine::default(),
            pending: Vec::new(),
            hops: 0,
            decisions: 0,
            audio: AudioRows::default(),
            feature_rows: 0,
            encoder_rows: 0,
        })
    }

    /// Writes the last line and waits for it.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush_audio();
        self.writer.write(Line::End { hops: self.hops, decisions: self.decisions });
        self.writer.finish()
    }

    /// The message of a trace that could not be written to its end.
    pub fn incomplete(&self, error: &io::Error) -> String {
        self.writer.incomplete(error)
    }

    fn decision(&mut self, decision: &Decision, tail: bool) {
        let piece = self.pieces.get(decision.token.0 as usize).cloned().unwrap_or_default();
        let line = DecisionLine {
            hop: self.hop.window.hop,
            tail,
            secs: decision.frame.secs(),
            piece,
            decision: decision.clone(),
        };
        self.pending.push(Line::Decision(Box::new(line)));
    }

    fn take_audio(&mut self, block: &AudioBlock) {
        if !self.dumps.audio {
            return;
        }
        if self.audio.stretch.is_none() || self.audio.end != block.start {
            self.flush_audio();
            let row = self.audio.rows;
            self.audio.stretch = Some((block.start, row));
            self.writer.write(Line::Audio { at: block.start, row });
        }
        self.audio.end = block.end();
        self.audio.waiting.extend_from_slice(block.samples());
        if self.audio.waiting.len() >= AUDIO_PIECE {
            self.flush_audio();
        }
    }

    fn flush_audio(&mut self) {
        let waiting = std::mem::take(&mut self.audio.waiting);
        let count = waiting.len() as u64;
        if count == 0 {
            return;
        }
        if self.writer.write_piece(Piece::Audio(waiting)) {
            self.audio.rows += count;
        } else {
            // What follows begins a new stretch, which its line tells.
            self.audio.stretch = None;
        }
    }

    fn take_features(&mut self, features: &FeatureFrames) {
        self.hop.features = FeatureStats::of(features);
        self.hop.rows.features = None;
        if self.dumps.features && self.writer.write_piece(Piece::Features(features.data.clone())) {
            self.hop.rows.features = Some(self.feature_rows);
            self.feature_rows += features.len() as u64;
        }
    }

    fn take_encoder(&mut self, encoded: &EncoderOutput) {
        self.hop.encoder = EncoderStats::of(encoded);
        self.hop.rows.encoder = None;
        if self.dumps.encoder && self.writer.write_piece(Piece::Encoder(encoded.data.clone())) {
            self.hop.rows.encoder = Some(self.encoder_rows);
            self.encoder_rows += encoded.len() as u64;
        }
    }

    fn end_hop(&mut self, timing: HopTiming) {
        self.hop.millis = timing;
        let start = self.hop.window.start.sample();
        let row = |(at, row): (SampleIdx, u64)| Some(row + start.0.checked_sub(at.0)?);
        self.hop.rows.audio = self.audio.stretch.and_then(row).filter(|_| self.hop.audio.is_some());
        self.hops += 1;
        self.writer.write(Line::Hop(Box::new(self.hop.clone())));
        for line in std::mem::take(&mut self.pending) {
            self.decisions += u64::from(matches!(&line, Line::Decision(decision) if !decision.tail));
            self.writer.write(line);
        }
    }
}

impl Probe for TraceProbe {
    fn on(&mut self, stage: Stage<'_>) {
        let timing = self.timer.hear(stage);
        match stage {
            Stage::Audio(block) => self.take_audio(block),
            Stage::UtteranceStart(frame) => _ = self.writer.write(Line::UtteranceStart { frame }),
            Stage::Window(window) => {
                self.pending.clear();
                self.hop.window = *window;
                self.hop.audio = None;
            }
            Stage::Samples(samples) => {
                self.hop.audio = Some(AudioStats::of(samples));
                self.timer.resume();
            }
            Stage::Features(features) => {
                self.take_features(features);
                self.timer.resume();
            }
            Stage::Encoder(encoded) => {
                self.take_encoder(encoded);
                self.timer.resume();
            }
            Stage::Decision(decision) => self.decision(decision, false),
            Stage::TailDecision(decision) => self.decision(decision, true),
            Stage::Step(step) => _ = self.writer.write_piece(Piece::Step(Box::new(step.clone()))),
            Stage::Committed(words) => self.pending.push(Line::Committed { words: words.to_vec() }),
            Stage::HopEnd(window) => {
                self.hop.window = *window;
                self.end_hop(timing.unwrap_or_default());
            }
            Stage::UtteranceEnd(frame, reason) => _ = self.writer.write(Line::UtteranceEnd { frame, reason }),
            Stage::Setting(frame, setting) => _ = self.writer.write(Line::Setting { frame, setting: setting.clone() }),
            Stage::Gap(at, samples) => _ = self.writer.write(Line::Gap { at, samples }),
            Stage::Tail(_) | Stage::Cancelled => {}
        }
    }

    fn fault(&mut self) -> Option<String> {
        self.writer.fault()
    }
}

impl Drop for TraceProbe {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            log::error!("{}", self.incomplete(&error));
        }
    }
}

/// The header of a run of `session` that begins now.
pub fn header(session: &Session, path: &Path, options: &TraceOptions) -> Header {
    // A clock before 1970 is written as 1970.
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Header {
        format: FORMAT.to_owned(),
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        started_unix_secs: started.as_secs_f64(),
        contract: session.contract().clone(),
        engine: session.engine_info().clone(),
        settings: session.settings().clone(),
        whole_file: session.is_whole_file(),
        source: options.source.clone(),
        input: options.input,
        tensors: options.dumps.any().then(|| TensorFiles::beside(path, options.dumps)),
    }
}
