//! The tangent law. Sabour, Fidler, Kreis: "Align Your Steps" (arXiv 2404.14507), theorem on Gaussian
//! data, known in tools as "KL optimal".

use crate::labs::noise::claims::{Comparison, sliced};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::Ddim,
        steps: 10,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "sliced Wasserstein distance, tangent law over Karras, 10 DDIM calls",
    proposed: || sampled(ScheduleKind::Tangent),
    baseline: || sampled(ScheduleKind::Edm),
    value: sliced,
    size: 0.7,
    condition: "Levels from 80 to 0.002 for both; the data are mixtures, not the Gaussian of the theorem.",
};

/// The exhibit.
pub(super) static TANGENT: Exhibit = Exhibit {
    id: "tangent-law",
    lab: Noise::KIND,
    title: "Tangent law (KL optimal)",
    idea: "For Gaussian data and Euler steps the best levels are equally spaced in the angle atan(s / c), c the spread of the data.",
    paper: Paper {
        title: "Align Your Steps: Optimizing Sampling Schedules in Diffusion Models",
        authors: "Sabour, Fidler, Kreis",
        year: 2024,
        arxiv: "2404.14507",
    },
    basis: Basis::Secondary,
    deviations: "The theorem as restated in the tools that ship it; they fix c = 1, here it is the spread of the data unless set. The network is replaced by the exact posterior mean of a mixture.",
    equation: "s_i = c tan((1 - i / (n - 1)) atan(s_max / c) + i / (n - 1) atan(s_min / c))",
    symbols: &[
        ("c", "spread of the data"),
        ("s_max, s_min", "limits of the noise level"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            ..sampled(ScheduleKind::Tangent)
        })
    },
    claim: Some(Claim {
        statement: "Levels equally spaced in atan(s / c) need fewer first-order steps than the usual schedules.",
        experiment: "10 DDIM calls on the tangent law and on Karras levels from the same noised points; sliced Wasserstein distance to the truth, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
