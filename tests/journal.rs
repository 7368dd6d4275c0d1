//! The journal: every committed word is on the disk, in a file only its user can read, and comes back after any end.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{THREADS, blocks, clip, embedded, stream};
use dictoscope::{
    engine::EngineInfo,
    output::{Dictation, ExportFormat, Journal, JournalError, JournalWriter, Retention, export},
    session::{Command, Engines, Event, Guests, LiveHandle, Session, SessionSettings, Source},
    text::{Replacement, Rules, TextCare, TextSettings},
};
use tempfile::TempDir;

fn journal() -> (TempDir, Journal) {
    let folder = TempDir::new().unwrap();
    let journal = Journal::new(folder.path().join("history"));
    (folder, journal)
}

fn info() -> EngineInfo {
    EngineInfo { engine: "rten 0".into(), device: "CPU".into(), model: "a model".into(), ..EngineInfo::default() }
}

/// Dictates a clip into the journal; what the session said.
fn dictate(journal: &Journal, name: &str) -> common::Heard {
    let mut session: Session = stream(SessionSettings::default());
    let mut heard = common::Heard::default();
    let mut writer = JournalWriter::new(journal, name.to_owned(), &info());
    for block in blocks(&clip(name)) {
        session.push(&block, &mut (&mut heard, &mut writer)).unwrap();
    }
    session.finish(&mut (&mut heard, &mut writer)).unwrap();
    heard
}

fn newest(journal: &Journal) -> Dictation {
    journal.read(&journal.ids().unwrap()[0]).unwrap()
}

#[test]
fn what_was_committed_is_what_is_read_back() {
    let (_folder, journal) = journal();
    assert_eq!(journal.ids().unwrap(), Vec::<String>::new(), "there is no folder yet");
    let heard = dictate(&journal, "letter.flac");
    let dictation = newest(&journal);
    assert_eq!(dictation.text().replace('\n', " "), heard.text());
    assert_eq!(dictation.utterances.len(), heard.ends.len());
    assert!(dictation.ended && !dictation.torn);
    assert_eq!((dictation.source.as_str(), dictation.model.as_str()), ("letter.flac", "a model"));
    let words = dictation.utterances.concat();
    let origin = heard.starts[0].secs();
    for (kept, word) in words.iter().zip(&heard.words) {
        assert!((kept.start - (word.start.secs() - origin)).abs() < 1e-9, "{kept:?}");
        assert!(kept.start >= 0.0 && kept.end >= kept.start);
    }
    let (found, faults) = journal.search("LETTER").unwrap();
    assert_eq!((found.len(), faults.len()), (usize::from(heard.text().to_lowercase().contains("letter")), 0));
    assert_eq!(journal.search("no such words").unwrap().0.len(), 0);
    journal.delete(&dictation.id).unwrap();
    assert!(matches!(journal.read(&dictation.id), Err(JournalError::Unknown { .. })));
}

#[test]
fn what_rules_made_is_kept_beside_the_words_and_read_and_exported() {
    let (_folder, journal) = journal();
    let from =
        |from: &str, to: &str| Replacement { from: Some(from.to_owned()), to: to.to_owned(), ..Replacement::default() };
    let replacements = vec![from("seven ships", "a fleet"), from("and more than", "")];
    let (rules, _) = Rules::new(&TextSettings { replacements, numbers: true, ..TextSettings::default() });
    let mut session: Session = stream(SessionSettings::default());
    let mut heard = common::Heard::default();
    let mut writer = JournalWriter::new(&journal, "numbers".to_owned(), &info()).caring(TextCare::new(Arc::new(rules)));
    for block in blocks(&clip("numbers.flac")) {
        session.push(&block, &mut (&mut heard, &mut writer)).unwrap();
    }
    session.finish(&mut (&mut heard, &mut writer)).unwrap();
    drop(writer);
    let dictation = newest(&journal);
    let raw: Vec<&str> = dictation.utterances.iter().flatten().map(|word| word.text.as_str()).collect();
    assert_eq!(raw, heard.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), "nothing is lost");
    let text = dictation.text();
    assert!(text.starts_with("She counted a fleet, 12 boats, a hundred"), "{text}");
    assert_eq!(dictation.changes.len(), 3, "{:?}", dictation.changes);
    let fleet = &dictation.cared()[0][2];
    assert_eq!(
        (fleet.text.as_str(), fleet.start, fleet.end),
        ("a fleet,", dictation.utterances[0][2].start, dictation.utterances[0][3].end)
    );
    assert!(export(&dictation, ExportFormat::Srt).contains("a fleet,"));
    assert_eq!(journal.search("fleet").unwrap().0.len(), 1);
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, journal) = journal();
    dictate(&journal, "short.flac");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(journal.folder()), 0o700);
    for entry in fs::read_dir(journal.folder()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn silence_makes_no_file() {
    let (_folder, journal) = journal();
    let mut session = stream(SessionSettings::default());
    let mut writer = JournalWriter::new(&journal, "silence".to_owned(), &info());
    for block in common::scripted::audio(3.0) {
        session.push(&block, &mut writer).unwrap();
    }
    session.finish(&mut writer).unwrap();
    drop(writer);
    assert!(journal.ids().unwrap().is_empty());
}

#[test]
fn a_file_cut_off_anywhere_gives_all_whole_lines_and_is_never_refused() {
    let (_folder, journal) = journal();
    dictate(&journal, "short.flac");
    let whole = newest(&journal);
    let path = journal.folder().join(format!("{}.jsonl", whole.id));
    let bytes = fs::read(&path).unwrap();
    let first_line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut seen = 0;
    for length in first_line..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let found = newest(&journal);
        let words = found.utterances.concat();
        assert_eq!(words, whole.utterances.concat()[..words.len()], "{length}");
        assert!(words.len() >= seen, "{length}: words went away");
        assert!(!found.ended || length + 1 == bytes.len(), "{length}");
        seen = words.len();
    }
    assert_eq!(seen, whole.utterances.concat().len());
    // In the middle it is damage, and named.
    let mut damaged = bytes.clone();
    damaged[first_line] = b'?';
    fs::write(&path, &damaged).unwrap();
    let error = journal.read(&whole.id).unwrap_err();
    assert!(matches!(error, JournalError::Line { line: 2, .. }), "{error}");
    let (found, faults) = journal.list().unwrap();
    assert_eq!((found.len(), faults.len()), (0, 1));
}

#[test]
fn names_lead_nowhere_else() {
    let (folder, journal) = journal();
    fs::write(folder.path().join("secret.jsonl"), "{}").unwrap();
    for id in ["../secret", "", "/etc/passwd", "a.b"] {
        assert!(matches!(journal.read(id), Err(JournalError::Unknown { .. })), "{id}");
        assert!(matches!(journal.delete(id), Err(JournalError::Unknown { .. })), "{id}");
    }
}

#[test]
fn old_ones_are_forgotten_only_if_that_was_asked() {
    let (_folder, journal) = journal();
    dictate(&journal, "short.flac");
    let at = newest(&journal).at;
    let day = 86_400_000;
    assert_eq!(journal.forget(Retention::Forever, at + 10_000 * day).unwrap(), 0);
    assert_eq!(journal.forget(Retention::Days(30), at + 30 * day).unwrap(), 0);
    assert_eq!(journal.forget(Retention::Days(30), at + 31 * day).unwrap(), 1);
    assert!(journal.ids().unwrap().is_empty());
}

#[test]
fn a_journal_that_cannot_be_written_is_told_and_dictation_goes_on() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let journal = Journal::new(file.join("history"));
    let opener = || {
        let model = embedded();
        let engine = model.open_rten(THREADS).map_err(|error| error.to_string())?;
        Ok((model, engine))
    };
    let guests = Guests {
        journal: Some(Box::new(move |source, info| Box::new(JournalWriter::new(&journal, source.to_owned(), info)))),
        ..Guests::default()
    };
    let (wake, woken) = crossbeam_channel::bounded(1);
    let waker = Arc::new(move || {
        let _ = wake.try_send(());
    });
    let mut live = LiveHandle::spawn(Engines::only(opener), guests, SessionSettings::default(), waker);
    live.send(Command::Start(Source::File { path: clip("short.flac"), real_time: false }));
    let (mut notices, mut words, mut stopped) = (Vec::new(), 0, false);
    let until = Instant::now() + Duration::from_mins(2);
    while !stopped && Instant::now() < until {
        let _ = woken.recv_timeout(Duration::from_millis(50));
        while let Some(event) = live.next_event() {
            match event {
                Event::Notice(text) => notices.push(text),
                Event::Committed(new) => words += new.len(),
                Event::Stopped => stopped = true,
                _ => {}
            }
        }
    }
    assert!(stopped && words > 0);
    let told = notices.iter().filter(|text| text.contains("a file") && text.contains("is not kept")).count();
    assert_eq!(told, 1, "{notices:?}");
}
