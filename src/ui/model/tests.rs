//! Events into the model: what stays, what is replaced, what the state says.

use super::*;
use crate::{
    session::{FeatureNorm, HopPlot},
    units::SampleIdx,
};

fn word(text: &str, start: u64, end: u64) -> Word {
    Word {
        text: text.to_owned(),
        glued: false,
        start: EncIdx(start),
        end: EncIdx(end),
        confidence: 0.9,
        tokens: Vec::new(),
    }
}

fn ready() -> Event {
    Event::Ready(Ready {
        name: "rten".to_owned(),
        engine: crate::session::EngineInfo::default(),
        trained_norm: crate::session::Normalization::None,
        longest_window: 375,
        durations: vec![0, 1, 2, 3, 4],
        pieces: vec!["▁a".to_owned(), "<blk>".to_owned()].into(),
        mel_bins: 80,
    })
}

#[test]
fn the_state_follows_commands_and_events() {
    let mut model = UiModel::new(SessionSettings::default());
    assert_eq!(model.phase(), Phase::Loading);
    model.apply(ready());
    assert_eq!(model.phase(), Phase::Ready);
    let start = model.toggle(Some("desk")).expect("stopped: Space starts");
    assert!(matches!(&start, Command::Start(Source::Microphone { device: Some(name) }) if name == "desk"));
    model.sent(&start);
    assert_eq!(model.phase(), Phase::Starting);
    model.apply(Event::Started { source: "desk".into(), skipped_samples: 0 });
    assert_eq!(model.phase(), Phase::Listening);
    model.apply(Event::DeviceLost { reason: "unplugged".into() });
    assert_eq!(model.phase(), Phase::Reconnecting);
    model.apply(Event::DeviceBack { source: "desk".into() });
    let stop = model.toggle(None).expect("running: Space stops");
    assert!(matches!(stop, Command::Stop));
    model.sent(&stop);
    assert_eq!(model.phase(), Phase::Stopping);
    assert!(model.toggle(None).is_none(), "a second Space must not start again while the rest is transcribed");
    model.apply(Event::Stopped);
    assert_eq!(model.phase(), Phase::Ready);
}

#[test]
fn committed_text_survives_every_failure() {
    let mut model = UiModel::new(SessionSettings::default());
    model.apply(ready());
    model.apply(Event::Started { source: "desk".into(), skipped_samples: 0 });
    model.apply(Event::Committed(vec![word("Yes,", 7, 10), word("of", 10, 12)]));
    model.apply(Event::AudioLost { at: SampleIdx(16_000), samples: 160 });
    model.apply(Event::DeviceLost { reason: "gone".into() });
    model.apply(Event::EngineFailed { reason: "out of memory".into() });
    model.apply(Event::SourceFailed { reason: "no microphone".into() });
    model.apply(Event::Stopped);
    model.apply(ready());
    assert_eq!(model.transcript.full_text(), "Yes, of");
    assert_eq!(model.phase(), Phase::NoAudio);
    assert_eq!(model.notices.iter().len(), 4);
}

#[test]
fn the_tail_is_replaced_each_hop_and_shows_no_committed_word() {
    let mut model = UiModel::new(SessionSettings::default());
    let tail = |model: &UiModel| model.tail().map(|word| word.text.clone()).collect::<Vec<_>>();
    model.set_live(&LiveSnapshot { tail: vec![word("Yes,", 7, 10), word("off", 10, 12)], ..LiveSnapshot::default() });
    assert_eq!(tail(&model), ["Yes,", "off"]);
    model.apply(Event::Committed(vec![word("Yes,", 7, 10)]));
    assert_eq!(tail(&model), ["off"]);
    model.set_live(&LiveSnapshot { tail: vec![word("of", 10, 12)], ..LiveSnapshot::default() });
    assert_eq!(tail(&model), ["of"]);
    model.apply(Event::Stopped);
    assert!(tail(&model).is_empty());
}

#[test]
fn utterances_become_paragraphs() {
    let mut model = UiModel::new(SessionSettings::default());
    model.apply(Event::Committed(vec![word("One.", 0, 4)]));
    model.apply(Event::UtteranceEnd { at: SampleIdx(8_000), reason: crate::session::EndReason::Silence });
    model.apply(Event::Committed(vec![word("Two.", 20, 24)]));
    assert_eq!(model.transcript.full_text(), "One.\nTwo.");
}

#[test]
fn a_refused_setting_returns_to_what_is_applied() {
    let mut model = UiModel::new(SessionSettings::default());
    let wide = Setting::FeatureNorm(FeatureNorm::Running);
    model.sent(&Command::Set(wide.clone()));
    assert_eq!(model.settings().feature_norm, FeatureNorm::Running);
    model.apply(Event::SettingRefused { setting: wide.clone(), reason: "not now".into() });
    assert_eq!(model.settings().feature_norm, FeatureNorm::Model);
    model.sent(&Command::Set(wide.clone()));
    model.apply(Event::SettingApplied { at: SampleIdx(0), setting: wide.clone() });
    model.apply(Event::SettingRefused { setting: wide.clone(), reason: "not now".into() });
    assert_eq!(model.settings().feature_norm, FeatureNorm::Running);
}

#[test]
fn the_clipping_lamp_goes_out_by_the_clock() {
    let mut model = UiModel::new(SessionSettings::default());
    model.tick(10.0);
    model.set_level(LevelSnapshot { clipped_samples: 3, ..LevelSnapshot::default() });
    assert!(model.clip_lamp());
    model.tick(10.0 + CLIP_LAMP_SECS);
    model.set_level(LevelSnapshot { clipped_samples: 3, ..LevelSnapshot::default() });
    assert!(!model.clip_lamp());
}

#[test]
fn plots_may_come_before_the_model_is_ready() {
    let mut model = UiModel::new(SessionSettings::default());
    model.push(PlotItem::Hop(Box::default()));
    model.push(PlotItem::Hop(Box::new(HopPlot { mel_bins: 0, mel: vec![1.0], ..HopPlot::default() })));
    assert_eq!(model.piece(7), "?");
    assert_eq!(model.durations(3), [0, 1, 2]);
}
