//! Dictations on a device played by the test: what belongs to each, to the sample.

use std::sync::Arc;

use super::{CaptureConfig, tests::Stand, worker::Order};
use crate::audio::{AudioBlock, StreamFault};

/// A device that stays open, with half a second before and after each dictation.
fn resident() -> Stand {
    let config =
        CaptureConfig { pre_roll_samples: 8000, tail_samples: 8000, keep_open: true, ..CaptureConfig::default() };
    Stand::idle(config)
}

fn samples(blocks: &mut rtrb::Consumer<AudioBlock>) -> Vec<f32> {
    let mut next = 0;
    let mut found = Vec::new();
    while let Ok(block) = blocks.pop() {
        assert_eq!(block.start.0, next);
        next = block.end().0;
        found.extend_from_slice(block.samples());
    }
    found
}

#[test]
fn a_dictation_on_an_open_device_has_half_a_second_before_and_after_to_the_sample() {
    let mut stand = resident();
    stand.settle();
    stand.play(3.0);
    assert!(stand.events().is_empty(), "nothing is told while nothing is dictated");
    // A second of speech, of which 0.3 s come before the key is pressed and 0.2 s after it is let go.
    stand.deliver_these(&vec![0.5; 4800]);
    let mut blocks = stand.begin(1000);
    stand.deliver_these(&vec![0.5; 8000]);
    stand.later(0.5);
    assert_eq!(stand.events(), ["started"]);
    stand.worker.obey(Order::End);
    stand.deliver_these(&vec![0.5; 3200]);
    stand.later(0.2);
    assert_eq!(stand.worker.ended(), 0, "the tail is not full");
    stand.play(0.4);
    assert_eq!(stand.worker.ended(), 1);
    assert!(blocks.is_abandoned());
    let heard = samples(&mut blocks);
    assert_eq!(heard.len(), 8000 + 8000 + 8000);
    let speech = heard.iter().position(|sample| *sample == 0.5).expect("speech");
    assert_eq!(speech, 8000 - 4800);
    assert_eq!(heard.iter().filter(|sample| **sample == 0.5).count(), 16_000);

    // The next one has nothing of this one's tail twice, and the device is the same.
    stand.play(0.12);
    let mut next = stand.begin(1000);
    stand.play(0.04);
    assert_eq!(stand.events(), ["started"]);
    assert_eq!(samples(&mut next).len(), 1600 + 1920 + 640, "what came after the tail");
    stand.worker.obey(Order::GiveUp);
    assert!(next.is_abandoned() && stand.worker.ended() == 2);
    assert_eq!(stand.bench.hosts.lock().expect("no panic").len(), 1);
}

#[test]
fn a_device_that_is_not_kept_open_closes_after_the_tail() {
    let mut stand = Stand::idle(CaptureConfig { tail_samples: 8000, ..CaptureConfig::default() });
    let mut blocks = stand.begin(1000);
    stand.settle();
    stand.play(1.0);
    stand.worker.obey(Order::End);
    stand.deliver(7999);
    assert!(!stand.worker.step(stand.now).ended);
    stand.deliver(1);
    assert!(stand.worker.step(stand.now).ended);
    assert_eq!(samples(&mut blocks).len(), 16_000 + 8000);
}

#[test]
fn a_device_lost_between_dictations_is_not_told_and_one_lost_in_the_tail_ends_it() {
    let mut stand = resident();
    stand.settle();
    stand.play(1.0);
    let lose = |stand: &mut Stand| {
        let counters = Arc::clone(&stand.bench.writer.lock().expect("no panic").as_ref().expect("open").1);
        counters.set_fault(StreamFault::DeviceGone);
        stand.later(0.01);
    };
    lose(&mut stand);
    stand.settle();
    stand.later(5.0);
    stand.play(0.2);
    assert!(stand.events().is_empty());
    let mut blocks = stand.begin(1000);
    stand.play(0.04);
    assert_eq!(stand.events(), ["started"]);
    assert_eq!(samples(&mut blocks).len(), 3200 + 640, "nothing of before the loss");
    stand.worker.obey(Order::End);
    stand.play(0.2);
    lose(&mut stand);
    assert!(blocks.is_abandoned(), "the rest of the tail will never come");
    assert_eq!(stand.worker.ended(), 1);
    assert!(stand.events().is_empty());
}

#[test]
fn zeros_before_the_first_sample_are_left_out_and_no_other() {
    for (zeros, skipped) in [(9600, 9600), (40_000, 16_000), (0, 0)] {
        let mut stand = Stand::new(1000);
        stand.settle();
        for part in vec![0.0; zeros].chunks(1600) {
            stand.deliver_these(part);
            stand.later(part.len() as f64 / 16_000.0);
            assert!(stand.events().is_empty() || skipped < zeros, "not started by zeros");
        }
        stand.deliver_these(&[1e-4; 320]);
        stand.deliver_these(&[0.0; 320]);
        stand.later(0.04);
        let heard = samples(&mut stand.blocks);
        assert_eq!(heard.len(), zeros + 640 - skipped);
        assert_eq!(heard[zeros - skipped], 1e-4);
        assert_eq!(stand.level.stats().skipped_samples, skipped as u64);
    }
}
