//! Listens to a session and hands lines to the writer's thread. Never blocks: what does not fit is counted.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    decode::Decision,
    session::{Probe, Session, Stage},
    trace::{DecisionLine, FORMAT, FeatureStats, Header, HopLine, Line, TraceFile, TraceWriter},
};

/// A guest of the session that writes it down. Dropping it waits for the last line.
#[derive(Debug)]
pub struct TraceProbe {
    /// Taken when dropped: the file's thread ends with it.
    writer: Option<TraceWriter>,
    file: Option<TraceFile>,
    pieces: Arc<[String]>,
    hop: HopLine,
    /// Decisions and words of the hop at hand: they follow its line.
    pending: Vec<Line>,
    lap: Instant,
}

impl TraceProbe {
    /// Creates the file at `path` and writes the header of a run of `session` on `source`.
    pub fn create(path: &Path, session: &Session, source: &str) -> io::Result<Self> {
        let (file, writer) = TraceFile::create(path, header(session, source))?;
        Ok(Self {
            writer: Some(writer),
            file: Some(file),
            pieces: Arc::clone(session.vocabulary().pieces()),
            hop: HopLine::default(),
            pending: Vec::new(),
            lap: Instant::now(),
        })
    }

    fn write(&mut self, line: Line) {
        if let Some(writer) = &mut self.writer {
            writer.write(line);
        }
    }

    fn lap_millis(&mut self) -> f32 {
        let now = Instant::now();
        let millis = (now - self.lap).as_secs_f32() * 1000.0;
        self.lap = now;
        millis
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
}

impl Probe for TraceProbe {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::UtteranceStart(frame) => self.write(Line::UtteranceStart { frame }),
            Stage::Window(window) => {
                self.hop.window = *window;
                self.pending.clear();
                self.lap = Instant::now();
            }
            Stage::Features(features) => {
                self.hop.millis.features = self.lap_millis();
                self.hop.features = FeatureStats::of(features);
                self.lap = Instant::now();
            }
            Stage::Encoder(_) => self.hop.millis.encode = self.lap_millis(),
            Stage::Decision(decision) => self.decision(decision, false),
            Stage::TailDecision(decision) => self.decision(decision, true),
            Stage::Committed(words) => self.pending.push(Line::Committed { words: words.to_vec() }),
            Stage::HopEnd(_) => {
                self.hop.millis.decode = self.lap_millis();
                self.write(Line::Hop(self.hop.clone()));
                for line in std::mem::take(&mut self.pending) {
                    self.write(line);
                }
            }
            Stage::UtteranceEnd(frame, reason) => self.write(Line::UtteranceEnd { frame, reason }),
            Stage::Setting(frame, setting) => self.write(Line::Setting { frame, setting: *setting }),
            Stage::Gap(at, samples) => self.write(Line::Gap { at, samples }),
            Stage::Tail(_) => {}
        }
    }
}

impl Drop for TraceProbe {
    fn drop(&mut self) {
        self.writer = None;
        let Some(file) = self.file.take() else { return };
        let path = file.path().to_owned();
        if let Err(error) = file.finish() {
            log::error!("{}: the trace is incomplete: {error}", path.display());
        }
    }
}

fn header(session: &Session, source: &str) -> Header {
    // A clock before 1970 is written as 1970.
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Header {
        format: FORMAT.to_owned(),
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        started_unix_secs: started.as_secs_f64(),
        contract: session.contract().clone(),
        engine: session.engine_info().clone(),
        settings: *session.settings(),
        whole_file: session.is_whole_file(),
        source: source.to_owned(),
    }
}
