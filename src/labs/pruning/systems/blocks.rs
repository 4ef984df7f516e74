//! Block pruning: whole blocks of the weight matrix go, so that what is left stays dense inside.
//!
//! Blocks of bh × bw from the first weight on are ranked by the mean square of their weights; those
//! at the edge take the mean over the weights they have. The count rule runs over blocks.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static BLOCKS: Exhibit = Exhibit {
    id: "block-pruning",
    lab: LabKind::Pruning,
    title: "Blocks",
    idea: "Weights go in whole blocks, which hardware likes. The larger the block, the more good weights leave with the bad.",
    paper: Paper {
        title: "Block-Sparse Recurrent Neural Networks",
        authors: "Narang and others",
        year: 2017,
        arxiv: "1711.02782",
    },
    basis: Basis::Code,
    deviations: "One cut without retraining; mean squares as in torch.ao's WeightNormSparsifier.",
    equation: "score of a block = mean of w² over its weights; prune round_half_to_even(s · blocks) blocks of every layer",
    symbols: &[("s", "sparsity, as a share of the blocks")],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Block,
            sparsity: 70.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "At the same sparsity single weights keep more accuracy than blocks: structure has its price.",
        experiment: "Digit readers 64-128-64-10, pruned once to 70 % in every layer without retraining; difference in test accuracy, single weights minus blocks of 4 × 4.",
        start: against_single,
    }),
};

fn against_single(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        70.0,
        Entrant::new("single weights", Method::Magnitude, Granularity::Layer),
        Entrant::new("blocks of 4 × 4", Method::Block, Granularity::Layer),
    ))
}
