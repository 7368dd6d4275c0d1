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

/// ln Σ exp(x), summed in f64 below the maximum (as `torch.logsumexp`, but not bound to its summation order).
pub fn log_sum_exp(logits: &[f32]) -> f32 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return max;
    }
    let sum: f64 = logits.iter().map(|x| f64::from(x - max).exp()).sum();
    max + sum.ln() as f32
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
    fn log_sum_exp_neither_overflows_nor_vanishes() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2.0_f32.ln())).abs() < 1e-3);
        assert!((log_sum_exp(&[-1000.0, -1000.0]) - (-1000.0 + 2.0_f32.ln())).abs() < 1e-3);
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
    }
}
