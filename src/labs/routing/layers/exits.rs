//! Leaving early (PALBERT, arXiv 2204.03276; PonderNet's training): each exit has a probability of
//! leaving there, and the rules that turn these into an exit.

use super::super::rules::halting;
use super::net::{Objective, cross_entropy};
use crate::core::gate;
use crate::core::num;

/// Loss of a sample over its exits (logits, logit of leaving), and its gradient by each exit's
/// logits and leaving logit:
/// Σ_l p_l CE_l + β KL(prior ‖ p) + CE_last, p the exit distribution whose last entry takes the
/// rest.
pub(super) fn loss(
    exits: &[(Vec<f64>, f64)],
    label: usize,
    objective: Objective,
) -> (f64, Vec<Vec<f64>>) {
    let n = exits.len();
    let lambdas: Vec<f64> = exits.iter().map(|(_, v)| num::sigmoid(*v)).collect();
    let p = halting::training_pdf(&halting::exit_pdf(&lambdas));
    let prior = halting::geometric_prior(objective.prior, n);
    let costs: Vec<f64> = exits.iter().map(|(z, _)| cross_entropy(z, label)).collect();
    let divergence = halting::kl(&prior, &p);
    let expected: f64 = p.iter().zip(&costs).map(|(p, c)| p * c).sum();
    let total = expected + objective.divergence * divergence + costs[n - 1];
    // ∂L/∂p_l, then through p_l = λ_l Π_{i<l} (1 - λ_i), the last λ counting as 1.
    let by_p: Vec<f64> = (0..n)
        .map(|l| costs[l] - objective.divergence * prior[l] / p[l])
        .collect();
    let deltas = (0..n)
        .map(|l| {
            let mut delta = gate::softmax(&exits[l].0);
            delta[label] -= 1.0;
            let weight = p[l] + f64::from(u8::from(l + 1 == n));
            for d in &mut delta {
                *d *= weight;
            }
            // ∂p_l/∂v_l = p_l (1 - λ_l), ∂p_m/∂v_l = -p_m λ_l for m > l; none for the last.
            let leave = if l + 1 == n {
                0.0
            } else {
                let later: f64 = (l + 1..n).map(|m| by_p[m] * p[m]).sum();
                by_p[l] * p[l] * (1.0 - lambdas[l]) - lambdas[l] * later
            };
            delta.push(leave);
            delta
        })
        .collect();
    (total, deltas)
}

/// Exit (from 0) of a sample under each of the rules: Q-exit at 0.5, sampled, patience 2.
pub(super) fn exits_of(lambdas: &[f64], uniforms: &[f64], predictions: &[i64]) -> [usize; 3] {
    let cdf = halting::cumulated(&halting::exit_pdf(lambdas));
    [
        halting::q_exit(&cdf, 0.5),
        halting::sampled_exit(lambdas, uniforms),
        halting::patience_exit(predictions, 2),
    ]
}
