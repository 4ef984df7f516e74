//! Linear-quadratic times. Polyak et al.: "Movie Gen" (arXiv 2410.13720); rule as in Mochi's code.

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::FlowEuler,
        steps: 20,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, linear-quadratic over uniform flow times, 20 Euler calls",
    proposed: || sampled(ScheduleKind::LinearQuadratic),
    baseline: || sampled(ScheduleKind::Flow),
    value: paired,
    size: 0.9,
    condition: "In large video latents the early steps decide; in two dimensions almost nothing is decided at u near 1.",
};

/// The exhibit.
pub(super) static LINEAR_QUADRATIC: Exhibit = Exhibit {
    id: "linear-quadratic",
    lab: Noise::KIND,
    title: "Linear-quadratic (Movie Gen)",
    idea: "Follow the first steps of a thousand-step schedule exactly, then grow the steps quadratically: the early steps decide the most.",
    paper: Paper {
        title: "Movie Gen: A Cast of Media Foundation Models",
        authors: "Polyak et al.",
        year: 2024,
        arxiv: "2410.13720",
    },
    basis: Basis::Code,
    deviations: "A start at u = 1, infinite noise, becomes s = 1999. The network is replaced by the exact posterior mean of a mixture.",
    equation: "w_i = i thr / L for i < L;  w_i = q i^2 + l i + q L^2 after;  u_i = 1 - w_i",
    symbols: &[
        ("L", "half of the n steps"),
        ("thr", "0.025, share covered by the linear half"),
        ("q, l", "so that value and slope are continuous and w_n = 1"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::TwoScales,
            ..sampled(ScheduleKind::LinearQuadratic)
        })
    },
    claim: Some(Claim {
        statement: "50 linear-quadratic steps come close to 1000 uniform ones; far fewer steps for the same quality.",
        experiment: "20 Euler steps on linear-quadratic and on uniform flow times from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
