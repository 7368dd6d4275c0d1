//! The capture thread step by step, with a clock turned by hand and a device played by the test.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

use super::{
    CaptureConfig, CaptureEvent, LevelReader, OpenStream, StreamSource,
    gate::Gate,
    outlet::Outlet,
    worker::{Order, Worker},
};
use crate::audio::{AudioBlock, AudioError, Downmix, InputWriter, StreamFault, enter_rt, ring_of, rt::RtCounters};

/// What the audio thread of a stream holds.
type AudioThread = (InputWriter, Arc<RtCounters>);

/// A device that the test plays by hand: 16 kHz mono, so positions can be checked to the sample.
#[derive(Default)]
pub(super) struct Bench {
    /// The audio thread's end of the newest stream.
    pub(super) writer: Mutex<Option<AudioThread>>,
    /// Outcomes of the next openings; beyond them, all succeed.
    refusals: Mutex<Vec<AudioError>>,
    /// What `same_host` was at each opening.
    pub(super) hosts: Mutex<Vec<Option<String>>>,
}

impl StreamSource for Bench {
    fn open(&self, _: &CaptureConfig, same_host: Option<&str>) -> Result<OpenStream, AudioError> {
        self.hosts.lock().expect("no panic").push(same_host.map(str::to_owned));
        if let Some(refusal) = self.refusals.lock().expect("no panic").pop() {
            return Err(refusal);
        }
        let (writer, reader) = ring_of(32_000, 1, Downmix::Mean);
        *self.writer.lock().expect("no panic") = Some((writer, Arc::clone(&reader.counters)));
        let (device, host) = ("bench".to_owned(), "Bench".to_owned());
        Ok(OpenStream { device, host, rate_hz: 16_000, channels: 1, reader, stream: Box::new(()) })
    }
}

/// A worker whose clock is turned by hand.
pub(super) struct Stand {
    pub(super) bench: Arc<Bench>,
    pub(super) worker: Worker<Bench>,
    pub(super) blocks: rtrb::Consumer<AudioBlock>,
    events: Receiver<CaptureEvent>,
    pub(super) level: LevelReader,
    opened: Receiver<Result<(), AudioError>>,
    pub(super) now: Instant,
}

impl Stand {
    /// With a dictation from the first sample on.
    pub(super) fn new(queue: usize) -> Self {
        let mut stand = Self::idle(CaptureConfig::default());
        stand.blocks = stand.begin(queue);
        stand
    }

    pub(super) fn idle(config: CaptureConfig) -> Self {
        let bench = Arc::new(Bench::default());
        let blocks = rtrb::RingBuffer::new(1).1;
        let (sender, events) = bounded(4);
        let (first_open, opened) = bounded(1);
        let (level, now) = (LevelReader::default(), Instant::now());
        let outlet = Outlet::new(Gate::new(config.pre_roll_samples, config.tail_samples), sender);
        let worker = Worker::new(Arc::clone(&bench), config, outlet, level.clone(), first_open, now).expect("a thread");
        Self { bench, worker, blocks, events, level, opened, now }
    }

    pub(super) fn begin(&mut self, queue: usize) -> rtrb::Consumer<AudioBlock> {
        let (producer, blocks) = rtrb::RingBuffer::new(queue);
        self.worker.obey(Order::Begin(producer));
        blocks
    }

    /// Waits for the opening under way, which has its own thread.
    pub(super) fn settle(&mut self) {
        for _ in 0..500 {
            if self.worker.callbacks().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
            self.worker.step(self.now);
        }
        panic!("the stream does not open");
    }

    pub(super) fn later(&mut self, secs: f64) {
        self.now += Duration::from_secs_f64(secs);
        self.worker.step(self.now);
    }

    /// The device delivers this many samples, without the capture thread looking.
    pub(super) fn deliver(&self, samples: usize) {
        self.deliver_these(&vec![0.25f32; samples]);
    }

    pub(super) fn deliver_these(&self, samples: &[f32]) {
        let mut writer = self.bench.writer.lock().expect("no panic");
        let writer = &mut writer.as_mut().expect("open").0;
        enter_rt(|rt| writer.write(rt, samples));
    }

    /// The device delivers in real time, 40 ms at once.
    pub(super) fn play(&mut self, secs: f64) {
        for _ in 0..(secs / 0.04).round() as usize {
            self.deliver(640);
            self.later(0.04);
        }
    }

    fn starts(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.blocks.pop().ok()).map(|block| block.start.0).collect()
    }

    pub(super) fn events(&self) -> Vec<String> {
        self.events
            .try_iter()
            .map(|event| match event {
                CaptureEvent::Started { .. } => "started".to_owned(),
                CaptureEvent::Lost { at, samples } => format!("lost {samples} before {}", at.0),
                CaptureEvent::DeviceLost { .. } => "gone".to_owned(),
                CaptureEvent::DeviceBack { .. } => "back".to_owned(),
                CaptureEvent::Failed { error } => error.to_string(),
            })
            .collect()
    }
}

fn no_device() -> AudioError {
    AudioError::NoInputDevice { host: "Bench".to_owned(), reason: "scripted".to_owned() }
}

#[test]
fn started_comes_with_the_first_samples_and_not_before() {
    let mut stand = Stand::new(100);
    stand.settle();
    assert!(matches!(stand.opened.try_recv(), Ok(Ok(()))));
    stand.later(1.9);
    assert!(stand.events().is_empty());
    stand.play(0.04);
    assert_eq!(stand.events(), ["started"]);
    assert_eq!(stand.starts(), [0, 160, 320, 480], "the wait before the first sample is no gap");
}

#[test]
fn an_overrun_is_a_jump_after_what_was_in_the_ring() {
    let mut stand = Stand::new(1000);
    stand.settle();
    stand.play(0.2);
    stand.deliver(16_000);
    stand.deliver(16_000);
    // The ring has room for 32,000.
    stand.deliver(8_000);
    stand.later(2.5);
    stand.play(0.04);
    let starts = stand.starts();
    let jump = starts.windows(2).position(|pair| pair[1] != pair[0] + 160).expect("a jump");
    assert_eq!(starts[jump], 3_200 + 32_000 - 160);
    assert_eq!(starts[jump + 1], 3_200 + 40_000);
    assert_eq!(stand.events(), ["started", "lost 8000 before 43200"]);
    let counted = stand.level.stats();
    assert_eq!((counted.overrun_frames, counted.lost_samples), (8_000, 8_000));
    assert_eq!(stand.level.level().overrun_samples, 8_000);
}

#[test]
fn a_full_queue_is_a_jump_and_is_counted() {
    let mut stand = Stand::new(10);
    stand.settle();
    stand.play(0.2);
    assert_eq!(stand.starts(), (0..10).map(|i| i * 160).collect::<Vec<_>>(), "20 blocks came, 10 fitted");
    stand.play(0.04);
    assert_eq!(stand.starts(), [3200, 3360, 3520, 3680]);
    assert_eq!(stand.events(), ["started", "lost 1600 before 3200"]);
    assert_eq!(stand.level.stats().lost_samples, 1600);
}

#[test]
fn a_dead_stream_is_reopened_and_the_time_away_is_a_jump() {
    let mut stand = Stand::new(1000);
    stand.settle();
    stand.play(0.4);
    stand.bench.refusals.lock().expect("no panic").extend([no_device(), no_device()]);
    let counters = Arc::clone(&stand.bench.writer.lock().expect("no panic").as_ref().expect("open").1);
    counters.set_fault(StreamFault::DeviceGone);
    stand.later(0.01);
    assert_eq!(stand.events(), ["started", "gone"]);
    // Two refusals, 300 ms apart, then success.
    for _ in 0..100 {
        stand.later(0.02);
        std::thread::sleep(Duration::from_millis(1));
    }
    stand.settle();
    assert_eq!(stand.starts().last(), Some(&(6_400 - 160)));
    stand.play(0.04);
    // 0.01 s + 100 x 0.02 s without samples; the 0.04 s then delivered were recorded up to that moment.
    let starts = stand.starts();
    assert_eq!(starts.first(), Some(&(6_400 + 32_160)));
    assert_eq!(stand.events(), ["lost 32160 before 38560", "back"]);
    let hosts = stand.bench.hosts.lock().expect("no panic").clone();
    assert_eq!(hosts, [None, Some("Bench".to_owned()), Some("Bench".to_owned()), Some("Bench".to_owned())]);
    assert_eq!(stand.level.stats().device_losses, 1);
}

#[test]
fn a_stream_that_falls_silent_without_an_error_is_lost_after_2_5_s() {
    let mut stand = Stand::new(1000);
    stand.settle();
    stand.play(0.2);
    stand.later(2.4);
    assert_eq!(stand.events(), ["started"]);
    stand.later(0.2);
    assert_eq!(stand.events(), ["gone"]);
    stand.settle();
    stand.play(0.04);
    assert_eq!(stand.events(), ["lost 41600 before 44800", "back"]);
}

#[test]
fn audio_that_the_system_swallows_is_found() {
    let mut stand = Stand::new(10_000);
    stand.settle();
    stand.play(5.0);
    // The server dropped 0.6 s.
    stand.later(0.6);
    stand.play(3.0);
    let events = stand.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[1].starts_with("lost 9600 before"), "{events:?}");
    let starts = stand.starts();
    let jumps: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).filter(|&step| step != 160).collect();
    assert_eq!(jumps, [9_760]);
}

#[test]
fn a_first_opening_that_fails_ends_the_capture_with_its_error() {
    let now = Instant::now();
    let bench = Bench::default();
    bench.refusals.lock().expect("no panic").push(no_device());
    let (first_open, opened) = bounded(1);
    let outlet = Outlet::new(Gate::new(0, 0), bounded(1).0);
    let mut worker =
        Worker::new(Arc::new(bench), CaptureConfig::default(), outlet, LevelReader::default(), first_open, now)
            .expect("a thread");
    while !worker.step(now).ended {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(matches!(opened.try_recv(), Ok(Err(AudioError::NoInputDevice { .. }))));
}

#[test]
fn events_nobody_reads_wait_and_none_is_dropped() {
    let mut stand = Stand::new(1);
    stand.settle();
    for _ in 0..50 {
        stand.play(0.04);
        stand.starts();
    }
    let mut lost = 0;
    loop {
        let events: Vec<CaptureEvent> = stand.events.try_iter().collect();
        if events.is_empty() {
            break;
        }
        for event in events {
            if let CaptureEvent::Lost { samples, .. } = event {
                lost += samples;
            }
        }
        stand.worker.step(stand.now);
    }
    stand.worker.finish();
    lost += stand
        .events
        .try_iter()
        .map(|event| if let CaptureEvent::Lost { samples, .. } = event { samples } else { 0 })
        .sum::<u64>();
    assert_eq!(lost, 50 * 480);
}
