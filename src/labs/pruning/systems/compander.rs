//! Weight compander: weights pass through a function that is steep at zero and bounded.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Aid, Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static COMPANDER: Exhibit = Exhibit {
    id: "weight-compander",
    lab: LabKind::Pruning,
    title: "Weight compander",
    idea: "Learn v, use w = ψ(v), steep at zero and bounded: small weights move easily, none grows without limit, and the network leans on many weights.",
    paper: Paper {
        title: "Weight Compander: A Simple Weight Reparameterization for Regularization",
        authors: "Cakaj and others",
        year: 2023,
        arxiv: "2306.16993",
    },
    basis: Basis::AbstractOnly,
    deviations: "ψ(v) = atan(s v) is ours; biases are left as they are.",
    equation: "w = atan(s v); v ← v - η ∂L/∂w · s / (1 + s² v²)",
    symbols: &[("v", "what is learnt"), ("s", "slope at zero")],
    setup: || Setup::Pruning(config(Aid::Compander)),
    claim: Some(Claim {
        statement: "The reparametrised network generalises better than the plain one.",
        experiment: "Digit readers 64-128-64-10, 400 steps, cubic schedule to 95 %, slope 2; test accuracy, compander minus plain weights.",
        start: against_plain,
    }),
};

fn config(aid: Aid) -> Config {
    Config {
        regime: Regime::Gradual,
        sparsity: 95.0,
        aid,
        ..Config::default()
    }
}

fn against_plain(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Race::new(
        effort,
        "test accuracy at 95 %, compander minus plain",
        "points",
        vec![
            ("compander", config(Aid::Compander)),
            ("plain", config(Aid::Plain)),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
