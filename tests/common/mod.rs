//! What several tests need: the embedded model, its clips, and a probe that keeps what it hears.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test binary uses a part; a test stops where it fails"
)]

pub(crate) mod blurred;
pub(crate) mod faulty;
pub(crate) mod scripted;
pub(crate) mod text;

use std::path::{Path, PathBuf};

use dictoscope::{
    audio::{AudioBlock, AudioFile},
    decode::{Decision, Word, merge_glued},
    models::Model,
    session::{EndReason, Probe, Session, SessionSettings, Setting, Stage, Window},
    units::{EncIdx, SampleIdx},
};

/// Threads for the engine: as many as CI has.
pub(crate) const THREADS: Option<usize> = Some(2);

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn clip(name: &str) -> PathBuf {
    root().join("assets/clips").join(name)
}

/// The embedded model's reference decoding of a clip: header and decisions (`assets/model/reference`).
pub(crate) fn reference(clip: &str) -> (serde_json::Value, Vec<serde_json::Value>) {
    let name = clip.split('.').next().unwrap();
    let path = root().join("assets/model/reference").join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.next().unwrap(), lines.collect())
}

/// What the embedded model writes for a clip as a whole file, by its reference.
pub(crate) fn reference_text(clip: &str) -> String {
    reference(clip).0["text"].as_str().unwrap().to_owned()
}

pub(crate) fn embedded() -> Model {
    Model::embedded().expect("the embedded model is whole")
}

pub(crate) fn blocks(path: &Path) -> Vec<AudioBlock> {
    let mut file = AudioFile::open(path).unwrap();
    std::iter::from_fn(|| file.next_block().unwrap()).collect()
}

pub(crate) fn samples(path: &Path) -> Vec<f32> {
    blocks(path).iter().flat_map(|block| block.samples().to_vec()).collect()
}

pub(crate) fn stream(settings: SessionSettings) -> Session {
    let model = embedded();
    let engine = model.open_rten(THREADS).unwrap();
    Session::new(&model, engine, settings).unwrap()
}

pub(crate) fn whole_file(settings: SessionSettings) -> Session {
    let model = embedded();
    let engine = model.open_rten(THREADS).unwrap();
    Session::whole_file(&model, engine, settings).unwrap()
}

/// Keeps everything a session says.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) windows: Vec<Window>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) words: Vec<Word>,
    /// The tail after each hop.
    pub(crate) tails: Vec<Vec<Word>>,
    pub(crate) starts: Vec<EncIdx>,
    pub(crate) ends: Vec<(EncIdx, EndReason)>,
    pub(crate) settings: Vec<(EncIdx, Setting)>,
    pub(crate) gaps: Vec<(SampleIdx, u64)>,
    pub(crate) features: Vec<Vec<f32>>,
}

impl Heard {
    /// Committed words with glued parts joined.
    pub(crate) fn merged(&self) -> Vec<Word> {
        merge_glued(self.words.clone())
    }

    /// Committed text.
    pub(crate) fn text(&self) -> String {
        dictoscope::decode::text_of(&self.words)
    }

    /// (token, frame, duration) of every committed decision.
    pub(crate) fn path(&self) -> Vec<(u32, u64, u32)> {
        self.decisions.iter().map(|d| (d.token.0, d.frame.0, d.duration)).collect()
    }
}

impl Probe for Heard {
    fn on(&mut self, stage: Stage<'_>) {
        match stage {
            Stage::Window(window) => self.windows.push(*window),
            Stage::Features(features) => self.features.push(features.data.clone()),
            Stage::Decision(decision) => self.decisions.push(decision.clone()),
            Stage::Committed(words) => self.words.extend_from_slice(words),
            Stage::Tail(words) => self.tails.push(words.to_vec()),
            Stage::UtteranceStart(at) => self.starts.push(at),
            Stage::UtteranceEnd(at, reason) => self.ends.push((at, reason)),
            Stage::Setting(at, setting) => self.settings.push((at, setting.clone())),
            Stage::Gap(at, samples) => self.gaps.push((at, samples)),
            _ => {}
        }
    }
}

pub(crate) fn run(session: &mut Session, blocks: impl IntoIterator<Item = AudioBlock>) -> Heard {
    let mut heard = Heard::default();
    for block in blocks {
        session.push(&block, &mut heard).unwrap();
    }
    session.finish(&mut heard).unwrap();
    heard
}
