//! Keeps the house in order: who may know whom, how long a file is, that every file says what it is for, and that the core
//! reads no clock, starts no thread and opens no file. ARCHITECTURE.md quotes the table.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each module and the modules it may name. Down is the way the data goes.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("private", &[]),
    ("download", &["private"]),
    ("remote", &["private"]),
    ("hotkeys", &["remote"]),
    ("tray", &["remote"]),
    ("packages", &["download", "private"]),
    ("audio", &["units"]),
    ("sounds", &["audio"]),
    ("features", &["audio", "units"]),
    ("engine", &["features", "units", "private"]),
    ("models", &["download", "engine", "features", "units", "private"]),
    ("decode", &["models", "engine", "features", "units"]),
    ("session", &["decode", "models", "engine", "features", "audio", "units"]),
    ("text", &["decode"]),
    ("output", &["text", "session", "decode", "engine", "units", "private"]),
    ("trace", &["session", "decode", "models", "engine", "features", "audio", "units", "private"]),
    ("parity", &["trace", "session", "decode", "models", "engine", "features", "audio", "units"]),
    ("config", &["output", "hotkeys", "text", "session", "decode", "features", "units", "private"]),
    // Never audio, features or engine: what it draws comes through the session.
    ("ui", &["text", "session", "decode", "units", "config"]),
    (
        "cli",
        &[
            "ui", "parity", "trace", "config", "session", "decode", "models", "engine", "features", "audio", "units",
            "output", "packages", "download", "remote", "hotkeys", "tray", "sounds", "text", "private",
        ],
    ),
];

const MAX_LINES: usize = 400;

/// Modules without clock, thread, file or device.
const CORE: &[&str] = &["features", "decode", "session", "text"];

/// What the core may not name.
const NOT_IN_CORE: &[&str] = &["std::time", "std::thread", "std::fs", "std::net", "std::env", "std::process", "cpal"];

/// Files of `session` that hold its threads; the rest of it is pure.
const THREADED: &[(&str, &str)] = &[
    ("session/control.rs", "opens and closes devices and files"),
    ("session/file_source.rs", "plays a file at the pace it was spoken"),
    ("session/handle.rs", "owns the threads"),
    ("session/live_probe.rs", "times the stages for the inference thread"),
    ("session/stopwatch.rs", "times the stages for guests"),
    ("session/worker.rs", "is the inference thread"),
];

/// Files with `unsafe`, and how many blocks of it: one more is somebody's decision.
const UNSAFE: &[(&str, usize)] = &[("engine/tensorrt/ffi.rs", 9), ("ui/window.rs", 1)];

#[test]
fn unsafe_stands_in_the_named_files_alone_and_each_says_why_it_may() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        let blocks: Vec<usize> = (0..lines.len())
            .filter(|at| is_unsafe(&code_of(lines[*at])) && !lines[*at].contains("unsafe_code"))
            .collect();
        let allowed = UNSAFE.iter().find(|(name, _)| *name == file).map_or(0, |(_, count)| *count);
        if blocks.len() != allowed {
            faults.push(format!("{file}: {} blocks of unsafe, expected {allowed}", blocks.len()));
        }
        for at in blocks {
            // Above it, with nothing but the rest of the remark and attributes between.
            let above = lines[..at].iter().rev().take_while(|line| line.trim().starts_with(['/', '#']));
            if !above.clone().any(|line| line.contains("// SAFETY: ")) {
                faults.push(format!("{file}: line {}: unsafe without // SAFETY:", at + 1));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Whether a line begins a block, function or implementation; a type of a pointer to an unsafe function is none.
fn is_unsafe(code: &str) -> bool {
    ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|begin| code.contains(begin))
}

#[test]
fn modules_name_only_modules_to_their_left() {
    let faults: Vec<String> = sources().iter().flat_map(|(file, text)| misnamed(file, text)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_name_to_the_right_is_caught_in_every_spelling() {
    for text in [
        "use crate::session::Probe;",
        "use crate::{\n    units,\n    session::{Probe, Stage},\n};",
        "fn f() { crate::ui::run(); }",
        "use super::super::session;",
    ] {
        assert!(!misnamed("features/stft.rs", text).is_empty(), "{text}");
    }
    assert!(misnamed("features/stft.rs", "use crate::{audio::AudioBlock, features::FrontEnd, units};").is_empty());
    assert!(!misnamed("ui/app.rs", "use crate::engine::EngineInfo;").is_empty());
}

#[test]
fn every_module_has_its_place_in_the_table() {
    for (file, _) in sources() {
        let module = module_of(&file);
        let placed = ["main", "lib"].contains(&module) || MAY_NAME.iter().any(|(name, _)| *name == module);
        assert!(placed, "{file}: {module} is not in MAY_NAME");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    let mut faults = Vec::new();
    for (file, text) in sources().into_iter().chain(files_under("tests")) {
        if !text.starts_with("//! ") {
            faults.push(format!("{file}: its first line is no //! that says what it is for"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("{file}: {lines} lines, at most {MAX_LINES}"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_core_has_no_clock_thread_file_or_device() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        if CORE.contains(&module_of(&file)) && !is_test(&file) && !THREADED.iter().any(|(name, _)| *name == file) {
            faults.extend(impurities(&text).into_iter().map(|found| format!("{file}: names {found}")));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_parser_finds_what_it_should() {
    let text = "use crate::{\n    audio::{AudioBlock, rt::{self, Guard}},\n    // crate::ui in a remark\n    units,\n};\n\
                fn f() { crate::session::run(); mycrate::cli::run(); }";
    let found = paths_under("crate", &code_of(text));
    assert_eq!(found, ["audio::AudioBlock", "audio::rt::self", "audio::rt::Guard", "units", "session::run"]);
    assert_eq!(paths_under("crate", "use crate::decode as d;"), ["decode"]);
    assert_eq!(paths_under("crate", "pub(in crate::cli) fn f()"), ["cli"]);
}

#[test]
fn a_clock_in_the_core_is_caught_in_every_spelling() {
    for text in [
        "use std::time::Instant;",
        "use std::{collections::VecDeque, time::{Duration, SystemTime}};",
        "fn f() { std::thread::sleep(d) }",
        "use std::{\n    fs,\n    io,\n};",
        "use cpal::traits::DeviceTrait;",
    ] {
        assert!(!impurities(text).is_empty(), "{text}");
    }
    for text in [
        "use std::{collections::VecDeque, sync::Arc};",
        "// std::fs is for others\nfn f() {}",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
    ] {
        assert!(impurities(text).is_empty(), "{text}: {:?}", impurities(text));
    }
}

/// What the file names that its module may not.
fn misnamed(file: &str, text: &str) -> Vec<String> {
    let (module, code) = (module_of(file), code_of(text));
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else { return Vec::new() };
    let mut faults = Vec::new();
    for path in paths_under("crate", &code) {
        let named = path.split("::").next().unwrap_or_default();
        let known = MAY_NAME.iter().any(|(name, _)| *name == named);
        if known && named != module && !allowed.contains(&named) {
            faults.push(format!("{file}: {module} must not name {path}"));
        }
    }
    if code.contains("super::super") {
        faults.push(format!("{file}: super::super hides which module is meant; write crate::"));
    }
    faults
}

/// All source files: path from `src` with `/`, and text.
fn sources() -> Vec<(String, String)> {
    files_under("src")
}

fn files_under(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 5, "only {} files under {}", files.len(), root.display());
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("under src").to_string_lossy().replace('\\', "/");
            (name, fs::read_to_string(&path).expect("source is UTF-8"))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `session/probe.rs` is of `session`, `units.rs` of `units`.
fn module_of(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("/tests/")
}

/// The text without remarks.
fn code_of(text: &str) -> String {
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// What the text names that the core may not; tests at its end are left out.
fn impurities(text: &str) -> Vec<String> {
    let text = text.split_once("#[cfg(test)]\nmod ").map_or(text, |(before, _)| before);
    let code = code_of(text);
    let of_std = paths_under("std", &code).into_iter().map(|path| format!("std::{path}"));
    let of_cpal = paths_under("cpal", &code).into_iter().map(|path| format!("cpal::{path}"));
    of_std
        .chain(of_cpal)
        .filter(|path| {
            // A length of time is a number like any other; a point in time is a clock.
            path != "std::time::Duration"
                && NOT_IN_CORE.iter().any(|not| path == not || path.starts_with(&format!("{not}::")))
        })
        .collect()
}

/// Every path after `root::`, braces opened: `root::{a::{B, c::D}, e}` gives `a::B`, `a::c::D`, `e`.
fn paths_under(root: &str, code: &str) -> Vec<String> {
    let start = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&start) {
        let before = code[..at].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            tree(&code[at + start.len()..], "", &mut found);
        }
    }
    found
}

/// Reads one use tree; gives what is left after it.
fn tree<'a>(code: &'a str, prefix: &str, found: &mut Vec<String>) -> &'a str {
    let mut code = code.trim_start();
    if let Some(inner) = code.strip_prefix('{') {
        code = inner.trim_start();
        while !code.is_empty() && !code.starts_with('}') {
            let left = tree(code, prefix, found).trim_start();
            // An alias or a generic argument: on to the next comma or brace.
            let skip = left.find([',', '}']).unwrap_or(left.len());
            code = left[skip..].trim_start_matches(',').trim_start();
        }
        return code.strip_prefix('}').unwrap_or(code);
    }
    let length = code.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(code.len());
    let path = format!("{prefix}{}", &code[..length]);
    let rest = &code[length..];
    match rest.strip_prefix("::") {
        Some(below) if below.trim_start().starts_with(|c: char| c.is_alphanumeric() || "_*{".contains(c)) => {
            tree(below, &format!("{path}::"), found)
        }
        _ => {
            found.push(path);
            rest
        }
    }
}
