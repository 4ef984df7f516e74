//! The computation in short steps: services and the group, each with the fault and without, then
//! the servers that smaller loads need.

use super::super::AsideRun;
use super::super::fault::Fault;
use super::config::ExpertsConfig;
use super::group::Group;
use super::report;
use super::served::Served;
use super::service::Sim;
use crate::core::{Job, Result, Step};
use crate::labs::serving::config::Config;

/// Events of a slice, and steps of the group.
const SLICE: usize = 1000;
const STEPS: usize = 10;
/// Steps of every client, at the target, in a run that only asks how long they take.
const SHORT: f64 = 20.0;

/// Servers that a number of clients needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) clients: u64,
    pub(super) servers: u64,
}

/// The experiment in steps.
pub(in super::super::super) struct Work {
    config: Config,
    /// The setup, and the same without its fault.
    setups: [ExpertsConfig; 2],
    sim: Option<Sim>,
    group: Option<Group>,
    services: Vec<Served>,
    groups: Vec<Served>,
    needs: Vec<Need>,
    trying: u64,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
        let own = ExpertsConfig::clone(&config.experts);
        let sound = ExpertsConfig {
            fault: Fault::default(),
            ..own.clone()
        };
        Self {
            config: config.clone(),
            setups: [own, sound],
            sim: None,
            group: None,
            services: Vec::new(),
            groups: Vec::new(),
            needs: Vec::new(),
            trying: 1,
        }
    }

    /// The run of services that comes next: the setups, then short ones with few clients and one
    /// server more each time, until their steps keep the target.
    fn next(&self) -> Option<ExpertsConfig> {
        if let Some(setup) = self.setups.get(self.services.len()) {
            return Some(setup.clone());
        }
        let sound = &self.setups[1];
        let clients = self.needs.len() as u64 + 1;
        (clients <= sound.clients).then(|| ExpertsConfig {
            clients,
            servers: self.trying,
            copies: sound.copies.min(self.trying),
            secs: SHORT * sound.target_millis * 1e-3,
            ..sound.clone()
        })
    }

    fn absorb(&mut self, served: Served) {
        if self.services.len() < self.setups.len() {
            return self.services.push(served);
        }
        let sound = &self.setups[1];
        let kept = report::mean_step(&served) <= sound.target_millis * 1e-3;
        if kept || self.trying >= sound.servers {
            // More clients never need fewer servers: the next number goes on from here.
            self.needs.push(Need {
                clients: self.needs.len() as u64 + 1,
                servers: self.trying,
            });
        } else {
            self.trying += 1;
        }
    }
}

impl Job for Work {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        let seed = self.config.seed;
        if let Some(setup) = self.setups.get(self.groups.len()) {
            let mut group = (self.group.take()).unwrap_or_else(|| Group::new(setup, seed));
            if group.advance(STEPS) {
                self.groups.push(group.finish());
            } else {
                self.group = Some(group);
            }
            return Ok(Step::Working);
        }
        if let Some(mut sim) = self.sim.take() {
            if sim.advance(SLICE) {
                self.absorb(sim.finish());
            } else {
                self.sim = Some(sim);
            }
            return Ok(Step::Working);
        }
        if let Some(next) = self.next() {
            self.sim = Some(Sim::new(&next, seed));
            return Ok(Step::Working);
        }
        let findings = report::findings(&self.config, &self.services, &self.groups, &self.needs);
        Ok(Step::Done(AsideRun::new(&self.config, findings)))
    }

    fn progress(&self) -> f64 {
        let runs = self.groups.len() + self.services.len();
        let needs = self.needs.len() as f64 / self.setups[0].clients.max(1) as f64;
        0.2 * runs as f64 + 0.2 * needs
    }
}
