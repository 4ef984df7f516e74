//! LAMP: magnitudes rescaled inside their layer, then one global ranking.
//!
//! score(u) = w_u² / Σ_{v: |w_v| ≥ |w_u|} w_v² inside a layer (equal magnitudes: sorted by flat
//! index, so the earlier one has the larger sum and the lower score). The largest weight of every
//! layer scores 1, so no layer dies before the last weight. As in jaeho-lee/layer-adaptive-sparsity.

use super::experiment::{Contest, Entrant};
use crate::core::stats::ascending;
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static LAMP: Exhibit = Exhibit {
    id: "lamp",
    lab: LabKind::Pruning,
    title: "LAMP",
    idea: "Before weights of different layers are compared, each is measured against what would be left of its own layer. The last weight of a layer always scores 1, so no layer dies early.",
    paper: Paper {
        title: "Layer-adaptive Sparsity for the Magnitude-based Pruning",
        authors: "Lee and others",
        year: 2020,
        arxiv: "2010.07611",
    },
    basis: Basis::Code,
    deviations: "One cut without retraining; the paper prunes in rounds and retrains.",
    equation: "score(u) = w_u² / Σ_{v: |w_v| ≥ |w_u|} w_v² inside the layer; prune the k lowest scores of all layers",
    symbols: &[
        ("w_u", "weight u"),
        ("v", "weights of the same layer at least as large"),
        ("k", "round_half_to_even(s N)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Lamp,
            sparsity: 95.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "At high sparsity LAMP keeps more accuracy than the same sparsity in every layer.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 95 % without retraining; difference in test accuracy, LAMP minus per layer.",
        start: against_uniform,
    }),
};

fn against_uniform(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        95.0,
        Entrant::new("LAMP", Method::Lamp, Granularity::Global),
        Entrant::new("per-layer magnitude", Method::Magnitude, Granularity::Layer),
    ))
}

/// Scores of one layer; 0 for a layer of zeros.
pub fn scores(weights: &[f64]) -> Vec<f64> {
    let order = ascending(&weights.iter().map(|w| w.abs()).collect::<Vec<_>>());
    let mut out = vec![0.0; weights.len()];
    let mut sum = 0.0;
    for &i in order.iter().rev() {
        sum += weights[i] * weights[i];
        out[i] = ratio(weights[i] * weights[i], sum);
    }
    out
}

fn ratio(square: f64, sum: f64) -> f64 {
    if sum > 0.0 { square / sum } else { 0.0 }
}

/// Scores of one layer in ascending order of magnitude, from its magnitude keys.
pub fn ascending_scores(mut keys: Vec<u32>) -> Vec<f64> {
    keys.sort_unstable();
    let mut sum = 0.0;
    let mut out: Vec<f64> = keys
        .iter()
        .rev()
        .map(|&key| {
            let w = f64::from(f32::from_bits(key));
            sum += w * w;
            ratio(w * w, sum)
        })
        .collect();
    out.reverse();
    out
}

/// How many weights of each layer are among the `k` lowest scores of all; `layers` holds
/// ascending scores. Equal scores: the earlier layer first. No score is compared after rounding:
/// the cut is found by bisection on the bit patterns.
pub fn removals(layers: &[Vec<f64>], k: u64) -> Vec<u64> {
    let below = |bits: u64| {
        let tau = f64::from_bits(bits);
        let count = move |l: &Vec<f64>| l.partition_point(|&s| s < tau) as u64;
        layers.iter().map(count).collect::<Vec<u64>>()
    };
    // The largest τ with at most k scores below it. Scores lie in [0, 1].
    let (mut low, mut high) = (0_u64, 2.0_f64.to_bits());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if below(middle).iter().sum::<u64>() <= k {
            low = middle;
        } else {
            high = middle;
        }
    }
    let mut counts = below(low);
    let mut missing = k.saturating_sub(counts.iter().sum());
    let tau = f64::from_bits(low);
    for (count, scores) in counts.iter_mut().zip(layers) {
        let equal = scores.partition_point(|&s| s <= tau) as u64 - *count;
        let taken = equal.min(missing);
        *count += taken;
        missing -= taken;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};
    use crate::core::select::{magnitude_key, prune_by_score};

    #[test]
    fn counts_per_layer_agree_with_ranking_all_scores() {
        let mut stream = Stream::new(2, StreamId::Test);
        let layers: Vec<Vec<f32>> = [40, 7, 90]
            .iter()
            .map(|&n| {
                (0..n)
                    .map(|_| (stream.normal_f32() * 8.0).round() / 8.0)
                    .collect()
            })
            .collect();
        let wide = |l: &Vec<f32>| scores(&l.iter().map(|&w| f64::from(w)).collect::<Vec<_>>());
        let all: Vec<f64> = layers.iter().flat_map(wide).collect();
        let sorted: Vec<Vec<f64>> = layers
            .iter()
            .map(|l| ascending_scores(l.iter().map(|&w| magnitude_key(w)).collect()))
            .collect();
        for k in 0..=all.len() {
            let mask = prune_by_score(&all, None, k);
            let mut start = 0;
            let want: Vec<u64> = layers
                .iter()
                .map(|l| {
                    let gone = (start..start + l.len()).filter(|&i| !mask.kept(i)).count();
                    start += l.len();
                    gone as u64
                })
                .collect();
            assert_eq!(removals(&sorted, k as u64), want, "k {k}");
        }
    }

    #[test]
    fn the_largest_weight_of_every_layer_scores_one() {
        assert_eq!(scores(&[0.5, -2.0, 1.0])[1], 1.0);
        assert_eq!(scores(&[0.0, 0.0]), [0.0, 0.0]);
    }
}
