//! What a selection holds, in all the forms in which it is offered, and what another program holds, read before it is replaced.

use std::time::{Duration, Instant};

use x11rb::{
    connection::Connection,
    protocol::{
        Event,
        xproto::{Atom, AtomEnum, ConnectionExt as _, Window},
    },
    rust_connection::RustConnection,
};

use super::{failed, pause, selection::Atoms};
use crate::output::typing::TypingError;

/// Another program may take so long to hand out what it holds.
const LIMIT: Duration = Duration::from_millis(700);
/// Most forms that are kept, and most bytes of one: what is larger comes piecewise, which is not kept.
const MOST_FORMS: usize = 24;
const MOST_WORDS: u32 = 1 << 20;

/// One form of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// By which it is asked for.
    pub(super) target: Atom,
    pub(super) kind: Atom,
    /// Bits of an element: 8, 16 or 32.
    pub(super) format: u8,
    pub(super) data: Vec<u8>,
}

/// All forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) forms: Vec<Form>,
}

impl Content {
    /// A text.
    pub(super) fn of_text(text: &str, atoms: &Atoms) -> Self {
        let utf8 = |target, kind| Form { target, kind, format: 8, data: text.as_bytes().to_vec() };
        let mut forms = vec![
            utf8(atoms.utf8, atoms.utf8),
            utf8(atoms.plain_utf8, atoms.plain_utf8),
            utf8(atoms.plain, atoms.plain),
            utf8(atoms.text, atoms.utf8),
        ];
        // STRING is Latin-1; where it does not suffice there is none.
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let string = u32::from(AtomEnum::STRING);
        forms.extend(latin.map(|data| Form { target: string, kind: string, format: 8, data }));
        // Clipboard managers leave out what is marked as passing.
        forms.push(Form { target: atoms.hint, kind: atoms.utf8, format: 8, data: b"secret".to_vec() });
        Self { forms }
    }

    /// The form that `target` asks for.
    pub(super) fn form(&self, target: Atom) -> Option<&Form> {
        self.forms.iter().find(|form| form.target == target)
    }

    /// What the owner of `selection` holds; an error where its text cannot be kept, or where it is no text.
    pub(super) fn of_owner(
        connection: &RustConnection,
        window: Window,
        selection: Atom,
        atoms: &Atoms,
        mut meanwhile: impl FnMut(Event) -> Result<(), TypingError>,
    ) -> Result<Self, TypingError> {
        let mut read = |target| fetch(connection, window, selection, target, atoms, &mut meanwhile);
        let Some(targets) = read(atoms.targets)? else {
            let held = "something whose program does not answer".to_owned();
            return Err(TypingError::ClipboardHolds { held });
        };
        let offered: Vec<Atom> =
            targets.data.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]])).collect();
        let mut forms = Vec::new();
        let mut names = Vec::new();
        let mut texts_lost = false;
        for target in offered.into_iter().take(MOST_FORMS) {
            let name = connection.get_atom_name(target).map_err(failed)?.reply().map_err(failed)?.name;
            let name = String::from_utf8_lossy(&name).into_owned();
            if is_kept(&name) {
                match read(target)? {
                    Some(form) => forms.push(form),
                    None => texts_lost |= target == atoms.utf8,
                }
            } else if name.contains('/') {
                names.push(name);
            }
        }
        if texts_lost || forms.is_empty() && !names.is_empty() {
            let held = names.into_iter().next().unwrap_or_else(|| "a text that is too long".to_owned());
            return Err(TypingError::ClipboardHolds { held });
        }
        Ok(Self { forms })
    }
}

/// Texts, and lists of files; pictures and sounds are made anew for each of the forms they are offered in, which takes long.
fn is_kept(name: &str) -> bool {
    matches!(name, "UTF8_STRING" | "STRING" | "TEXT" | "COMPOUND_TEXT" | "x-kde-passwordManagerHint")
        || name.starts_with("text/")
        || name.starts_with("x-special/")
}

/// One form; `None` where the owner has none, does not answer, or would send it piecewise.
fn fetch(
    connection: &RustConnection,
    window: Window,
    selection: Atom,
    target: Atom,
    atoms: &Atoms,
    meanwhile: &mut impl FnMut(Event) -> Result<(), TypingError>,
) -> Result<Option<Form>, TypingError> {
    connection
        .convert_selection(window, selection, target, atoms.property, x11rb::CURRENT_TIME)
        .and_then(|_| connection.flush())
        .map_err(failed)?;
    let until = Instant::now() + LIMIT;
    loop {
        match connection.poll_for_event().map_err(failed)? {
            Some(Event::SelectionNotify(event)) if event.selection == selection && event.target == target => {
                if event.property == x11rb::NONE {
                    return Ok(None);
                }
                break;
            }
            Some(event) => meanwhile(event)?,
            None if !pause(until) => return Ok(None),
            None => {}
        }
    }
    let any = u32::from(AtomEnum::ANY);
    let value = connection.get_property(true, window, atoms.property, any, 0, MOST_WORDS).map_err(failed)?;
    let value = value.reply().map_err(failed)?;
    if value.type_ == atoms.incr || value.bytes_after > 0 {
        connection.delete_property(window, atoms.property).map_err(failed)?;
        return Ok(None);
    }
    Ok(Some(Form { target, kind: value.type_, format: value.format, data: value.value }))
}
