//! The voice gate: when an utterance begins and when silence has ended it.
//!
//! `earshot` scores 16 ms frames with a 40 kB network, 3,600 times faster than real time; energy alone takes a fan for
//! speech and a quiet voice for silence, and the model's own blanks need the encoder to run through every silence.

use std::fmt;

use earshot::Detector;

use crate::{
    session::EndpointSettings,
    units::{SAMPLE_RATE_HZ, SampleIdx},
};

/// Samples per voice score: `earshot` takes no other size.
const FRAME: usize = 256;
/// Voiced frames in a row that begin an utterance: 48 ms, so that a click does not.
const ONSET_FRAMES: u32 = 3;

/// What the gate says after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Speech began at this sample, pre-roll not counted.
    Opened(SampleIdx),
    /// Silence has lasted long enough; this is where the gate closed.
    Closed(SampleIdx),
}

/// Scores audio and keeps the hysteresis.
pub(super) struct VoiceGate {
    detector: Box<Detector>,
    settings: EndpointSettings,
    frame: [f32; FRAME],
    filled: usize,
    /// Start of the frame being filled.
    at: SampleIdx,
    voiced: u32,
    open: bool,
    /// End of the last frame that was not silence.
    last_voice: SampleIdx,
}

impl fmt::Debug for VoiceGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceGate").field("open", &self.open).field("at", &self.at).finish_non_exhaustive()
    }
}

impl VoiceGate {
    pub(super) fn new(settings: EndpointSettings, at: SampleIdx) -> Self {
        Self {
            detector: Detector::default_boxed(),
            settings,
            frame: [0.0; FRAME],
            filled: 0,
            at,
            voiced: 0,
            open: false,
            last_voice: at,
        }
    }

    pub(super) fn set(&mut self, settings: EndpointSettings) {
        self.settings = settings;
    }

    /// Forgets everything and goes on at `at`, closed.
    pub(super) fn reset(&mut self, at: SampleIdx) {
        self.detector.reset();
        self.close(at);
        (self.filled, self.at) = (0, at);
    }

    /// Closes the gate without forgetting what the detector heard.
    pub(super) fn close(&mut self, at: SampleIdx) {
        (self.voiced, self.open, self.last_voice) = (0, false, at);
    }

    /// Takes consecutive samples; `each` hears of every opening and closing in order.
    pub(super) fn push(&mut self, samples: &[f32], mut each: impl FnMut(Gate)) {
        for sample in samples {
            // earshot wants samples within full scale.
            self.frame[self.filled] = sample.clamp(-1.0, 1.0);
            self.filled += 1;
            if self.filled == FRAME {
                self.filled = 0;
                let score = self.detector.predict_f32(&self.frame);
                self.judge(score).into_iter().for_each(&mut each);
            }
        }
    }

    fn judge(&mut self, score: f32) -> Option<Gate> {
        self.at.0 += FRAME as u64;
        if score >= if self.open { self.settings.release } else { self.settings.onset } {
            self.last_voice = self.at;
            self.voiced += 1;
            if !self.open && self.voiced >= ONSET_FRAMES {
                self.open = true;
                return Some(Gate::Opened(SampleIdx(self.at.0 - u64::from(self.voiced) * FRAME as u64)));
            }
            return None;
        }
        self.voiced = 0;
        let silence = (self.settings.silence_secs * f64::from(SAMPLE_RATE_HZ)) as u64;
        (self.open && self.at.0 - self.last_voice.0 >= silence).then(|| {
            self.open = false;
            Gate::Closed(self.at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(gate: &mut VoiceGate, scores: &[(f32, usize)]) -> Vec<Gate> {
        scores.iter().flat_map(|(score, n)| std::iter::repeat_n(*score, *n)).filter_map(|s| gate.judge(s)).collect()
    }

    fn gate() -> VoiceGate {
        let settings =
            EndpointSettings { enabled: true, onset: 0.5, release: 0.3, silence_secs: 0.16, pre_roll_secs: 0.0 };
        VoiceGate::new(settings, SampleIdx(0))
    }

    #[test]
    fn hysteresis_bridges_short_pauses_and_clicks_do_not_open() {
        let found =
            scores(&mut gate(), &[(0.0, 5), (0.9, 2), (0.0, 3), (0.6, 4), (0.35, 30), (0.1, 9), (0.35, 1), (0.1, 10)]);
        assert_eq!(found, [Gate::Opened(SampleIdx(10 * 256)), Gate::Closed(SampleIdx(64 * 256))]);
    }

    #[test]
    fn silence_and_hum_keep_the_gate_shut() {
        let mut opened = 0;
        let mut gate = VoiceGate::new(EndpointSettings::default(), SampleIdx(0));
        let hum: Vec<f32> = (0..160_000).map(|n| 0.1 * (n as f32 * 0.0196).sin()).collect();
        gate.push(&hum, |_| opened += 1);
        gate.push(&vec![0.0; 160_000], |_| opened += 1);
        assert_eq!(opened, 0);
    }
}
