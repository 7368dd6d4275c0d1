//! Keys that work whatever window has the focus: to start and stop, to be held while speaking, to cancel.
//!
//! Each becomes an order as a second program gives it ([`crate::remote`]). No key is taken unless the settings name one.

mod combination;
#[cfg(not(target_os = "linux"))]
mod native;
#[cfg(target_os = "linux")]
mod portal;
#[cfg(target_os = "linux")]
mod x11;

use std::sync::{Arc, atomic::AtomicBool};

use serde::{Deserialize, Serialize};

pub use combination::{Combination, CombinationError};

use crate::remote::Order;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Start dictation if it stands, stop it if it runs.
    Toggle,
    /// Start when the key goes down, stop when it goes up.
    PushToTalk,
    /// Stop and throw away what is not committed; taken only while dictation runs, where the desktop allows that.
    Cancel,
}

impl Action {
    const ALL: [Self; 3] = [Self::Toggle, Self::PushToTalk, Self::Cancel];

    /// The settings' key, and the portal's id.
    const fn name(self) -> &'static str {
        match self {
            Self::Toggle => "toggle",
            Self::PushToTalk => "push_to_talk",
            Self::Cancel => "cancel",
        }
    }

    /// What it means that the key went down or up.
    const fn order(self, down: bool) -> Option<Order> {
        match (self, down) {
            (Self::Toggle, true) => Some(Order::Toggle),
            (Self::PushToTalk, true) => Some(Order::Start),
            (Self::PushToTalk, false) => Some(Order::Stop),
            (Self::Cancel, true) => Some(Order::Cancel),
            (Self::Toggle | Self::Cancel, false) => None,
        }
    }
}

/// The keys; `None` takes none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HotkeySettings {
    /// Starts and stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toggle: Option<Combination>,
    /// Starts when it goes down, stops when it goes up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_to_talk: Option<Combination>,
    /// Throws away what is not committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Combination>,
}

impl HotkeySettings {
    /// Whether dictation can be started by a key.
    pub fn can_start(&self) -> bool {
        self.toggle.is_some() || self.push_to_talk.is_some()
    }

    /// Actions that have a key.
    fn bound(&self) -> Vec<(Action, Combination)> {
        let of = |action| match action {
            Action::Toggle => self.toggle,
            Action::PushToTalk => self.push_to_talk,
            Action::Cancel => self.cancel,
        };
        Action::ALL.into_iter().filter_map(|action| Some((action, of(action)?))).collect()
    }
}

/// Keys do not work, or one of them does not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HotkeyError {
    /// Nobody to ask for keys.
    #[error(
        "hotkeys do not work here: {reason}; bind `dictoscope toggle`, `start`, `stop` or `cancel` to keys in the desktop's settings"
    )]
    NoDesktop { reason: String },
    /// Another program has it.
    #[error(
        "hotkeys.{action}: {key} is taken by another program; choose another key, or bind `dictoscope {action}` in the desktop's settings"
    )]
    Taken { action: &'static str, key: String },
    /// The keyboard does not have it.
    #[error("hotkeys.{action}: no key of this keyboard makes {key}; choose another")]
    NoKey { action: &'static str, key: String },
    /// They worked and do no more.
    #[error("hotkeys do not work any more: {reason}")]
    Lost { reason: String },
}

/// Who hears of keys.
struct Listener {
    /// Carries an order out; called on the thread of the keys.
    obey: Box<dyn Fn(Order) + Send + Sync>,
    /// Takes what the user should read.
    tell: Box<dyn Fn(String) + Send + Sync>,
    /// Set while a key is down: then the desktop gives this program every other key, too, those that it types included.
    held: Arc<AtomicBool>,
}

/// The keys of this program, until it is dropped.
pub struct Hotkeys {
    #[cfg(target_os = "linux")]
    keys: Keys,
    #[cfg(not(target_os = "linux"))]
    keys: native::NativeKeys,
}

#[cfg(target_os = "linux")]
enum Keys {
    X11(x11::X11Keys),
    /// Kept for its end.
    Portal(#[expect(dead_code, reason = "ends with it")] portal::PortalKeys),
}

impl std::fmt::Debug for Hotkeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hotkeys").finish_non_exhaustive()
    }
}

impl Hotkeys {
    /// Takes the keys that the settings name; `None` where they name none, or none works, which was told then.
    ///
    /// `obey` is called for each order and `tell` with what the user should read, both from a thread of this. `held` is set
    /// while a key is down. Under Windows and macOS it has to be called on the thread of a window, and be dropped there.
    pub fn start(
        settings: &HotkeySettings,
        held: Arc<AtomicBool>,
        obey: impl Fn(Order) + Send + Sync + 'static,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Option<Self> {
        let bound = settings.bound();
        if bound.is_empty() {
            return None;
        }
        let listener = Listener { obey: Box::new(obey), tell: Box::new(tell), held };
        open(bound, &Arc::new(listener))
    }

    /// Tells whether dictation runs: the key that cancels is taken only then.
    pub fn set_dictating(&mut self, dictating: bool) {
        #[cfg(target_os = "linux")]
        if let Keys::X11(keys) = &self.keys {
            keys.set_dictating(dictating);
        }
        #[cfg(not(target_os = "linux"))]
        self.keys.set_dictating(dictating);
    }
}

#[cfg(target_os = "linux")]
fn open(bound: Vec<(Action, Combination)>, listener: &Arc<Listener>) -> Option<Hotkeys> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // X11's grabs hear nothing under Wayland but while an X11 window has the focus.
    let keys = if is_set("WAYLAND_DISPLAY") {
        portal::PortalKeys::open(bound, Arc::clone(listener)).map(Keys::Portal)
    } else if is_set("DISPLAY") {
        x11::X11Keys::open(bound, Arc::clone(listener)).map(Keys::X11)
    } else {
        Err(HotkeyError::NoDesktop { reason: "neither WAYLAND_DISPLAY nor DISPLAY is set".to_owned() })
    };
    keys.map(|keys| Hotkeys { keys }).map_err(|error| (listener.tell)(error.to_string())).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(bound: Vec<(Action, Combination)>, listener: &Arc<Listener>) -> Option<Hotkeys> {
    let keys = native::NativeKeys::open(bound, Arc::clone(listener));
    keys.map(|keys| Hotkeys { keys }).map_err(|error| (listener.tell)(error.to_string())).ok()
}
