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

/// The keys of the moment. Under Windows and macOS to be made, used and dropped on the thread of a window.
pub(super) struct Keys {
    taken: Option<Hotkeys>,
    dictating: bool,
    held: Arc<AtomicBool>,
    obey: Arc<dyn Fn(Order) + Send + Sync>,
    tell: Arc<dyn Fn(String) + Send + Sync>,
    told: Receiver<String>,
}

impl Keys {
    /// Takes the keys; `obey` carries out an order. `held`: see [`Hotkeys::start`].
    pub(super) fn start(
        settings: &HotkeySettings,
        held: Arc<AtomicBool>,
        obey: impl Fn(Order) -> Reply + Send + Sync + 'static,
        waker: Waker,
    ) -> Self {
        let (teller, told) = bounded(MESSAGES);
        let tell: Arc<dyn Fn(String) + Send + Sync> = Arc::new(move |text: String| {
            if let Err(error) = teller.try_send(text) {
                log::warn!("{}", error.into_inner());
            }
            waker();
        });
        let refused = Arc::clone(&tell);
        let obey = Arc::new(move |order| {
            if let Reply::Refused { reason } = obey(order) {
                refused(reason);
            }
        });
        let mut keys = Self { taken: None, dictating: false, held, obey, tell, told };
        keys.bind(settings);
        keys
    }

    /// What the user should read, as it comes.
    pub(super) fn told(&self) -> Receiver<String> {
        self.told.clone()
    }

    /// Gives the keys back and takes these. Of a key that is pressed just then the order may be lost.
    pub(super) fn bind(&mut self, settings: &HotkeySettings) {
        self.taken = None;
        let (obey, tell) = (Arc::clone(&self.obey), Arc::clone(&self.tell));
        self.taken = Hotkeys::start(settings, Arc::clone(&self.held), move |order| obey(order), move |text| tell(text));
        self.set_dictating(self.dictating);
    }

    /// Tells whether dictation runs: the key that cancels is taken only then.
    pub(super) fn set_dictating(&mut self, dictating: bool) {
        self.dictating = dictating;
        if let Some(keys) = &mut self.taken {
            keys.set_dictating(dictating);
        }
    }
}
