//! The systems of this lab, one file each.

pub mod erk;
mod experiment;
pub mod grasp;
pub mod joint_dp;
pub mod lamp;
pub mod magnitude;
pub mod n_of_m;
pub mod obd;
pub mod random;
pub mod snip;
pub mod synflow;
pub mod units;
pub mod wanda;

use crate::labs::Exhibit;

/// The registry: adding a system is a new file and one line here.
pub static EXHIBITS: &[&Exhibit] = &[
    &magnitude::GLOBAL_MAGNITUDE,
    &magnitude::LAYER_MAGNITUDE,
    &lamp::LAMP,
    &erk::ERK,
    &joint_dp::JOINT_DP,
    &n_of_m::N_OF_M,
    &units::UNITS,
    &wanda::WANDA,
    &obd::OBD,
    &snip::SNIP,
    &grasp::GRASP,
    &synflow::SYNFLOW,
    &random::RANDOM,
];
