//! `AdAdaGrad`.

use super::super::claims::neighbours;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static ADADAGRAD: Exhibit = Exhibit {
    id: "adadagrad",
    lab: LabKind::Lr,
    title: "AdAdaGrad",
    idea: "Instead of shrinking the step, average more: when the gradients of a batch spread more widely than their mean is long, the next batch is larger. Few steps at first cost little, many samples at the end calm the noise.",
    paper: Paper {
        title: "AdAdaGrad: Adaptive Batch Size Schemes for Adaptive Gradient Methods",
        authors: "Lau et al.",
        year: 2024,
        arxiv: "2402.11215",
    },
    basis: Basis::Code,
    deviations: "AdaGrad-Norm on the digits; batches from 32 to 1,024. The tolerance is 0.5: with the authors' 0.1 these small gradients ask for the largest batch at once. The tests take a gradient as one vector, where the authors' code sums the products tensor by tensor.",
    equation: "b ← max(b, ⌈‖Var_i g_i‖₁ / (θ² ‖ḡ‖²)⌉), or Var_i⟨g_i, ḡ⟩ / (θ² ‖ḡ‖⁴), or the larger of that and ‖Var_i g'_i‖₁ / (ν² ‖ḡ‖²); w ← w - η ḡ / √Σ ‖ḡ‖²",
    symbols: &[
        ("g_i, ḡ", "gradient of sample i, and their mean"),
        ("b", "batch"),
        ("g'_i", "g_i without its part along ḡ"),
        ("θ, ν", "tolerated noise, along the mean and across it"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Constant,
            warmup: 0.0,
            rivals: false,
            ..Config::default().with_problem(Problem::Growing)
        })
    },
    claim: Some(Claim {
        statement: "An adaptive batch reaches the loss of small batches with far fewer steps.",
        experiment: "Digits network, 19,200 samples, AdaGrad-Norm, a batch that grows from 32 by the norm test against a fixed batch of 32, both at their own tuned rate over paired seeds.",
        start: neighbours::adadagrad,
    }),
};
