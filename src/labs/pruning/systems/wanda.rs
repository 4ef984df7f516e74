//! Wanda: magnitude times input norm. Scores are in `criteria::wanda`, checked against reference values; here they become keys of the sweep.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static WANDA: Exhibit = Exhibit {
    id: "wanda",
    lab: LabKind::Pruning,
    title: "Wanda",
    idea: "A weight matters as much as the input it is multiplied with: magnitude times the norm of that input over a few images.",
    paper: Paper {
        title: "A Simple and Effective Pruning Approach for Large Language Models",
        authors: "Sun and others",
        year: 2023,
        arxiv: "2306.11695",
    },
    basis: Basis::Code,
    deviations: "Ranked per layer; the paper compares inside each output row, which is worse on nets this small. Ranked by w² Σx², which has the same order and needs no root.",
    equation: "S_ij = |W_ij| · ‖X_j‖₂; in every layer the k_l smallest go",
    symbols: &[
        ("X_j", "input j of the layer over 256 training images"),
        ("k_l", "round_half_to_even(s n_l)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Wanda,
            sparsity: 80.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Without retraining, magnitude times input norm keeps more than magnitude alone.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 80 % in every layer without retraining; difference in test accuracy, Wanda minus per-layer magnitude.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        80.0,
        Entrant::new("Wanda", Method::Wanda, Granularity::Layer),
        Entrant::new("per-layer magnitude", Method::Magnitude, Granularity::Layer),
    ))
}
