//! Step decay (StepLR).

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static STEP: Exhibit = Exhibit {
    id: "step-decay",
    lab: LabKind::Lr,
    title: "Step decay",
    idea: "The rate is cut by the same factor after every stretch. Between the cuts the loss stalls at its noise floor, and each cut lets it drop.",
    paper: Paper {
        title: "Deep Residual Learning for Image Recognition",
        authors: "He et al.",
        year: 2015,
        arxiv: "1512.03385",
    },
    basis: Basis::Standard,
    deviations: "The paper divides by ten when the error stalls; here after equal stretches, as StepLR does.",
    equation: "η_i = η_pk · γ^⌊(i - W) / s⌋",
    symbols: &[
        ("γ", "factor of a drop"),
        ("s", "updates between drops"),
        ("W", "warmup updates"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Step,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Step schedules lose to a straight line at small budgets (arXiv 2107.04197).",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::step,
    }),
};
