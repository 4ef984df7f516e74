//! The orthonormal cosine transform of square pictures (DCT-III of the coefficients).

use crate::core::num;
use std::f64::consts::PI;

/// From coefficients to pixels, for one side.
#[derive(Debug, Clone)]
pub(super) struct Cosine {
    side: usize,
    /// `basis[p * side + i]`: mode i at pixel p.
    basis: Vec<f64>,
}

impl Cosine {
    pub(super) fn new(side: usize) -> Self {
        let n = side as f64;
        let basis = (0..side * side)
            .map(|k| {
                let (p, i) = ((k / side) as f64 + 0.5, k % side);
                let norm = if i == 0 { 1.0 / n } else { 2.0 / n };
                norm.sqrt() * num::cos(PI * i as f64 * p / n)
            })
            .collect();
        Self { side, basis }
    }

    /// Pixels, row by row, of coefficients given row by row.
    pub(super) fn pixels(&self, modes: &[f64]) -> Vec<f64> {
        let n = self.side;
        let along = |from: &[f64]| -> Vec<f64> {
            // out[p][r] = sum_i basis[p][i] from[r][i]: transforms rows and turns the square.
            let mut out = vec![0.0; n * n];
            for (p, basis) in self.basis.chunks_exact(n).enumerate() {
                for (r, row) in from.chunks_exact(n).enumerate() {
                    out[p * n + r] = basis.iter().zip(row).map(|(b, v)| b * v).sum();
                }
            }
            out
        };
        along(&along(modes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_is_orthonormal_and_the_constant_mode_is_flat() {
        for side in [4, 16] {
            let c = Cosine::new(side);
            for (a, b) in [(0, 0), (1, 1), (side + 2, side + 2), (1, side), (0, 3)] {
                let picture = |m: usize| {
                    let mut modes = vec![0.0; side * side];
                    modes[m] = 1.0;
                    c.pixels(&modes)
                };
                let dot: f64 = picture(a).iter().zip(&picture(b)).map(|(x, y)| x * y).sum();
                let want = f64::from(u8::from(a == b));
                assert!((dot - want).abs() < 1e-12, "{side}: {a} {b} {dot}");
            }
            let mut modes = vec![0.0; side * side];
            modes[0] = 1.0;
            let flat = c.pixels(&modes);
            assert!(flat.iter().all(|v| (v - 1.0 / side as f64).abs() < 1e-12));
        }
    }
}
