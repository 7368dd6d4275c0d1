//! What was wrong with a file but stopped nothing, as sentences.

use crate::audio::CLIP_LEVEL;

/// This many frames at full scale in a row are clipping; fewer may be a loud peak of a normalised recording.
const CLIP_RUN: u64 = 3;

/// Counts over the whole file, in frames at its own rate.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Frames decoded, silence for damaged packets included.
    pub(super) frames: u64,
    pub(super) non_finite_samples: u64,
    clipped_frames: u64,
    clip_run: u64,
    /// Places that cannot be decoded, and the silence put there.
    pub(super) holes: u64,
    silent_frames: u64,
    /// Something was decoded.
    pub(super) decoded_any: bool,
    /// Why the decoder gave up before the end.
    pub(super) broke_off: Option<String>,
}

impl Tally {
    /// The mean of a frame's channels; non-finite samples count as 0.
    pub(super) fn downmix(&mut self, frame: &[f32], scale: f32) -> f32 {
        let (mut sum, mut clipped) = (0.0, false);
        for &sample in frame {
            if sample.is_finite() {
                sum += sample;
                clipped |= sample.abs() >= CLIP_LEVEL;
            } else {
                self.non_finite_samples += 1;
            }
        }
        self.frames += 1;
        self.clip_run = if clipped { self.clip_run + 1 } else { 0 };
        if self.clip_run >= CLIP_RUN {
            self.clipped_frames += if self.clip_run == CLIP_RUN { CLIP_RUN } else { 1 };
        }
        sum * scale
    }

    /// A place that cannot be decoded.
    pub(super) fn add_hole(&mut self, frames: u64) {
        self.holes += 1;
        self.silent_frames += frames;
        self.frames += frames;
    }

    /// What a person should know. `promised` are the frames the header gives, `exact` whether to take it by its word.
    pub(super) fn notices(&self, rate_hz: u32, promised: Option<u64>, exact: bool) -> Vec<String> {
        let secs = |frames: u64| frames as f64 / f64::from(rate_hz.max(1));
        let mut notices = Vec::new();
        if let Some(reason) = &self.broke_off {
            notices.push(format!("damaged after {:.2} s: {reason}; the rest is left out", secs(self.frames)));
        }
        // Encoders with a frame grid pad and trim, and some tag the length of what they were given.
        let slack = if exact { 0 } else { u64::from(rate_hz) / 10 };
        if let Some(promised) = promised.filter(|&promised| promised > self.frames + slack) {
            notices.push(format!(
                "truncated: its header promises {:.2} s, {:.2} s are there",
                secs(promised),
                secs(self.frames)
            ));
        }
        if self.holes > 0 {
            notices.push(format!(
                "damaged in {}; {:.2} s replaced by silence",
                count(self.holes, "place", "places"),
                secs(self.silent_frames)
            ));
        }
        if self.non_finite_samples > 0 {
            let samples = count(self.non_finite_samples, "sample is", "samples are");
            notices.push(format!("{samples} not a number or infinite; replaced by 0"));
        }
        if self.clipped_frames > 0 {
            notices.push(format!(
                "clipped: {:.2} s lie at full scale; record with less gain for better text",
                secs(self.clipped_frames)
            ));
        }
        if self.frames == 0 {
            notices.push("holds no samples".to_owned());
        }
        notices
    }
}

fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}
