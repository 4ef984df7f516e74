//! The decoupled path of DiffusionEdge. Ye et al.: "DiffusionEdge: Diffusion Probabilistic Model for
//! Crisp Edge Detection" (AAAI 2024, arXiv 2401.02032); path as in ddm_const_sde.py.

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::Ddim,
        mode_sd: 0.01,
        steps: 5,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, decoupled path over cosine, 5 DDIM calls, modes of spread 0.01",
    proposed: || sampled(ScheduleKind::Decoupled),
    baseline: || sampled(ScheduleKind::Cosine),
    value: paired,
    size: 0.9,
    condition: "Nearly deterministic targets, as edges given an image are; unconditional here.",
};

/// The exhibit.
pub(super) static DIFFUSION_EDGE: Exhibit = Exhibit {
    id: "diffusion-edge",
    lab: Noise::KIND,
    title: "DiffusionEdge path",
    idea: "Attenuate the image linearly while noise grows with the root of time, and reach crisp results in few steps.",
    paper: Paper {
        title: "DiffusionEdge: Diffusion Probabilistic Model for Crisp Edge Detection",
        authors: "Ye, Xu, Huang, Gao, Liu, Cai",
        year: 2024,
        arxiv: "2401.02032",
    },
    basis: Basis::Code,
    deviations: "The path as a schedule s = sqrt(t) / (1 - t) with DDIM steps; the network that predicts image and noise apart is not modelled. The network is replaced by the exact posterior mean of a mixture.",
    equation: "x_t = (1 - t) x0 + sqrt(t) eps;  s(t) = sqrt(t) / (1 - t)",
    symbols: &[("t", "time from clean (0) to noise (1)")],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Ring8,
            ..sampled(ScheduleKind::Decoupled)
        })
    },
    claim: Some(Claim {
        statement: "The decoupled process needs few steps (5) for crisp results.",
        experiment: "5 DDIM calls on the decoupled path and on cosine levels from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
