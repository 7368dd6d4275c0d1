//! The selections that this program owns: the text to be pasted, until the window has fetched it, then what was there before.
//!
//! An owner sees who asks. What was there before comes back only once the program of the target window has asked, and
//! not for a clipboard manager that was quicker.

use std::time::{Duration, Instant};

use x11rb::{
    connection::Connection,
    protocol::{
        Event,
        xproto::{
            Atom, AtomEnum, ConnectionExt as _, EventMask, PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent,
            SelectionRequestEvent, Window,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use super::{
    content::{Content, Form},
    failed, pause, process_of,
};
use crate::output::typing::TypingError;

/// A program may take so long to fetch what it was told to paste.
const TAKE_LIMIT: Duration = Duration::from_secs(3);
/// Programs ask more than once; so long after the last time they have it.
const SETTLED: Duration = Duration::from_millis(150);
/// A clipboard manager may take so long to take over what it is handed.
const SAVE_LIMIT: Duration = Duration::from_secs(1);

x11rb::atom_manager! {
    /// Names as the server numbers them.
    pub(super) Atoms: AtomsCookie {
        clipboard: "CLIPBOARD".as_bytes(),
        targets: b"TARGETS",
        incr: b"INCR",
        utf8: b"UTF8_STRING",
        text: b"TEXT",
        plain: b"text/plain",
        plain_utf8: b"text/plain;charset=utf-8",
        hint: b"x-kde-passwordManagerHint",
        manager: b"CLIPBOARD_MANAGER",
        save: b"SAVE_TARGETS",
        property: b"DICTOSCOPE",
    }
}

/// One selection while it is this program's.
#[derive(Debug)]
struct Owned {
    selection: Atom,
    content: Content,
    /// A paste is under way: what comes back after it; none where there was nothing.
    #[expect(clippy::option_option, reason = "not looked at, or looked at and empty")]
    before: Option<Option<Content>>,
    /// When the target last asked for the text.
    asked: Option<Instant>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Selections {
    window: Window,
    atoms: Atoms,
    owned: Vec<Owned>,
    /// The window that is to take the paste.
    target: Window,
}

impl Selections {
    pub(super) fn new(connection: &RustConnection, window: Window) -> Result<Self, TypingError> {
        let atoms = Atoms::new(connection).map_err(failed)?.reply().map_err(failed)?;
        Ok(Self { window, atoms, owned: Vec::new(), target: x11rb::NONE })
    }

    /// Offers `text` in the clipboard, and as the primary selection too, for `target` to fetch.
    pub(super) fn offer(
        &mut self,
        connection: &RustConnection,
        text: &str,
        primary_too: bool,
        target: Window,
    ) -> Result<(), TypingError> {
        self.serve(connection)?;
        self.target = target;
        let primary = u32::from(AtomEnum::PRIMARY);
        let clipboard = self.atoms.clipboard;
        let content = Content::of_text(text, &self.atoms);
        let before = self.before(connection, clipboard)?;
        // What is selected somewhere comes and goes by itself: if it cannot be kept, it goes.
        let selected = if primary_too { self.before(connection, primary).unwrap_or_default() } else { None };
        self.own(connection, clipboard, content.clone(), before)?;
        if primary_too {
            self.own(connection, primary, content, selected)?;
        }
        connection.sync().map_err(failed)
    }

    /// What `selection` holds now and is to hold again.
    fn before(&mut self, connection: &RustConnection, selection: Atom) -> Result<Option<Content>, TypingError> {
        if let Some(at) = self.owned.iter().position(|owned| owned.selection == selection) {
            let owned = self.owned.swap_remove(at);
            // A paste that nobody took yet: what was there before it is still what counts.
            return Ok(owned.before.unwrap_or(Some(owned.content)));
        }
        let owner = connection.get_selection_owner(selection).map_err(failed)?.reply().map_err(failed)?.owner;
        if owner == x11rb::NONE {
            return Ok(None);
        }
        let (window, atoms) = (self.window, self.atoms);
        Content::of_owner(connection, window, selection, &atoms, |event| self.take(connection, &event)).map(Some)
    }

    fn own(
        &mut self,
        connection: &RustConnection,
        selection: Atom,
        content: Content,
        before: Option<Content>,
    ) -> Result<(), TypingError> {
        connection.set_selection_owner(self.window, selection, x11rb::CURRENT_TIME).map_err(failed)?;
        self.owned.push(Owned { selection, content, before: Some(before), asked: None });
        Ok(())
    }

    /// Answers who asks until the target has the text and what was there before is there again.
    pub(super) fn wait_until_taken(&mut self, connection: &RustConnection) -> Result<(), TypingError> {
        let until = Instant::now() + TAKE_LIMIT;
        while self.owned.iter().any(|owned| owned.before.is_some()) {
            self.serve(connection)?;
            if !pause(until) {
                return Err(TypingError::NotTaken { secs: TAKE_LIMIT.as_secs() });
            }
        }
        Ok(())
    }

    /// Answers all who asked by now; whether there may be more.
    pub(super) fn serve(&mut self, connection: &RustConnection) -> Result<bool, TypingError> {
        while let Some(event) = connection.poll_for_event().map_err(failed)? {
            self.take(connection, &event)?;
        }
        let settled = |owned: &Owned| owned.asked.is_some_and(|asked| asked.elapsed() > SETTLED);
        if self.owned.iter().any(settled) {
            self.restore(connection)?;
        }
        Ok(!self.owned.is_empty())
    }

    /// Puts back what was there before the paste.
    fn restore(&mut self, connection: &RustConnection) -> Result<(), TypingError> {
        for mut owned in std::mem::take(&mut self.owned) {
            // Owning anew tells those who watch the clipboard.
            let owner = match owned.before.take() {
                Some(None) => x11rb::NONE,
                Some(Some(before)) => {
                    owned.content = before;
                    self.window
                }
                None => {
                    self.owned.push(owned);
                    continue;
                }
            };
            connection.set_selection_owner(owner, owned.selection, x11rb::CURRENT_TIME).map_err(failed)?;
            if owner == self.window {
                owned.asked = None;
                self.owned.push(owned);
            }
        }
        connection.sync().map_err(failed)
    }

    fn take(&mut self, connection: &RustConnection, event: &Event) -> Result<(), TypingError> {
        match event {
            Event::SelectionRequest(request) => self.answer(connection, request),
            // Another program holds it now, and what it holds counts; unless that is the echo of giving it up.
            Event::SelectionClear(clear) => {
                let owner = connection.get_selection_owner(clear.selection).map_err(failed)?.reply();
                if owner.map_err(failed)?.owner != self.window {
                    self.owned.retain(|owned| owned.selection != clear.selection);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn answer(&mut self, connection: &RustConnection, request: &SelectionRequestEvent) -> Result<(), TypingError> {
        // Clients of old name no property and mean the target.
        let property = if request.property == x11rb::NONE { request.target } else { request.property };
        let at = self.owned.iter().position(|owned| owned.selection == request.selection);
        let mut given = false;
        if let Some(at) = at {
            let content = &self.owned[at].content;
            if request.target == self.atoms.targets {
                let mut offered = vec![self.atoms.targets];
                offered.extend(content.forms.iter().map(|form| form.target));
                let (atom, requestor) = (u32::from(AtomEnum::ATOM), request.requestor);
                connection.change_property32(PropMode::REPLACE, requestor, property, atom, &offered).map_err(failed)?;
                given = true;
            } else if let Some(form) = content.form(request.target) {
                let Form { kind, format, data, .. } = form;
                let elements = (data.len() / usize::from(*format / 8).max(1)) as u32;
                let replace = PropMode::REPLACE;
                connection
                    .change_property(replace, request.requestor, property, *kind, *format, elements, data)
                    .map_err(failed)?;
                given = true;
                let is_mark = request.target == self.atoms.hint;
                if self.owned[at].before.is_some() && !is_mark && self.is_target(connection, request.requestor) {
                    self.owned[at].asked = Some(Instant::now());
                }
            }
        }
        let notify = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: if given { property } else { x11rb::NONE },
        };
        connection.send_event(false, request.requestor, EventMask::NO_EVENT, notify).map_err(failed)?;
        connection.flush().map_err(failed)
    }

    /// Whether a window belongs to the program of the target: to its connection, or to its process.
    fn is_target(&self, connection: &RustConnection, window: Window) -> bool {
        let client = |window: Window| window & !connection.setup().resource_id_mask;
        let process = |window| process_of(connection, window);
        client(window) == client(self.target) || process(window).is_some_and(|id| process(self.target) == Some(id))
    }

    /// At the end: puts back what was there, and gives it to the clipboard manager if there is one.
    pub(super) fn hand_over(&mut self, connection: &RustConnection) -> Result<(), TypingError> {
        self.serve(connection)?;
        self.restore(connection)?;
        let manager = connection.get_selection_owner(self.atoms.manager).map_err(failed)?.reply().map_err(failed)?;
        if self.owned.is_empty() || manager.owner == x11rb::NONE {
            return Ok(());
        }
        let Atoms { manager, save, property, .. } = self.atoms;
        connection
            .convert_selection(self.window, manager, save, property, x11rb::CURRENT_TIME)
            .and_then(|_| connection.flush())
            .map_err(failed)?;
        let until = Instant::now() + SAVE_LIMIT;
        loop {
            match connection.poll_for_event().map_err(failed)? {
                Some(Event::SelectionNotify(event)) if event.selection == manager => return Ok(()),
                Some(event) => self.take(connection, &event)?,
                None if !pause(until) => return Ok(()),
                None => {}
            }
        }
    }
}
