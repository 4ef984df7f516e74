//! The computation in short steps: training, run by run, then every rule on the same requests.

use super::super::AsideRun;
use super::super::fault::Fault;
use super::config::{Choice, QualityConfig};
use super::policy::{Learned, Policy, Training};
use super::report::{self, Outcome};
use super::sim::{Requests, requests, serve};
use crate::core::rng::{Stream, StreamId};
use crate::core::stats::mean;
use crate::core::{Job, Result, Step};
use crate::labs::serving::config::Config;

/// The experiment in steps.
pub(in super::super::super) struct Work {
    config: Config,
    learned: Learned,
    /// Mean reward of every run of training.
    rewards: Vec<f64>,
    requests: Option<Requests>,
    outcomes: Vec<Outcome>,
}

impl Work {
    pub(in super::super::super) fn new(config: &Config) -> Self {
        Self {
            learned: Learned::new(&config.quality),
            config: config.clone(),
            rewards: Vec::new(),
            requests: None,
            outcomes: Vec::new(),
        }
    }
}

impl Job for Work {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        let (c, seed) = (&self.config.quality, self.config.seed);
        let episode = self.rewards.len() as u64 + 1;
        if episode <= c.episodes {
            let rng = Stream::new(seed, StreamId::Policy).replicate(episode as u32);
            let training = Training::of(episode, c.episodes, rng);
            let requests = requests(c, seed, episode);
            let mut policy = Policy::Learned(&mut self.learned, Some(training));
            // Nobody trains for a fault.
            let sound = QualityConfig {
                fault: Fault::default(),
                ..QualityConfig::clone(c)
            };
            let got = serve(&sound, &requests, &mut policy);
            let rewards: Vec<f64> = got.iter().map(|g| g.reward).collect();
            self.rewards.push(mean(&rewards));
            return Ok(Step::Working);
        }
        let requests = self.requests.get_or_insert_with(|| requests(c, seed, 0));
        if let Some(&choice) = Choice::ALL.get(self.outcomes.len()) {
            let mut policy = Policy::of(choice, c, &mut self.learned);
            let got = serve(c, requests, &mut policy);
            self.outcomes.push(Outcome { choice, got });
            return Ok(Step::Working);
        }
        let findings = report::findings(
            &self.config,
            requests,
            &self.outcomes,
            &self.learned,
            &self.rewards,
        );
        Ok(Step::Done(AsideRun::new(&self.config, findings)))
    }

    fn progress(&self) -> f64 {
        let done = self.rewards.len() + self.outcomes.len();
        done as f64 / (self.config.quality.episodes as usize + Choice::ALL.len()) as f64
    }
}
