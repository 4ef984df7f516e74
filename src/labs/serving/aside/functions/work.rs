//! The computation in short steps: the setup itself, then the other ways to run the same requests.

use super::super::AsideRun;
use super::config::FunctionsConfig;
use super::report;
use super::requests::{Requests, requests};
use super::sim::Sim;
use crate::core::{Job, Result, Step};
use crate::labs::serving::config::Config;

/// Events of a step.
const SLICE: usize = 200;
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
pub(in super::super::super) struct Work {
    config: Config,
    requests: Requests,
    setups: Vec<FunctionsConfig>,
    running: Option<Sim>,
    done: Vec<Sim>,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
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
        Self {
            requests: requests(own, config.seed),
            config: config.clone(),
            setups,
            running: None,
            done: Vec::new(),
        }
    }
}

impl Job for Work {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        let Some(setup) = self.setups.get(self.done.len()) else {
            let all: Vec<_> = self.setups.iter().zip(&self.done).collect();
            let findings = report::findings(&self.config, &self.requests, &all);
            return Ok(Step::Done(AsideRun::new(&self.config, findings)));
        };
        let mut sim = match self.running.take() {
            Some(sim) => sim,
            None => Sim::new(setup, &self.requests),
        };
        if sim.advance(&self.requests, SLICE) {
            self.done.push(sim);
        } else {
            self.running = Some(sim);
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.done.len() as f64 / self.setups.len() as f64
    }
}
