//! The icon in the tray: a bus of the test's own, and a panel that the test plays.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use zbus::{
    blocking::{Connection, Proxy, connection::Builder},
    interface,
    zvariant::{OwnedValue, Value},
};

use crate::{
    WINDOW,
    bus::Bus,
    desk::{Desk, LIMIT},
    ends,
};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// Names under which items registered.
type Items = Arc<Mutex<Vec<String>>>;

/// What panels give to items.
struct Watcher {
    items: Items,
    hosts: bool,
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String) {
        self.items.lock().unwrap().push(service);
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        self.hosts
    }
}

/// Plays the panel on `bus` until it is dropped.
fn panel(bus: &Bus) -> (Connection, Items) {
    let items = Items::default();
    let watcher = Watcher { items: Arc::clone(&items), hosts: true };
    let builder = Builder::address(bus.address.as_str()).unwrap().serve_at("/StatusNotifierWatcher", watcher).unwrap();
    (builder.name(WATCHER).unwrap().build().unwrap(), items)
}

/// One entry of the menu: its id and properties; the children are entries again.
type Entry = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// The item that registered last, as the panel sees it.
struct Item<'a> {
    panel: &'a Connection,
    name: String,
}

impl Item<'_> {
    /// Waits until one registers.
    fn wait<'a>(panel: &'a Connection, items: &Items) -> Item<'a> {
        for _ in 0..LIMIT.as_millis() / 50 {
            if let Some(name) = items.lock().unwrap().last().cloned() {
                return Item { panel, name };
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("no item registers");
    }

    /// The middle of the dot, in the picture of 48 pixels: alpha, red, green, blue.
    fn dot(&self) -> [u8; 4] {
        let item = Proxy::new(self.panel, self.name.as_str(), "/StatusNotifierItem", ITEM).unwrap();
        let pictures: Vec<(i32, i32, Vec<u8>)> = item.get_property("IconPixmap").unwrap();
        let (_, _, data) = pictures.into_iter().find(|picture| picture.0 == 48).unwrap();
        let at = 4 * (36 * 48 + 36);
        data[at..at + 4].try_into().unwrap()
    }

    fn menu(&self) -> Proxy<'_> {
        Proxy::new(self.panel, self.name.as_str(), "/MenuBar", MENU).unwrap()
    }

    /// Labels of the entries with their ids, and whether they can be chosen.
    fn entries(&self) -> Vec<(String, i32, bool)> {
        let none: Vec<&str> = Vec::new();
        let (_, (_, _, children)): (u32, Entry) = self.menu().call("GetLayout", &(0_i32, -1_i32, none)).unwrap();
        let entry = |child: OwnedValue| -> Option<(String, i32, bool)> {
            let (id, properties, _): Entry = child.try_into().ok()?;
            let label: String = properties.get("label")?.try_clone().ok()?.try_into().ok()?;
            let enabled = properties.get("enabled").and_then(|value| bool::try_from(value.try_clone().ok()?).ok());
            Some((label, id, enabled.unwrap_or(true)))
        };
        children.into_iter().filter_map(entry).collect()
    }

    fn choose(&self, label: &str) {
        let entries = self.entries();
        let (_, id, enabled) = entries.iter().find(|entry| entry.0 == label).unwrap_or_else(|| panic!("{entries:?}"));
        assert!(enabled, "{label} cannot be chosen");
        let () = self.menu().call("Event", &(*id, "clicked", Value::from(0_i32), 0_u32)).unwrap();
    }
}

#[test]
fn the_icon_tells_what_the_program_does_and_its_menu_gives_orders() {
    let bus = Bus::start();
    let mut desk = Desk::new("[window]\nclose_to_tray = true\n");
    desk.room.bus = Some(bus.address.clone());
    desk.window_manager();
    let (panel_there, items) = panel(&bus);
    desk.window();
    let server = desk.room.start_server();
    let item = Item::wait(&panel_there, &items);
    let labels = |item: &Item<'_>| item.entries().into_iter().map(|entry| (entry.0, entry.2)).collect::<Vec<_>>();
    let said = |start: &str, listening: bool| {
        [(start, true), ("Cancel dictation", listening), ("Show window", true), ("Quit", true)]
            .map(|(label, enabled)| (label.to_owned(), enabled))
            .to_vec()
    };
    desk.until("the icon is idle", |_| labels(&item) == said("Start dictation", false));
    let idle = item.dot();
    item.choose("Start dictation");
    desk.until("it listens", |desk| desk.order("status") == "listening");
    desk.until("the menu offers to stop", |_| labels(&item) == said("Stop dictation", true));
    let listening = item.dot();
    assert_ne!(idle, listening);
    server.play(&crate::common::clip("short.flac"));
    item.choose("Stop dictation");
    desk.until("it has stopped", |desk| desk.order("status") == "ready");
    desk.until("the icon is idle again", |_| item.dot() == idle);
    assert!(desk.journal().contains("\"text\""), "{}", desk.journal());

    // Closing hides; the menu brings back.
    let close = |desk: &Desk| {
        desk.xdotool(&[
            "search",
            "--onlyvisible",
            "--name",
            "^Dictoscope$",
            "windowactivate",
            "--sync",
            "key",
            "alt+F4",
        ]);
    };
    close(&desk);
    desk.until("the window is hidden", |desk| !desk.is_shown(WINDOW));
    assert_eq!(desk.order("status"), "ready");
    item.choose("Show window");
    desk.until("the window is there", |desk| desk.focused() == WINDOW);
    // Without the panel nobody could: then it comes by itself, and closing it is the end.
    close(&desk);
    desk.until("the window is hidden", |desk| !desk.is_shown(WINDOW));
    panel_there.close().unwrap();
    desk.until("the window is there", |desk| desk.is_shown(WINDOW));
    // The panel comes again, and the icon with it.
    let (panel_there, items) = panel(&bus);
    let item = Item::wait(&panel_there, &items);
    desk.until("the icon is idle", |_| labels(&item) == said("Start dictation", false));
    close(&desk);
    desk.until("the window is hidden", |desk| !desk.is_shown(WINDOW));
    item.choose("Quit");
    drop(server);
    ends(&mut desk);
}

#[test]
fn without_a_panel_closing_the_window_ends_the_program_and_nobody_is_bothered() {
    let bus = Bus::start();
    let mut desk = Desk::new("[window]\nclose_to_tray = true\n");
    desk.room.bus = Some(bus.address.clone());
    desk.window_manager();
    desk.window();
    desk.xdotool(&["search", "--onlyvisible", "--name", "^Dictoscope$", "windowactivate", "--sync", "key", "alt+F4"]);
    ends(&mut desk);
    let said = fs::read_to_string(desk.room.path("stderr")).unwrap();
    assert!(!said.to_lowercase().contains("tray"), "{said}");
}
