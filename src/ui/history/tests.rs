//! The history stays bounded, replaces its tail, places decisions and finds them.

use super::*;
use crate::decode::TokenId;

fn decision(step: u64, frame: u64, duration: u32) -> Decision {
    Decision {
        step,
        frame: EncIdx(frame),
        token: TokenId::default(),
        is_blank: false,
        duration,
        advance: duration,
        forced: false,
        token_top: Vec::new(),
        token_margin: 1.0,
        token_lse: 0.0,
        token_probability: 1.0,
        blank_logit: 0.0,
        blank_probability: 0.0,
        duration_logits: Vec::new(),
        duration_margin: 0.0,
        duration_lse: 0.0,
        duration_probability: 1.0,
        suppressed: None,
        boosted: None,
        encoder_sketch: None,
        predictor_sketch: None,
    }
}

fn hop(number: u64, end: u64, decisions: Vec<Decision>, tail: Vec<Decision>) -> PlotItem {
    let window = Window { hop: number, end: EncIdx(end), start: EncIdx(end.saturating_sub(60)), ..Window::default() };
    PlotItem::Hop(Box::new(HopPlot {
        window,
        mel_start: EncIdx(end.saturating_sub(6)).mel(),
        mel_bins: 2,
        mel: vec![0.5; 2 * 48],
        decisions,
        tail,
        ..HopPlot::default()
    }))
}

#[test]
fn an_hour_needs_no_more_than_two_minutes() {
    let mut history = History::default();
    for number in 0..7200 {
        let end = (number + 1) * 6;
        for mel in 0..48 {
            history.push(PlotItem::Level { at: MelIdx(number * 48 + mel), min: -0.1, max: 0.1 });
        }
        history.push(hop(
            number,
            end,
            vec![decision(number, end - 6, 3), decision(number + 1, end - 3, 3)],
            Vec::new(),
        ));
        history.push(PlotItem::UtteranceStart(EncIdx(end)));
    }
    assert!(history.levels.len() <= 12_001, "{}", history.levels.len());
    assert!(history.decisions.len() <= 502, "{}", history.decisions.len());
    assert!(history.marks.len() <= MAX_MARKS);
    assert!(history.mel.frames() <= 12_300, "{}", history.mel.frames());
}

#[test]
fn each_hop_replaces_the_tail() {
    let mut history = History::default();
    history.push(hop(0, 6, vec![], vec![decision(0, 1, 1), decision(1, 2, 4)]));
    history.push(hop(1, 12, vec![decision(0, 1, 1)], vec![decision(1, 2, 2)]));
    assert_eq!((history.decisions.len(), history.tail.len()), (1, 1));
    assert_eq!(history.tail[0].duration, 2);
}

#[test]
fn decisions_on_one_frame_stand_side_by_side_and_are_found() {
    let mut history = History::default();
    history.push(hop(0, 12, vec![decision(0, 4, 0), decision(1, 4, 3), decision(2, 7, 1)], vec![]));
    let placed = history.placed(0.0, 20.0);
    assert_eq!(placed.iter().map(|place| place.x).collect::<Vec<_>>(), [4.0, 4.5, 7.0]);
    assert_eq!(history.at(4.2).map(|place| place.decision.step), Some(0));
    assert_eq!(history.at(6.9).map(|place| place.decision.step), Some(1));
    assert!(history.at(8.5).is_none() && history.at(3.9).is_none());
}

#[test]
fn a_new_session_starts_an_empty_axis() {
    let mut history = History::default();
    history.push(PlotItem::Level { at: MelIdx(900), min: 0.0, max: 0.0 });
    history.push(hop(10, 112, vec![decision(0, 100, 1)], vec![]));
    history.push(PlotItem::Level { at: MelIdx(0), min: 0.0, max: 0.0 });
    assert!(history.decisions.is_empty() && history.window.is_none());
    assert_eq!(history.levels.len(), 1);
}

#[test]
fn neighbours_go_through_committed_and_tail() {
    let mut history = History::default();
    history.push(hop(0, 12, vec![decision(0, 1, 3)], vec![decision(1, 4, 3)]));
    let newest = history.neighbour(None, 0);
    assert_eq!(newest.map(|key| key.step), Some(1));
    let before = history.neighbour(newest, -1);
    assert_eq!(before.map(|key| key.step), Some(0));
    assert_eq!(history.neighbour(before, -1), before);
}
