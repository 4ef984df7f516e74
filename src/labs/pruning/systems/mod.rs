//! The systems of this lab, one file each.

pub mod adasap;
pub mod auto_sparse;
pub mod balancing;
pub mod blocks;
pub mod compander;
pub mod contribution;
pub mod data_pruning;
pub mod erk;
mod experiment;
pub mod feature_flow;
pub mod ftwt;
pub mod gradual;
pub mod grasp;
pub mod half_tuning;
pub mod harmonic;
pub mod hyper_sparse;
pub mod joint_dp;
pub mod l2_compression;
pub mod lamp;
pub mod longer;
pub mod lost;
pub mod lottery;
pub mod magnitude;
pub mod mask_tuning;
pub mod movement;
pub mod n_of_m;
pub mod obd;
mod race;
pub mod random;
pub mod rigl;
pub mod saap;
pub mod sap;
pub mod self_compressing;
pub mod shrinking;
pub mod sketch;
pub mod snip;
pub mod snr;
pub mod sparse_pretraining;
pub mod sparsegpt;
pub mod subnetwork;
pub mod surgeon;
pub mod synflow;
pub mod units;
pub mod wanda;
pub mod window;
pub mod zipnn;

use super::config::{Config, Exchange, Fade, Method, Regime, Shape};
use super::kinds::{Aid, Coder, Surgery, Transfer};
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
    &snr::SNR,
    &saap::SAAP,
    &sketch::SKETCH,
    &zipnn::ZIPNN,
    &sparsegpt::SPARSE_GPT,
    &surgeon::SURGEON,
    &lost::LOST,
    &ftwt::FTWT,
    &adasap::ADASAP,
    &shrinking::SHRINKING,
    &compander::COMPANDER,
    &feature_flow::FEATURE_FLOW,
    &balancing::BALANCING,
    &mask_tuning::MASK_TUNING,
    &half_tuning::HALF_TUNING,
    &sparse_pretraining::SPARSE_PRETRAINING,
    &data_pruning::DATA_PRUNING,
    &self_compressing::SELF_COMPRESSING,
    &l2_compression::L2_COMPRESSION,
];

/// The system of a config that prunes while it trains; none for schedules that are no paper's own.
pub(super) fn while_training(config: &Config) -> Option<&'static str> {
    let aided = matches!(config.regime, Regime::Gradual | Regime::Tune);
    match config.aid {
        Aid::AdaSap if aided => return Some("adasap"),
        Aid::Shrink if aided => return Some("regularised-shrinking"),
        Aid::Compander if aided => return Some("weight-compander"),
        Aid::Flow if aided => return Some("feature-flow"),
        Aid::Balance if aided => return Some("balancing-act"),
        _ => {}
    }
    match config.regime {
        Regime::Cut | Regime::Tune => None,
        Regime::Surgery => match config.surgery {
            Surgery::SparseGpt => Some("sparsegpt"),
            Surgery::Surgeon => Some("optimal-brain-surgeon"),
            Surgery::LowRank => Some("lost"),
            Surgery::Wanda | Surgery::Magnitude => None,
        },
        Regime::Data => Some("data-pruning"),
        Regime::Bits => Some(match config.coder {
            Coder::Learnt => "self-compressing",
            Coder::Rounded => "l2-compression",
        }),
        Regime::Dynamic => Some("fire-together-wire-together"),
        Regime::Transfer => Some(match config.transfer {
            Transfer::Mask => "mask-tuning",
            Transfer::Half => "half-fine-tuning",
            Transfer::Open | Transfer::Shut => "sparse-pretraining",
        }),
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
