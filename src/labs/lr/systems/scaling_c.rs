//! Adaptive scaling-c.

use super::super::claims::curricula;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static SCALING_C: Exhibit = Exhibit {
    id: "scaling-c",
    lab: LabKind::Lr,
    title: "Adaptive scaling-c",
    idea: "Latents have outliers, so a robust loss stops listening to residuals far beyond its scale. As training makes the steps of a consistency model finer, honest residuals shrink, and the scale has to shrink with them or the outliers are heard again.",
    paper: Paper {
        title: "Improved Training Technique for Latent Consistency Models",
        authors: "Dao et al.",
        year: 2025,
        arxiv: "2502.01441",
    },
    basis: Basis::Secondary,
    deviations: "The curve c(NFE) is restated from memory; the authors' repository holds no code for it. The task is ours: linear regression, a tenth of the targets off by a deviation of 1, the other residuals of deviation 0.3 / NFE, NFE doubling from 10 to 640 in stages of equal length.",
    equation: "L = ln(1 + d² / (2 c²)), c = exp(-1.18 ln NFE - 0.72)",
    symbols: &[
        ("d", "residual"),
        ("c", "scale: the pull of a residual is largest at √2 c"),
        ("NFE", "discretisation steps"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            rivals: false,
            ..Config::default().with_problem(Problem::Robust)
        })
    },
    claim: Some(Claim {
        statement: "With a scale that shrinks as the discretisation steps grow, latent consistency training becomes robust to outliers.",
        experiment: "Robust regression with outliers, 700 updates of AdamW under linear decay: distance to the true weights with the shrinking scale against its first and its last value, each at its own tuned peak rate over paired seeds.",
        start: curricula::scaling,
    }),
};
