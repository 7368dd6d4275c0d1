//! What stands for the window elsewhere on the desktop: the icon in the tray, sounds, hotkeys. They are told what changed;
//! and the window, which may be hidden, is shown again where it has to be.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use eframe::egui::{Context, ViewportCommand};

use crate::{
    config::{HotkeySettings, Settings},
    text::TextSettings,
    ui::{
        ask::Ask,
        model::{Phase, UiModel},
    },
};

/// What the program does, as an icon tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The model is being loaded, a microphone opened, or the rest transcribed.
    Busy,
    /// Nothing runs.
    Idle,
    /// Dictation runs.
    Listening,
    /// The last start, or the engine, failed.
    Failed,
}

/// What can be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Dictation runs.
    Start,
    /// It has ended.
    Stop,
    /// It could not start, or broke off.
    Failure,
}

/// Who is told.
pub struct Presence {
    /// Shows what the program does; told when it changed.
    pub show: Box<dyn FnMut(Activity)>,
    /// Set while somebody shows that: then the window may be hidden.
    pub icon_there: Arc<AtomicBool>,
    /// Plays a sound.
    pub play: Box<dyn FnMut(Cue)>,
    /// Takes other keys; told when the settings changed.
    pub bind: Box<dyn FnMut(&HotkeySettings)>,
    /// Takes other rules for text, for the dictations to come; told when the settings changed.
    pub rule: Box<dyn FnMut(&TextSettings)>,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("icon_there", &self.icon_there).finish_non_exhaustive()
    }
}

/// What they were told, and what became of the window.
#[derive(Debug)]
pub(crate) struct Standing {
    with: Presence,
    shown: Option<Activity>,
    phase: Phase,
    keys: HotkeySettings,
    text: TextSettings,
    hidden: bool,
    quitting: bool,
    /// Until the first frame: the window is still to be minimised.
    minimise: bool,
}

impl Standing {
    pub(crate) fn new(with: Presence, settings: &Settings, minimise: bool) -> Self {
        let (keys, text) = (settings.hotkeys.clone(), settings.text.clone());
        Self { with, shown: None, phase: Phase::Loading, keys, text, hidden: false, quitting: false, minimise }
    }

    /// Tells what changed.
    pub(crate) fn follow(&mut self, ctx: &Context, model: &UiModel, settings: &Settings) {
        let Settings { window, hotkeys: keys, text, .. } = settings;
        let phase = model.phase();
        let activity = activity(phase);
        if self.shown.replace(activity) != Some(activity) {
            (self.with.show)(activity);
        }
        if let Some(cue) = cue(std::mem::replace(&mut self.phase, phase), phase).filter(|_| window.sounds) {
            (self.with.play)(cue);
        }
        if self.keys != *keys {
            self.keys.clone_from(keys);
            (self.with.bind)(keys);
        }
        if self.text != *text {
            self.text.clone_from(text);
            (self.with.rule)(text);
        }
        let icon_there = self.with.icon_there.load(Ordering::SeqCst);
        if ctx.input(|input| input.viewport().close_requested()) && !self.quitting && window.close_to_tray && icon_there
        {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            ctx.send_viewport_cmd(ViewportCommand::Visible(false));
            self.hidden = true;
        }
        if self.hidden && !icon_there {
            // Nobody could bring it back.
            self.show(ctx);
        }
    }

    /// What an order does to the window itself.
    pub(crate) fn obey(&mut self, ctx: &Context, ask: &Ask) {
        match ask {
            Ask::Show => self.show(ctx),
            Ask::Quit => {
                self.quitting = true;
                ctx.send_viewport_cmd(ViewportCommand::Close);
                ctx.request_repaint();
            }
            _ => {}
        }
    }

    /// Once the window is on the screen: minimises it, if it is to start so.
    pub(crate) fn laid_out(&mut self, ctx: &Context) {
        // The first frame is painted before the window is shown.
        if self.minimise && ctx.cumulative_frame_nr() > 0 {
            self.minimise = false;
            ctx.send_viewport_cmd(ViewportCommand::Minimized(true));
        }
        if self.minimise {
            ctx.request_repaint();
        }
    }

    fn show(&mut self, ctx: &Context) {
        self.hidden = false;
        ctx.send_viewport_cmd(ViewportCommand::Visible(true));
        ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
        ctx.send_viewport_cmd(ViewportCommand::Focus);
        ctx.request_repaint();
    }
}

fn activity(phase: Phase) -> Activity {
    match phase {
        Phase::Loading | Phase::Starting | Phase::Stopping | Phase::Reconnecting => Activity::Busy,
        Phase::Ready => Activity::Idle,
        Phase::Listening => Activity::Listening,
        Phase::NoAudio | Phase::EngineFailed => Activity::Failed,
    }
}

/// What is to be heard when the first became the second.
fn cue(before: Phase, now: Phase) -> Option<Cue> {
    match (before, now) {
        (before, now) if before == now => None,
        (_, Phase::NoAudio | Phase::EngineFailed | Phase::Reconnecting) => Some(Cue::Failure),
        (_, Phase::Listening) => Some(Cue::Start),
        // Stopped, or stopped and started again: the microphone does not hear any more, or is about to hear anew.
        (Phase::Listening | Phase::Reconnecting, _) => Some(Cue::Stop),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::session::{Command, Event, Source};

    #[test]
    fn others_are_told_once_what_changed() {
        let told: Rc<RefCell<Vec<String>>> = Rc::default();
        let tell = |kind: &'static str| {
            let told = Rc::clone(&told);
            move |what: String| told.borrow_mut().push(format!("{kind} {what}"))
        };
        let (show, play, bind, rule) = (tell("show"), tell("play"), tell("bind"), tell("rule"));
        let with = Presence {
            show: Box::new(move |activity| show(format!("{activity:?}"))),
            icon_there: Arc::default(),
            play: Box::new(move |cue| play(format!("{cue:?}"))),
            bind: Box::new(move |keys| bind(keys.toggle.map_or("none".to_owned(), |key| key.to_string()))),
            rule: Box::new(move |text| rule(text.fillers.to_string())),
        };
        let (ctx, mut settings, mut model) = (Context::default(), Settings::default(), UiModel::default());
        let mut standing = Standing::new(with, &settings, false);
        let mut follow = |model: &UiModel, settings: &Settings| -> Vec<String> {
            for _ in 0..3 {
                standing.follow(&ctx, model, settings);
            }
            std::mem::take(&mut *told.borrow_mut())
        };
        assert_eq!(follow(&model, &settings), ["show Busy"]);
        settings.hotkeys.toggle = "F9".parse().ok();
        settings.text.fillers = true;
        assert_eq!(follow(&model, &settings), ["bind F9", "rule true"]);
        model.sent(&Command::Start(Source::Microphone { device: None }));
        model.apply(Event::EngineFailed { reason: "lost".to_owned() });
        assert_eq!(follow(&model, &settings), ["show Failed"], "nobody wants to hear it");
        model.sent(&Command::Restart);
        settings.window.sounds = true;
        assert_eq!(follow(&model, &settings), ["show Busy"]);
        model.apply(Event::SourceFailed { reason: "no microphone".to_owned() });
        model.apply(Event::EngineFailed { reason: "lost".to_owned() });
        assert_eq!(follow(&model, &settings), ["show Failed", "play Failure"]);
    }

    #[test]
    fn one_dictation_is_one_start_and_one_stop() {
        let heard =
            |phases: &[Phase]| -> Vec<Cue> { phases.windows(2).filter_map(|pair| cue(pair[0], pair[1])).collect() };
        let usual = [Phase::Loading, Phase::Ready, Phase::Starting, Phase::Listening, Phase::Stopping, Phase::Ready];
        assert_eq!(heard(&usual), [Cue::Start, Cue::Stop]);
        assert_eq!(heard(&[Phase::Starting, Phase::NoAudio, Phase::NoAudio]), [Cue::Failure]);
        assert_eq!(heard(&[Phase::Listening, Phase::Reconnecting, Phase::Listening]), [Cue::Failure, Cue::Start]);
        assert_eq!(heard(&[Phase::Loading, Phase::Ready]), []);
    }

    #[test]
    fn the_icon_tells_failures_from_rest() {
        assert_eq!(activity(Phase::NoAudio), Activity::Failed);
        assert_eq!(activity(Phase::Ready), Activity::Idle);
        assert_eq!(activity(Phase::Stopping), Activity::Busy);
    }
}
