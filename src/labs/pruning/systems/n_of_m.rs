//! N:M sparsity: of every M neighbours of a row the N largest magnitudes are kept
//! ([`groups`](crate::core::groups)); and whole blocks, ranked by the mean of their squares. As in
//! torch.ao.pruning.WeightNormSparsifier.
//!
//! A ragged edge block counts with the mean over its real elements.

use super::experiment::{Contest, Entrant};
use crate::core::mask::Mask;
use crate::core::select::{count_rule, prune_by_score};
use crate::core::{ClaimResult, Job};
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
