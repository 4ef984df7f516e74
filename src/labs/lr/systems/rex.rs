//! REX, the reflected exponential.

use super::super::Config;
use super::super::claims::standard;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static REX: Exhibit = Exhibit {
    id: "rex",
    lab: LabKind::Lr,
    title: "REX",
    idea: "Between a line and a step: the rate stays above the line until late and then drops fast, which suits short budgets.",
    paper: Paper {
        title: "REX: Revisiting Budgeted Training with an Improved Schedule",
        authors: "Chen, Wolfe, Kyrillidis",
        year: 2021,
        arxiv: "2107.04197",
    },
    basis: Basis::Secondary,
    deviations: "Sampled at every update unless its rate is held (Rate held for); after a linear warmup. Formula as in pytorch-optimizer.",
    equation: "η_i = η_pk · (r + (1 - r) (1 - q) / (1/2 + (1 - q) / 2)), q = (i - W) / (T - W)",
    symbols: &[
        ("q", "progress after the warmup"),
        ("r", "floor as a share of the peak"),
        ("T", "updates"),
        ("W", "warmup updates"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Rex,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "REX beats linear decay at small training budgets and matches the best schedules at large ones.",
        experiment: "Digits network, AdamW, both schedules at their own tuned peak over paired seeds, 300 updates (and 1,500 at full effort).",
        start: standard::rex,
    }),
};
