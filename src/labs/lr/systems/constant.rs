//! Constant rate: the baseline, and where the best rate of a schedule lies.

use super::super::Config;
use super::super::claims::standard;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static CONSTANT: Exhibit = Exhibit {
    id: "constant-lr",
    lab: LabKind::Lr,
    title: "Constant rate",
    idea: "After the warmup the rate never changes. The loss stalls at a floor set by the rate's noise, so its best rate is low.",
    paper: Paper {
        title: "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training",
        authors: "Schaipp et al.",
        year: 2025,
        arxiv: "2501.18965",
    },
    basis: Basis::Standard,
    deviations: "The claim is tested on a small digits network with AdamW instead of language models.",
    equation: "η_i = η_pk · min((i + 1) / W, 1)",
    symbols: &[
        ("η_i", "rate of update i, counted from 0"),
        ("η_pk", "peak rate"),
        ("W", "warmup updates"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Constant,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The best peak rate grows with the length of the decay: linear, 20 % cooldown and constant want 2.7 : 1.4 : 1.",
        experiment: "Digits network, AdamW: the best peak rate of each schedule per seed, on a grid of half octaves that moves until the best lies inside.",
        start: standard::best_rates,
    }),
};
