//! The window on a display: drains the threads, also while hidden, and hands what is left to [`Screen`].

use std::{fmt, sync::Arc, time::Duration};

use eframe::{CreationContext, NativeOptions, egui};
use thiserror::Error;

use crate::{
    config::Settings,
    session::{Command, LiveHandle, Source, Waker},
    ui::{
        notice::Severity,
        screen::{SOFTWARE_FRAME_TIME, Screen},
    },
};

/// The name window managers know the program by; the desktop file has the same.
const APP_ID: &str = "dictoscope";
const ICON: &[u8] = include_bytes!("../../assets/icon.png");

/// Seconds without a change after which settings are written: a slider being dragged is not finished.
const SAVE_AFTER_SECS: f64 = 1.0;

/// Makes the threads behind the window; called once the window is there.
pub type Connect = Box<dyn FnOnce(Waker) -> LiveHandle>;
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
    /// What went wrong before there was a window, such as a settings file that could not be read.
    pub notices: Vec<String>,
    /// Writes the settings when they changed.
    pub save: Save,
}

impl fmt::Debug for UiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, source, notices, .. } = self;
        f.debug_struct("UiOptions")
            .field("settings", settings)
            .field("source", source)
            .field("notices", notices)
            .finish_non_exhaustive()
    }
}

/// Why there is no window.
#[derive(Debug, Error)]
pub enum UiError {
    /// Neither X11 nor Wayland answers.
    #[error(
        "no display to open a window on: {reason}. Without one, `dictoscope dictate` writes to the terminal and \
         `dictoscope transcribe FILE` reads recordings"
    )]
    NoDisplay {
        /// What the windowing system said.
        reason: String,
    },
    /// There is a display, but nothing can be drawn on it.
    #[error(
        "the window could not be drawn: {reason}. OpenGL 2.1 or later is needed (package libgl1-mesa-dri on Debian); \
         without it, `dictoscope dictate` writes to the terminal"
    )]
    Graphics {
        /// What the graphics driver said.
        reason: String,
    },
}

impl From<eframe::Error> for UiError {
    fn from(error: eframe::Error) -> Self {
        let reason = error.to_string();
        match error {
            eframe::Error::WinitEventLoop(_) | eframe::Error::Winit(_) => {
                Self::NoDisplay { reason: without_source_line(&reason).to_owned() }
            }
            _ => Self::Graphics { reason },
        }
    }
}

/// Whether OpenGL runs on the processor (Mesa's llvmpipe and softpipe, `SwiftShader`).
fn paints_in_software(gl: &eframe::glow::Context) -> bool {
    use eframe::glow::{self, HasContext as _};
    #[expect(unsafe_code, reason = "glow marks every OpenGL call unsafe; there is no safe way to ask for the renderer")]
    // SAFETY: eframe made the context current before it created the app, on this thread; the call only reads a string.
    let renderer = unsafe { gl.get_parameter_string(glow::RENDERER) }.to_lowercase();
    ["llvmpipe", "softpipe", "swiftshader"].iter().any(|name| renderer.contains(name))
}

/// What winit says went wrong, without the place in its source where it found out.
fn without_source_line(reason: &str) -> &str {
    let said = reason.rsplit_once(".rs:").map_or(reason, |(_, rest)| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(':').trim_start()
    });
    said.trim_end_matches('.')
}

/// Opens the window and returns once it is closed.
pub fn run(options: UiOptions) -> Result<(), UiError> {
    let mut viewport = egui::ViewportBuilder::default()
        .with_title("Dictoscope")
        .with_app_id(APP_ID)
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 440.0])
        .with_drag_and_drop(true);
    // A broken icon is no reason to have no window; a test decodes it.
    if let Ok(icon) = eframe::icon_data::from_png_bytes(ICON) {
        viewport = viewport.with_icon(icon);
    }
    let native = NativeOptions { viewport, ..NativeOptions::default() };
    eframe::run_native(APP_ID, native, Box::new(|context| Ok(Box::new(App::new(context, options)))))?;
    Ok(())
}

struct App {
    handle: LiveHandle,
    screen: Screen,
    save: Save,
    saved: Settings,
    /// Settings as last seen and since when they stand.
    pending: Settings,
    pending_since_secs: f64,
}

impl App {
    fn new(context: &CreationContext<'_>, options: UiOptions) -> Self {
        let UiOptions { connect, settings, source, notices, save } = options;
        let ctx = context.egui_ctx.clone();
        let mut screen = Screen::new(settings.clone());
        if context.gl.as_deref().is_some_and(paints_in_software) {
            screen.frame_time = SOFTWARE_FRAME_TIME;
        }
        // Blocks come a hundred times a second; asking for a frame a little later joins them into one.
        let frame_time = screen.frame_time;
        let waker: Waker = Arc::new(move || ctx.request_repaint_after(frame_time));
        let handle = connect(waker);
        for notice in notices {
            screen.model.say(Severity::Warning, notice);
        }
        if let Some(source) = source {
            screen.command(Command::Start(source));
        }
        Self { handle, screen, save, saved: settings.clone(), pending: settings, pending_since_secs: 0.0 }
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
        self.send();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.screen.ui(ui);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_is_a_square_picture() {
        let icon = eframe::icon_data::from_png_bytes(ICON).expect("assets/icon.png is a PNG");
        assert_eq!((icon.width, icon.height), (256, 256));
    }

    #[test]
    fn no_display_says_what_to_do_instead() {
        let error = UiError::NoDisplay { reason: "neither WAYLAND_DISPLAY nor DISPLAY is set".into() };
        let text = error.to_string();
        assert!(text.contains("dictoscope dictate") && text.contains("DISPLAY"), "{text}");
    }

    #[test]
    fn reasons_name_no_line_of_source() {
        let said =
            "winit EventLoopError: os error at /src/linux/mod.rs:765: neither WAYLAND_DISPLAY nor DISPLAY is set..";
        assert_eq!(without_source_line(said), "neither WAYLAND_DISPLAY nor DISPLAY is set");
        assert_eq!(without_source_line("Not supported"), "Not supported");
    }
}
