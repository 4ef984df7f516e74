//! Align Your Steps. Sabour, Fidler, Kreis (arXiv 2404.14507): the authors' coordinate search of the
//! bound, on the exact denoiser.

use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::Ddim,
        eta: 1.0,
        sigma_min: 0.05,
        steps: 10,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance, searched levels over Karras, 10 ancestral calls",
    proposed: || sampled(ScheduleKind::AlignYourSteps),
    baseline: || sampled(ScheduleKind::Edm),
    value: sliced,
    size: 0.9,
    condition: "Levels from 80 to 0.05, the scale of the modes; other limits and solvers can be tried in the same setup.",
};

/// The exhibit.
pub(super) static ALIGN_YOUR_STEPS: Exhibit = Exhibit {
    id: "align-your-steps",
    lab: Noise::KIND,
    title: "Align Your Steps",
    idea: "Move each level between its neighbours until a bound on the divergence of the sampled paths stops falling.",
    paper: Paper {
        title: "Align Your Steps: Optimizing Sampling Schedules in Diffusion Models",
        authors: "Sabour, Fidler, Kreis",
        year: 2024,
        arxiv: "2404.14507",
    },
    basis: Basis::Paper,
    deviations: "The bound is computed from the denoising error curve instead of by Monte Carlo; the search starts from the Karras levels and tries 10 places per level for at most 20 rounds; the hierarchy from 10 to 40 steps is left out. Published lists are a schedule of their own.",
    equation: "KLUB = sum over steps b -> a of integral from a to b of s^-3 E |D_s - D_b|^2 ds,  E |D_s - D_b|^2 = m(b) - m(s)",
    symbols: &[
        ("D_s", "denoised estimate at level s"),
        ("m(s)", "mean squared denoising error"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            ..sampled(ScheduleKind::AlignYourSteps)
        })
    },
    claim: Some(Claim {
        statement: "Optimised schedules beat hand-made ones at 10 steps, most of all for stochastic samplers.",
        experiment: "10 ancestral DDIM calls on the searched levels and on Karras levels from the same noised points; sliced Wasserstein distance to the truth, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
