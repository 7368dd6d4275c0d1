//! How far two runs lie apart, stage by stage: exactly where both kept their tensors, else estimated from fingerprints.

use serde::Serialize;

use crate::{
    decode::Decision,
    engine::Sketch,
    parity::{Gate, STAGES_AGREE, run::Run},
};

/// Relative tolerance of features beside the absolute one (that of onnx-asr's own tests of its front-end).
const FEATURES_RELATIVE: f64 = 1e-4;

/// A stage of the pipeline, in the order of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Which frames are encoded when.
    Windows,
    /// Samples of the window.
    Audio,
    /// Normalised features of the window.
    Features,
    /// The encoder's answer.
    Encoder,
    /// The prediction network's output.
    Predictor,
    /// Raw logits on agreeing inputs.
    Joint,
    /// What is made of the logits.
    Rule,
}

impl Stage {
    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Audio => "audio",
            Self::Features => "features",
            Self::Encoder => "encoder",
            Self::Predictor => "predictor",
            Self::Joint => "joint",
            Self::Rule => "rule",
        }
    }
}

/// Distance of two tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Distance {
    /// Root mean square of the differences.
    pub rms: f64,
    /// Largest absolute difference; `None` where only fingerprints are known.
    pub max_abs: Option<f64>,
    /// Cosine of the angle between them; with tensors, the least over the frames.
    pub cosine: f64,
    /// Both runs kept the tensors, so that nothing is estimated.
    pub exact: bool,
}

impl Distance {
    /// Estimated for tensors of `values` values each.
    pub fn estimated(a: &Sketch, b: &Sketch, values: usize) -> Self {
        let rms = a.distance(b) / (values.max(1) as f64).sqrt();
        Self { rms, max_abs: None, cosine: a.cosine(b), exact: false }
    }

    /// Of tensors whose rows have `width` values. Values that are not finite make it infinite.
    pub fn exact(a: &[f32], b: &[f32], width: usize) -> Self {
        let (mut squares, mut max_abs, mut cosine) = (0.0_f64, 0.0_f64, 1.0_f64);
        for (a, b) in a.chunks(width.max(1)).zip(b.chunks(width.max(1))) {
            let (mut aa, mut bb, mut ab) = (0.0_f64, 0.0_f64, 0.0_f64);
            for (a, b) in a.iter().zip(b) {
                let (a, b) = (f64::from(*a), f64::from(*b));
                let delta = if (a - b).is_finite() { (a - b).abs() } else { f64::INFINITY };
                max_abs = max_abs.max(delta);
                squares += delta * delta;
                (aa, bb, ab) = (aa + a * a, bb + b * b, ab + a * b);
            }
            if aa > 0.0 || bb > 0.0 {
                let found = ab / (aa * bb).sqrt();
                cosine = cosine.min(if found.is_finite() { found } else { -1.0 });
            }
        }
        Self { rms: (squares / a.len().max(1) as f64).sqrt(), max_abs: Some(max_abs), cosine, exact: true }
    }

    /// The figure that is held against a bound on single values: the largest difference, or what is known of it.
    pub fn largest(&self) -> f64 {
        self.max_abs.unwrap_or(self.rms)
    }

    /// Whether encoder frames or predictions this far apart are within the gate.
    pub fn within(&self, gate: &Gate, least_cosine: f64) -> bool {
        self.cosine >= least_cosine && gate.encoder_max_abs.is_none_or(|most| self.largest() <= most)
    }
}

/// What is known of one hop of both runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct HopEvidence {
    /// Samples; `None` where one side was fed features.
    pub audio: Option<Distance>,
    /// Features; `None` where their shapes differ.
    pub features: Option<Distance>,
    /// Encoder frames; `None` where their shapes differ.
    pub encoder: Option<Distance>,
}

/// Compares hop `index` of both.
pub(super) fn of_hop(a: &Run<'_>, b: &Run<'_>, index: usize) -> Option<HopEvidence> {
    let (line_a, line_b) = (&a.hop(index)?.line, &b.hop(index)?.line);
    let audio = line_a.audio.zip(line_b.audio).map(|(a, b)| {
        // Of windows of unlike length nothing but the length can be said.
        let values = if a.values == b.values { a.values } else { 0 };
        Distance::estimated(&a.stats.sketch, &b.stats.sketch, values)
    });
    let (fa, fb) = (&line_a.features, &line_b.features);
    let features = ((fa.frames, fa.mel_bins) == (fb.frames, fb.mel_bins)).then(|| {
        match a.features(index).zip(b.features(index)) {
            Some((a, b)) => Distance::exact(a, b, fa.mel_bins),
            None => Distance::estimated(&fa.stats.sketch, &fb.stats.sketch, fa.frames * fa.mel_bins),
        }
    });
    let (ea, eb) = (&line_a.encoder, &line_b.encoder);
    let encoder = ((ea.frames, ea.dim) == (eb.frames, eb.dim)).then(|| match a.encoded(index).zip(b.encoded(index)) {
        Some((a, b)) => Distance::exact(a, b, ea.dim),
        None => Distance::estimated(&ea.stats.sketch, &eb.stats.sketch, ea.frames * ea.dim),
    });
    Some(HopEvidence { audio, features, encoder })
}

impl HopEvidence {
    /// The first stage of the hop that lies outside its bounds.
    pub fn outside(&self, gate: &Gate, largest_feature: f32) -> Option<Stage> {
        let features_bound = STAGES_AGREE.features + FEATURES_RELATIVE * f64::from(largest_feature);
        if self.audio.is_some_and(|audio| audio.largest() > STAGES_AGREE.audio) {
            Some(Stage::Audio)
        } else if self.features.is_none_or(|features| features.largest() > features_bound) {
            Some(Stage::Features)
        } else if self.encoder.is_none_or(|encoder| !encoder.within(gate, gate.encoder_cosine)) {
            Some(Stage::Encoder)
        } else {
            None
        }
    }
}

/// What is known of one pair of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepEvidence {
    /// Encoder frame that the joint got.
    pub encoder: Option<Distance>,
    /// Prediction that the joint got.
    pub predictor: Option<Distance>,
    /// Largest absolute difference of the raw logits that both records hold.
    pub logit_max_abs: f64,
}

/// Compares two decisions on the same frame. `dim`, `hidden`: values of an encoder frame and of a prediction.
pub(super) fn of_step(a: &Decision, b: &Decision, dim: usize, hidden: usize) -> StepEvidence {
    let pair =
        |a: Option<Sketch>, b: Option<Sketch>, values| a.zip(b).map(|(a, b)| Distance::estimated(&a, &b, values));
    StepEvidence {
        encoder: pair(a.encoder_sketch, b.encoder_sketch, dim),
        predictor: pair(a.predictor_sketch, b.predictor_sketch, hidden),
        logit_max_abs: logit_difference(a, b),
    }
}

/// Over blank, the whole duration head, and the tokens that are among the best of both.
fn logit_difference(a: &Decision, b: &Decision) -> f64 {
    let tokens = a.token_top.iter().filter_map(|one| {
        let other = b.token_top.iter().find(|other| other.token == one.token)?;
        Some((one.logit, other.logit))
    });
    let durations = a.duration_logits.iter().copied().zip(b.duration_logits.iter().copied());
    let pairs = tokens.chain(durations).chain([(a.blank_logit, b.blank_logit)]);
    pairs.fold(0.0, |most, (a, b)| {
        let delta = (f64::from(a) - f64::from(b)).abs();
        // −∞ on both sides, a masked entry, is no difference; one that is no number is.
        if a == b { most } else { most.max(if delta.is_finite() { delta } else { f64::INFINITY }) }
    })
}

impl StepEvidence {
    /// The first stage of the step that lies outside its bounds.
    pub fn outside(&self, gate: &Gate) -> Option<Stage> {
        let differs = |distance: Option<Distance>, cosine| {
            distance.is_some_and(|distance: Distance| !distance.within(gate, cosine))
        };
        if differs(self.encoder, gate.encoder_cosine) {
            Some(Stage::Encoder)
        } else if differs(self.predictor, gate.predictor_cosine) {
            Some(Stage::Predictor)
        } else if self.logit_max_abs > gate.logit_max_abs {
            Some(Stage::Joint)
        } else {
            None
        }
    }
}
