//! The engine of these tests, what it says, and recordings for it.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use dictoscope::{
    decode::{Vocabulary, Word},
    engine::{Engine, ScriptedEngine},
    session::{Command, Engines, Event, Guests, LiveHandle, Session, SessionSettings, Source},
};

use crate::common::{embedded, scripted};

/// Encoder frames from one word to the next: 0.4 s.
pub(crate) const EVERY: u64 = 5;
/// Pieces of the embedded vocabulary that are whole words.
const WORDS: [&str; 7] = ["the", "and", "you", "that", "was", "with", "for"];
/// A debug build on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// What is said on an encoder frame that is divisible by [`EVERY`].
pub(crate) fn word_at(frame: u64) -> &'static str {
    WORDS[(frame / EVERY) as usize % WORDS.len()]
}

pub(crate) fn engine(vocabulary: &Vocabulary) -> ScriptedEngine {
    let pieces = vocabulary.pieces().clone();
    let blank = vocabulary.blank();
    let tokens: Vec<u32> = WORDS
        .iter()
        .map(|word| pieces.iter().position(|piece| piece[..] == format!("▁{word}")).unwrap() as u32)
        .collect();
    ScriptedEngine::new(blank, move |frame, _| {
        let token = if frame % EVERY == 0 { tokens[(frame / EVERY) as usize % tokens.len()] } else { blank.0 };
        ScriptedEngine::one_hot(pieces.len(), token, 5, 1)
    })
}

/// A session without threads.
pub(crate) fn session() -> Session {
    scripted::session(engine(&scripted::vocabulary()), settings())
}

pub(crate) fn settings() -> SessionSettings {
    scripted::settings(0.5)
}

/// The threads, with what `wrap` makes of the engine at each opening.
pub(crate) fn live(guests: Guests, wrap: impl Fn(ScriptedEngine) -> Box<dyn Engine> + Send + 'static) -> LiveHandle {
    let open = move || Ok((embedded(), wrap(engine(&scripted::vocabulary()))));
    LiveHandle::spawn(Engines::only(open), guests, settings(), Arc::new(|| ()))
}

/// Faint noise in a file.
pub(crate) fn recording(path: &Path, secs: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for block in scripted::audio(secs) {
        for sample in block.samples() {
            writer.write_sample((sample * 32_767.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
}

pub(crate) fn play(path: &Path) -> Command {
    Command::Start(Source::File { path: path.to_owned(), real_time: false })
}

/// Takes events until one that `last` knows; committed words are added to `words`.
pub(crate) fn until(live: &mut LiveHandle, words: &mut Vec<Word>, last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let (began, mut events) = (Instant::now(), Vec::new());
    loop {
        while let Some(event) = live.next_event() {
            if let Event::Committed(new) = &event {
                words.extend_from_slice(new);
            }
            let done = last(&event);
            events.push(event);
            if done {
                return events;
            }
        }
        assert!(began.elapsed() < LIMIT, "waited in vain after {} words; {events:?}", words.len());
        thread::sleep(Duration::from_millis(2));
    }
}

/// Each word is the one of its frame, and each later than the one before: none came twice.
pub(crate) fn check_each(words: &[Word]) {
    for word in words {
        assert_eq!((word.start.0 % EVERY, &word.text[..]), (0, word_at(word.start.0)), "{word:?}");
    }
    for pair in words.windows(2) {
        assert!(pair[0].start < pair[1].start, "{pair:?}");
    }
}

/// The same, and every word from frame `from` to before frame `to` is there.
pub(crate) fn check_whole(words: &[Word], from: u64, to: u64) {
    check_each(words);
    let said: Vec<u64> = words.iter().map(|word| word.start.0).filter(|at| (from..to).contains(at)).collect();
    let expected: Vec<u64> = (from.next_multiple_of(EVERY)..to).step_by(EVERY as usize).collect();
    assert_eq!(said, expected);
}
