//! The PQ index of sparsity and how much it says can go (arXiv 2302.05601, the authors' code).
//!
//! I_{p,q}(w) = 1 - d^(1/q - 1/p) ‖w‖_p / ‖w‖_q over the d surviving weights.

use crate::core::num;

fn power_norm(w: &[f64], p: f64) -> f64 {
    num::pow(num::sum(w.iter().map(|v| num::pow(v.abs(), p))), 1.0 / p)
}

/// The index of the surviving weights; 0 for none and for all zeros.
pub fn pqi(w: &[f64], p: f64, q: f64) -> f64 {
    let norm = power_norm(w, q);
    if w.is_empty() || norm == 0.0 {
        return 0.0;
    }
    1.0 - num::pow(w.len() as f64, 1.0 / q - 1.0 / p) * power_norm(w, p) / norm
}

/// What sparsity-informed adaptive pruning proposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// The index.
    pub pqi: f64,
    /// Surviving weights.
    pub d: usize,
    /// The bound before it is rounded up.
    pub exact_bound: f64,
    /// Lower bound on the weights to keep.
    pub kept_bound: f64,
    /// Weights to prune next.
    pub prune: usize,
}

/// Parameters of the proposal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sap {
    /// p of the index.
    pub p: f64,
    /// q of the index.
    pub q: f64,
    /// Slack of the bound.
    pub eta: f64,
    /// Share of the possible cut that is taken.
    pub gamma: f64,
    /// Largest share pruned at once.
    pub beta: f64,
}

impl Sap {
    /// ⌊d · clip(γ(1 - m/d), 0, β)⌋, in this order.
    pub fn cut(&self, d: usize, bound: f64) -> usize {
        let d = d as f64;
        (d * (self.gamma * (1.0 - bound / d)).max(0.0).min(self.beta)).floor() as usize
    }

    /// The proposal for the surviving weights; none where all are zero.
    pub fn propose(&self, w: &[f64]) -> Option<Proposal> {
        if w.iter().all(|v| *v == 0.0) {
            return None;
        }
        let index = pqi(w, self.p, self.q);
        let (p, q, d) = (self.p, self.q, w.len() as f64);
        let exact =
            d * num::pow(1.0 + self.eta, -q / (q - p)) * num::pow(1.0 - index, p * q / (q - p));
        Some(Proposal {
            pqi: index,
            d: w.len(),
            exact_bound: exact,
            kept_bound: exact.ceil(),
            prune: self.cut(w.len(), exact.ceil()),
        })
    }
}

/// The weights that stay when the ⌊d/2⌋ smallest magnitudes go.
pub fn larger_half(w: &[f64]) -> Vec<f64> {
    let mut sorted = w.to_vec();
    sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    sorted.split_off(w.len() / 2)
}
