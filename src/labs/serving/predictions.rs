//! Predicted output lengths: the true length times lognormal noise, in place of a learned
//! predictor, and how well they rank.

use super::config::Config;
use super::policies::Feature;
use super::workload::Workload;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric};

/// Predicted output tokens of every request: D·e^(σ·N(0,1)); empty if the scheduler asks for none.
pub(super) fn predictions(config: &Config, outputs: &[u32]) -> Vec<f64> {
    if !config.scheduler.has(Feature::Predicted) {
        return Vec::new();
    }
    let mut stream = Stream::new(config.seed, StreamId::Predictions);
    let sigma = config.prediction_sigma;
    outputs
        .iter()
        .map(|&d| f64::from(d) * num::exp(sigma * stream.normal()))
        .collect()
}

/// How well the predictions of a run rank its requests, where the scheduler uses any.
pub(super) fn metric(config: &Config, workload: &Workload) -> Option<Metric> {
    let predicted = &workload.tags.predicted;
    (config.scheduler.has(Feature::Predicted) && !predicted.is_empty()).then(|| Metric {
        id: "prediction_tau",
        name: "Kendall's τ of predictions",
        unit: "",
        value: kendall_tau(&workload.decode, predicted),
        better: Better::Higher,
        doc: "How well predicted output lengths rank the requests: 1 is the true order, 0 is chance.",
    })
}

/// Kendall's τ-a: concordant minus discordant pairs over all pairs; pairs equal in either list
/// count as neither. NaN below two values.
pub(super) fn kendall_tau(truth: &[u32], predicted: &[f64]) -> f64 {
    let n = truth.len().min(predicted.len());
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| (truth[a].cmp(&truth[b])).then(predicted[a].total_cmp(&predicted[b])));
    let ranked: Vec<f64> = order.iter().map(|&i| predicted[i]).collect();
    let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let ties = |same: &dyn Fn(usize, usize) -> bool| {
        let mut from = 0;
        let mut total = 0.0;
        for i in 1..=n {
            if i == n || !same(from, i) {
                total += pairs(i - from);
                from = i;
            }
        }
        total
    };
    let in_truth = ties(&|a, b| truth[order[a]] == truth[order[b]]);
    let in_both = ties(&|a, b| truth[order[a]] == truth[order[b]] && ranked[a] == ranked[b]);
    let mut sorted = ranked.clone();
    let discordant = inversions(&mut sorted) as f64;
    let in_predicted = {
        let mut from = 0;
        let mut total = 0.0;
        for i in 1..=n {
            if i == n || sorted[from] != sorted[i] {
                total += pairs(i - from);
                from = i;
            }
        }
        total
    };
    let decided = pairs(n) - in_truth - in_predicted + in_both;
    (decided - 2.0 * discordant) / pairs(n)
}

/// Sorts, and counts pairs that stand in the wrong order.
fn inversions(values: &mut [f64]) -> u64 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(n / 2);
    let mut count = inversions(left) + inversions(right);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut i, mut j) = (0, 0);
    for slot in values.iter_mut() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            *slot = right[j];
            j += 1;
            count += (left.len() - i) as u64;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::{Scheduler, workload};

    #[test]
    fn tau_agrees_with_counting_pairs() {
        let truth = [3, 1, 2, 2, 5, 4, 4];
        let predicted = [2.0, 1.0, 2.0, 2.5, 0.5, 4.0, 4.0];
        let mut sum = 0.0;
        for a in 0..truth.len() {
            for b in 0..a {
                let x = f64::from(truth[a]) - f64::from(truth[b]);
                let y: f64 = predicted[a] - predicted[b];
                if x != 0.0 && y != 0.0 {
                    sum += (x * y).signum();
                }
            }
        }
        assert_eq!(kendall_tau(&truth, &predicted), sum / 21.0);
        assert!(kendall_tau(&[1], &[1.0]).is_nan());
    }

    #[test]
    fn more_noise_ranks_worse_and_none_ranks_rightly() {
        let tau = |sigma: f64| {
            let config = Config {
                scheduler: Scheduler::Sjf,
                prediction_sigma: sigma,
                requests: 2000,
                output_sigma: 0.8,
                output_max: 100_000,
                max_tokens_per_sequence: 200_000,
                ..Config::default()
            };
            let w = workload(&config, &crate::labs::Library::default()).unwrap();
            kendall_tau(&w.decode, &predictions(&config, &w.decode))
        };
        assert!(tau(0.0) > 0.98, "{}", tau(0.0));
        // Two normals with correlation ρ rank with τ = (2/π)·asin ρ, ρ = 0.8 / √(0.8² + σ²).
        for sigma in [0.5, 1.0, 2.0] {
            let rho = 0.8 / f64::hypot(0.8, sigma);
            let want = rho.asin() * std::f64::consts::FRAC_2_PI;
            assert!(
                (tau(sigma) - want).abs() < 0.03,
                "σ {sigma}: {}",
                tau(sigma)
            );
        }
    }
}
