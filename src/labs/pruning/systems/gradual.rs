//! Gradual magnitude pruning: the sparsity follows a schedule while the network trains.
//!
//! Cubic: s(u) = s_f + (s_i - s_f)(1 - u)³, u the share of the window that has passed. Every few steps
//! the smallest survivors go; the last change always comes at the end of the window.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Regime, Shape};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

const PAPER: Paper = Paper {
    title: "To prune, or not to prune: exploring the efficacy of pruning for model compression",
    authors: "Zhu and Gupta",
    year: 2017,
    arxiv: "1710.01878",
};

/// The exhibit.
pub static GRADUAL: Exhibit = Exhibit {
    id: "gradual-cubic",
    lab: LabKind::Pruning,
    title: "Gradual pruning, cubic",
    idea: "Prune while the network trains: many weights early, when there are many to spare and time to recover, few at the end.",
    paper: PAPER,
    basis: Basis::Code,
    deviations: "Global ranking among the survivors; pruned weights do not come back.",
    equation: "s(t) = s_f + (s_i - s_f)(1 - (t - t0)/(t1 - t0))³, every Δ steps and at t1",
    symbols: &[
        ("s_i, s_f", "initial and final sparsity"),
        ("t0, t1", "begin and end of the window"),
        ("Δ", "steps between changes of the mask"),
    ],
    setup: || Setup::Pruning(config(Shape::Cubic)),
    claim: Some(Claim {
        statement: "Pruning gradually while training keeps far more accuracy at high sparsity than one cut, and the cubic shape more than a straight line.",
        experiment: "Digit readers 64-128-64-10, 400 steps, window 0 to 75 %, 98 % at the end, the same first weights; test accuracy, cubic minus linear, and one cut in the middle beside it.",
        start: against_linear,
    }),
};

/// A training that ends with 98 % of the weights pruned.
pub(super) fn config(shape: Shape) -> Config {
    Config {
        regime: Regime::Gradual,
        shape,
        sparsity: 98.0,
        ..Config::default()
    }
}

fn against_linear(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let one_shot = Config {
        begin: 37.5,
        ..config(Shape::OneShot)
    };
    Box::new(Race::new(
        effort,
        "test accuracy, cubic minus linear schedule",
        "points",
        vec![
            ("cubic", config(Shape::Cubic)),
            ("linear", config(Shape::Linear)),
            ("exponential", config(Shape::Exponential)),
            ("cosine", config(Shape::Cosine)),
            ("one cut in the middle of the window", one_shot),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
