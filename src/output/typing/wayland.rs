//! Typing under Wayland by programs of others, found when they are needed: `wtype` or `ydotool` for keys, `wl-copy` and
//! `wl-paste` for the clipboard. No compositor tells who has the focus, or when a paste was taken. Not tested.

use std::{
    env,
    io::Write,
    process::{Command, Output, Stdio},
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use crate::output::typing::{
    Method, TypingError,
    desktop::{Desktop, Focus, GoOn, TAKEN_AFTER, TYPED_CHARS},
};

/// The programs that are here.
#[derive(Debug)]
pub(super) struct Wayland {
    own_focus: Arc<AtomicBool>,
    wtype: bool,
    ydotool: bool,
    clipboard: bool,
}

impl Wayland {
    pub(super) fn open(own_focus: Arc<AtomicBool>) -> Result<Self, TypingError> {
        let found = Self {
            own_focus,
            wtype: is_installed("wtype"),
            ydotool: is_installed("ydotool"),
            clipboard: is_installed("wl-copy") && is_installed("wl-paste"),
        };
        if found.wtype || found.ydotool {
            return Ok(found);
        }
        let reason = "under Wayland, expected the program wtype (Sway, Hyprland, KDE) or ydotool (any compositor; its \
                      daemon has to run), and wl-clipboard; found neither"
            .to_owned();
        Err(TypingError::NoDesktop { reason })
    }

    fn type_text(&self, text: &str) -> Result<(), TypingError> {
        if self.wtype {
            let typed = run("wtype", &["-"], text.as_bytes()).map(drop);
            // GNOME's compositor has no virtual keyboard.
            if typed.is_ok() || !self.ydotool {
                return typed;
            }
        }
        // It knows the keys of a US keyboard only.
        if let Some(character) = text.chars().find(|character| !character.is_ascii()) {
            return Err(TypingError::NoKey { character });
        }
        run("ydotool", &["type", "--", text], &[]).map(drop)
    }

    /// Keys by the names that wtype has, modifiers first, and by the codes of the kernel.
    fn press(&self, modifiers: &[&str], key: &str, codes: &[u16]) -> Result<(), TypingError> {
        if self.wtype {
            let mut arguments = Vec::new();
            for modifier in modifiers {
                arguments.extend(["-M", modifier]);
            }
            arguments.extend(["-k", key]);
            modifiers.iter().rev().for_each(|modifier| arguments.extend(["-m", modifier]));
            let pressed = run("wtype", &arguments, &[]).map(drop);
            if pressed.is_ok() || !self.ydotool {
                return pressed;
            }
        }
        let presses = codes.iter().map(|code| format!("{code}:1"));
        let releases = codes.iter().rev().map(|code| format!("{code}:0"));
        let keys: Vec<String> = presses.chain(releases).collect();
        let arguments: Vec<&str> = ["key"].into_iter().chain(keys.iter().map(String::as_str)).collect();
        run("ydotool", &arguments, &[]).map(drop)
    }

    fn paste(&self, text: &str, method: Method) -> Result<(), TypingError> {
        if !self.clipboard {
            let reason = "expected the programs wl-copy and wl-paste (package wl-clipboard) to paste with".to_owned();
            return Err(TypingError::NoDesktop { reason });
        }
        let primary = method == Method::PasteInsert;
        let before = held()?;
        run("wl-copy", &[], text.as_bytes())?;
        if primary {
            run("wl-copy", &["--primary"], text.as_bytes())?;
        }
        match method {
            Method::PasteShift => self.press(&["ctrl", "shift"], "v", &[29, 42, 47]),
            Method::PasteInsert => self.press(&["shift"], "Insert", &[42, 110]),
            _ => self.press(&["ctrl"], "v", &[29, 47]),
        }?;
        thread::sleep(TAKEN_AFTER);
        match before {
            Some(before) => run("wl-copy", &[], &before),
            None => run("wl-copy", &["--clear"], &[]),
        }
        .map(drop)
    }
}

impl Desktop for Wayland {
    fn focus(&mut self) -> Result<Focus, TypingError> {
        Ok(Focus::by_flag(&self.own_focus))
    }

    fn insert(&mut self, text: &str, method: Method, _: &Focus, go_on: GoOn<'_>) -> Result<(), TypingError> {
        if !go_on() {
            return Err(TypingError::Interrupted);
        }
        match method {
            Method::Off => Ok(()),
            Method::Type => self.type_text(text),
            Method::Auto if text.chars().count() <= TYPED_CHARS && (self.wtype || text.is_ascii()) => {
                self.type_text(text)
            }
            Method::Auto | Method::Paste | Method::PasteShift | Method::PasteInsert => self.paste(text, method),
        }
    }

    fn enter(&mut self, _: &Focus) -> Result<(), TypingError> {
        self.press(&[], "Return", &[28])
    }
}

/// The clipboard's text; an error where it holds something else.
fn held() -> Result<Option<Vec<u8>>, TypingError> {
    // It fails where nothing is copied.
    let Ok(types) = run("wl-paste", &["--list-types"], &[]) else { return Ok(None) };
    let types = String::from_utf8_lossy(&types).into_owned();
    let is_text = |kind: &str| kind.starts_with("text/") || kind == "UTF8_STRING" || kind == "STRING";
    if types.lines().any(is_text) {
        return run("wl-paste", &["--no-newline", "--type", "text"], &[]).map(Some);
    }
    match types.lines().next() {
        Some(held) => Err(TypingError::ClipboardHolds { held: held.to_owned() }),
        None => Ok(None),
    }
}

/// Runs a program with `input` on its standard input; what it wrote.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, TypingError> {
    let failed = |reason: String| TypingError::Failed { reason: format!("{program}: {reason}") };
    // wl-copy goes on in the background and would hold a pipe open.
    let out = if program == "wl-copy" { Stdio::null() } else { Stdio::piped() };
    let errors = if program == "wl-copy" { Stdio::null() } else { Stdio::piped() };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(out)
        .stderr(errors)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read is no failure; its exit code tells.
        let _ = stdin.write_all(input);
    }
    let Output { status, stdout, stderr } = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(stdout) } else { Err(failed(String::from_utf8_lossy(&stderr).trim().to_owned())) }
}

fn is_installed(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
