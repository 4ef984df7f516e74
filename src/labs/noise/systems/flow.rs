//! Flow matching with shifted times. Esser et al.: "Scaling Rectified Flow Transformers for
//! High-Resolution Image Synthesis" (arXiv 2403.03206); shift as in diffusers.

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind, solver: SolverKind) -> Config {
    Config {
        schedule,
        solver,
        steps: 10,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, flow-matching levels over scaled-linear ones, 10 first-order calls",
    proposed: || sampled(ScheduleKind::Flow, SolverKind::FlowEuler),
    baseline: || sampled(ScheduleKind::ScaledLinear, SolverKind::Ddim),
    value: paired,
    size: 0.9,
    condition: "First-order steps do not depend on the path, only on the levels: this compares where the levels lie.",
};

/// The exhibit.
pub(super) static FLOW: Exhibit = Exhibit {
    id: "flow-matching",
    lab: Noise::KIND,
    title: "Flow matching (SD3)",
    idea: "Mix data and noise along a straight line, and shift the times to more noise for larger images.",
    paper: Paper {
        title: "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
        authors: "Esser et al.",
        year: 2024,
        arxiv: "2403.03206",
    },
    basis: Basis::Code,
    deviations: "Times uniform in u, cut at s = 1000. The network is replaced by the exact posterior mean of a mixture.",
    equation: "x = (1 - u) x0 + u eps;  u' = a u / (1 + (a - 1) u), that is s' = a s;  a = e^mu, mu on the line (256, 0.5) to (4096, 1.15)",
    symbols: &[
        ("u", "flow time, 0 clean and 1 noise"),
        ("a", "shift"),
        ("mu", "grows with the number of image tokens"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Moons,
            ..sampled(ScheduleKind::Flow, SolverKind::FlowEuler)
        })
    },
    claim: Some(Claim {
        statement: "A straight path between data and noise can be followed with fewer steps.",
        experiment: "10 Euler steps on flow times and 10 DDIM steps on scaled-linear times from the same noised points; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
