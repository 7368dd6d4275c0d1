//! What packages are made of: menu entry, description, the table of the .deb, manual pages and completions for every verb.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Command as Verb;
use dictoscope::cli::Cli;
use tempfile::TempDir;
use toml::Table;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn generate(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dictoscope")).arg("generate").args(args).output().unwrap();
    assert!(output.status.success(), "generate {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every verb that help shows, by its words, with its long flags; the program itself first.
fn verbs() -> Vec<(Vec<String>, Vec<String>)> {
    fn walk(verb: &Verb, words: &[String], found: &mut Vec<(Vec<String>, Vec<String>)>) {
        let flags = verb.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
        found.push((words.to_vec(), flags));
        for below in verb.get_subcommands().filter(|below| !below.is_hide_set()) {
            walk(below, &[words, &[below.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    walk(&Cli::described(), &["dictoscope".to_owned()], &mut found);
    assert!(found.len() > 25, "only {} verbs", found.len());
    assert!(found.iter().any(|(words, flags)| words[1..] == ["transcribe"] && flags.contains(&"stream".to_owned())));
    found
}

#[test]
fn every_verb_has_a_manual_page_with_all_its_flags_and_their_variables() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("man");
    generate(&["man", pages.to_str().unwrap()]);
    let verbs = verbs();
    for (words, flags) in &verbs {
        let name = format!("{}.1", words.join("-"));
        // roff writes a minus as \-.
        let page = fs::read_to_string(pages.join(&name)).expect(&name).replace('\\', "");
        assert!(page.contains(".TH ") && page.contains(VERSION), "{name} tells no version");
        for flag in flags {
            let variable = format!("DICTOSCOPE_{}", flag.to_uppercase().replace('-', "_"));
            assert!(page.contains(&format!("--{flag}")), "{name}: --{flag} is missing");
            assert!(page.contains(&variable), "{name}: {variable} is missing");
        }
    }
    assert_eq!(fs::read_dir(&pages).unwrap().count(), verbs.len(), "pages of verbs that there are not");
}

#[test]
fn completions_know_every_verb_and_every_flag() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = generate(&["completions", shell]);
        for (words, flags) in verbs() {
            let verb = words.last().unwrap();
            assert!(script.contains(verb.as_str()), "{shell}: {verb} is missing");
            for flag in flags {
                let spelled = if shell == "fish" { format!("-l {flag}") } else { format!("--{flag}") };
                assert!(script.contains(&spelled), "{shell}: {spelled} of {verb} is missing");
            }
        }
        assert!(!script.contains("generate"), "{shell} offers what help hides");
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dictoscope"))
        .args(["generate", "man"])
        .arg(file.join("man"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains(file.to_str().unwrap()), "{said}");
}

#[test]
fn descriptions_are_of_this_version_and_name_the_menu_entry() {
    let text = read("packaging/linux/org.dictoscope.dictoscope.metainfo.xml");
    let newest = text.split("<release version=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(newest, VERSION, "the newest release in the metainfo is not the one in Cargo.toml");
    for system in ["windows", "macos"] {
        let packager: Table = read(&format!("packaging/{system}/packager.toml")).parse().unwrap();
        assert_eq!(packager["version"].as_str(), Some(VERSION), "packaging/{system}/packager.toml");
        assert_eq!(packager["identifier"].as_str(), Some("org.dictoscope.dictoscope"));
    }
    for part in
        ["<id>org.dictoscope.dictoscope</id>", ">dictoscope.desktop</launchable>", "<binary>dictoscope</binary>"]
    {
        assert!(text.contains(part), "{part} is missing");
    }
}

#[test]
fn the_menu_entry_starts_verbs_that_there_are() {
    let text = read("packaging/linux/dictoscope.desktop");
    let value = |key: &str| {
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&format!("{key}="))).collect();
        assert!(!lines.is_empty(), "{key} is missing");
        lines
    };
    assert!(text.starts_with("[Desktop Entry]\n"));
    // The window says the same to window managers; else it gets another icon in the bar.
    let app_id = read("src/ui/window.rs");
    assert!(app_id.contains(&format!("APP_ID: &str = \"{}\"", value("StartupWMClass")[0])));
    assert_eq!(value("Icon"), ["dictoscope"]);
    let verbs = verbs();
    for exec in value("Exec") {
        let words: Vec<String> = exec.split(' ').map(str::to_owned).collect();
        assert!(verbs.iter().any(|(verb, _)| *verb == words), "{exec}: no such verb");
    }
    for action in value("Actions")[0].split_terminator(';') {
        assert!(text.contains(&format!("[Desktop Action {action}]")), "{action} is not described");
    }
}

#[test]
fn what_the_deb_holds_is_there_or_is_made() {
    let manifest: Table = read("Cargo.toml").parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let asset = |value: &toml::Value| value[0].as_str().unwrap().to_owned();
    let assets: Vec<String> = deb["assets"].as_array().unwrap().iter().map(asset).collect();
    assert!(assets.contains(&"target/release/dictoscope".to_owned()), "{assets:?}");
    // What is laid out below this folder, stage.sh makes; the Makefile names the same one.
    let staged = "target/packaging/stage/";
    let makefile = read("Makefile");
    assert!(makefile.contains("PACKAGES = target/packaging\n") && makefile.contains("$(PACKAGES)/stage"));
    for path in assets.iter().filter(|path| *path != "target/release/dictoscope" && !path.starts_with(staged)) {
        assert!(root().join(path).exists(), "{path}: of Cargo.toml's assets, is not there");
    }
    let licence = deb["license-file"][0].as_str().unwrap();
    assert!(
        read(licence).starts_with("Format: https://www.debian.org/"),
        "{licence} is no copyright file of Debian's form"
    );
}

#[test]
fn files_that_the_scripts_name_are_there() {
    let mut checked = 0;
    for script in
        ["packaging/linux/stage.sh", "packaging/linux/appimage.sh", "packaging/linux/deb.sh", "packaging/licences.sh"]
    {
        let text = read(script).replace("$here", "packaging/linux");
        for word in text.split(|c: char| c.is_whitespace() || "\"'`()=:;".contains(c)) {
            let ours = ["packaging/", "assets/", "scripts/"].iter().any(|folder| word.starts_with(folder));
            if ours && Path::new(word).extension().is_some() {
                assert!(root().join(word).is_file(), "{script} names {word}, which is not there");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "only {checked} files were found in the scripts");
}

#[test]
fn packages_may_hold_the_licences_that_the_project_allows() {
    let deny: Table = read("deny.toml").parse().unwrap();
    let about: Table = read("packaging/about.toml").parse().unwrap();
    let names = |list: &toml::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let allowed = names(&deny["licenses"]["allow"]);
    for licence in names(&about["accepted"]) {
        assert!(allowed.contains(&licence), "{licence} is in packaging/about.toml and not in deny.toml");
    }
}
