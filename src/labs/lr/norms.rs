//! Norms of weights and updates, and the sharpness of the loss, along a run.
//!
//! The sharpness is the largest eigenvalue of the Hessian of the loss on a fixed sample, by power
//! iteration on differences of gradients. A step of rate η along that direction overshoots when the
//! sharpness passes 2 / η ("Gradient Descent on Neural Networks Typically Occurs at the Edge of
//! Stability", arXiv 2103.00065).

use super::training::held_out;
use crate::core::digits::PIXELS;
use crate::core::mlp::{Mlp, Workspace};
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Names of the traces.
pub(super) const TRACES: [&str; 3] = ["weight norm", "update norm", "sharpness"];
/// Recorded points between two measurements of the sharpness.
const SPARSE: u64 = 8;
/// Power iterations of the first measurement, and of those that start from the last direction.
const ITERATIONS: [usize; 2] = [8, 4];

/// Euclidean norm.
pub(super) fn norm(v: impl IntoIterator<Item = f64>) -> f64 {
    num::sum(v.into_iter().map(|x| x * x)).sqrt()
}

/// Finds the steepest direction again and again while the weights move.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharpness {
    direction: Vec<f64>,
    measured: u64,
}

impl Sharpness {
    /// The largest eigenvalue (in size) of the Hessian at `w`; `reach` is how far the gradient is
    /// taken on each side.
    pub(super) fn at(
        &mut self,
        w: &[f64],
        reach: f64,
        mut gradient: impl FnMut(&[f64], &mut [f64]),
    ) -> f64 {
        let again = self.direction.len() == w.len();
        if !again {
            let mut stream = Stream::new(0, StreamId::Policy);
            self.direction = w.iter().map(|_| stream.normal()).collect();
        }
        let (mut ahead, mut behind) = (vec![0.0; w.len()], vec![0.0; w.len()]);
        let mut value = 0.0;
        for _ in 0..ITERATIONS[usize::from(again)] {
            let size = norm(self.direction.iter().copied());
            if size.is_nan() || size <= 0.0 {
                self.direction.clear();
                return size;
            }
            let moved = |sign: f64| -> Vec<f64> {
                (w.iter().zip(&self.direction))
                    .map(|(w, d)| w + sign * reach * d / size)
                    .collect()
            };
            gradient(&moved(1.0), &mut ahead);
            gradient(&moved(-1.0), &mut behind);
            value = num::sum(
                (self.direction.iter().zip(ahead.iter().zip(&behind)))
                    .map(|(d, (a, b))| d / size * (a - b) / (2.0 * reach)),
            );
            self.direction = (ahead.iter().zip(&behind))
                .map(|(a, b)| (a - b) / (2.0 * reach))
                .collect();
        }
        value
    }

    /// Whether this recorded point is one of those measured.
    pub(super) fn is_due(&mut self) -> bool {
        self.measured += 1;
        self.measured % SPARSE == 1
    }
}

/// How far weights in single precision are moved on each side for the sharpness.
const REACH: f64 = 1e-2;
/// Held-out digits whose curvature is measured.
const SAMPLES: usize = 128;

/// Watches a digits network: norms and sharpness at recorded updates.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    before: Vec<f32>,
    sharpness: Sharpness,
    work: Workspace,
}

impl Watch {
    /// Keeps the weights before an update.
    pub(super) fn before(&mut self, net: &Mlp) {
        self.before.clear();
        self.before.extend_from_slice(net.params());
    }

    /// What the update left: norms of the weights and of the step, now and then the sharpness.
    pub(super) fn after(&mut self, net: &Mlp) -> Vec<(&'static str, f64)> {
        let w: Vec<f64> = net.params().iter().map(|w| f64::from(*w)).collect();
        let step = norm(w.iter().zip(&self.before).map(|(w, b)| w - f64::from(*b)));
        let mut out = vec![(TRACES[0], norm(w.iter().copied())), (TRACES[1], step)];
        if self.sharpness.is_due() {
            let (mut net, mut g) = (net.clone(), vec![0.0_f32; w.len()]);
            let (samples, work) = (held_out(), &mut self.work);
            let value = self.sharpness.at(&w, REACH, |w, out| {
                for (p, w) in net.params_mut().iter_mut().zip(w) {
                    *p = *w as f32;
                }
                let x = &samples.x[..SAMPLES * PIXELS];
                net.gradient(x, &samples.labels[..SAMPLES], None, &mut g, work);
                for (o, g) in out.iter_mut().zip(&g) {
                    *o = f64::from(*g);
                }
            });
            out.push((TRACES[2], value));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sharpness_of_a_quadratic_is_its_largest_curvature() {
        let curvatures = [0.5, 3.0, 1.0, 0.1];
        let gradient = |w: &[f64], out: &mut [f64]| {
            for ((g, w), c) in out.iter_mut().zip(w).zip(&curvatures) {
                *g = c * w;
            }
        };
        let mut sharpness = Sharpness::default();
        let w = [1.0, -2.0, 0.3, 4.0];
        assert!((sharpness.at(&w, 1e-3, gradient) - 3.0).abs() < 1e-3);
        // Warm-started, four iterations are enough.
        assert!((sharpness.at(&w, 1e-3, gradient) - 3.0).abs() < 1e-6);
    }
}
