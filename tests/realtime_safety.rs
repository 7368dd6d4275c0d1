//! The audio callback allocates nothing, ever; neither do the resampler and the meter of the capture thread once they run.
//!
//! Every allocation and release inside `assert_no_alloc` is counted by this test binary's allocator.

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use cpal::{Error, ErrorKind, InputCallbackInfo, InputStreamTimestamp, StreamInstant};
use dictoscope::audio::{
    AudioBlock, Downmix, InputReader, Meter, Resampler, StreamFault, data_callback, error_callback, input_ring, ring_of,
};

#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;

/// Violations inside `f`.
fn violations(f: impl FnOnce()) -> u32 {
    let before = violation_count();
    assert_no_alloc(f);
    violation_count() - before
}

fn info() -> InputCallbackInfo {
    InputCallbackInfo::new(InputStreamTimestamp { callback: StreamInstant::ZERO, capture: StreamInstant::ZERO })
}

fn read(reader: &mut InputReader) -> Vec<f32> {
    std::iter::from_fn(|| reader.ring.pop().ok()).collect()
}

#[test]
fn the_guard_sees_an_allocation() {
    let found = violations(|| {
        let samples: Vec<f32> = std::hint::black_box(Vec::with_capacity(480));
        drop(samples);
    });
    assert_eq!(found, 2, "one allocation, one release");
}

#[test]
fn the_callback_does_not_allocate_with_float_samples() {
    let (writer, mut reader) = input_ring(48_000, 2, Downmix::Mean);
    let mut callback = data_callback::<f32>(writer);
    let (data, info) = ([0.5f32, -0.25].repeat(480), info());
    assert_eq!(violations(|| callback(&data, &info)), 0);
    assert_eq!(read(&mut reader), [0.125; 480]);
}

#[test]
fn the_callback_does_not_allocate_with_16_bit_samples_of_one_channel() {
    let (writer, mut reader) = input_ring(48_000, 2, Downmix::Channel(1));
    let mut callback = data_callback::<i16>(writer);
    let (data, info) = ([0, -16_384i16].repeat(480), info());
    assert_eq!(violations(|| callback(&data, &info)), 0);
    assert_eq!(read(&mut reader), [-0.5; 480]);
}

#[test]
fn a_full_ring_is_counted_and_never_waited_for() {
    let (writer, mut reader) = ring_of(1000, 2, Downmix::Mean);
    let mut callback = data_callback::<i16>(writer);
    let (data, info) = ([8_192i16, 8_192].repeat(400), info());
    assert_eq!(violations(|| (0..5).for_each(|_| callback(&data, &info))), 0);
    let counters = &reader.counters;
    assert_eq!((counters.callbacks(), counters.received_frames(), counters.overrun_frames()), (5, 2000, 1000));
    assert_eq!(read(&mut reader), [0.25; 1000]);
    // Room again: the callback goes on as if nothing had been.
    assert_eq!(violations(|| callback(&data, &info)), 0);
    assert_eq!(read(&mut reader).len(), 400);
}

#[test]
fn broken_samples_become_silence_and_clipping_is_counted() {
    let (writer, mut reader) = input_ring(16_000, 1, Downmix::Mean);
    let mut callback = data_callback::<f32>(writer);
    let data = [0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0, -1.5];
    let info = info();
    assert_eq!(violations(|| callback(&data, &info)), 0);
    assert_eq!(read(&mut reader), [0.5, 0.0, 0.0, 0.0, 1.0, -1.5]);
    assert_eq!((reader.counters.non_finite_samples(), reader.counters.clipped_frames()), (3, 2));
}

#[test]
fn odd_buffers_do_not_panic() {
    let (writer, mut reader) = input_ring(16_000, 3, Downmix::Channel(9));
    let mut callback = data_callback::<f32>(writer);
    let info = info();
    assert_eq!(violations(|| [0usize, 1, 2, 3, 4, 5, 6].iter().for_each(|&n| callback(&[0.25; 6][..n], &info))), 0);
    assert_eq!(read(&mut reader).len(), 1 + 1 + 1 + 2, "a frame that is not whole is left out");
}

#[test]
fn the_error_callback_only_sets_counters() {
    let (_writer, reader) = input_ring(16_000, 1, Downmix::Mean);
    let mut on_error = error_callback(std::sync::Arc::clone(&reader.counters));
    let harmless = [ErrorKind::Xrun, ErrorKind::RealtimeDenied, ErrorKind::DeviceChanged];
    assert_eq!(violations(|| harmless.into_iter().for_each(|kind| on_error(Error::new(kind)))), 0);
    assert_eq!((reader.counters.xruns(), reader.counters.fault()), (1, None));
    assert_eq!(violations(|| on_error(Error::new(ErrorKind::DeviceNotAvailable))), 0);
    assert_eq!(reader.counters.fault(), Some(StreamFault::DeviceGone));
}

#[test]
fn resampler_and_meter_do_not_allocate_once_they_run() {
    for rate_hz in [16_000, 44_100, 48_000] {
        let mut resampler = Resampler::new(rate_hz).expect("a usual rate");
        let mut meter = Meter::new(rate_hz);
        let input = vec![0.1; 2048];
        let mut out = Vec::with_capacity(16_000);
        resampler.push(&input, &mut out);
        let found = violations(|| {
            for _ in 0..50 {
                out.clear();
                meter.push(&input);
                resampler.push(&input, &mut out);
            }
            out.clear();
            resampler.finish(&mut out);
        });
        assert_eq!(found, 0, "{rate_hz} Hz");
    }
}

#[test]
fn a_block_crosses_the_ring_without_allocating() {
    let (mut producer, mut consumer) = rtrb::RingBuffer::new(4);
    let block = AudioBlock::new(dictoscope::units::SampleIdx(0), &[0.5; 160]);
    let found = violations(|| {
        for _ in 0..100 {
            assert!(producer.push(block).is_ok());
            assert!(consumer.pop().is_ok());
        }
    });
    assert_eq!(found, 0);
}
