//! The systems of this lab, one file each.

pub mod erk;
mod experiment;
pub mod lamp;
pub mod magnitude;
pub mod n_of_m;
pub mod random;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &magnitude::GLOBAL_MAGNITUDE,
    &magnitude::LAYER_MAGNITUDE,
    &lamp::LAMP,
    &erk::ERK,
    &n_of_m::N_OF_M,
    &random::RANDOM,
];
