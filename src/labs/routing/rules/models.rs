//! Routing between layers, models and answers: CARROT (arXiv 2502.03261), cascades by entropy or
//! free energy, Arbitrage (arXiv 2512.05033), Dr.LLM (arXiv 2510.12773), the cosine router of X-MoE.

use crate::core::gate::{argmax, softmax};
use crate::core::matrix::{Matrix, dot};
use crate::core::num;

/// CARROT: argmax (1-μ) quality - μ cost, ties to the lower index.
pub fn carrot(quality: &[f64], cost: &[f64], mu: f64) -> usize {
    let scores: Vec<f64> = quality
        .iter()
        .zip(cost)
        .map(|(q, c)| (1.0 - mu) * q - mu * c)
        .collect();
    argmax(&scores)
}

/// The layer router of Dr.LLM.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerRouter {
    /// First layer, hidden × width.
    pub w1: Matrix,
    /// Its bias.
    pub b1: Vec<f64>,
    /// Second layer, decisions × hidden.
    pub w2: Matrix,
    /// Its bias.
    pub b2: Vec<f64>,
}

impl LayerRouter {
    /// Logits of each of at most `windows` equal windows of hidden states; a tail that does not fill
    /// them is left out. Also the window size.
    pub fn window_logits(&self, x: &Matrix, windows: usize) -> (Matrix, usize) {
        let count = windows.min(x.rows).max(1);
        let size = x.rows / count;
        let mut out = Matrix::zeros(count, self.w2.rows);
        for w in 0..count {
            let mean: Vec<f64> = (0..x.cols)
                .map(|d| (w * size..(w + 1) * size).map(|t| x.at(t, d)).sum::<f64>() / size as f64)
                .collect();
            out.row_mut(w).copy_from_slice(&self.logits(&mean));
        }
        (out, size)
    }

    fn logits(&self, v: &[f64]) -> Vec<f64> {
        let hidden: Vec<f64> = (0..self.w1.rows)
            .map(|h| gelu_tanh(dot(self.w1.row(h), v) + self.b1[h]))
            .collect();
        (0..self.w2.rows)
            .map(|c| dot(self.w2.row(c), &hidden) + self.b2[c])
            .collect()
    }
}

fn gelu_tanh(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
    0.5 * x * (1.0 + num::tanh(inner))
}

/// Dr.LLM's control p in [-1, 1]: linear between skip (-1), the router's softmax (-0.5), execute
/// (0.5) and repeat (1).
pub fn control(logits: &[f64], p: f64) -> Vec<f64> {
    let unit = |i: usize| {
        (0..logits.len())
            .map(|j| f64::from(u8::from(i == j)))
            .collect::<Vec<_>>()
    };
    let (from, to, t) = if p < -0.5 {
        (unit(0), softmax(logits), (p + 1.0) / 0.5)
    } else if p < 0.5 {
        (softmax(logits), unit(1), p + 0.5)
    } else {
        (unit(1), unit(2), (p - 0.5) / 0.5)
    };
    from.iter()
        .zip(&to)
        .map(|(a, b)| (1.0 - t) * a + t * b)
        .collect()
}

/// Class weights (1-β)/(1-β^n), divided by their mean.
pub fn class_weights(counts: &[f64], beta: f64) -> Vec<f64> {
    let raw: Vec<f64> = counts
        .iter()
        .map(|&n| (1.0 - beta) / (1.0 - num::pow(beta, n)))
        .collect();
    let mean = raw.iter().sum::<f64>() / raw.len() as f64;
    raw.iter().map(|w| w / mean).collect()
}

/// Mean over samples of w_c (1-p_c)^γ (-ln p_c).
pub fn focal_loss(logits: &Matrix, target: &[usize], weights: &[f64], gamma: f64) -> f64 {
    let total: f64 = target
        .iter()
        .enumerate()
        .map(|(i, &c)| {
            let row = logits.row(i);
            let ln_p = row[c] - crate::core::gate::log_sum_exp(row);
            weights[c] * num::pow(1.0 - num::exp(ln_p), gamma) * -ln_p
        })
        .sum();
    total / target.len() as f64
}

/// Cosine router: projected tokens against unit expert columns, times min(1/τ0, 100).
pub fn cosine_logits(
    x: &Matrix,
    projection: &Matrix,
    bias: &[f64],
    experts: &Matrix,
    init_temperature: f64,
) -> Matrix {
    let unit = |v: &[f64]| {
        // The guard of torch's normalize: a zero vector stays zero.
        let norm = dot(v, v).sqrt().max(1e-12);
        v.iter().map(|a| a / norm).collect::<Vec<f64>>()
    };
    let h = x.times_transposed(projection).map_rows(|row| {
        let shifted: Vec<f64> = row.iter().zip(bias).map(|(a, b)| a + b).collect();
        unit(&shifted)
    });
    let columns = experts.transposed().map_rows(unit);
    let scale = num::exp(num::ln(1.0 / init_temperature)).min(100.0);
    let mut out = h.times_transposed(&columns);
    for v in &mut out.data {
        *v *= scale;
    }
    out
}
