//! What typing asks of a desktop, and which one is here.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::output::typing::{Method, OutputSettings, TypingError};

/// Where nobody tells when a paste was taken: a window may take so long to fetch what it was told to paste.
pub(super) const TAKEN_AFTER: Duration = Duration::from_millis(1500);
/// Longest text that is typed key by key unless the settings say so, in characters; more goes faster by the clipboard.
#[cfg(target_os = "linux")]
pub(super) const TYPED_CHARS: usize = 200;

/// Who would get what is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// This desktop does not tell; it is none of this program's windows.
    Unknown,
    /// Nobody.
    Nobody,
    /// A window of this program.
    Own,
    /// A top-level window.
    Window {
        /// What the display calls it.
        id: u32,
        /// Instance and class of `WM_CLASS`.
        class: [String; 2],
    },
}

impl Focus {
    /// All that can be told where the desktop does not tell: whether it is a window of this program.
    pub(super) fn by_flag(own: &AtomicBool) -> Self {
        if own.load(Ordering::SeqCst) { Self::Own } else { Self::Unknown }
    }

    /// For messages.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Window { class, .. } if !class[1].is_empty() => &class[1],
            Self::Own => "Dictoscope",
            Self::Nobody => "no window",
            Self::Window { .. } | Self::Unknown => "a window",
        }
    }

    /// Whether it is the same window, whatever it is called by now.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Window { id, .. }, Self::Window { id: other, .. }) => id == other,
            _ => self == other,
        }
    }

    /// How text gets in: by the rule for the program, else as set.
    pub(super) fn method(&self, settings: &OutputSettings) -> Method {
        let Self::Window { class, .. } = self else { return settings.method };
        let is_named = |name: &str| class.iter().any(|part| part.eq_ignore_ascii_case(name));
        let rule = settings.applications.iter().find(|(name, _)| is_named(name));
        rule.map_or(settings.method, |(_, method)| *method)
    }
}

/// Whether to go on in the middle of a text.
pub(super) type GoOn<'a> = &'a dyn Fn() -> bool;

/// A desktop that can be typed into; lives on the thread `typing`.
pub(super) trait Desktop: Debug {
    /// Who has the focus.
    fn focus(&mut self) -> Result<Focus, TypingError>;

    /// Puts `text` into the window that has the focus and returns once it was taken, as far as the desktop tells.
    fn insert(&mut self, text: &str, method: Method, focus: &Focus, go_on: GoOn<'_>) -> Result<(), TypingError>;

    /// Presses Enter.
    fn enter(&mut self, focus: &Focus) -> Result<(), TypingError>;

    /// Whether a key is held that would make something else of what is typed.
    fn modifiers_held(&mut self) -> Result<bool, TypingError> {
        Ok(false)
    }

    /// Answers whoever asks for the clipboard; whether that is to be done again soon.
    fn serve(&mut self) -> Result<bool, TypingError> {
        Ok(false)
    }
}

/// The desktop of this session. `display`: of X11, instead of the one the environment names; `own_focus`: set while a
/// window of this program has the focus, for desktops that do not tell.
#[cfg(target_os = "linux")]
pub(super) fn open(display: Option<&str>, own_focus: Arc<AtomicBool>) -> Result<Box<dyn Desktop>, TypingError> {
    use crate::output::typing::{wayland::Wayland, x11::X11};
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if display.is_none() && is_set("WAYLAND_DISPLAY") {
        return Ok(Box::new(Wayland::open(own_focus)?));
    }
    if display.is_none() && !is_set("DISPLAY") {
        return Err(TypingError::NoDesktop { reason: "neither WAYLAND_DISPLAY nor DISPLAY is set".to_owned() });
    }
    Ok(Box::new(X11::open(display)?))
}

/// The desktop of this session; `own_focus`: set while a window of this program has the focus.
#[cfg(not(target_os = "linux"))]
pub(super) fn open(_: Option<&str>, own_focus: Arc<AtomicBool>) -> Result<Box<dyn Desktop>, TypingError> {
    Ok(Box::new(crate::output::typing::native::Native::open(own_focus)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_goes_by_either_name_in_any_case() {
        let settings = OutputSettings {
            method: Method::Type,
            applications: [("Navigator".to_owned(), Method::Paste), ("xterm".to_owned(), Method::Off)].into(),
            ..OutputSettings::default()
        };
        let window = |instance: &str, class: &str| Focus::Window { id: 1, class: [instance.into(), class.into()] };
        assert_eq!(window("navigator", "firefox").method(&settings), Method::Paste);
        assert_eq!(window("xterm", "XTerm").method(&settings), Method::Off);
        assert_eq!(window("xterm-2", "Other").method(&settings), Method::Type);
        assert_eq!(Focus::Unknown.method(&settings), Method::Type);
    }
}
