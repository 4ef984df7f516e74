//! Reduce on plateau.

use super::super::Config;
use super::super::claims::guided;
use super::super::schedule::Shape;
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static PLATEAU: Exhibit = Exhibit {
    id: "plateau",
    lab: LabKind::Lr,
    title: "Reduce on plateau",
    idea: "No clock at all: when the loss has not reached a new best for some observations, the rate drops by a factor. The run decides when, the user how patiently.",
    paper: Paper {
        title: "Deep Residual Learning for Image Recognition",
        authors: "He et al.",
        year: 2015,
        arxiv: "1512.03385",
    },
    basis: Basis::Code,
    deviations: "The rule is PyTorch's ReduceLROnPlateau with its defaults but for factor and patience; it is shown the mean training loss since the last observation, on data that never repeat.",
    equation: "better: m < best (1 - 10⁻⁴); bad > patience: η ← max(γ η, floor)",
    symbols: &[
        ("m", "mean loss since the last observation"),
        ("bad", "observations since the best one"),
        ("γ", "factor of a drop"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Plateau,
            gamma: 0.3,
            patience: 2,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Dividing the rate when the error stops falling trains as well as a planned schedule.",
        experiment: "Digits network, AdamW, 300 updates, drops by 0.3 with patience 2, against linear decay to zero, both at their own tuned peak over paired seeds; and the exact quadratic at 500 updates.",
        start: guided::plateau,
    }),
};
