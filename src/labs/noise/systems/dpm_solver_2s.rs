//! DPM-Solver++ (2S). Lu et al. (arXiv 2211.01095).

use super::solved;
use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{Config, Noise, data::DataSet, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, DPM-Solver++ 2S over DDIM, 19 calls",
    proposed: || solved(SolverKind::DpmPp2s, 0.0, 10),
    baseline: || solved(SolverKind::Ddim, 0.0, 19),
    value: paired,
    size: 0.7,
    condition: "EDM levels from 80 to 0.002; 10 steps of two calls against 19 of one.",
};

/// The exhibit.
pub(super) static DPM_SOLVER_2S: Exhibit = Exhibit {
    id: "dpm-solver-pp-2s",
    lab: Noise::KIND,
    title: "DPM-Solver++ (2S)",
    idea: "Second order within one step: a first-order half step, then the estimate in the middle carries the whole step.",
    paper: Paper {
        title: "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
        authors: "Lu, Zhou, Bao, Chen, Li, Zhu",
        year: 2022,
        arxiv: "2211.01095",
    },
    basis: Basis::Code,
    deviations: "No thresholding and no guidance; the middle is at half the step of ln s.",
    equation: "X_m = e^(-h/2) X + (1 - e^(-h/2)) D;  X' = e^-h X + (1 - e^-h) D(X_m, s e^(-h/2))",
    symbols: &[
        ("h", "ln(s / s')"),
        ("X_m", "state in the middle of the step"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            mode_sd: 0.03,
            nfe_seeds: 3,
            ..solved(SolverKind::DpmPp2s, 0.0, 10)
        })
    },
    claim: Some(Claim {
        statement: "A second-order single-step solver needs fewer calls than DDIM.",
        experiment: "The same levels and the same noised points; error to the exact flow, DPM-Solver++ 2S over DDIM, 19 calls; as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
