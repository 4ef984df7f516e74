//! The exact probability-flow trajectory of a few particles, for the paired error: the same start
//! noise, followed with far smaller steps than the sampler takes. dX / d ln s = X - D, classical
//! Runge-Kutta in ln s.

use super::problem::{Exact, Problem};
use super::solver::Model as _;
use crate::core::num;
use std::sync::Arc;

/// Largest step in ln s.
const STEP: f64 = 0.2;
/// The flow is followed down to this share of the narrowest mode's spread, then the denoised
/// estimate is taken.
const FLOOR: f64 = 0.02;

/// Exact states of the first particles, level by level.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    particles: usize,
    states: Vec<Vec<f64>>,
    current: Vec<f64>,
    ln_level: f64,
}

impl Reference {
    pub(super) fn new(particles: usize) -> Self {
        Self {
            particles,
            states: Vec::new(),
            current: Vec::new(),
            ln_level: f64::NAN,
        }
    }

    /// Takes start states (variance-exploding form) until there are enough.
    pub(super) fn admit(&mut self, start: &[f64]) {
        let room = 2 * self.particles - self.current.len().min(2 * self.particles);
        self.current
            .extend_from_slice(&start[..room.min(start.len())]);
    }

    /// Levels reached.
    pub(super) fn steps_done(&self) -> usize {
        self.states.len()
    }

    /// One small step; `false` when the clean end is reached.
    pub(super) fn advance(&mut self, problem: &Problem) -> bool {
        let levels = &problem.levels;
        if self.states.is_empty() {
            self.states.push(self.current.clone());
            self.ln_level = num::ln(levels[0]);
        }
        let Some(&target) = levels.get(self.states.len()) else {
            return false;
        };
        let narrowest = problem
            .mixture
            .variances(0)
            .iter()
            .fold(f64::INFINITY, |m, v| m.min(*v))
            .sqrt();
        let end = num::ln(target.max(FLOOR * narrowest));
        let left = self.ln_level - end;
        if left > 0.0 {
            let pieces = (left / STEP).ceil().max(1.0);
            self.runge_kutta(problem, -left / pieces);
            if pieces > 1.0 {
                return true;
            }
            self.ln_level = end;
        }
        if target == 0.0 {
            let mut clean = vec![0.0; self.current.len()];
            self.denoise(problem, &self.current, self.ln_level, &mut clean);
            self.current = clean;
        }
        self.states.push(self.current.clone());
        self.states.len() < levels.len()
    }

    fn denoise(&self, problem: &Problem, x: &[f64], ln_level: f64, out: &mut [f64]) {
        let mut model = Exact {
            problem,
            particles: 0..self.particles,
        };
        model.denoise(x, num::exp(ln_level), out);
    }

    fn runge_kutta(&mut self, problem: &Problem, h: f64) {
        let slope = |x: &[f64], ln: f64| {
            let mut d = vec![0.0; x.len()];
            self.denoise(problem, x, ln, &mut d);
            for (d, x) in d.iter_mut().zip(x) {
                *d = x - *d;
            }
            d
        };
        let moved = |k: &[f64], by: f64| -> Vec<f64> {
            self.current
                .iter()
                .zip(k)
                .map(|(x, k)| x + by * k)
                .collect()
        };
        let ln = self.ln_level;
        let a = slope(&self.current, ln);
        let b = slope(&moved(&a, 0.5 * h), ln + 0.5 * h);
        let c = slope(&moved(&b, 0.5 * h), ln + 0.5 * h);
        let d = slope(&moved(&c, h), ln + h);
        for (i, x) in self.current.iter_mut().enumerate() {
            *x += h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]);
        }
        self.ln_level += h;
    }

    /// Root mean square distance of a recorded frame from the exact states at level `index`, in
    /// the picture's units; NaN where there is no exact state.
    pub(super) fn paired(&self, problem: &Problem, index: usize, frame: &[f32]) -> f64 {
        let Some(state) = self.states.get(index) else {
            return f64::NAN;
        };
        let scale = problem.scale(problem.levels[index]);
        let total = num::sum(state.iter().zip(frame).map(|(x, f)| {
            let e = x * scale - f64::from(*f);
            e * e
        }));
        (total / (state.len() / 2).max(1) as f64).sqrt()
    }

    /// The exact states in the picture's units, one list per level; empty for a sampler that adds
    /// noise.
    pub(super) fn path(&self, problem: &Problem) -> Arc<[Arc<[f32]>]> {
        self.states
            .iter()
            .zip(problem.levels.iter())
            .map(|(state, level)| {
                let scale = problem.scale(*level);
                state.iter().map(|v| (v * scale) as f32).collect()
            })
            .collect()
    }
}
