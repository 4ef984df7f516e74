//! Scores and choices: softmax, ordered top-k, gate weights.
//!
//! Ties: the larger score first, equal scores by the lower index.

use crate::num;

/// Softmax of a row, with the maximum subtracted.
pub fn softmax(z: &[f64]) -> Vec<f64> {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut out: Vec<f64> = z.iter().map(|v| num::exp(v - top)).collect();
    let total: f64 = out.iter().sum();
    for v in &mut out {
        *v /= total;
    }
    out
}

/// ln Σ e^z of a row.
pub fn log_sum_exp(z: &[f64]) -> f64 {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top.is_infinite() {
        return top;
    }
    top + num::ln(z.iter().map(|v| num::exp(v - top)).sum())
}

/// Indices of the k largest scores, best first; equal scores by the lower index.
pub fn top_k(scores: &[f64], k: usize) -> Vec<usize> {
    let k = k.min(scores.len());
    if k == 0 {
        return Vec::new();
    }
    let mut best = vec![0; k];
    let mut values = vec![0.0; k];
    let mut count = 0;
    for (i, &score) in scores.iter().enumerate() {
        if count == k && score <= values[k - 1] {
            continue;
        }
        // The worst falls out where all places are taken; what is smaller moves down by one.
        let mut at = count.min(k - 1);
        while at > 0 && values[at - 1] < score {
            values[at] = values[at - 1];
            best[at] = best[at - 1];
            at -= 1;
        }
        values[at] = score;
        best[at] = i;
        count = (count + 1).min(k);
    }
    best
}

/// Index of the largest score, the lower index among equals; 0 for an empty row.
pub fn argmax(scores: &[f64]) -> usize {
    top_k(scores, 1).first().copied().unwrap_or(0)
}

/// Score that just missed the cut: k-th minus (k+1)-th largest; infinite when all are chosen.
pub fn selection_gap(scores: &[f64], k: usize) -> f64 {
    let best = top_k(scores, k + 1);
    match (
        k.checked_sub(1).and_then(|last| best.get(last)),
        best.get(k),
    ) {
        (Some(&a), Some(&b)) => scores[a] - scores[b],
        _ => f64::INFINITY,
    }
}

/// The values at the given indices.
pub fn pick(values: &[f64], indices: &[usize]) -> Vec<f64> {
    indices.iter().map(|&i| values[i]).collect()
}

/// Values divided by their sum; all zero when the sum is zero.
pub fn normalised(values: &[f64]) -> Vec<f64> {
    let total: f64 = values.iter().sum();
    if total == 0.0 {
        return vec![0.0; values.len()];
    }
    values.iter().map(|v| v / total).collect()
}

pub use crate::stats::descending;

/// Entropy of a distribution in nats, with 0 ln 0 = 0.
pub fn entropy(p: &[f64]) -> f64 {
    -p.iter()
        .filter(|&&v| v > 0.0)
        .map(|&v| v * num::ln(v))
        .sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_index() {
        assert_eq!(top_k(&[1.0, 2.0, 2.0, 1.0, 2.0], 4), [1, 2, 4, 0]);
        assert_eq!(top_k(&[0.0; 5], 2), [0, 1]);
        assert_eq!(top_k(&[f64::NEG_INFINITY; 3], 2), [0, 1]);
        assert_eq!(descending(&[0.0, 1.0, 1.0]), [1, 2, 0]);
    }

    #[test]
    fn the_best_are_those_of_a_full_sort() {
        let mut draw = crate::rng::Stream::new(1, crate::rng::StreamId::Test);
        for n in [1, 2, 7, 64, 256] {
            // Few values, so that many are equal.
            let scores: Vec<f64> = (0..n).map(|_| f64::from(draw.below(9))).collect();
            let sorted = descending(&scores);
            for k in 0..=n.min(12) {
                assert_eq!(top_k(&scores, k), sorted[..k], "{n} {k}");
            }
        }
    }

    #[test]
    fn softmax_survives_huge_logits_and_sums_to_one() {
        let p = softmax(&[1000.0, 1000.0, -1000.0]);
        assert_eq!(p, [0.5, 0.5, 0.0]);
        assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - num::ln(2.0)).abs() < 1e-12);
    }

    #[test]
    fn both_softmax_orders_give_the_same_weights() {
        let z = [0.3, -1.2, 2.5, 0.9];
        let best = top_k(&z, 2);
        let first = normalised(&pick(&softmax(&z), &best));
        let second = softmax(&pick(&z, &best));
        for (a, b) in first.iter().zip(&second) {
            assert!((a - b).abs() < 1e-15, "{a} {b}");
        }
    }
}
