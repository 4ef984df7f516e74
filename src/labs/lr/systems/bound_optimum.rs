//! The schedule that minimises the convex bound.

use super::super::claims::theory;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static BOUND_OPTIMUM: Exhibit = Exhibit {
    id: "bound-optimum",
    lab: LabKind::Lr,
    title: "Optimum of the bound",
    idea: "The bound can be minimised over all schedules. With constant gradient norms the answer is a straight line to zero; with falling norms a warmup appears, with rising ones an early drop.",
    paper: Paper {
        title: "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training",
        authors: "Schaipp et al.",
        year: 2025,
        arxiv: "2501.18965",
    },
    basis: Basis::Code,
    deviations: "L-BFGS on the logarithms of the rates; runs longer than 512 updates are solved on 512 nodes and interpolated.",
    equation: "η* = argmin Ω_T(η)",
    symbols: &[
        ("Ω_T", "the convex bound at the end of the run"),
        ("p", "fall of the gradient norms, G_t = t^-p"),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::BoundOptimal,
            norm_decay: 0.25,
            ..Config::default().with_problem(Problem::Bound)
        })
    },
    claim: Some(Claim {
        statement: "Linear decay is nearly optimal under the bound.",
        experiment: "Bound of the optimum against that of linear decay at its best base rate, 100 updates, exact.",
        start: theory::near_optimal,
    }),
};
