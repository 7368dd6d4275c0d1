//! Fingerprints of tensors: two runs that each wrote one down can tell how far apart the tensors were without holding them.
//!
//! Random signs keep distances (Johnson and Lindenstrauss, 1984; signs after Achlioptas, 2003): the mean square of the
//! differences of the projections estimates the squared distance of the tensors, here with 8 projections within a factor
//! of about 2. The signs are a fixed function of the index, so that every program that writes traces has the same.

use serde::{Deserialize, Serialize};

/// Projections kept.
pub const PROJECTIONS: usize = 8;

/// Length and signed sums of a tensor that is flattened row after row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    /// Square root of the sum of squares.
    pub norm: f32,
    /// For each projection the sum of all values, each with its sign.
    pub projections: [f32; PROJECTIONS],
}

impl Sketch {
    /// Of `values`; sums in f64.
    pub fn of(values: &[f32]) -> Self {
        let mut sums = [0.0_f64; PROJECTIONS];
        let mut squares = 0.0_f64;
        for (index, value) in values.iter().enumerate() {
            let (value, signs) = (f64::from(*value), signs(index as u32));
            squares += value * value;
            for (projection, sum) in sums.iter_mut().enumerate() {
                *sum += if signs >> projection & 1 == 0 { value } else { -value };
            }
        }
        Self { norm: squares.sqrt() as f32, projections: sums.map(|sum| sum as f32) }
    }

    /// Estimated Euclidean distance of the two tensors.
    pub fn distance(&self, other: &Self) -> f64 {
        let squares: f64 =
            self.projections.iter().zip(&other.projections).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        (squares / PROJECTIONS as f64).sqrt()
    }

    /// Estimated cosine of the angle between the two tensors; 1 if both are zero.
    pub fn cosine(&self, other: &Self) -> f64 {
        let (a, b) = (f64::from(self.norm), f64::from(other.norm));
        if a == 0.0 && b == 0.0 {
            return 1.0;
        }
        let dot = (a * a + b * b - self.distance(other).powi(2)) / 2.0;
        (dot / (a * b)).clamp(-1.0, 1.0)
    }
}

/// Bit k is the sign of projection k at `index`: the finaliser of `MurmurHash3` over a Weyl sequence.
fn signs(index: u32) -> u32 {
    let mut h = index.wrapping_mul(0x9E37_79B1).wrapping_add(0x7F4A_7C15);
    h ^= h >> 16;
    h = h.wrapping_mul(0x85EB_CA6B);
    h ^= h >> 13;
    h = h.wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32, scale: f32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / 8_388_608.0 - 1.0) * scale
        };
        (0..4000).map(|_| next()).collect()
    }

    #[test]
    fn distances_are_kept_within_a_factor_of_two_and_a_half() {
        let base = noise(1, 1.0);
        for seed in 2..40 {
            let scale = 10.0_f32.powi(-(seed as i32 % 5));
            let other: Vec<f32> = base.iter().zip(noise(seed, scale)).map(|(a, b)| a + b).collect();
            let real = base.iter().zip(&other).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
            let found = Sketch::of(&base).distance(&Sketch::of(&other));
            assert!((0.4..2.5).contains(&(found / real)), "seed {seed}: {found} for {real}");
        }
    }

    #[test]
    fn fingerprints_are_those_of_the_reference_in_python() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sketch.json");
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let n = case["values"].as_u64().unwrap();
            let values: Vec<f32> = (0..n).map(|i| (((i * 7919) % 1000) as f64 / 1000.0 - 0.5) as f32).collect();
            let found = Sketch::of(&values);
            let near = |a: f32, b: &serde_json::Value| (f64::from(a) - b.as_f64().unwrap()).abs() < 1e-4;
            assert!(near(found.norm, &case["norm"]), "n = {n}: {found:?}");
            for (a, b) in found.projections.iter().zip(case["projections"].as_array().unwrap()) {
                assert!(near(*a, b), "n = {n}: {found:?} for {case}");
            }
        }
    }

    #[test]
    fn order_counts() {
        let values = noise(7, 1.0);
        let reversed: Vec<f32> = values.iter().rev().copied().collect();
        let (a, b) = (Sketch::of(&values), Sketch::of(&reversed));
        assert!((a.norm - b.norm).abs() < 1e-3);
        assert!(a.distance(&b) > 20.0, "{}", a.distance(&b));
        assert!(a.cosine(&b).abs() < 0.8);
        assert!((a.cosine(&a) - 1.0).abs() < 1e-9);
        assert!((Sketch::of(&[]).cosine(&Sketch::default()) - 1.0).abs() < 1e-9);
    }
}
