//! AutoSparse: the gradient of pruned weights is annealed instead of zeroed.
//!
//! A pruned weight gets the share α_t of its gradient, so that it can grow and come back. α = 0 is hard
//! masking, α = 1 the straight-through estimator.

use super::race::{Outcome, Race};
use crate::core::{ClaimResult, Job};
use crate::labs::pruning::{Config, Fade, Regime};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub static AUTO_SPARSE: Exhibit = Exhibit {
    id: "autosparse",
    lab: LabKind::Pruning,
    title: "AutoSparse",
    idea: "Pruned weights go on learning in the shadow with a share of their gradient, and may come back. The share fades out, so that the mask settles.",
    paper: Paper {
        title: "AutoSparse: Towards Automated Sparse Training of Deep Neural Networks",
        authors: "Kundu and others",
        year: 2023,
        arxiv: "2304.06941",
    },
    basis: Basis::AbstractOnly,
    deviations: "The fading is ours, α_t = α0(1 + cos πt/T)/2; masks follow the cubic schedule instead of learned thresholds.",
    equation: "gradient of a pruned weight × α_t, α_t = α0 (1 + cos πt/T)/2",
    symbols: &[("α0", "share of the gradient at the start"), ("T", "steps")],
    setup: || Setup::Pruning(config(Fade::Cosine)),
    claim: Some(Claim {
        statement: "Annealing the gradients of pruned weights ends more accurate than masking them.",
        experiment: "Digit readers 64-128-64-10, 500 steps, cubic schedule to 98 %; test accuracy, α from 0.75 to 0 along a cosine minus α = 0.",
        start: against_masking,
    }),
};

fn config(fade: Fade) -> Config {
    Config {
        regime: Regime::Gradual,
        fade,
        sparsity: 98.0,
        train_steps: 500,
        ..Config::default()
    }
}

fn against_masking(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let straight = Config {
        alpha: 1.0,
        ..config(Fade::Constant)
    };
    Box::new(Race::new(
        effort,
        "test accuracy, annealed gradients minus masked ones",
        "points",
        vec![
            ("annealed", config(Fade::Cosine)),
            ("masked", config(Fade::Hard)),
            ("straight-through", straight),
        ],
        |o: &[Outcome]| o[0].accuracy() - o[1].accuracy(),
    ))
}
