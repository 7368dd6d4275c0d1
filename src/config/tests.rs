//! The settings file against everything a user, an editor or another version may leave in it.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::{
    AudioSettings, Channel, ConfigError, EngineName, HotkeySettings, Method, OutputSettings, OverlayPlace, OverlayWhen,
    Settings, Theme, TypeMode, WindowSettings, schema,
};
use crate::{
    session::{CustomWords, FeatureNorm, Punctuation, TopK},
    text::{Language, Replacement, TextSettings},
};

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("settings.toml");
    (folder, path)
}

fn changed() -> Settings {
    let mut settings = Settings {
        device: Some("Röde \"NT\" mini".to_owned()),
        theme: Theme::Dark,
        model: Some(std::env::temp_dir().join("model")),
        model_mirror: Some("https://mirror.example".to_owned()),
        threads: Some(3),
        engine: EngineName::OnnxRuntime,
        fallback: Some(EngineName::Rten),
        gpu: Some(1),
        onnxruntime: Some(std::env::temp_dir().join("libonnxruntime.so")),
        ..Settings::default()
    };
    settings.history.keep = false;
    settings.history.days = 30;
    settings.session.window.hop_secs = 0.48;
    settings.session.window.left_secs = 8.0;
    settings.session.window.right_secs = 1.5;
    settings.session.endpoint.enabled = false;
    settings.session.endpoint.onset = 0.75;
    settings.session.endpoint.release = 0.25;
    settings.session.endpoint.silence_secs = 2.0;
    settings.session.endpoint.pre_roll_secs = 0.25;
    settings.session.feature_norm = FeatureNorm::Running;
    settings.session.punctuation = Punctuation::Leading;
    settings.session.top_k = TopK::from(5);
    settings.session.custom_words = CustomWords { words: vec!["Dictoscope".to_owned(), "a b".to_owned()], boost: 2.5 };
    settings.text = TextSettings {
        language: Language::De,
        fillers: true,
        filler_words: vec!["tja".to_owned()],
        commands: true,
        command_table: [("absatz".to_owned(), "\n".to_owned())].into(),
        numbers: true,
        capitals: true,
        replacements: vec![
            Replacement { from: Some("a".to_owned()), to: "b".to_owned(), case: true, ..Replacement::default() },
            Replacement { regex: Some("x+".to_owned()), words: Some(2), ..Replacement::default() },
        ],
    };
    settings.output = OutputSettings {
        mode: TypeMode::Utterance,
        method: Method::Paste,
        trailing_space: false,
        submit: true,
        applications: [("xterm".to_owned(), Method::PasteShift)].into(),
    };
    settings.audio = AudioSettings { channel: Channel(Some(1)), pre_roll_secs: 0.5, tail_secs: 0.25 };
    settings.window = WindowSettings {
        overlay: OverlayWhen::Always,
        overlay_place: OverlayPlace::TopRight,
        start_minimised: true,
        tray: false,
        close_to_tray: true,
        sounds: true,
    };
    settings.hotkeys = HotkeySettings {
        toggle: "Ctrl+Alt+D".parse().ok(),
        push_to_talk: "F9".parse().ok(),
        cancel: "Escape".parse().ok(),
    };
    settings
}

#[test]
fn a_missing_file_means_the_defaults_and_no_notice() {
    let (_folder, path) = folder();
    let loaded = Settings::load(&path);
    assert_eq!(loaded.settings, Settings::default());
    assert!(loaded.notices.is_empty());
}

#[test]
fn what_is_saved_is_what_is_loaded_and_every_key_is_known() {
    let (_folder, path) = folder();
    changed().save(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for (key, _) in schema::KEYS {
        assert!(schema::get(&text.parse().unwrap(), key).is_some(), "{key} is not in\n{text}");
    }
    assert!(schema::unknown(&text.parse().unwrap()).is_empty(), "{text}");
    let loaded = Settings::load(&path);
    assert_eq!(loaded.notices, Vec::<String>::new());
    assert_eq!(loaded.settings, changed());
}

#[test]
fn every_choice_of_the_schema_can_be_read() {
    for (key, kind) in schema::KEYS {
        let schema::Kind::Choice(words) = kind else { continue };
        for word in *words {
            let (_folder, path) = folder();
            let mut table = toml::Table::new();
            schema::set(&mut table, key, toml::Value::String((*word).to_owned()));
            fs::write(&path, table.to_string()).unwrap();
            assert_eq!(Settings::load(&path).notices, Vec::<String>::new(), "{key} = {word}");
        }
    }
}

#[test]
fn unknown_keys_survive_and_defaults_are_not_written() {
    let (_folder, path) = folder();
    fs::write(&path, "future = \"kept\"\n[session.window]\nshape = 3\nright_secs = 0.96\n").unwrap();
    let mut settings = Settings::load(&path).settings;
    settings.theme = Theme::Light;
    settings.save(&path).unwrap();
    let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    assert_eq!(schema::get(&table, "future").and_then(|v| v.as_str()), Some("kept"));
    assert_eq!(schema::get(&table, "session.window.shape").and_then(toml::Value::as_integer), Some(3));
    assert_eq!(schema::get(&table, "theme").and_then(|v| v.as_str()), Some("light"));
    assert!(schema::get(&table, "session.window.right_secs").is_some(), "stood there before");
    assert!(schema::get(&table, "session.window.left_secs").is_none(), "is the default");
    assert_eq!(schema::unknown(&table), ["future", "session.window.shape"]);
}

#[test]
fn a_value_taken_back_leaves_the_file() {
    let (_folder, path) = folder();
    changed().save(&path).unwrap();
    Settings { device: None, ..changed() }.save(&path).unwrap();
    assert_eq!(Settings::load(&path).settings.device, None);
}

#[test]
fn a_broken_file_is_set_aside_and_named() {
    let (folder, path) = folder();
    for n in 1..=2 {
        fs::write(&path, "theme = \"dark\"\ndevice = [oops\n").unwrap();
        let loaded = Settings::load(&path);
        assert_eq!(loaded.settings, Settings::default());
        let aside = format!("settings.toml.broken-{n}");
        assert!(loaded.notices[0].contains(&aside), "{:?}", loaded.notices);
        assert!(loaded.notices[0].contains("line 2"), "{:?}", loaded.notices);
        assert!(folder.path().join(aside).exists());
        assert!(!path.exists());
    }
}

#[test]
fn bytes_that_are_no_text_are_a_broken_file() {
    let (folder, path) = folder();
    fs::write(&path, [0xff, 0xfe, 0x00, 0x3d]).unwrap();
    assert_eq!(Settings::load(&path).notices.len(), 1);
    assert!(folder.path().join("settings.toml.broken-1").exists());
}

#[test]
fn a_wrong_value_is_named_and_the_others_hold() {
    let (folder, path) = folder();
    let text = "theme = \"blue\"\nthreads = 0\nmodel = \"here\"\n[session.window]\nleft_secs = \"five\"\nhop_secs = 1\n\
                [session.endpoint]\nonset = 0.3\nrelease = 0.9\nsilence_secs = nan\n";
    fs::write(&path, text).unwrap();
    let loaded = Settings::load(&path);
    let all = loaded.notices.join("\n");
    for expected in [
        "theme: expected \"system\", \"light\", \"dark\", found \"blue\"",
        "threads: expected a whole number from 1 to 256, found 0",
        "model: expected an absolute path in quotes, found \"here\"",
        "session.window.left_secs: expected a number from 0 to 600, found \"five\"",
        "session.endpoint.release: expected at most session.endpoint.onset (0.3), found 0.9",
        "session.endpoint.silence_secs: expected a number from 0.1 to 60, found nan",
    ] {
        assert!(all.contains(expected), "{expected:?} is not in\n{all}");
    }
    assert_eq!(loaded.notices.len(), 6);
    assert!((loaded.settings.session.window.hop_secs - 1.0).abs() < 1e-9, "a whole number is a number");
    let gate = loaded.settings.session.endpoint;
    assert!((gate.onset, gate.release) == (0.5, 0.35), "a pair that does not fit is left out as a pair");
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "reading changes nothing");

    loaded.settings.save(&path).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("settings.toml.broken-1")).unwrap(), text);
    assert_eq!(Settings::load(&path).notices, Vec::<String>::new());
}

#[test]
fn a_rule_for_text_that_cannot_be_used_is_named_and_costs_no_other() {
    let (_folder, path) = folder();
    let text = "[text]\nwords = [\"Ann\"]\nboost = 99\nfiller_words = [1]\n[text.command_table]\ndot = \".\"\n\
                [[text.replacements]]\nfrom = \"a\"\nto = \"b\"\n[[text.replacements]]\nregex = \"a(b\"\nto = \"\"\n\
                [[text.replacements]]\nfrom = \"c\"\nfor = \"d\"\n";
    fs::write(&path, text).unwrap();
    let loaded = Settings::load(&path);
    let all = loaded.notices.join("\n");
    for expected in [
        "text.boost: expected a number from 0 to 10, found 99",
        "text.filler_words: expected a list of texts that are not empty, found [1]",
        "text.replacements[1].regex: expected a regular expression, found \"a(b\": unclosed group",
        "text.replacements[2]: expected a table with `from` or `regex`, `to`, `case` and `words`, found",
    ] {
        assert!(all.contains(expected), "{expected:?} is not in\n{all}");
    }
    assert_eq!(loaded.notices.len(), 4, "{all}");
    let settings = loaded.settings;
    assert_eq!(settings.session.custom_words, CustomWords { words: vec!["Ann".to_owned()], ..CustomWords::default() });
    assert_eq!(settings.text.replacements.len(), 1);
    assert_eq!(settings.text.command_table["dot"], ".");
}

#[test]
fn a_key_or_a_channel_that_cannot_be_is_named_with_what_could() {
    let (_folder, path) = folder();
    let text = "[audio]\nchannel = \"left\"\npre_roll_secs = 9\n[hotkeys]\ntoggle = \"Ctrl+Foo\"\npush_to_talk = \"D\"\n\
                cancel = 3\n";
    fs::write(&path, text).unwrap();
    let loaded = Settings::load(&path);
    let all = loaded.notices.join("\n");
    for expected in [
        "audio.channel: expected \"mix\" or a channel, counted from 0, found \"left\"; the default is used",
        "audio.pre_roll_secs: expected a number from 0 to 5, found 9",
        "hotkeys.toggle: expected a key: A to Z, 0 to 9, F1 to F24, Space,",
        "found \"Ctrl+Foo\"; no key is taken for it",
        "hotkeys.push_to_talk: expected Ctrl, Alt or Super with D, which alone writes or edits text, found \"D\"",
        "hotkeys.cancel: expected a key with its modifiers (Ctrl, Alt, Shift, Super), as \"Ctrl+Alt+D\" or \"F9\", found 3",
    ] {
        assert!(all.contains(expected), "{expected:?} is not in\n{all}");
    }
    assert_eq!(loaded.settings, Settings::default());
    fs::write(&path, "[audio]\nchannel = 0\n[hotkeys]\ntoggle = \"F9\"\ncancel = \"f9\"\n").unwrap();
    let loaded = Settings::load(&path);
    let expected = "hotkeys.cancel: expected another key than that of hotkeys.toggle, found \"F9\"";
    assert!(loaded.notices.len() == 1 && loaded.notices[0].contains(expected), "{:?}", loaded.notices);
    assert_eq!(loaded.settings.audio.listening().channel, Some(0));
    assert!(loaded.settings.hotkeys.toggle.is_some() && loaded.settings.hotkeys.cancel.is_none());
}

#[test]
fn a_gate_score_must_fit_the_default_of_the_other() {
    for (line, expected) in [
        ("release = 0.8", "session.endpoint.release: expected at most session.endpoint.onset (0.5), found 0.8"),
        ("onset = 0.1", "session.endpoint.onset: expected at least session.endpoint.release (0.3"),
    ] {
        let (_folder, path) = folder();
        fs::write(&path, format!("[session.endpoint]\n{line}\n")).unwrap();
        let loaded = Settings::load(&path);
        assert!(loaded.notices[0].contains(expected), "{:?}", loaded.notices);
        assert_eq!(loaded.settings, Settings::default());
    }
}

#[test]
fn numbers_are_written_as_a_person_would() {
    let (_folder, path) = folder();
    let mut settings = Settings::default();
    settings.session.endpoint.release = 0.3;
    settings.save(&path).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("release = 0.3\n"));
}

#[test]
fn a_table_that_is_no_table_is_named() {
    let (_folder, path) = folder();
    fs::write(&path, "session = 3\n").unwrap();
    let loaded = Settings::load(&path);
    assert!(loaded.notices[0].contains("session: expected a table, found 3"), "{:?}", loaded.notices);
    changed().save(&path).unwrap();
    assert_eq!(Settings::load(&path).settings, changed());
}

#[test]
fn a_file_of_a_newer_program_stays_as_it_is() {
    let (_folder, path) = folder();
    let text = "schema_version = 2\ntheme = \"dark\"\n";
    fs::write(&path, text).unwrap();
    let loaded = Settings::load(&path);
    assert_eq!(loaded.settings, Settings::default());
    assert!(loaded.notices[0].contains("newer"), "{:?}", loaded.notices);
    assert!(matches!(changed().save(&path), Err(ConfigError::Newer { found: 2, .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_with_its_path() {
    let (folder, _) = folder();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let path = file.join("settings.toml");
    let error = changed().save(&path).unwrap_err();
    assert!(error.to_string().contains("settings.toml"), "{error}");
    assert_eq!(Settings::load(&path).settings, Settings::default());
}

#[test]
fn saving_leaves_nothing_beside_the_file() {
    let (folder, path) = folder();
    changed().save(&path).unwrap();
    changed().save(&path).unwrap();
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["settings.toml"]);
}

#[cfg(unix)]
#[test]
fn a_linked_settings_file_stays_a_link() {
    let (folder, path) = folder();
    let real = folder.path().join("dotfiles.toml");
    fs::write(&real, "theme = \"dark\"\n").unwrap();
    std::os::unix::fs::symlink(&real, &path).unwrap();
    changed().save(&path).unwrap();
    assert!(path.symlink_metadata().unwrap().is_symlink());
    assert_eq!(Settings::load(&real).settings, changed());
}
