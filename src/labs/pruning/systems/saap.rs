//! SAAP: what a coupled structure means to the loss, two ways of asking fused by their uncertainty.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SAAP: Exhibit = Exhibit {
    id: "saap",
    lab: LabKind::Pruning,
    title: "SAAP",
    idea: "How much would the loss change if this unit went? Ask for all its weights as one step and for each alone; trust the answer that varies less between batches.",
    paper: Paper {
        title: "Adaptive Pruning for Large Language Models with Structural Importance Awareness",
        authors: "Zheng and others",
        year: 2024,
        arxiv: "2412.15127",
    },
    basis: Basis::Secondary,
    deviations: "Hidden units instead of heads and channels; the curvature is the mean squared gradient; σ is the spread over 8 batches of 32 images, mean of the units, so that + log σ is the same for all. One cut without retraining.",
    equation: "I_v = |Σ (g w - ½ F w²)|, I_e = Σ |g w - ½ F w²| over the unit's weights; score = Σ_m I_m / (2 σ_m²) + log σ_m",
    symbols: &[
        ("g", "gradient of a batch"),
        ("F", "mean squared gradient of its images"),
        ("σ_m", "spread of an importance from batch to batch"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Saap,
            sparsity: 50.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Structures chosen by the fused importance lose less than those chosen by plainer measures.",
        experiment: "Digit readers 64-128-64-10 from several seeds, half of the hidden units pruned once without retraining; difference in test accuracy, SAAP minus the L2 norm of the incoming weights.",
        start: against_norm,
    }),
};

fn against_norm(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        50.0,
        Entrant::new("SAAP", Method::Saap, Granularity::Layer),
        Entrant::new("L2 norm", Method::Units, Granularity::Layer),
    ))
}
