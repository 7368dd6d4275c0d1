//! How far two tensors lie apart: absolute differences, and the cosine of each pair of rows.

use std::fmt;

use serde::Serialize;

/// Two tensors of one shape, value by value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Values compared.
    pub values: usize,
    /// Largest absolute difference where both are finite.
    pub max_abs: f64,
    /// Mean absolute difference where both are finite.
    pub mean_abs: f64,
    /// Places where either is NaN or infinite: they count for nothing above, and no gate lets them pass.
    pub not_finite: usize,
}

impl Difference {
    /// Of `a` and `b`, as far as the shorter goes; sums in f64.
    pub fn of(a: &[f32], b: &[f32]) -> Self {
        let mut found = Self { values: a.len().min(b.len()), ..Self::default() };
        let mut sum = 0.0;
        for (a, b) in a.iter().zip(b) {
            if !a.is_finite() || !b.is_finite() {
                found.not_finite += 1;
                continue;
            }
            let delta = (f64::from(*a) - f64::from(*b)).abs();
            found.max_abs = found.max_abs.max(delta);
            sum += delta;
        }
        found.mean_abs = sum / (found.values - found.not_finite).max(1) as f64;
        found
    }

    /// Whether every value is finite and none differs by more than `bound`.
    pub fn is_within(&self, bound: f64) -> bool {
        self.not_finite == 0 && self.max_abs <= bound
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_abs, mean_abs, not_finite, .. } = self;
        write!(f, "max |Δ| {max_abs:.3e}, mean |Δ| {mean_abs:.3e}, {not_finite} values not finite")
    }
}

/// Two tensors `[rows, width]`, row by row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RowComparison {
    /// Rows compared.
    pub rows: usize,
    /// Values per row.
    pub width: usize,
    /// Least cosine of two rows; 1 without a row.
    pub cosine_min: f64,
    /// Mean cosine.
    pub cosine_mean: f64,
    /// The row with the least cosine; of rows with the same, the one that differs most.
    pub worst_row: usize,
    /// All values.
    #[serde(flatten)]
    pub difference: Difference,
    /// Cosine and largest absolute difference of each row.
    #[serde(skip)]
    pub each: Vec<(f64, f64)>,
}

impl RowComparison {
    /// Of two tensors with rows of `width` values.
    pub fn of(a: &[f32], b: &[f32], width: usize) -> Self {
        let width = width.max(1);
        let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
        let each: Vec<(f64, f64)> = rows.map(|(a, b)| (cosine(a, b), Difference::of(a, b).max_abs)).collect();
        let worst = each.iter().enumerate().min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        Self {
            rows: each.len(),
            width,
            cosine_min: worst.map_or(1.0, |(_, (cosine, _))| *cosine),
            cosine_mean: each.iter().map(|(cosine, _)| cosine).sum::<f64>() / each.len().max(1) as f64,
            worst_row: worst.map_or(0, |(row, _)| row),
            difference: Difference::of(a, b),
            each,
        }
    }
}

/// Cosine of the angle between two rows. 1 if both are zero; 0 if only one is, or if a value is not finite.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut dot, mut square_a, mut square_b) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    if square_a == 0.0 && square_b == 0.0 {
        return 1.0;
    }
    let cosine = dot / (square_a * square_b).sqrt();
    if cosine.is_finite() { cosine.clamp(-1.0, 1.0) } else { 0.0 }
}

/// `[rows, columns]` to `[columns, rows]`.
pub fn transposed(data: &[f32], columns: usize) -> Vec<f32> {
    let rows = data.len().checked_div(columns).unwrap_or(0);
    (0..columns).flat_map(|column| (0..rows).map(move |row| data[row * columns + column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_absolute_and_count_what_is_no_number() {
        let found = Difference::of(&[1.0, 2.0, f32::NAN, 4.0], &[1.5, 1.0, 3.0, f32::INFINITY]);
        assert_eq!(found, Difference { values: 4, max_abs: 1.0, mean_abs: 0.75, not_finite: 2 });
        assert!(!found.is_within(10.0), "a NaN never passes");
        assert!(Difference::of(&[1.0], &[1.5]).is_within(0.5) && !Difference::of(&[1.0], &[1.5]).is_within(0.49));
    }

    #[test]
    fn cosine_has_its_corners() {
        assert!((cosine(&[1.0, 0.0], &[3.0, 0.0]) - 1.0).abs() < 1e-12, "scale does not count");
        assert!((cosine(&[1.0, 0.0], &[1.0, 1.0]) - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((cosine(&[1.0, 2.0], &[-1.0, -2.0]) + 1.0).abs() < 1e-12);
        assert_eq!((cosine(&[0.0], &[0.0]), cosine(&[0.0], &[1.0]), cosine(&[f32::NAN], &[1.0])), (1.0, 0.0, 0.0));
    }

    #[test]
    fn the_worst_row_is_named() {
        let (a, b) = ([1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 2.0, 0.0, 1.5]);
        let found = RowComparison::of(&a, &b, 2);
        assert_eq!((found.rows, found.worst_row, found.cosine_min, found.difference.max_abs), (3, 1, 0.0, 2.0));
        assert!((found.cosine_mean - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(found.each[2], (1.0, 0.5));
        let same = RowComparison::of(&[1.0, 2.0, 1.0, 2.0], &[1.0, 2.0, 1.0, 2.0], 2);
        assert_eq!((same.worst_row, same.rows), (0, 2));
    }

    #[test]
    fn a_matrix_is_transposed() {
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
