//! Unified budget-aware schedule.

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static UBA: Exhibit = Exhibit {
    id: "uba",
    lab: LabKind::Lr,
    title: "UBA",
    idea: "One parameter between late and early decay, derived from a min-max problem over unknown curvature under a budget: the worse the condition, the larger φ.",
    paper: Paper {
        title: "Stepsize anything: A unified learning rate schedule for budgeted-iteration training",
        authors: "Tang et al.",
        year: 2025,
        arxiv: "2505.24452",
    },
    basis: Basis::Secondary,
    deviations: "Formula from third-party code that agrees with the paper as remembered; the paper's φ per optimizer could not be read, so the default φ is our choice. After a linear warmup.",
    equation: "η_i = η_pk · (r + (1 - r) · 2c / (2φ + (2 - φ) c)), c = 1 + cos πq",
    symbols: &[
        ("φ", "shape: 2 is the cosine, small values stay high"),
        ("r", "floor as a share of the peak"),
        ("q", "progress after the warmup, (i - W) / (T - W)"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Uba,
            phi: 0.5,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Consistently surpasses the usual schedules across budgets.",
        experiment: "Digits network, AdamW, φ = 0.5 against linear decay, both at their own tuned peak over paired seeds, at a small and a larger budget.",
        start: versus::uba,
    }),
};
