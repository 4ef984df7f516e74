//! DDIM. Song, Meng, Ermon: "Denoising Diffusion Implicit Models" (arXiv 2010.02502); step as in
//! diffusers, written in sigma (it is Euler's method there).

use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn with_noise(eta: f64) -> Config {
    Config {
        schedule: ScheduleKind::Linear,
        solver: SolverKind::Ddim,
        eta,
        steps: 10,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance to the truth, DDIM over ancestral sampling, 10 calls",
    proposed: || with_noise(0.0),
    baseline: || with_noise(1.0),
    value: sliced,
    size: 0.9,
    condition: "Linear schedule with trailing times; both pay the noise of a finite sample, which pulls the ratio towards 1.",
};

/// The exhibit.
pub(super) static DDIM: Exhibit = Exhibit {
    id: "ddim",
    lab: Noise::KIND,
    title: "DDIM",
    idea: "Drop the fresh noise: follow the slope towards the denoised estimate, so that few steps suffice and the same noise gives the same sample.",
    paper: Paper {
        title: "Denoising Diffusion Implicit Models",
        authors: "Song, Meng, Ermon",
        year: 2020,
        arxiv: "2010.02502",
    },
    basis: Basis::Code,
    deviations: "Written in variance-exploding form, where it is Euler's method; the points are the same up to a factor.",
    equation: "X' = X + (X - D) / s (s' - s);  with eta: noise of standard deviation eta s' sqrt(1 - (s' / s)^2)",
    symbols: &[
        ("X", "state over alpha"),
        ("D", "denoised estimate"),
        ("s, s'", "this and the next noise level"),
        ("eta", "share of fresh noise"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            ..with_noise(0.0)
        })
    },
    claim: Some(Claim {
        statement: "With few steps, deterministic sampling gives much better samples than ancestral sampling with the same model.",
        experiment: "10 calls on the linear schedule with eta = 0 and eta = 1 from the same noised points; sliced Wasserstein distance to the truth, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
