//! Predicted output lengths: the true length times lognormal noise, in place of a learned
//! predictor; scores that rank as well as asked for; and how well both rank.

use super::config::Config;
use super::policies::Feature;
use super::workload::Workload;
use crate::core::Arrange as _;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric};

/// Requests that a given agreement is looked for among; more are scored the same way.
const SAMPLE: usize = 1000;
/// Halvings of the weight of the truth.
const HALVINGS: u32 = 20;

/// Whether a scheduler or a router heeds what [`predictions`] gives.
fn heeded(config: &Config) -> bool {
    config.routes_by_length()
        || config.scheduler.has(Feature::Predicted)
        || config.scheduler.has(Feature::Scored)
}

/// Predicted output tokens of every request, D·e^(σ·N(0,1)), or scores that rank them; empty if the
/// scheduler asks for neither.
pub(super) fn predictions(config: &Config, outputs: &[u32]) -> Vec<f64> {
    if !heeded(config) {
        return Vec::new();
    }
    let mut stream = Stream::new(config.seed, StreamId::Predictions);
    if config.scheduler.has(Feature::Scored) {
        let noise: Vec<f64> = outputs.iter().map(|_| stream.normal()).collect();
        return scores(outputs, &noise, config.rank_tau);
    }
    let sigma = config.prediction_sigma;
    outputs
        .iter()
        .map(|&d| f64::from(d) * num::exp(sigma * stream.normal()))
        .collect()
}

/// Scores w·ln D + (1 − w)·s·noise, s the spread of ln D, with the weight w at which they agree with
/// the true order by Kendall's `tau`, as nearly as ties allow.
fn scores(outputs: &[u32], noise: &[f64], tau: f64) -> Vec<f64> {
    let logs: Vec<f64> = outputs.iter().map(|&d| num::ln(f64::from(d))).collect();
    let n = logs.len().max(1) as f64;
    let mean = num::sum(logs.iter().copied()) / n;
    let spread = (num::sum(logs.iter().map(|l| (l - mean) * (l - mean))) / n).sqrt();
    let spread = if spread > 0.0 { spread } else { 1.0 };
    let mixed = |w: f64, count: usize| -> Vec<f64> {
        (logs.iter().zip(noise).take(count))
            .map(|(l, z)| w * l + (1.0 - w) * spread * z)
            .collect()
    };
    let sample = &outputs[..outputs.len().min(SAMPLE)];
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if kendall_tau(sample, &mixed(middle, sample.len())) < tau {
            low = middle;
        } else {
            high = middle;
        }
    }
    mixed(high, logs.len())
}

/// How well the predictions of a run rank its requests, where the scheduler uses any.
pub(super) fn metric(config: &Config, workload: &Workload) -> Option<Metric> {
    let predicted = &workload.tags.predicted;
    (heeded(config) && !predicted.is_empty()).then(|| Metric {
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
    order
        .arrange_by(|&a, &b| (truth[a].cmp(&truth[b])).then(predicted[a].total_cmp(&predicted[b])));
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
    fn scores_agree_with_the_truth_as_well_as_asked_for() {
        let mut stream = Stream::new(5, StreamId::Test);
        let outputs: Vec<u32> = (0..1000).map(|_| 4 + stream.below(5000)).collect();
        let noise: Vec<f64> = (0..1000).map(|_| stream.normal()).collect();
        for tau in [0.1, 0.28, 0.5, 0.72, 0.95] {
            let reached = kendall_tau(&outputs, &scores(&outputs, &noise, tau));
            assert!((reached - tau).abs() < 0.005, "{tau}: {reached}");
        }
        assert_eq!(scores(&[7, 7], &[0.5, -0.5], 1.0).len(), 2, "all equal");
        assert!(scores(&[], &[], 0.5).is_empty());
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
