//! A device that a test has in its hand, and its loss at random times.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cpal::{Error, ErrorKind, InputCallbackInfo, InputStreamTimestamp, StreamInstant};
use dictoscope::{
    audio::{
        AudioBlock, AudioError, Capture, CaptureConfig, CaptureEvent, Downmix, OpenStream, StreamSource, data_callback,
        error_callback, input_ring,
    },
    units::SAMPLES_PER_ENC,
};

use crate::{
    common::Heard,
    script::{EVERY, check_each, session},
};

const RATE_HZ: u32 = 16_000;
/// Samples of a callback: 40 ms.
const CALLBACK: usize = 640;

/// A microphone.
#[derive(Clone)]
pub(crate) struct Device {
    /// From one callback of 40 ms to the next.
    pub(crate) pace: Duration,
    /// The next callback brings 3 s at once.
    pub(crate) burst: Arc<AtomicBool>,
    /// The stream reports an error and ends.
    pub(crate) fail: Arc<AtomicBool>,
}

impl Default for Device {
    fn default() -> Self {
        Self { pace: Duration::from_millis(40), burst: Arc::default(), fail: Arc::default() }
    }
}

struct Stream {
    stop: Arc<AtomicBool>,
    device: Option<thread::JoinHandle<()>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(device) = self.device.take() {
            device.join().unwrap();
        }
    }
}

impl StreamSource for Device {
    fn open(&self, _: &CaptureConfig, _: Option<&str>) -> Result<OpenStream, AudioError> {
        let (writer, reader) = input_ring(RATE_HZ, 1, Downmix::Mean);
        let mut on_data = data_callback::<f32>(writer);
        let mut on_error = error_callback(Arc::clone(&reader.counters));
        let stop = Arc::new(AtomicBool::new(false));
        let (device, stopped) = (self.clone(), Arc::clone(&stop));
        let work = move || {
            let at = InputStreamTimestamp { callback: StreamInstant::ZERO, capture: StreamInstant::ZERO };
            let info = InputCallbackInfo::new(at);
            let (mut next, mut state) = (Instant::now(), 1_u32);
            while !stopped.load(Ordering::SeqCst) {
                next += device.pace;
                thread::sleep(next.saturating_duration_since(Instant::now()));
                if device.fail.swap(false, Ordering::SeqCst) {
                    on_error(Error::new(ErrorKind::StreamInvalidated));
                    return;
                }
                let burst = device.burst.swap(false, Ordering::SeqCst);
                let samples = if burst { 3 * RATE_HZ as usize } else { CALLBACK };
                let mut noise = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((state >> 8) as f32 / 8_388_608.0 - 1.0) * 1e-3
                };
                let data: Vec<f32> = (0..samples).map(|_| noise()).collect();
                on_data(&data, &info);
            }
        };
        Ok(OpenStream {
            device: "script".to_owned(),
            host: "Script".to_owned(),
            rate_hz: RATE_HZ,
            channels: 1,
            reader,
            stream: Box::new(Stream {
                stop,
                device: Some(thread::Builder::new().name("device".to_owned()).spawn(work).unwrap()),
            }),
        })
    }
}

pub(crate) fn capture(device: &Device) -> (Capture, rtrb::Consumer<AudioBlock>) {
    Capture::start_from(device.clone(), CaptureConfig::default(), || ()).unwrap()
}

/// The next event, waiting for as long as a slow machine needs.
pub(crate) fn event(capture: &Capture) -> CaptureEvent {
    capture.events().recv_timeout(Duration::from_secs(20)).unwrap()
}

#[test]
fn a_device_lost_at_20_random_times_costs_no_word_outside_the_gaps() {
    const LOSSES: usize = 20;
    let device = Device::default();
    let (capture, mut blocks) = capture(&device);
    assert!(matches!(event(&capture), CaptureEvent::Started { .. }));
    let mut seed = 20_261_125_u32;
    let mut heard = Heard::default();
    let mut session = session();
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    let mut take = |heard: &mut Heard, blocks: &mut rtrb::Consumer<AudioBlock>| {
        while let Ok(block) = blocks.pop() {
            match stretches.last_mut().filter(|stretch| stretch.1 == block.start.0) {
                Some(stretch) => stretch.1 = block.end().0,
                None => stretches.push((block.start.0, block.end().0)),
            }
            session.push(&block, heard).unwrap();
        }
    };
    for loss in 0..LOSSES {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        thread::sleep(Duration::from_millis(u64::from(seed >> 8) % 1_500));
        take(&mut heard, &mut blocks);
        let committed = heard.words.len();
        device.fail.store(true, Ordering::SeqCst);
        for told in ["lost", "gap", "back"] {
            let event = event(&capture);
            let right = match told {
                "lost" => matches!(event, CaptureEvent::DeviceLost { .. }),
                "gap" => matches!(event, CaptureEvent::Lost { samples, .. } if samples > 0),
                _ => matches!(event, CaptureEvent::DeviceBack { .. }),
            };
            assert!(right, "loss {loss}: expected {told}, found {event:?}");
        }
        assert!(heard.words.len() >= committed, "committed words stay");
    }
    thread::sleep(Duration::from_secs(1));
    let stats = capture.stop();
    take(&mut heard, &mut blocks);
    session.finish(&mut heard).unwrap();

    assert_eq!((stats.device_losses as usize, heard.gaps.len(), stretches.len()), (LOSSES, LOSSES, LOSSES + 1));
    check_each(&heard.words);
    // Every word of a frame that lies in a stretch with its neighbours.
    let enc = SAMPLES_PER_ENC as u64;
    for (from, to) in stretches {
        for frame in from / enc + 2..(to / enc).saturating_sub(1) {
            let said = heard.words.iter().any(|word| word.start.0 == frame);
            assert_eq!(said, frame % EVERY == 0, "frame {frame} of the stretch {from}..{to}");
        }
    }
}
