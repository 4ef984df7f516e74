//! Large steps and sparse features.

use super::super::claims::neighbours;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LARGE_STEPS: Exhibit = Exhibit {
    id: "large-steps",
    lab: LabKind::Lr,
    title: "Large steps, sparse features",
    idea: "A rate near the edge of stability keeps the loss up for a long time. Nothing seems to happen, but the noise of these steps kills small weights, and when the rate drops a simpler network remains.",
    paper: Paper {
        title: "SGD with Large Step Sizes Learns Sparse Features",
        authors: "Andriushchenko et al.",
        year: 2023,
        arxiv: "2210.05337",
    },
    basis: Basis::Code,
    deviations: "The authors' diagonal network on Gaussian data, 40 samples in 100 dimensions, with our random numbers; their deep networks are not trained here. Near the edge of stability some draws of the data diverge.",
    equation: "f(x) = ⟨u ∘ v, x⟩; one sample: g = (f(x) - y) x; u ← u - η g ∘ v, v ← v - η g ∘ u",
    symbols: &[
        ("u, v", "the two layers, 0.1 and 0 at the start"),
        ("u ∘ v", "the weights that count; below 0.01 they are dead"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Step,
            drops: 1,
            gamma: 0.1,
            warmup: 0.0,
            // A draw of the data that survives the rate; some do not.
            seed: 5,
            peak: 0.25,
            ..Config::default().with_problem(Problem::Sparse)
        })
    },
    claim: Some(Claim {
        statement: "Large rates first stabilise the loss, and during that time features become sparse.",
        experiment: "Diagonal network, 40,000 updates, paired seeds: weights alive and test loss at rate 0.27 with a drop by 10 at half, against constant rates of 0.05, 0.15 and 0.25.",
        start: neighbours::large_steps,
    }),
};
