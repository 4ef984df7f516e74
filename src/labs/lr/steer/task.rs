//! What can be trained one update at a time at a rate given from outside.

use super::super::config::{Config, Problem};
use super::super::norms::Watch;
use super::super::optimizers::ScheduleFree;
use super::super::quadratic::{self, Free};
use super::super::schedule::Shape;
use super::super::training::{Batches, Trainer, evaluate, glance};
use super::super::work::quadratic_of;
use super::branches::Branches;
use super::drift::Drift;
use super::federated::Federated;
use super::growing::Growing;
use super::relabel::Relabel;
use super::sparse::Sparse;
use super::streamed;
use super::valley::Valley;
use crate::core::digits::Samples;
use crate::core::mlp::Workspace;
use crate::core::{Result, Simulation as _};
use std::sync::Arc;

/// A run that is trained from outside.
pub(super) trait Task {
    /// Work that must come before the first update, a millisecond of it; `true` when it is done.
    ///
    /// # Errors
    /// Settings that the optimizer refuses.
    fn prepare(&mut self) -> Result<bool> {
        Ok(true)
    }

    /// One update.
    fn update(&mut self, rate: f64);

    /// Loss: what the last batch saw before its update, or the expectation now.
    fn loss(&self) -> f64;

    /// Norm of the last gradient.
    fn gradient(&self) -> f64;

    /// Whether losses are expectations, so that they need no averaging.
    fn is_exact(&self) -> bool {
        false
    }

    /// Inner product of the last two gradients and their cosine; NaN before there are two.
    fn alignment(&self) -> [f64; 2] {
        [f64::NAN; 2]
    }

    /// Share of the last batch's samples that were classified correctly before its update.
    fn accuracy(&mut self) -> f64 {
        f64::NAN
    }

    /// The rate that the task's own theory asks for now.
    fn wanted(&self) -> f64 {
        f64::NAN
    }

    /// Further quantities now.
    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Sizes of what the run ends with, the largest first.
    fn profile(&self) -> Vec<f64> {
        Vec::new()
    }

    /// The loss that the run is judged by, now; on fewer samples where that is dear.
    fn glance(&mut self) -> f64 {
        self.finish()[0]
    }

    /// Loss and accuracy that the run is judged by.
    fn finish(&mut self) -> [f64; 2];

    /// A copy to try something on.
    fn copy(&self) -> Box<dyn Task>;

    /// Updates that make about a millisecond.
    fn slice(&self) -> usize;
}

/// The task of a config for one seed; `watched` runs measure norms and sharpness.
pub(super) fn task_of(
    config: &Config,
    shape: Shape,
    seed: u64,
    watched: bool,
) -> Result<Box<dyn Task>> {
    if let Some(task) = streamed::task_of(config, shape, seed, watched)? {
        return Ok(task);
    }
    let batches = Batches {
        seed,
        size: config.batch as usize,
    };
    Ok(match (config.problem, shape) {
        (Problem::Valley, _) => Box::new(Valley::new(config.noise)),
        (Problem::Drift, _) => Box::new(Drift::of(config)),
        (Problem::Sparse, _) => Box::new(Sparse::new(seed)),
        (Problem::Relabel, _) => Box::new(Relabel::new(config, batches)),
        (Problem::Branches, _) => Box::new(Branches::new(config, shape, batches, watched)?),
        (Problem::Growing, _) => Box::new(Growing::new(config, batches)?),
        (Problem::Federated, _) => Box::new(Federated::new(config, shape, seed)?),
        (Problem::Quadratic, Shape::ScheduleFree) => Box::new(FreeQuadratic {
            run: Free::new(quadratic_of(config), config.beta),
            dims: config.dims,
        }),
        (Problem::Quadratic, _) => Box::new(Quadratic {
            run: quadratic::Sgd::new(quadratic_of(config), Arc::from([])),
            aligned: [f64::NAN; 2],
            dims: config.dims,
        }),
        (_, Shape::ScheduleFree) => Box::new(FreeDigits::new(config, batches)?),
        _ => Box::new(Digits {
            trainer: Trainer::new(config.optimizer(), Arc::from([]), batches)?,
            batches,
            before: Vec::new(),
            aligned: [f64::NAN; 2],
            scored: shape == Shape::VolSched,
            accuracy: f64::NAN,
            work: Workspace::default(),
            watch: watched.then(Watch::default),
        }),
    })
}

/// Mode updates that make about a millisecond.
const MODE_UPDATES: u64 = 200_000;

/// The noisy quadratic in expectation.
#[derive(Clone)]
struct Quadratic {
    run: quadratic::Sgd,
    aligned: [f64; 2],
    dims: u64,
}

impl Task for Quadratic {
    fn update(&mut self, rate: f64) {
        let (inner, before) = (self.run.next_alignment(rate), self.run.gradient_square());
        self.run.update(rate);
        let norms = (before * self.run.gradient_square()).sqrt();
        self.aligned = [inner, inner / norms];
    }

    fn loss(&self) -> f64 {
        self.run.loss()
    }

    fn gradient(&self) -> f64 {
        self.run.gradient_square().sqrt()
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn alignment(&self) -> [f64; 2] {
        self.aligned
    }

    fn finish(&mut self) -> [f64; 2] {
        [self.run.loss(), f64::NAN]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        (MODE_UPDATES / 4).div_ceil(self.dims) as usize
    }
}

/// Schedule-Free SGD on the noisy quadratic in expectation.
#[derive(Clone)]
struct FreeQuadratic {
    run: Free,
    dims: u64,
}

impl Task for FreeQuadratic {
    fn update(&mut self, rate: f64) {
        self.run.update(rate);
    }

    fn loss(&self) -> f64 {
        self.run.losses()[0]
    }

    fn gradient(&self) -> f64 {
        self.run.gradient_square().sqrt()
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        named(self.run.losses())
    }

    fn finish(&mut self) -> [f64; 2] {
        [self.loss(), f64::NAN]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        (MODE_UPDATES / 8).div_ceil(self.dims) as usize
    }
}

/// The three iterates of Schedule-Free.
pub(in crate::labs::lr) const ITERATES: [&str; 3] = [
    "x, the average that is evaluated",
    "y, where gradients are taken",
    "z, the base iterate",
];

pub(super) fn named(losses: [f64; 3]) -> Vec<(&'static str, f64)> {
    ITERATES.into_iter().zip(losses).collect()
}

/// The digits network.
#[derive(Clone)]
struct Digits {
    trainer: Trainer,
    batches: Batches,
    before: Vec<f32>,
    aligned: [f64; 2],
    /// Whether batches are scored before their update.
    scored: bool,
    accuracy: f64,
    work: Workspace,
    watch: Option<Watch>,
}

impl Task for Digits {
    fn update(&mut self, rate: f64) {
        let batch = self.batches.batch(self.trainer.steps());
        if self.scored {
            let net = &self.trainer.net;
            let result = net.evaluate(&batch.x, &batch.labels, None, &mut self.work);
            self.accuracy = result.accuracy();
        }
        self.before.clear();
        if self.trainer.steps() > 0 {
            self.before.extend_from_slice(self.trainer.gradient());
        }
        if let Some(watch) = &mut self.watch {
            watch.before(&self.trainer.net);
        }
        self.trainer.train_at(&batch, rate);
        self.aligned = aligned(&self.before, self.trainer.gradient());
    }

    fn loss(&self) -> f64 {
        self.trainer.loss()
    }

    fn gradient(&self) -> f64 {
        self.trainer.gradient_norm()
    }

    fn alignment(&self) -> [f64; 2] {
        self.aligned
    }

    fn accuracy(&mut self) -> f64 {
        self.accuracy
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let net = &self.trainer.net;
        self.watch.as_mut().map_or_else(Vec::new, |w| w.after(net))
    }

    fn glance(&mut self) -> f64 {
        glance(&self.trainer.net, &mut self.work)
    }

    fn finish(&mut self) -> [f64; 2] {
        let result = self.trainer.evaluate();
        [result.loss, result.accuracy()]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        16
    }
}

/// Inner product and cosine of two gradients; NaN when one is empty or zero.
pub(super) fn aligned<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> [f64; 2] {
    let dot = |x: &[T], y: &[T]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(x, y)| Into::<f64>::into(*x) * Into::<f64>::into(*y))
            .sum()
    };
    let inner = if a.len() == b.len() {
        dot(a, b)
    } else {
        f64::NAN
    };
    [inner, inner / (dot(a, a) * dot(b, b)).sqrt()]
}

/// The digits network under a Schedule-Free optimizer, its weights in double precision.
#[derive(Clone)]
struct FreeDigits {
    trainer: Trainer,
    free: ScheduleFree,
    batches: Batches,
    last: Samples,
    work: Workspace,
}

impl FreeDigits {
    fn new(config: &Config, batches: Batches) -> Result<Self> {
        let trainer = Trainer::new(config.optimizer(), Arc::from([]), batches)?;
        let start: Vec<f64> = trainer.net.params().iter().map(|w| f64::from(*w)).collect();
        Ok(Self {
            trainer,
            free: ScheduleFree::new(config.schedule_free(), &start)?,
            batches,
            last: Samples {
                x: Vec::new(),
                labels: Vec::new(),
            },
            work: Workspace::default(),
        })
    }

    fn put(&mut self, weights: &[f64]) {
        let params = self.trainer.net.params_mut();
        for (w, v) in params.iter_mut().zip(weights) {
            *w = *v as f32;
        }
    }
}

impl Task for FreeDigits {
    fn update(&mut self, rate: f64) {
        self.last = self.batches.batch(self.trainer.steps());
        // The gradient at y; a rate of 0 leaves the network where it is.
        let y = self.free.y.clone();
        self.put(&y);
        self.trainer.train_at(&self.last, 0.0);
        let gradient: Vec<f64> = (self.trainer.gradient().iter())
            .map(|g| f64::from(*g))
            .collect();
        self.free.update_at(&gradient, rate, false);
    }

    fn loss(&self) -> f64 {
        self.trainer.loss()
    }

    fn gradient(&self) -> f64 {
        self.trainer.gradient_norm()
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        if self.last.is_empty() {
            return Vec::new();
        }
        let iterates = [self.free.x(), self.free.y.clone(), self.free.z.clone()];
        let losses = iterates.map(|w| {
            self.put(&w);
            let net = &self.trainer.net;
            net.evaluate(&self.last.x, &self.last.labels, None, &mut self.work)
                .loss
        });
        named(losses)
    }

    fn glance(&mut self) -> f64 {
        let x = self.free.x();
        self.put(&x);
        glance(&self.trainer.net, &mut self.work)
    }

    fn finish(&mut self) -> [f64; 2] {
        let x = self.free.x();
        self.put(&x);
        let result = evaluate(&self.trainer.net, &mut self.work);
        [result.loss, result.accuracy()]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        12
    }
}
