//! A batch that grows when gradients are noisy ("AdAdaGrad: Adaptive Batch Size Schemes for
//! Adaptive Gradient Methods", arXiv 2402.11215; timlautk/AdAdaGrad): after an update the batch b
//! becomes max(b, ⌈‖Var_i g_i‖₁ / (θ² ‖ḡ‖²)⌉), the inner-product test uses
//! Var_i⟨g_i, ḡ⟩ / (θ² ‖ḡ‖⁴), the augmented one ("Adaptive Sampling Strategies for Stochastic
//! Optimization", arXiv 1710.11258) the larger of that and ‖Var_i g'_i‖₁ / (ν² ‖ḡ‖²), where g' is g
//! without its part along ḡ. The authors' code sums the products tensor by tensor; here a gradient is
//! one vector, as in the papers. The batch never shrinks and ends at a cap. The step is `AdaGrad`-Norm's,
//! η ḡ / √Σ ‖ḡ‖².
//!
//! One update of the run is a budget of one base batch of samples: a batch eight times as large
//! waits for eight of them, so that all runs see the same number of samples.

use super::super::config::{Config, Growth};
use super::super::training::{Batches, SIZES, evaluate};
use super::task::Task;
use crate::core::digits::Samples;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};

/// The batch never grows past this.
const MOST: usize = 1024;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 4] = [
    "batch",
    "optimizer steps",
    "noise scale, rate over batch",
    "batch the test asks for",
];

/// How far the gradients of a batch's samples spread.
#[derive(Debug, Clone, Default)]
struct Spread {
    /// Σ ‖g_i‖².
    squares: f64,
    /// ⟨g_i, ḡ⟩.
    products: Vec<f64>,
    /// ‖ḡ‖².
    square: f64,
}

impl Spread {
    fn per(&self) -> f64 {
        self.products.len() as f64 - 1.0
    }

    /// Sample variance, summed over all coordinates.
    fn whole(&self) -> f64 {
        // Summed over coordinates, Σ g² - n ḡ² is the whole sample variance times n - 1.
        (self.squares - self.products.len() as f64 * self.square) / self.per()
    }

    /// Sample variance of the products with the mean.
    fn along(&self) -> f64 {
        let square = self.square;
        num::sum((self.products.iter()).map(|p| (p - square) * (p - square))) / self.per()
    }

    /// Sample variance at right angles to the mean: what is left of g - (⟨g, ḡ⟩ / ‖ḡ‖²) ḡ, whose mean
    /// is 0.
    fn across(&self) -> f64 {
        let taken = num::sum(self.products.iter().map(|p| p * p)) / self.square;
        ((self.squares - taken) / self.per()).max(0.0)
    }

    /// The batch that a test asks for, with tolerances θ and ν; 0 for none.
    fn wanted(&self, growth: Growth, tolerance: f64, across: f64) -> f64 {
        let limit = tolerance * tolerance;
        let along = || self.along() / (limit * self.square * self.square);
        match growth {
            Growth::Fixed => 0.0,
            Growth::Norm => self.whole() / (limit * self.square),
            Growth::InnerProduct => along(),
            Growth::Augmented => along().max(self.across() / (across * across * self.square)),
        }
    }
}

/// One run.
#[derive(Clone)]
pub(super) struct Growing {
    net: Mlp,
    batches: Batches,
    growth: Growth,
    tolerances: [f64; 2],
    batch: usize,
    /// What the test asked for last; NaN before it did.
    asked: f64,
    /// Samples that were paid for and wait.
    waiting: Samples,
    paid: u64,
    steps: u64,
    squares: f64,
    step_size: f64,
    loss: f64,
    norm: f64,
    work: Workspace,
}

impl Growing {
    pub(super) fn new(config: &Config, batches: Batches) -> Result<Self> {
        Ok(Self {
            net: Mlp::new(&SIZES, &mut Stream::new(batches.seed, StreamId::Weights))?,
            growth: config.growth,
            tolerances: [config.tolerance, config.across],
            batch: batches.size,
            asked: f64::NAN,
            batches,
            waiting: Samples {
                x: Vec::new(),
                labels: Vec::new(),
            },
            paid: 0,
            steps: 0,
            squares: 0.0,
            step_size: 0.0,
            loss: f64::NAN,
            norm: f64::NAN,
            work: Workspace::default(),
        })
    }

    /// Mean gradient of the waiting samples, its squared norm, and the batch that the test asks for.
    fn measure(&mut self) -> (Vec<f32>, f64, f64) {
        let (n, params) = (self.waiting.len(), self.net.params().len());
        let mut mean = vec![0.0_f32; params];
        let samples = std::mem::replace(
            &mut self.waiting,
            Samples {
                x: Vec::new(),
                labels: Vec::new(),
            },
        );
        self.loss = self
            .net
            .gradient(&samples.x, &samples.labels, None, &mut mean, &mut self.work);
        let square = num::sum(mean.iter().map(|g| f64::from(*g) * f64::from(*g)));
        if self.growth == Growth::Fixed || self.batch >= MOST || n < 2 || square <= 0.0 {
            return (mean, square, 0.0);
        }
        let mut one = vec![0.0_f32; params];
        let mut spread = Spread {
            square,
            ..Spread::default()
        };
        for (x, label) in samples.x.chunks_exact(SIZES[0]).zip(&samples.labels) {
            self.net
                .gradient(x, &[*label], None, &mut one, &mut self.work);
            spread.squares += num::sum(one.iter().map(|g| f64::from(*g) * f64::from(*g)));
            spread.products.push(num::sum(
                one.iter()
                    .zip(&mean)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b)),
            ));
        }
        let [tolerance, across] = self.tolerances;
        let wanted = spread.wanted(self.growth, tolerance, across);
        self.asked = wanted;
        (mean, square, wanted)
    }

    fn step(&mut self, rate: f64) {
        let (mean, square, wanted) = self.measure();
        self.squares += square;
        self.step_size = if self.squares > 0.0 {
            rate / self.squares.sqrt()
        } else {
            0.0
        };
        for (w, g) in self.net.params_mut().iter_mut().zip(&mean) {
            *w -= self.step_size as f32 * g;
        }
        self.norm = square.sqrt();
        self.steps += 1;
        self.batch = (wanted.ceil().min(MOST as f64) as usize).max(self.batch);
    }
}

impl Task for Growing {
    fn update(&mut self, rate: f64) {
        let fresh = self.batches.batch(self.paid);
        self.paid += 1;
        self.waiting.x.extend(fresh.x);
        self.waiting.labels.extend(fresh.labels);
        if self.waiting.len() >= self.batch || self.loss.is_nan() {
            self.step(rate);
        }
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn gradient(&self) -> f64 {
        self.norm
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let values = [
            self.batch as f64,
            self.steps as f64,
            self.step_size / self.batch as f64,
            self.asked,
        ];
        let known = |v: &(&str, f64)| !v.1.is_nan();
        TRACES.into_iter().zip(values).filter(known).collect()
    }

    fn finish(&mut self) -> [f64; 2] {
        let result = evaluate(&self.net, &mut self.work);
        [result.loss, result.accuracy()]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        if self.growth == Growth::Fixed { 16 } else { 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(growth: Growth, tolerance: f64) -> Growing {
        let config = Config {
            growth,
            tolerance,
            ..Config::default()
        };
        let mut run = Growing::new(&config, Batches { seed: 1, size: 16 }).unwrap();
        for _ in 0..120 {
            run.update(0.5);
        }
        run
    }

    #[test]
    fn a_fixed_batch_steps_every_time_and_a_growing_one_less_and_less() {
        let fixed = run(Growth::Fixed, 0.5);
        assert_eq!((fixed.batch, fixed.steps), (16, 120));
        // The spread along the mean is one direction of all: its test is met more easily.
        for (growth, tolerance) in [
            (Growth::Norm, 0.5),
            (Growth::InnerProduct, 0.1),
            (Growth::Augmented, 0.5),
        ] {
            let grown = run(growth, tolerance);
            assert!(
                grown.batch > 16 && grown.steps < 110,
                "{growth:?} {} {}",
                grown.batch,
                grown.steps
            );
        }
    }

    #[test]
    fn a_strict_test_goes_to_the_cap_and_a_loose_one_stays() {
        assert_eq!(run(Growth::Norm, 0.01).batch, MOST);
        assert_eq!(run(Growth::Norm, 100.0).batch, 16);
    }

    #[test]
    fn the_three_tests_by_hand() {
        // Samples (1, 1) and (1, -1): the mean is (1, 0), all spread lies across it.
        let across = Spread {
            squares: 4.0,
            products: vec![1.0, 1.0],
            square: 1.0,
        };
        // Samples (0, 0) and (2, 0): the same mean, all spread lies along it.
        let along = Spread {
            squares: 4.0,
            products: vec![0.0, 2.0],
            square: 1.0,
        };
        let asked = |s: &Spread, growth| s.wanted(growth, 0.5, 0.25);
        for (spread, norm, inner, augmented) in [(across, 8.0, 0.0, 32.0), (along, 8.0, 8.0, 8.0)] {
            assert_eq!(asked(&spread, Growth::Norm), norm);
            assert_eq!(asked(&spread, Growth::InnerProduct), inner);
            assert_eq!(asked(&spread, Growth::Augmented), augmented);
            assert_eq!(asked(&spread, Growth::Fixed), 0.0);
        }
    }

    #[test]
    fn the_spread_is_what_lies_along_the_mean_and_across_it() {
        let mut stream = Stream::new(5, StreamId::Test);
        let (n, dims) = (9, 4);
        let samples: Vec<Vec<f64>> = (0..n)
            .map(|_| (0..dims).map(|k| stream.normal() + f64::from(k)).collect())
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mean: Vec<f64> = (0..dims as usize)
            .map(|k| samples.iter().map(|s| s[k]).sum::<f64>() / f64::from(n))
            .collect();
        let spread = Spread {
            squares: samples.iter().map(|s| dot(s, s)).sum(),
            products: samples.iter().map(|s| dot(s, &mean)).collect(),
            square: dot(&mean, &mean),
        };
        let parts = spread.across() + spread.along() / spread.square;
        assert!((spread.whole() / parts - 1.0).abs() < 1e-12, "{spread:?}");
        // Across by its definition.
        let left: f64 = samples
            .iter()
            .map(|s| {
                let share = dot(s, &mean) / spread.square;
                s.iter()
                    .zip(&mean)
                    .map(|(s, m)| (s - share * m).powi(2))
                    .sum::<f64>()
            })
            .sum();
        let want = left / f64::from(n - 1);
        assert!(
            (spread.across() / want - 1.0).abs() < 1e-12,
            "{want} {spread:?}"
        );
        // The augmented test is never the easier one.
        let asked = |growth| spread.wanted(growth, 0.3, 0.3);
        assert!(asked(Growth::Augmented) >= asked(Growth::InnerProduct));
    }

    #[test]
    fn the_variance_is_that_of_the_samples() {
        let mut task = run(Growth::Norm, 1.0);
        task.batch = 16;
        task.waiting = task.batches.batch(7);
        let samples = task.waiting.clone();
        let (mean, square, wanted) = task.measure();
        let n = samples.len();
        let mut total = 0.0;
        for (x, label) in samples.x.chunks_exact(SIZES[0]).zip(&samples.labels) {
            let mut one = vec![0.0; mean.len()];
            task.net
                .gradient(x, &[*label], None, &mut one, &mut task.work);
            total += one
                .iter()
                .zip(&mean)
                .map(|(a, b)| f64::from(a - b) * f64::from(a - b))
                .sum::<f64>();
        }
        let want = total / (n - 1) as f64 / square;
        assert!((wanted / want - 1.0).abs() < 1e-4, "{wanted} {want}");
    }
}
