//! Muon: momentum whose matrices are orthogonalised before the step (K. Jordan and others, "Muon: An
//! optimizer for hidden layers in neural networks", 2024; KellerJordan/Muon, `muon.py`).
//!
//! ```text
//! B <- mu B + (1 - mu) g,  M = (1 - mu) g + mu B        (Nesterov, mu = 0.95)
//! X = M / (|M|_F + 1e-7), five times X <- a X + (b A + c A A) X with A = X X^T
//! W <- (1 - eta wd) W - eta 0.2 sqrt(max(rows, columns)) X
//! ```
//!
//! The quintic (a, b, c) = (3.4445, -4.7750, 2.0315) is steep at 0 and does not converge: singular
//! values end between about 0.7 and 1.2. The last factor makes the update as large as AdamW's ("Muon
//! is Scalable for LLM Training", arXiv 2502.16982), so that one rate serves both. As the authors
//! advise, only hidden matrices go this way; the first and the last layer and all biases take AdamW.
//! The iteration runs in single precision; theirs runs in bfloat16.

use super::matrices::{Matrix, multiply, transposed};
use super::optimizers::{Optimizer, Rule};
use std::ops::Range;

/// Coefficients of the quintic.
const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// Times it is applied.
const ITERATIONS: usize = 5;
/// Decay of the momentum.
const MOMENTUM: f64 = 0.95;
/// Root mean square of AdamW's update that Muon's is brought to.
const RMS: f64 = 0.2;

/// The matrix with its singular values brought near 1.
fn orthogonalised(g: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let tall = rows > columns;
    let mut x = if tall {
        transposed(g, rows, columns)
    } else {
        g.to_vec()
    };
    let (m, n) = (rows.min(columns), rows.max(columns));
    let norm = x.iter().map(|v| v * v).sum::<f32>().sqrt() + 1e-7;
    for v in &mut x {
        *v /= norm;
    }
    let [a, b, c] = QUINTIC;
    let (mut square, mut fourth, mut turned) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ITERATIONS {
        multiply(&x, &transposed(&x, m, n), [m, n, m], &mut square);
        multiply(&square, &square, [m, m, m], &mut fourth);
        for (f, s) in fourth.iter_mut().zip(&square) {
            *f = b * s + c * *f;
        }
        multiply(&fourth, &x, [m, m, n], &mut turned);
        for (v, t) in x.iter_mut().zip(&turned) {
            *v = a * *v + t;
        }
    }
    if tall { transposed(&x, m, n) } else { x }
}

/// Muon on some matrices, AdamW on everything else.
#[derive(Debug, Clone)]
pub(super) struct Muon {
    matrices: Vec<Matrix>,
    /// What lies between the matrices.
    others: Vec<Range<usize>>,
    momentum: Vec<f64>,
    weight_decay: f64,
    rest: Optimizer,
    kept: [Vec<f64>; 2],
}

impl Muon {
    /// A fresh optimizer for `n` weights; the matrices are given in rising order.
    pub(super) fn new(matrices: Vec<Matrix>, weight_decay: f64, n: usize) -> Self {
        let mut others = Vec::new();
        let mut at = 0;
        for matrix in &matrices {
            others.push(at..matrix.start);
            at = matrix.range().end;
        }
        others.push(at..n);
        let left = others.iter().map(Range::len).sum();
        let adam = Rule::Adam {
            betas: [0.9, 0.95],
            decoupled: true,
        };
        Self {
            matrices,
            others,
            momentum: vec![0.0; n],
            weight_decay,
            rest: Optimizer::new(adam, weight_decay, left),
            kept: [Vec::new(), Vec::new()],
        }
    }

    /// One update at rate `lr`.
    pub(super) fn update(&mut self, w: &mut [f64], gradient: &[f64], lr: f64) {
        for matrix in &self.matrices {
            let range = matrix.range();
            let ahead: Vec<f32> = (self.momentum[range.clone()].iter_mut())
                .zip(&gradient[range.clone()])
                .map(|(b, g)| {
                    *b = MOMENTUM * *b + (1.0 - MOMENTUM) * g;
                    ((1.0 - MOMENTUM) * g + MOMENTUM * *b) as f32
                })
                .collect();
            let step = orthogonalised(&ahead, matrix.rows, matrix.columns);
            let size = lr * RMS * (matrix.rows.max(matrix.columns) as f64).sqrt();
            for (w, s) in w[range].iter_mut().zip(step) {
                *w = (1.0 - lr * self.weight_decay) * *w - size * f64::from(s);
            }
        }
        let [weights, slopes] = &mut self.kept;
        weights.clear();
        slopes.clear();
        for range in &self.others {
            weights.extend_from_slice(&w[range.clone()]);
            slopes.extend_from_slice(&gradient[range.clone()]);
        }
        self.rest.update(weights, slopes, lr);
        let mut at = 0;
        for range in &self.others {
            w[range.clone()].copy_from_slice(&weights[at..at + range.len()]);
            at += range.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    fn drawn(n: usize) -> Vec<f32> {
        let mut stream = Stream::new(4, StreamId::Test);
        (0..n).map(|_| stream.normal_f32()).collect()
    }

    /// What the quintic makes of one singular value.
    fn quintic(mut s: f64) -> f64 {
        let [a, b, c] = QUINTIC.map(f64::from);
        for _ in 0..ITERATIONS {
            s = a * s + b * s.powi(3) + c * s.powi(5);
        }
        s
    }

    #[test]
    fn singular_values_follow_the_quintic() {
        // A diagonal matrix keeps its directions, so every value can be followed by hand.
        let values = [3.0_f32, 1.0, 0.4, 0.1];
        let norm = f64::from(values.iter().map(|v| v * v).sum::<f32>().sqrt());
        let mut g = vec![0.0; 4 * 6];
        for (i, v) in values.iter().enumerate() {
            g[6 * i + i] = *v;
        }
        let wide = orthogonalised(&g, 4, 6);
        let tall = transposed(&orthogonalised(&transposed(&g, 4, 6), 6, 4), 6, 4);
        for (i, v) in values.iter().enumerate() {
            let want = quintic(f64::from(*v) / norm);
            assert!((f64::from(wide[7 * i]) - want).abs() < 1e-4, "{v}: {want}");
            assert!(want > 0.6 && want < 1.3, "{v}: {want}");
        }
        assert_eq!(wide, tall, "a tall matrix is turned and turned back");
    }

    #[test]
    fn the_step_of_a_matrix_is_near_orthogonal_and_as_large_as_adams() {
        let (rows, columns) = (32, 20);
        let x = orthogonalised(&drawn(rows * columns), rows, columns);
        let mut gram = Vec::new();
        multiply(
            &transposed(&x, rows, columns),
            &x,
            [columns, rows, columns],
            &mut gram,
        );
        for i in 0..columns {
            for j in 0..columns {
                let v = gram[i * columns + j];
                if i == j {
                    assert!(v > 0.4 && v < 1.6, "{v}");
                } else {
                    assert!(v.abs() < 0.5, "{v}");
                }
            }
        }
        let square = 32 * 32;
        let mut w = vec![0.0; square];
        let matrix = Matrix {
            start: 0,
            rows: 32,
            columns: 32,
        };
        let g: Vec<f64> = drawn(square).into_iter().map(f64::from).collect();
        Muon::new(vec![matrix], 0.0, square).update(&mut w, &g, 0.5);
        let rms = (w.iter().map(|v| v * v).sum::<f64>() / square as f64).sqrt();
        assert!((rms / (0.5 * RMS) - 1.0).abs() < 0.2, "{rms}");
    }

    #[test]
    fn what_is_no_matrix_takes_adamw() {
        let matrix = Matrix {
            start: 1,
            rows: 2,
            columns: 2,
        };
        let mut w = vec![0.0; 7];
        Muon::new(vec![matrix], 0.0, 7).update(&mut w, &[2.0, 1.0, 0.0, 0.0, 1.0, -3.0, 5.0], 0.1);
        for (i, want) in [(0, -0.1), (5, 0.1), (6, -0.1)] {
            assert!((w[i] - want).abs() < 1e-6, "{w:?}");
        }
        assert!(w[1] < 0.0 && w[4] < 0.0 && w[2].abs() < 1e-6, "{w:?}");
    }
}
