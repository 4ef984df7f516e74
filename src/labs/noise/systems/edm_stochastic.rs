//! The stochastic sampler of EDM. Karras et al. (arXiv 2206.00364), algorithm 2.

use super::solved;
use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{Config, Noise, data::DataSet, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance, churn 0.5 over none, 35 calls",
    proposed: || solved(SolverKind::HeunChurn, 0.5, 18),
    baseline: || solved(SolverKind::Heun, 0.0, 18),
    value: sliced,
    size: 0.9,
    condition: "Exact denoiser: no network error that noise could correct.",
};

/// The exhibit.
pub(super) static EDM_STOCHASTIC: Exhibit = Exhibit {
    id: "edm-stochastic",
    lab: Noise::KIND,
    title: "EDM stochastic sampler",
    idea: "Raise the noise a little before every Heun step: the detour forgets earlier errors.",
    paper: Paper {
        title: "Elucidating the Design Space of Diffusion-Based Generative Models",
        authors: "Karras, Aittala, Aila, Laine",
        year: 2022,
        arxiv: "2206.00364",
    },
    basis: Basis::Code,
    deviations: "One parameter: gamma = eta (sqrt 2 - 1) between s = 0.05 and 50 with noise 1.003; the paper tunes four numbers per data set.",
    equation: "s_hat = s (1 + gamma);  X += sqrt(s_hat^2 - s^2) 1.003 z;  then Heun from s_hat to s'",
    symbols: &[("gamma", "noise raised, at most sqrt 2 - 1")],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Moons,
            mode_sd: 0.03,
            nfe_seeds: 3,
            ..solved(SolverKind::HeunChurn, 0.5, 18)
        })
    },
    claim: Some(Claim {
        statement: "Churn improves samples over the deterministic sampler, most of all with imperfect networks and many steps.",
        experiment: "The same levels and the same noised points; sliced Wasserstein distance, churn 0.5 over none, 35 calls; as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
