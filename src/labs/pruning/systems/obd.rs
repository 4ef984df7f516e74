//! Optimal brain damage with the empirical Fisher diagonal.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static OBD: Exhibit = Exhibit {
    id: "optimal-brain-damage",
    lab: LabKind::Pruning,
    title: "OBD (Fisher)",
    idea: "Weights go by what the loss would rise if the curvature were diagonal. The curvature is the mean squared gradient; SNR pruning of evolution strategies, |μ|/σ, ranks the same way.",
    paper: Paper {
        title: "Optimal Brain Damage",
        authors: "LeCun, Denker and Solla",
        year: 1989,
        arxiv: "",
    },
    basis: Basis::Standard,
    deviations: "The empirical Fisher diagonal over 256 training images stands for the Hessian; one cut without retraining.",
    equation: "saliency = ½ F w², F = mean over images of (∂L/∂w)²; prune the k lowest of all layers",
    symbols: &[
        ("F", "empirical Fisher diagonal"),
        ("k", "round_half_to_even(s N)"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Obd,
            sparsity: 95.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Saliency by curvature keeps more than magnitude.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 95 % without retraining; difference in test accuracy, OBD minus global magnitude.",
        start: experiment,
    }),
};

fn experiment(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        95.0,
        Entrant::new("OBD", Method::Obd, Granularity::Global),
        Entrant::new("global magnitude", Method::Magnitude, Granularity::Global),
    ))
}
