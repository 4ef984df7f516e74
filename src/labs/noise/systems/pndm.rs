//! PLMS. Liu, Ren, Lin, Zhao: "Pseudo Numerical Methods for Diffusion Models on Manifolds" (arXiv
//! 2202.09778).

use super::solved;
use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{Config, Noise, data::DataSet, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, PLMS over DDIM, 20 calls",
    proposed: || solved(SolverKind::Plms, 0.0, 20),
    baseline: || solved(SolverKind::Ddim, 0.0, 20),
    value: paired,
    size: 0.7,
    condition: "EDM levels from 80 to 0.002: steps far from equal, for which the weights are wrong.",
};

/// The exhibit.
pub(super) static PNDM: Exhibit = Exhibit {
    id: "plms",
    lab: Noise::KIND,
    title: "PLMS (PNDM)",
    idea: "Treat the slope as a function of the step and extrapolate it from the last four, so that each step costs one call.",
    paper: Paper {
        title: "Pseudo Numerical Methods for Diffusion Models on Manifolds",
        authors: "Liu, Ren, Lin, Zhao",
        year: 2022,
        arxiv: "2202.09778",
    },
    basis: Basis::Code,
    deviations: "Adams-Bashforth weights of equal steps on the slope in sigma with a lower-order start (iPNDM). LMS-4 integrates the polynomial over the unequal steps.",
    equation: "X' = X + (55 d - 59 d_1 + 37 d_2 - 9 d_3) / 24 (s' - s)",
    symbols: &[("d", "slope (X - D) / s"), ("d_k", "slope k steps ago")],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            nfe_seeds: 3,
            ..solved(SolverKind::Plms, 0.0, 20)
        })
    },
    claim: Some(Claim {
        statement: "Fourth-order multistep sampling reaches the quality of 1000-step sampling in 50 steps, where DDIM does not.",
        experiment: "The same levels and the same noised points; error to the exact flow, PLMS over DDIM, 20 calls; as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
