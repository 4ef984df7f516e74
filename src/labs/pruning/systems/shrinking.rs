//! Regularised shrinking: weights that the loss does not ask for decay faster, then go.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Aid, Config, Regime, Shape};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static SHRINKING: Exhibit = Exhibit {
    id: "regularised-shrinking",
    lab: LabKind::Pruning,
    title: "Regularised shrinking",
    idea: "A weight whose gradient is small is not asked for: it decays faster, and the cut that follows takes it away when it is nearly gone.",
    paper: Paper {
        title: "Regularization-based Pruning of Irrelevant Weights in Deep Neural Architectures",
        authors: "Bonetta and others",
        year: 2022,
        arxiv: "",
    },
    basis: Basis::AbstractOnly,
    deviations: "The measure of irrelevance is ours, 1 - |∂L/∂w| over the largest of the layer, on the batch; cuts follow the iterative schedule.",
    equation: "w ← w - η (∂L/∂w + λ r w), r = max(0, 1 - |∂L/∂w| / max |∂L/∂w|); the smallest |w| go in a few jumps",
    symbols: &[
        ("r", "irrelevance of a weight on the batch"),
        ("λ", "extra decay"),
    ],
    setup: || Setup::Pruning(config(Aid::Shrink)),
    claim: Some(Claim {
        statement: "Shrinking irrelevant weights before they go reaches a given sparsity with less loss.",
        experiment: "Digit readers 64-128-64-10, 400 steps, five jumps to 98 %; test accuracy, shrinking (λ = 0.01) minus none.",
        start: against_plain,
    }),
};

fn config(aid: Aid) -> Config {
    Config {
        regime: Regime::Gradual,
        shape: Shape::Iterative,
        sparsity: 98.0,
        strength: 0.01,
        aid,
        ..Config::default()
    }
}

fn against_plain(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy at 98 %, shrinking minus none",
        "points",
        vec![
            ("shrinking", config(Aid::Shrink)),
            ("none", config(Aid::Plain)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
