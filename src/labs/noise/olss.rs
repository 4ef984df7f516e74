//! Optimal Linear Subspace Search (Duan et al., arXiv 2305.14677; step rule as in Artiprocher's
//! FastSDXL): choose K of a teacher's steps and make every state a linear combination of the start
//! and of all noise estimates so far, with weights fitted by least squares to the teacher's states.

use super::linear::least_squares;
use super::mixture::Mixture;

use std::sync::Arc;

/// Halvings of the error bound, as in the reference.
const HALVINGS: usize = 30;
/// Largest error bound that is tried, mean squared error of a coordinate.
const LARGEST: f64 = 10.0;

/// One row per step: the weight of the start, then of every noise estimate so far. The states are
/// in variance-exploding form.
pub type Weights = Arc<[Vec<f64>]>;

/// The search, one slice at a time: a teacher's step, or a hop of the student's path.
#[derive(Debug, Clone)]
pub struct Program {
    /// The teacher's levels, falling to 0.
    levels: Vec<f64>,
    /// Most steps of the student.
    steps: usize,
    /// The teacher's states so far, variance-exploding.
    states: Vec<Vec<f64>>,
    /// Noise estimates (X - D) / s at every state but the last.
    slopes: Vec<Vec<f64>>,
    bounds: [f64; 2],
    halvings: usize,
    /// The path under way, from noise.
    trial: Vec<usize>,
    path: Option<Vec<usize>>,
}

impl Program {
    /// Before the teacher's first step, from standard normals `z` (all points after each other).
    pub fn new(z: &[f64], levels: &[f64], steps: usize) -> Self {
        let top = levels.first().copied().unwrap_or(0.0);
        Self {
            levels: levels.to_vec(),
            steps,
            states: vec![z.iter().map(|v| top * v).collect()],
            slopes: Vec::new(),
            bounds: [0.0, LARGEST],
            halvings: 0,
            trial: vec![0],
            path: None,
        }
    }

    /// Share of the search done.
    pub fn progress(&self) -> f64 {
        let teacher = self.slopes.len() as f64 / (self.levels.len() - 1).max(1) as f64;
        0.5 * teacher + 0.5 * self.halvings as f64 / HALVINGS as f64
    }

    /// A slice; `false` when the path is found.
    pub fn advance(&mut self, mixture: &Mixture) -> bool {
        let done = self.slopes.len();
        if done + 1 < self.levels.len() {
            self.teach(mixture, done);
            return true;
        }
        if self.halvings < HALVINGS {
            self.hop();
            return true;
        }
        false
    }

    /// One Euler step of the teacher.
    fn teach(&mut self, mixture: &Mixture, k: usize) {
        let (s, next) = (self.levels[k], self.levels[k + 1]);
        let x = &self.states[k];
        let mut at = mixture.level(1.0, s);
        let mut d = vec![0.0; x.len()];
        for (x, d) in x
            .chunks_exact(mixture.dim())
            .zip(d.chunks_exact_mut(mixture.dim()))
        {
            at.denoise(x, d);
        }
        let slope: Vec<f64> = x.iter().zip(&d).map(|(x, d)| (x - d) / s).collect();
        self.states.push(
            x.iter()
                .zip(&slope)
                .map(|(x, e)| x + (next - s) * e)
                .collect(),
        );
        self.slopes.push(slope);
    }

    /// Signal share of a level: errors are compared on x = alpha X, which stays of one size.
    fn alpha(&self, k: usize) -> f64 {
        let s = self.levels[k];
        1.0 / (1.0 + s * s).sqrt()
    }

    /// Mean squared error of the best combination of `start` and the estimates at `chosen` for the
    /// teacher's state `to`, and its weights.
    fn fit(&self, start: usize, chosen: &[usize], to: usize) -> (Vec<f64>, f64) {
        let columns: Vec<&[f64]> = std::iter::once(self.states[start].as_slice())
            .chain(chosen.iter().map(|j| self.slopes[*j].as_slice()))
            .collect();
        let (weights, error) = least_squares(&columns, &self.states[to]);
        let alpha = self.alpha(to);
        (weights, alpha * alpha * error)
    }

    /// One hop of the path under the present bound, to the furthest state within it; at the end of
    /// the path, or of the steps allowed, the bound is halved.
    fn hop(&mut self) {
        let last = self.levels.len() - 1;
        let [low, high] = self.bounds;
        let bound = 0.5 * (low + high);
        let from = self.trial[self.trial.len() - 1];
        if from < last && self.trial.len() <= self.steps {
            // The error is taken to grow with the distance: search the furthest by halving.
            let (mut reached, mut beyond) = (from + 1, last + 1);
            while beyond - reached > 1 {
                let middle = usize::midpoint(reached, beyond);
                if self.fit(from, &self.trial, middle).1 <= bound {
                    reached = middle;
                } else {
                    beyond = middle;
                }
            }
            self.trial.push(reached);
            return;
        }
        let trial = std::mem::replace(&mut self.trial, vec![0]);
        if from == last {
            self.bounds[1] = bound;
            self.path = Some(trial);
        } else {
            self.bounds[0] = bound;
        }
        self.halvings += 1;
    }

    /// Indices of the chosen teacher levels, from noise to clean. Equal steps where no bound fits.
    pub fn path(&self) -> Vec<usize> {
        let last = self.levels.len() - 1;
        self.path.clone().unwrap_or_else(|| {
            let k = self.steps.clamp(1, last);
            (0..=k).map(|i| i * last / k).collect()
        })
    }

    /// The chosen levels, the final 0 among them, and the weights of every step, whose fit starts
    /// from the noise.
    pub fn finish(&self) -> (Vec<f64>, Weights) {
        let path = self.path();
        let levels = path.iter().map(|i| self.levels[*i]).collect();
        let weights = (1..path.len())
            .map(|k| self.fit(0, &path[..k], path[k]).0)
            .collect();
        (levels, weights)
    }

    /// Root mean square distances from the teacher's end for fresh start noise: of the student on
    /// its own states, and of Euler on the same levels.
    #[cfg(test)]
    fn replay(&self, mixture: &Mixture, z: &[f64]) -> [f64; 2] {
        use super::solver::{Model, Solver, SolverKind};
        use crate::core::num;
        struct Exact<'a>(&'a Mixture);
        impl Model for Exact<'_> {
            fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
                let mut at = self.0.level(1.0, level);
                for (x, d) in points.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
                    at.denoise(x, d);
                }
            }
            fn noise(&mut self, _step: usize, out: &mut [f64]) {
                out.fill(0.0);
            }
        }
        let start: Vec<f64> = z.iter().map(|v| self.levels[0] * v).collect();
        let run = |kind, levels: Vec<f64>, weights: Option<Weights>| {
            let mut solver = Solver::new(kind, 2, 0.0, levels.into(), start.clone());
            if let Some(weights) = weights {
                solver = solver.with_weights(weights);
            }
            while !solver.done() {
                solver.advance(&mut Exact(mixture));
            }
            solver.x().to_vec()
        };
        let teacher = run(SolverKind::Euler, self.levels.clone(), None);
        let (levels, weights) = self.finish();
        let plain = run(SolverKind::Euler, levels.clone(), None);
        let student = run(SolverKind::Olss, levels, Some(weights));
        [student, plain].map(|end| {
            let total = num::sum(teacher.iter().zip(&end).map(|(a, b)| (a - b) * (a - b)));
            (total / z.len() as f64).sqrt()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::num;
    use crate::core::rng::{Stream, StreamId, integer_normal};
    use crate::labs::noise::data::DataSet;

    fn normals(n: u64, seed: u64) -> Vec<f64> {
        let stream = Stream::new(seed, StreamId::Test);
        (0..2 * n)
            .map(|e| f64::from(integer_normal(stream.at(e))))
            .collect()
    }

    fn searched(mixture: &Mixture, steps: usize) -> Program {
        let mut levels = num::logspace(14.0, 0.03, 40);
        levels.push(0.0);
        let mut program = Program::new(&normals(32, 1), &levels, steps);
        while program.advance(mixture) {}
        program
    }

    #[test]
    fn one_gaussian_needs_a_single_step() {
        // Its flow is linear in the start, so that the first combination is the teacher's end.
        let m = Mixture::round(&[1.0], &[[0.0, 0.0]], &[0.5]).unwrap();
        let program = searched(&m, 5);
        assert_eq!(program.path(), [0, 40]);
        assert!(program.replay(&m, &normals(20, 9))[0] < 1e-9);
    }

    #[test]
    fn fitted_steps_beat_plain_ones_on_the_same_levels_and_fresh_noise() {
        let m = DataSet::Grid9.mixture(0.05, 0.0).unwrap();
        let fresh = normals(100, 7);
        for steps in [5, 8] {
            let program = searched(&m, steps);
            let path = program.path();
            assert!(path.len() <= steps + 1, "{path:?}");
            assert!(path.windows(2).all(|w| w[0] < w[1]), "{path:?}");
            let [fitted, plain] = program.replay(&m, &fresh);
            assert!(fitted < 0.3 * plain, "{steps}: {fitted} {plain}");
        }
    }
}
