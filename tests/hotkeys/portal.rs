//! Wayland's way: a bus of the test's own, and a portal for global shortcuts that the test plays.

use std::{collections::HashMap, fs};

use crossbeam_channel::{Receiver, Sender, bounded};
use zbus::{
    Connection, blocking, interface,
    message::Header,
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use crate::{KEYS, bus::Bus, desk::LIMIT, dictation::Dictation, server::Room};

const PATH: &str = "/org/freedesktop/portal/desktop";
const SESSION: &str = "/org/freedesktop/portal/desktop/session/of_the_test";

/// A room under Wayland on `bus`, with keys to ask for.
fn room(bus: &Bus) -> Room {
    let mut room = Room::new();
    room.bus = Some(bus.address.clone());
    fs::create_dir(room.path("config")).unwrap();
    fs::write(room.path("config/settings.toml"), KEYS).unwrap();
    room
}

type Options = HashMap<String, OwnedValue>;

/// The portal; `answer` is what the user says to the keys.
struct Shortcuts {
    answer: u32,
    version: u32,
    bound: Sender<Vec<(String, Options)>>,
}

/// Answers a request as portals do: by a signal of an object that is named after who asked.
async fn respond(
    connection: &Connection,
    header: &Header<'_>,
    options: &Options,
    code: u32,
    session: &str,
) -> OwnedObjectPath {
    let sender = header.sender().unwrap();
    let token: String = options["handle_token"].try_clone().unwrap().try_into().unwrap();
    let path = format!("{PATH}/request/{}/{token}", sender.trim_start_matches(':').replace('.', "_"));
    let results = HashMap::from([("session_handle", Value::from(session))]);
    let (request, to) = ("org.freedesktop.portal.Request", Some(sender.clone()));
    connection.emit_signal(to, path.as_str(), request, "Response", &(code, results)).await.unwrap();
    path.try_into().unwrap()
}

#[interface(name = "org.freedesktop.portal.GlobalShortcuts")]
impl Shortcuts {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        self.version
    }

    async fn create_session(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> OwnedObjectPath {
        respond(connection, &header, &options, 0, SESSION).await
    }

    async fn bind_shortcuts(
        &self,
        session: OwnedObjectPath,
        shortcuts: Vec<(String, Options)>,
        parent_window: String,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> OwnedObjectPath {
        assert_eq!((session.as_str(), parent_window.as_str()), (SESSION, ""));
        self.bound.send(shortcuts).unwrap();
        respond(connection, &header, &options, self.answer, SESSION).await
    }
}

/// A portal on `bus`, and the keys that are asked of it.
fn portal(bus: &Bus, answer: u32) -> (blocking::Connection, Receiver<Vec<(String, Options)>>) {
    let (bound, asked) = bounded(4);
    let builder = blocking::connection::Builder::address(bus.address.as_str()).unwrap();
    let builder = builder.name("org.freedesktop.portal.Desktop").unwrap();
    let connection = builder.serve_at(PATH, Shortcuts { answer, version: 1, bound }).unwrap().build().unwrap();
    (connection, asked)
}

fn waiting(room: &Room) -> Dictation<'_> {
    let mut dictation = Dictation::start(room, &["--wait"]);
    dictation.wait_for("ready");
    dictation
}

#[test]
fn under_wayland_the_portal_is_asked_and_its_keys_start_and_stop() {
    let bus = Bus::start();
    let (portal, asked) = portal(&bus, 0);
    let room = room(&bus);
    let _server = room.start_server();
    let mut dictation = waiting(&room);
    let keys = asked.recv_timeout(LIMIT).unwrap();
    let trigger = |options: &Options| options.get("preferred_trigger").map(|trigger| trigger.to_string());
    let keys: Vec<(&str, Option<String>)> = keys.iter().map(|(id, options)| (id.as_str(), trigger(options))).collect();
    let text = |trigger: &str| Some(format!("\"{trigger}\""));
    assert_eq!(keys, [("toggle", text("CTRL+ALT+d")), ("push_to_talk", text("F9")), ("cancel", None)]);
    let fire = |member: &str, id: &str| {
        let session = OwnedObjectPath::try_from(SESSION).unwrap();
        let body = (session, id, 0_u64, HashMap::<&str, Value<'_>>::new());
        let shortcuts = "org.freedesktop.portal.GlobalShortcuts";
        portal.emit_signal(None::<&str>, PATH, shortcuts, member, &body).unwrap();
    };
    fire("Activated", "push_to_talk");
    dictation.wait_for("started");
    fire("Deactivated", "push_to_talk");
    dictation.wait_for("stopped");
    for _ in 0..2 {
        fire("Activated", "toggle");
        dictation.wait_for("started");
        fire("Deactivated", "toggle");
        fire("Activated", "cancel");
        dictation.wait_for("stopped");
        fire("Deactivated", "cancel");
    }
    assert!(!dictation.has("notice"), "{:?}", dictation.events);
    dictation.end();
}

#[test]
fn without_a_portal_or_without_leave_it_is_told_what_to_bind() {
    let bus = Bus::start();
    let room = room(&bus);
    let mut dictation = waiting(&room);
    let told = dictation.notice();
    assert!(told.contains("no portal for global shortcuts") && told.contains("bind `dictoscope toggle`"), "{told}");
    dictation.end();
    let (_portal, _asked) = portal(&bus, 1);
    let mut dictation = waiting(&room);
    let told = dictation.notice();
    assert!(told.contains("turned down") && told.contains("bind `dictoscope toggle`"), "{told}");
    dictation.end();
}
