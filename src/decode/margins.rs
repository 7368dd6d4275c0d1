//! How close decisions were: histograms of margins, near ties, and the flips that noise on the logits would make.

use serde::Serialize;

use crate::decode::Decision;

/// Upper edges of the histogram's bars in logits, a factor of about 2 to 2.5 apart; the last bar has no upper edge.
pub const EDGES: [f32; 11] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Margin under which a decision counts as a near tie: in f16 arithmetic such decisions flip (our judgement, from the
/// gates for engines of reduced precision).
pub const NEAR_TIE: f32 = 0.2;

/// Margins of one head, counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MarginHistogram {
    /// Decisions by margin: below `EDGES[0]`, then up to each edge, then above the last.
    pub counts: [u64; EDGES.len() + 1],
    /// Decisions in all.
    pub total: u64,
}

/// Margins of both heads over many decisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Margins {
    /// Token head.
    pub token: Vec<f32>,
    /// Duration head.
    pub duration: Vec<f32>,
    /// For each decision the two best entries of the duration head, the better one first, and their margin.
    pub duration_pairs: Vec<(usize, usize, f32)>,
}

impl MarginHistogram {
    /// Of these margins; what is not a number is left out.
    pub fn of(margins: impl IntoIterator<Item = f32>) -> Self {
        let mut histogram = Self::default();
        for margin in margins.into_iter().filter(|margin| !margin.is_nan()) {
            histogram.counts[EDGES.partition_point(|edge| *edge <= margin)] += 1;
            histogram.total += 1;
        }
        histogram
    }

    /// What each bar stands for, in logits.
    pub fn label(bar: usize) -> String {
        match (bar.checked_sub(1).map(|low| EDGES[low]), EDGES.get(bar)) {
            (None, Some(high)) => format!("< {high}"),
            (Some(low), Some(high)) => format!("{low} – {high}"),
            (Some(low), None) => format!("≥ {low}"),
            (None, None) => String::new(),
        }
    }
}

impl Margins {
    /// Of these decisions.
    pub fn of<'a>(decisions: impl IntoIterator<Item = &'a Decision>) -> Self {
        let mut margins = Self::default();
        for decision in decisions {
            margins.token.push(decision.token_margin);
            margins.duration.push(decision.duration_margin);
            if let Some((first, second)) = two_best(&decision.duration_logits) {
                margins.duration_pairs.push((first, second, decision.duration_margin));
            }
        }
        margins
    }

    /// Adds those of another run.
    pub fn extend(&mut self, other: Self) {
        self.token.extend(other.token);
        self.duration.extend(other.duration);
        self.duration_pairs.extend(other.duration_pairs);
    }
}

/// Share of `margins` below `epsilon`, in [0, 1]; 0 without one.
pub fn share_below(margins: &[f32], epsilon: f32) -> f64 {
    let below = margins.iter().filter(|margin| **margin < epsilon).count();
    below as f64 / margins.len().max(1) as f64
}

/// Decisions that are expected to flip if each logit gets independent Gaussian noise of standard deviation `sigma`.
///
/// The difference of two logits then has standard deviation √2·sigma, so that a margin m flips with probability
/// Φ(−m / (√2·sigma)). Only the runner-up is looked at: an expectation from below.
pub fn expected_flips(margins: &[f32], sigma: f64) -> f64 {
    margins.iter().map(|margin| 0.5 * libm::erfc(f64::from(*margin) / (2.0 * sigma))).sum()
}

/// Whether a head's winner stands so close above the runner-up that reduced precision may flip it.
pub fn is_near_tie(margin: f32) -> bool {
    margin < NEAR_TIE
}

fn two_best(logits: &[f32]) -> Option<(usize, usize)> {
    let top = crate::decode::argmax::top_k(logits, 2);
    Some((top.first()?.token.0 as usize, top.get(1)?.token.0 as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_margin_has_its_bar() {
        let histogram = MarginHistogram::of([0.0, 0.004, 0.005, 0.3, 9.9, 10.0, f32::INFINITY, f32::NAN]);
        assert_eq!(histogram.counts, [2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2]);
        assert_eq!(histogram.total, 7);
        assert_eq!(MarginHistogram::label(0), "< 0.005");
        assert_eq!(MarginHistogram::label(11), "≥ 10");
    }

    #[test]
    fn flips_follow_the_normal_distribution() {
        // Φ(−1) for a margin of √2·sigma, Φ(0) for none; values of the normal distribution's table.
        let sigma = 0.1;
        let margin = (2.0_f64.sqrt() * sigma) as f32;
        assert!((expected_flips(&[margin], sigma) - 0.158_655).abs() < 1e-5);
        assert!((expected_flips(&[0.0, 100.0], sigma) - 0.5).abs() < 1e-6);
        assert!((expected_flips(&[3.0 * margin], sigma) - 0.001_349_9).abs() < 1e-6);
    }

    #[test]
    fn flips_agree_with_noise_that_is_drawn() {
        let mut state: u32 = 9;
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24)
        };
        let mut gauss = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let margins: Vec<f32> = (0..40).map(|i| i as f32 * 0.02).collect();
        let (sigma, rounds) = (0.2, 400);
        let mut flips = 0;
        for _ in 0..rounds {
            flips += margins.iter().filter(|m| f64::from(**m) + sigma * (gauss() - gauss()) < 0.0).count();
        }
        let (drawn, expected) = (f64::from(flips as u32) / f64::from(rounds), expected_flips(&margins, sigma));
        assert!((drawn - expected).abs() < 0.06 * expected, "{drawn} for {expected}");
    }
}
