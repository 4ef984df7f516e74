//! Hypergradient descent.

use super::super::claims::guided;
use super::super::schedule::Shape;
use super::super::{Config, Rule};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static HYPERGRADIENT: Exhibit = Exhibit {
    id: "hypergradient",
    lab: LabKind::Lr,
    title: "Hypergradient descent",
    idea: "The gradient of the loss by the rate itself is the product of two neighbouring gradients: while they agree the steps were too short and the rate grows, when they fight it shrinks.",
    paper: Paper {
        title: "Online Learning Rate Adaptation with Hypergradient Descent",
        authors: "Baydin et al.",
        year: 2018,
        arxiv: "1703.04782",
    },
    basis: Basis::Secondary,
    deviations: "Formula from memory of the paper. Gradients of neighbouring mini-batches, whatever the optimizer; on the exact quadratic their expected product. The rate stays between a thousandth of the peak and the peak. A look one step ahead: on noisy problems it lowers the rate too early.",
    equation: "η_t = η_(t-1) (1 + κ cos(g_t, g_(t-1))), or η_t = η_(t-1) + κ g_t · g_(t-1)",
    symbols: &[
        ("g_t", "stochastic gradient at update t"),
        ("κ", "step of the rule"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Hypergradient,
            rule: Rule::Sgd,
            momentum: 0.0,
            weight_decay: 1e-4,
            peak: 1.0,
            first_rate: 0.001,
            ..Config::default()
        })
    },
    claim: Some(Claim {
        statement: "Started from a rate that is too small, it gets close to what the best fixed rate reaches.",
        experiment: "Digits network, plain SGD, 600 updates, first rate 0.001 and largest rate 1: against a constant rate of 0.001 and the tuned constant rate, over paired seeds.",
        start: guided::hypergradient,
    }),
};
