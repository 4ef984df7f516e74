//! AlgoPerf.

use super::super::claims::optimizers;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static ALGOPERF: Exhibit = Exhibit {
    id: "algoperf",
    lab: LabKind::Lr,
    title: "AlgoPerf",
    idea: "A lower loss at the end of one run says little: which of two methods is better depends on the problem, the budget and the tuning. So fix a target for each of several problems and ask how long a tuned method takes to reach it, compared with the fastest one.",
    paper: Paper {
        title: "Benchmarking Neural Network Training Algorithms",
        authors: "Dahl et al.",
        year: 2023,
        arxiv: "2306.07179",
    },
    basis: Basis::Secondary,
    deviations: "From secondary sources and memory. Five quick problems of this lab instead of eight large ones, updates instead of seconds; the target is what a tuned constant rate reaches with 1.5 times the budget, and the schedules are the methods. Peak rate and length are tuned on two seeds of their own. With few updates no schedule makes up for the target's longer budget on the slowest problems; raise Updates until every target is reached.",
    equation: "ρ(τ) = share of problems with t ≤ τ t_best; score = ∫₁⁴ ρ(τ) dτ / 3; t: median of five studies, reached if three reach it",
    symbols: &[
        ("t", "updates to the target"),
        ("t_best", "those of the fastest schedule on that problem"),
        ("τ", "how many times as long is allowed"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            ..Config::default().with_problem(Problem::League)
        })
    },
    claim: Some(Claim {
        statement: "Ranked by their time to fixed targets on many workloads, tuned training methods differ by non-trivial gaps.",
        experiment: "Six schedules on five problems: score of the best minus that of the worst one, both picked on the first groups of studies and measured on the others.",
        start: optimizers::league,
    }),
};
