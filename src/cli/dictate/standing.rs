//! What a dictation in the terminal does now, and what an order makes of it.

use crate::{
    config::EngineName,
    session::{Command, Event, Source},
    ui::Ask,
};

/// Whether audio comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Run {
    #[default]
    Stopped,
    Starting,
    Listening,
    Reconnecting,
    Stopping,
}

/// Follows commands and events.
#[derive(Debug)]
pub(super) struct Standing {
    source: Source,
    run: Run,
}

impl Standing {
    pub(super) fn new(source: Source) -> Self {
        Self { source, run: Run::default() }
    }

    /// The command that an order comes down to, if any; or why it is none. [`Standing::sent`] is told when it is sent.
    pub(super) fn command(&self, ask: &Ask) -> Result<Option<Command>, String> {
        let running = matches!(self.run, Run::Starting | Run::Listening | Run::Reconnecting);
        Ok(match ask {
            Ask::Toggle | Ask::Stop if running => Some(Command::Stop),
            Ask::Start if running => None,
            Ask::Toggle | Ask::Start => Some(Command::Start(self.source.clone())),
            Ask::Cancel if self.is_live() => Some(Command::Cancel),
            Ask::Stop | Ask::Cancel | Ask::Status => None,
            Ask::Engine(name) if EngineName::parse(name).is_some() => Some(Command::UseEngine(name.clone())),
            Ask::Engine(name) => {
                return Err(format!("expected one of {}, found {name:?}", EngineName::NAMES.join(", ")));
            }
            Ask::Show => return Err("there is no window: Dictoscope dictates in a terminal".to_owned()),
            Ask::Quit => return Err("Dictoscope dictates in a terminal, where Ctrl+C ends it".to_owned()),
        })
    }

    pub(super) fn sent(&mut self, command: &Command) {
        match command {
            Command::Start(_) => self.run = Run::Starting,
            Command::Stop | Command::Cancel => self.run = Run::Stopping,
            _ => {}
        }
    }

    pub(super) fn follow(&mut self, event: &Event) {
        self.run = match event {
            // Stopped at once: the samples that arrived are those of the tail.
            Event::Started { .. } | Event::DeviceBack { .. } if self.run != Run::Stopping => Run::Listening,
            Event::DeviceLost { .. } if self.run != Run::Stopping => Run::Reconnecting,
            Event::SourceFailed { .. } => Run::Stopped,
            // Else it is the end of the dictation before.
            Event::Stopped if self.run != Run::Starting => Run::Stopped,
            _ => return,
        };
    }

    /// Whether there is something to cancel.
    pub(super) fn is_live(&self) -> bool {
        self.run != Run::Stopped
    }

    /// In a word, as the window says it.
    pub(super) fn name(&self) -> &'static str {
        match self.run {
            Run::Stopped => "ready",
            Run::Starting => "starting",
            Run::Listening => "listening",
            Run::Reconnecting => "reconnecting",
            Run::Stopping => "stopping",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(standing: &mut Standing, ask: &Ask) -> Option<Command> {
        let command = standing.command(ask).unwrap();
        if let Some(command) = &command {
            standing.sent(command);
        }
        command
    }

    #[test]
    fn a_key_held_twice_is_two_dictations_and_started_comes_with_the_samples() {
        let mut standing = Standing::new(Source::Microphone { device: None });
        assert!(give(&mut standing, &Ask::Cancel).is_none(), "nothing runs");
        assert!(matches!(give(&mut standing, &Ask::Start), Some(Command::Start(_))));
        assert_eq!(standing.name(), "starting");
        standing.follow(&Event::Started { source: "desk".into(), skipped_samples: 0 });
        assert_eq!(standing.name(), "listening");
        assert!(give(&mut standing, &Ask::Start).is_none(), "it runs");
        assert!(matches!(give(&mut standing, &Ask::Stop), Some(Command::Stop)));
        // Pressed again while the rest is transcribed.
        assert!(matches!(give(&mut standing, &Ask::Toggle), Some(Command::Start(_))));
        standing.follow(&Event::Stopped);
        assert_eq!(standing.name(), "starting", "it was the first that stopped");
        assert!(matches!(give(&mut standing, &Ask::Toggle), Some(Command::Stop)));
        assert!(matches!(give(&mut standing, &Ask::Cancel), Some(Command::Cancel)));
        standing.follow(&Event::Stopped);
        assert_eq!(standing.name(), "ready");
        assert!(standing.command(&Ask::Show).unwrap_err().contains("no window"));
        assert!(standing.command(&Ask::Engine("tract".into())).unwrap_err().contains("rten"));
    }
}
