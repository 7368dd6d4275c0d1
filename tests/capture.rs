//! The capture thread, without a sound card: a scripted device stands in for it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cpal::{Error, ErrorKind, InputCallbackInfo, InputStreamTimestamp, StreamInstant};
use dictoscope::audio::{
    AudioBlock, AudioError, Capture, CaptureConfig, CaptureEvent, Downmix, OpenStream, StreamSource, data_callback,
    error_callback, input_ring,
};

const RATE_HZ: u32 = 48_000;
/// Samples of one callback: 40 ms.
const CALLBACK: usize = 1920;

/// A microphone that counts upwards: sample `n` of a stream has the value `n / 2^24`, so that every sample is known.
#[derive(Clone, Default)]
struct Script {
    /// Openings that are to fail.
    refuse: Arc<AtomicU32>,
    /// Callbacks and errors go on only while this is false.
    mute: Arc<AtomicBool>,
    /// The stream reports an error.
    fail: Arc<AtomicBool>,
    /// Dropping the stream hangs, as ALSA's Pulse plugin does.
    hang: Arc<AtomicBool>,
    /// Callbacks delivered in all streams.
    callbacks: Arc<AtomicUsize>,
    /// Streams that are open.
    open: Arc<AtomicUsize>,
    /// The name asked for at each opening.
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

struct Stream {
    stop: Arc<AtomicBool>,
    script: Script,
    device: Option<thread::JoinHandle<()>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(device) = self.device.take() {
            device.join().expect("the device does not panic");
        }
        self.script.open.fetch_sub(1, Ordering::SeqCst);
        while self.script.hang.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl StreamSource for Script {
    fn open(&self, config: &CaptureConfig, _: Option<&str>) -> Result<OpenStream, AudioError> {
        self.asked.lock().expect("no panic").push(config.device.clone());
        let refused = self.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if refused {
            return Err(AudioError::NoInputDevice { host: "Script".to_owned(), reason: "unplugged".to_owned() });
        }
        let (writer, reader) = input_ring(RATE_HZ, 1, Downmix::Mean);
        let mut on_data = data_callback::<f32>(writer);
        let mut on_error = error_callback(Arc::clone(&reader.counters));
        let stop = Arc::new(AtomicBool::new(false));
        let (script, stopped) = (self.clone(), Arc::clone(&stop));
        self.open.fetch_add(1, Ordering::SeqCst);
        let device = thread::Builder::new()
            .name("device".to_owned())
            .spawn(move || {
                let at = InputStreamTimestamp { callback: StreamInstant::ZERO, capture: StreamInstant::ZERO };
                let info = InputCallbackInfo::new(at);
                let mut next = Instant::now();
                let mut sample = 0u32;
                while !stopped.load(Ordering::SeqCst) {
                    next += Duration::from_millis(40);
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                    if script.fail.swap(false, Ordering::SeqCst) {
                        on_error(Error::new(ErrorKind::StreamInvalidated));
                        break;
                    }
                    if !script.mute.load(Ordering::SeqCst) {
                        let data: Vec<f32> = (sample..sample + CALLBACK as u32).map(value).collect();
                        sample += CALLBACK as u32;
                        on_data(&data, &info);
                        script.callbacks.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
            .expect("a thread");
        Ok(OpenStream {
            device: "script".to_owned(),
            host: "Script".to_owned(),
            rate_hz: RATE_HZ,
            channels: 1,
            reader,
            stream: Box::new(Stream { stop, script: self.clone(), device: Some(device) }),
        })
    }
}

fn value(sample: u32) -> f32 {
    sample as f32 / 16_777_216.0
}

fn start(script: &Script) -> (Capture, rtrb::Consumer<AudioBlock>) {
    Capture::start_from(script.clone(), CaptureConfig::default(), || ()).expect("it opens")
}

fn drain(blocks: &mut rtrb::Consumer<AudioBlock>) -> Vec<AudioBlock> {
    std::iter::from_fn(|| blocks.pop().ok()).collect()
}

/// The next event, waiting for as long as a slow machine needs.
fn event(capture: &Capture) -> CaptureEvent {
    capture.events().recv_timeout(Duration::from_secs(10)).expect("an event")
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited 10 s until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn stop_hands_on_everything_the_device_delivered() {
    let script = Script::default();
    let (capture, mut blocks) = start(&script);
    assert!(matches!(
        event(&capture),
        CaptureEvent::Started { device, host, rate_hz: RATE_HZ, channels: 1, .. } if device == "script" && host == "Script"
    ));
    wait_until("ten callbacks came", || script.callbacks.load(Ordering::SeqCst) >= 10);
    let asked = Instant::now();
    let stats = capture.stop();
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert!(blocks.is_abandoned());
    assert_eq!(script.open.load(Ordering::SeqCst), 0, "the stream is closed");

    let delivered = script.callbacks.load(Ordering::SeqCst) * CALLBACK;
    assert!(delivered >= 11 * CALLBACK, "the callback after the request is waited for");
    let blocks = drain(&mut blocks);
    let samples: Vec<f32> = blocks.iter().flat_map(|block| block.samples().to_vec()).collect();
    assert_eq!(samples.len(), delivered / 3);
    assert_eq!((stats.received_frames, stats.delivered_samples), (delivered as u64, samples.len() as u64));
    assert_eq!((stats.lost_samples, stats.overrun_frames), (0, 0));
    let (last, full) = blocks.split_last().expect("blocks");
    assert!(full.iter().all(|block| block.samples().len() == 160));
    assert!(last.samples().len() <= 160);
    for pair in blocks.windows(2) {
        assert_eq!(pair[1].start, pair[0].end());
    }
    // The ramp comes out where it went in: no delay, no hole. The filter rings at both ends.
    for (i, sample) in samples.iter().enumerate().skip(200).take(samples.len() - 400) {
        let expected = value(i as u32 * 3);
        assert!((sample - expected).abs() < 3e-6, "sample {i}: expected {expected}, found {sample}");
    }
}

#[test]
fn start_stop_start_leaks_no_samples() {
    let script = Script::default();
    for _ in 0..3 {
        let (capture, mut blocks) = start(&script);
        wait_until("blocks are there", || blocks.slots() >= 8);
        let first = blocks.pop().expect("a block");
        assert_eq!(first.start.0, 0);
        // A stream's ramp begins at 0; what was left of the stream before lay higher.
        assert!(first.samples()[100] < value(600), "found {}", first.samples()[100]);
        capture.stop();
        assert!(blocks.is_abandoned());
    }
    assert_eq!(script.open.load(Ordering::SeqCst), 0);
}

#[test]
fn a_lost_device_comes_back_and_the_time_away_is_a_jump() {
    let script = Script::default();
    let config = CaptureConfig { device: Some("pinned".to_owned()), ..CaptureConfig::default() };
    let (capture, mut blocks) = Capture::start_from(script.clone(), config, || ()).expect("it opens");
    assert!(matches!(event(&capture), CaptureEvent::Started { .. }));
    wait_until("blocks are there", || blocks.slots() >= 20);
    script.refuse.store(2, Ordering::SeqCst);
    let failed = Instant::now();
    script.fail.store(true, Ordering::SeqCst);
    assert!(matches!(event(&capture), CaptureEvent::DeviceLost { reason } if reason.contains("sound server")));
    let CaptureEvent::Lost { at, samples } = event(&capture) else { panic!("the loss comes first") };
    assert!(matches!(event(&capture), CaptureEvent::DeviceBack { device } if device == "script"));
    let away = failed.elapsed().as_secs_f64();
    let mut seen = Vec::new();
    wait_until("blocks follow the jump", || {
        seen.extend(drain(&mut blocks));
        seen.last().is_some_and(|block| block.start > at)
    });
    let stats = capture.stop();
    seen.extend(drain(&mut blocks));

    let jumps: Vec<(AudioBlock, AudioBlock)> =
        seen.windows(2).filter(|pair| pair[1].start != pair[0].end()).map(|pair| (pair[0], pair[1])).collect();
    let [(before, after)] = jumps.as_slice() else { panic!("one jump, found {}", jumps.len()) };
    assert_eq!(after.start, at);
    assert_eq!(after.start.0 % 160, 0);
    let jump = after.start.0 - before.end().0;
    assert!(jump.abs_diff(samples) <= 160, "jump {jump}, lost {samples}");
    let secs = samples as f64 / 16_000.0;
    // Two refusals 300 ms apart, the callbacks before and after: at least 0.55 s.
    assert!((0.5..away + 0.1).contains(&secs), "lost {secs} s of {away} s");
    assert_eq!((stats.device_losses, stats.lost_samples), (1, samples));
    let asked = script.asked.lock().expect("no panic");
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|device| device.as_deref() == Some("pinned")));
}

#[test]
fn a_device_that_falls_silent_without_a_word_is_reopened_even_if_it_cannot_be_closed() {
    let script = Script::default();
    let (capture, mut blocks) = start(&script);
    assert!(matches!(event(&capture), CaptureEvent::Started { .. }));
    script.hang.store(true, Ordering::SeqCst);
    script.mute.store(true, Ordering::SeqCst);
    let silent = Instant::now();
    assert!(matches!(event(&capture), CaptureEvent::DeviceLost { reason } if reason.contains("2.5 s")));
    assert!((2.4..4.0).contains(&silent.elapsed().as_secs_f64()), "{:?}", silent.elapsed());
    script.mute.store(false, Ordering::SeqCst);
    assert!(matches!(event(&capture), CaptureEvent::Lost { samples, .. } if samples > 40_000));
    assert!(matches!(event(&capture), CaptureEvent::DeviceBack { .. }));
    script.hang.store(false, Ordering::SeqCst);
    capture.stop();
    assert!(!drain(&mut blocks).is_empty());
}

#[test]
fn stop_does_not_wait_for_a_stream_that_cannot_be_closed() {
    let script = Script::default();
    let (capture, mut blocks) = start(&script);
    wait_until("blocks are there", || blocks.slots() >= 8);
    script.hang.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    capture.stop();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(blocks.is_abandoned());
    assert!(!drain(&mut blocks).is_empty());
    script.hang.store(false, Ordering::SeqCst);
}

#[test]
fn a_missing_device_is_told_at_the_start() {
    let script = Script::default();
    script.refuse.store(1, Ordering::SeqCst);
    let error = Capture::start_from(script, CaptureConfig::default(), || ()).expect_err("it is unplugged");
    let message = error.to_string();
    assert!(message.contains("unplugged") && message.contains("dictoscope transcribe"), "{message}");
}

#[test]
fn the_level_is_seen_from_another_thread_and_the_waker_is_called() {
    let script = Script::default();
    let wakes = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&wakes);
    let began = Instant::now();
    let (capture, _blocks) = Capture::start_from(script, CaptureConfig::default(), move || {
        counted.fetch_add(1, Ordering::SeqCst);
    })
    .expect("it opens");
    let level = capture.level_reader();
    let seen = thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || wait_until("the level rises", || level.level().peak > 0.0 && level.level().rms > 0.0))
        .expect("a thread");
    seen.join().expect("a level");
    wait_until("the waker is called", || wakes.load(Ordering::SeqCst) > 3);
    assert!(u128::from(wakes.load(Ordering::SeqCst)) <= began.elapsed().as_millis() / 10 + 1);
    capture.stop();
}

#[test]
fn nobody_listening_ends_the_capture() {
    let script = Script::default();
    let (capture, blocks) = start(&script);
    drop(blocks);
    wait_until("the stream is closed", || script.open.load(Ordering::SeqCst) == 0);
    capture.stop();
}

#[test]
fn dropping_the_capture_ends_it() {
    let script = Script::default();
    let (capture, blocks) = start(&script);
    drop(capture);
    wait_until("the ring of blocks is closed", || blocks.is_abandoned());
    assert_eq!(script.open.load(Ordering::SeqCst), 0);
}
