//! N:M sparsity: of every M neighbours of a row the N largest magnitudes are kept; and whole
//! blocks, ranked by the mean of their squares. As in torch.ao.pruning.WeightNormSparsifier.
//!
//! Ties: the smaller index is pruned first. A short last group of g keeps min(g, N); a ragged
//! edge block counts with the mean over its real elements.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::mask::Mask;
use crate::labs::pruning::select::{count_rule, magnitude_key, prune_by_score};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static N_OF_M: Exhibit = Exhibit {
    id: "n-of-m",
    lab: LabKind::Pruning,
    title: "N:M magnitude",
    idea: "Of every M neighbours of a row the N largest stay. The pattern is regular enough for hardware: 2:4 halves the multiplications on current tensor cores.",
    paper: Paper {
        title: "Accelerating Sparse Deep Neural Networks",
        authors: "Mishra and others",
        year: 2021,
        arxiv: "2104.08378",
    },
    basis: Basis::Code,
    deviations: "One cut without retraining; the paper retrains once.",
    equation: "in every group of M neighbours along the inputs keep the N largest |w|",
    symbols: &[
        ("N", "weights kept of a group"),
        ("M", "weights of a group"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::NOfM,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The regular 2:4 pattern costs little: free magnitude pruning at the same 50 % in every layer keeps hardly more accuracy.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 50 % without retraining; difference in test accuracy, 2:4 minus per layer. Reproduced if the 95 % interval lies within one point of 0.",
        start: against_free,
    }),
};

fn against_free(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(
        Contest::new(
            effort,
            50.0,
            Entrant::groups("2:4", 2, 4),
            Entrant::new("per-layer magnitude", Method::Magnitude, Granularity::Layer),
        )
        .within(1.0),
    )
}

/// Place of element `i` of a group from the top: 0 for the one that is kept longest.
pub fn place(group: &[u32], i: usize) -> usize {
    let better = |&(j, &key): &(usize, &u32)| key > group[i] || (key == group[i] && j > i);
    group.iter().enumerate().filter(better).count()
}

/// Keeps the `n` largest magnitudes of every `m` neighbours (at most 32) in rows of `cols`.
pub fn mask_of_weights(values: &[f32], cols: usize, n: usize, m: usize) -> Mask {
    let (cols, m) = (cols.max(1), m.clamp(1, 32));
    let mut mask = Mask::none(values.len());
    let mut keys = [0_u32; 32];
    for (r, row) in values.chunks(cols).enumerate() {
        for (g, group) in row.chunks(m).enumerate() {
            let keys = &mut keys[..group.len()];
            for (key, &w) in keys.iter_mut().zip(group) {
                *key = magnitude_key(w);
            }
            mask.put(r * cols + g * m, best(keys, n), group.len());
        }
    }
    mask
}

/// The `n` largest keys of a group (at most 32) as bits, among equals the later ones.
pub fn best(keys: &[u32], n: usize) -> u32 {
    if let Ok(&[a, b, c, d]) = <&[u32; 4]>::try_from(keys) {
        // Six comparisons say who stands above whom.
        let [ab, ac, ad] = [a > b, a > c, a > d].map(usize::from);
        let [bc, bd, cd] = [b > c, b > d, c > d].map(usize::from);
        let above = [
            3 - ab - ac - ad,
            ab + 2 - bc - bd,
            ac + bc + 1 - cd,
            ad + bd + cd,
        ];
        let bit = |(i, above): (usize, &usize)| u32::from(*above < n) << i;
        return above.iter().enumerate().map(bit).sum();
    }
    let bit = |i: usize| u32::from(place(keys, i) < n) << i;
    (0..keys.len()).map(bit).sum()
}

/// Keeps the `n` highest scores of every `m` neighbours in rows of `cols`.
pub fn mask_of_scores(scores: &[f64], cols: usize, n: usize, m: usize) -> Mask {
    let mut mask = Mask::none(scores.len());
    let (cols, m) = (cols.max(1), m.max(1));
    for (r, row) in scores.chunks(cols).enumerate() {
        for (g, group) in row.chunks(m).enumerate() {
            let kept = prune_by_score(group, None, group.len().saturating_sub(n));
            for i in (0..group.len()).filter(|&i| kept.kept(i)) {
                mask.set(r * cols + g * m + i, true);
            }
        }
    }
    mask
}

/// Number of blocks of `height × width` side by side in a row of `cols` weights, and the block of a
/// flat index.
fn blocks_of(cols: usize, [height, width]: [usize; 2]) -> (usize, impl Fn(usize) -> usize) {
    let (cols, height, width) = (cols.max(1), height.max(1), width.max(1));
    let across = cols.div_ceil(width);
    let of = move |i: usize| i / cols / height * across + i % cols / width;
    (across, of)
}

/// Mean of squares of every block of `height × width`, row after row of blocks; blocks at the edge
/// over the weights they have.
pub fn block_means(weights: &[f64], cols: usize, block: [usize; 2]) -> Vec<f64> {
    let (across, block_of) = blocks_of(cols, block);
    let down = (weights.len() / cols.max(1)).div_ceil(block[0].max(1));
    let mut sums = vec![(0.0, 0_usize); across * down];
    for (i, w) in weights.iter().enumerate() {
        if let Some((sum, count)) = sums.get_mut(block_of(i)) {
            *sum += w * w;
            *count += 1;
        }
    }
    sums.iter()
        .map(|(sum, count)| sum / *count as f64)
        .collect()
}

/// The block of every flat index of `count` weights.
pub fn block_places(count: usize, cols: usize, block: [usize; 2]) -> Vec<usize> {
    let (_, block_of) = blocks_of(cols, block);
    (0..count).map(block_of).collect()
}

/// Prunes whole blocks of `height × width`: the count-rule number of `level` times the number of
/// blocks, those with the smallest mean of squares.
pub fn block_mask(weights: &[f64], cols: usize, block: [usize; 2], level: f64) -> Mask {
    let means = block_means(weights, cols, block);
    let kept = prune_by_score(&means, None, count_rule(level, means.len()));
    let (_, block_of) = blocks_of(cols, block);
    Mask::from_fn(weights.len(), |i| kept.kept(block_of(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_in_a_group_prune_the_smaller_index() {
        let mask = mask_of_scores(&[1.0, 1.0, 1.0, 1.0, 2.0, 0.0], 6, 2, 4);
        let kept: Vec<bool> = mask.iter().collect();
        assert_eq!(
            kept,
            [false, false, true, true, true, true],
            "a short group keeps min(g, N)"
        );
        assert_eq!([0, 1, 2].map(|i| place(&[7, 9, 7], i)), [2, 0, 1]);
    }

    #[test]
    fn weights_and_scores_give_the_same_groups() {
        use crate::core::rng::{Stream, StreamId};
        let mut stream = Stream::new(6, StreamId::Test);
        for (cols, m) in [(8, 4), (10, 4), (12, 3), (70, 32), (5, 7)] {
            // Coarse values: many ties.
            let values: Vec<f32> = (0..cols * 6)
                .map(|_| (stream.normal_f32() * 2.0).round())
                .collect();
            let scores: Vec<f64> = values.iter().map(|w| f64::from(w.abs())).collect();
            for n in 0..=m {
                assert_eq!(
                    mask_of_weights(&values, cols, n, m),
                    mask_of_scores(&scores, cols, n, m),
                    "{n}:{m} in rows of {cols}"
                );
            }
        }
    }
}
