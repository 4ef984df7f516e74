//! Random pruning with a counter-based generator: the mask of any weight follows from its index
//! and the seed, on every device.
//!
//! pcg(x): s = 747796405 x + 2891336453; t = ((s >> ((s >> 28) + 4)) ^ s) · 277803737;
//! out = (t >> 22) ^ t. The key of weight i is pcg(i ^ pcg(seed)); the k smallest are pruned.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static RANDOM: Exhibit = Exhibit {
    id: "random-pruning",
    lab: LabKind::Pruning,
    title: "Random",
    idea: "The control: weights go in random order. Whatever a criterion is worth, it is worth against this.",
    paper: Paper {
        title: "Pruning Convolutional Neural Networks for Resource Efficient Inference",
        authors: "Molchanov and others",
        year: 2016,
        arxiv: "1611.06440",
    },
    basis: Basis::Standard,
    deviations: "The paper prunes feature maps at random as a baseline and retrains; here single weights, once.",
    equation: "key(i) = pcg(i xor pcg(seed)); prune the k smallest keys",
    symbols: &[
        ("i", "flat index of the weight over all layers"),
        ("pcg", "a 32-bit hash, the same on every device"),
        ("k", "round_half_to_even(s N)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Random,
            sparsity: 50.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The size of a trained weight tells how much it matters: dropping the smallest half costs less than dropping a random half.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 50 % without retraining; difference in test accuracy, global magnitude minus random.",
        start: against_magnitude,
    }),
};

fn against_magnitude(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        50.0,
        Entrant::new("global magnitude", Method::Magnitude, Granularity::Global),
        Entrant::new("random", Method::Random, Granularity::Global),
    ))
}

/// The 32-bit PCG output hash.
pub fn pcg(x: u32) -> u32 {
    let s = x.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let t = ((s >> ((s >> 28) + 4)) ^ s).wrapping_mul(277_803_737);
    (t >> 22) ^ t
}

/// The random key of weight `index`.
pub fn key(seed: u32, index: u32) -> u32 {
    pcg(index ^ pcg(seed))
}

/// The 32 bits of a 64-bit seed that the generator uses.
pub fn fold(seed: u64) -> u32 {
    (seed ^ (seed >> 32)) as u32
}
