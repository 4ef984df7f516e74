//! Module-wise proximity.

use super::super::claims::curricula;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static MAPS: Exhibit = Exhibit {
    id: "maps",
    lab: LabKind::Lr,
    title: "Module-wise proximity (MAPS)",
    idea: "Fine-tuning on little data spoils what a pretrained model sees. Holding all weights near their start prevents that and learning too; so hold the modules that see, and let go along the way to those that act.",
    paper: Paper {
        title: "MAPS: Preserving Vision-Language Representations via Module-Wise Proximity Scheduling for Better Vision-Language-Action Generalization",
        authors: "Huang et al.",
        year: 2025,
        arxiv: "2511.19878",
    },
    basis: Basis::AbstractOnly,
    deviations: "From the abstract and the project page. A quadratic pull of our own choice in the loss; the modules are the three hidden layers of a digits network, in their order. Pretrained on shifted, noisy digits for 400 updates, then given a new head and fine-tuned on 60 clean images.",
    equation: "L + Σ_m μ_m ‖θ_m - θ_m⁰‖², μ_m = μ_max (1 - m / (M - 1)), m = 0 … M - 1",
    symbols: &[
        ("θ_m, θ_m⁰", "weights of module m, now and pretrained"),
        ("μ_max", "pull on the first module"),
        ("M", "number of modules"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            rivals: false,
            peak: 1e-3,
            ..Config::default().with_problem(Problem::Modules)
        })
    },
    claim: Some(Claim {
        statement: "A proximity that falls linearly along the modules generalises better than free fine-tuning and than a uniform one, in and out of distribution (up to 30 %).",
        experiment: "Fine-tuned digits, 200 updates of AdamW under linear decay: accuracy on shifted, noisy images with the module-wise pull against none and against a uniform pull of the same mean, each at its own tuned peak rate over paired seeds.",
        start: curricula::proximity,
    }),
};
