//! Models trained in double precision on a stream of batches that seed and update alone decide: the
//! same run under PyTorch's update rules, Schedule-Free, or any rule that sets the rate.

mod absolute;
mod bigram;
mod denoiser;
mod domains;
mod logistic;
mod modules;
mod robust;
mod text;
mod transformer;

pub(in crate::labs::lr) use absolute::TRACES as ABSOLUTE;
pub(in crate::labs::lr) use bigram::TRACES as MASKING;
pub(in crate::labs::lr) use denoiser::{TRACES as DENOISER, floor};
pub(in crate::labs::lr) use domains::{TRACES as DOMAINS, overlap_loss};
pub(in crate::labs::lr) use logistic::TRACES as LOGISTIC;
pub(in crate::labs::lr) use modules::TRACES as MODULES;
pub(in crate::labs::lr) use robust::{LEVELS, TRACES as ROBUST, scale_of};

use super::super::config::{Config, Problem, Rule};
use super::super::matrices::Matrix;
use super::super::muon::Muon;
use super::super::norms::{self, Sharpness, norm};
use super::super::optimizers::{FreeConfig, FreeKind, Optimizer, Rule as Update, ScheduleFree};
use super::super::schedule::Shape;
use super::super::soap::Soap;
use super::task::{Task, aligned, named};
use crate::core::Result;

/// A model and its data.
pub(super) trait Model {
    /// Work that must come before the first update, a millisecond of it; `true` when it is done.
    fn prepare(&mut self) -> bool {
        true
    }

    /// The weights before the first update.
    fn start(&mut self) -> Vec<f64>;

    /// Mean loss of the batch of an update at `w`, its gradient into `out`.
    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64;

    /// Gradient of the loss on a fixed sample, whose curvature is measured.
    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]);

    /// Whether its loss has a curvature to be measured.
    fn is_smooth(&self) -> bool {
        true
    }

    /// Loss and accuracy that a run is judged by.
    fn judge(&mut self, w: &[f64]) -> [f64; 2];

    /// The weight matrices that Muon orthogonalises, in rising order; none where it does not run.
    fn matrices(&self) -> Vec<Matrix> {
        Vec::new()
    }

    /// The weight matrices that SOAP turns; none where it does not run.
    fn all_matrices(&self) -> Vec<Matrix> {
        Vec::new()
    }

    /// Further quantities after `done` updates.
    fn traces(&mut self, _w: &[f64], _done: u64) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Updates that make about a millisecond.
    fn slice(&self) -> usize;
}

/// How far gradients are taken on each side for the sharpness.
const REACH: f64 = 1e-4;

/// What moves the weights.
#[derive(Clone)]
enum Mover {
    Rule(Optimizer),
    Muon(Box<Muon>),
    Soap(Box<Soap>),
    Free(ScheduleFree),
}

/// One run.
#[derive(Clone)]
struct Streamed<M> {
    model: M,
    mover: Mover,
    /// Where the model is evaluated, and where gradients are taken (the same without averaging).
    weights: Vec<f64>,
    gradient: Vec<f64>,
    before: Vec<f64>,
    aligned: [f64; 2],
    loss: f64,
    done: u64,
    update_norm: f64,
    sharpness: Option<Sharpness>,
    settings: Settings,
}

/// What the config says of the optimizer.
#[derive(Clone, Copy)]
struct Settings {
    free: bool,
    rule: Rule,
    momentum: f64,
    weight_decay: f64,
    beta: f64,
}

impl<M: Model> Streamed<M> {
    fn new(config: &Config, shape: Shape, model: M, watched: bool) -> Self {
        Self {
            model,
            mover: Mover::Rule(Optimizer::new(Update::Adagrad, 0.0, 0)),
            weights: Vec::new(),
            gradient: Vec::new(),
            before: Vec::new(),
            aligned: [f64::NAN; 2],
            loss: f64::NAN,
            done: 0,
            update_norm: f64::NAN,
            sharpness: watched.then(Sharpness::default),
            settings: Settings {
                free: shape == Shape::ScheduleFree,
                rule: config.rule,
                momentum: config.momentum,
                weight_decay: config.weight_decay,
                beta: config.beta,
            },
        }
    }

    /// The optimizer at the model's first weights.
    fn begin(&mut self) -> Result<()> {
        let s = self.settings;
        self.weights = self.model.start();
        self.gradient = vec![0.0; self.weights.len()];
        self.mover = if s.free {
            let config = FreeConfig {
                kind: match s.rule {
                    Rule::Sgd => FreeKind::Sgd,
                    Rule::AdamW | Rule::Muon | Rule::Soap => FreeKind::AdamW,
                },
                lr: 1.0,
                beta: s.beta,
                beta2: 0.999,
                warmup: 0,
                weight_decay: s.weight_decay,
                r: 0.0,
                weight_lr_power: 2.0,
                silent_sgd_phase: true,
            };
            Mover::Free(ScheduleFree::new(config, &self.weights)?)
        } else if s.rule == Rule::Muon {
            let matrices = self.model.matrices();
            let muon = Muon::new(matrices, s.weight_decay, self.weights.len());
            Mover::Muon(Box::new(muon))
        } else if s.rule == Rule::Soap {
            let matrices = self.model.all_matrices();
            let soap = Soap::new(matrices, s.weight_decay, self.weights.len());
            Mover::Soap(Box::new(soap))
        } else {
            let update = match s.rule {
                Rule::Sgd => Update::Sgd {
                    momentum: s.momentum,
                    dampening: 0.0,
                    nesterov: false,
                },
                _ => Update::Adam {
                    betas: [0.9, 0.95],
                    decoupled: true,
                },
            };
            Mover::Rule(Optimizer::new(update, s.weight_decay, self.weights.len()))
        };
        Ok(())
    }
}

impl<M: Model + Clone + 'static> Task for Streamed<M> {
    fn prepare(&mut self) -> Result<bool> {
        if !self.model.prepare() {
            return Ok(false);
        }
        self.begin()?;
        Ok(true)
    }

    fn update(&mut self, rate: f64) {
        std::mem::swap(&mut self.before, &mut self.gradient);
        self.gradient.resize(self.weights.len(), 0.0);
        let last = self.weights.clone();
        let at = match &self.mover {
            Mover::Rule(_) | Mover::Muon(_) | Mover::Soap(_) => &self.weights,
            Mover::Free(free) => &free.y,
        };
        self.loss = self.model.gradient(at, self.done, &mut self.gradient);
        match &mut self.mover {
            Mover::Rule(rule) => rule.update(&mut self.weights, &self.gradient, rate),
            Mover::Muon(muon) => muon.update(&mut self.weights, &self.gradient, rate),
            Mover::Soap(soap) => soap.update(&mut self.weights, &self.gradient, rate),
            Mover::Free(free) => {
                free.update_at(&self.gradient, rate, false);
                self.weights = free.x();
            }
        }
        self.aligned = if self.done == 0 {
            [f64::NAN; 2]
        } else {
            aligned(&self.before, &self.gradient)
        };
        self.update_norm = norm(self.weights.iter().zip(&last).map(|(a, b)| a - b));
        self.done += 1;
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn gradient(&self) -> f64 {
        norm(self.gradient.iter().copied())
    }

    fn alignment(&self) -> [f64; 2] {
        self.aligned
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let mut out = Vec::new();
        // Only the first seed is drawn.
        if let Some(sharpness) = &mut self.sharpness {
            out = self.model.traces(&self.weights, self.done);
            out.push((norms::TRACES[0], norm(self.weights.iter().copied())));
            out.push((norms::TRACES[1], self.update_norm));
            if self.model.is_smooth() && sharpness.is_due() {
                let model = &mut self.model;
                let value = sharpness.at(&self.weights, REACH, |w, g| model.fixed_gradient(w, g));
                out.push((norms::TRACES[2], value));
            }
        }
        if let Mover::Free(free) = &self.mover {
            // Losses of the batch that comes next.
            let iterates = [self.weights.clone(), free.y.clone(), free.z.clone()];
            let mut scratch = vec![0.0; self.weights.len()];
            out.extend(named(
                iterates.map(|w| self.model.gradient(&w, self.done, &mut scratch)),
            ));
        }
        out
    }

    fn finish(&mut self) -> [f64; 2] {
        self.model.judge(&self.weights)
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        self.model.slice()
    }
}

/// Whether a problem is trained here.
pub(super) fn owns(problem: Problem) -> bool {
    matches!(
        problem,
        Problem::Logistic
            | Problem::Bigram
            | Problem::Transformer
            | Problem::Masking
            | Problem::Robust
            | Problem::Domains
            | Problem::Modules
            | Problem::Denoiser
            | Problem::Absolute
    )
}

/// The run of a config for one seed, if its problem is one of these; `watched` ones measure norms.
pub(super) fn task_of(
    config: &Config,
    shape: Shape,
    seed: u64,
    watched: bool,
) -> Result<Option<Box<dyn Task>>> {
    fn boxed<M: Model + Clone + 'static>(
        (config, shape, watched): (&Config, Shape, bool),
        model: M,
    ) -> Box<dyn Task> {
        Box::new(Streamed::new(config, shape, model, watched))
    }
    let of = (config, shape, watched);
    let batch = config.batch as usize;
    Ok(Some(match config.problem {
        Problem::Logistic => boxed(of, logistic::Logistic::new(seed, batch)),
        Problem::Absolute => boxed(of, absolute::Absolute::new(seed, batch)),
        Problem::Bigram => boxed(of, bigram::Bigram::plain(seed, batch)),
        Problem::Masking => boxed(of, bigram::Bigram::masked(config, seed)),
        Problem::Transformer => boxed(of, transformer::Transformer::new(seed)),
        Problem::Robust => boxed(of, robust::Robust::new(config, seed)),
        Problem::Domains => boxed(of, domains::Domains::new(config, seed)?),
        Problem::Modules => boxed(of, modules::Modules::new(config, seed)?),
        Problem::Denoiser => boxed(of, denoiser::Denoiser::new(seed, batch)?),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Largest relative difference of some coordinates of a model's gradient to finite differences.
    pub(super) fn gradient_error(model: &mut impl Model, w: &[f64], places: &[usize]) -> f64 {
        let mut exact = vec![0.0; w.len()];
        model.gradient(w, 0, &mut exact);
        let mut scratch = vec![0.0; w.len()];
        let h = 1e-5;
        let mut worst = 0.0_f64;
        for &i in places {
            let mut moved = w.to_vec();
            moved[i] = w[i] + h;
            let up = model.gradient(&moved, 0, &mut scratch);
            moved[i] = w[i] - h;
            let down = model.gradient(&moved, 0, &mut scratch);
            let slope = (up - down) / (2.0 * h);
            worst = worst.max((slope - exact[i]).abs() / (1e-3 + slope.abs()));
        }
        worst
    }

    /// Trains a model at a constant rate under SGD; its judged loss before and after.
    pub(super) fn trained(model: &mut impl Model, rate: f64, updates: u64) -> [f64; 2] {
        while !model.prepare() {}
        let mut w = model.start();
        let mut g = vec![0.0; w.len()];
        let before = model.judge(&w)[0];
        for step in 0..updates {
            model.gradient(&w, step, &mut g);
            for (w, g) in w.iter_mut().zip(&g) {
                *w -= rate * g;
            }
        }
        [before, model.judge(&w)[0]]
    }
}
