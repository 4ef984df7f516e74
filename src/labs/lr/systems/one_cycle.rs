//! The 1cycle policy.

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static ONE_CYCLE: Exhibit = Exhibit {
    id: "one-cycle",
    lab: LabKind::Lr,
    title: "1cycle",
    idea: "Up to a large peak and down far below the start in one sweep; the large rates in the middle are meant to speed the run up (super-convergence).",
    paper: Paper {
        title: "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
        authors: "Smith, Topin",
        year: 2017,
        arxiv: "1708.07120",
    },
    basis: Basis::Code,
    deviations: "PyTorch's two-phase form; the optax form is a choice of Convention. Momentum is not cycled here.",
    equation: "PyTorch: up until pct T - 1, down until T - 1; optax: up until ⌊pct T⌋, down until T; half cosines between η_pk / div, η_pk and η_pk / (div · final_div)",
    symbols: &[
        ("pct", "share of the run until the peak"),
        ("div", "peak over first rate"),
        ("final_div", "first over last rate"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::OneCycle,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "1cycle ends lower than a step schedule of the same length.",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::one_cycle,
    }),
};
