//! Compute-optimal quantisation-aware training.

use super::super::schedule::Shape;
use super::super::{Card, Config, Problem};
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static QUANTISED_COOLDOWN: Exhibit = Exhibit {
    id: "quantised-cooldown",
    lab: LabKind::Lr,
    title: "Quantised cooldown",
    idea: "A model that will run with few bits is trained with full weights first and with quantised ones last. A cooldown between the two is wasted, because the second part raises the rate again: let the quantised part be the cooldown.",
    paper: Paper {
        title: "Compute-Optimal Quantization-Aware Training",
        authors: "Dremov et al.",
        year: 2025,
        arxiv: "2509.22935",
    },
    basis: Basis::AbstractOnly,
    deviations: "From the abstract: a picture of the two plans and the statistic that the best share is said to follow. Nothing is quantised here, no loss is predicted for it and no claim is tested.",
    equation: "tokens per parameter byte = D / (N bits / 8); apart: warmup and cooldown in both parts; fused: rate falls over the quantised part alone",
    symbols: &[
        ("D", "tokens seen, updates times tokens per update"),
        ("N", "parameters"),
        ("bits", "of a quantised weight"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            card: Card::Quantised,
            rivals: false,
            ..Config::default().with_problem(Problem::Law)
        })
    },
    claim: None,
};
