//! Inverse square root decay (Noam).

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static INVERSE_SQRT: Exhibit = Exhibit {
    id: "inverse-sqrt",
    lab: LabKind::Lr,
    title: "Inverse square root (Noam)",
    idea: "Needs no horizon: after the warmup the rate falls with one over the root of the update, and never reaches zero.",
    paper: Paper {
        title: "Attention Is All You Need",
        authors: "Vaswani et al.",
        year: 2017,
        arxiv: "1706.03762",
    },
    basis: Basis::Code,
    deviations: "The peak is a parameter instead of d^-1/2 · W^-1/2.",
    equation: "η_i = η_pk · min((i + 1) / W, √(W / (i + 1)))",
    symbols: &[("W", "warmup updates"), ("η_pk", "peak rate")],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::InverseSqrt,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "A schedule that needs no horizon pays for it: inverse square root ends above a tuned line to zero (arXiv 2405.18392 adds a cooldown for that reason).",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::inverse_sqrt,
    }),
};
