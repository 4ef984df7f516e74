//! Sparse networks are under-trained by dense recipes.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static LONGER: Exhibit = Exhibit {
    id: "longer-training",
    lab: LabKind::Pruning,
    title: "Longer training",
    idea: "A recipe tuned for the dense network stops a sparse one too early: give it more steps and it goes on improving.",
    paper: Paper {
        title: "Accurate Neural Network Pruning Requires Rethinking Sparse Optimization",
        authors: "Kuznedelev and others",
        year: 2023,
        arxiv: "2308.02060",
    },
    basis: Basis::AbstractOnly,
    deviations: "Only the length of the training is changed, with the cubic schedule over its first three quarters.",
    equation: "loss(T) at fixed sparsity; gain = 1 - loss(4T)/loss(T)",
    symbols: &[("T", "optimizer steps")],
    setup: || {
        Setup::Pruning(Config {
            train_steps: 1600,
            ..long(98.0, 1600)
        })
    },
    claim: Some(Claim {
        statement: "Sparse networks are under-trained: with more steps they gain much more than dense ones.",
        experiment: "Digit readers 64-128-64-10 with 400 and 1,600 steps; relative fall of the test loss at 98 % sparsity minus that of the dense network.",
        start: against_dense,
    }),
};

fn long(sparsity: f64, train_steps: u64) -> Config {
    Config {
        regime: Regime::Gradual,
        sparsity,
        train_steps,
        ..Config::default()
    }
}

fn against_dense(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let race = Race::new(
        effort,
        "relative fall of the test loss by four times the steps, 98 % sparse minus dense",
        "points",
        vec![
            ("dense, 400 steps", long(0.0, 400)),
            ("dense, 1,600 steps", long(0.0, 1600)),
            ("98 %, 400 steps", long(98.0, 400)),
            ("98 %, 1,600 steps", long(98.0, 1600)),
        ],
        |o: &[Outcome]| {
            let fall = |a: &Outcome, b: &Outcome| 100.0 * (1.0 - b.loss() / a.loss());
            fall(&o[2], &o[3]) - fall(&o[0], &o[1])
        },
    );
    Box::new(race.seeds(6))
}
