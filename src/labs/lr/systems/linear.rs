//! Linear decay to zero (D2Z).

use super::super::Config;
use super::super::claims::standard;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LINEAR: Exhibit = Exhibit {
    id: "linear-to-zero",
    lab: LabKind::Lr,
    title: "Linear decay to zero (D2Z)",
    idea: "A straight line from the peak to zero. The last updates average away noise, so the longer the run, the more the end at zero pays.",
    paper: Paper {
        title: "Straight to Zero: Why Linearly Decaying the Learning Rate to Zero Works Best for LLMs",
        authors: "Bergsma et al.",
        year: 2025,
        arxiv: "2502.15938",
    },
    basis: Basis::Secondary,
    deviations: "The paper's figures come from a summary; tested on a small digits network and an exact quadratic.",
    equation: "η_i = η_pk · (r + (1 - r) (1 - q)), q = (i - W) / (T - W)",
    symbols: &[
        ("q", "progress after the warmup"),
        ("r", "floor as a share of the peak, 0 for D2Z"),
        ("T", "updates"),
        ("W", "warmup updates, 10 % of T"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Decay to zero beats decay to a tenth of the peak, and the gain grows with the length of training (0.77 % at 20 tokens per parameter, 2.8 % at 200).",
        experiment: "Digits network, AdamW, both schedules at their own tuned peak, at two lengths; and the exact quadratic at 500 and 2,000 updates.",
        start: standard::straight_to_zero,
    }),
};
