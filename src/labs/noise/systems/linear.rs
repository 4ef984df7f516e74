//! The linear schedule of DDPM. Ho, Jain, Abbeel: "Denoising Diffusion Probabilistic Models"
//! (arXiv 2006.11239); rule as in guided-diffusion and diffusers.

use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Exhibit, Lab, Paper, Setup};

/// The exhibit.
pub(super) static LINEAR: Exhibit = Exhibit {
    id: "ddpm-linear",
    lab: Noise::KIND,
    title: "DDPM linear schedule",
    idea: "Add a little more noise at every one of a thousand steps, in equal increments, and undo them one by one with fresh noise each time.",
    paper: Paper {
        title: "Denoising Diffusion Probabilistic Models",
        authors: "Ho, Jain, Abbeel",
        year: 2020,
        arxiv: "2006.11239",
    },
    basis: Basis::Code,
    deviations: "The network is replaced by the exact posterior mean of a mixture.",
    equation: "beta_t = linspace(1e-4, 0.02, T);  alpha_bar_t = product of (1 - beta);  s_t = sqrt((1 - alpha_bar_t) / alpha_bar_t)",
    symbols: &[
        ("beta_t", "noise variance added at time t"),
        (
            "alpha_bar_t",
            "share of the signal's variance left at time t",
        ),
        ("s_t", "noise level in units of the data"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Moons,
            schedule: ScheduleKind::Linear,
            solver: SolverKind::Ddim,
            eta: 1.0,
            steps: 40,
            ..Config::default()
        })
    },
    claim: None,
};
