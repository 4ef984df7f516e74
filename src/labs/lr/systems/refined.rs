//! A schedule refined from gradient norms.

use super::super::Config;
use super::super::claims::theory;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static REFINED: Exhibit = Exhibit {
    id: "refined-schedule",
    lab: LabKind::Lr,
    title: "Refined schedule",
    idea: "Run once, record the gradient norms, and let them bend the line: steps count for less where gradients are large. A warmup appears when norms fall early, a faster end when they rise late.",
    paper: Paper {
        title: "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement",
        authors: "Defazio et al.",
        year: 2023,
        arxiv: "2310.07831",
    },
    basis: Basis::Code,
    deviations: "Norms of a linear decay at the set peak and the first seed; weights G^-2 for every optimizer (the paper uses 1 / ‖G‖₁ for Adam). Long runs are smoothed on 400 points.",
    equation: "w_t = Ĝ_t^-2; η_t ∝ w_t Σ_(p>t) w_p; Ĝ a running median over a tenth of the run",
    symbols: &[
        ("Ĝ_t", "smoothed gradient norm"),
        ("w_t", "weight of update t"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Refined,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Refined schedules match or beat linear decay.",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: theory::refined,
    }),
};
