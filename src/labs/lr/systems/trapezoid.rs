//! Constant rate with a linear cooldown.

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static TRAPEZOID: Exhibit = Exhibit {
    id: "trapezoid",
    lab: LabKind::Lr,
    title: "Trapezoid",
    idea: "A flat stretch and a straight line down. The flat part can be reused for every length of training; only the cooldown is paid again.",
    paper: Paper {
        title: "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations",
        authors: "Hägele et al.",
        year: 2024,
        arxiv: "2405.18392",
    },
    basis: Basis::Code,
    deviations: "Tested on a small digits network and the exact quadratic instead of language models.",
    equation: "η_i = η_pk for W ≤ i < T - D, then η_pk · (r + (1 - r) (T - i) / D)",
    symbols: &[
        ("D", "cooldown updates"),
        ("r", "floor as a share of the peak"),
        ("T", "updates"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Trapezoid,
            cooldown: 0.2,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "A constant rate with a short cooldown matches cosine decay.",
        experiment: "Digits network, AdamW, 20 % cooldown, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::trapezoid,
    }),
};
