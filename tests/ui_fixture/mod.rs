//! A window in the middle of a dictation, always the same: "Yes, of course." once to its end and once half spoken.
//!
//! The numbers of the decisions are those the embedded model gave for that sentence, to two places.

pub(crate) mod recorded;

use std::f32::consts::TAU;

use dictoscope::{
    config::{Settings, Theme},
    decode::{Candidate, Decision, Suppressed, TokenId, Word, WordToken, log_sum_exp},
    engine::Arithmetic,
    session::{
        EndReason, EngineInfo, Event, HopPlot, HopTiming, LevelSnapshot, LiveSnapshot, Normalization, PlotItem,
        Punctuation, Ready, Setting, Window,
    },
    ui::Screen,
    units::{EncIdx, MelIdx, SampleIdx},
};

const MEL_BINS: usize = 80;
const BLANK: u32 = 512;
const DURATIONS: [u32; 5] = [0, 1, 2, 3, 4];

/// Frames between the two utterances' beginnings.
const SECOND: u64 = 52;
/// Frames heard and encoded, counted within the second utterance.
const HEARD: u64 = 28;
/// Its commit line.
const COMMITTED: u64 = 14;

/// Frame, token, second token, their logits, blank's logit, ln Σ exp, duration logits.
type Row = (u64, u32, u32, [f32; 2], f32, f32, [f32; 5]);

const ROWS: [Row; 16] = [
    (0, 512, 474, [0.45, -9.36], 0.45, 0.452, [-9.92, 0.9, -1.65, -5.85, 3.95]),
    (4, 512, 479, [0.56, -7.84], 0.56, 0.557, [-4.36, 7.49, -1.39, -10.32, -6.13]),
    (5, 512, 471, [0.0, -6.96], 0.0, 0.004, [-12.97, -0.78, 9.03, -7.45, -4.77]),
    (7, 207, 48, [7.45, 0.7], -3.18, 7.453, [-2.09, 7.18, 0.95, -7.2, -8.44]),
    (8, 32, 454, [8.31, -0.08], -2.21, 8.31, [-1.68, 2.04, 3.5, -7.04, -6.27]),
    (10, 471, 512, [7.45, 0.76], 0.76, 7.447, [2.5, 5.88, -2.51, -8.42, -6.63]),
    (11, 29, 116, [0.43, -2.66], -3.64, 0.59, [-8.45, 0.75, 3.48, -7.86, -7.82]),
    (13, 20, 120, [1.53, -3.68], -6.54, 1.545, [-6.58, 6.73, 1.38, -11.18, -11.21]),
    (14, 195, 27, [5.51, -2.78], -4.34, 5.511, [-2.8, 2.51, 2.34, -10.25, -5.93]),
    (15, 64, 512, [4.35, -2.98], -2.98, 4.347, [-8.82, 2.96, 5.16, -9.12, -4.87]),
    (17, 474, 490, [0.66, -0.61], -1.93, 1.102, [-10.42, -1.11, 2.47, -6.0, 1.13]),
    (19, 512, 490, [2.04, -6.79], 2.04, 2.043, [-11.69, -3.75, -2.73, -2.94, 9.34]),
    (23, 512, 474, [0.31, -8.9], 0.31, 0.316, [-11.57, -2.31, -3.06, -3.6, 7.72]),
    (27, 512, 453, [0.97, -10.75], 0.97, 0.975, [-4.5, 7.41, -5.05, -9.17, -2.47]),
    (28, 512, 474, [-0.48, -7.81], -0.48, -0.481, [7.55, 3.9, -4.68, -10.17, -2.55]),
    (29, 512, 471, [3.05, -5.99], 3.05, 3.05, [-1.93, 7.62, -5.6, -8.9, -3.68]),
];

const PIECES: [(u32, &str); 13] = [
    (20, "▁c"),
    (27, "or"),
    (29, "▁of"),
    (32, "es"),
    (48, "▁H"),
    (64, "se"),
    (116, "▁off"),
    (120, "▁k"),
    (195, "our"),
    (207, "▁Y"),
    (471, ","),
    (474, "."),
    (490, "!"),
];

fn piece(token: u32) -> &'static str {
    PIECES.iter().find(|(id, _)| *id == token).map_or("<blk>", |(_, piece)| *piece)
}

/// What a model with these pieces says of itself.
pub(crate) fn ready() -> Ready {
    let pieces: Vec<String> = (0..=BLANK).map(|token| piece(token).to_owned()).collect();
    Ready {
        name: "rten".to_owned(),
        engine: EngineInfo {
            arithmetic: Arithmetic::F32,
            parity: None,
            engine: "rten 0.27".into(),
            device: "CPU, 2 threads".into(),
            precision: "f32 (weights stored as f16)".into(),
            model: "dictoscope-en-tiny".into(),
            encoder_sha256: "8d5c1b0e".repeat(8),
        },
        trained_norm: Normalization::None,
        longest_window: 375,
        durations: DURATIONS.to_vec(),
        pieces: pieces.into(),
        mel_bins: MEL_BINS,
    }
}

/// The decisions of the sentence, its first frame being `offset`.
fn decisions(offset: u64) -> Vec<Decision> {
    let decision = |(step, row): (usize, &Row)| {
        let (frame, token, second, [first_logit, second_logit], blank_logit, token_lse, duration_logits) = *row;
        let duration_lse = log_sum_exp(&duration_logits);
        let mut sorted = duration_logits;
        sorted.sort_by(|a, b| b.total_cmp(a));
        let by_logit = |a: &usize, b: &usize| duration_logits[*a].total_cmp(&duration_logits[*b]);
        let duration = (0..DURATIONS.len()).max_by(by_logit).map_or(0, |index| DURATIONS[index]);
        let forced = token == BLANK && duration == 0;
        Decision {
            step: step as u64,
            frame: EncIdx(frame + offset),
            token: TokenId(token),
            is_blank: token == BLANK,
            duration,
            advance: if forced { 1 } else { duration },
            forced,
            token_top: vec![
                Candidate { token: TokenId(token), logit: first_logit },
                Candidate { token: TokenId(second), logit: second_logit },
            ],
            token_margin: first_logit - second_logit,
            token_lse,
            token_probability: (first_logit - token_lse).exp().min(1.0),
            blank_logit,
            blank_probability: (blank_logit - token_lse).exp().min(1.0),
            duration_logits: duration_logits.to_vec(),
            duration_margin: sorted[0] - sorted[1],
            duration_lse,
            duration_probability: (sorted[0] - duration_lse).exp(),
            suppressed: None,
            boosted: None,
            encoder_sketch: None,
            predictor_sketch: None,
        }
    };
    ROWS.iter().enumerate().map(decision).collect()
}

/// The second time punctuation is suppressed: blank stands for the comma.
fn without_comma(decisions: &mut [Decision]) {
    for decision in decisions.iter_mut().filter(|decision| decision.token == TokenId(471)) {
        let cost = decision.token_top[0].logit - decision.token_top[1].logit;
        decision.suppressed = Some(Suppressed { token: decision.token, cost });
        decision.token = TokenId(BLANK);
        decision.is_blank = true;
        decision.token_margin = 3.1;
        decision.token_probability = decision.blank_probability;
    }
}

/// A word of the decisions on frames `from..to`.
pub(crate) fn word(text: &str, from: u64, to: u64, decisions: &[Decision]) -> Word {
    let of_word = |decision: &&Decision| !decision.is_blank && (from..to).contains(&decision.frame.0);
    let token = |decision: &Decision| WordToken {
        token: decision.token,
        piece: piece(decision.token.0).to_owned(),
        step: decision.step,
        frame: decision.frame,
        duration: decision.duration,
        token_probability: decision.token_probability,
        duration_probability: decision.duration_probability,
        token_margin: decision.token_margin,
        duration_margin: decision.duration_margin,
    };
    let tokens: Vec<WordToken> = decisions.iter().filter(of_word).map(token).collect();
    let confidence = tokens.iter().map(|token| token.token_probability).fold(1.0, f32::min);
    Word { text: text.to_owned(), glued: false, start: EncIdx(from), end: EncIdx(to), confidence, tokens }
}

/// How loud mel frame `at` is, 0 to 1: two utterances of three syllables.
fn loudness(at: u64) -> f32 {
    let in_utterance = (at % (SECOND * 8)) as f32 / 8.0;
    let syllable = |middle: f32, width: f32| (-((in_utterance - middle) / width).powi(2)).exp();
    syllable(8.0, 1.6).max(0.8 * syllable(12.0, 0.9)).max(0.95 * syllable(15.5, 1.8))
}

fn mel(from: u64, to: u64) -> Vec<f32> {
    let value = |at: u64, bin: usize| {
        let (time, height) = (at as f32 / 8.0, bin as f32 / MEL_BINS as f32);
        let formant = |base: f32, sway: f32| {
            let centre = base + sway * (time * TAU / 13.0).sin();
            (-((height - centre) / 0.06).powi(2)).exp()
        };
        let voice = formant(0.22, 0.05) + 0.7 * formant(0.5, 0.12) + 0.4 * formant(0.8, 0.04);
        -15.5 + 0.6 * (height * 9.0).sin() + loudness(at) * (4.0 + 5.0 * voice)
    };
    (from..to).flat_map(|at| (0..MEL_BINS).map(move |bin| value(at, bin))).collect()
}

fn sound(frames: u64) -> impl Iterator<Item = PlotItem> {
    (0..frames * 8).map(|at| {
        let size = 0.004 + 0.32 * loudness(at) * (0.75 + 0.25 * (at as f32 * 1.7).sin());
        PlotItem::Level { at: MelIdx(at), min: -size, max: 0.9 * size }
    })
}

fn hop(window: Window, mel_from: u64, decisions: Vec<Decision>, tail: Vec<Decision>) -> PlotItem {
    PlotItem::Hop(Box::new(HopPlot {
        window,
        mel_start: MelIdx(mel_from * 8),
        mel_bins: MEL_BINS,
        mel: mel(mel_from * 8, window.end.0 * 8),
        decisions,
        tail,
        timing: HopTiming::default(),
    }))
}

/// Nothing loaded, nothing said.
pub(crate) fn fresh(theme: Theme) -> Screen {
    Screen::new(Settings { theme, ..Settings::default() })
}

/// The model is loaded and the first utterance is over; the second is half spoken.
pub(crate) fn dictating(theme: Theme) -> Screen {
    let mut screen = fresh(theme);
    screen.model.tick(100.0);
    screen.model.apply(Event::Ready(ready()));
    screen.model.apply(Event::Started { source: "Built-in microphone".into(), skipped_samples: 0 });
    sound(SECOND + HEARD).for_each(|level| screen.model.push(level));

    let first = decisions(0);
    let words =
        [("Yes,", 7, 11), ("of", 11, 13), ("course.", 13, 19)].map(|(text, from, to)| word(text, from, to, &first));
    let window = |hop, start, from, to, end, last| Window {
        hop,
        start: EncIdx(start),
        commit_from: EncIdx(from),
        commit_to: EncIdx(to),
        end: EncIdx(end),
        last,
    };
    screen.model.push(PlotItem::UtteranceStart(EncIdx(0)));
    screen.model.push(hop(window(0, 0, 0, 30, 30, true), 0, first, Vec::new()));
    screen.model.apply(Event::Committed(words.to_vec()));
    screen.model.push(PlotItem::UtteranceEnd(EncIdx(30), EndReason::Silence));
    screen.model.apply(Event::UtteranceEnd { at: SampleIdx(30 * 1280), reason: EndReason::Silence });
    screen.model.push(PlotItem::Setting(EncIdx(38), Setting::Punctuation(Punctuation::All)));

    let mut second = decisions(SECOND);
    without_comma(&mut second);
    let words =
        [("Yes", 7, 10), ("of", 11, 13)].map(|(text, from, to)| word(text, from + SECOND, to + SECOND, &second));
    let tail_word = word("course", 13 + SECOND, 17 + SECOND, &second);
    let of_tail = |decision: &Decision| decision.frame.0 >= SECOND + COMMITTED;
    let (tail, committed): (Vec<_>, Vec<_>) = second.into_iter().partition(of_tail);
    let tail = tail.into_iter().filter(|decision| decision.frame.0 < SECOND + HEARD).collect();
    screen.model.push(PlotItem::UtteranceStart(EncIdx(SECOND)));
    let window = window(9, SECOND - 6, SECOND + 8, SECOND + COMMITTED, SECOND + HEARD, false);
    screen.model.push(hop(window, 30, committed, tail));
    screen.model.apply(Event::Committed(words.to_vec()));
    screen.model.set_live(&LiveSnapshot {
        tail: vec![tail_word],
        speaking: true,
        queued_samples: 1_600,
        timing: HopTiming { features_millis: 2.1, encode_millis: 38.4, decode_millis: 5.2 },
        latency_millis: 71.0,
        lost_samples: 0,
        audio_secs: 6.4,
    });
    screen.model.set_level(LevelSnapshot { peak: 0.31, rms: 0.09, clipped_samples: 0, overrun_samples: 0 });
    screen
}
