//! Cooldowns of one checkpoint on different data, for the bias and the variance of a cooldown shape
//! ("Training Dynamics of the Cooldown Stage in Warmup-Stable-Decay Learning Rate Scheduler", arXiv
//! 2508.01483). The digits network is trained until the rate starts to fall; from there several
//! copies go on under the same rates, each on a data order of its own. The loss of the model with the
//! mean of their weights is what they have in common; what a single one loses against it is the
//! variance. Where `AdamW`'s second moment decays at another pace in the cooldown, every copy has a
//! twin that sees the same data without that change.

use super::super::config::Config;
use super::super::schedule::Shape;
use super::super::training::{Batches, Trainer, evaluate, held_out};
use super::task::Task;
use crate::core::digits::PIXELS;
use crate::core::mlp::{Evaluation, LateDecay, Mlp, Workspace};
use crate::core::{Result, Simulation as _, stats};
use std::sync::Arc;

/// Copies at most.
pub(in crate::labs::lr) const MOST: u64 = 16;
/// Held-out samples looked at along the run.
const LOOKED: usize = 256;
/// Apart from every seed of a run.
const APART: u64 = 0x6272_616e_6368;

/// Names of the traces: the mean model, the variance, then every copy.
pub(in crate::labs::lr) const TRACES: [&str; 2] = ["loss of the mean model", "variance"];
/// Name of the trace of the twins.
pub(in crate::labs::lr) const RAISED: &str = "training loss with β₂ raised, minus without";
/// Names of the copies.
pub(in crate::labs::lr) const COPIES: [&str; MOST as usize] = [
    "copy 1", "copy 2", "copy 3", "copy 4", "copy 5", "copy 6", "copy 7", "copy 8", "copy 9",
    "copy 10", "copy 11", "copy 12", "copy 13", "copy 14", "copy 15", "copy 16",
];

/// One run and its copies.
#[derive(Clone)]
pub(super) struct Branches {
    /// A single run until the cooldown, then the copies.
    runs: Vec<Trainer>,
    /// The same copies without another decay of the second moment.
    twins: Vec<Trainer>,
    late: Option<LateDecay>,
    /// Sum of the differences to the twins since they were last asked for, and their number.
    apart: (f64, u64),
    batches: Batches,
    count: u64,
    start: u64,
    watched: bool,
    loss: f64,
    /// Loss of the mean model on all held-out samples at the end.
    middle: f64,
    /// Mean loss of the twins on them.
    unchanged: f64,
    work: Workspace,
}

impl Branches {
    pub(super) fn new(
        config: &Config,
        shape: Shape,
        batches: Batches,
        watched: bool,
    ) -> Result<Self> {
        let trunk = Trainer::new(config.optimizer(), Arc::from([]), batches)?;
        let schedule = config.schedule(shape, config.peak);
        Ok(Self {
            runs: vec![trunk],
            twins: Vec::new(),
            late: config.late_decay(&schedule),
            apart: (0.0, 0),
            batches,
            count: config.copies.min(MOST),
            start: schedule.decay_start() as u64,
            watched,
            loss: f64::NAN,
            middle: f64::NAN,
            unchanged: f64::NAN,
            work: Workspace::default(),
        })
    }

    fn done(&self) -> u64 {
        self.runs[0].steps()
    }

    /// The data of a copy: the first goes on as if there were no others.
    fn batches(&self, copy: u64) -> Batches {
        Batches {
            seed: if copy == 0 {
                self.batches.seed
            } else {
                self.batches.seed ^ (APART + copy)
            },
            ..self.batches
        }
    }

    /// The network with the mean of all weights.
    fn mean(&self) -> Mlp {
        let mut net = self.runs[0].net.clone();
        let n = self.runs.len() as f64;
        for (i, w) in net.params_mut().iter_mut().enumerate() {
            let sum: f64 = (self.runs.iter())
                .map(|r| f64::from(r.net.params()[i]))
                .sum();
            *w = (sum / n) as f32;
        }
        net
    }

    /// Loss of a network on some held-out samples.
    fn look(&mut self, net: &Mlp) -> f64 {
        let samples = held_out();
        let x = &samples.x[..LOOKED * PIXELS];
        net.evaluate(x, &samples.labels[..LOOKED], None, &mut self.work)
            .loss
    }
}

impl Task for Branches {
    fn update(&mut self, rate: f64) {
        let step = self.done();
        if step == self.start && self.runs.len() == 1 {
            let copies = vec![self.runs[0].clone(); self.count.max(1) as usize];
            if self.late.is_some() {
                self.twins.clone_from(&copies);
            }
            let late = |run: Trainer| run.with_late(self.late);
            self.runs = copies.into_iter().map(late).collect();
        }
        let (mut sum, mut without) = (0.0, 0.0);
        for k in 0..self.runs.len() {
            let batch = self.batches(k as u64).batch(step);
            self.runs[k].train_at(&batch, rate);
            sum += self.runs[k].loss();
            if let Some(twin) = self.twins.get_mut(k) {
                twin.train_at(&batch, rate);
                without += twin.loss();
            }
        }
        let n = self.runs.len() as f64;
        self.loss = sum / n;
        if !self.twins.is_empty() {
            self.apart = (self.apart.0 + (sum - without) / n, self.apart.1 + 1);
        }
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn gradient(&self) -> f64 {
        self.runs[0].gradient_norm()
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let (sum, number) = std::mem::take(&mut self.apart);
        let apart = (number > 0).then(|| (RAISED, sum / number as f64));
        if !self.watched {
            return apart.into_iter().collect();
        }
        let nets: Vec<Mlp> = self.runs.iter().map(|r| r.net.clone()).collect();
        let mean = self.mean();
        let middle = self.look(&mean);
        let each: Vec<f64> = nets.iter().map(|n| self.look(n)).collect();
        let average = each.iter().sum::<f64>() / each.len() as f64;
        let mut out = vec![(TRACES[0], middle), (TRACES[1], average - middle)];
        if each.len() > 1 {
            out.extend(COPIES.into_iter().zip(each));
        }
        out.extend(apart);
        out
    }

    /// The loss of the mean model, on all held-out samples, and the mean of the twins'.
    fn profile(&self) -> Vec<f64> {
        let mut out = vec![self.middle];
        if !self.twins.is_empty() {
            out.push(self.unchanged);
        }
        out
    }

    fn finish(&mut self) -> [f64; 2] {
        let results: Vec<Evaluation> = (self.runs.iter())
            .map(|r| evaluate(&r.net, &mut self.work))
            .collect();
        self.middle = evaluate(&self.mean(), &mut self.work).loss;
        let twins: Vec<f64> = (self.twins.iter())
            .map(|t| evaluate(&t.net, &mut self.work).loss)
            .collect();
        self.unchanged = stats::mean(&twins);
        let n = results.len() as f64;
        [
            results.iter().map(|r| r.loss).sum::<f64>() / n,
            results.iter().map(Evaluation::accuracy).sum::<f64>() / n,
        ]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        match (self.runs.len(), self.twins.is_empty()) {
            (1, _) => 16,
            (_, true) => 2,
            (_, false) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::lr::config::Problem;

    #[test]
    fn copies_part_at_the_cooldown_and_the_first_goes_on_alone() {
        let config = Config {
            horizon: 40,
            cooldown: 0.25,
            copies: 3,
            batch: 8,
            ..Config::default().with_problem(Problem::Branches)
        };
        let batches = Batches { seed: 2, size: 8 };
        let mut run = Branches::new(&config, Shape::Wsd, batches, true).unwrap();
        let mut alone = Trainer::new(config.optimizer(), Arc::from([]), batches).unwrap();
        for i in 0..40 {
            assert_eq!(run.runs.len(), if i <= 30 { 1 } else { 3 }, "{i}");
            run.update(0.01);
            alone.train_at(&batches.batch(i), 0.01);
        }
        assert_eq!(run.runs[0].net, alone.net);
        assert_ne!(run.runs[1].net, run.runs[2].net);
        let traces = run.traces();
        assert_eq!(traces.len(), 2 + 3);
        let mean = traces[2..].iter().map(|t| t.1).sum::<f64>() / 3.0;
        assert!((traces[0].1 + traces[1].1 - mean).abs() < 1e-12);
        let loss = run.finish()[0];
        assert!(run.profile()[0] < loss, "{loss}");
        assert!(
            traces[1].1 > 0.0,
            "copies lose against their mean: {traces:?}"
        );
    }

    #[test]
    fn a_twin_is_the_copy_without_the_raised_decay() {
        let plain = Config {
            horizon: 40,
            cooldown: 0.5,
            copies: 3,
            batch: 8,
            ..Config::default().with_problem(Problem::Branches)
        };
        let raised = Config {
            cooldown_beta2: 0.999,
            ..plain.clone()
        };
        let batches = Batches { seed: 2, size: 8 };
        let run = |config: &Config| {
            let mut run = Branches::new(config, Shape::Wsd, batches, false).unwrap();
            let mut apart = Vec::new();
            for i in 0..40 {
                run.update(0.01);
                if i % 5 == 4 {
                    apart.extend(run.traces());
                }
            }
            let loss = run.finish()[0];
            (run, apart, loss)
        };
        let (plain, none, loss) = run(&plain);
        let (raised, apart, other) = run(&raised);
        assert!(plain.twins.is_empty() && none.is_empty());
        assert_eq!(plain.profile().len(), 1);
        for (twin, copy) in raised.twins.iter().zip(&plain.runs) {
            assert_eq!(twin.net, copy.net);
        }
        assert_eq!(raised.profile()[1], loss);
        assert_ne!(other, loss);
        // Of the four stretches of the cooldown the first starts where both are still the same.
        assert_eq!(apart.len(), 4);
        assert!(
            apart
                .iter()
                .all(|(name, v)| *name == RAISED && v.abs() > 0.0)
        );
    }
}
