//! Audio that waits: an engine slower than speech, and rings that overflow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use dictoscope::{
    audio::{AudioBlock, CaptureEvent},
    decode::Word,
    engine::{EncoderOutput, Engine, EngineError, EngineInfo, JointLogits, Prediction, PredictorState, TokenId},
    features::FeatureFrames,
    session::Session,
};

use crate::{
    common::Heard,
    device::{Device, capture, event},
    script::{LIMIT, check_each, check_whole, session},
};

/// An engine with something before each encoder call.
pub(crate) struct Slow<E> {
    pub(crate) inner: E,
    pub(crate) on_encode: Box<dyn FnMut() + Send>,
}

impl<E: Engine> Engine for Slow<E> {
    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    fn encode(&mut self, input: &FeatureFrames, out: &mut EncoderOutput) -> Result<(), EngineError> {
        (self.on_encode)();
        self.inner.encode(input, out)
    }

    fn predict(&mut self, token: TokenId, state: &PredictorState, out: &mut Prediction) -> Result<(), EngineError> {
        self.inner.predict(token, state, out)
    }

    fn joint(&mut self, frame: &[f32], prediction: &Prediction, out: &mut JointLogits) -> Result<(), EngineError> {
        self.inner.joint(frame, prediction, out)
    }
}

/// Seconds of 16 kHz audio in blocks.
fn secs(blocks: usize) -> f64 {
    blocks as f64 * 0.01
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// What a session makes of everything in the ring.
fn heard(session: &mut Session, blocks: &mut rtrb::Consumer<AudioBlock>) -> Heard {
    let mut heard = Heard::default();
    while let Ok(block) = blocks.pop() {
        session.push(&block, &mut heard).unwrap();
    }
    session.finish(&mut heard).unwrap();
    heard
}

/// The last encoder frame that is whole in the samples of a session that ends at `words`' last.
fn last_frame(words: &[Word]) -> u64 {
    words.last().map_or(0, |word| word.start.0 + 1)
}

#[test]
fn a_minute_without_an_engine_loses_nothing_and_the_text_catches_up() {
    let device = Device { pace: Duration::from_millis(2), ..Device::default() };
    let (capture, mut blocks) = capture(&device);
    // Nobody takes a block: an engine 10 times too slow is so far behind after 67 s of speech.
    wait("a minute waits", || secs(blocks.slots()) > 60.5);
    let stats = capture.stop();
    assert_eq!((stats.lost_samples, stats.overrun_frames), (0, 0));
    let heard = heard(&mut session(), &mut blocks);
    assert!(heard.gaps.is_empty(), "{:?}", heard.gaps);
    check_whole(&heard.words, 0, last_frame(&heard.words));
    assert!(heard.words.len() > 148, "{} words in 60 s", heard.words.len());
}

#[test]
fn what_finds_no_room_after_two_minutes_is_told_and_the_rest_is_whole() {
    let device = Device { pace: Duration::from_millis(1), ..Device::default() };
    let (capture, mut blocks) = capture(&device);
    wait("the ring is full", || secs(blocks.slots()) > 119.9);
    thread::sleep(Duration::from_millis(300));
    let mut session = session();
    let mut heard = Heard::default();
    while let Ok(block) = blocks.pop() {
        session.push(&block, &mut heard).unwrap();
    }
    let lost = loop {
        match event(&capture) {
            CaptureEvent::Lost { samples, .. } => break samples,
            CaptureEvent::Started { .. } => {}
            other => panic!("expected a loss, found {other:?}"),
        }
    };
    wait("audio comes again", || blocks.slots() > 100);
    capture.stop();
    while let Ok(block) = blocks.pop() {
        session.push(&block, &mut heard).unwrap();
    }
    session.finish(&mut heard).unwrap();
    assert!(lost > 0);
    let told: u64 = heard.gaps.iter().map(|(_, samples)| samples).sum();
    assert!(told >= lost, "{told} of {lost}");
    check_each(&heard.words);
    // The first gap ends there; there may be more.
    let (after, samples) = heard.gaps[0];
    check_whole(&heard.words, 0, (after.0 - samples) / 1280 - 2);
}

#[test]
fn a_callback_with_more_than_the_device_ring_holds_is_counted_and_told() {
    let device = Device { burst: Arc::new(AtomicBool::new(false)), ..Device::default() };
    let (capture, mut blocks) = capture(&device);
    assert!(matches!(event(&capture), CaptureEvent::Started { .. }));
    wait("audio comes", || blocks.slots() > 20);
    device.burst.store(true, Ordering::SeqCst);
    let CaptureEvent::Lost { samples, .. } = event(&capture) else { panic!("expected a loss") };
    // 3 s at once into a ring of 2 s that was nearly empty.
    assert!((14_000..20_000).contains(&samples), "{samples}");
    let before = blocks.slots();
    wait("audio comes again", || blocks.slots() > before + 50);
    let stats = capture.stop();
    assert!(stats.overrun_frames > 0);
    let heard = heard(&mut session(), &mut blocks);
    check_each(&heard.words);
    let told: u64 = heard.gaps.iter().map(|(_, samples)| samples).sum();
    assert_eq!(told, stats.lost_samples);
}
