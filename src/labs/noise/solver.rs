//! Samplers in variance-exploding form on `X = x / alpha`, one core for all of them: DDIM is Euler
//! here, and a variance-preserving or flow trajectory is the same list of points times `alpha`
//! (Song et al. 2021; Karras et al. 2022; Lu et al. 2022; Zhao et al. 2023). `D` is the denoised
//! estimate at the current level `s`, `d = (X - D) / s` the slope, `s'` the next level.

mod kind;
mod lagrange;
mod unipc;

pub use kind::{SolverKind, calls_needed};

use super::consistency::endpoint;
use super::guidance::Moved;
use crate::core::num;
use lagrange::lagrange_integral;
use unipc::UniPcStep;

/// Noise levels of one ancestral step in k-diffusion's split: noise added and level stepped to.
pub fn ancestral_split(from: f64, to: f64, eta: f64) -> (f64, f64) {
    let q = (to / from) * (to / from);
    let up = (eta * to * (1.0 - q).max(0.0).sqrt()).min(to);
    (up, (to * to - up * up).max(0.0).sqrt())
}

/// What a solver asks of the world.
pub trait Model {
    /// Denoised estimates of all points at `level` into `out`.
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]);

    /// Standard normals for step `step`, one per coordinate.
    fn noise(&mut self, step: usize, out: &mut [f64]);

    /// Adds a guidance to the points after an ancestral step; gives the calls it took per point.
    fn guide(&mut self, _moved: Moved<'_>, _out: &mut [f64]) -> usize {
        0
    }
}

/// A batch of points on their way through the levels. Points never interact.
#[derive(Debug, Clone)]
pub struct Solver {
    kind: SolverKind,
    order: usize,
    eta: f64,
    levels: std::sync::Arc<[f64]>,
    step: usize,
    calls: usize,
    x: Vec<f64>,
    /// UniPC: the corrected state the next step starts from.
    corrected: Vec<f64>,
    /// Newest first: denoised estimates (2M, UniPC) or slopes (LMS).
    history: Vec<Vec<f64>>,
    /// The estimate at the level the last step left.
    estimate: Vec<f64>,
    /// OLSS: weights of the start and of all noise estimates so far, a row per step.
    weights: Option<std::sync::Arc<[Vec<f64>]>>,
}

impl Solver {
    /// Starts at `levels[0]` with `x` in variance-exploding form. `order` is UniPC's.
    pub fn new(
        kind: SolverKind,
        order: usize,
        eta: f64,
        levels: std::sync::Arc<[f64]>,
        x: Vec<f64>,
    ) -> Self {
        Self {
            kind,
            order: order.max(1),
            eta,
            levels,
            step: 0,
            calls: 0,
            corrected: Vec::new(),
            x,
            history: Vec::new(),
            estimate: Vec::new(),
            weights: None,
        }
    }

    /// With the weights that OLSS fitted for these levels; without them it steps like Euler.
    #[must_use]
    pub fn with_weights(mut self, weights: std::sync::Arc<[Vec<f64>]>) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Positions at the current level.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// Steps taken.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Calls of the denoiser so far, per point.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Whether the last level is reached.
    pub fn done(&self) -> bool {
        self.step + 1 >= self.levels.len()
    }

    /// The denoised estimate the last step started from; empty before the first.
    pub fn denoised(&self) -> &[f64] {
        &self.estimate
    }

    fn call(&mut self, model: &mut dyn Model, level: f64) -> Vec<f64> {
        let mut d = vec![0.0; self.x.len()];
        model.denoise(&self.x, level, &mut d);
        self.calls += 1;
        // Churn raises the level of a step's first call.
        if level >= self.levels[self.step] {
            self.estimate.clone_from(&d);
        }
        d
    }

    /// Takes one step; does nothing at the end.
    pub fn advance(&mut self, model: &mut dyn Model) {
        if self.done() {
            return;
        }
        let (s, next) = (self.levels[self.step], self.levels[self.step + 1]);
        match self.kind {
            SolverKind::Ddim if self.eta > 0.0 => self.ancestral(model, s, next),
            SolverKind::Ddim | SolverKind::Euler => self.euler(model, s, next),
            SolverKind::Heun => self.heun(model, s, next),
            SolverKind::HeunChurn => {
                let raised = self.churn(model, s);
                self.heun(model, raised, next);
            }
            SolverKind::DpmPp2m => self.two_m(model, s, next),
            SolverKind::DpmPp2s => self.two_s(model, s, next),
            SolverKind::DpmPp2mSde => self.two_m_sde(model, s, next),
            SolverKind::UniPc | SolverKind::UniPc3 => self.unipc(model, s, next),
            SolverKind::Lms => self.lms(model, s),
            SolverKind::Plms => self.plms(model, s, next),
            SolverKind::FlowEuler => self.flow_euler(model, s, next),
            SolverKind::EulerAncestral => self.euler_ancestral(model, s, next),
            SolverKind::Olss => self.olss(model, s, next),
            SolverKind::Consistency => self.consistency(model, s, next),
        }
        self.step += 1;
    }

    /// X += (X - D) / s (s' - s); from s = infinity the state is pure noise and X / s its limit,
    /// which callers avoid by starting at a finite level.
    fn euler(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        for (x, d) in self.x.iter_mut().zip(&d) {
            *x += (*x - d) / s * (next - s);
        }
    }

    fn heun(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        let slope: Vec<f64> = self.x.iter().zip(&d).map(|(x, d)| (x - d) / s).collect();
        let start = self.x.clone();
        for (x, k) in self.x.iter_mut().zip(&slope) {
            *x += k * (next - s);
        }
        if next > 0.0 {
            let second = self.call(model, next);
            for (i, x) in self.x.iter_mut().enumerate() {
                let other = (*x - second[i]) / next;
                *x = start[i] + 0.5 * (slope[i] + other) * (next - s);
            }
        }
    }

    /// q X + (1 - q) D for the deterministic part, then noise of standard deviation
    /// `eta s' sqrt(1 - q)`.
    fn ancestral(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        let (up, down) = ancestral_split(s, next, self.eta);
        let ratio = down / s;
        let noise = self.draw(model, up);
        let points = self.x.clone();
        for (i, x) in self.x.iter_mut().enumerate() {
            *x = ratio * *x + (1.0 - ratio) * d[i] + noise[i];
        }
        let moved = Moved {
            step: self.step,
            level: s,
            next,
            points: &points,
            estimates: &d,
        };
        self.calls += model.guide(moved, &mut self.x);
    }

    fn euler_ancestral(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        let (up, down) = ancestral_split(s, next, self.eta);
        let noise = self.draw(model, up);
        for (i, x) in self.x.iter_mut().enumerate() {
            *x += (*x - d[i]) / s * (down - s) + noise[i];
        }
    }

    fn draw(&self, model: &mut dyn Model, scale: f64) -> Vec<f64> {
        let mut z = vec![0.0; self.x.len()];
        if scale > 0.0 {
            model.noise(self.step, &mut z);
            for v in &mut z {
                *v *= scale;
            }
        }
        z
    }

    /// h = ln(s / s'), r = previous h / h; D is extrapolated with the previous estimate.
    fn two_m(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        if next <= 0.0 {
            self.x.copy_from_slice(&d);
        } else {
            let h = num::ln(s / next);
            let shrink = -num::exp_m1(-h);
            let previous = (self.step > 0).then(|| self.levels[self.step - 1]);
            for (i, x) in self.x.iter_mut().enumerate() {
                let estimate = match (previous, self.history.first()) {
                    (Some(before), Some(old)) => {
                        let r = num::ln(before / s) / h;
                        (1.0 + 1.0 / (2.0 * r)) * d[i] - old[i] / (2.0 * r)
                    }
                    _ => d[i],
                };
                *x = next / s * *x + shrink * estimate;
            }
        }
        self.history = vec![d];
    }

    /// The estimate in the middle, s_m = s e^(-h / 2), replaces the one at the start.
    fn two_s(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        if next <= 0.0 {
            self.x = d;
            return;
        }
        let half = 0.5 * num::ln(s / next);
        let start = self.x.clone();
        let (keep, take) = (num::exp(-half), -num::exp_m1(-half));
        for (x, d) in self.x.iter_mut().zip(&d) {
            *x = keep * *x + take * d;
        }
        let middle = self.call(model, s * keep);
        let take = -num::exp_m1(-2.0 * half);
        for (i, x) in self.x.iter_mut().enumerate() {
            *x = next / s * start[i] + take * middle[i];
        }
    }

    /// X' = (s' / s) e^(-eta h) X + g D + g (D - D_before) / (2 r) + s' sqrt(1 - e^(-2 eta h)) z
    /// with g = 1 - e^(-h - eta h).
    fn two_m_sde(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        if next <= 0.0 {
            self.x.clone_from(&d);
        } else {
            let h = num::ln(s / next);
            let share = -num::exp_m1(-h - self.eta * h);
            let keep = next / s * num::exp(-self.eta * h);
            let noise = self.draw(model, next * (-num::exp_m1(-2.0 * self.eta * h)).sqrt());
            let r = (self.step > 0).then(|| num::ln(self.levels[self.step - 1] / s) / h);
            for (i, x) in self.x.iter_mut().enumerate() {
                let change = match (r, self.history.first()) {
                    (Some(r), Some(old)) => 0.5 / r * (d[i] - old[i]),
                    _ => 0.0,
                };
                *x = keep * *x + share * (d[i] + change) + noise[i];
            }
        }
        self.history = vec![d];
    }

    /// Raises the noise to s (1 + gamma) between the limits of the EDM paper; gives the new level.
    fn churn(&mut self, model: &mut dyn Model, s: f64) -> f64 {
        const RANGE: std::ops::RangeInclusive<f64> = 0.05..=50.0;
        const NOISE: f64 = 1.003;
        let gamma = self.eta * (std::f64::consts::SQRT_2 - 1.0);
        if gamma == 0.0 || !RANGE.contains(&s) {
            return s;
        }
        let raised = s * (1.0 + gamma);
        let noise = self.draw(model, NOISE * (raised * raised - s * s).sqrt());
        for (x, z) in self.x.iter_mut().zip(&noise) {
            *x += z;
        }
        raised
    }

    /// x' = x + (u' - u) v with v = (x - D) / u on x = X (1 - u), u = s / (1 + s).
    fn flow_euler(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let d = self.call(model, s);
        let (u, to) = (s / (1.0 + s), next / (1.0 + next));
        for (x, d) in self.x.iter_mut().zip(&d) {
            let at = *x * (1.0 - u);
            *x = (at + (to - u) * (at - d) / u) / (1.0 - to);
        }
    }

    /// Adams-Bashforth on the slopes with the weights of equal steps, order rising to 4.
    fn plms(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        const WEIGHTS: [&[f64]; 4] = [
            &[1.0],
            &[1.5, -0.5],
            &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
            &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
        ];
        let d = self.call(model, s);
        let slope = self.x.iter().zip(&d).map(|(x, d)| (x - d) / s).collect();
        self.history.insert(0, slope);
        self.history.truncate(4);
        for (slope, weight) in self.history.iter().zip(WEIGHTS[self.history.len() - 1]) {
            for (x, k) in self.x.iter_mut().zip(slope) {
                *x += weight * k * (next - s);
            }
        }
    }

    /// X' = w X_start + sum over all steps so far of w_j e_j, e = (X - D) / s.
    fn olss(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let row = self
            .weights
            .as_ref()
            .and_then(|w| w.get(self.step).cloned());
        let Some(row) = row else {
            return self.euler(model, s, next);
        };
        let d = self.call(model, s);
        if self.step == 0 {
            self.history = vec![self.x.clone()];
        }
        self.history
            .push(self.x.iter().zip(&d).map(|(x, d)| (x - d) / s).collect());
        self.x.fill(0.0);
        for (weight, column) in row.iter().zip(&self.history) {
            for (x, v) in self.x.iter_mut().zip(column) {
                *x += weight * v;
            }
        }
    }

    /// X' = f(X, s) + s' z, f being where the exact flow ends: one call of a consistency model.
    fn consistency(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let mut end = vec![0.0; self.x.len()];
        endpoint(model, &self.x, s, &mut end);
        self.calls += 1;
        self.estimate.clone_from(&end);
        let noise = self.draw(model, next);
        for (x, z) in end.iter_mut().zip(&noise) {
            *x += z;
        }
        self.x = end;
    }

    fn lms(&mut self, model: &mut dyn Model, s: f64) {
        let d = self.call(model, s);
        let slope = self.x.iter().zip(&d).map(|(x, d)| (x - d) / s).collect();
        self.history.insert(0, slope);
        self.history.truncate(4);
        let nodes: Vec<f64> = (0..self.history.len())
            .map(|j| self.levels[self.step - j])
            .collect();
        let to = self.levels[self.step + 1];
        for (j, slope) in self.history.iter().enumerate() {
            let weight = lagrange_integral(&nodes, j, to);
            for (x, k) in self.x.iter_mut().zip(slope) {
                *x += k * weight;
            }
        }
    }

    fn unipc(&mut self, model: &mut dyn Model, s: f64, next: f64) {
        let steps = self.levels.len() - 1;
        let d = self.call(model, s);
        if self.step == 0 {
            self.corrected = self.x.clone();
        } else {
            // Correct the state we are in, now that its estimate is known.
            let order = self.order.min(self.step).min(steps - self.step + 1);
            let update = UniPcStep::new(&self.levels, self.step - 1, order);
            self.corrected = update.apply(&self.corrected, &self.history, Some(&d));
        }
        self.history.insert(0, d);
        self.history.truncate(self.order + 1);
        if next <= 0.0 {
            self.x.clone_from(&self.history[0]);
        } else {
            let order = self.order.min(self.step + 1).min(steps - self.step);
            let update = UniPcStep::new(&self.levels, self.step, order);
            self.x = update.apply(&self.corrected, &self.history, None);
        }
        debug_assert!(s > next, "levels descend");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A single Gaussian N(0, c^2): every first-order step is an exact multiplier.
    struct Gaussian(f64);

    impl Model for Gaussian {
        fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
            let gain = self.0 * self.0 / (self.0 * self.0 + level * level);
            for (o, x) in out.iter_mut().zip(points) {
                *o = gain * x;
            }
        }

        fn noise(&mut self, _step: usize, out: &mut [f64]) {
            out.fill(0.0);
        }
    }

    /// Every solver at eta 0 follows the deterministic flow.
    const DETERMINISTIC: [SolverKind; 15] = SolverKind::ALL;

    fn end(kind: SolverKind, n: usize) -> f64 {
        let levels: std::sync::Arc<[f64]> = num::logspace(80.0, 0.002, n + 1).into();
        let mut solver = Solver::new(kind, 2, 0.0, levels, vec![1.0]);
        while !solver.done() {
            solver.advance(&mut Gaussian(0.5));
        }
        solver.x()[0]
    }

    #[test]
    fn every_solver_reproduces_the_exact_flow_of_a_gaussian() {
        let c2 = 0.25_f64;
        let exact = ((c2 + 0.002 * 0.002) / (c2 + 80.0 * 80.0)).sqrt();
        // Consistency sampling starts again from fresh noise in every step.
        let follows = |k: &SolverKind| *k != SolverKind::Consistency;
        for kind in DETERMINISTIC.into_iter().filter(follows) {
            let ratio = end(kind, 2000) / exact;
            assert!((ratio - 1.0).abs() < 0.01, "{kind:?}: {ratio}");
        }
    }

    #[test]
    fn halving_the_steps_costs_what_the_order_says() {
        let c2 = 0.25_f64;
        let exact = ((c2 + 0.002 * 0.002) / (c2 + 80.0 * 80.0)).sqrt();
        let error = |kind, n| (end(kind, n) / exact - 1.0).abs();
        for (kind, least) in [
            (SolverKind::Euler, 1.8),
            (SolverKind::Heun, 3.3),
            (SolverKind::DpmPp2m, 3.3),
            (SolverKind::UniPc, 3.3),
            (SolverKind::UniPc3, 3.3),
            (SolverKind::DpmPp2s, 3.3),
            (SolverKind::DpmPp2mSde, 3.3),
            (SolverKind::FlowEuler, 1.8),
        ] {
            let gain = error(kind, 200) / error(kind, 400);
            assert!(
                gain > least,
                "{kind:?}: error falls by {gain}, want above {least}"
            );
        }
    }

    #[test]
    fn the_tangent_law_shrinks_a_gaussian_by_the_predicted_power_of_a_cosine() {
        // Closed form: output deviation over the true one is cos(step)^K.
        let (c, hi, lo, k) = (0.5_f64, 80.0_f64, 0.002_f64, 10_usize);
        let (a, b) = (num::atan(hi / c), num::atan(lo / c));
        let levels: std::sync::Arc<[f64]> = num::linspace(a, b, k + 1)
            .into_iter()
            .map(|t| c * num::tan(t))
            .collect();
        let mut solver = Solver::new(SolverKind::Euler, 1, 0.0, levels, vec![1.0]);
        while !solver.done() {
            solver.advance(&mut Gaussian(c));
        }
        let exact = ((c * c + lo * lo) / (c * c + hi * hi)).sqrt();
        let want = num::pow(num::cos((a - b) / k as f64), k as f64);
        assert!(
            (solver.x()[0] / exact - want).abs() < 1e-9,
            "{}",
            solver.x()[0] / exact
        );
    }

    #[test]
    fn calls_are_counted_as_the_readout_promises() {
        for kind in DETERMINISTIC {
            let levels: std::sync::Arc<[f64]> = [10.0, 3.0, 1.0, 0.3, 0.0].into();
            let mut solver = Solver::new(kind, kind.order(), 0.0, levels, vec![1.0, -2.0]);
            while !solver.done() {
                solver.advance(&mut Gaussian(0.5));
            }
            assert_eq!(solver.calls(), calls_needed(kind, 4), "{kind:?}");
            assert!(solver.x().iter().all(|x| x.is_finite()), "{kind:?}");
        }
    }

    #[test]
    fn first_order_sampling_depends_on_the_levels_only() {
        for n in [3, 17] {
            let (ve, flow) = (end(SolverKind::Euler, n), end(SolverKind::FlowEuler, n));
            assert!((ve / flow - 1.0).abs() < 1e-12, "{ve} {flow}");
        }
    }

    #[test]
    fn the_stochastic_multistep_solver_without_noise_is_2m_to_second_order() {
        // The midpoint correction and 2M's extrapolation are the same weights at eta 0.
        let (a, b) = (
            end(SolverKind::DpmPp2mSde, 20),
            end(SolverKind::DpmPp2m, 20),
        );
        assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
    }
}
