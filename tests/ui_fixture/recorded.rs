//! The sentence twice as a run that is over, and the same from another engine that parts from it in the second half.

use dictoscope::{
    decode::{Decision, TokenId},
    session::{EndReason, Event, Punctuation, SessionSettings, Setting, Window},
    text::TextSettings,
    ui::{Difference, OtherRun, Recording},
    units::{EncIdx, SampleIdx},
};

use super::{BLANK, PlotItem, SECOND, decisions, hop, ready, sound, word};

/// Encoder frames of one utterance.
const UTTERANCE: u64 = 30;

/// The run alone.
pub(crate) fn recording() -> Recording {
    let (first, second) = (decisions(0), second());
    let words = |from: u64, decisions: &[Decision]| {
        let places = [("Yes,", 7, 11), ("of", 11, 13), ("course.", 13, 19)];
        Event::Committed(places.map(|(text, a, b)| word(text, from + a, from + b, decisions)).to_vec())
    };
    let end = |frame: u64| Event::UtteranceEnd { at: SampleIdx(frame * 1280), reason: EndReason::Silence };
    let events = vec![
        Event::Started { source: "said-twice.wav".into(), skipped_samples: 0 },
        words(0, &first),
        end(UTTERANCE),
        words(SECOND, &second),
        end(SECOND + UTTERANCE),
        Event::Stopped,
    ];
    let window = |number: u64, start: u64| Window {
        hop: number,
        start: EncIdx(start),
        commit_from: EncIdx(start),
        commit_to: EncIdx(start + UTTERANCE),
        end: EncIdx(start + UTTERANCE),
        last: true,
    };
    let mut plots: Vec<PlotItem> = sound(SECOND + UTTERANCE).collect();
    plots.extend([
        PlotItem::UtteranceStart(EncIdx(0)),
        hop(window(0, 0), 0, first, Vec::new()),
        PlotItem::UtteranceEnd(EncIdx(UTTERANCE), EndReason::Silence),
        PlotItem::Setting(EncIdx(38), Setting::Punctuation(Punctuation::Leading)),
        PlotItem::UtteranceStart(EncIdx(SECOND)),
        hop(window(1, SECOND), UTTERANCE, second, Vec::new()),
        PlotItem::UtteranceEnd(EncIdx(SECOND + UTTERANCE), EndReason::Stopped),
    ]);
    let title = "said-twice.trace.jsonl".to_owned();
    Recording {
        title,
        ready: ready(),
        settings: SessionSettings::default(),
        text: TextSettings::default(),
        events,
        plots,
        other: None,
    }
}

/// The run beside another one.
pub(crate) fn compared() -> Recording {
    let difference = |at: u64, what: &str, first| Difference { at: EncIdx(at + SECOND), what: what.to_owned(), first };
    let other = OtherRun {
        name: "said-twice.gpu.jsonl".into(),
        verdict: "numeric: the encoder differs from hop 1 on; decisions differ from frame 60 on".into(),
        report: vec![
            "features   equal in all 2 hops".into(),
            "encoder    hop 1: largest difference 0.031 at frame 58, channel 12".into(),
            "decisions  29 of 32 equal; first difference at frame 60, step 4: duration 2 against 1".into(),
        ],
        decisions: decisions(0).into_iter().chain(other_second()).collect(),
        differences: vec![
            difference(8, "duration 2 against 1", true),
            difference(9, "none against blank", false),
            difference(17, "token . against !", false),
        ],
    };
    Recording { other: Some(other), ..recording() }
}

/// With near ties in both heads.
fn second() -> Vec<Decision> {
    let mut second = decisions(SECOND);
    second[4].duration_margin = 0.04;
    second[10].token_margin = 0.11;
    second
}

/// The near ties went the other way.
fn other_second() -> Vec<Decision> {
    let mut other = second();
    other[4].duration_logits.swap(1, 2);
    other[4].duration = 1;
    other[4].advance = 1;
    other[4].token_lse += 0.0004;
    let extra = Decision {
        frame: EncIdx(SECOND + 9),
        token: TokenId(BLANK),
        is_blank: true,
        duration: 1,
        advance: 1,
        ..other[5].clone()
    };
    other[10].token = TokenId(490);
    other.insert(5, extra);
    for (step, decision) in other.iter_mut().enumerate() {
        decision.step = step as u64;
    }
    other
}
