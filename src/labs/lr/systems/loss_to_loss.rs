//! Loss-to-loss prediction.

use super::super::schedule::Shape;
use super::super::{Card, Config, Problem};
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static LOSS_TO_LOSS: Exhibit = Exhibit {
    id: "loss-to-loss",
    lab: LabKind::Lr,
    title: "Loss-to-loss prediction",
    idea: "Two runs that see the same amount of training fall together: above its own floor, one loss is a power of the other. A curve fitted on the first part of both then says where the second one goes when the first is known.",
    paper: Paper {
        title: "Loss-to-Loss Prediction: Scaling Laws for All Datasets",
        authors: "Brandfonbrener et al.",
        year: 2024,
        arxiv: "2411.12925",
    },
    basis: Basis::AbstractOnly,
    deviations: "From the abstract; the form is recalled. The paper pairs data sets by compute; here two runs are paired step by step. Runs of a log of your own are paired as they were logged; without one the pairs are generated from the published multi-power laws of two model sizes, and marked as such. Least squares on the first two thirds.",
    equation: "L1 = K (L0 - E0)^κ + E1",
    symbols: &[
        ("L0, L1", "losses of the two runs at the same step"),
        ("E0, E1", "their floors"),
        ("K, κ", "scale and exponent, the slope above the floors"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            floor: 0.1,
            card: Card::LossToLoss,
            rivals: false,
            ..Config::default().with_problem(Problem::Law)
        })
    },
    claim: None,
};
