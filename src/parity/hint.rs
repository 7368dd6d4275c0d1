//! What the figures point to: the usual mistakes of a port, each with the sign by which it is told.

use crate::{
    decode::Decision,
    features::{FrontEnd, mel_filterbank},
    parity::{
        compare::{Cause, IndexFaults},
        evidence::{Distance, HopEvidence, Stage, StepEvidence},
        index::Rule,
        run::{Run, Step},
        tensors::transposed,
    },
    trace::{FeatureStats, HopLine},
    units::{MEL_PER_ENC, SAMPLE_RATE_HZ},
};

/// A log-sum-exp this near to 0 at every step is that of log-probabilities.
const NORMALISED_LSE: f32 = 1e-3;
/// Mel frames of chunks that are tried for statistics of their own: 80 ms to 2 s.
const CHUNKS: std::ops::RangeInclusive<usize> = 8..=200;

/// The distance of a hop's stage in words.
pub(super) fn hop_words(stage: Stage, found: &HopEvidence, a: &HopLine, b: &HopLine) -> String {
    match stage {
        Stage::Audio => format!("audio of the window: {}", distance_words(found.audio)),
        Stage::Features if found.features.is_none() => format!(
            "features of the window: {} × {} against {} × {}",
            a.features.frames, a.features.mel_bins, b.features.frames, b.features.mel_bins
        ),
        Stage::Features => format!("features of the window: {}", distance_words(found.features)),
        _ if found.encoder.is_none() => format!(
            "encoder's answer to the window: {} × {} against {} × {}",
            a.encoder.frames, a.encoder.dim, b.encoder.frames, b.encoder.dim
        ),
        _ => format!("encoder frames of the window, on agreeing features: {}", distance_words(found.encoder)),
    }
}

/// The distance of a step's stage in words.
pub(super) fn step_words(stage: Stage, found: &StepEvidence, index: usize) -> String {
    match stage {
        Stage::Encoder => format!("encoder frame of decision {index}: {}", distance_words(found.encoder)),
        Stage::Predictor => format!(
            "prediction network's output at decision {index}, after the same tokens: {}",
            distance_words(found.predictor)
        ),
        _ => format!("logits of decision {index}, on agreeing inputs: max |Δ| {:.2e}", found.logit_max_abs),
    }
}

/// A distance in words; what is estimated is marked.
pub(super) fn distance_words(distance: Option<Distance>) -> String {
    match distance {
        None => "not known".to_owned(),
        Some(Distance { max_abs: Some(max_abs), rms, cosine, .. }) => {
            format!("max |Δ| {max_abs:.2e}, rms {rms:.2e}, cosine {cosine:.6}")
        }
        Some(Distance { rms, cosine, .. }) => format!("rms ≈ {rms:.2e}, cosine ≈ {cosine:.6}"),
    }
}

/// What custom words have to do with two decisions on the same logits, if one of them won by a bonus and the other did not.
pub(super) fn boost_words(a: &Decision, b: &Decision) -> Option<String> {
    let (name, boosted, token) = match (a.boosted, b.boosted) {
        (Some(boosted), None) => ("A", boosted, a.token),
        (None, Some(boosted)) => ("B", boosted, b.token),
        _ => return None,
    };
    Some(format!(
        "inputs and logits agree, but in {name} token {} goes on with a custom word and overtook {} by a bonus of {:.3} (cost {:.3})",
        token.0, boosted.token.0, boosted.bonus, boosted.cost
    ))
}

/// Everything the figures point to, in the order of the pipeline.
pub(super) fn hints(
    a: &Run<'_>,
    b: &Run<'_>,
    steps_a: &[Step<'_>],
    steps_b: &[Step<'_>],
    faults: &IndexFaults,
    cause: Option<&Cause>,
) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(cause) = cause
        && let (Some(one), Some(other)) = (a.hop(cause.hop), b.hop(cause.hop))
    {
        match cause.stage {
            Stage::Features => {
                let hop = loudest(a, b, cause.hop);
                let (one, other) = (a.hop(hop).unwrap_or(one), b.hop(hop).unwrap_or(other));
                let front_end = &a.trace.header.contract.front_end;
                hints.extend(feature_hints(&one.line.features, &other.line.features, front_end));
                hints.extend(tensor_hints(a, b, hop, one.line.features.mel_bins));
            }
            Stage::Encoder => hints.extend([("A", &one.line), ("B", &other.line)].into_iter().filter_map(context_hint)),
            Stage::Predictor if first_of_utterance(steps_a, cause.step) => hints.push(
                "no token was fed yet: one side primed its prediction network otherwise than with blank on zero state"
                    .to_owned(),
            ),
            _ => {}
        }
    }
    for (name, steps, other) in [("A", steps_a, steps_b), ("B", steps_b, steps_a)] {
        hints.extend(softmax_hint(name, steps));
        hints.extend(joined_heads_hint(name, steps, other));
    }
    for (name, faults) in ["A", "B"].into_iter().zip(faults) {
        if let Some(fault) = faults.iter().find(|fault| fault.rule == Rule::Cursor) {
            hints.push(format!("{name}: {}", fault.what));
        }
    }
    hints
}

/// The longest window from hop `first` on, of several the loudest: in silence all front-ends say the same.
fn loudest(a: &Run<'_>, b: &Run<'_>, first: usize) -> usize {
    let hops = first..a.trace.hops.len().min(b.trace.hops.len());
    let frames = |hop: &usize| a.hop(*hop).map_or(0, |hop| hop.line.features.frames);
    let mean = |hop: &usize| a.hop(*hop).map_or(f64::NEG_INFINITY, |hop| hop.line.features.stats.mean);
    hops.max_by(|x, y| frames(x).cmp(&frames(y)).then(mean(x).total_cmp(&mean(y)))).unwrap_or(first)
}

fn first_of_utterance(steps: &[Step<'_>], index: Option<usize>) -> bool {
    index.and_then(|index| steps.get(index)).is_some_and(|step| step.decision().step == 0)
}

/// What statistics alone tell.
fn feature_hints(a: &FeatureStats, b: &FeatureStats, front_end: &FrontEnd) -> Vec<String> {
    if (a.frames, a.mel_bins) != (b.frames, b.mel_bins) {
        return vec![format!("the windows hold other numbers of mel frames: {} against {}", a.frames, b.frames)];
    }
    let mut hints = Vec::new();
    let near = |x: f64, y: f64| (x - y).abs() <= 1e-4 * x.abs().max(y.abs()).max(1.0);
    let (sa, sb) = (&a.stats, &b.stats);
    if near(sa.mean, sb.mean)
        && near(sa.std, sb.std)
        && near(f64::from(sa.min), f64::from(sb.min))
        && near(f64::from(sa.max), f64::from(sb.max))
    {
        hints.push("the same values in another order: transposed, or channel-major read as time-major".to_owned());
    }
    let normalised = |stats: &FeatureStats| {
        let count = stats.mel_bins.max(1) as f32;
        let mean = stats.bin_mean.iter().map(|x| x.abs()).sum::<f32>() / count;
        let off = stats.bin_std.iter().map(|x| (x - 1.0).abs()).sum::<f32>() / count;
        mean < 0.02 && off < 0.05
    };
    match (normalised(a), normalised(b)) {
        (true, false) => hints.push("A is normalised per feature, B is not".to_owned()),
        (false, true) => hints.push("B is normalised per feature, A is not".to_owned()),
        (true, true) => {
            hints.push("both are normalised per feature, from other statistics or other features".to_owned());
        }
        (false, false) => {
            let change: Vec<f64> =
                b.bin_mean.iter().zip(&a.bin_mean).map(|(b, a)| f64::from(*b) - f64::from(*a)).collect();
            hints.extend(preemphasis_hint(&change, front_end));
        }
    }
    hints
}

/// Pre-emphasis tilts every frame by the same curve, ln |1 − a·e^(−iω)|² at the centre of each mel bin.
fn preemphasis_hint(change: &[f64], front_end: &FrontEnd) -> Option<String> {
    let FrontEnd { mel_bins, fft, preemphasis, low_hz, high_hz, .. } = *front_end;
    let weights = mel_filterbank(mel_bins, fft, f64::from(SAMPLE_RATE_HZ), low_hz, high_hz);
    let bins = fft / 2 + 1;
    let curve = weights.chunks_exact(bins).map(|row| {
        let sum: f64 = row.iter().map(|w| f64::from(*w)).sum();
        let power: f64 = row
            .iter()
            .enumerate()
            .map(|(k, w)| {
                let omega = std::f64::consts::TAU * k as f64 / fft as f64;
                f64::from(*w) * (1.0 + preemphasis * preemphasis - 2.0 * preemphasis * omega.cos())
            })
            .sum();
        (power / sum).ln()
    });
    let curve: Vec<f64> = curve.collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mx, my) = (mean(&curve), mean(change));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 { curve.iter().zip(change).map(|(x, y)| f(x - mx, y - my)).sum() };
    let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    let correlation = xy / (xx * yy).sqrt();
    let slope = xy / xx;
    if correlation.abs() < 0.97 || !(0.5..2.0).contains(&slope.abs()) {
        return None;
    }
    let missing = if slope < 0.0 { "B" } else { "A" };
    Some(format!(
        "the mel bins differ by the curve of pre-emphasis (correlation {:.3}): {missing} has none",
        correlation.abs()
    ))
}

/// What the tensors tell, where both traces kept them.
fn tensor_hints(a: &Run<'_>, b: &Run<'_>, hop: usize, mel_bins: usize) -> Vec<String> {
    let (Some(one), Some(other)) = (a.features(hop), b.features(hop)) else { return Vec::new() };
    let mut hints = Vec::new();
    if one.len() != other.len() {
        return hints;
    }
    if is_reinterpreted(one, other, mel_bins) {
        hints.push("B is A's features stored channel-major and read as time-major".to_owned());
    } else if is_reinterpreted(other, one, mel_bins) {
        hints.push("A is B's features stored channel-major and read as time-major".to_owned());
    }
    for (name, features) in [("A", one), ("B", other)] {
        if let Some(chunk) = own_statistics(features, mel_bins) {
            hints.push(format!(
                "{name} is normalised chunk by chunk: every {chunk} mel frames have mean 0 of their own"
            ));
        }
    }
    hints
}

/// Whether `other` is `[mel_bins, frames]` of `one` written out and read as `[frames, mel_bins]`.
fn is_reinterpreted(one: &[f32], other: &[f32], mel_bins: usize) -> bool {
    let written = transposed(one, mel_bins);
    let close = written.iter().zip(other).filter(|(a, b)| (**a - **b).abs() < 1e-3).count();
    one.len() > mel_bins && close * 100 > one.len() * 99
}

/// Length of the chunks whose mel bins all have mean 0, if they do and the window is longer than one.
fn own_statistics(features: &[f32], mel_bins: usize) -> Option<usize> {
    let frames = features.len() / mel_bins.max(1);
    let worst_mean = |chunk: usize| {
        let chunks = features.chunks_exact(chunk * mel_bins);
        chunks
            .flat_map(|rows| {
                (0..mel_bins).map(|bin| {
                    let sum: f32 = rows.iter().skip(bin).step_by(mel_bins).sum();
                    (sum / chunk as f32).abs()
                })
            })
            .fold(0.0_f32, f32::max)
    };
    CHUNKS.filter(|chunk| chunk * 2 <= frames).find(|chunk| worst_mean(*chunk) < 1e-3)
}

/// Fewer encoder frames than the window has.
fn context_hint((name, line): (&str, &HopLine)) -> Option<String> {
    let window = (line.window.end.0 - line.window.start.0) as usize;
    let context = (line.window.end.0 - line.window.commit_to.0) as usize;
    let mut text = (line.encoder.frames < window)
        .then(|| format!("{name}'s encoder answered for {} of the window's {window} frames", line.encoder.frames))?;
    if window - line.encoder.frames <= context {
        text += ": the right context was not encoded";
    } else if line.features.frames.div_ceil(MEL_PER_ENC) >= window {
        text += ", though it was given features for all";
    }
    Some(text)
}

/// A head, or both together, whose scores are log-probabilities.
fn softmax_hint(name: &str, steps: &[Step<'_>]) -> Option<String> {
    let all =
        |lse: &dyn Fn(&Step<'_>) -> f32| !steps.is_empty() && steps.iter().all(|step| lse(step).abs() < NORMALISED_LSE);
    let token = all(&|step| step.decision().token_lse);
    let duration = all(&|step| step.decision().duration_lse);
    let both = all(&|step| joint_lse(step));
    let which = match (token, duration, both) {
        (true, true, _) => "both heads are log-softmaxed, each on its own",
        (true, false, _) => "the token head is log-softmaxed",
        (false, true, _) => "the duration head is log-softmaxed",
        (false, false, true) => "the joint's output is log-softmaxed over both heads together",
        (false, false, false) => return None,
    };
    Some(format!("{name}: {which} (log-sum-exp near 0 at every step): margins hold, logits and probabilities do not"))
}

/// ln Σ exp over both heads.
fn joint_lse(step: &Step<'_>) -> f32 {
    let (a, b) = (step.decision().token_lse, step.decision().duration_lse);
    let most = a.max(b);
    most + ((a - most).exp() + (b - most).exp()).ln()
}

/// A token head that takes in the duration head: its log-sum-exp is that of both, or a token lies beyond it.
fn joined_heads_hint(name: &str, steps: &[Step<'_>], other: &[Step<'_>]) -> Option<String> {
    let same_input = |a: &Step<'_>, b: &Step<'_>| {
        let (a, b) = (a.decision(), b.decision());
        a.frame == b.frame
            && a.step == b.step
            && a.duration_logits.iter().zip(&b.duration_logits).all(|(a, b)| (a - b).abs() < 1e-2)
    };
    let pairs = steps.iter().zip(other).take_while(|(a, b)| same_input(a, b));
    let (mut telling, mut agreeing) = (0, 0);
    for (own, other) in pairs {
        let joined = joint_lse(other);
        if (joined - other.decision().token_lse).abs() > 0.05 {
            telling += 1;
            agreeing += usize::from((own.decision().token_lse - joined).abs() < 0.01);
        }
    }
    (telling > 0 && agreeing * 10 >= telling * 9).then(|| {
        format!(
            "{name}: the log-sum-exp of its token head is that of both heads: the duration head is read as part of it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_major_read_as_time_major_is_told() {
        let (frames, bins) = (7, 3);
        let one: Vec<f32> = (0..frames * bins).map(|i| (i * i % 17) as f32).collect();
        let other: Vec<f32> =
            (0..bins).flat_map(|bin| (0..frames).map(move |frame| frame * bins + bin)).map(|i| one[i]).collect();
        assert!(is_reinterpreted(&one, &other, bins));
        assert!(!is_reinterpreted(&one, &one, bins));
    }

    #[test]
    fn chunks_with_statistics_of_their_own_are_told() {
        let (frames, bins) = (100, 2);
        // No period, so that only what is made to has mean 0 chunk by chunk.
        let value = |frame: usize, bin: usize| ((frame * frame * 7 + frame * bin) % 23) as f32;
        let mut chunked = vec![0.0; frames * bins];
        for chunk in 0..frames / 10 {
            for bin in 0..bins {
                let mean = (0..10).map(|i| value(chunk * 10 + i, bin)).sum::<f32>() / 10.0;
                for i in 0..10 {
                    chunked[(chunk * 10 + i) * bins + bin] = value(chunk * 10 + i, bin) - mean;
                }
            }
        }
        assert_eq!(own_statistics(&chunked, bins), Some(10));
        let whole: Vec<f32> = (0..frames * bins).map(|i| value(i / bins, i % bins) - 10.0).collect();
        assert_eq!(own_statistics(&whole, bins), None);
    }
}
