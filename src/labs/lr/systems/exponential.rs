//! Exponential decay (ExponentialLR).

use super::super::Config;
use super::super::schedule::Shape;
use crate::labs::{Basis, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static EXPONENTIAL: Exhibit = Exhibit {
    id: "exponential-decay",
    lab: LabKind::Lr,
    title: "Exponential decay",
    idea: "The same factor after every update: a straight line on a logarithmic axis. Much of the run is spent at low rates.",
    paper: Paper {
        title: "Revisiting Small Batch Training for Deep Neural Networks",
        authors: "Masters, Luschi",
        year: 2018,
        arxiv: "1804.07612",
    },
    basis: Basis::Standard,
    deviations: "Set by the share of the peak at the end instead of the factor per update. The paper cited compares rate decays; the formula is textbook.",
    equation: "η_i = η_pk · e^q, so γ = e^(1 / (T - W))",
    symbols: &[
        ("e", "share of the peak at the end"),
        ("q", "progress after the warmup, (i - W) / (T - W)"),
        ("γ", "factor per update, as libraries want it"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Exponential,
            ..Config::default()
        })
    },
    claim: None,
};
