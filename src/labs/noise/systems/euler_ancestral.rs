//! Euler ancestral, from k-diffusion.

use super::solved;
use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{Config, Noise, data::DataSet, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance, Euler ancestral over Euler, 40 calls",
    proposed: || solved(SolverKind::EulerAncestral, 1.0, 40),
    baseline: || solved(SolverKind::Euler, 0.0, 40),
    value: sliced,
    size: 0.9,
    condition: "EDM levels; with an exact denoiser the only errors to correct are those of the steps.",
};

/// The exhibit.
pub(super) static EULER_ANCESTRAL: Exhibit = Exhibit {
    id: "euler-ancestral",
    lab: Noise::KIND,
    title: "Euler ancestral",
    idea: "Step down further than asked, then add noise up to the level wanted.",
    paper: Paper {
        title: "Elucidating the Design Space of Diffusion-Based Generative Models",
        authors: "Karras, Aittala, Aila, Laine",
        year: 2022,
        arxiv: "2206.00364",
    },
    basis: Basis::Code,
    deviations: "The sampler is k-diffusion's (sample_euler_ancestral); the paper named here is the framework it is written in.",
    equation: "s_up = min(s', eta s' sqrt(1 - (s' / s)^2));  s_down = sqrt(s'^2 - s_up^2);  X' = X + d (s_down - s) + s_up z",
    symbols: &[("s_up", "noise added"), ("s_down", "level stepped to")],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            mode_sd: 0.03,
            nfe_seeds: 3,
            ..solved(SolverKind::EulerAncestral, 1.0, 40)
        })
    },
    claim: Some(Claim {
        statement: "With enough steps fresh noise corrects earlier errors and improves samples.",
        experiment: "The same levels and the same noised points; sliced Wasserstein distance, Euler ancestral over Euler, 40 calls; as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
