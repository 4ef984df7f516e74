//! The setup itself, then the other ways to run the same requests.

use super::super::AsideRun;
use super::super::in_turn::InTurn;
use super::config::FunctionsConfig;
use super::report;
use super::requests::requests;
use super::sim::Sim;
use crate::core::Job;
use crate::labs::serving::config::Config;

/// Ways that are compared, and the times that memory is kept for in the trade-off, over the
/// setup's own.
pub(super) const WAYS: [(&str, [bool; 3]); 4] = [
    ("a backbone each", [false, false, false]),
    ("shared", [true, false, false]),
    ("loaded in advance", [true, true, false]),
    ("batches wait", [true, true, true]),
];
pub(super) const KEEPS: [f64; 5] = [0.1, 0.5, 1.0, 4.0, 20.0];

/// The experiment in steps.
pub(in super::super) fn work(config: &Config) -> Box<dyn Job<Out = AsideRun>> {
    let own = &*config.functions;
    let mut setups = vec![own.clone()];
    let way = |[share, preload, delay]: [bool; 3], keep: f64| FunctionsConfig {
        share,
        preload,
        delay,
        keep_secs: keep * own.keep_secs,
        ..own.clone()
    };
    setups.extend(WAYS.iter().map(|(_, switches)| way(*switches, 1.0)));
    // A copy for each function can be larger than a GPU only if a shared one is, too.
    for switches in [WAYS[0].1, WAYS[1].1] {
        setups.extend(KEEPS.iter().map(|keep| way(switches, *keep)));
    }
    // A shared copy holds more adapters: it may not fit where single ones do.
    setups.retain(|s| s == own || s.check().is_ok());
    let requests = requests(own, config.seed);
    Box::new(InTurn::<Sim>::new(
        config,
        requests,
        setups,
        report::findings,
    ))
}
