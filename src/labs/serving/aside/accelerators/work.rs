//! The computation in short steps: every rule on the same requests, and the adaptive one with
//! other thresholds.

use super::super::AsideRun;
use super::config::{AcceleratorsConfig, Weighing};
use super::report;
use super::sim::{Sim, World, world};
use crate::core::{Job, Result, Step};
use crate::labs::serving::config::Config;

/// Events of a slice.
const SLICE: usize = 200;
/// Thresholds of the trade-off.
const THRESHOLDS: [f64; 5] = [0.3, 0.5, 0.7, 0.85, 1.0];

/// The experiment in steps.
pub(in super::super::super) struct Work {
    config: Config,
    world: World,
    setups: Vec<AcceleratorsConfig>,
    running: Option<Sim>,
    done: Vec<Sim>,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
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
        Self {
            world: world(own, config.seed),
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
            let findings = report::findings(&self.config, &self.world, &all);
            return Ok(Step::Done(AsideRun::new(&self.config, findings)));
        };
        let mut sim = match self.running.take() {
            Some(sim) => sim,
            None => Sim::new(setup, &self.world),
        };
        if sim.advance(&self.world, SLICE) {
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
