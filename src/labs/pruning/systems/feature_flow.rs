//! Feature flow regularisation: short ways from layer to layer.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Aid, Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static FEATURE_FLOW: Exhibit = Exhibit {
    id: "feature-flow",
    lab: LabKind::Pruning,
    title: "Feature flow",
    idea: "Features travel from layer to layer; pull neighbouring layers together, so that the way is short and much of the network is not needed for it.",
    paper: Paper {
        title: "Feature Flow Regularization: Improving Structured Sparsity in Deep Neural Networks",
        authors: "Wu and others",
        year: 2021,
        arxiv: "",
    },
    basis: Basis::AbstractOnly,
    deviations: "Own form with the first difference alone: two hidden layers have no second one. Weights are pruned, not whole channels.",
    equation: "loss + λ · mean ‖a₂ - a₁‖, a₁ and a₂ the outputs of the hidden layers, equally wide",
    symbols: &[
        ("a_l", "outputs of hidden layer l"),
        ("λ", "weight of the pull"),
    ],
    setup: || Setup::Pruning(config(Aid::Flow)),
    claim: Some(Claim {
        statement: "Networks trained with short feature trajectories can be pruned further.",
        experiment: "Digit readers 64-100-100-10, 400 steps, cubic schedule to 98 %; test accuracy, with the pull (λ = 0.01) minus without.",
        start: against_plain,
    }),
};

fn config(aid: Aid) -> Config {
    Config {
        regime: Regime::Gradual,
        hidden1: 100,
        hidden2: 100,
        sparsity: 98.0,
        strength: 0.01,
        aid,
        ..Config::default()
    }
}

fn against_plain(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy at 98 %, feature flow minus none",
        "points",
        vec![
            ("feature flow", config(Aid::Flow)),
            ("none", config(Aid::Plain)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
