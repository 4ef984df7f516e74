//! SDE-DPM-Solver++ (2M). Lu et al. (arXiv 2211.01095); step as in k-diffusion.

use super::solved;
use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{Config, Noise, data::DataSet, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance, 2M SDE over ancestral DDIM, 15 calls",
    proposed: || solved(SolverKind::DpmPp2mSde, 1.0, 15),
    baseline: || solved(SolverKind::Ddim, 1.0, 15),
    value: sliced,
    size: 0.9,
    condition: "EDM levels from 80 to 0.002 for both.",
};

/// The exhibit.
pub(super) static DPM_SDE: Exhibit = Exhibit {
    id: "sde-dpm-solver-pp",
    lab: Noise::KIND,
    title: "SDE-DPM-Solver++ (2M)",
    idea: "Put fresh noise into the multistep solver: the exact solution of the reverse SDE with an extrapolated estimate.",
    paper: Paper {
        title: "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
        authors: "Lu, Zhou, Bao, Chen, Li, Zhu",
        year: 2022,
        arxiv: "2211.01095",
    },
    basis: Basis::Code,
    deviations: "The midpoint form of the correction, as in k-diffusion.",
    equation: "X' = e^(-h - eta h) X + g D + g (D - D_1) / (2 r) + s' sqrt(1 - e^(-2 eta h)) z,  g = 1 - e^(-h - eta h)",
    symbols: &[
        ("eta", "1 for the SDE, 0 for 2M"),
        ("z", "standard normal noise"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Ring8,
            mode_sd: 0.03,
            nfe_seeds: 3,
            ..solved(SolverKind::DpmPp2mSde, 1.0, 15)
        })
    },
    claim: Some(Claim {
        statement: "Second order helps stochastic sampling too: better than ancestral sampling at the same number of calls.",
        experiment: "The same levels and the same noised points; sliced Wasserstein distance, 2M SDE over ancestral DDIM, 15 calls; as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
