//! Pruning by signal to noise: the mean of an evolution strategy's search over its spread.
//!
//! With σ² = 1 / (F + λ), where a search distribution ends that follows the curvature, (μ/σ)² =
//! w² (F + λ): the saliency of optimal brain damage with a floor. As in RobertTLange/es-lottery,
//! which takes σ from the search itself.

use super::experiment::{Contest, Entrant};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Granularity, Method};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SNR: Exhibit = Exhibit {
    id: "evolution-snr",
    lab: LabKind::Pruning,
    title: "Evolutionary tickets by signal to noise",
    idea: "An evolution strategy knows for every weight how far it may vary. What is small against that can go. With curvature as spread this is optimal brain damage.",
    paper: Paper {
        title: "Lottery Tickets in Evolutionary Optimization: On Sparse Backpropagation-Free Trainability",
        authors: "Lange and Sprekeler",
        year: 2023,
        arxiv: "",
    },
    basis: Basis::Code,
    deviations: "No evolution strategy is run: its spread is taken as 1/√(F + λ), F the mean squared gradient of 256 images. One cut without retraining.",
    equation: "SNR = |μ| / σ over all layers, σ² = 1 / (F + λ), the smallest go",
    symbols: &[
        ("μ", "mean of the search, here the weight"),
        ("σ", "its spread"),
        ("F", "mean squared gradient"),
        ("λ", "floor of the curvature"),
    ],
    setup: || {
        Setup::Pruning(Config {
            method: Method::Snr,
            sparsity: 95.0,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "At high sparsity pruning by signal to noise finds better networks than pruning by magnitude.",
        experiment: "Digit readers 64-128-64-10 from several seeds, pruned once to 90 % without retraining, λ = 0.001; difference in test accuracy, signal to noise minus global magnitude.",
        start: against_magnitude,
    }),
};

fn against_magnitude(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Contest::new(
        effort,
        90.0,
        Entrant::new("signal to noise", Method::Snr, Granularity::Global),
        Entrant::new("global magnitude", Method::Magnitude, Granularity::Global),
    ))
}
