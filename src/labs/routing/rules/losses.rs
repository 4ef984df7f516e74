//! Balancing losses and cluster metrics: Switch and GShard, DeepSeek-V3 per sequence, importance and
//! Tutel's smooth load, router z-loss; all-to-all traffic; model bandwidth and flop utilisation
//! (MoE-CAP, arXiv 2412.07067).

use crate::core::gate::{log_sum_exp, softmax};
use crate::core::matrix::{Matrix, dot};
use crate::core::num;
use std::collections::BTreeSet;

/// E Σ (f_e / N) P_e with f the assignments and P the mean probabilities.
pub fn switch_loss(loads: &[f64], p: &Matrix) -> f64 {
    let n = p.rows as f64;
    p.cols as f64 * dot(loads, &p.column_sums()) / (n * n)
}

/// Gradient of [`switch_loss`] by the logits, with f held constant.
pub fn switch_gradient(loads: &[f64], p: &Matrix) -> Matrix {
    let n = p.rows as f64;
    let v: Vec<f64> = loads.iter().map(|f| p.cols as f64 * f / (n * n)).collect();
    p.map_rows(|row| {
        let mean = dot(row, &v);
        row.iter().zip(&v).map(|(p, v)| p * (v - mean)).collect()
    })
}

/// Mean squared log-sum-exp of the logits.
pub fn z_loss(z: &Matrix) -> f64 {
    (0..z.rows)
        .map(|t| log_sum_exp(z.row(t)))
        .map(|l| l * l)
        .sum::<f64>()
        / z.rows as f64
}

/// DeepSeek-V3's loss per block of `sequence` tokens (a short last block counts with its own
/// length), α = 1: Σ_e E/(kT) f_e · mean normalised sigmoid score.
pub fn sequence_losses(z: &Matrix, chosen: &[Vec<usize>], k: usize, sequence: usize) -> Vec<f64> {
    let e = z.cols;
    let scores = z.map_rows(|row| {
        let s: Vec<f64> = row.iter().map(|&v| num::sigmoid(v)).collect();
        crate::core::gate::normalised(&s)
    });
    (0..z.rows)
        .step_by(sequence.max(1))
        .map(|start| {
            let block = start..(start + sequence.max(1)).min(z.rows);
            let t = block.len() as f64;
            let (mut f, mut mean) = (vec![0.0; e], vec![0.0; e]);
            for row in block {
                for &i in &chosen[row] {
                    f[i] += e as f64 / (k as f64 * t);
                }
                for (m, s) in mean.iter_mut().zip(scores.row(row)) {
                    *m += s / t;
                }
            }
            dot(&f, &mean)
        })
        .collect()
}

/// Squared coefficient of variation with the n-1 variance; 0 for a single value.
pub fn cv_squared(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let ss: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    ss / (values.len() - 1) as f64 / (mean * mean)
}

/// Tutel's smooth load: Σ_t Φ((z_te - θ_t) E / noise), θ_t the k-th largest logit.
pub fn smooth_load(z: &Matrix, chosen: &[Vec<usize>], noise: f64) -> Vec<f64> {
    let e = z.cols;
    let mut out = vec![0.0; e];
    for (t, picks) in chosen.iter().enumerate() {
        let row = z.row(t);
        let theta = picks.last().map_or(0.0, |&i| row[i]);
        for (o, &v) in out.iter_mut().zip(row) {
            let x = (v - theta) * e as f64 / noise;
            *o += 0.5 * (1.0 + num::erf(x / std::f64::consts::SQRT_2));
        }
    }
    out
}

/// Latency-aware loss (ShiftAddViT): CV² of latency · Σ_t softmax over these experts only.
pub fn latency_loss(z: &Matrix, experts: &[usize], latencies: &[f64]) -> f64 {
    let mut importance = vec![0.0; experts.len()];
    for t in 0..z.rows {
        let p = softmax(&crate::core::gate::pick(z.row(t), experts));
        for (i, v) in importance.iter_mut().zip(p) {
            *i += v;
        }
    }
    let loaded: Vec<f64> = importance
        .iter()
        .zip(latencies)
        .map(|(i, l)| i * l)
        .collect();
    cv_squared(&loaded)
}

/// Traffic between expert-parallel ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Pairs whose expert lives on another rank than their token.
    pub cross_pairs: usize,
    /// Distinct (token, remote rank).
    pub unique_rank_copies: usize,
    /// Pairs by the rank of their expert.
    pub rank_load: Vec<usize>,
}

/// Traffic of a routing: token n lives on rank ⌊nR/N⌋, expert e on rank ⌊eR/E⌋.
pub fn all_to_all(chosen: &[Vec<usize>], experts: usize, ranks: usize) -> Traffic {
    let mut out = Traffic::none(ranks);
    for (t, picks) in chosen.iter().enumerate() {
        out.add(t * ranks / chosen.len(), picks, experts);
    }
    out
}

impl Traffic {
    /// No tokens yet.
    pub fn none(ranks: usize) -> Self {
        Self {
            cross_pairs: 0,
            unique_rank_copies: 0,
            rank_load: vec![0; ranks],
        }
    }

    /// Adds a token that lives on rank `home`.
    pub fn add(&mut self, home: usize, picks: &[usize], experts: usize) {
        let ranks = self.rank_load.len();
        let mut remote = BTreeSet::new();
        for &e in picks {
            let rank = e * ranks / experts;
            self.rank_load[rank] += 1;
            if rank != home {
                self.cross_pairs += 1;
                remote.insert(rank);
            }
        }
        self.unique_rank_copies += remote.len();
    }
}

/// A model and machine for the utilisation metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Layers.
    pub layers: f64,
    /// Parameters of one expert.
    pub expert_params: f64,
    /// Parameters of attention.
    pub attention_params: f64,
}

impl Machine {
    /// Bandwidth utilisation with `active` experts touched per layer.
    pub fn mbu(
        &self,
        active: f64,
        kv_elements: f64,
        element_bytes: f64,
        seconds: f64,
        bandwidth: f64,
    ) -> f64 {
        let elements =
            self.layers * (active * self.expert_params + self.attention_params) + kv_elements;
        elements * element_bytes / (seconds * bandwidth)
    }

    /// Flop utilisation with `k` experts per token.
    pub fn mfu(&self, k: f64, tokens_per_second: f64, peak_flops: f64) -> f64 {
        let params = self.layers * (self.attention_params + k * self.expert_params);
        params * 2.0 * tokens_per_second / peak_flops
    }
}

/// Share of rows whose first choice differs.
pub fn fluctuation(a: &[Vec<usize>], b: &[Vec<usize>]) -> f64 {
    let changed = a
        .iter()
        .zip(b)
        .filter(|(a, b)| a.first() != b.first())
        .count();
    changed as f64 / a.len() as f64
}

/// Mean over rows of common choices over all choices.
pub fn jaccard(a: &[Vec<usize>], b: &[Vec<usize>]) -> f64 {
    let total: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| {
            let common = a.iter().filter(|e| b.contains(e)).count();
            common as f64 / (a.len() + b.len() - common) as f64
        })
        .sum();
    total / a.len() as f64
}

/// Mixes the routing distributions of tokens by a row-stochastic matrix (arXiv 2505.00792):
/// row softmax of X Xᵀ / τ.
pub fn similarity(x: &Matrix, tau: f64) -> Matrix {
    let mut out = x.times_transposed(x);
    for v in &mut out.data {
        *v /= tau;
    }
    out.softmax_rows()
}
