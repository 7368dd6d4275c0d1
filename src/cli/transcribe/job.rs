//! One recording after another through a session: read block by block, its text handed on as it is committed.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow};

use crate::{
    audio::{AudioBlock, AudioFile},
    cli::{
        console::message_of,
        json::{self, JsonFile, JsonWindow},
        text,
        tracing::TraceArgs,
        transcribe::{args::Format, shape::Shape},
    },
    decode::{Word, merge_glued, text_of},
    engine::Contract,
    features::FeatureFrames,
    parity::tensors::{self, is_npy},
    session::{Probe, Session, Stage, Window},
    text::{CaredWord, Rules, TextCare},
    trace::{Input, TraceOptions},
    units::{EncIdx, MEL_PER_ENC, SAMPLE_RATE_HZ, SAMPLES_PER_MEL, SampleIdx},
};

/// Progress is told after so much audio.
const TOLD_EACH: u64 = SAMPLE_RATE_HZ as u64;

/// What is the same for all files that one thread transcribes. The session, and so the engine, serves one after the other.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) session: Session,
    pub(super) stream: bool,
    pub(super) trace: TraceArgs,
    pub(super) rules: Arc<Rules>,
    pub(super) format: Format,
}

/// How a file ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// 16 kHz samples that were heard.
    pub(super) end: SampleIdx,
    /// Whether any word was committed.
    pub(super) words: bool,
    /// What stopped nothing but should be known; each names the file.
    pub(super) notices: Vec<String>,
    /// Why it could not be read to its end.
    pub(super) error: Option<anyhow::Error>,
}

/// Nobody takes what is said any more.
#[derive(Debug, thiserror::Error)]
#[error("nobody listens any more")]
pub(super) struct Unheard;

/// Takes what a file says.
pub(super) trait Listener {
    /// Text that is ready, in order.
    fn text(&mut self, text: String) -> Result<(), Unheard>;

    /// How far the file is, and how long, if that is known.
    fn far(&mut self, at: SampleIdx, secs: Option<f64>);
}

impl Job {
    /// Transcribes a file; `name` begins its line where there are several. What is wrong with the file stands in the result.
    pub(super) fn transcribe(
        &mut self,
        path: &Path,
        name: Option<&str>,
        listener: &mut dyn Listener,
    ) -> Result<Ended, Unheard> {
        let mut heard = Heard {
            care: TextCare::new(Arc::clone(&self.rules)),
            shape: Shape::new(self.format, name),
            ready: String::new(),
            any: false,
            kept: (self.format == Format::Json).then(Kept::default),
        };
        let mut ended = Ended::default();
        match self.read(path, &mut heard, &mut ended, listener).map_err(anyhow::Error::downcast::<Unheard>) {
            Ok(()) => {}
            Err(Ok(unheard)) => return Err(unheard),
            Err(Err(error)) => ended.error = Some(error),
        }
        // After an error no utterance ended.
        heard.flush();
        heard.shape.finish(ended.error.is_some(), &mut heard.ready);
        ended.words = heard.any;
        if let Some(kept) = heard.kept.take() {
            heard.ready = self.object(path, kept, &ended) + "\n";
        }
        heard.hand_to(listener)?;
        Ok(ended)
    }

    fn object(&self, path: &Path, kept: Kept, ended: &Ended) -> String {
        let session = &self.session;
        let words = merge_glued(kept.words);
        let window = if self.stream { JsonWindow::stream(&session.settings().window) } else { JsonWindow::whole() };
        let object = JsonFile {
            file: &path.to_string_lossy(),
            duration_secs: json::sample_secs(ended.end),
            text: text_of(&words),
            model: &session.contract().name,
            engine: session.engine_info(),
            window,
            words: json::words(&words),
            cared: (!self.rules.is_off()).then(|| text::joined(&kept.cared)),
            cared_words: (!self.rules.is_off()).then(|| text::as_json(&kept.cared)),
            notices: &ended.notices,
            error: ended.error.as_ref().map(message_of),
        };
        // Strings, numbers and lists of them: nothing that cannot be written.
        serde_json::to_string(&object)
            .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string())
    }

    fn read(
        &mut self,
        path: &Path,
        heard: &mut Heard,
        ended: &mut Ended,
        listener: &mut dyn Listener,
    ) -> anyhow::Result<()> {
        let name = || path.display().to_string();
        let features = if is_npy(path) { Some(one_window(path, self.session.contract())?) } else { None };
        let mut audio = if features.is_none() { Some(AudioFile::open(path)?) } else { None };
        let secs = audio.as_ref().and_then(|audio| audio.info().duration_secs);
        heard.shape.begin(&mut heard.ready);
        let input = if features.is_some() { Input::Features } else { Input::Audio };
        let session = &mut self.session;
        session.reset();
        let options = TraceOptions { input, ..TraceOptions::new(&name(), true) };
        let trace = self.trace.probe(session, options)?;
        let probe = &mut (&mut *heard, trace);
        if let Some((window, features)) = &features {
            session.push_features(*window, features, probe).with_context(name)?;
            ended.end = SampleIdx(features.len() as u64 * SAMPLES_PER_MEL as u64);
        }
        let mut next = || audio.as_mut().map_or(Ok(None), AudioFile::next_block);
        let broken = loop {
            let block: AudioBlock = match next() {
                Ok(Some(block)) => block,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            session.push(&block, probe).with_context(name)?;
            if ended.end.0 / TOLD_EACH < block.end().0 / TOLD_EACH {
                listener.far(block.end(), secs);
            }
            ended.end = block.end();
            probe.0.hand_to(listener)?;
            if session.is_exhausted() {
                break None;
            }
        };
        // What was heard before a broken place is worth its text.
        session.finish(probe).with_context(name)?;
        if let Some(trace) = &mut probe.1 {
            trace.finish().map_err(|error| anyhow!(trace.incomplete(&error)))?;
        }
        ended.notices.extend(audio.iter_mut().flat_map(AudioFile::notices));
        broken.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Features of a file that was computed elsewhere, and the window they make.
fn one_window(path: &Path, contract: &Contract) -> anyhow::Result<(Window, FeatureFrames)> {
    let features = tensors::Input::read(path, contract)?.features;
    let end = EncIdx(features.len().div_ceil(MEL_PER_ENC) as u64);
    Ok((Window { commit_to: end, end, last: true, ..Window::default() }, features))
}

/// Words of a whole file, for an object that is written at its end.
#[derive(Debug, Default)]
struct Kept {
    words: Vec<Word>,
    cared: Vec<CaredWord>,
}

/// Makes text of committed words.
#[derive(Debug)]
struct Heard {
    care: TextCare,
    shape: Shape,
    /// What is not handed on yet.
    ready: String,
    any: bool,
    kept: Option<Kept>,
}

impl Heard {
    fn take(&mut self, cared: Vec<CaredWord>) {
        self.shape.words(&cared, &mut self.ready);
        if let Some(kept) = &mut self.kept {
            kept.cared.extend(cared);
        }
    }

    fn flush(&mut self) {
        let rest = self.care.finish();
        self.take(rest);
    }

    fn hand_to(&mut self, listener: &mut dyn Listener) -> Result<(), Unheard> {
        if self.ready.is_empty() { Ok(()) } else { listener.text(std::mem::take(&mut self.ready)) }
    }
}

impl Probe for Heard {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Committed(words) => {
                self.any |= !words.is_empty();
                if let Some(kept) = &mut self.kept {
                    kept.words.extend_from_slice(words);
                }
                let cared = self.care.push(words);
                self.take(cared);
            }
            Stage::UtteranceEnd(..) => {
                self.flush();
                self.shape.utterance_end(&mut self.ready);
            }
            _ => {}
        }
    }
}
