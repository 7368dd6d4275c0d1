//! Disks that take nothing, or no more: the words come all the same, and a message names the file.

use std::{fs, path::Path};

use dictoscope::output::{Journal, Retention};
use tempfile::TempDir;

/// A journal as it stands on the disk, each line with the time at which the clock stood.
fn write_journal(folder: &Path, id: &str, at: [i64; 3]) {
    let [began, word, ended] = at;
    let text = format!(
        "{{\"kind\":\"begin\",\"format\":\"dictoscope-journal-1\",\"at\":{began},\"source\":\"s\",\"engine\":\"e\",\"model\":\"m\"}}\n\
         {{\"kind\":\"words\",\"at\":{word},\"words\":[{{\"text\":\"yes\",\"start\":0.4,\"end\":0.48}}]}}\n\
         {{\"kind\":\"utterance\",\"end\":1.0}}\n{{\"kind\":\"end\",\"at\":{ended}}}\n"
    );
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{id}.jsonl")), text).unwrap();
}

#[test]
fn a_clock_that_is_turned_back_costs_no_dictation() {
    let folder = TempDir::new().unwrap();
    let now = 1_795_600_000_000;
    let day = 86_400_000;
    // Turned back by an hour while it was written.
    write_journal(folder.path(), "20261125-101500", [now, now - 3_600_000, now - 3_500_000]);
    // Written while the clock stood at its beginning, as on a machine whose battery is empty.
    write_journal(folder.path(), "19700101-000100", [60_000, 61_000, 62_000]);
    // Written while it stood in the future.
    write_journal(folder.path(), "20991231-101500", [now + 20_000 * day; 3]);
    write_journal(folder.path(), "20260101-101500", [now - 300 * day; 3]);
    let journal = Journal::new(folder.path().to_owned());
    assert_eq!(journal.read("20261125-101500").unwrap().text(), "yes");
    assert_eq!(journal.forget(Retention::Days(30), now).unwrap(), 1, "only the one that is old by a clock that went");
    assert_eq!(journal.ids().unwrap(), ["20991231-101500", "20261125-101500", "19700101-000100"]);
}

#[cfg(target_os = "linux")]
mod full {
    use std::{
        fs,
        path::{Path, PathBuf},
        process::{Command, Output},
    };

    use dictoscope::{output::Journal, session::SessionSettings};
    use tempfile::TempDir;

    use crate::common::{blocks, clip, run, stream};

    /// Where nobody can make a folder, not even root.
    const NOWHERE: &str = "/sys/dictoscope";

    struct Room {
        folder: TempDir,
    }

    impl Room {
        fn new() -> Self {
            Self { folder: TempDir::new().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// The program, with files that may grow to so many bytes, in halves of a kilobyte.
        fn run(&self, halves: &str, data: &Path, arguments: &[&str]) -> Output {
            // A limit without its signal is a disk that is full.
            let script = format!("trap '' XFSZ; ulimit -f {halves}; exec \"$0\" \"$@\"");
            Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_dictoscope")])
                .args(arguments)
                .env("DICTOSCOPE_CONFIG_DIR", self.path("config"))
                .env("DICTOSCOPE_DATA_DIR", data)
                .env("DICTOSCOPE_RUNTIME_DIR", self.path("run"))
                .env_remove("DISPLAY")
                .env_remove("WAYLAND_DISPLAY")
                .output()
                .unwrap()
        }
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn a_disk_that_fills_while_the_journal_is_written_is_told_and_every_word_is_shown() {
        let room = Room::new();
        let file = clip("letter.flac");
        let output = room.run("1", &room.path("data"), &["dictate", "--file", file.to_str().unwrap()]);
        let (shown, told) = (text(&output.stdout), text(&output.stderr));
        let expected = run(&mut stream(SessionSettings::default()), blocks(&file)).text();
        assert_eq!(words(&shown), words(&expected), "{told}");
        assert!(told.contains("history") && told.contains("journal is incomplete"), "{told}");
        // What found room is there to be read.
        let journal = Journal::new(room.path("data/history"));
        let kept = journal.read(&journal.ids().unwrap()[0]).unwrap().text();
        assert!(!kept.is_empty() && expected.starts_with(&kept), "{kept}");
    }

    #[test]
    fn a_data_folder_that_takes_nothing_is_told_and_every_word_is_shown() {
        let room = Room::new();
        let file = clip("short.flac");
        let output = room.run("unlimited", Path::new(NOWHERE), &["dictate", "--file", file.to_str().unwrap()]);
        let (shown, told) = (text(&output.stdout), text(&output.stderr));
        let expected = run(&mut stream(SessionSettings::default()), blocks(&file)).text();
        assert_eq!(words(&shown), words(&expected), "{told}");
        assert!(told.contains(NOWHERE) && told.contains("is not kept"), "{told}");
    }

    #[test]
    fn a_disk_that_fills_while_a_trace_is_written_is_told_and_every_word_is_shown() {
        let room = Room::new();
        let (file, trace) = (clip("short.flac"), room.path("trace.jsonl"));
        let arguments = ["dictate", "--file", file.to_str().unwrap(), "--trace", trace.to_str().unwrap()];
        let output = room.run("8", &room.path("data"), &arguments);
        let (shown, told) = (text(&output.stdout), text(&output.stderr));
        let expected = run(&mut stream(SessionSettings::default()), blocks(&file)).text();
        assert_eq!(words(&shown), words(&expected), "{told}");
        assert!(told.contains("trace.jsonl"), "{told}");
        assert!(fs::metadata(&trace).unwrap().len() <= 8 * 1024, "the limit held");
    }

    #[test]
    fn settings_that_find_no_room_are_told_and_those_before_stay_whole() {
        let room = Room::new();
        let (data, settings) = (room.path("data"), room.path("config/settings.toml"));
        let before = "schema_version = 1\ntheme = \"dark\"\nmine = \"kept\"\n";
        fs::create_dir_all(room.path("config")).unwrap();
        fs::write(&settings, before).unwrap();
        let output = room.run("0", &data, &["models", "default", "built-in"]);
        let told = text(&output.stderr);
        assert!(!output.status.success() && told.contains("settings.toml"), "{told}");
        assert_eq!(fs::read_to_string(&settings).unwrap(), before);
    }
}
