//! Kaplan's law.

use super::super::schedule::Shape;
use super::super::{Card, Config, Problem};
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static KAPLAN: Exhibit = Exhibit {
    id: "kaplan-law",
    lab: LabKind::Lr,
    title: "Kaplan's law of size and updates",
    idea: "The loss of a language model falls as a power of its size plus a power of the updates made. Rates do not enter, so the curve is that of a well-chosen schedule at every length; a real run is above it until its rate has fallen.",
    paper: Paper {
        title: "Scaling Laws for Neural Language Models",
        authors: "Kaplan et al.",
        year: 2020,
        arxiv: "2001.08361",
    },
    basis: Basis::Secondary,
    deviations: "Recalled: the formula and its constants are written down from memory. Updates count as they are; the paper's S is the number at a batch far above the critical one. A card without a fit and without a claim.",
    equation: "L(N, S) = (Nc / N)^αN + (Sc / S)^αS; αN = 0.077, Nc = 6.5e13, αS = 0.76, Sc = 2.1e3",
    symbols: &[
        ("N", "parameters of the model"),
        ("S", "updates"),
        (
            "Nc, αN, Sc, αS",
            "recalled constants; those of S have sliders",
        ),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            card: Card::Kaplan,
            rivals: false,
            ..Config::default().with_problem(Problem::Law)
        })
    },
    claim: None,
};
