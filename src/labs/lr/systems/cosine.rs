//! Cosine decay.

use super::super::Config;
use super::super::claims::standard;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static COSINE: Exhibit = Exhibit {
    id: "cosine-decay",
    lab: LabKind::Lr,
    title: "Cosine decay",
    idea: "Half a cosine: slow at both ends, steep in the middle. The horizon has to be known before the run starts.",
    paper: Paper {
        title: "SGDR: Stochastic Gradient Descent with Warm Restarts",
        authors: "Loshchilov and Hutter",
        year: 2016,
        arxiv: "1608.03983",
    },
    basis: Basis::Code,
    deviations: "One cycle without restarts, after a linear warmup.",
    equation: "η_i = η_pk · (r + (1 - r) (1 + cos πq) / 2), q = (i - W) / (T - W)",
    symbols: &[
        ("q", "progress after the warmup"),
        ("r", "floor as a share of the peak"),
        ("T", "updates"),
        ("W", "warmup updates"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Cosine,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "With tuned peaks, cosine to zero is no better than a straight line to zero (arXiv 2502.15938).",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: standard::cosine,
    }),
};
