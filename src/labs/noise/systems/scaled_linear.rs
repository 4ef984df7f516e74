//! The scaled linear schedule of latent diffusion. Rombach et al.: "High-Resolution Image Synthesis
//! with Latent Diffusion Models" (arXiv 2112.10752); constants as in diffusers.

use crate::labs::noise::{Config, Noise, schedule::ScheduleKind, solver::SolverKind};
use crate::labs::{Basis, Exhibit, Lab, Paper, Setup};

/// The exhibit.
pub(super) static SCALED_LINEAR: Exhibit = Exhibit {
    id: "scaled-linear",
    lab: Noise::KIND,
    title: "Scaled linear schedule",
    idea: "Raise the root of beta in equal steps: less noise early, and a last level that still shows a little of the data.",
    paper: Paper {
        title: "High-Resolution Image Synthesis with Latent Diffusion Models",
        authors: "Rombach, Blattmann, Lorenz, Esser, Ommer",
        year: 2022,
        arxiv: "2112.10752",
    },
    basis: Basis::Code,
    deviations: "The network is replaced by the exact posterior mean of a mixture.",
    equation: "beta_t = linspace(sqrt 0.00085, sqrt 0.012, T)^2;  s from 0.029 to 14.6",
    symbols: &[
        ("beta_t", "noise variance added at time t"),
        ("s", "noise level in units of the data"),
    ],
    setup: || {
        Setup::Noise(Config {
            schedule: ScheduleKind::ScaledLinear,
            beta_start: 0.00085,
            beta_end: 0.012,
            solver: SolverKind::DpmPp2m,
            steps: 20,
            ..Config::default()
        })
    },
    claim: None,
};
