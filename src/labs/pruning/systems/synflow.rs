//! SynFlow: iterative conservation of synaptic flow. Scores are in `criteria::at_init`, checked against reference values.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SYNFLOW: Exhibit = Exhibit {
    id: "synflow",
    lab: LabKind::Pruning,
    title: "SynFlow",
    idea: "Prune before training and without data: a weight counts as much as the paths through it carry. Scored again in many rounds, no layer dies before it must.",
    paper: Paper {
        title: "Pruning neural networks without any data by iteratively conserving synaptic flow",
        authors: "Tanaka and others",
        year: 2020,
        arxiv: "2006.05467",
    },
    basis: Basis::Code,
    deviations: "One sequence of rounds down to a density of 0.1 % serves the whole sweep; the paper runs its rounds for each density.",
    equation: "R = 1ᵀ Π|W_l| 1, score = |w ∂R/∂|w||; round r of n leaves the density 0.001^{r/n}",
    symbols: &[
        ("R", "sum over all paths of the products of their |w|"),
        ("n", "rounds"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::SynFlow,
            sparsity: 98.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Scoring in rounds avoids the layer collapse of scoring once.",
        experiment: "Digit readers 64-100-100-100-100-10 from several seeds, pruned to 98 % before 400 training steps; difference in test accuracy, 100 rounds minus one.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(
        Contest::new(
            effort,
            98.0,
            Entrant::synflow("100 rounds", 100),
            Entrant::synflow("one round", 1),
        )
        .on(&[64, 100, 100, 100, 100, 10])
        .seeds(8),
    )
}
