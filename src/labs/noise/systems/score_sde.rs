//! The VP-SDE and VE-SDE. Song et al.: "Score-Based Generative Modeling through Stochastic
//! Differential Equations" (arXiv 2011.13456).

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::Ddim,
        steps: 20,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, VP over VE levels, 20 first-order calls",
    proposed: || sampled(ScheduleKind::VpSde),
    baseline: || sampled(ScheduleKind::VeSde),
    value: paired,
    size: 0.9,
    condition: "VE from 80 to 0.002; equal times of both. Networks, which differ between the two in the paper, play no part.",
};

/// The exhibit.
pub(super) static SCORE_SDE: Exhibit = Exhibit {
    id: "score-sde",
    lab: Noise::KIND,
    title: "Score SDE (VP, VE)",
    idea: "Noise as a continuous-time diffusion: beta grows linearly and keeps the variance (VP), or the noise level grows geometrically (VE).",
    paper: Paper {
        title: "Score-Based Generative Modeling through Stochastic Differential Equations",
        authors: "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole",
        year: 2020,
        arxiv: "2011.13456",
    },
    basis: Basis::Code,
    deviations: "Probability-flow sampling on 1000 times; no corrector steps. The network is replaced by the exact posterior mean of a mixture.",
    equation: "s(t) = sqrt(exp(beta_d t^2 / 2 + beta_min t) - 1) (VP);  s(t) = s_min (s_max / s_min)^t (VE)",
    symbols: &[("beta_d", "19.9"), ("beta_min", "0.1")],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            ..sampled(ScheduleKind::VpSde)
        })
    },
    claim: Some(Claim {
        statement: "With few deterministic steps the variance-preserving process samples better than the variance-exploding one.",
        experiment: "20 first-order steps at equal times of both processes from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
