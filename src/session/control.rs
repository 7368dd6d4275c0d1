//! The control thread: opens and closes sources, follows their events and level. A slow sound server holds up nobody else.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::{
    audio::{Capture, CaptureConfig, CaptureEvent, LevelReader, input_devices},
    session::{
        Command, DeviceEntry, Event, LevelSnapshot, Source,
        file_source::{FileMessage, FileSource},
        outbox::Outbox,
        worker::Work,
    },
};

/// How often the level and the events of a running source are looked at.
const TICK: Duration = Duration::from_millis(30);

/// State of the control thread.
pub(super) struct Control {
    commands: Receiver<Command>,
    work: Sender<Work>,
    outbox: Outbox,
    level: triple_buffer::Input<LevelSnapshot>,
    source: Running,
}

/// What delivers blocks now.
enum Running {
    Nothing,
    Microphone(Capture, LevelReader),
    File(FileSource),
}

impl Control {
    pub(super) fn new(
        commands: Receiver<Command>,
        work: Sender<Work>,
        outbox: Outbox,
        level: triple_buffer::Input<LevelSnapshot>,
    ) -> Self {
        Self { commands, work, outbox, level, source: Running::Nothing }
    }

    /// The thread's body: until the handle hangs up.
    pub(super) fn run(mut self) {
        loop {
            self.outbox.flush();
            let command = if matches!(self.source, Running::Nothing) {
                self.commands.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.commands.recv_timeout(TICK)
            };
            match command {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.follow();
        }
        self.stop();
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Start(source) => {
                self.stop();
                self.start(&source);
            }
            Command::Stop => self.stop(),
            Command::Cancel => {
                // First, so that nothing of what the source still delivers is decoded.
                self.hand_over(Work::Cancel);
                self.stop();
            }
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

    fn start(&mut self, source: &Source) {
        let started = match source {
            Source::Microphone { device } => {
                let config = CaptureConfig { device: device.clone(), ..CaptureConfig::default() };
                Capture::start(config, || {}).map(|(capture, blocks)| {
                    let level = capture.level_reader();
                    let name = device.clone().unwrap_or_else(|| "default microphone".to_owned());
                    self.hand_over(Work::Attach(blocks, name));
                    self.source = Running::Microphone(capture, level);
                })
            }
            Source::File { path, real_time } => FileSource::start(path, *real_time).map(|(file, blocks)| {
                self.hand_over(Work::Attach(blocks, file.name.clone()));
                self.outbox.send(Event::Started { source: file.name.clone() });
                self.source = Running::File(file);
            }),
        };
        if let Err(error) = started {
            self.outbox.send(Event::SourceFailed { reason: error.to_string() });
        }
    }

    /// Stops the source; what it delivered is still transcribed, then the inference thread sends [`Event::Stopped`].
    fn stop(&mut self) {
        match std::mem::replace(&mut self.source, Running::Nothing) {
            Running::Nothing => return,
            Running::Microphone(capture, _) => {
                let events = capture.events().clone();
                capture.stop();
                events.try_iter().for_each(|event| self.tell(event));
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

    /// Passes on what the source says and how loud it is.
    fn follow(&mut self) {
        let level = match &self.source {
            Running::Nothing => return,
            Running::Microphone(capture, level) => {
                let (events, level) = (capture.events().clone(), level.level());
                let mut failed = false;
                for event in events.try_iter() {
                    failed |= matches!(event, CaptureEvent::Failed { .. });
                    self.tell(event);
                }
                if failed {
                    self.stop();
                    return;
                }
                level
            }
            Running::File(file) => {
                let (messages, level, done) = (file.messages.clone(), file.level.level(), file.is_done());
                messages.try_iter().for_each(|message| self.tell_file(message));
                if done {
                    self.stop();
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

    fn tell(&mut self, event: CaptureEvent) {
        let event = match event {
            CaptureEvent::Started { device, .. } => Event::Started { source: device },
            CaptureEvent::DeviceLost { reason } => Event::DeviceLost { reason },
            CaptureEvent::DeviceBack { device } => Event::DeviceBack { source: device },
            CaptureEvent::Failed { error } => Event::SourceFailed { reason: error.to_string() },
            // The jump in the blocks' positions tells the session, which tells everybody else.
            CaptureEvent::Lost { .. } => return,
        };
        self.outbox.send(event);
    }

    fn tell_file(&mut self, message: FileMessage) {
        self.outbox.send(match message {
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
