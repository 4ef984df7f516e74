//! The coefficients of UniPC (Zhao et al., arXiv 2302.04867; variant bh2 with data prediction).

use super::super::linear::solve;
use crate::core::num;

/// Coefficients of one UniPC step from level i to level i + 1.
pub(super) struct UniPcStep {
    ratio: f64,
    b: f64,
    /// r_k of the older estimates, k = 1 … order - 1.
    r: Vec<f64>,
    predictor: Vec<f64>,
    corrector: Vec<f64>,
}

impl UniPcStep {
    pub(super) fn new(levels: &[f64], i: usize, order: usize) -> Self {
        let half_log_snr = |j: usize| -num::ln(levels[j]);
        let h = half_log_snr(i + 1) - half_log_snr(i);
        let hh = -h;
        let b = num::exp_m1(hh);
        let mut r: Vec<f64> = (1..order)
            .map(|k| (half_log_snr(i - k) - half_log_snr(i)) / h)
            .collect();
        r.push(1.0);
        let mut matrix = vec![vec![0.0; order]; order];
        let mut right = vec![0.0; order];
        let mut phi = b / hh - 1.0;
        let mut factorial = 1.0;
        for j in 1..=order {
            factorial *= j as f64;
            for k in 0..order {
                matrix[j - 1][k] = (1..j).fold(1.0, |p, _| p * r[k]);
            }
            right[j - 1] = phi * factorial / b;
            phi = phi / hh - 1.0 / (factorial * (j + 1) as f64);
        }
        let inner = order - 1;
        let predictor = match inner {
            0 => Vec::new(),
            1 => vec![0.5],
            _ => solve(
                matrix[..inner]
                    .iter()
                    .map(|row| row[..inner].to_vec())
                    .collect(),
                right[..inner].to_vec(),
            ),
        };
        let corrector = if order == 1 {
            vec![0.5]
        } else {
            solve(matrix, right)
        };
        r.pop();
        Self {
            ratio: levels[i + 1] / levels[i],
            b,
            r,
            predictor,
            corrector,
        }
    }

    /// The predictor, or the corrector when the estimate at the target is known. `history` starts
    /// with the estimate at the level the step leaves.
    pub(super) fn apply(
        &self,
        x: &[f64],
        history: &[Vec<f64>],
        target: Option<&[f64]>,
    ) -> Vec<f64> {
        let rho = if target.is_some() {
            &self.corrector
        } else {
            &self.predictor
        };
        (0..x.len())
            .map(|e| {
                let now = history[0][e];
                let mut sum = now;
                for (k, r) in self.r.iter().enumerate() {
                    sum += rho[k] * (history[k + 1][e] - now) / r;
                }
                if let Some(target) = target {
                    sum += rho[self.r.len()] * (target[e] - now);
                }
                self.ratio * x[e] - self.b * sum
            })
            .collect()
    }
}
