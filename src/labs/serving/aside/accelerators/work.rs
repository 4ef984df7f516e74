//! Every rule on the same requests, and the adaptive one with other thresholds.

use super::super::AsideRun;
use super::super::in_turn::InTurn;
use super::config::{AcceleratorsConfig, Weighing};
use super::report;
use super::sim::{Sim, world};
use crate::core::Job;
use crate::labs::serving::config::Config;

/// Thresholds of the trade-off.
const THRESHOLDS: [f64; 5] = [0.3, 0.5, 0.7, 0.85, 1.0];

/// The experiment in steps.
pub(in super::super) fn work(config: &Config) -> Box<dyn Job<Out = AsideRun>> {
    let own = &*config.accelerators;
    let mut setups = vec![own.clone()];
    setups.extend(Weighing::ALL.map(|weighing| AcceleratorsConfig {
        weighing,
        ..own.clone()
    }));
    setups.extend(THRESHOLDS.map(|short_above| AcceleratorsConfig {
        weighing: Weighing::Adaptive,
        short_above,
        back: own.back.min(0.5 * short_above),
        ..own.clone()
    }));
    let world = world(own, config.seed);
    Box::new(InTurn::<Sim>::new(config, world, setups, report::findings))
}
