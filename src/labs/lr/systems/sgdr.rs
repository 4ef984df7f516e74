//! Cosine annealing with warm restarts.

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SGDR: Exhibit = Exhibit {
    id: "sgdr",
    lab: LabKind::Lr,
    title: "Cosine with warm restarts (SGDR)",
    idea: "Cosine cycles, each longer than the one before; at a restart the rate jumps back to its peak. The end of every cycle is a usable model.",
    paper: Paper {
        title: "SGDR: Stochastic Gradient Descent with Warm Restarts",
        authors: "Loshchilov and Hutter",
        year: 2016,
        arxiv: "1608.03983",
    },
    basis: Basis::Code,
    deviations: "After a linear warmup; the last cycle may be cut off by the end of the run.",
    equation: "η_i = η_pk · (r + (1 - r) (1 + cos(π t / T_k)) / 2), t counts from 0 in every cycle, T_(k+1) = m T_k",
    symbols: &[
        ("T_k", "length of cycle k"),
        ("m", "growth of the cycles"),
        ("r", "floor as a share of the peak"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Restarts,
            cycle: 0.142, // 1 + 2 + 4 cycles fill the run.
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Warm restarts reach a lower loss than the usual step schedule.",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::restarts,
    }),
};
