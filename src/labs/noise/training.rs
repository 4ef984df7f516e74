//! A small network trained to denoise a mixture whose best denoiser is known, with the noise levels
//! of its training drawn from a schedule: a schedule is a density over the power log-SNR lambda, and
//! how much the network still errs, level by level, says what the density was worth.

use super::data::{self, DataSet};
use super::families;
use super::mixture::Mixture;
use crate::core::mlp::{Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Job, Result, Step, num};
use std::sync::Arc;

/// Updates, samples of each, and the first learning rate, which falls in a straight line to 0.
const UPDATES: u32 = 2000;
const BATCH: usize = 64;
const RATE: f32 = 3e-3;
/// Inputs: the noisy point, alpha, sigma, and lambda over 8.
const INPUTS: usize = 5;
/// Layers of the network, its inputs first.
pub const SIZES: [usize; 5] = [INPUTS, 64, 64, 64, 2];
/// Levels at which the error is measured, from the first to the last, and points at each.
const LEVELS: usize = 25;
const RANGE: [f64; 2] = [0.02, 20.0];
const POINTS: usize = 200;
/// Densities reach no further than this power log-SNR.
const LIMIT: f64 = 13.8;

/// The density over lambda that levels are drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Density {
    /// lambda = 2 ln cot(pi t / 2): the cosine schedule.
    Cosine,
    /// Laplace with this centre and width.
    Laplace(f64, f64),
}

impl Density {
    /// Its quantile: lambda at a uniform time t.
    pub fn lambda(self, t: f64) -> f64 {
        let lambda = match self {
            Self::Cosine => families::hang_cosine(t),
            Self::Laplace(mu, b) => families::hang_laplace(t, mu, b),
        };
        lambda.clamp(-LIMIT, LIMIT)
    }
}

/// Where the training samples come from: the same for every network of one seed.
#[derive(Debug, Clone)]
pub struct Source {
    /// Density of the noise levels.
    pub density: Density,
    /// The data.
    pub mixture: Arc<Mixture>,
    /// Seed of data, noise and levels.
    pub seed: u64,
}

impl Source {
    /// The batch of an update: inputs of the network and the v = alpha eps - sigma x0 it should
    /// predict, written over what the two held.
    pub fn batch(&self, step: u32, size: usize, inputs: &mut Vec<f32>, targets: &mut Vec<f32>) {
        let draw = Stream::new(self.seed, StreamId::Data).replicate(80);
        let clean = data::draw(&self.mixture, &draw.step(step), 0..size);
        let noise = Stream::new(self.seed, StreamId::Noise)
            .replicate(80)
            .step(step);
        let mut times = Stream::new(self.seed, StreamId::DataOrder).step(step);
        inputs.clear();
        targets.clear();
        for (i, x0) in clean.chunks_exact(2).enumerate() {
            // Stratified over the batch: the same for every density, with less variance.
            let t = (i as f64 + times.open_uniform()) / size as f64;
            let lambda = self.density.lambda(t);
            let [alpha, sigma] = scales(lambda);
            let eps = [0, 1].map(|c| f64::from(integer_normal(noise.at(2 * i as u64 + c))));
            let x = [0, 1].map(|c| alpha * x0[c] + sigma * eps[c]);
            inputs.extend(input(&x, lambda));
            targets.extend([0, 1].map(|c| (alpha * eps[c] - sigma * x0[c]) as f32));
        }
    }
}

/// Held-out samples with the best prediction there is for each: the error of a network splits into
/// what no network can avoid and its distance to the exact denoiser.
#[derive(Debug, Clone)]
pub struct Exam {
    inputs: Vec<f32>,
    best: Vec<f64>,
    /// Mean squared error of the exact denoiser's v, the least that the training loss can become.
    pub floor: f64,
}

impl Exam {
    /// `n` samples at levels drawn evenly from the density.
    pub fn new(source: &Source, n: usize) -> Self {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let held_out = Source {
            seed: source.seed ^ 0x6865_6c64,
            ..source.clone()
        };
        held_out.batch(u32::MAX, n, &mut inputs, &mut targets);
        let mut best = Vec::with_capacity(2 * n);
        let mut clean = [0.0; 2];
        for x in inputs.chunks_exact(INPUTS) {
            let [alpha, sigma] = [x[2], x[3]].map(f64::from);
            let point = [x[0], x[1]].map(f64::from);
            source
                .mixture
                .level(alpha, sigma)
                .denoise(&point, &mut clean);
            best.extend([0, 1].map(|c| (alpha * point[c] - clean[c]) / sigma));
        }
        let misses = best
            .iter()
            .zip(&targets)
            .map(|(b, t)| (f64::from(*t) - b) * (f64::from(*t) - b));
        Self {
            floor: num::sum(misses) / n.max(1) as f64,
            inputs,
            best,
        }
    }

    /// Mean squared distance of a network's v to the exact one, on every `every`-th sample.
    pub fn excess(&self, net: &Mlp, every: usize, work: &mut Workspace) -> f64 {
        let every = every.max(1);
        let inputs: Vec<f32> = (self.inputs.chunks_exact(INPUTS).step_by(every))
            .flatten()
            .copied()
            .collect();
        let outputs = net.logits(&inputs, None, work);
        let gaps = (self.best.chunks_exact(2).step_by(every).flatten())
            .zip(outputs)
            .map(|(b, v)| (f64::from(*v) - b) * (f64::from(*v) - b));
        num::sum(gaps) * 2.0 / outputs.len().max(1) as f64
    }
}

/// A network in training. It predicts v = alpha eps - sigma x0 with the plain squared error.
pub struct Training {
    source: Source,
    net: Mlp,
    optimizer: Optimizer,
    state: OptimizerState,
    grad: Vec<f32>,
    work: Workspace,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    /// Excess error over s^2 at the levels measured so far.
    measured: Vec<f64>,
}

/// alpha and sigma of a variance-preserving process at a power log-SNR.
fn scales(lambda: f64) -> [f64; 2] {
    let bar = num::sigmoid(lambda);
    [bar.sqrt(), (1.0 - bar).sqrt()]
}

fn input(x: &[f64; 2], lambda: f64) -> [f32; INPUTS] {
    let [alpha, sigma] = scales(lambda);
    [x[0], x[1], alpha, sigma, lambda / 8.0].map(|v| v as f32)
}

impl Training {
    /// Before the first update. Networks of one seed start equal and see the same data, noise and
    /// times, whatever the density.
    ///
    /// # Errors
    /// Never for these sizes.
    pub fn new(density: Density, mixture: Arc<Mixture>, seed: u64) -> Result<Self> {
        let net = Mlp::new(&SIZES, &mut Stream::new(seed, StreamId::Weights))?;
        let optimizer = Optimizer::AdamW {
            beta1: 0.9,
            beta2: 0.999,
            weight_decay: 0.0,
        };
        let n = net.params().len();
        Ok(Self {
            source: Source {
                density,
                mixture,
                seed,
            },
            state: optimizer.state(n),
            optimizer,
            grad: vec![0.0; n],
            net,
            work: Workspace::default(),
            inputs: Vec::new(),
            targets: Vec::new(),
            measured: Vec::new(),
        })
    }

    /// One update; `false` when all are done.
    pub fn advance(&mut self) -> bool {
        let step = self.state.updates;
        if step == UPDATES {
            return false;
        }
        self.source
            .batch(step, BATCH, &mut self.inputs, &mut self.targets);
        self.net
            .squared_gradient(&self.inputs, &self.targets, &mut self.grad, &mut self.work);
        let rate = RATE * (1.0 - step as f32 / UPDATES as f32);
        self.optimizer
            .update(&mut self.state, self.net.params_mut(), &self.grad, rate);
        true
    }

    /// Share of the updates done.
    pub fn progress(&self) -> f64 {
        f64::from(self.state.updates) / f64::from(UPDATES)
    }

    /// Mean squared difference between the network's estimate of the clean point and the best one
    /// at VE level `s`, data units squared.
    pub fn excess(&mut self, s: f64) -> f64 {
        let lambda = -2.0 * num::ln(s);
        let [alpha, sigma] = scales(lambda);
        let stream = Stream::new(self.source.seed, StreamId::Test);
        let clean = data::draw_stratified(&self.source.mixture, &stream, POINTS);
        let noise = stream.replicate(1);
        let points: Vec<[f64; 2]> = clean
            .chunks_exact(2)
            .enumerate()
            .map(|(i, x0)| {
                [0, 1].map(|c| {
                    let eps = f64::from(integer_normal(noise.at((2 * i + c) as u64)));
                    alpha * x0[c] + sigma * eps
                })
            })
            .collect();
        let inputs: Vec<f32> = points.iter().flat_map(|x| input(x, lambda)).collect();
        let outputs = self.net.logits(&inputs, None, &mut self.work);
        let mut exact = self.source.mixture.level(alpha, sigma);
        let mut best = [0.0; 2];
        let errors = points.iter().zip(outputs.chunks_exact(2)).map(|(x, v)| {
            exact.denoise(x, &mut best);
            let gap = |c: usize| alpha * x[c] - sigma * f64::from(v[c]) - best[c];
            gap(0) * gap(0) + gap(1) * gap(1)
        });
        num::sum(errors) / POINTS as f64
    }

    /// Measures one level more; at the end the divergence that the network adds to an ideal sampler
    /// of fine steps, nats: the integral of its excess error over s^-2 dln s.
    pub fn measure(&mut self) -> Option<f64> {
        let h = num::ln(RANGE[1] / RANGE[0]) / (LEVELS - 1) as f64;
        if self.measured.len() < LEVELS {
            let s = RANGE[0] * num::exp(h * self.measured.len() as f64);
            let value = self.excess(s) / (s * s);
            self.measured.push(value);
            return None;
        }
        let pieces = self.measured.windows(2).map(|w| 0.5 * h * (w[0] + w[1]));
        Some(num::sum(pieces))
    }
}

/// Data sets of the comparison, with the spread of their modes.
const DATA: [(DataSet, f64); 3] = [
    (DataSet::Grid9, 0.05),
    (DataSet::Ring8, 0.05),
    (DataSet::Spiral, 0.03),
];

/// Two densities against each other: the geometric mean over the data sets of the ratio of the
/// divergences after training.
pub struct Contest {
    densities: [Density; 2],
    seed: u64,
    current: Option<Training>,
    found: Vec<f64>,
}

impl Contest {
    /// Before any training.
    pub fn new(densities: [Density; 2], seed: u64) -> Self {
        Self {
            densities,
            seed,
            current: None,
            found: Vec::new(),
        }
    }
}

impl Job for Contest {
    type Out = f64;

    fn step(&mut self) -> Result<Step<f64>> {
        let Some((data, sd)) = DATA.get(self.found.len() / 2) else {
            let logs = self.found.chunks_exact(2).map(|p| num::ln(p[0] / p[1]));
            return Ok(Step::Done(num::exp(num::sum(logs) / DATA.len() as f64)));
        };
        let training = if let Some(training) = &mut self.current {
            training
        } else {
            let mixture = Arc::new(data.mixture(*sd, 0.0)?);
            let density = self.densities[self.found.len() % 2];
            self.current
                .insert(Training::new(density, mixture, self.seed)?)
        };
        if !training.advance()
            && let Some(divergence) = training.measure()
        {
            self.found.push(divergence);
            self.current = None;
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let part = self.current.as_ref().map_or(0.0, Training::progress);
        (self.found.len() as f64 + part) / (2 * DATA.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_brings_the_network_towards_the_exact_denoiser() {
        // One wide mode, whose best denoiser is a straight line at every level.
        let mixture = Arc::new(Mixture::round(&[1.0], &[[0.2, -0.1]], &[0.7]).unwrap());
        let mut training = Training::new(Density::Cosine, mixture, 2).unwrap();
        let before = training.excess(0.7);
        for _ in 0..120 {
            assert!(training.advance());
        }
        let after = training.excess(0.7);
        assert!(after < 0.05 * before, "{before} {after}");
    }

    #[test]
    fn the_exam_finds_no_error_in_the_exact_denoiser_of_a_point() {
        // One tight mode at the origin: x0 = 0, so v is alpha eps = alpha x / sigma nearly everywhere.
        let mixture = Arc::new(Mixture::round(&[1.0], &[[0.0, 0.0]], &[1e-3]).unwrap());
        let source = Source {
            density: Density::Cosine,
            mixture,
            seed: 3,
        };
        let exam = Exam::new(&source, 64);
        for (x, v) in exam
            .inputs
            .chunks_exact(INPUTS)
            .zip(exam.best.chunks_exact(2))
        {
            let want = f64::from(x[2]) * f64::from(x[0]) / f64::from(x[3]);
            // Small noise is told from the mode's own width less and less.
            if x[3] > 0.05 {
                assert!(
                    (v[0] - want).abs() < 1e-2 * (1.0 + want.abs()),
                    "{v:?} {want}"
                );
            }
        }
        assert!(exam.floor < 0.05, "{}", exam.floor);
        let net = Mlp::zeros(&SIZES).unwrap();
        let mut work = Workspace::default();
        let mean = num::sum(exam.best.iter().map(|b| b * b)) / 64.0;
        assert!((exam.excess(&net, 1, &mut work) - mean).abs() < 1e-9);
    }

    #[test]
    fn densities_of_one_seed_start_equal() {
        let mixture = Arc::new(DataSet::Grid9.mixture(0.05, 0.0).unwrap());
        let [mut a, mut b] = [Density::Cosine, Density::Laplace(0.0, 0.5)]
            .map(|d| Training::new(d, mixture.clone(), 5).unwrap());
        assert_eq!(a.excess(1.0), b.excess(1.0));
        assert_ne!(
            Density::Cosine.lambda(0.1),
            Density::Laplace(0.0, 0.5).lambda(0.1)
        );
    }
}
