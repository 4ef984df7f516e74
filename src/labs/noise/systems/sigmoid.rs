//! The sigmoid schedule. Chen: "On the Importance of Noise Scheduling for Diffusion Models"
//! (arXiv 2301.10972); formula as in RodinHD's code, default arguments -3, 3 and 1.

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
    quantity: "error to the exact flow, sigmoid over cosine, DDIM with 20 calls",
    proposed: || sampled(ScheduleKind::Sigmoid),
    baseline: || sampled(ScheduleKind::Cosine),
    value: paired,
    size: 0.9,
    condition: "The paper's gain is measured on trained networks for large images; here only the placement of the sampling levels is tested, on two-dimensional data.",
};

/// The exhibit.
pub(super) static SIGMOID: Exhibit = Exhibit {
    id: "sigmoid-schedule",
    lab: Noise::KIND,
    title: "Sigmoid schedule",
    idea: "Let the signal's share fall along a logistic curve whose ends and width are tuned to the redundancy of the data.",
    paper: Paper {
        title: "On the Importance of Noise Scheduling for Diffusion Models",
        authors: "Chen",
        year: 2023,
        arxiv: "2301.10972",
    },
    basis: Basis::Secondary,
    deviations: "The share is clipped to [1e-9, 1]; sampled on a table of 1000 times; the network is replaced by the exact posterior mean of a mixture.",
    equation: "c(u) = 1 / (1 + e^(-u / tau));  alpha_bar(t) = (c(e) - c(t (e - s) + s)) / (c(e) - c(s))",
    symbols: &[
        ("s, e", "start and end of the logistic curve"),
        ("tau", "its width"),
        ("t", "time from clean (0) to noise (1)"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Moons,
            ..sampled(ScheduleKind::Sigmoid)
        })
    },
    claim: Some(Claim {
        statement: "The best noise schedule depends on the data, and a tuned sigmoid can beat the cosine schedule.",
        experiment: "DDIM with 20 calls on the default sigmoid and on cosine levels from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
