//! Structured pruning of hidden units by the norm of their weights.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static UNITS: Exhibit = Exhibit {
    id: "hidden-units",
    lab: LabKind::Pruning,
    title: "Hidden units",
    idea: "Whole hidden units go, those with the smallest incoming weights. What is left is a smaller dense network that any hardware runs faster, at a higher price in accuracy.",
    paper: Paper {
        title: "Pruning Filters for Efficient ConvNets",
        authors: "Li and others",
        year: 2016,
        arxiv: "1608.08710",
    },
    basis: Basis::Paper,
    deviations: "Units of fully connected layers instead of filters, the L2 norm, one cut without retraining; the outputs are never pruned. Outgoing weights of a unit that is gone are counted as off every path, not as pruned.",
    equation: "score of unit u = Σ_j w_uj²; in every hidden layer the k_l lowest rows go",
    symbols: &[
        ("w_uj", "incoming weights of unit u"),
        ("k_l", "round_half_to_even(s · units of the layer)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Units,
            sparsity: 50.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Removing whole units costs more accuracy than removing as large a share of single weights.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 50 % without retraining; difference in test accuracy, single weights (per-layer magnitude) minus whole units. The last layer stays dense for the units.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        50.0,
        Entrant::new("per-layer magnitude", Method::Magnitude, Granularity::Layer),
        Entrant::new("hidden units", Method::Units, Granularity::Layer),
    ))
}
