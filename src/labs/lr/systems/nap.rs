//! Normalize-and-project.

use super::super::claims::neighbours;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static NAP: Exhibit = Exhibit {
    id: "nap",
    lab: LabKind::Lr,
    title: "Normalize-and-Project (NaP)",
    idea: "Behind a normalisation only the direction of weights matters, and the longer they are the less a step turns them. So the effective rate decays even when the rate is constant; scaling the weights back after every update keeps it.",
    paper: Paper {
        title: "Normalization and effective learning rates in reinforcement learning",
        authors: "Lyle et al.",
        year: 2024,
        arxiv: "2407.01800",
    },
    basis: Basis::AbstractOnly,
    deviations: "From the abstract and secondary sources. Classification with changing labels instead of reinforcement learning; root-mean-square normalisation of the one hidden layer, without gain or bias; plain SGD; the output layer is not projected.",
    equation: "n = W x / rms(W x); W ← ρ W / ‖W‖ after every update, ρ = ‖W_0‖; effective rate η / ‖W‖²",
    symbols: &[
        ("W", "weights of the normalised layer"),
        ("ρ", "their norm at the start"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Constant,
            warmup: 0.0,
            rivals: false,
            ..Config::default().with_problem(Problem::Relabel)
        })
    },
    claim: Some(Claim {
        statement: "Growing weight norms decay the effective rate and with it plasticity; projection prevents that.",
        experiment: "Normalised digits network, plain SGD at 0.5, ten tasks that differ by a permutation of the labels: accuracy over the last quarter with and without projection, over paired seeds.",
        start: neighbours::nap,
    }),
};
