//! SNIP: connection sensitivity at initialisation. Scores are in `criteria::at_init`, checked against reference values.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SNIP: Exhibit = Exhibit {
    id: "snip",
    lab: LabKind::Pruning,
    title: "SNIP",
    idea: "Prune before training: keep the connections whose removal would change the loss most, by one look at 256 images.",
    paper: Paper {
        title: "SNIP: Single-shot Network Pruning based on Connection Sensitivity",
        authors: "Lee and others",
        year: 2018,
        arxiv: "1810.02340",
    },
    basis: Basis::Code,
    deviations: "",
    equation: "score = |w ∂L/∂w| at the start; prune the k lowest of all layers, then train",
    symbols: &[
        ("L", "mean cross-entropy over 256 training images"),
        ("k", "round_half_to_even(s N)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Snip,
            sparsity: 90.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Connections chosen by sensitivity train to a far better network than random ones.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned to 90 % before 400 training steps; difference in test accuracy, SNIP minus random.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(
        Contest::new(
            effort,
            90.0,
            Entrant::at_init("SNIP", Method::Snip),
            Entrant::at_init("random", Method::Random),
        )
        .seeds(8),
    )
}
