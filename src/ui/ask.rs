//! Orders that reach the window from outside, such as a key of the desktop.

use crossbeam_channel::Sender;

use crate::{
    config::EngineName,
    session::Command,
    ui::{
        model::{Phase, UiModel},
        screen::Screen,
    },
};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Start dictation if it stands, stop it if it runs.
    Toggle,
    /// Start it; nothing happens if it runs.
    Start,
    /// Stop it; nothing happens if it stands.
    Stop,
    /// Stop it and throw away what is not committed yet; nothing happens if it stands.
    Cancel,
    /// What the window does now.
    Status,
    /// Go on with another engine, by its name in the settings.
    Engine(String),
    /// Bring the window to the front.
    Show,
    /// End the program.
    Quit,
}

/// An order and where its answer goes: what the window does now, or why it does not.
#[derive(Debug)]
pub struct Asked {
    /// The order.
    pub ask: Ask,
    /// Takes the answer.
    pub answer: Sender<Result<String, String>>,
}

impl Screen {
    /// Carries an order out as if a button had been pressed; what the window does now, or why it does not. What is to be
    /// done with the window itself is for whoever has one.
    pub fn ask(&mut self, ask: &Ask) -> Result<String, String> {
        let running = self.model.is_running();
        let command = match ask {
            Ask::Toggle if running => Some(Command::Stop),
            Ask::Start if running => None,
            // Also while the rest of the one before is being transcribed: a key is pressed again as soon as it is let go.
            Ask::Toggle | Ask::Start => Some(UiModel::start(self.settings().device.as_deref())),
            Ask::Stop => running.then_some(Command::Stop),
            Ask::Cancel => self.model.cancel(),
            Ask::Status | Ask::Show | Ask::Quit => None,
            Ask::Engine(name) if EngineName::parse(name).is_some() => Some(Command::UseEngine(name.clone())),
            Ask::Engine(name) => {
                let names = EngineName::NAMES.join(", ");
                return Err(format!("expected one of {names}, found {name:?}"));
            }
        };
        if let Some(command) = command {
            self.command(command);
        }
        Ok(state(&self.model).to_owned())
    }
}

fn state(model: &UiModel) -> &'static str {
    match model.phase() {
        Phase::Loading => "loading",
        Phase::Ready => "ready",
        Phase::NoAudio => "no audio",
        Phase::Starting => "starting",
        Phase::Listening => "listening",
        Phase::Reconnecting => "reconnecting",
        Phase::Stopping => "stopping",
        Phase::EngineFailed => "engine failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, session::Event};

    #[test]
    fn orders_do_what_the_buttons_do() {
        let mut screen = Screen::new(Settings { device: Some("desk".into()), ..Settings::default() });
        assert_eq!(screen.ask(&Ask::Status).as_deref(), Ok("loading"));
        assert_eq!(screen.ask(&Ask::Stop).as_deref(), Ok("loading"), "nothing runs");
        assert!(screen.take_commands().is_empty());
        screen.ask(&Ask::Start).unwrap();
        screen.ask(&Ask::Start).unwrap();
        let commands = screen.take_commands();
        assert!(matches!(&commands[..], [Command::Start(_)]), "{commands:?}");
        screen.model.apply(Event::Started { source: "desk".into(), skipped_samples: 0 });
        screen.ask(&Ask::Toggle).unwrap();
        assert!(matches!(&screen.take_commands()[..], [Command::Stop]));
        screen.ask(&Ask::Cancel).unwrap();
        assert!(matches!(&screen.take_commands()[..], [Command::Cancel]), "also while the rest is being transcribed");
        screen.ask(&Ask::Start).unwrap();
        assert!(matches!(&screen.take_commands()[..], [Command::Start(_)]), "at once, while the rest is transcribed");
        screen.model.apply(Event::Stopped);
        assert_eq!(screen.ask(&Ask::Status).as_deref(), Ok("loading"), "of the dictation before");
        screen.model.apply(Event::Started { source: "desk".into(), skipped_samples: 0 });
        screen.ask(&Ask::Stop).unwrap();
        screen.model.apply(Event::Stopped);
        screen.take_commands();
        screen.ask(&Ask::Cancel).unwrap();
        assert!(screen.take_commands().is_empty(), "nothing runs");
        screen.ask(&Ask::Engine("onnxruntime".into())).unwrap();
        assert!(matches!(&screen.take_commands()[..], [Command::UseEngine(name)] if name == "onnxruntime"));
        let refused = screen.ask(&Ask::Engine("tract".into())).unwrap_err();
        assert!(refused.contains("rten") && refused.contains("tract"), "{refused}");
    }
}
