//! Keys under Windows and macOS, by `global-hotkey`; on the thread of a window, whose events carry them. Not tested.

use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering};

use global_hotkey::{GlobalHotKeyEvent, GlobalHotKeyManager, HotKeyState, hotkey::HotKey};

use super::{Action, Combination, HotkeyError, Listener};

/// Dropping it gives the keys back.
pub(super) struct NativeKeys {
    manager: GlobalHotKeyManager,
    keys: Vec<(Action, HotKey)>,
    listener: Arc<Listener>,
    dictating: bool,
}

impl NativeKeys {
    pub(super) fn open(bound: Vec<(Action, Combination)>, listener: Arc<Listener>) -> Result<Self, HotkeyError> {
        let failed = |reason: String| HotkeyError::NoDesktop { reason };
        let manager = GlobalHotKeyManager::new().map_err(|error| failed(error.to_string()))?;
        let mut keys = Vec::new();
        for (action, combination) in bound {
            // The same names, in any case.
            let key: HotKey = combination.to_string().parse().map_err(|error| failed(format!("{error}")))?;
            keys.push((action, key));
        }
        GlobalHotKeyEvent::set_event_handler(Some({
            let (keys, listener) = (keys.clone(), Arc::clone(&listener));
            let held: Mutex<Vec<Action>> = Mutex::default();
            move |event: GlobalHotKeyEvent| {
                let Some((action, _)) = keys.iter().find(|(_, key)| key.id() == event.id()) else { return };
                let down = event.state() == HotKeyState::Pressed;
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                // What auto-repeat sends while a key is held.
                if held.contains(action) == down {
                    return;
                }
                held.retain(|other| other != action);
                if down {
                    held.push(*action);
                }
                listener.held.store(!held.is_empty(), Ordering::SeqCst);
                if let Some(order) = action.order(down) {
                    (listener.obey)(order);
                }
            }
        }));
        let keys = Self { manager, keys, listener, dictating: false };
        keys.register(|action| action != Action::Cancel);
        Ok(keys)
    }

    pub(super) fn set_dictating(&mut self, dictating: bool) {
        if std::mem::replace(&mut self.dictating, dictating) == dictating {
            return;
        }
        if dictating {
            self.register(|action| action == Action::Cancel);
            return;
        }
        for (_, key) in self.keys.iter().filter(|(action, _)| *action == Action::Cancel) {
            if let Err(error) = self.manager.unregister(*key) {
                log::debug!("{error}");
            }
        }
    }

    fn register(&self, which: impl Fn(Action) -> bool) {
        for (action, key) in self.keys.iter().filter(|(action, _)| which(*action)) {
            if self.manager.register(*key).is_err() {
                let taken = HotkeyError::Taken { action: action.name(), key: key.to_string() };
                (self.listener.tell)(taken.to_string());
            }
        }
    }
}

impl Drop for NativeKeys {
    fn drop(&mut self) {
        let keys: Vec<HotKey> = self.keys.iter().map(|(_, key)| *key).collect();
        if let Err(error) = self.manager.unregister_all(&keys) {
            log::debug!("{error}");
        }
    }
}
