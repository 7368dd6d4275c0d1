//! `dictoscope transcribe`: recordings into text, as fast as possible, through the session the microphone uses.

use std::{io, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use clap::{CommandFactory, error::ErrorKind};

use crate::{
    audio::AudioFile,
    cli::{
        Cli, Console, Outcome,
        args::TranscribeArgs,
        console::{RunningText, message_of},
        json::{self, JsonFile, JsonWindow},
        options::load_settings,
        text,
    },
    decode::{Word, merge_glued, text_of},
    engine::Contract,
    features::FeatureFrames,
    parity::tensors::{self, is_npy},
    session::{Probe, Session, Stage, Window},
    text::{CaredWord, Rules, TextCare},
    trace::{Input, TraceOptions},
    units::{EncIdx, MEL_PER_ENC, SAMPLES_PER_MEL, SampleIdx},
};

/// What is the same for all files of one call. The session, and so the engine, serves one file after the other.
struct Job {
    session: Session,
    stream: bool,
    trace: super::tracing::TraceArgs,
    rules: Arc<Rules>,
}

/// What came out of one file; with an error, what came out before it.
struct Transcript {
    duration_secs: f64,
    words: Vec<Word>,
    /// What rules made of them.
    cared: Vec<CaredWord>,
    notices: Vec<String>,
    error: Option<anyhow::Error>,
}

pub(super) fn run(args: &TranscribeArgs, console: &mut Console<'_>) -> anyhow::Result<Outcome> {
    if args.trace.trace.is_some() && args.files.len() > 1 {
        let usage = "--trace goes with one FILE; expected 1, found several";
        Cli::command().error(ErrorKind::ArgumentConflict, usage).exit();
    }
    let stored = load_settings(console);
    let stream = args.stream || args.session.names_window();
    let rules = args.text.rules(&stored.text)?;
    let session = args.model.over(&stored).session(args.session.over(stored.session), stream)?;
    for word in session.unwritable_words() {
        (console.tell)(&format!("custom word {word:?}: the model has no pieces to write it with"));
    }
    let mut job = Job { session, stream, trace: args.trace.clone(), rules };
    let several = args.files.len() > 1;
    let mut outcome = Outcome::Done;
    for path in &args.files {
        let transcript = if args.json { job.as_json(path, console)? } else { job.as_text(path, several, console)? };
        let name = path.display();
        for notice in &transcript.notices {
            (console.tell)(&format!("{name}: {notice}"));
        }
        if let Some(error) = transcript.error {
            (console.tell)(&message_of(&error));
            outcome = Outcome::SomeFailed;
        } else if transcript.words.is_empty() {
            (console.tell)(&format!("{name}: no speech found"));
        }
    }
    Ok(outcome)
}

impl Job {
    /// Words go out as they are committed, on one line a file.
    fn as_text(&mut self, path: &Path, named: bool, console: &mut Console<'_>) -> io::Result<Transcript> {
        let mut text = RunningText::default();
        let head = if named { format!("{}: ", path.display()) } else { String::new() };
        let mut begun = false;
        let transcript = self.transcribe(path, &mut |words| {
            if !begun {
                console.out.write_all(head.as_bytes())?;
                begun = true;
            }
            console.out.write_all(text.append_cared(words).as_bytes())?;
            console.out.flush()
        })?;
        if begun {
            console.out.write_all(b"\n")?;
        } else if named && transcript.error.is_none() {
            writeln!(console.out, "{}", head.trim_end())?;
        }
        console.out.flush()?;
        Ok(transcript)
    }

    fn as_json(&mut self, path: &Path, console: &mut Console<'_>) -> io::Result<Transcript> {
        let transcript = self.transcribe(path, &mut |_| Ok(()))?;
        let session = &self.session;
        let window = if self.stream { JsonWindow::stream(&session.settings().window) } else { JsonWindow::whole() };
        console.json(&JsonFile {
            file: &path.to_string_lossy(),
            duration_secs: transcript.duration_secs,
            text: text_of(&transcript.words),
            model: &session.contract().name,
            engine: session.engine_info(),
            window,
            words: json::words(&transcript.words),
            cared: (!self.rules.is_off()).then(|| text::joined(&transcript.cared)),
            cared_words: (!self.rules.is_off()).then(|| text::as_json(&transcript.cared)),
            notices: &transcript.notices,
            error: transcript.error.as_ref().map(message_of),
        })?;
        Ok(transcript)
    }

    /// Only writing fails here; what is wrong with the file stands in the transcript.
    fn transcribe(&mut self, path: &Path, sink: Sink<'_>) -> io::Result<Transcript> {
        let mut words = Committed { care: TextCare::new(Arc::clone(&self.rules)), ..Committed::default() };
        let mut transcript =
            Transcript { duration_secs: 0.0, words: Vec::new(), cared: Vec::new(), notices: Vec::new(), error: None };
        let mut end = SampleIdx(0);
        let read = self.read(path, &mut words, &mut transcript.notices, &mut end, sink);
        transcript.duration_secs = json::sample_secs(end);
        (transcript.words, transcript.cared) = (merge_glued(words.all), words.cared);
        transcript.error = match read.map_err(anyhow::Error::downcast::<OutputFailed>) {
            Ok(()) => None,
            Err(Ok(OutputFailed(error))) => return Err(error),
            Err(Err(error)) => Some(error),
        };
        Ok(transcript)
    }

    fn read(
        &mut self,
        path: &Path,
        words: &mut Committed,
        notices: &mut Vec<String>,
        end: &mut SampleIdx,
        sink: Sink<'_>,
    ) -> anyhow::Result<()> {
        let name = || path.display().to_string();
        let features = if is_npy(path) { Some(one_window(path, self.session.contract())?) } else { None };
        let mut audio = if features.is_none() { Some(AudioFile::open(path)?) } else { None };
        let input = if features.is_some() { Input::Features } else { Input::Audio };
        let session = &mut self.session;
        session.reset();
        let options = TraceOptions { input, ..TraceOptions::new(&name(), true) };
        let trace = self.trace.probe(session, options)?;
        let probe = &mut (&mut *words, trace);
        if let Some((window, features)) = &features {
            session.push_features(*window, features, probe).with_context(name)?;
            *end = SampleIdx(features.len() as u64 * SAMPLES_PER_MEL as u64);
        }
        let broken = loop {
            match audio.as_mut().map_or(Ok(None), AudioFile::next_block) {
                Ok(Some(block)) => {
                    session.push(&block, probe).with_context(name)?;
                    *end = block.end();
                    probe.0.hand_to(sink)?;
                    if session.is_exhausted() {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        // What was heard before a broken place is worth its text.
        session.finish(probe).with_context(name)?;
        probe.0.hand_to(sink)?;
        if let Some(trace) = &mut probe.1 {
            trace.finish().map_err(|error| anyhow!(trace.incomplete(&error)))?;
        }
        notices.extend(audio.iter_mut().flat_map(AudioFile::notices));
        broken.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Features of a file that was computed elsewhere, and the window they make.
fn one_window(path: &Path, contract: &Contract) -> anyhow::Result<(Window, FeatureFrames)> {
    let features = tensors::Input::read(path, contract)?.features;
    let end = EncIdx(features.len().div_ceil(MEL_PER_ENC) as u64);
    Ok((Window { commit_to: end, end, last: true, ..Window::default() }, features))
}

/// Results cannot be written: the whole command ends, not only its file.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the result: {0}")]
struct OutputFailed(#[source] io::Error);

/// Takes text that is ready.
type Sink<'a> = &'a mut dyn FnMut(&[CaredWord]) -> io::Result<()>;

/// Collects committed words and what rules make of them.
#[derive(Debug, Default)]
struct Committed {
    all: Vec<Word>,
    care: TextCare,
    cared: Vec<CaredWord>,
    handed: usize,
}

impl Committed {
    fn hand_to(&mut self, sink: Sink<'_>) -> Result<(), OutputFailed> {
        if self.handed < self.cared.len() {
            sink(&self.cared[self.handed..]).map_err(OutputFailed)?;
            self.handed = self.cared.len();
        }
        Ok(())
    }
}

impl Probe for Committed {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Committed(words) => {
                self.all.extend_from_slice(words);
                self.cared.extend(self.care.push(words));
            }
            Stage::UtteranceEnd(..) => self.cared.extend(self.care.finish()),
            _ => {}
        }
    }
}
