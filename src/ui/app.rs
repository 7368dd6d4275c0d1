//! The window on a display: drains the threads, also while hidden, and hands what is left to [`Screen`].

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Receiver;
use eframe::{CreationContext, egui};

use crate::{
    config::{OutputSettings, Settings},
    session::{Command, LiveHandle, Source, Waker},
    ui::{
        ask::Asked,
        models::{Models, ModelsTold},
        notice::Severity,
        overlay::Overlay,
        past::{Past, PastTold},
        presence::{Presence, Standing},
        screen::{SOFTWARE_FRAME_TIME, Screen},
        window::{self, UiError, paints_in_software},
    },
};

/// Seconds without a change after which settings are written: a slider being dragged is not finished.
const SAVE_AFTER_SECS: f64 = 1.0;

/// What the window is tied to.
pub struct Connection {
    /// The threads.
    pub live: LiveHandle,
    /// Orders from outside; they come with a call of the waker.
    pub asked: Receiver<Asked>,
    /// What the user should read, as it comes.
    pub told: Receiver<String>,
    /// Told whenever dictation begins or has ended.
    pub dictating: Box<dyn FnMut(bool)>,
    /// The dictations of the past, if somebody has them.
    pub past: Option<Past>,
    /// The models, if somebody has them.
    pub models: Option<Models>,
    /// What stands for this window elsewhere.
    pub presence: Presence,
    /// What typing into other windows needs of this one.
    pub typing: Option<Typing>,
    /// What went wrong while they were made.
    pub notices: Vec<String>,
    /// Whatever must live as long as the window.
    pub keep: Box<dyn Any>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("live", &self.live).field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// What is between this window and whoever types into others.
pub struct Typing {
    /// What the user should read, as it comes.
    pub told: Receiver<String>,
    /// Takes what the user wants typed, when it changed.
    pub set: Box<dyn FnMut(&OutputSettings)>,
    /// Set while this window has the focus: nothing is typed then.
    pub own_focus: Arc<AtomicBool>,
}

impl fmt::Debug for Typing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typing").field("own_focus", &self.own_focus).finish_non_exhaustive()
    }
}

/// Makes the threads behind the window; called once the window is there.
pub type Connect = Box<dyn FnOnce(Waker) -> Connection>;
/// Writes the settings; the error is shown as it is.
pub type Save = Box<dyn FnMut(&Settings) -> Result<(), String>>;

/// What the window is opened with.
pub struct UiOptions {
    /// Makes the threads; the waker it gets asks the window to draw.
    pub connect: Connect,
    /// Settings as they were read.
    pub settings: Settings,
    /// What to transcribe at once, if anything.
    pub source: Option<Source>,
    /// Whether the window starts minimised.
    pub minimised: bool,
    /// What went wrong before there was a window, such as a settings file that could not be read.
    pub notices: Vec<String>,
    /// Writes the settings when they changed.
    pub save: Save,
}

impl fmt::Debug for UiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, source, minimised, notices, .. } = self;
        f.debug_struct("UiOptions")
            .field("settings", settings)
            .field("source", source)
            .field("minimised", minimised)
            .field("notices", notices)
            .finish_non_exhaustive()
    }
}

/// Opens the window and returns once it is closed.
pub fn run(options: UiOptions) -> Result<(), UiError> {
    window::open("Dictoscope", true, |context| App::new(context, options))
}

struct App {
    handle: LiveHandle,
    // Gone before those who wait for its answers.
    asked: Receiver<Asked>,
    told: Receiver<String>,
    dictating: Box<dyn FnMut(bool)>,
    /// What `dictating` was told.
    was_live: bool,
    past: Option<Past>,
    models: Option<Models>,
    typing: Option<Typing>,
    /// What is typed, as whoever types was told.
    output: OutputSettings,
    /// Lives as long as the window.
    _keep: Box<dyn Any>,
    screen: Screen,
    overlay: Overlay,
    standing: Standing,
    save: Save,
    saved: Settings,
    /// Settings as last seen and since when they stand.
    pending: Settings,
    pending_since_secs: f64,
}

impl App {
    fn new(context: &CreationContext<'_>, options: UiOptions) -> Self {
        let UiOptions { connect, settings, source, minimised, notices, save } = options;
        let ctx = context.egui_ctx.clone();
        let mut screen = Screen::new(settings.clone());
        if context.gl.as_deref().is_some_and(paints_in_software) {
            screen.frame_time = SOFTWARE_FRAME_TIME;
        }
        // Blocks come a hundred times a second; asking for a frame a little later joins them into one.
        let frame_time = screen.frame_time;
        let waker: Waker = Arc::new(move || ctx.request_repaint_after(frame_time));
        let Connection { live: handle, asked, told, dictating, past, models, presence, typing, notices: more, keep } =
            connect(waker);
        if past.is_some() {
            screen.offer_past();
        }
        if models.is_some() {
            screen.offer_models();
        }
        for notice in notices.into_iter().chain(more) {
            screen.model.say(Severity::Warning, notice);
        }
        let listen = Command::Listen(settings.audio.listening(), settings.device.clone());
        screen.command(listen);
        if let Some(source) = source {
            screen.command(Command::Start(source));
        }
        Self {
            handle,
            asked,
            told,
            dictating,
            was_live: false,
            past,
            models,
            typing,
            output: settings.output.clone(),
            _keep: keep,
            screen,
            overlay: Overlay::new(),
            standing: Standing::new(presence, &settings, minimised),
            save,
            saved: settings.clone(),
            pending: settings,
            pending_since_secs: 0.0,
        }
    }

    /// Takes in everything that the threads have to say.
    fn drain(&mut self) {
        let model = &mut self.screen.model;
        while let Some(event) = self.handle.next_event() {
            model.apply(event);
        }
        while let Some(item) = self.handle.next_plot() {
            model.push(item);
        }
        model.set_live(self.handle.live());
        model.set_level(self.handle.level());
    }

    /// Carries questions to whoever has the dictations of the past, and answers back.
    fn follow_past(&mut self) {
        let Some(past) = &self.past else { return };
        for told in past.told.try_iter() {
            self.screen.hear_past(told);
        }
        for ask in self.screen.take_past_asks() {
            if past.ask.try_send(ask).is_err() {
                self.screen.hear_past(PastTold::Failed("the history does not answer; nothing was done".to_owned()));
            }
        }
    }

    /// Carries questions to whoever has models, and answers back.
    fn follow_models(&mut self) {
        let Some(models) = &self.models else { return };
        for told in models.told.try_iter() {
            self.screen.hear_models(told);
        }
        if self.screen.take_models_stop() {
            models.stop.store(true, Ordering::SeqCst);
        }
        for ask in self.screen.take_models_asks() {
            if models.ask.try_send(ask).is_err() {
                let text = "the models do not answer; nothing was done".to_owned();
                self.screen.hear_models(ModelsTold::Failed(text));
                self.screen.hear_models(ModelsTold::Done);
            }
        }
    }

    /// Carries out orders from outside.
    fn obey(&mut self, ctx: &egui::Context) {
        for Asked { ask, answer } in self.asked.try_iter() {
            self.standing.obey(ctx, &ask);
            // Who asked may have gone.
            let _ = answer.send(self.screen.ask(&ask));
        }
    }

    /// Hears and tells whoever has keys for this window.
    fn follow_keys(&mut self) {
        for message in self.told.try_iter() {
            self.screen.model.say(Severity::Warning, message);
        }
        let live = self.screen.model.is_live();
        if std::mem::replace(&mut self.was_live, live) != live {
            (self.dictating)(live);
        }
    }

    /// Hears and tells whoever types.
    fn follow_typing(&mut self, ctx: &egui::Context) {
        let Some(typing) = &mut self.typing else { return };
        typing.own_focus.store(ctx.input(|input| input.focused), Ordering::SeqCst);
        for message in typing.told.try_iter() {
            self.screen.model.say(Severity::Warning, message);
        }
        let wanted = &self.screen.settings().output;
        if *wanted != self.output {
            (typing.set)(wanted);
            self.output.clone_from(wanted);
        }
    }

    fn send(&mut self) {
        for command in self.screen.take_commands() {
            self.handle.send(command);
        }
    }

    fn save_when_settled(&mut self, ctx: &egui::Context, now_secs: f64) {
        if *self.screen.settings() != self.pending {
            self.pending = self.screen.settings().clone();
            self.pending_since_secs = now_secs;
        }
        if self.pending != self.saved {
            let wait = self.pending_since_secs + SAVE_AFTER_SECS - now_secs;
            if wait > 0.0 {
                ctx.request_repaint_after(Duration::from_secs_f64(wait));
            } else {
                self.save();
                // What it may have had to say came too late for this frame.
                ctx.request_repaint();
            }
        }
    }

    fn save(&mut self) {
        // Said once per change, not once per frame: what could not be written counts as dealt with.
        self.saved = self.pending.clone();
        if let Err(reason) = (self.save)(&self.pending) {
            // The log as well: on the way out nobody sees the window any more.
            log::warn!("settings were not saved: {reason}");
            self.screen.model.say(Severity::Warning, format!("Settings were not saved: {reason}"));
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        let now_secs = ctx.input(|input| input.time);
        self.screen.model.tick(now_secs);
        self.drain();
        self.obey(ctx);
        self.follow_typing(ctx);
        self.follow_past();
        self.follow_models();
        self.follow_keys();
        self.standing.follow(ctx, &self.screen.model, self.screen.settings());
        self.overlay.follow(ctx, &self.screen);
        self.send();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.screen.ui(ui);
        self.overlay.ui(ui.ctx());
        self.standing.laid_out(ui.ctx());
        self.follow_past();
        self.follow_models();
        self.send();
        let now_secs = ui.input(|input| input.time);
        self.save_when_settled(ui.ctx(), now_secs);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.pending = self.screen.settings().clone();
        if self.pending != self.saved {
            self.save();
        }
    }
}
