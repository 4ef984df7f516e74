//! The systems of this lab, one file each.

mod cosine;
mod ddim;
mod dpm_solver;
mod edm;
mod linear;
mod scaled_linear;
mod sigmoid;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &edm::EDM,
    &linear::LINEAR,
    &scaled_linear::SCALED_LINEAR,
    &cosine::COSINE,
    &sigmoid::SIGMOID,
    &ddim::DDIM,
    &dpm_solver::DPM_SOLVER_PP,
];
