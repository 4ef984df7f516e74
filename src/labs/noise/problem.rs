//! A setup worked out: data, levels, start noise and the exact denoiser, before any particle moves.

use super::config::{Config, Direction};
use super::data;
use super::guidance::{self, Moved};
use super::mixture::Mixture;
use super::olss::Weights;
use super::schedule;
use super::solver::{Model, Solver, SolverKind};
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Result, num};
use std::ops::Range;
use std::sync::Arc;

/// What every part of a run needs: the setup worked out.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The config.
    pub config: Config,
    /// The data distribution.
    pub mixture: Arc<Mixture>,
    /// Levels from noise to 0.
    pub levels: Arc<[f64]>,
    /// Standard deviation of the data per coordinate.
    pub spread: f64,
    /// All data, where a class of it is generated.
    pub whole: Option<Arc<Mixture>>,
    /// Fitted weights of the solver, if it has any.
    pub weights: Option<Weights>,
}

impl Problem {
    /// Works out a config.
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(config: &Config) -> Result<Self> {
        Self::with_levels(config, schedule::levels(config)?, None)
    }

    /// The same with levels that were searched.
    pub(super) fn with_levels(
        config: &Config,
        levels: Vec<f64>,
        weights: Option<Weights>,
    ) -> Result<Self> {
        let mixture = Arc::new(config.mixture()?);
        Ok(Self {
            levels: levels.into(),
            spread: mixture.std_dev(),
            mixture,
            whole: if config.one_class {
                Some(Arc::new(config.whole_mixture()?))
            } else {
                None
            },
            weights,
            config: config.clone(),
        })
    }

    /// Denoising steps.
    pub fn steps(&self) -> usize {
        self.levels.len() - 1
    }

    /// Factor from variance-exploding coordinates to the picture, in which the whole cloud keeps
    /// the spread of the data: c / sqrt(c^2 + s^2).
    pub fn scale(&self, level: f64) -> f64 {
        self.spread / (self.spread * self.spread + level * level).sqrt()
    }

    /// Clean points of the given particles.
    pub fn clean(&self, particles: Range<usize>) -> Vec<f64> {
        data::draw(
            &self.mixture,
            &Stream::new(self.config.seed, StreamId::Data),
            particles,
        )
    }

    /// Standard normals of the given particles for draw `step` (0 is the start).
    pub fn noise(&self, step: usize, particles: Range<usize>, out: &mut [f64]) {
        let stream = Stream::new(self.config.seed, StreamId::Noise).step(step as u32);
        for (e, v) in (2 * particles.start as u64..).zip(out) {
            *v = f64::from(integer_normal(stream.at(e)));
        }
    }

    /// States of the given particles before the first denoising step, after each step of the way
    /// there (from clean, one per level, noisiest last). Empty when the run starts from noise.
    pub fn forward(&self, particles: Range<usize>) -> Vec<Vec<f64>> {
        let mut eps = vec![0.0; 2 * particles.len()];
        self.noise(0, particles.clone(), &mut eps);
        let top = self.levels[0];
        match self.config.direction {
            Direction::Generate => vec![eps.iter().map(|e| top * e).collect()],
            Direction::ThereAndBack => {
                let clean = self.clean(particles);
                self.levels
                    .iter()
                    .rev()
                    .map(|s| clean.iter().zip(&eps).map(|(x, e)| x + s * e).collect())
                    .collect()
            }
            Direction::Invert => self.inverted(particles),
        }
    }

    /// The reversed first-order sampler from clean data: from level s' up to s along the slope at
    /// s', starting with an exact first step (the slope at level 0 is not defined).
    fn inverted(&self, particles: Range<usize>) -> Vec<Vec<f64>> {
        let mut x = self.clean(particles.clone());
        let mut states = vec![x.clone()];
        let mut model = Exact {
            problem: self,
            particles,
        };
        let mut denoised = vec![0.0; x.len()];
        let rising: Vec<f64> = self.levels.iter().rev().copied().collect();
        for pair in rising.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            // At level 0 the estimate is the point itself and the slope 0 / 0; its limit is the
            // slope just above, taken here at the first real level.
            let at = if from > 0.0 { from } else { to };
            model.denoise(&x, at, &mut denoised);
            for (v, d) in x.iter_mut().zip(&denoised) {
                *v += (*v - d) / at * (to - from);
            }
            states.push(x.clone());
        }
        states
    }

    /// A sampler for the given particles, at the first level.
    pub fn solver(&self, start: Vec<f64>) -> Solver {
        let solver = Solver::new(
            self.config.solver,
            self.config.solver.order(),
            self.config.eta,
            self.levels.clone(),
            start,
        );
        match &self.weights {
            Some(weights) => solver.with_weights(weights.clone()),
            None => solver,
        }
    }

    /// Whether the sampler draws noise on its way.
    pub fn stochastic(&self) -> bool {
        let solver = self.config.solver;
        let again = solver == SolverKind::Consistency && self.steps() > 1;
        again || self.config.eta > 0.0 && solver.takes_noise()
    }

    /// Adds the error of an imagined network: a smooth field of unit size over the cloud as the
    /// network sees it, different for each seed, multiplied by what the prediction makes of it.
    fn add_error(&self, points: &[f64], level: f64, out: &mut [f64]) {
        let stream = Stream::new(self.config.seed, StreamId::Noise).replicate(7);
        let size = self.config.model_error
            * std::f64::consts::SQRT_2
            * self.config.prediction.amplification(level);
        let scale = 3.0 * self.scale(level) / self.spread;
        let field: Vec<f64> = (0..6)
            .map(|e| f64::from(integer_normal(stream.at(e))))
            .collect();
        for (x, d) in points.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
            for (c, d) in d.iter_mut().enumerate() {
                let [a, b, phase] = [field[3 * c], field[3 * c + 1], field[3 * c + 2]];
                *d += size * num::cos(scale * (a * x[0] + b * x[1]) + 3.0 * phase);
            }
        }
    }

    /// Timeline positions before the denoising starts.
    pub fn forward_steps(&self) -> usize {
        match self.config.direction {
            Direction::Generate => 0,
            Direction::ThereAndBack | Direction::Invert => self.steps(),
        }
    }

    /// Index of the level at a position of the timeline.
    pub fn level_index(&self, position: usize) -> usize {
        let forward = self.forward_steps();
        if position <= forward {
            self.steps().min(forward) - position.min(forward)
        } else {
            (position - forward).min(self.steps())
        }
    }
}

/// |round trip - 1| of a Gaussian mode of variance `c2` under DDIM inversion along the levels and
/// back: every step is a multiplier.
pub(super) fn round_trip(levels: &[f64], c2: f64) -> f64 {
    let gain = |at: f64, from: f64, to: f64| 1.0 + (to - from) * at / (at * at + c2);
    let up = levels.windows(2).rev().fold(1.0, |p, w| {
        // From clean the slope is taken at the first level, as in the lab's inversion.
        let at = if w[1] > 0.0 { w[1] } else { w[0] };
        p * gain(at, w[1], w[0])
    });
    let down = levels
        .windows(2)
        .fold(1.0, |p, w| p * gain(w[0], w[0], w[1]));
    (up * down - 1.0).abs()
}

/// The exact denoiser and the seeded noise of a range of particles.
pub(super) struct Exact<'a> {
    pub(super) problem: &'a Problem,
    pub(super) particles: Range<usize>,
}

impl Model for Exact<'_> {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        self.problem
            .mixture
            .level(1.0, level)
            .denoise_all(points, out);
        let weight = guidance::weight_at(&self.problem.config, level);
        if let Some(whole) = self.problem.whole.as_ref().filter(|_| weight != 1.0) {
            guidance::towards_class(whole, weight, points, level, out);
        }
        if self.problem.config.model_error > 0.0 {
            self.problem.add_error(points, level, out);
        }
    }

    fn guide(&mut self, moved: Moved<'_>, out: &mut [f64]) -> usize {
        let Problem {
            config,
            mixture,
            levels,
            ..
        } = self.problem;
        if !guidance::minority_acts(config, moved.step, levels.len() - 1) {
            return 0;
        }
        guidance::towards_rare(config, mixture, levels, moved, self.particles.clone(), out);
        2
    }

    fn noise(&mut self, step: usize, out: &mut [f64]) {
        self.problem.noise(step + 1, self.particles.clone(), out);
    }
}
