//! Schedule under drift.

use super::super::claims::guided;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static DRIFT: Exhibit = Exhibit {
    id: "drift-schedule",
    lab: LabKind::Lr,
    title: "Schedule under drift",
    idea: "While the data stand still the best rate falls for ever. Once they drift, a rate that has fallen is left behind: the best rate settles, and jumps when a shift begins.",
    paper: Paper {
        title: "Learning Rate Schedules in the Presence of Distribution Shift",
        authors: "Fahrbach et al.",
        year: 2023,
        arxiv: "2303.15634",
    },
    basis: Basis::AbstractOnly,
    deviations: "Online linear regression as in the abstract; the recursion is our own derivation and exact in expectation, 50 dimensions, batches of 16. The best rate uses the true distance, which a real run would have to estimate.",
    equation: "v ← v (1 - 2 η + η² (1 + (d + 1) / B)) + η² d s2 / B + g; η* = v / (v (1 + (d + 1) / B) + d s2 / B)",
    symbols: &[
        ("v", "expected squared distance to the optimum"),
        ("g", "mean square of the drift per update"),
        ("d, B, s2", "dimensions 50, batch 16, label noise 1"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::DriftOptimal,
            ..Config::default().with_problem(Problem::Drift)
        })
    },
    claim: Some(Claim {
        statement: "The learning rate should rise when the distribution shifts.",
        experiment: "Exact: 300 updates, drift of 0.05 from update 150 on: the best rate at the end over the best rate before the shift, and the regret against tuned schedules.",
        start: guided::drift,
    }),
};
