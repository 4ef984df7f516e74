//! Optimal Stepsize Distillation. Pei, Hu, Gu: "Optimal Stepsize for Diffusion Sampling"
//! (arXiv 2503.21774); search as in bebebe666/OptimalSteps.

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Direction, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn sampled(schedule: ScheduleKind) -> Config {
    Config {
        schedule,
        solver: SolverKind::FlowEuler,
        direction: Direction::Generate,
        steps: 6,
        ..Config::default()
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, distilled over uniform flow times, 6 Euler calls",
    proposed: || sampled(ScheduleKind::StepsizeDistillation),
    baseline: || sampled(ScheduleKind::Flow),
    value: paired,
    size: 0.7,
    condition: "Teacher of 40 equal steps; fresh noise, not the batch the search saw. Not monotone in the number of steps.",
};

/// The exhibit.
pub(super) static OSS: Exhibit = Exhibit {
    id: "optimal-stepsize",
    lab: Noise::KIND,
    title: "Optimal stepsize (OSS)",
    idea: "Choose a few of a teacher's many steps by dynamic programming, so that the student stays closest to the teacher's trajectory.",
    paper: Paper {
        title: "Optimal Stepsize for Diffusion Sampling",
        authors: "Pei, Hu, Gu",
        year: 2025,
        arxiv: "2503.21774",
    },
    basis: Basis::Code,
    deviations: "One search on a batch of 32 noise samples instead of a median over searches; sampling starts from the first chosen level. As in the code, the first step may start below the teacher's first time, and the state kept at a time is the one closest to the teacher there, which is greedy.",
    equation: "best_k[j] = min over i > j of mean |Z_i + (t_j - t_i) v(Z_i, t_i) - T_j|^2",
    symbols: &[
        ("T_j", "the teacher's state at its time j"),
        ("Z_i", "the student's best state at time i"),
        ("v", "flow velocity (x - D) / u"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            ..sampled(ScheduleKind::StepsizeDistillation)
        })
    },
    claim: Some(Claim {
        statement: "Ten times fewer steps at nearly the quality of the full schedule.",
        experiment: "6 Euler steps on the distilled and on uniform flow times from the same noise; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
