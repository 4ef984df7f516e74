//! Expert-router coupling loss (arXiv 2512.23447).

use crate::core::matrix::{Matrix, dot};
use crate::core::{Error, Result};

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

/// Relative noise bound of each gate row: half the distance to the nearest other row over its norm.
///
/// # Errors
/// A row of norm zero, by its index.
pub fn noise_bound(gate: &Matrix) -> Result<Vec<f64>> {
    (0..gate.rows)
        .map(|i| {
            let own = norm(gate.row(i));
            if own == 0.0 {
                return Err(Error::malformed(
                    "R",
                    format!("row {i} has norm 0; the noise bound divides by it"),
                ));
            }
            let nearest = (0..gate.rows)
                .filter(|&j| j != i)
                .map(|j| {
                    let gap: Vec<f64> = gate
                        .row(i)
                        .iter()
                        .zip(gate.row(j))
                        .map(|(a, b)| a - b)
                        .collect();
                    norm(&gap)
                })
                .fold(f64::INFINITY, f64::min);
            Ok(nearest / (2.0 * own))
        })
        .collect()
}

/// Gate rows multiplied by (1 + ε u).
pub fn perturbed(gate: &Matrix, bound: &[f64], unit: &Matrix) -> Matrix {
    Matrix::from_fn(gate.rows, gate.cols, |i, d| {
        gate.at(i, d) * (1.0 + bound[i] * unit.at(i, d))
    })
}

/// M[i][j] = ‖row i times the gate projection of expert j‖.
pub fn activations(rows: &Matrix, projections: &[Matrix]) -> Matrix {
    Matrix::from_fn(rows.rows, projections.len(), |i, j| {
        let w = &projections[j];
        let product: Vec<f64> = (0..w.cols)
            .map(|f| (0..w.rows).map(|d| rows.at(i, d) * w.at(d, f)).sum())
            .collect();
        norm(&product)
    })
}

/// (1/n²) Σ_{i≠j} max(M_ij - α M_ii, 0) + max(M_ji - α M_ii, 0).
pub fn loss(m: &Matrix, alpha: f64) -> f64 {
    let n = m.rows;
    let mut total = 0.0;
    for i in 0..n {
        let own = alpha * m.at(i, i);
        for j in (0..n).filter(|&j| j != i) {
            total += (m.at(i, j) - own).max(0.0) + (m.at(j, i) - own).max(0.0);
        }
    }
    total / (n * n) as f64
}
