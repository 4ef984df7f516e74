//! The optimal brain surgeon: after each removal all weights of the row move to where the error is
//! smallest.
//!
//! Saliency w_q² / (2 [H⁻¹]_qq); δw = -w_q / [H⁻¹]_qq · H⁻¹_{:,q}; then row and column q leave H⁻¹.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime, Surgery};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SURGEON: Exhibit = Exhibit {
    id: "optimal-brain-surgeon",
    lab: LabKind::Pruning,
    title: "Optimal brain surgeon",
    idea: "Remove the weight whose loss can best be made up for, let all others make up for it, and look again.",
    paper: Paper {
        title: "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon",
        authors: "Hassibi and Stork",
        year: 1992,
        arxiv: "",
    },
    basis: Basis::Standard,
    deviations: "The Hessian is that of the squared error of each layer's outputs, row by row, with SparseGPT's damping, not that of the loss of the whole network.",
    equation: "L_q = w_q² / (2 [H⁻¹]_qq), the smallest goes; δw = -w_q / [H⁻¹]_qq · H⁻¹ e_q; H⁻¹ ← H⁻¹ - H⁻¹ e_q e_qᵀ H⁻¹ / [H⁻¹]_qq",
    symbols: &[
        ("L_q", "rise of the squared error when weight q goes"),
        ("H", "(2/n) XᵀX + 1 % of its mean diagonal"),
        ("e_q", "unit vector of weight q"),
    ],
    setup: || Setup::Pruning(config(Surgery::Surgeon)),
    claim: Some(Claim {
        statement: "The surgeon removes more weights than magnitude at the same error, without retraining.",
        experiment: "Digit readers 64-128-64-10, 400 steps, pruned layer by layer to 80 % against 256 training images; test accuracy, surgeon minus magnitude. SparseGPT, which repairs only to the right, beside them.",
        start: against_magnitude,
    }),
};

fn config(surgery: Surgery) -> Config {
    Config {
        regime: Regime::Surgery,
        surgery,
        sparsity: 80.0,
        ..Config::default()
    }
}

fn against_magnitude(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy at 80 %, surgeon minus magnitude",
        "points",
        vec![
            ("surgeon", config(Surgery::Surgeon)),
            ("magnitude by row", config(Surgery::Magnitude)),
            ("SparseGPT", config(Surgery::SparseGpt)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
