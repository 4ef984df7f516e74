//! LOST: few directions, and the columns that they miss.
//!
//! W = B A + S: the first directions of the singular value decomposition, and whole input columns of
//! what these leave, the furthest off.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime, Surgery};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static LOST: Exhibit = Exhibit {
    id: "lost",
    lab: LabKind::Pruning,
    title: "LOST",
    idea: "A layer is a few strong directions and a few channels that do not fit them. Store both, and little else is needed.",
    paper: Paper {
        title: "LOST: Low-rank and Sparse Pre-training for Large Language Models",
        authors: "Li and others",
        year: 2025,
        arxiv: "2508.02668",
    },
    basis: Basis::AbstractOnly,
    deviations: "A trained network is taken apart; the paper trains both parts from such a start. The columns are those with the largest residual, stored as they are; half of the numbers go to the directions.",
    equation: "W ≈ B A + S, B A the best form of rank r, S the c columns of W with the largest ‖W - B A‖; r (out + in) + c out ≤ (1 - s) out in",
    symbols: &[
        ("r", "rank"),
        ("c", "columns stored as they are"),
        ("s", "share of the numbers saved"),
    ],
    setup: || Setup::Pruning(config(Surgery::LowRank, 50.0, 50.0)),
    claim: Some(Claim {
        statement: "Low rank with channel-wise sparsity is better than low rank alone with as many numbers.",
        experiment: "Digit readers 64-128-64-10, 400 steps, half of the numbers of every layer saved, nothing trained afterwards; test accuracy, both minus low rank alone. SparseGPT at 50 % beside them.",
        start: against_low_rank,
    }),
};

fn config(surgery: Surgery, sparsity: f64, directions: f64) -> Config {
    Config {
        regime: Regime::Surgery,
        surgery,
        sparsity,
        directions,
        ..Config::default()
    }
}

fn against_low_rank(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy, low rank with columns minus low rank alone",
        "points",
        vec![
            (
                "low rank with columns",
                config(Surgery::LowRank, 50.0, 50.0),
            ),
            ("low rank alone", config(Surgery::LowRank, 50.0, 100.0)),
            ("SparseGPT", config(Surgery::SparseGpt, 50.0, 50.0)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
