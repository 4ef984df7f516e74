//! Entropies of a routing distribution, and DynMoLE's choice by entropy (mikecovlee/DynMoLE).

use crate::core::gate::{descending, softmax};
use crate::core::matrix::Matrix;
use crate::core::num;

/// Normalised Tsallis entropy with `eps` added to every probability; q = 1 is Shannon.
pub fn tsallis(p: &[f64], q: f64, eps: f64) -> f64 {
    let e = p.len() as f64;
    if q == 1.0 {
        return shannon(p, eps);
    }
    let sum: f64 = p.iter().map(|&v| num::pow(v + eps, q)).sum();
    ((1.0 - sum) / (q - 1.0)) / ((1.0 - num::pow(e, 1.0 - q)) / (q - 1.0))
}

/// Normalised Rényi entropy; a = 1 is Shannon.
pub fn renyi(p: &[f64], a: f64, eps: f64) -> f64 {
    if a == 1.0 {
        return shannon(p, eps);
    }
    let sum: f64 = p.iter().map(|&v| num::pow(v + eps, a)).sum();
    num::ln(sum + 1e-10) / ((1.0 - a) * num::ln(p.len() as f64))
}

fn shannon(p: &[f64], eps: f64) -> f64 {
    let sum: f64 = p
        .iter()
        .map(|&v| v + eps)
        .filter(|&v| v > 0.0)
        .map(|v| v * num::ln(v))
        .sum();
    -sum / num::ln(p.len() as f64)
}

/// Settings of DynMoLE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynMole {
    /// Above this entropy all experts are active.
    pub threshold: f64,
    /// Index of the Tsallis entropy, in (0, 2].
    pub q: f64,
    /// Experts that are always active.
    pub keep_top_k: usize,
    /// Experts are active while the cumulated probability, theirs included, stays within this.
    pub top_p: f64,
    /// Added to the probabilities inside the entropy.
    pub eps: f64,
}

/// Outcome of DynMoLE on a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct DynMoleOut {
    /// Active experts of each token.
    pub mask: Vec<Vec<bool>>,
    /// Normalised entropy of each token.
    pub entropy: Vec<f64>,
    /// E Σ mean(p·mask)·mean(p).
    pub balance_loss: f64,
}

impl DynMole {
    /// Active experts of one token and its entropy.
    pub fn choose(&self, p: &[f64]) -> (Vec<bool>, f64) {
        let h = tsallis(p, self.q, self.eps);
        if h > self.threshold {
            return (vec![true; p.len()], h);
        }
        let mut mask = vec![false; p.len()];
        let mut total = 0.0;
        for (rank, e) in descending(p).into_iter().enumerate() {
            total += p[e];
            mask[e] = total <= self.top_p || rank < self.keep_top_k;
        }
        (mask, h)
    }

    /// The whole batch.
    pub fn batch(&self, logits: &Matrix) -> DynMoleOut {
        let (n, e) = (logits.rows as f64, logits.cols);
        let (mut masks, mut entropies) = (Vec::new(), Vec::new());
        let (mut used, mut mean) = (vec![0.0; e], vec![0.0; e]);
        for t in 0..logits.rows {
            let p = softmax(logits.row(t));
            let (mask, h) = self.choose(&p);
            for i in 0..e {
                mean[i] += p[i] / n;
                used[i] += if mask[i] { p[i] / n } else { 0.0 };
            }
            masks.push(mask);
            entropies.push(h);
        }
        let balance_loss = e as f64 * crate::core::matrix::dot(&used, &mean);
        DynMoleOut {
            mask: masks,
            entropy: entropies,
            balance_loss,
        }
    }
}
