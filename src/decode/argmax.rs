//! The only argmax of the program: the lowest index wins a tie, as in torch and numpy.

use crate::{decode::Candidate, engine::TokenId};

/// The `k` largest of `logits`, best first; equal ones in the order of their index.
pub fn top_k(logits: &[f32], k: usize) -> Vec<Candidate> {
    let mut top: Vec<Candidate> = Vec::with_capacity(k + 1);
    for (index, logit) in logits.iter().copied().enumerate() {
        if top.len() == k && top.last().is_some_and(|worst| logit <= worst.logit) {
            continue;
        }
        let place = top.iter().position(|c| logit > c.logit).unwrap_or(top.len());
        top.insert(place, Candidate { token: TokenId(index as u32), logit });
        top.truncate(k);
    }
    top
}

/// Index of the largest value that `allowed` lets through, and how far it stands above the next such value.
/// `None` if nothing is let through; the margin of a single candidate is infinite.
pub fn best(logits: &[f32], mut allowed: impl FnMut(usize) -> bool) -> Option<(usize, f32)> {
    let mut winner: Option<(usize, f32)> = None;
    let mut second = f32::NEG_INFINITY;
    for (index, logit) in logits.iter().copied().enumerate() {
        if !allowed(index) {
            continue;
        }
        match winner {
            Some((_, top)) if logit <= top => second = second.max(logit),
            _ => {
                second = winner.map_or(second, |(_, top)| top);
                winner = Some((index, logit));
            }
        }
    }
    winner.map(|(index, top)| (index, top - second))
}

/// ln Σ exp(x), below the maximum, summed in f64 (as `torch.logsumexp`, but not bound to its summation order).
pub fn log_sum_exp(logits: &[f32]) -> f32 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return max;
    }
    // Lanes that the compiler can keep in one register: a vocabulary of 8,193 is summed for every decision.
    let mut lanes = [0.0_f64; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(exp_of_negative(x - max));
        }
    }
    let rest: f64 = rest.iter().map(|x| f64::from(exp_of_negative(x - max))).sum();
    let sum = lanes.iter().sum::<f64>() + rest;
    max + sum.ln() as f32
}

/// Values that are summed side by side.
const LANES: usize = 8;

/// exp(x) for x at most 0, within 2 units in the last place; 0 below -87, where f32 has no normal value. Arithmetic alone, so
/// that it can be done in lanes and is the same on every machine. Reduction to 2^n · e^r and the Taylor polynomial of e^r for
/// |r| at most ln 2 / 2, where its first left-out term is below 2e-9.
fn exp_of_negative(x: f32) -> f32 {
    /// ln 2 in two parts: the first has so few bits that n times it is exact (Cody and Waite).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.max(-87.0);
    // Adding and taking away 1.5 · 2^23 rounds to a whole number.
    let magic = 12_582_912.0_f32;
    let n = (clamped * std::f32::consts::LOG2_E + magic) - magic;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut e = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        e = e * r + factor;
    }
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    if x < -87.0 { 0.0 } else { e * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_resolve_to_the_lowest_index() {
        assert_eq!(best(&[1.0, 3.0, 3.0, 2.0], |_| true), Some((1, 0.0)));
        let top: Vec<u32> = top_k(&[1.0, 3.0, 3.0, 2.0], 3).iter().map(|c| c.token.0).collect();
        assert_eq!(top, [1, 2, 3]);
    }

    #[test]
    fn masked_entries_neither_win_nor_count_for_the_margin() {
        assert_eq!(best(&[9.0, 1.0, 8.0, 0.5], |i| i % 2 == 1), Some((1, 0.5)));
        assert_eq!(best(&[1.0], |_| false), None);
        assert_eq!(best(&[1.0], |_| true), Some((0, f32::INFINITY)));
    }

    #[test]
    fn top_k_is_a_stable_sort_cut_off() {
        let logits: Vec<f32> = (0..50).map(|i| ((i * 7919) % 13) as f32).collect();
        let mut sorted: Vec<usize> = (0..50).collect();
        sorted.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        let top: Vec<usize> = top_k(&logits, 10).iter().map(|c| c.token.0 as usize).collect();
        assert_eq!(top, sorted[..10]);
    }

    #[test]
    fn the_exponential_is_that_of_the_library() {
        for i in 0..=200_000 {
            let x = -87.0 * i as f32 / 200_000.0;
            let (found, expected) = (f64::from(exp_of_negative(x)), f64::from(x).exp());
            assert!((found - expected).abs() <= expected * 2.5e-7, "{x}: {found} {expected}");
        }
        assert_eq!((exp_of_negative(0.0), exp_of_negative(-88.0), exp_of_negative(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }

    #[test]
    fn a_large_vocabulary_is_summed_as_one_after_the_other() {
        let logits: Vec<f32> = (0..8193).map(|i| ((i * 7919) % 1000) as f32 * 0.03 - 15.0).collect();
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|x| f64::from(x - max).exp()).sum();
        assert!((f64::from(log_sum_exp(&logits)) - (f64::from(max) + sum.ln())).abs() < 2e-6);
    }

    #[test]
    fn log_sum_exp_neither_overflows_nor_vanishes() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2.0_f32.ln())).abs() < 1e-3);
        assert!((log_sum_exp(&[-1000.0, -1000.0]) - (-1000.0 + 2.0_f32.ln())).abs() < 1e-3);
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
    }
}
