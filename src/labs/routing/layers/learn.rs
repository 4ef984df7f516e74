//! Training of the residual network.

use super::super::config::Config;
use super::net::{Adam, Net, Objective, samples};
use crate::core::digits::PIXELS;
use crate::core::num;

const BATCH: usize = 64;
const RATE: f64 = 3e-3;

/// Training in progress.
pub(super) struct Learner {
    pub(super) net: Net,
    adam: Adam,
    grad: Vec<f64>,
    /// Mean loss of each update's batch.
    pub(super) losses: Vec<f64>,
}

impl Learner {
    pub(super) fn new(config: &Config) -> Self {
        let net = Net::new(config.blocks as usize, config.seed);
        let n = net.params.len();
        Self {
            net,
            adam: Adam::new(n),
            grad: vec![0.0; n],
            losses: Vec::new(),
        }
    }

    /// One update; `true` when all are done.
    pub(super) fn update(&mut self, config: &Config) -> bool {
        let step = self.losses.len();
        let batch = samples(config.seed, false, config.noise, step as u32 + 1, BATCH);
        let objective = Objective {
            divergence: config.halting_weight,
            prior: config.halting_prior,
        };
        self.grad.fill(0.0);
        let mut loss = 0.0;
        for (x, &y) in batch.x.chunks_exact(PIXELS).zip(&batch.labels) {
            loss += self.net.learn(x, usize::from(y), objective, &mut self.grad);
        }
        for g in &mut self.grad {
            *g /= BATCH as f64;
        }
        self.losses.push(loss / BATCH as f64);
        let share = step as f64 / config.train_steps as f64;
        let wave = 0.5 + 0.5 * num::cos(std::f64::consts::PI * share);
        let rate = 1e-5 + (RATE - 1e-5) * wave;
        self.adam.update(&mut self.net.params, &self.grad, rate);
        self.losses.len() as u64 >= config.train_steps
    }
}
