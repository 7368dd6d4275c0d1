//! An icon in the desktop's tray that shows what the program does, with a menu whose entries are orders as a second program
//! gives them ([`crate::remote`]).
//!
//! On Linux the `StatusNotifierItem` protocol over D-Bus: KDE Plasma has it, GNOME by an extension, most panels too. Where
//! nobody takes such items there is no icon, and where the panel comes later, or again, the icon does too. Linux only so far.

#[cfg(target_os = "linux")]
mod icon;
#[cfg(target_os = "linux")]
mod item;

use std::sync::{Arc, atomic::AtomicBool};

use crate::remote::Order;

/// What the icon shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrayState {
    /// The model is being loaded, or the rest transcribed.
    #[default]
    Busy,
    /// Nothing runs.
    Idle,
    /// Dictation runs.
    Listening,
    /// The last start, or the engine, failed.
    Failed,
}

/// The icon, until it is dropped.
#[derive(Debug)]
pub struct Tray {
    #[cfg(target_os = "linux")]
    states: crossbeam_channel::Sender<TrayState>,
    there: Arc<AtomicBool>,
}

impl Tray {
    /// Puts the icon there once somebody takes it; returns at once. `obey` is called for each order and `changed` when the
    /// icon came or went, both from a thread of this. `None` where this system has no icons, which is logged.
    #[cfg(target_os = "linux")]
    pub fn start(
        obey: impl Fn(Order) + Send + Sync + 'static,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> Option<Self> {
        let (states, receiver) = crossbeam_channel::bounded(STATES);
        let there = Arc::<AtomicBool>::default();
        let item = item::Item::new(obey, changed, Arc::clone(&there));
        let run = move || item::run(item, &receiver);
        // Left behind at the end: the bus may not answer. Its connection ends with the program, and the icon with that.
        match std::thread::Builder::new().name("tray".to_owned()).spawn(run) {
            Ok(_) => Some(Self { states, there }),
            Err(error) => {
                log::warn!("no icon in the tray: {error}");
                None
            }
        }
    }

    /// As under Linux, where there is one.
    #[cfg(not(target_os = "linux"))]
    pub fn start(_: impl Fn(Order) + Send + Sync + 'static, _: impl Fn() + Send + Sync + 'static) -> Option<Self> {
        log::info!("no icon in the tray: only under Linux so far");
        None
    }

    /// Shows this from now on.
    pub fn show(&self, state: TrayState) {
        #[cfg(target_os = "linux")]
        if self.states.try_send(state).is_err() {
            log::warn!("the tray does not answer");
        }
        #[cfg(not(target_os = "linux"))]
        let _ = state;
    }

    /// Set while somebody shows the icon.
    pub fn there(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.there)
    }
}

/// States that may wait to be shown.
#[cfg(target_os = "linux")]
const STATES: usize = 64;
