//! MambaNUT's curriculum.

use super::super::claims::curricula;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MAMBANUT: Exhibit = Exhibit {
    id: "mambanut",
    lab: LabKind::Lr,
    title: "Curriculum from day to night (MambaNUT)",
    idea: "The hard domain enters gradually: daytime data keep their sampling weight, and that of night-time data grows with every epoch. First what things look like, then what they look like in the dark.",
    paper: Paper {
        title: "MambaNUT: Nighttime UAV Tracking via Mamba-based Adaptive Curriculum Learning",
        authors: "Wu et al.",
        year: 2024,
        arxiv: "2412.00626",
    },
    basis: Basis::Code,
    deviations: "Only the sampling schedule is trained. The authors also weigh every instance by its overlap and the size of its data set; classification has no overlap, so that loss is a chart. Day is the digits stream; night is the same digits with a quarter of the light under the same noise.",
    equation: "w_night = r e / E, w_day = 1; share of night samples = w_night / (w_day + w_night)",
    symbols: &[
        ("e / E", "share of the run done; E is 150 epochs there"),
        ("r", "weight of the night at the end over that of the day"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            rivals: false,
            ..Config::default().with_problem(Problem::Domains)
        })
    },
    claim: Some(Claim {
        statement: "Ramping night-time data up during training tracks better at night.",
        experiment: "Digits by day and night, 600 updates of AdamW under linear decay: mean held-out loss of both domains, ramped sampling against the same number of night samples spread evenly and against none, each at its own tuned peak rate over paired seeds.",
        start: curricula::night,
    }),
};
