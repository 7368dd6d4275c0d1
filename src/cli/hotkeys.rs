//! The settings' hotkeys, tied to whoever carries out orders.

use std::sync::{Arc, atomic::AtomicBool};

use crossbeam_channel::{Receiver, bounded};

use crate::{
    config::HotkeySettings,
    hotkeys::Hotkeys,
    remote::{Order, Reply},
    session::Waker,
};

/// Messages that may wait to be read; each key has one at most.
const MESSAGES: usize = 16;

/// Takes the keys; `obey` carries out an order. Gives also what the user should read, as it comes. `held`: see
/// [`Hotkeys::start`].
pub(super) fn start(
    settings: &HotkeySettings,
    held: Arc<AtomicBool>,
    obey: impl Fn(Order) -> Reply + Send + Sync + 'static,
    waker: Waker,
) -> (Option<Hotkeys>, Receiver<String>) {
    let (teller, told) = bounded(MESSAGES);
    let tell = move |text: String| {
        if let Err(error) = teller.try_send(text) {
            log::warn!("{}", error.into_inner());
        }
        waker();
    };
    let refused = tell.clone();
    let obey = move |order| {
        if let Reply::Refused { reason } = obey(order) {
            refused(reason);
        }
    };
    (Hotkeys::start(settings, held, obey, tell), told)
}
