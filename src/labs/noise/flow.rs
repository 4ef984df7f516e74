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

/// The first particles on their way along the exact flow.
#[derive(Debug, Clone)]
struct Flow {
    /// Variance-exploding coordinates.
    points: Vec<f64>,
    ln_level: f64,
}

impl Flow {
    /// One small step towards a level; `true` when it is there.
    fn towards(&mut self, problem: &Problem, target: f64) -> bool {
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
                return false;
            }
            self.ln_level = end;
        }
        if target == 0.0 {
            let mut clean = vec![0.0; self.points.len()];
            Self::denoise(problem, &self.points, self.ln_level, &mut clean);
            self.points = clean;
        }
        true
    }

    fn denoise(problem: &Problem, x: &[f64], ln_level: f64, out: &mut [f64]) {
        let mut model = Exact {
            problem,
            particles: 0..x.len() / 2,
        };
        model.denoise(x, num::exp(ln_level), out);
    }

    fn runge_kutta(&mut self, problem: &Problem, h: f64) {
        let slope = |x: &[f64], ln: f64| {
            let mut d = vec![0.0; x.len()];
            Self::denoise(problem, x, ln, &mut d);
            for (d, x) in d.iter_mut().zip(x) {
                *d = x - *d;
            }
            d
        };
        let moved = |k: &[f64], by: f64| -> Vec<f64> {
            self.points.iter().zip(k).map(|(x, k)| x + by * k).collect()
        };
        let ln = self.ln_level;
        let a = slope(&self.points, ln);
        let b = slope(&moved(&a, 0.5 * h), ln + 0.5 * h);
        let c = slope(&moved(&b, 0.5 * h), ln + 0.5 * h);
        let d = slope(&moved(&c, h), ln + h);
        for (i, x) in self.points.iter_mut().enumerate() {
            *x += h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]);
        }
        self.ln_level += h;
    }

    /// Root mean square distance of a recorded frame from the points at a level, in the picture's
    /// units.
    fn distance(points: &[f64], scale: f64, frame: &[f32]) -> f64 {
        let total = num::sum(points.iter().zip(frame).map(|(x, f)| {
            let e = x * scale - f64::from(*f);
            e * e
        }));
        (total / (points.len() / 2).max(1) as f64).sqrt()
    }
}

/// What every single step of a sampler without noise does wrong: from where it stands, the exact
/// flow is followed over that step alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Local {
    errors: Vec<f64>,
    flow: Option<Flow>,
}

impl Local {
    /// One small step; `false` when every step has been judged.
    pub(super) fn advance(
        &mut self,
        problem: &Problem,
        frames: &[Vec<f32>],
        particles: usize,
    ) -> bool {
        let step = self.errors.len();
        let (levels, first) = (&problem.levels, problem.forward_steps() + step);
        let [Some(before), Some(after)] = [frames.get(first), frames.get(first + 1)] else {
            return false;
        };
        let flow = self.flow.get_or_insert_with(|| {
            let scale = problem.scale(levels[step]);
            let points = before.iter().take(2 * particles);
            Flow {
                points: points.map(|v| f64::from(*v) / scale).collect(),
                ln_level: num::ln(levels[step]),
            }
        });
        if flow.towards(problem, levels[step + 1]) {
            let scale = problem.scale(levels[step + 1]);
            self.errors.push(Flow::distance(&flow.points, scale, after));
            self.flow = None;
        }
        true
    }

    /// Error of the step that ends at a level, in the picture's units; NaN where none was judged.
    pub(super) fn before(&self, index: usize) -> f64 {
        let at = index.checked_sub(1).and_then(|k| self.errors.get(k));
        at.copied().unwrap_or(f64::NAN)
    }
}

/// Exact states of the first particles, level by level.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    particles: usize,
    states: Vec<Vec<f64>>,
    flow: Flow,
}

impl Reference {
    pub(super) fn new(particles: usize) -> Self {
        Self {
            particles,
            states: Vec::new(),
            flow: Flow {
                points: Vec::new(),
                ln_level: f64::NAN,
            },
        }
    }

    /// Takes start states (variance-exploding form) until there are enough.
    pub(super) fn admit(&mut self, start: &[f64]) {
        let points = &mut self.flow.points;
        let room = 2 * self.particles - points.len().min(2 * self.particles);
        points.extend_from_slice(&start[..room.min(start.len())]);
    }

    /// Levels reached.
    pub(super) fn steps_done(&self) -> usize {
        self.states.len()
    }

    /// One small step; `false` when the clean end is reached.
    pub(super) fn advance(&mut self, problem: &Problem) -> bool {
        let levels = &problem.levels;
        if self.states.is_empty() {
            self.states.push(self.flow.points.clone());
            self.flow.ln_level = num::ln(levels[0]);
        }
        let Some(&target) = levels.get(self.states.len()) else {
            return false;
        };
        if self.flow.towards(problem, target) {
            self.states.push(self.flow.points.clone());
        }
        self.states.len() < levels.len()
    }

    /// Root mean square distance of a recorded frame from the exact states at level `index`, in
    /// the picture's units; NaN where there is no exact state.
    pub(super) fn paired(&self, problem: &Problem, index: usize, frame: &[f32]) -> f64 {
        let Some(state) = self.states.get(index) else {
            return f64::NAN;
        };
        Flow::distance(state, problem.scale(problem.levels[index]), frame)
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

#[cfg(test)]
mod tests {
    use crate::core::finish;
    use crate::labs::noise::model::Start;
    use crate::labs::noise::{Config, PlaneRun};

    fn run(steps: u64) -> PlaneRun {
        let config = Config {
            steps,
            particles: 200,
            ..Config::default()
        };
        finish(&mut Start::new(&config, true).unwrap()).unwrap()
    }

    #[test]
    fn the_first_step_errs_as_the_whole_way_does_and_finer_steps_err_less() {
        let worst = |run: &PlaneRun| {
            let scores = run.scores.iter().skip(1);
            scores.map(|s| s.local).fold(0.0, f64::max)
        };
        let (coarse, fine) = (run(3), run(24));
        for run in [&coarse, &fine] {
            assert!(run.scores[0].local.is_nan());
            let first = run.scores[1];
            // Frames are recorded in single precision.
            let bound = 1e-3 * first.paired + 2e-7;
            assert!((first.local - first.paired).abs() < bound, "{first:?}");
        }
        assert!(coarse.scores[1].paired > 1e-5, "{:?}", coarse.scores[1]);
        assert!(worst(&fine) < 0.5 * worst(&coarse));
    }
}
