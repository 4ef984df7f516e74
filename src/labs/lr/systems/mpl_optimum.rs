//! The schedule that minimises the multi-power law.

use super::super::claims::theory;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MPL_OPTIMUM: Exhibit = Exhibit {
    id: "mpl-optimum",
    lab: LabKind::Lr,
    title: "Optimum of the multi-power law",
    idea: "The law predicts the final loss of any schedule, so the schedule itself can be optimised: flat for most of the run, then a convex decay, much like WSD and slightly better.",
    paper: Paper {
        title: "A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules",
        authors: "Luo et al.",
        year: 2025,
        arxiv: "2503.12811",
    },
    basis: Basis::Code,
    deviations: "Forty nodes, closer towards the end, by L-BFGS; optimised at the set peak and used at every peak of the sweep. The warmup's own increments count: the authors' optimiser leaves them out, so its printed loss is 0.11 to 0.16 too low. No fitted curve goes below a rate of 3e-5; what lies below is extrapolation.",
    equation: "min over η of L0 + A S^-α + B Σ_k (η_k - η_(k-1)) (1 - (1 + C η_k^-γ X_k)^-β), η_k ≤ η_(k-1)",
    symbols: &[
        ("S", "sum of all rates"),
        ("X_k", "sum of the rates from k on"),
        ("A, B, C, α, β, γ, L0", "the fitted law"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::LawOptimal,
            ..Config::default().with_problem(Problem::Law)
        })
    },
    claim: Some(Claim {
        statement: "The optimised schedule resembles WSD and ends lower than WSD and cosine.",
        experiment: "Published laws of three model sizes, 24,000 updates at peak 3e-4: optimum against WSD with a 17 % linear cooldown to (almost) zero and cosine to a tenth.",
        start: theory::law_optimum,
    }),
};
