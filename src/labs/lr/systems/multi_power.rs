//! The multi-power law.

use super::super::claims::laws;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MULTI_POWER: Exhibit = Exhibit {
    id: "multi-power-law",
    lab: LabKind::Lr,
    title: "Multi-power law",
    idea: "The loss is a power law of the summed rates, lowered by every fall of the rate: each fall pays out slowly, as a power of what is still travelled after it.",
    paper: Paper {
        title: "A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules",
        authors: "Luo et al.",
        year: 2025,
        arxiv: "2503.12811",
    },
    basis: Basis::Code,
    deviations: "Parameters as published, or a fit of ours that converges. The published ones are one update past the best of 200 steps: a fit that converges has 2 to 13 times less training error, other B, C and β, and a higher error on held-out curves. Drawn curves merge up to 64 neighbouring changes of the rate (error below 7e-5). Peak 3e-4, rates from 3e-5 and 24,000 to 72,000 steps were fitted; beyond is extrapolation.",
    equation: "L(s) = L0 + A S1^-α + B Σ_(k≤s) (η_k - η_(k-1)) (1 - (1 + C η_k^-γ X_k)^-β)",
    symbols: &[
        ("S1", "sum of the rates until s, warmup included"),
        ("X_k", "sum of the rates from k to s"),
        ("L0, A, α, B, C, β, γ", "fitted, one set per model"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Wsd,
            warmup: 0.09,
            cooldown: 1.0 / 6.0,
            floor: 0.1,
            ..Config::default().with_problem(Problem::Law)
        })
    },
    claim: Some(Claim {
        statement: "Predicts the whole loss curve of schedules it was not fitted on, and better than the annealing law.",
        experiment: "The authors' curves of models with 25, 100 and 400 million parameters: three curves fitted, six held out; mean absolute errors of the published parameters, of our converged fit and of the annealing law.",
        start: laws::multi_power,
    }),
};
