//! Logistic regression with a teacher: 64 Gaussian inputs of variances 1 / j, labels sign(w* · x) of
//! which a tenth is flipped, an endless stream. The loss over the whole distribution depends on
//! three second moments alone, so the run is judged without a sample, against the exact optimum:
//! along the teacher, at the length that minimises the loss (own derivation; the best direction is
//! the teacher's because the inputs are Gaussian).

use super::Model;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::f64::consts::PI;
use std::sync::OnceLock;

/// Inputs of this regression and of the one by the absolute loss.
pub(super) const INPUTS: usize = 64;
/// Share of labels that are flipped.
const FLIPPED: f64 = 0.1;
/// Samples whose curvature is measured.
const FIXED: usize = 128;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 1] = ["excess over the optimum"];

/// ln(1 + e^x) without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + num::ln_1p(num::exp(-x.abs()))
}

/// Standard deviation of input `j`.
pub(super) fn deviation(j: usize) -> f64 {
    1.0 / ((j + 1) as f64).sqrt()
}

/// The teacher: the same for every run.
pub(super) fn teacher() -> &'static [f64] {
    static TEACHER: OnceLock<Vec<f64>> = OnceLock::new();
    TEACHER.get_or_init(|| {
        let mut stream = Stream::new(0, StreamId::Data);
        (0..INPUTS).map(|_| stream.normal()).collect()
    })
}

/// Loss over the distribution of a classifier whose margin has standard deviation `size` and
/// correlation `rho` with the teacher's.
fn expected(size: f64, rho: f64) -> f64 {
    // E over the teacher's margin s > 0 (the other half mirrors it) and an independent z: u = size
    // (rho s + √(1 - rho²) z). Simpson in s, whose range has an end; the trapezoid in z.
    const N: usize = 80;
    const REACH: f64 = 8.0;
    let (ds, dz) = (REACH / N as f64, 2.0 * REACH / N as f64);
    let across = (1.0 - rho * rho).max(0.0).sqrt();
    let bell = |t: f64| num::exp(-0.5 * t * t) / (2.0 * PI).sqrt();
    let mut total = 0.0;
    for i in 0..=N {
        let s = i as f64 * ds;
        let simpson = if i == 0 || i == N {
            1.0
        } else if i % 2 == 1 {
            4.0
        } else {
            2.0
        };
        let inner = num::sum((0..=N).map(|k| {
            let z = -REACH + k as f64 * dz;
            let u = size * (rho * s + across * z);
            bell(z) * ((1.0 - FLIPPED) * softplus(-u) + FLIPPED * softplus(u))
        }));
        total += simpson / 3.0 * ds * 2.0 * bell(s) * dz * inner;
    }
    total
}

/// The lowest loss there is.
fn optimum() -> f64 {
    static OPTIMUM: OnceLock<f64> = OnceLock::new();
    *OPTIMUM.get_or_init(|| {
        // Golden section; the loss is convex in the length.
        let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
        let (mut a, mut b) = (0.0, 20.0);
        for _ in 0..60 {
            let (c, d) = (b - ratio * (b - a), a + ratio * (b - a));
            if expected(c, 1.0) < expected(d, 1.0) {
                b = d;
            } else {
                a = c;
            }
        }
        expected(0.5 * (a + b), 1.0)
    })
}

/// One run's data.
#[derive(Debug, Clone)]
pub(super) struct Logistic {
    seed: u64,
    batch: usize,
}

impl Logistic {
    pub(super) fn new(seed: u64, batch: usize) -> Self {
        Self { seed, batch }
    }

    /// Mean loss and gradient on the samples of a stream.
    fn on(w: &[f64], mut stream: Stream, samples: usize, out: &mut [f64]) -> f64 {
        out.fill(0.0);
        let (mut loss, scale) = (0.0, 1.0 / samples as f64);
        for _ in 0..samples {
            let x: [f64; INPUTS] = std::array::from_fn(|j| deviation(j) * stream.normal());
            let dot = |v: &[f64]| num::sum(x.iter().zip(v).map(|(x, v)| x * v));
            let flipped = stream.uniform() < FLIPPED;
            let label = if (dot(teacher()) > 0.0) == flipped {
                -1.0
            } else {
                1.0
            };
            let margin = label * dot(w);
            loss += softplus(-margin) * scale;
            let d = -label * num::sigmoid(-margin) * scale;
            for (g, x) in out.iter_mut().zip(x) {
                *g += d * x;
            }
        }
        loss
    }

    /// Standard deviation of the margin and its correlation with the teacher's.
    fn moments(w: &[f64]) -> [f64; 2] {
        let product = |a: &[f64], b: &[f64]| {
            num::sum((0..INPUTS).map(|j| a[j] * b[j] * deviation(j) * deviation(j)))
        };
        let size = product(w, w).sqrt();
        let length = product(teacher(), teacher()).sqrt();
        let rho = if size > 0.0 {
            (product(w, teacher()) / (size * length)).clamp(-1.0, 1.0)
        } else {
            0.0
        };
        [size, rho]
    }

    fn excess(w: &[f64]) -> f64 {
        let [size, rho] = Self::moments(w);
        (expected(size, rho) - optimum()).max(0.0)
    }
}

impl Model for Logistic {
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

    fn judge(&mut self, w: &[f64]) -> [f64; 2] {
        let [_, rho] = Self::moments(w);
        let right = 1.0 - num::acos(rho) / PI;
        let accuracy = (1.0 - FLIPPED) * right + FLIPPED * (1.0 - right);
        [Self::excess(w), accuracy]
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

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut stream = Stream::new(1, StreamId::Test);
        let w: Vec<f64> = (0..INPUTS).map(|_| 0.3 * stream.normal()).collect();
        let mut model = Logistic::new(4, 8);
        let places: Vec<usize> = (0..INPUTS).collect();
        let error = gradient_error(&mut model, &w, &places);
        assert!(error < 1e-6, "{error}");
    }

    #[test]
    fn the_expected_loss_is_that_of_many_samples() {
        let mut stream = Stream::new(2, StreamId::Test);
        let w: Vec<f64> = (0..INPUTS)
            .map(|j| 0.4 * teacher()[j] + 0.2 * stream.normal())
            .collect();
        let [size, rho] = Logistic::moments(&w);
        let mut out = vec![0.0; INPUTS];
        let sampled = Logistic::on(&w, Stream::new(9, StreamId::Test), 20_000, &mut out);
        // Standard error about 0.005.
        assert!((expected(size, rho) - sampled).abs() < 0.02, "{sampled}");
        assert!((expected(0.0, 0.0) - num::ln(2.0)).abs() < 1e-7);
    }

    #[test]
    fn nothing_is_below_the_optimum_and_training_approaches_it() {
        // A tenth of flipped labels leaves more than their entropy.
        let entropy = -(0.1 * num::ln(0.1) + 0.9 * num::ln(0.9));
        assert!(optimum() > entropy && optimum() < num::ln(2.0));
        for size in [0.5, 2.0, 6.0] {
            assert!(expected(size, 1.0) >= optimum() - 1e-12);
            assert!(expected(size, 0.5) > optimum());
        }
        let [before, after] = trained(&mut Logistic::new(1, 16), 0.5, 150);
        assert!(after < 0.3 * before, "{before} {after}");
    }
}
