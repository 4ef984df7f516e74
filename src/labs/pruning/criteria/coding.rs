//! Cutting, rounding and entropy-coding weights to a budget of bits (L², arXiv 2308.04269).

use crate::core::Arrange as _;
use crate::labs::pruning::measure::entropy;

/// Step of a symmetric grid of so many bits over the largest magnitude; 0 when all are 0.
pub fn grid_step(largest: f64, bits: u64) -> f64 {
    largest / ((1_u64 << (bits - 1)) - 1) as f64
}

/// A weight after the cut at `edge` and the rounding to multiples of `step`, half to even.
pub fn cut_and_round(w: f64, edge: f64, step: f64) -> f64 {
    if w.abs() <= edge || step == 0.0 {
        return 0.0;
    }
    step * (w / step).round_ties_even()
}

/// One way of coding a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coded {
    /// Weights up to this magnitude are cut.
    pub edge: f64,
    /// Entropy of all its weights, in bits.
    pub bits: f64,
    /// Σ (w - q)² / Σ w².
    pub distortion: f64,
}

/// Shares of a layer's weights that may be cut, in per cent.
const CUTS: [f64; 24] = [
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 55.0, 60.0, 65.0, 70.0, 74.0, 78.0, 82.0, 85.0, 88.0, 90.0,
    92.0, 94.0, 95.5, 97.0, 98.0, 99.0, 99.5, 100.0,
];

/// What a layer costs when a growing share of its smallest weights is cut and the others are
/// rounded to a grid of `grid_bits`.
pub fn offers(weights: &[f32], grid_bits: u64) -> Vec<Coded> {
    let mut order: Vec<f32> = weights.to_vec();
    order.arrange_by(|a, b| a.abs().total_cmp(&b.abs()));
    let largest = order.last().map_or(0.0, |w| f64::from(w.abs()));
    let step = grid_step(largest, grid_bits);
    let half = (1_i64 << (grid_bits - 1)) - 1;
    let code = |w: f32| {
        let q = cut_and_round(f64::from(w), -1.0, step);
        let code = if step == 0.0 {
            0.0
        } else {
            (q / step).round_ties_even()
        };
        (code as i64 + half).clamp(0, 2 * half) as usize
    };
    let mut counts = vec![0_u64; 2 * half as usize + 1];
    let mut error = 0.0;
    let mut power = 0.0;
    for &w in &order {
        counts[code(w)] += 1;
        let (w, q) = (f64::from(w), cut_and_round(f64::from(w), -1.0, step));
        error += (w - q) * (w - q);
        power += w * w;
    }
    let (mut cut, mut edge) = (0, -1.0);
    let mut found = Vec::with_capacity(CUTS.len());
    for share in CUTS {
        let goal = (share / 100.0 * order.len() as f64).round_ties_even() as usize;
        while cut < goal {
            let w = order[cut];
            counts[code(w)] -= 1;
            counts[half as usize] += 1;
            let (w, q) = (f64::from(w), cut_and_round(f64::from(w), -1.0, step));
            error += w * w - (w - q) * (w - q);
            (cut, edge) = (cut + 1, w.abs());
        }
        found.push(Coded {
            edge,
            bits: entropy(&counts) * order.len() as f64,
            distortion: error / power.max(f64::MIN_POSITIVE),
        });
    }
    found
}

/// One offer of every layer: the smallest sum of distortions within a budget of bits, exactly; the
/// fewest bits where no choice is within it.
pub fn choose(offers: &[Vec<Coded>], budget: f64) -> Vec<Coded> {
    // Partial choices that no other one beats in bits and distortion.
    let mut front: Vec<(f64, f64, Vec<Coded>)> = vec![(0.0, 0.0, Vec::new())];
    for layer in offers {
        let mut next: Vec<(f64, f64, Vec<Coded>)> = Vec::new();
        for (bits, distortion, choice) in &front {
            for offer in layer {
                let mut longer = choice.clone();
                longer.push(*offer);
                next.push((bits + offer.bits, distortion + offer.distortion, longer));
            }
        }
        next.arrange_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        front.clear();
        for choice in next {
            if front.last().is_none_or(|last| choice.1 < last.1) {
                front.push(choice);
            }
        }
    }
    let within = front.partition_point(|c| c.0 <= budget);
    let best = front.into_iter().nth(within.saturating_sub(1));
    best.map_or_else(Vec::new, |c| c.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    #[test]
    fn an_offer_costs_what_coding_the_layer_costs() {
        let mut luck = Stream::new(3, StreamId::Test);
        let w: Vec<f32> = (0..500).map(|_| luck.normal_f32()).collect();
        let largest = w.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
        let step = grid_step(f64::from(largest), 4);
        let found = offers(&w, 4);
        for (i, offer) in found.iter().enumerate() {
            let q: Vec<f64> = w
                .iter()
                .map(|&w| cut_and_round(f64::from(w), offer.edge, step))
                .collect();
            let mut kinds: Vec<i64> = q.iter().map(|q| (q / step).round() as i64).collect();
            kinds.sort_unstable();
            let counts: Vec<u64> = kinds
                .chunk_by(|a, b| a == b)
                .map(|c| c.len() as u64)
                .collect();
            let bits = entropy(&counts) * 500.0;
            assert!(
                (offer.bits - bits).abs() < 1e-6,
                "{i}: {} {bits}",
                offer.bits
            );
            let error: f64 = w
                .iter()
                .zip(&q)
                .map(|(&w, q)| (f64::from(w) - q).powi(2))
                .sum();
            let power: f64 = w.iter().map(|&w| f64::from(w).powi(2)).sum();
            assert!((offer.distortion - error / power).abs() < 1e-9);
        }
        assert!(found[23].bits == 0.0 && (found[23].distortion - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_choice_is_the_best_of_all() {
        let mut luck = Stream::new(4, StreamId::Test);
        for round in 0..40 {
            let offers: Vec<Vec<Coded>> = (0..3)
                .map(|_| {
                    let one = |_| Coded {
                        edge: 0.0,
                        bits: f64::from(luck.below(20)),
                        distortion: luck.uniform(),
                    };
                    (0..5).map(one).collect()
                })
                .collect();
            let budget = f64::from(round) + 0.5;
            let found = choose(&offers, budget);
            let sums = |c: &[Coded]| {
                (
                    c.iter().map(|o| o.bits).sum::<f64>(),
                    c.iter().map(|o| o.distortion).sum::<f64>(),
                )
            };
            let mut best = (f64::INFINITY, f64::INFINITY);
            for a in &offers[0] {
                for b in &offers[1] {
                    for c in &offers[2] {
                        let (bits, distortion) = sums(&[*a, *b, *c]);
                        let better = if best.0 <= budget {
                            bits <= budget && distortion < best.1
                        } else {
                            bits < best.0
                        };
                        if better {
                            best = (bits, distortion);
                        }
                    }
                }
            }
            let got = sums(&found);
            if best.0 <= budget {
                assert!(got.0 <= budget && (got.1 - best.1).abs() < 1e-12, "{round}");
            } else {
                assert_eq!(got.0, best.0, "{round}");
            }
        }
    }
}
