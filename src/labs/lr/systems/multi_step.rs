//! Multistep decay (MultiStepLR).

use super::super::Config;
use super::super::claims::versus;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MULTI_STEP: Exhibit = Exhibit {
    id: "multistep-decay",
    lab: LabKind::Lr,
    title: "Multistep decay",
    idea: "Cuts at chosen updates, often at a half and three quarters of the run. A milestone given twice cuts twice at once.",
    paper: Paper {
        title: "Wide Residual Networks",
        authors: "Zagoruyko, Komodakis",
        year: 2016,
        arxiv: "1605.07146",
    },
    basis: Basis::Code,
    deviations: "Two milestones; PyTorch takes any number.",
    equation: "η_i = η_pk · γ^(number of milestones m ≤ i)",
    symbols: &[
        ("γ", "factor of a drop"),
        ("m", "update at which the rate drops"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::MultiStep,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Step schedules lose to a straight line at small budgets (arXiv 2107.04197).",
        experiment: "Digits network, AdamW, 300 updates, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: versus::multi_step,
    }),
};
