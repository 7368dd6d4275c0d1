//! Opens the window on a display, whatever it shows, and says why where there is none.

use eframe::{CreationContext, NativeOptions, egui};
use thiserror::Error;

/// The name window managers know the program by; the desktop file has the same.
pub(crate) const APP_ID: &str = "dictoscope";
const ICON: &[u8] = include_bytes!("../../assets/icon.png");

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
    /// A display may be there, but not what reads its keyboard; winit would panic.
    #[error(
        "no window without the library {library}; package {package} on Debian. Without a window, `dictoscope dictate` \
         writes to the terminal"
    )]
    NoKeyboard {
        /// The file that cannot be loaded.
        library: &'static str,
        /// What brings it.
        package: &'static str,
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

/// Opens a window with this title and returns once it is closed; `make` is called when it is there.
pub(crate) fn open<A: eframe::App + 'static>(
    title: &str,
    drops: bool,
    make: impl FnOnce(&CreationContext<'_>) -> A,
) -> Result<(), UiError> {
    #[cfg(target_os = "linux")]
    keyboard_libraries()?;
    let mut viewport = egui::ViewportBuilder::default()
        .with_title(title)
        .with_app_id(APP_ID)
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 440.0])
        .with_drag_and_drop(drops);
    // A broken icon is no reason to have no window; a test decodes it.
    if let Ok(icon) = eframe::icon_data::from_png_bytes(ICON) {
        viewport = viewport.with_icon(icon);
    }
    let native = NativeOptions { viewport, ..NativeOptions::default() };
    eframe::run_native(APP_ID, native, Box::new(|context| Ok(Box::new(make(context)))))?;
    Ok(())
}

/// Loads what winit loads for the keyboard of the display that it will choose.
#[cfg(target_os = "linux")]
fn keyboard_libraries() -> Result<(), UiError> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let wayland = is_set("WAYLAND_DISPLAY") || is_set("WAYLAND_SOCKET");
    if !wayland && !is_set("DISPLAY") {
        // That there is no display is the better message.
        return Ok(());
    }
    if xkbcommon_dl::xkbcommon_option().is_none() {
        return Err(UiError::NoKeyboard { library: "libxkbcommon.so.0", package: "libxkbcommon0" });
    }
    if !wayland && xkbcommon_dl::x11::xkbcommon_x11_option().is_none() {
        return Err(UiError::NoKeyboard { library: "libxkbcommon-x11.so.0", package: "libxkbcommon-x11-0" });
    }
    Ok(())
}

/// Whether OpenGL runs on the processor (Mesa's llvmpipe and softpipe, `SwiftShader`).
pub(crate) fn paints_in_software(gl: &eframe::glow::Context) -> bool {
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
