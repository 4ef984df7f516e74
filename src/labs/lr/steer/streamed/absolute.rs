//! Linear regression by the absolute loss: convex, not smooth, with gradients that do not shrink near
//! the optimum, as the theory of the convex bound assumes. 64 Gaussian inputs of variances 1 / j, a
//! teacher, Gaussian label noise of deviation σ, an endless stream. The residual of weights w is normal
//! with variance s² = (w - w*)ᵀ Σ (w - w*) + σ², so the loss over the whole distribution is s √(2 / π)
//! and the optimum σ √(2 / π), both exact.

use super::Model;
use super::logistic::{INPUTS, deviation, teacher};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::f64::consts::FRAC_2_PI;

/// Deviation of the label noise.
const NOISE: f64 = 0.5;
/// Samples of the fixed gradient.
const FIXED: usize = 128;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 1] = ["excess over the least absolute loss"];

/// One run's data.
#[derive(Debug, Clone)]
pub(super) struct Absolute {
    seed: u64,
    batch: usize,
}

impl Absolute {
    pub(super) fn new(seed: u64, batch: usize) -> Self {
        Self { seed, batch }
    }

    /// Mean loss and subgradient on the samples of a stream.
    fn on(w: &[f64], mut stream: Stream, samples: usize, out: &mut [f64]) -> f64 {
        out.fill(0.0);
        let (mut loss, scale) = (0.0, 1.0 / samples as f64);
        for _ in 0..samples {
            let x: [f64; INPUTS] = std::array::from_fn(|j| deviation(j) * stream.normal());
            let apart = w.iter().zip(teacher()).map(|(w, t)| w - t);
            let residual = num::sum(x.iter().zip(apart).map(|(x, d)| x * d));
            let residual = residual - NOISE * stream.normal();
            loss += residual.abs() * scale;
            let side = residual.signum() * scale;
            for (g, x) in out.iter_mut().zip(x) {
                *g += side * x;
            }
        }
        loss
    }

    /// Loss over the distribution above the least there is.
    fn excess(w: &[f64]) -> f64 {
        let square = num::sum(w.iter().zip(teacher()).enumerate().map(|(j, (w, t))| {
            let d = (w - t) * deviation(j);
            d * d
        }));
        // s - σ without cancellation.
        let over = square / ((square + NOISE * NOISE).sqrt() + NOISE);
        over * FRAC_2_PI.sqrt()
    }
}

impl Model for Absolute {
    fn start(&mut self) -> Vec<f64> {
        vec![0.0; INPUTS]
    }

    fn gradient(&mut self, w: &[f64], step: u64, out: &mut [f64]) -> f64 {
        let stream = Stream::new(self.seed, StreamId::DataOrder).step(step as u32);
        Self::on(w, stream, self.batch, out)
    }

    fn fixed_gradient(&mut self, w: &[f64], out: &mut [f64]) {
        Self::on(w, Stream::new(0, StreamId::Test), FIXED, out);
    }

    fn is_smooth(&self) -> bool {
        false
    }

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        [Self::excess(w), f64::NAN]
    }

    fn traces(&mut self, w: &[f64], _done: u64) -> Vec<(&'static str, f64)> {
        vec![(TRACES[0], Self::excess(w))]
    }

    fn slice(&self) -> usize {
        (600 / self.batch.max(1)).clamp(1, 40)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{gradient_error, trained};
    use super::*;

    fn near_the_teacher(spread: f64) -> Vec<f64> {
        let mut stream = Stream::new(2, StreamId::Test);
        (teacher().iter())
            .map(|t| t + spread * stream.normal())
            .collect()
    }

    #[test]
    fn the_subgradient_agrees_with_finite_differences() {
        // Away from the kinks, which a few samples leave room between.
        let places: Vec<usize> = (0..INPUTS).collect();
        let error = gradient_error(&mut Absolute::new(4, 8), &near_the_teacher(0.3), &places);
        assert!(error < 1e-6, "{error}");
    }

    #[test]
    fn the_expected_loss_is_that_of_many_samples() {
        let w = near_the_teacher(0.4);
        let mut out = vec![0.0; INPUTS];
        let sampled = Absolute::on(&w, Stream::new(9, StreamId::Test), 20_000, &mut out);
        let exact = Absolute::excess(&w) + NOISE * FRAC_2_PI.sqrt();
        // Standard error about 0.005.
        assert!((exact - sampled).abs() < 0.02, "{exact} {sampled}");
        assert_eq!(Absolute::excess(teacher()), 0.0);
    }

    #[test]
    fn gradients_stay_large_at_the_optimum_and_training_approaches_it() {
        let mut model = Absolute::new(1, 1);
        let mut g = vec![0.0; INPUTS];
        let mut size = 0.0;
        for step in 0..200 {
            model.gradient(teacher(), step, &mut g);
            size += g.iter().map(|v| v * v).sum::<f64>() / 200.0;
        }
        // E ‖x‖² = Σ 1 / j, whatever the residual.
        let want: f64 = (0..INPUTS).map(|j| deviation(j) * deviation(j)).sum();
        assert!((size / want - 1.0).abs() < 0.2, "{size} {want}");
        let [before, after] = trained(&mut Absolute::new(1, 16), 0.3, 200);
        assert!(after < 0.3 * before, "{before} {after}");
    }
}
