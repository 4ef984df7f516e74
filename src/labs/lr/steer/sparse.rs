//! Large steps on a diagonal network ("SGD with Large Step Sizes Learns Sparse Features", arXiv
//! 2210.05337; tml-epfl/sgd-sparse-features): f(x) = ⟨u ∘ v, x⟩ on 40 Gaussian samples in 100
//! dimensions, a teacher with 20 positive weights of unit norm, u = 0.1 and v = 0 at the start,
//! SGD on one sample at a time. A large rate keeps the loss up and lets small products die; the
//! drop of the rate then fits what is left.

use super::task::Task;
use crate::core::Arrange as _;
use crate::core::rng::{Stream, StreamId};
use std::sync::Arc;

const SAMPLES: usize = 40;
const DIMS: usize = 100;
const ACTIVE: usize = 20;
/// u at the start.
const START: f64 = 0.1;
/// Products below this count as dead.
const DEAD: f64 = 0.01;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 2] = ["weights above 0.01", "test loss"];

/// Data of one seed.
#[derive(Debug)]
struct Data {
    /// Rows of x, then the targets.
    x: Vec<[f64; DIMS]>,
    y: Vec<f64>,
    teacher: [f64; DIMS],
}

impl Data {
    fn new(seed: u64) -> Self {
        let mut stream = Stream::new(seed, StreamId::Data);
        let mut teacher = [0.0; DIMS];
        for w in &mut teacher[..ACTIVE] {
            *w = stream.normal().abs();
        }
        let norm = teacher.iter().map(|w| w * w).sum::<f64>().sqrt();
        for w in &mut teacher {
            *w /= norm;
        }
        let x: Vec<[f64; DIMS]> = (0..SAMPLES)
            .map(|_| std::array::from_fn(|_| stream.normal()))
            .collect();
        let y = x.iter().map(|row| dot(row, &teacher)).collect();
        Self { x, y, teacher }
    }
}

fn dot(a: &[f64; DIMS], b: &[f64; DIMS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Sparse {
    data: Arc<Data>,
    u: [f64; DIMS],
    v: [f64; DIMS],
    seed: u64,
    done: u32,
    loss: f64,
    norm: f64,
}

impl Sparse {
    /// The data and order of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            data: Arc::new(Data::new(seed)),
            u: [START; DIMS],
            v: [0.0; DIMS],
            seed,
            done: 0,
            loss: f64::NAN,
            norm: f64::NAN,
        }
    }

    fn products(&self) -> [f64; DIMS] {
        std::array::from_fn(|i| self.u[i] * self.v[i])
    }

    /// Weights whose product is not dead.
    fn active(&self) -> usize {
        self.products().iter().filter(|b| b.abs() > DEAD).count()
    }

    /// Half the squared distance of the products to the teacher: the expected loss.
    fn test_loss(&self) -> f64 {
        let teacher = &self.data.teacher;
        let square: f64 = (self.products().iter().zip(teacher))
            .map(|(b, t)| (b - t) * (b - t))
            .sum();
        0.5 * square
    }
}

impl Task for Sparse {
    fn update(&mut self, rate: f64) {
        let stream = Stream::new(self.seed, StreamId::DataOrder);
        let i = stream.step(self.done).below(SAMPLES as u32) as usize;
        let x = &self.data.x[i];
        let error = dot(x, &self.products()) - self.data.y[i];
        let mut square = 0.0;
        for (k, x) in x.iter().enumerate() {
            let (u, v) = (self.u[k], self.v[k]);
            let g = error * x;
            self.u[k] = u - rate * g * v;
            self.v[k] = v - rate * g * u;
            square += g * g * (u * u + v * v);
        }
        self.loss = 0.5 * error * error;
        self.norm = square.sqrt();
        self.done += 1;
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn gradient(&self) -> f64 {
        self.norm
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let values = [self.active() as f64, self.test_loss()];
        TRACES.into_iter().zip(values).collect()
    }

    fn profile(&self) -> Vec<f64> {
        let mut sizes = self.products().map(f64::abs).to_vec();
        sizes.arrange_by(|a, b| b.total_cmp(a));
        sizes
    }

    fn finish(&mut self) -> [f64; 2] {
        [self.test_loss(), f64::NAN]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        2000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights alive and test loss after 20,000 updates, the second half at a tenth.
    fn run(seed: u64, rate: f64, drop: bool) -> (usize, f64) {
        let mut task = Sparse::new(seed);
        for i in 0..20_000 {
            let late = drop && i >= 10_000;
            task.update(if late { rate / 10.0 } else { rate });
        }
        (task.active(), task.test_loss())
    }

    #[test]
    fn a_large_rate_with_a_drop_leaves_fewer_weights_alive_than_a_small_one() {
        let (small, large) = (run(2, 0.05, false), run(2, 0.2, true));
        assert!(
            large.0 < small.0 && large.1 < small.1,
            "{small:?} {large:?}"
        );
    }
}
