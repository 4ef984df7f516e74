//! UniPC. Zhao, Bai, Rao, Zhou, Lu (arXiv 2302.04867); step as in diffusers.

use super::solved;
use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{Config, Noise, data::DataSet, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, UniPC-2 over DPM-Solver++ 2M, 10 calls",
    proposed: || solved(SolverKind::UniPc, 0.0, 10),
    baseline: || solved(SolverKind::DpmPp2m, 0.0, 10),
    value: paired,
    size: 0.9,
    condition: "EDM levels from 80 to 0.002 for both.",
};

/// The exhibit.
pub(super) static UNIPC: Exhibit = Exhibit {
    id: "unipc",
    lab: Noise::KIND,
    title: "UniPC",
    idea: "Predict with a multistep polynomial in the log-SNR, then correct the state with the estimate just computed, at no further call.",
    paper: Paper {
        title: "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
        authors: "Zhao, Bai, Rao, Zhou, Lu",
        year: 2023,
        arxiv: "2302.04867",
    },
    basis: Basis::Code,
    deviations: "The variant bh2 with data prediction, order 2 or 3, as in diffusers.",
    equation: "X' = (s' / s) X - B (D + sum rho_k G_k), B = e^-h - 1, G_k = (D_k - D) / r_k, rho from R rho = b",
    symbols: &[
        ("h", "ln(s / s')"),
        ("r_k", "past steps over h"),
        ("G_k", "scaled differences of estimates"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            nfe_seeds: 3,
            ..solved(SolverKind::UniPc, 0.0, 10)
        })
    },
    claim: Some(Claim {
        statement: "A corrector raises the order at the same number of calls: better samples than DPM-Solver++ in 5 to 10 calls.",
        experiment: "The same levels and the same noised points; error to the exact flow, UniPC-2 over DPM-Solver++ 2M, 10 calls; as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
