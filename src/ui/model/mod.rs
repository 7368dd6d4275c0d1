//! What the window knows: made from events and plots only, without a window, a thread or a clock of its own.

mod phase;
mod recorded;

pub(crate) use phase::Phase;
pub(crate) use recorded::{Beside, RecordedRun};

use std::{path::PathBuf, sync::Arc};

use phase::{Engine, Run};

use crate::{
    decode::Word,
    session::{
        Command, DeviceEntry, Event, LevelSnapshot, LiveSnapshot, PlotItem, Ready, SessionSettings, Setting, Source,
    },
    text::{Rules, TextCare, TextSettings},
    ui::{
        history::History,
        notice::{Notices, Severity},
        transcript::Transcript,
    },
    units::{EncIdx, SAMPLE_RATE_HZ},
};

/// Seconds for which the clipping lamp stays lit.
const CLIP_LAMP_SECS: f64 = 1.5;

/// The state of the window, apart from how it is looked at.
#[derive(Clone, Debug, Default)]
pub struct UiModel {
    now_secs: f64,
    engine: Engine,
    run: Run,
    ready: Option<Ready>,
    /// How often an engine became ready.
    engines_ready: u64,
    /// The engine that the user asked for and that is not there yet.
    asked_engine: Option<String>,
    /// The engine that the user asked for and got.
    chosen_engine: Option<String>,
    source: Option<String>,
    /// The microphone is open though nothing is dictated.
    idle_open: bool,
    devices: Option<Vec<DeviceEntry>>,
    pub(crate) transcript: Transcript,
    /// Words in the transcript when this dictation began.
    words_before: usize,
    /// What is made of committed words before they are shown.
    care: TextCare,
    /// The rules for the next dictation, where they are others.
    next_rules: Option<Arc<Rules>>,
    /// End of the newest committed word of this session: older tail words are stale.
    committed_to: EncIdx,
    live: LiveSnapshot,
    level: LevelSnapshot,
    clip_until_secs: f64,
    pub(crate) history: History,
    pub(crate) notices: Notices,
    /// The file of the trace that is being written.
    pub(crate) trace: Option<PathBuf>,
    applied: SessionSettings,
    wanted: SessionSettings,
    /// Set where the window shows a run that is over.
    recorded: Option<RecordedRun>,
}

impl UiModel {
    /// A model that waits for [`Event::Ready`]; `settings` are those that the threads were started with.
    pub fn new(settings: SessionSettings) -> Self {
        Self { applied: settings.clone(), wanted: settings, ..Self::default() }
    }

    /// Shows committed text by these rules from here on. What cannot be used was told when the settings were read.
    pub(crate) fn use_rules(&mut self, settings: &TextSettings) {
        self.care = TextCare::new(Arc::new(Rules::new(settings).0));
    }

    /// The same, but from the next dictation on, as whoever else writes the text.
    pub(crate) fn use_rules_next(&mut self, settings: &TextSettings) {
        self.next_rules = Some(Arc::new(Rules::new(settings).0));
    }

    /// What is known of the run that is over, where the window shows one.
    pub(crate) fn recorded(&self) -> Option<&RecordedRun> {
        self.recorded.as_ref()
    }

    /// Tells the time in seconds, on any clock that does not go back.
    pub fn tick(&mut self, now_secs: f64) {
        self.now_secs = now_secs;
        self.notices.expire(now_secs);
    }

    /// Takes in an event. Committed words are never removed here.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Ready(ready) => {
                self.engine = Engine::Ready;
                self.engines_ready += 1;
                if self.asked_engine.take().is_some_and(|asked| asked == ready.name) {
                    self.chosen_engine = Some(ready.name.clone());
                    self.say(Severity::Info, format!("{} computes from here on.", ready.engine.engine));
                }
                self.ready = Some(ready);
            }
            Event::Devices(devices) => self.devices = Some(devices),
            Event::Idle { open } => self.idle_open = open,
            Event::Started { source, .. } => {
                self.run = Run::Running;
                self.source = Some(source);
                self.committed_to = EncIdx::default();
                self.end_paragraph();
                self.words_before = self.transcript.words().len();
                if let Some(rules) = self.next_rules.take() {
                    self.care = TextCare::new(rules);
                }
            }
            Event::Committed(words) => {
                self.committed_to = words.last().map_or(self.committed_to, |word| word.end);
                self.transcript.push_cared(self.care.push(&words));
            }
            Event::UtteranceEnd { .. } => self.end_paragraph(),
            Event::SettingApplied { setting, .. } => self.applied.take(&setting),
            Event::SettingRefused { setting, reason } => {
                let kept = reading(&self.applied, &setting);
                self.wanted.take(&kept);
                self.say(Severity::Error, format!("Setting refused: {reason}"));
            }
            Event::AudioLost { at, samples } => {
                let millis = samples as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ);
                self.say(Severity::Warning, format!("{millis:.0} ms of audio were lost at {:.2} s.", at.secs()));
            }
            Event::DeviceLost { reason } => {
                self.run = Run::Reconnecting;
                self.say(Severity::Warning, format!("The audio device was lost: {reason}."));
            }
            Event::DeviceBack { source } => {
                self.run = Run::Running;
                self.say(Severity::Info, format!("The audio device is back: {source}."));
                self.source = Some(source);
            }
            Event::TraceStarted { path } => self.trace = Some(path),
            Event::TraceStopped { path } => {
                self.trace = None;
                self.say(Severity::Info, format!("The trace is in {}.", path.display()));
            }
            Event::Notice(text) => self.say(Severity::Info, text),
            Event::SourceFailed { reason } => {
                self.run = Run::Failed;
                self.say(Severity::Error, reason);
            }
            Event::EngineRefused { name, reason } => {
                self.asked_engine = None;
                self.say(Severity::Error, format!("Not {name}: {reason}"));
            }
            Event::EngineFailed { reason } => {
                self.asked_engine = None;
                self.engine = Engine::Failed;
                self.say(Severity::Error, reason);
            }
            Event::Stopped => self.stopped(),
        }
    }

    fn stopped(&mut self) {
        // Failed stays to be seen; and the next dictation may have been started while this one was being transcribed.
        if !matches!(self.run, Run::Failed | Run::Starting) {
            self.run = Run::Stopped;
        }
        self.live.tail.clear();
        self.history.tail.clear();
        self.end_paragraph();
    }

    fn end_paragraph(&mut self) {
        self.transcript.push_cared(self.care.finish());
        self.transcript.end_paragraph();
    }

    /// Takes in an item of the plot feed.
    pub fn push(&mut self, item: PlotItem) {
        self.history.push(item);
    }

    /// Takes in the newest state of the inference thread.
    pub fn set_live(&mut self, live: &LiveSnapshot) {
        self.live.clone_from(live);
    }

    /// Takes in the newest input level.
    pub fn set_level(&mut self, level: LevelSnapshot) {
        if level.clipped_samples > self.level.clipped_samples {
            self.clip_until_secs = self.now_secs + CLIP_LAMP_SECS;
        }
        self.level = level;
    }

    /// Notes that `command` was sent.
    pub fn sent(&mut self, command: &Command) {
        match command {
            Command::Start(_) => self.run = Run::Starting,
            Command::Stop | Command::Cancel => self.run = Run::Stopping,
            Command::Set(setting) => self.wanted.take(setting),
            Command::Listen(..) | Command::ListDevices | Command::StartTrace { .. } | Command::StopTrace => {}
            Command::Restart => self.engine = Engine::Loading,
            Command::UseEngine(name) => self.asked_engine = Some(name.clone()),
        }
    }

    /// Adds a message to the list above the transcript.
    pub(crate) fn say(&mut self, severity: Severity, text: String) {
        self.notices.add(severity, text, self.now_secs);
    }

    pub(crate) fn now_secs(&self) -> f64 {
        self.now_secs
    }

    pub(crate) fn phase(&self) -> Phase {
        match (self.engine, &self.run) {
            (Engine::Failed, _) => Phase::EngineFailed,
            (_, Run::Stopping) => Phase::Stopping,
            (Engine::Loading, _) => Phase::Loading,
            (Engine::Ready, Run::Stopped) => Phase::Ready,
            (Engine::Ready, Run::Failed) => Phase::NoAudio,
            (Engine::Ready, Run::Starting) => Phase::Starting,
            (Engine::Ready, Run::Running) => Phase::Listening,
            (Engine::Ready, Run::Reconnecting) => Phase::Reconnecting,
        }
    }

    /// Whether audio comes in or is asked for: what the Start button then does is stop.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.run, Run::Starting | Run::Running | Run::Reconnecting)
    }

    /// Whether the picture changes by itself.
    pub(crate) fn is_live(&self) -> bool {
        self.is_running() || self.run == Run::Stopping
    }

    /// What the Start button and Space do now.
    pub(crate) fn toggle(&self, device: Option<&str>) -> Option<Command> {
        match self.run {
            Run::Stopped | Run::Failed => Some(Self::start(device)),
            Run::Starting | Run::Running | Run::Reconnecting => Some(Command::Stop),
            // The rest is still being transcribed; without an engine nothing would ever end that.
            Run::Stopping => (self.engine == Engine::Failed).then_some(Command::Stop),
        }
    }

    /// Starts from a microphone. While the rest of a dictation is being transcribed, what is said now waits until that is done.
    pub(crate) fn start(device: Option<&str>) -> Command {
        Command::Start(Source::Microphone { device: device.map(ToOwned::to_owned) })
    }

    /// What the Cancel button and Esc do now.
    pub(crate) fn cancel(&self) -> Option<Command> {
        self.is_live().then_some(Command::Cancel)
    }

    /// What the Trace button and Ctrl+T do now; `audio` keeps the sound too.
    pub(crate) fn toggle_trace(&self, audio: bool) -> Command {
        if self.trace.is_some() { Command::StopTrace } else { Command::StartTrace { audio } }
    }

    /// What dropping or opening the file `path` does.
    pub(crate) fn open_file(path: PathBuf) -> Command {
        Command::Start(Source::File { path, real_time: true })
    }

    pub(crate) fn ready(&self) -> Option<&Ready> {
        self.ready.as_ref()
    }

    /// How often an engine became ready.
    pub(crate) fn engines_ready(&self) -> u64 {
        self.engines_ready
    }

    /// Name of the engine that is being made ready, or that computes.
    pub(crate) fn engine_name(&self) -> Option<&str> {
        self.asked_engine.as_deref().or(self.ready.as_ref().map(|ready| ready.name.as_str()))
    }

    /// Whether an engine that was asked for is being made ready while the one before goes on.
    pub(crate) fn is_changing_engine(&self) -> bool {
        self.asked_engine.is_some()
    }

    /// Name of the engine that the user asked for and got.
    pub(crate) fn chosen_engine(&self) -> Option<&str> {
        self.chosen_engine.as_deref()
    }

    pub(crate) fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Whether the microphone is open though nothing is dictated.
    pub(crate) fn is_idle_open(&self) -> bool {
        self.idle_open
    }

    pub(crate) fn devices(&self) -> Option<&[DeviceEntry]> {
        self.devices.as_deref()
    }

    pub(crate) fn live(&self) -> &LiveSnapshot {
        &self.live
    }

    pub(crate) fn level(&self) -> LevelSnapshot {
        self.level
    }

    /// Whether samples were clipped just now.
    pub(crate) fn clip_lamp(&self) -> bool {
        self.now_secs < self.clip_until_secs
    }

    /// Settings as the user wants them; the threads follow from the next hop on.
    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.wanted
    }

    /// Words of this dictation, or of the last one: those that were not cleared.
    pub(crate) fn dictated(&self) -> &[Word] {
        let words = self.transcript.words();
        words.get(self.words_before..).unwrap_or(words)
    }

    /// Grey words: committed ones that a rule for text may still change, then those of the newest hop that are not committed.
    pub(crate) fn tail(&self) -> impl Iterator<Item = &Word> + Clone {
        // Events and the snapshot come separately: a word just committed may still stand in the snapshot.
        let live = self.live.tail.iter().filter(|word| word.start >= self.committed_to);
        self.care.pending().chain(live)
    }

    /// The vocabulary piece of a token.
    pub(crate) fn piece(&self, token: u32) -> &str {
        let pieces = self.ready.as_ref().map(|ready| &ready.pieces);
        pieces.and_then(|pieces| pieces.get(token as usize)).map_or("?", String::as_str)
    }

    /// Entries of the duration head in encoder frames; counted up from 0 until the model is loaded.
    pub(crate) fn durations(&self, count: usize) -> Vec<u32> {
        let known = self.ready.as_ref().map(|ready| ready.durations.clone()).filter(|known| known.len() == count);
        known.unwrap_or_else(|| (0..count as u32).collect())
    }
}

/// The value that `settings` have for what `like` would change.
fn reading(settings: &SessionSettings, like: &Setting) -> Setting {
    match like {
        Setting::Window(_) => Setting::Window(settings.window),
        Setting::Endpoint(_) => Setting::Endpoint(settings.endpoint),
        Setting::FeatureNorm(_) => Setting::FeatureNorm(settings.feature_norm),
        Setting::Punctuation(_) => Setting::Punctuation(settings.punctuation),
        Setting::TopK(_) => Setting::TopK(settings.top_k),
        Setting::CustomWords(_) => Setting::CustomWords(settings.custom_words.clone()),
    }
}

#[cfg(test)]
mod tests;
