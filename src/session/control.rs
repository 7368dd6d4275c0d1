//! The control thread: opens and closes sources, follows their events and level. A slow sound server holds up nobody else.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::{
    audio::{AudioBlock, AudioError, Capture, CaptureConfig, CaptureEvent, LevelReader, default_input, input_devices},
    session::{
        Command, DeviceEntry, Event, LevelSnapshot, Listening, Source,
        file_source::{FileMessage, FileSource},
        outbox::Outbox,
        worker::Work,
    },
};

/// How often the level and the events of a running source are looked at.
const TICK: Duration = Duration::from_millis(30);
/// The same of a microphone that is only kept open.
const IDLE_TICK: Duration = Duration::from_millis(500);

/// A start waits this long to hear whether the system's default microphone is still the one that is open.
const DEFAULT_LIMIT: Duration = Duration::from_millis(200);

/// State of the control thread.
pub(super) struct Control {
    commands: Receiver<Command>,
    work: Sender<Work>,
    /// Sources handed to the inference thread, and those of them that it has begun with.
    handed: u64,
    attached: Arc<AtomicU64>,
    outbox: Outbox,
    level: triple_buffer::Input<LevelSnapshot>,
    listening: Listening,
    /// The microphone that is open, and what it was opened with: for a dictation, or for those to come.
    microphone: Option<(Capture, CaptureConfig)>,
    /// The system's default when it was opened, where that was asked for.
    default: Option<String>,
    source: Running,
    /// Events of a source that the inference thread has not begun with: they come after those of the one before.
    held: Vec<Event>,
    /// Whether it was told that the microphone is open and nothing is dictated.
    told_idle: bool,
}

/// What delivers blocks now.
enum Running {
    Nothing,
    /// [`Control::microphone`] does.
    Microphone(LevelReader),
    /// It does, up to the end of the tail.
    Tail(LevelReader),
    File(FileSource),
}

impl Control {
    pub(super) fn new(
        commands: Receiver<Command>,
        work: Sender<Work>,
        attached: Arc<AtomicU64>,
        outbox: Outbox,
        level: triple_buffer::Input<LevelSnapshot>,
    ) -> Self {
        Self {
            commands,
            work,
            handed: 0,
            attached,
            outbox,
            level,
            listening: Listening::default(),
            microphone: None,
            default: None,
            source: Running::Nothing,
            held: Vec::new(),
            told_idle: false,
        }
    }

    /// The thread's body: until the handle hangs up.
    pub(super) fn run(mut self) {
        loop {
            self.outbox.flush();
            let command = match (&self.source, &self.microphone) {
                (Running::Nothing, None) if self.held.is_empty() => {
                    self.commands.recv().map_err(|_| RecvTimeoutError::Disconnected)
                }
                (Running::Nothing, Some(_)) if self.held.is_empty() => self.commands.recv_timeout(IDLE_TICK),
                _ => self.commands.recv_timeout(TICK),
            };
            match command {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.follow();
            self.tell_idle();
        }
        self.listening.pre_roll_samples = 0;
        self.stop_at_once();
        self.close_microphone();
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Start(source) => self.start(&source),
            Command::Stop => self.stop(),
            Command::Cancel => {
                // First, so that nothing of what the source still delivers is decoded.
                self.hand_over(Work::Cancel);
                self.held.clear();
                self.stop_at_once();
            }
            Command::Listen(listening, device) => self.listen(listening, device),
            Command::Set(setting) => self.hand_over(Work::Set(setting)),
            Command::StartTrace { audio } => self.hand_over(Work::StartTrace { audio }),
            Command::StopTrace => self.hand_over(Work::StopTrace),
            Command::Restart => self.hand_over(Work::Restart),
            Command::UseEngine(name) => self.hand_over(Work::UseEngine(name)),
            Command::ListDevices => self.list_devices(),
        }
    }

    /// Fails only when the inference thread is gone, which it told of itself.
    fn hand_over(&self, work: Work) {
        self.work.send(work).ok();
    }

    fn attach(&mut self, blocks: rtrb::Consumer<AudioBlock>, name: String) {
        self.handed += 1;
        self.hand_over(Work::Attach(blocks, name));
    }

    fn start(&mut self, source: &Source) {
        let started = match source {
            Source::Microphone { device } => self.start_microphone(device.clone()),
            Source::File { path, real_time } => {
                self.stop_at_once();
                FileSource::start(path, *real_time).map(|(file, blocks)| {
                    self.attach(blocks, file.name.clone());
                    self.tell(Event::Started { source: file.name.clone(), skipped_samples: 0 });
                    self.source = Running::File(file);
                })
            }
        };
        if let Err(error) = started {
            self.outbox.send(Event::SourceFailed { reason: error.to_string() });
        }
    }

    fn config(&self, device: Option<String>) -> CaptureConfig {
        let Listening { channel, pre_roll_samples, tail_samples } = self.listening;
        // Closed by this thread when nothing needs it, so that it never goes while a dictation begins.
        CaptureConfig { device, channel, pre_roll_samples, tail_samples, keep_open: true }
    }

    /// On the microphone that is open, if it is the one; the dictation before, or its tail, ends there.
    fn start_microphone(&mut self, device: Option<String>) -> Result<(), AudioError> {
        let config = self.config(device);
        let name = config.device.clone().unwrap_or_else(|| "default microphone".to_owned());
        if let Running::File(_) = self.source {
            self.stop_at_once();
        }
        if self.microphone.as_ref().is_some_and(|(capture, open)| *open != config || capture.is_over())
            || config.device.is_none() && self.default_moved()
        {
            self.stop_at_once();
            self.close_microphone();
        }
        let blocks = if let Some((capture, _)) = &self.microphone {
            capture.begin()
        } else {
            self.remember_default(&config);
            let (capture, blocks) = Capture::start(config.clone(), || {})?;
            self.microphone = Some((capture, config));
            blocks
        };
        self.attach(blocks, name);
        self.source =
            self.microphone.as_ref().map_or(Running::Nothing, |open| Running::Microphone(open.0.level_reader()));
        Ok(())
    }

    /// Opens the microphone for dictations to come, or closes it.
    fn listen(&mut self, listening: Listening, device: Option<String>) {
        self.listening = listening;
        let config = self.config(device);
        let is_idle = matches!(self.source, Running::Nothing | Running::File(_));
        if !is_idle || self.microphone.as_ref().is_some_and(|open| open.1 == config && self.stays_open()) {
            return;
        }
        self.close_microphone();
        if self.stays_open() {
            self.remember_default(&config);
            match Capture::open(config.clone(), || {}) {
                Ok(capture) => self.microphone = Some((capture, config)),
                Err(error) => self.outbox.send(Event::Notice(format!("The microphone is not kept open: {error}"))),
            }
        }
    }

    fn remember_default(&mut self, config: &CaptureConfig) {
        let asked = self.stays_open() && config.device.is_none();
        self.default = asked.then(|| default_input(DEFAULT_LIMIT)).flatten();
    }

    /// Whether the microphone that is open is not the system's default any more.
    fn default_moved(&self) -> bool {
        let known = self.default.as_ref().filter(|_| self.microphone.is_some());
        known.is_some_and(|known| default_input(DEFAULT_LIMIT).is_some_and(|now| now != *known))
    }

    fn stays_open(&self) -> bool {
        self.listening.pre_roll_samples > 0
    }

    /// Ends the source, a microphone after its tail; what it delivered is still transcribed, then the inference thread sends
    /// [`Event::Stopped`].
    fn stop(&mut self) {
        match (mem::replace(&mut self.source, Running::Nothing), &self.microphone) {
            (Running::Microphone(level), Some((capture, _))) => {
                capture.end();
                self.source = Running::Tail(level);
            }
            (tail @ Running::Tail(_), _) => self.source = tail,
            (source, _) => {
                self.source = source;
                self.stop_at_once();
            }
        }
    }

    /// The same without a tail.
    fn stop_at_once(&mut self) {
        match mem::replace(&mut self.source, Running::Nothing) {
            Running::Nothing => return,
            Running::Microphone(_) | Running::Tail(_) => {
                match &self.microphone {
                    Some((capture, _)) if self.stays_open() => capture.give_up(),
                    // All that was recorded goes on before the device closes.
                    _ => self.close_microphone(),
                }
            }
            Running::File(file) => {
                let messages = file.messages.clone();
                drop(file);
                messages.try_iter().for_each(|message| self.tell_file(message));
            }
        }
        self.level.write(LevelSnapshot::default());
        self.outbox.wake();
    }

    /// Waits for what it has still to say.
    fn close_microphone(&mut self) {
        if let Some((capture, _)) = self.microphone.take() {
            let events = capture.events().clone();
            capture.stop();
            events.try_iter().for_each(|event| self.tell_capture(event));
        }
    }

    /// Passes on what the source says and how loud it is.
    fn follow(&mut self) {
        if self.attached.load(Ordering::SeqCst) >= self.handed {
            for event in mem::take(&mut self.held) {
                self.outbox.send(event);
            }
        }
        let level = match &self.source {
            Running::Nothing => return self.follow_idle(),
            Running::Microphone(level) | Running::Tail(level) => {
                let level = level.level();
                if !self.follow_microphone() {
                    self.stop_at_once();
                    return;
                }
                level
            }
            Running::File(file) => {
                let (messages, level, done) = (file.messages.clone(), file.level.level(), file.is_done());
                messages.try_iter().for_each(|message| self.tell_file(message));
                if done {
                    self.stop_at_once();
                    return;
                }
                level
            }
        };
        self.level.write(LevelSnapshot {
            peak: level.peak,
            rms: level.rms,
            clipped_samples: level.clipped_samples,
            overrun_samples: level.overrun_samples,
        });
    }

    /// False when the dictation has ended, by its tail or by a failure.
    fn follow_microphone(&mut self) -> bool {
        let Some((capture, _)) = &self.microphone else { return false };
        // Asked first: what it says before it ends is told.
        let goes_on = capture.is_dictating();
        let events: Vec<CaptureEvent> = capture.events().try_iter().collect();
        let failed = events.iter().any(|event| matches!(event, CaptureEvent::Failed { .. }));
        for event in events {
            self.tell_capture(event);
        }
        if failed {
            self.close_microphone();
        }
        goes_on && !failed
    }

    /// A microphone that is open for dictations to come has nothing to say, unless it is lost for good.
    fn follow_idle(&mut self) {
        if self.microphone.as_ref().is_some_and(|(capture, _)| capture.is_over())
            && let Some((capture, _)) = self.microphone.take()
        {
            let reasons = capture.events().try_iter().filter_map(|event| match event {
                CaptureEvent::Failed { error } => Some(error.to_string()),
                _ => None,
            });
            let reason = reasons.last().unwrap_or_else(|| "it was closed".to_owned());
            self.outbox.send(Event::Notice(format!("The microphone is not kept open any more: {reason}")));
        }
    }

    /// An open microphone is never a secret.
    fn tell_idle(&mut self) {
        let open = matches!(self.source, Running::Nothing | Running::File(_)) && self.microphone.is_some();
        if mem::replace(&mut self.told_idle, open) != open {
            self.outbox.send(Event::Idle { open });
        }
    }

    /// Sends an event of a source once the one before has ended.
    fn tell(&mut self, event: Event) {
        if self.held.is_empty() && self.attached.load(Ordering::SeqCst) >= self.handed {
            self.outbox.send(event);
        } else {
            self.held.push(event);
        }
    }

    fn tell_capture(&mut self, event: CaptureEvent) {
        let event = match event {
            CaptureEvent::Started { device, skipped_samples, .. } => Event::Started { source: device, skipped_samples },
            CaptureEvent::DeviceLost { reason } => Event::DeviceLost { reason },
            CaptureEvent::DeviceBack { device } => Event::DeviceBack { source: device },
            CaptureEvent::Failed { error } => Event::SourceFailed { reason: error.to_string() },
            // The jump in the blocks' positions tells the session, which tells everybody else.
            CaptureEvent::Lost { .. } => return,
        };
        self.tell(event);
    }

    fn tell_file(&mut self, message: FileMessage) {
        self.tell(match message {
            FileMessage::Notice(text) => Event::Notice(text),
            FileMessage::Failed(error) => Event::SourceFailed { reason: error.to_string() },
        });
    }

    fn list_devices(&mut self) {
        self.outbox.send(match input_devices() {
            Ok(devices) => Event::Devices(
                devices.into_iter().map(|d| DeviceEntry { name: d.name, is_default: d.is_default }).collect(),
            ),
            Err(error) => {
                log::warn!("{error}");
                Event::Devices(Vec::new())
            }
        });
    }
}
