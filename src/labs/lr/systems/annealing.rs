//! The annealing law.

use super::super::claims::laws;
use super::super::law::LawChoice;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static ANNEALING: Exhibit = Exhibit {
    id: "annealing-law",
    lab: LabKind::Lr,
    title: "Annealing law (S1, S2)",
    idea: "Two areas say the loss: S1 below the rate, which moves the model forward, and S2, how far and for how long the rate has fallen, which settles it.",
    paper: Paper {
        title: "Scaling Law with Learning Rate Annealing",
        authors: "Tissue et al.",
        year: 2024,
        arxiv: "2408.11029",
    },
    basis: Basis::Code,
    deviations: "Parameters are our fits to the curves of the multi-power law's authors (λ = 0.999, three curves per model). λ is chosen from four values, never fitted by gradient. The warmup counts at the peak rate. A rate that rises again lowers S2 and raises the loss.",
    equation: "L(s) = L0 + A S1^-α - C S2; m_i = λ m_(i-1) + (η_(i-1) - η_i), S2 = Σ m_i",
    symbols: &[
        ("S1", "sum of the rates until s"),
        ("m_i", "momentum of the falling rate"),
        ("λ", "how long a fall keeps paying, 0.99 to 0.9995"),
        ("L0, A, α, C", "fitted, one set per model"),
    ],
    setup: || {
        Setup::Lr(Config {
            law: LawChoice::Annealing,
            shape: Shape::Wsd,
            warmup: 0.09,
            cooldown: 1.0 / 6.0,
            floor: 0.1,
            ..Config::default().with_problem(Problem::Law)
        })
    },
    claim: Some(Claim {
        statement: "One or two fitted curves predict the loss at any step of any schedule.",
        experiment: "The curves of models with 25, 100 and 400 million parameters that the multi-power law's authors published: three curves fitted, six held out.",
        start: laws::annealing,
    }),
};
