//! The convex last-iterate bound.

use super::super::claims::theory;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static CONVEX_BOUND: Exhibit = Exhibit {
    id: "convex-bound",
    lab: LabKind::Lr,
    title: "Convex bound",
    idea: "Textbook convex theory, asked at every update, draws loss curves that look like those of language models: flat while the rate is high, a sudden drop in the cooldown. It ranks tuned schedules and says how far the best rate moves.",
    paper: Paper {
        title: "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training",
        authors: "Schaipp et al.",
        year: 2025,
        arxiv: "2501.18965",
    },
    basis: Basis::Code,
    deviations: "In a form without cancelling subtractions that agrees with the authors' code. Worst case: tuned linear decay at T = 100 has a true worst case of 0.1000 against the bound's 0.2036. Measured against 116 real runs by its authors' data it ranks single runs worse (Spearman 0.74 to 0.86) than tuned schedules (0.94): not a loss predictor.",
    equation: "Ω_t = D² / (2 S_t) + ½ η_t G_t² + ½ Σ_(k<t) η_k² G_k² / (η_(k+1) + … + η_t); at base rate γ: Ω = a / γ + b γ, so γ* = √(a / b)",
    symbols: &[
        ("S_t", "sum of the rates until t"),
        ("G_t", "gradient norm, t^-p"),
        ("D", "distance of the start to the optimum, 1 here"),
        ("γ", "base rate: the schedule is γ times a unit schedule"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            cooldown: 0.2,
            warmup: 0.0,
            ..Config::default().with_problem(Problem::Bound)
        })
    },
    claim: Some(Claim {
        statement: "Ranks schedules by what they reach, and says that the best rate grows as the decay gets longer: linear, 20 % cooldown and constant want 2.7 : 1.4 : 1.",
        experiment: "Ten schedules of the authors' real runs (124 million parameters, 50,000 steps; with `--data`), each at its own best peak: rank correlation of the losses reached with the bound, which nothing is fitted for. And nine schedules on the exact quadratic, with the best base rates in closed form.",
        start: theory::bound,
    }),
};
