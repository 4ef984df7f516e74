//! The systems of this lab, one file each.

pub mod auto_sparse;
pub mod blocks;
pub mod contribution;
pub mod erk;
mod experiment;
pub mod gradual;
pub mod grasp;
pub mod harmonic;
pub mod hyper_sparse;
pub mod joint_dp;
pub mod lamp;
pub mod longer;
pub mod lottery;
pub mod magnitude;
pub mod movement;
pub mod n_of_m;
pub mod obd;
mod race;
pub mod random;
pub mod rigl;
pub mod sap;
pub mod snip;
pub mod subnetwork;
pub mod synflow;
pub mod units;
pub mod wanda;
pub mod window;

use super::config::{Config, Exchange, Fade, Method, Regime, Shape};
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
    &blocks::BLOCKS,
    &wanda::WANDA,
    &contribution::CONTRIBUTION,
    &obd::OBD,
    &snip::SNIP,
    &grasp::GRASP,
    &synflow::SYNFLOW,
    &random::RANDOM,
    &gradual::GRADUAL,
    &harmonic::HARMONIC,
    &window::WINDOW,
    &longer::LONGER,
    &lottery::LOTTERY,
    &rigl::RIGL,
    &rigl::SET,
    &subnetwork::SUBNETWORK,
    &hyper_sparse::HYPER_SPARSE,
    &auto_sparse::AUTO_SPARSE,
    &movement::MOVEMENT,
    &sap::SAP,
];

/// The system of a config that prunes while it trains; none for schedules that are no paper's own.
pub(super) fn while_training(config: &Config) -> Option<&'static str> {
    match config.regime {
        Regime::Cut => None,
        Regime::Gradual if config.method == Method::Movement => Some("movement"),
        Regime::Gradual if config.fade != Fade::Hard => Some("autosparse"),
        Regime::Gradual => match config.shape {
            Shape::Harmonic => Some("harmonic-annealing"),
            Shape::Cubic if config.begin == 25.0 && config.finish == 75.0 => Some("journey-window"),
            Shape::Cubic if config.train_steps >= 1600 => Some("longer-training"),
            Shape::Cubic => Some("gradual-cubic"),
            _ => None,
        },
        Regime::Exchange => match config.exchange {
            Exchange::Gradient => Some("rigl"),
            Exchange::Random => Some("set"),
            Exchange::Never => None,
        },
        Regime::Ticket => Some("lottery-ticket"),
        Regime::Sap => Some("sap"),
        Regime::Flicker => Some("subnetwork-annealing"),
        Regime::HyperSparse => Some("hypersparse"),
    }
}
