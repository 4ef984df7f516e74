//! The cosine schedule. Nichol, Dhariwal: "Improved Denoising Diffusion Probabilistic Models"
//! (arXiv 2102.09672); rule as in guided-diffusion and diffusers (`squaredcos_cap_v2`).

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::Ddim,
        eta: 0.0,
        steps: 20,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, cosine over linear, DDIM with 20 calls",
    proposed: || sampled(ScheduleKind::Cosine),
    baseline: || sampled(ScheduleKind::Linear),
    value: paired,
    size: 0.9,
    condition: "Trailing times of 1000; what the schedule does to training is not part of this test, since the denoiser is exact.",
};

/// The exhibit.
pub(super) static COSINE: Exhibit = Exhibit {
    id: "improved-ddpm-cosine",
    lab: Noise::KIND,
    title: "Cosine schedule",
    idea: "Let the signal's share fall along a squared cosine, so that fewer steps are spent in almost pure noise.",
    paper: Paper {
        title: "Improved Denoising Diffusion Probabilistic Models",
        authors: "Nichol, Dhariwal",
        year: 2021,
        arxiv: "2102.09672",
    },
    basis: Basis::Code,
    deviations: "The network is replaced by the exact posterior mean of a mixture.",
    equation: "f(t) = cos^2((t + 0.008) / 1.008 * pi / 2);  beta_i = min(1 - f((i + 1) / T) / f(i / T), 0.999)",
    symbols: &[
        ("f", "share of the signal's variance before normalising"),
        ("beta_i", "noise variance added at step i"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            ..sampled(ScheduleKind::Cosine)
        })
    },
    claim: Some(Claim {
        statement: "The linear schedule destroys the signal too early, so that its last steps add little; the cosine schedule spends its steps better.",
        experiment: "DDIM with 20 calls on cosine and on linear levels from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
