//! Optimal linear subspace search. Duan, Wang, Chen, Huang, Qian: "Optimal Linear Subspace Search:
//! Learning to Construct Fast and High-Quality Schedulers for Diffusion Models" (arXiv 2305.14677);
//! path search and fit as in Artiprocher's FastSDXL.

use crate::labs::noise::claims::{Comparison, paired};
use crate::labs::noise::{
    Config, Direction, Noise, data::DataSet, schedule::ScheduleKind, solver::SolverKind,
};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

fn student(steps: u64) -> Config {
    Config {
        schedule: ScheduleKind::ScaledLinear,
        beta_start: 0.000_85,
        beta_end: 0.012,
        solver: SolverKind::Olss,
        direction: Direction::Generate,
        teacher_steps: 100,
        steps,
        ..Config::default()
    }
}

/// The same calls by a second-order solver, on Karras levels over the range of the teacher's table.
fn multistep(steps: u64) -> Config {
    Config {
        schedule: ScheduleKind::Edm,
        sigma_max: 14.614_641_229_333,
        sigma_min: 0.029_167_158,
        solver: SolverKind::DpmPp2m,
        ..student(steps)
    }
}

const COMPARISON: Comparison = Comparison {
    quantity: "error to the exact flow, OLSS over DPM-Solver++ 2M, 8 calls",
    proposed: || student(8),
    baseline: || multistep(8),
    value: paired,
    size: 0.7,
    condition: "Weights fitted to 64 start points of a teacher of 100 Euler steps on the same data, tested on fresh ones; 2M on Karras levels over the same range. Fitted weights belong to one data set, which is an advantage that 2M does not have.",
};

/// The exhibit.
pub(super) static OLSS: Exhibit = Exhibit {
    id: "linear-subspace",
    lab: Noise::KIND,
    title: "Optimal linear subspace (OLSS)",
    idea: "Keep a few of a teacher's steps and replace the solver's coefficients: every state is the combination of the start and all noise estimates so far that fits the teacher best.",
    paper: Paper {
        title: "Optimal Linear Subspace Search: Learning to Construct Fast and High-Quality Schedulers for Diffusion Models",
        authors: "Duan, Wang, Chen, Huang, Qian",
        year: 2023,
        arxiv: "2305.14677",
    },
    basis: Basis::Code,
    deviations: "Points in the plane instead of latents, 64 of them stacked as rows. Least squares by orthogonalisation; an estimate that the others span gets weight 0. The bound is on the mean squared error of x = alpha X.",
    equation: "x_(k+1) = w_k x_T + sum over j <= k of W_kj e_j;  (w, W) minimise the squared distance from the teacher's state; path: furthest step whose error stays below a bound",
    symbols: &[
        ("e_j", "noise estimate (X - D) / s at the student's step j"),
        ("x_T", "the start noise"),
        ("w, W", "weights fitted to the teacher's states"),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Grid9,
            ..student(8)
        })
    },
    claim: Some(Claim {
        statement: "With few steps, fitted combinations give better samples than DDIM, PNDM and DPM-Solver++ at the same number of steps.",
        experiment: "8 calls of OLSS, searched and fitted on a teacher of 100 steps, against 8 calls of DPM-Solver++ 2M on Karras levels from fresh start noise; root mean square distance from the exact flow, as a ratio, over three mixtures and several seeds.",
        start: |effort| COMPARISON.start(effort),
    }),
};
