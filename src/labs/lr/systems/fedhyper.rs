//! `FedHyper`.

use super::super::claims::neighbours;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static FEDHYPER: Exhibit = Exhibit {
    id: "fedhyper",
    lab: LabKind::Lr,
    title: "FedHyper",
    idea: "In federated training the rate is set far from where gradients are seen. The product of two neighbouring updates of the server tells whether its steps, or its clients', are too short or too long.",
    paper: Paper {
        title: "FedHyper: A Universal and Robust Learning Rate Scheduler for Federated Learning with Hypergradient Descent",
        authors: "Wang et al.",
        year: 2024,
        arxiv: "2310.03156",
    },
    basis: Basis::Code,
    deviations: "Plain SGD on the clients (the authors use momentum 0.5), every client in every round. The sum of products has no decay, as in the authors' code; there the clients' rates are reset at the start of a round, so that the server's setting of them has no effect: ours keeps it.",
    equation: "α ← clip(α + ⟨Δ_t, Δ_(t-1)⟩, -0.2, 4); w ← w + (1 + α) Δ_t + 0.9 α M_(t-1), M_t = Δ_t + 0.9 M_(t-1)",
    symbols: &[
        ("Δ_t", "mean change of the clients' weights in round t"),
        ("1 + α", "the server's step"),
        ("M_t", "its momentum (GM), also in the product"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::FedHyper,
            peak: 0.01,
            ..Config::default().with_problem(Problem::Federated)
        })
    },
    claim: Some(Claim {
        statement: "1.1 to 3 times faster, and up to 15 points more accurate from a bad initial rate.",
        experiment: "Digits split over ten clients by a Dirichlet distribution (0.3), five local steps, 40 rounds: held-out accuracy of FedHyper-GM minus plain averaging at clients' rates of 0.01, 0.1 and 1, over paired seeds.",
        start: neighbours::fedhyper,
    }),
};
