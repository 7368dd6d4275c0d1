//! Keys under Wayland: the desktop's portal for global shortcuts, over D-Bus. The desktop asks the user, who has the last word
//! on the keys; it tells of press and release.
//!
//! zbus by itself: the window's accessibility links it anyway, and its calls need no other runtime.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
};

use zbus::{
    blocking::{Connection, MessageIterator, Proxy},
    message::Type,
    zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value},
};

use super::{Action, Combination, HotkeyError, Listener};

const BUS_NAME: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SHORTCUTS: &str = "org.freedesktop.portal.GlobalShortcuts";
/// Tells portals which program this is, where it was not started from a sandbox.
const REGISTRY: &str = "org.freedesktop.host.portal.Registry";
const APP_ID: &str = "dictoscope";
const TOKEN: &str = "dictoscope";

/// What a portal answers a request with.
type Response = (u32, HashMap<String, OwnedValue>);
/// Session, shortcut, time in milliseconds, options.
type Fired = (OwnedObjectPath, String, u64, HashMap<String, OwnedValue>);

/// Owns the thread and its connection.
pub(super) struct PortalKeys {
    connection: Option<Connection>,
    thread: Option<JoinHandle<()>>,
}

impl PortalKeys {
    /// Returns once the portal is there; the desktop may ask the user for long.
    pub(super) fn open(bound: Vec<(Action, Combination)>, listener: Arc<Listener>) -> Result<Self, HotkeyError> {
        let failed = |reason: String| HotkeyError::NoDesktop { reason };
        let connection = Connection::session().map_err(|error| failed(format!("no session bus: {error}")))?;
        let portal = Proxy::new(&connection, BUS_NAME, PATH, SHORTCUTS).map_err(|error| failed(error.to_string()))?;
        portal.get_property::<u32>("version").map_err(|error| {
            failed(format!("this desktop has no portal for global shortcuts ({SHORTCUTS}): {error}"))
        })?;
        drop(portal);
        let keys = Grants { connection: connection.clone(), bound, listener, held: Vec::new() };
        let thread = thread::Builder::new().name("hotkeys".to_owned()).spawn(move || keys.run());
        let thread = thread.map_err(|error| failed(error.to_string()))?;
        Ok(Self { connection: Some(connection), thread: Some(thread) })
    }
}

impl Drop for PortalKeys {
    fn drop(&mut self) {
        // Ends the thread, and the portal's session with the connection.
        let closed = self.connection.take().is_some_and(|connection| connection.close().is_ok());
        if closed && self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread of the hotkeys ended in a panic");
        }
    }
}

/// State of the thread.
struct Grants {
    connection: Connection,
    bound: Vec<(Action, Combination)>,
    listener: Arc<Listener>,
    held: Vec<Action>,
}

impl Grants {
    /// The thread's body: until the connection is closed, or the portal refuses.
    fn run(mut self) {
        let done = self.bind().and_then(|()| self.listen());
        for action in std::mem::take(&mut self.held) {
            self.obey(action, false);
        }
        self.listener.held.store(false, Ordering::SeqCst);
        if let Err(reason) = done {
            (self.listener.tell)(HotkeyError::NoDesktop { reason }.to_string());
        }
    }

    /// A session, and the keys in it.
    fn bind(&self) -> Result<(), String> {
        let registry = Proxy::new(&self.connection, BUS_NAME, PATH, REGISTRY).map_err(|error| error.to_string())?;
        let none: HashMap<&str, Value<'_>> = HashMap::new();
        if let Err(error) = registry.call_method("Register", &(APP_ID, &none)) {
            log::debug!("the portal does not take the program's name: {error}");
        }
        let tokens = |handle| HashMap::from([("handle_token", Value::from(handle))]);
        let mut options = tokens("dictoscope_session");
        options.insert("session_handle_token", Value::from(TOKEN));
        let results = self.request("dictoscope_session", "CreateSession", &(options,))?;
        // Of type `s`, and in some portals `o`.
        let session = results.get("session_handle").ok_or("the portal gave no session")?;
        let session = match &**session {
            Value::Str(path) => path.as_str().to_owned(),
            Value::ObjectPath(path) => path.as_str().to_owned(),
            other => return Err(format!("expected a session of the portal, found {other:?}")),
        };
        let session = ObjectPath::try_from(session).map_err(|error| error.to_string())?;
        let shortcuts: Vec<(&str, HashMap<&str, Value<'_>>)> = self.bound.iter().map(shortcut).collect();
        let bound =
            self.request("dictoscope_bind", "BindShortcuts", &(session, shortcuts, "", tokens("dictoscope_bind")))?;
        log::info!("global shortcuts as the desktop has them: {bound:?}");
        Ok(())
    }

    /// Calls a method that answers by a signal; its results.
    fn request<B>(&self, token: &str, method: &str, body: &B) -> Result<HashMap<String, OwnedValue>, String>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let said = |error: zbus::Error| format!("{method}: {error}");
        let name = self.connection.unique_name().map(|name| name.trim_start_matches(':').replace('.', "_"));
        let path = format!("{PATH}/request/{}/{token}", name.unwrap_or_default());
        // Before the call, so that a quick answer is heard.
        let request = Proxy::new(&self.connection, BUS_NAME, path, "org.freedesktop.portal.Request").map_err(said)?;
        let mut responses = request.receive_signal("Response").map_err(said)?;
        let portal = Proxy::new(&self.connection, BUS_NAME, PATH, SHORTCUTS).map_err(said)?;
        portal.call_method(method, body).map_err(said)?;
        let message = responses.next().ok_or_else(|| format!("{method}: the session bus is gone"))?;
        let (code, results): Response = message.body().deserialize().map_err(said)?;
        match code {
            0 => Ok(results),
            1 => Err("the request for global shortcuts was turned down".to_owned()),
            code => Err(format!("{method}: the portal ended it with code {code}")),
        }
    }

    fn listen(&mut self) -> Result<(), String> {
        let rule = format!("type='signal',sender='{BUS_NAME}',interface='{SHORTCUTS}'");
        let rule = zbus::MatchRule::try_from(rule.as_str()).map_err(|error| error.to_string())?;
        let messages =
            MessageIterator::for_match_rule(rule, &self.connection, None).map_err(|error| error.to_string())?;
        for message in messages {
            // Closed, by this program or by the bus.
            let Ok(message) = message else { return Ok(()) };
            let header = message.header();
            let down = match header.member().map(zbus::names::MemberName::as_str) {
                Some("Activated") if header.message_type() == Type::Signal => true,
                Some("Deactivated") => false,
                _ => continue,
            };
            let Ok((_, id, _, _)) = message.body().deserialize::<Fired>() else { continue };
            let Some(action) = Action::ALL.into_iter().find(|action| action.name() == id) else { continue };
            self.fired(action, down);
        }
        Ok(())
    }

    fn fired(&mut self, action: Action, down: bool) {
        let was = self.held.contains(&action);
        self.held.retain(|held| *held != action);
        if down {
            self.held.push(action);
        }
        self.listener.held.store(!self.held.is_empty(), Ordering::SeqCst);
        if down != was {
            self.obey(action, down);
        }
    }

    fn obey(&self, action: Action, down: bool) {
        if let Some(order) = action.order(down) {
            (self.listener.obey)(order);
        }
    }
}

/// A shortcut as the portal wants it. A bare key to cancel is not proposed: it would be taken from every program for good.
fn shortcut((action, combination): &(Action, Combination)) -> (&'static str, HashMap<&'static str, Value<'static>>) {
    let description = match action {
        Action::Toggle => "Start or stop dictation",
        Action::PushToTalk => "Dictate while held",
        Action::Cancel => "Cancel dictation",
    };
    let mut options = HashMap::from([("description", Value::from(description))]);
    if !(*action == Action::Cancel && combination.is_bare()) {
        options.insert("preferred_trigger", Value::from(combination.xdg()));
    }
    (action.name(), options)
}
