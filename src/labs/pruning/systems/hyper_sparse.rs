//! HyperSparse and ART: a pressure that bends small weights to zero and leaves large ones alone.
//!
//! ∂R/∂w = sign(w) σ sech²(σ|w|) Σ|w| / Σ tanh σ|w|, σ = artanh(1/√3)/κ, κ the magnitude at the rate; the loss
//! gets λ_t R, λ_t grows until the pruned network is as good on the training images as the dense one.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static HYPER_SPARSE: Exhibit = Exhibit {
    id: "hypersparse",
    lab: LabKind::Pruning,
    title: "HyperSparse (ART)",
    idea: "A growing pressure sends the weights that will go towards zero before the cut, so that the cut itself costs nothing.",
    paper: Paper {
        title: "HyperSparse Neural Networks: Shifting Exploration to Exploitation through Adaptive Regularization",
        authors: "Glandorf and others",
        year: 2023,
        arxiv: "2308.07163",
    },
    basis: Basis::Code,
    deviations: "λ starts at 1e-4 and grows by 1.5 % a step (the code: 5e-6 and 5 % an epoch), so that the ramp fits into a few hundred steps; the rest of the steps fine-tune under the mask.",
    equation: "∂R/∂w = sign(w) σ sech²(σ|w|) Σ|w| / Σ tanh σ|w|; σ = artanh(1/√3)/κ; loss + λ0 η^t R",
    symbols: &[
        ("κ", "magnitude at the wanted rate"),
        ("λ0, η", "pressure at first and its growth"),
    ],
    setup: || Setup::Pruning(config(Regime::HyperSparse)),
    claim: Some(Claim {
        statement: "At high sparsity ART with HyperSparse ends more accurate than pruning without it.",
        experiment: "Digit readers 64-128-64-10, 400 dense steps, then 600 steps: pressure, cut and fine-tuning, against one cut and fine-tuning; 98 %, test accuracy, ART minus one cut.",
        start: against_one_cut,
    }),
};

fn config(regime: Regime) -> Config {
    Config {
        regime,
        sparsity: 98.0,
        tune_steps: 600,
        settle: 0.0,
        ..Config::default()
    }
}

fn against_one_cut(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy, ART minus one cut and fine-tuning",
        "points",
        vec![
            ("ART", config(Regime::HyperSparse)),
            ("one cut", config(Regime::Flicker)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
