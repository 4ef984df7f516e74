//! When to stop going deeper: exit probabilities per layer (PALBERT's Q-exit, arXiv 2204.03276,
//! tinkoff-ai/palbert; PABEE's patience).

use crate::core::num;

/// Probability of leaving at each layer, from the probabilities of leaving when there.
pub fn exit_pdf(lambdas: &[f64]) -> Vec<f64> {
    let mut stay = 1.0;
    lambdas
        .iter()
        .map(|l| {
            let p = l * stay;
            stay *= 1.0 - l;
            p
        })
        .collect()
}

/// Running sums.
pub fn cumulated(pdf: &[f64]) -> Vec<f64> {
    let mut total = 0.0;
    pdf.iter()
        .map(|p| {
            total += p;
            total
        })
        .collect()
}

/// The distribution of training: the last layer takes what is left.
pub fn training_pdf(pdf: &[f64]) -> Vec<f64> {
    let mut out = pdf.to_vec();
    if let Some((last, others)) = out.split_last_mut() {
        *last = 1.0 - others.iter().sum::<f64>();
    }
    out
}

/// First layer whose cumulated probability is strictly above the threshold, else the last.
pub fn q_exit(cdf: &[f64], threshold: f64) -> usize {
    first_or_last(cdf.len(), |l| cdf[l] > threshold)
}

/// First layer with u < λ, else the last.
pub fn sampled_exit(lambdas: &[f64], uniforms: &[f64]) -> usize {
    first_or_last(lambdas.len(), |l| uniforms[l] < lambdas[l])
}

/// First layer at which the prediction has stayed the same `patience` times in a row, else the last.
pub fn patience_exit(predictions: &[i64], patience: usize) -> usize {
    let mut counter = 0;
    first_or_last(predictions.len(), |l| {
        counter = if l > 0 && predictions[l] == predictions[l - 1] {
            counter + 1
        } else {
            0
        };
        counter >= patience
    })
}

fn first_or_last(layers: usize, stop: impl FnMut(usize) -> bool) -> usize {
    (0..layers)
        .position(stop)
        .unwrap_or(layers.saturating_sub(1))
}

/// Geometric prior over layers; the last takes the rest.
pub fn geometric_prior(lambda: f64, layers: usize) -> Vec<f64> {
    training_pdf(&exit_pdf(&vec![lambda; layers]))
}

/// Kullback-Leibler divergence of `p` from `q`, in nats.
pub fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter()
        .zip(q)
        .filter(|(p, _)| **p > 0.0)
        .map(|(p, q)| p * num::ln(p / q))
        .sum()
}
