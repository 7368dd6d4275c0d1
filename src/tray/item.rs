//! The `StatusNotifierItem`: its thread, its menu, and whether a panel has it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::Receiver;
use ksni::{Icon, MenuItem, OfflineReason, Status, ToolTip, TrayMethods, menu::StandardItem};

use super::{TrayState, icon};
use crate::remote::Order;

/// Name of the program and of its icon.
const ID: &str = "dictoscope";
const TITLE: &str = "Dictoscope";

/// The item as the bus sees it.
pub(super) struct Item {
    state: TrayState,
    obey: Box<dyn Fn(Order) + Send + Sync>,
    changed: Arc<dyn Fn() + Send + Sync>,
    there: Arc<AtomicBool>,
    /// Set once no panel was there.
    missed: Arc<AtomicBool>,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("state", &self.state).finish_non_exhaustive()
    }
}

/// The thread's body: until nobody has states to show any more.
pub(super) fn run(item: Item, states: &Receiver<TrayState>) {
    let (there, missed, changed) = (Arc::clone(&item.there), Arc::clone(&item.missed), Arc::clone(&item.changed));
    // A panel that is not there yet, as when the desktop starts, is waited for.
    let handle = match pollster::block_on(item.assume_sni_available(true).spawn()) {
        Ok(handle) => handle,
        Err(error) => {
            log::info!("no icon in the tray: {error}");
            // States still come.
            states.iter().for_each(drop);
            return;
        }
    };
    if !missed.load(Ordering::SeqCst) {
        there.store(true, Ordering::SeqCst);
        changed();
    }
    for state in states {
        if pollster::block_on(handle.update(|item| item.state = state)).is_none() {
            break;
        }
    }
    there.store(false, Ordering::SeqCst);
    pollster::block_on(handle.shutdown());
}

impl Item {
    /// `there` is set by this while a panel has it.
    pub(super) fn new(
        obey: impl Fn(Order) + Send + Sync + 'static,
        changed: impl Fn() + Send + Sync + 'static,
        there: Arc<AtomicBool>,
    ) -> Self {
        let missed = Arc::default();
        Self { state: TrayState::default(), obey: Box::new(obey), changed: Arc::new(changed), there, missed }
    }

    fn entry(label: &str, enabled: bool, order: Order) -> MenuItem<Self> {
        let activate = Box::new(move |item: &mut Self| (item.obey)(order.clone()));
        StandardItem { label: label.to_owned(), enabled, activate, ..StandardItem::default() }.into()
    }

    fn set_there(&self, there: bool) {
        self.there.store(there, Ordering::SeqCst);
        (self.changed)();
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        ID.to_owned()
    }

    fn title(&self) -> String {
        TITLE.to_owned()
    }

    fn status(&self) -> Status {
        Status::Active
    }

    /// Only pictures, no name: a theme's icon of this program would not show what it does.
    fn icon_pixmap(&self) -> Vec<Icon> {
        icon::SIZES.iter().map(|size| icon::draw(*size, self.state)).collect()
    }

    fn tool_tip(&self) -> ToolTip {
        let description = match self.state {
            TrayState::Busy => "Busy",
            TrayState::Idle => "Ready",
            TrayState::Listening => "Listening",
            TrayState::Failed => "Failed; the window says why",
        };
        ToolTip { title: TITLE.to_owned(), description: description.to_owned(), ..ToolTip::default() }
    }

    fn activate(&mut self, _: i32, _: i32) {
        (self.obey)(Order::Show);
    }

    fn secondary_activate(&mut self, _: i32, _: i32) {
        (self.obey)(Order::Toggle);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let listening = self.state == TrayState::Listening;
        let (label, order) =
            if listening { ("Stop dictation", Order::Stop) } else { ("Start dictation", Order::Start) };
        vec![
            Self::entry(label, true, order),
            Self::entry("Cancel dictation", listening, Order::Cancel),
            MenuItem::Separator,
            Self::entry("Show window", true, Order::Show),
            Self::entry("Quit", true, Order::Quit),
        ]
    }

    fn watcher_online(&self) {
        self.set_there(true);
    }

    fn watcher_offline(&self, reason: OfflineReason) -> bool {
        match reason {
            OfflineReason::Error(error) => log::info!("no icon in the tray: {error}"),
            _ => log::info!("the tray is gone"),
        }
        self.missed.store(true, Ordering::SeqCst);
        self.set_there(false);
        true
    }
}
