//! Relative contribution: how much of its unit's input a weight makes up, on average.
//!
//! c_ij(x) = |w_ij x_j| / Σ_j |w_ij x_j| for every image; the score is mean + λ · standard deviation.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static CONTRIBUTION: Exhibit = Exhibit {
    id: "relative-contribution",
    lab: LabKind::Pruning,
    title: "Relative contribution",
    idea: "A weight matters as far as its term makes up the input of its unit, averaged over the data.",
    paper: Paper {
        title: "Small Contributions, Small Networks: Efficient Neural Network Pruning Based on Relative Importance",
        authors: "Hussien and others",
        year: 2024,
        arxiv: "2410.16151",
    },
    basis: Basis::AbstractOnly,
    deviations: "Score mean + λ · standard deviation is ours, λ = 0 at first; no activation range is left out, and nothing is trained afterwards.",
    equation: "c_ij(x) = |w_ij x_j| / Σ_j |w_ij x_j|; score = mean_x c_ij + λ std_x c_ij, ranked inside a layer",
    symbols: &[
        ("w_ij", "weight from input j to unit i"),
        ("x_j", "input j on an image"),
        ("λ", "weight of the spread"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Contribution,
            sparsity: 75.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "The network gets up to 75 % smaller and 1.13 points more accurate (MNIST).",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 75 % without retraining; difference in test accuracy, pruned minus dense.",
        start: against_dense,
    }),
};

fn against_dense(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        75.0,
        Entrant::new(
            "relative contribution",
            Method::Contribution,
            Granularity::Layer,
        ),
        Entrant::dense(),
    ))
}
