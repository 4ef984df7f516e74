//! Plasticity and the effective rate ("Normalization and effective learning rates in reinforcement
//! learning", arXiv 2407.01800): the hidden layer of the digits network is normalised by its root
//! mean square, so only the direction of its weights matters and a step of rate η turns them by
//! about η / ‖W‖². Plain SGD lets ‖W‖ grow, so this effective rate decays although the rate does
//! not; projecting W back to its first norm after every update (`NaP`) keeps it. Labels are permuted
//! anew every few hundred updates, so a network that stops learning is seen to.

use super::super::config::Config;
use super::super::training::{Batches, SIZES};
use super::task::Task;
use crate::core::digits::Samples;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

const INPUTS: usize = SIZES[0];
const HIDDEN: usize = SIZES[1];
const CLASSES: usize = SIZES[2];
const EPSILON: f32 = 1e-6;
/// Share of the run, at its end, that the run is judged by.
const JUDGED: f64 = 0.25;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 3] = [
    "norm of the hidden weights",
    "effective rate",
    "accuracy since the last point",
];

/// The network: hidden weights without a bias (it would break the invariance), output weights and
/// biases.
#[derive(Debug, Clone)]
pub(super) struct Relabel {
    hidden: Vec<f32>,
    output: Vec<f32>,
    bias: [f32; CLASSES],
    first_norm: f64,
    project: bool,
    task_length: u64,
    judged_from: u64,
    batches: Batches,
    done: u64,
    rate: f64,
    loss: f64,
    gradient: f64,
    /// Samples right and seen since the last point, and loss, accuracy and number of batches in the
    /// judged part.
    right: [f64; 2],
    judged: [f64; 3],
}

fn norm(w: &[f32]) -> f64 {
    num::sum(w.iter().map(|w| f64::from(*w) * f64::from(*w))).sqrt()
}

/// Sum of the gradients of a batch, its mean loss and the samples right.
struct Gradient {
    hidden: Vec<f32>,
    output: Vec<f32>,
    bias: [f32; CLASSES],
    loss: f64,
    right: usize,
}

impl Relabel {
    pub(super) fn new(config: &Config, batches: Batches) -> Self {
        let mut stream = Stream::new(batches.seed, StreamId::Weights);
        let mut layer = |fan_in: usize, fan_out: usize| -> Vec<f32> {
            let sd = (2.0 / fan_in as f32).sqrt();
            (0..fan_in * fan_out)
                .map(|_| sd * stream.normal_f32())
                .collect()
        };
        let hidden = layer(INPUTS, HIDDEN);
        Self {
            first_norm: norm(&hidden),
            hidden,
            output: layer(HIDDEN, CLASSES),
            bias: [0.0; CLASSES],
            project: config.project,
            task_length: config.task_length,
            judged_from: ((1.0 - JUDGED) * config.horizon as f64) as u64,
            batches,
            done: 0,
            rate: f64::NAN,
            loss: f64::NAN,
            gradient: f64::NAN,
            right: [0.0; 2],
            judged: [0.0; 3],
        }
    }

    /// The label that every class has in the task under way.
    fn labels(&self) -> [u8; CLASSES] {
        let mut labels: [u8; CLASSES] = std::array::from_fn(|c| c as u8);
        let task = (self.done / self.task_length.max(1)) as u32;
        Stream::new(self.batches.seed, StreamId::Classes)
            .step(task)
            .shuffle(&mut labels);
        labels
    }

    fn gradient(&self, batch: &Samples, labels: &[u8; CLASSES]) -> Gradient {
        let mut out = Gradient {
            hidden: vec![0.0; self.hidden.len()],
            output: vec![0.0; self.output.len()],
            bias: [0.0; CLASSES],
            loss: 0.0,
            right: 0,
        };
        let scale = 1.0 / batch.len() as f32;
        for (x, class) in batch.x.chunks_exact(INPUTS).zip(&batch.labels) {
            let label = usize::from(labels[usize::from(*class)]);
            let h: [f32; HIDDEN] = std::array::from_fn(|j| {
                let row = &self.hidden[j * INPUTS..(j + 1) * INPUTS];
                row.iter().zip(x).map(|(w, x)| w * x).sum()
            });
            let root = (h.iter().map(|v| v * v).sum::<f32>() / HIDDEN as f32 + EPSILON).sqrt();
            let n = h.map(|v| v / root);
            let a = n.map(|v| v.max(0.0));
            let z: [f32; CLASSES] = std::array::from_fn(|c| {
                let row = &self.output[c * HIDDEN..(c + 1) * HIDDEN];
                row.iter().zip(&a).map(|(w, a)| w * a).sum::<f32>() + self.bias[c]
            });
            let top = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let e = z.map(|v| num::expf(v - top));
            let total: f32 = e.iter().sum();
            out.loss += num::ln(f64::from(total)) + f64::from(top - z[label]);
            let first = z.iter().position(|v| *v == top);
            out.right += usize::from(first == Some(label));
            let dz: [f32; CLASSES] = std::array::from_fn(|c| {
                let hot = f32::from(u8::from(c == label));
                scale * (e[c] / total - hot)
            });
            let mut dn = [0.0_f32; HIDDEN];
            for (c, d) in dz.iter().enumerate() {
                out.bias[c] += d;
                for j in 0..HIDDEN {
                    out.output[c * HIDDEN + j] += d * a[j];
                    if n[j] > 0.0 {
                        dn[j] += d * self.output[c * HIDDEN + j];
                    }
                }
            }
            let along = dn.iter().zip(&n).map(|(d, n)| d * n).sum::<f32>() / HIDDEN as f32;
            for j in 0..HIDDEN {
                let d = (dn[j] - along * n[j]) / root;
                let row = &mut out.hidden[j * INPUTS..(j + 1) * INPUTS];
                for (g, x) in row.iter_mut().zip(x) {
                    *g += d * x;
                }
            }
        }
        out.loss /= batch.len() as f64;
        out
    }
}

impl Task for Relabel {
    fn update(&mut self, rate: f64) {
        let batch = self.batches.batch(self.done);
        let g = self.gradient(&batch, &self.labels());
        let step = |weights: &mut [f32], gradient: &[f32]| {
            for (w, g) in weights.iter_mut().zip(gradient) {
                *w -= rate as f32 * g;
            }
        };
        step(&mut self.hidden, &g.hidden);
        step(&mut self.output, &g.output);
        step(&mut self.bias, &g.bias);
        if self.project {
            let back = (self.first_norm / norm(&self.hidden)) as f32;
            for w in &mut self.hidden {
                *w *= back;
            }
        }
        let n = batch.len() as f64;
        self.right[0] += g.right as f64;
        self.right[1] += n;
        if self.done >= self.judged_from {
            self.judged[0] += g.loss;
            self.judged[1] += g.right as f64 / n;
            self.judged[2] += 1.0;
        }
        self.gradient = norm(&g.hidden);
        self.loss = g.loss;
        self.rate = rate;
        self.done += 1;
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn gradient(&self) -> f64 {
        self.gradient
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let size = norm(&self.hidden);
        let accuracy = self.right[0] / self.right[1];
        self.right = [0.0; 2];
        let values = [size, self.rate / (size * size), accuracy];
        TRACES.into_iter().zip(values).collect()
    }

    fn finish(&mut self) -> [f64; 2] {
        let [loss, right, n] = self.judged;
        [loss / n, right / n]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        12
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(project: bool) -> Relabel {
        let config = Config {
            project,
            ..Config::default()
        };
        Relabel::new(&config, Batches { seed: 2, size: 8 })
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences_and_is_blind_to_the_norm() {
        let mut net = run(false);
        let batch = net.batches.batch(0);
        let labels = net.labels();
        let g = net.gradient(&batch, &labels);
        // Along the gradient itself the slope is its squared norm; single weights would drown in the
        // rounding of single precision.
        let size: f64 = g.hidden.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        let h = 0.02_f32;
        let start = net.hidden.clone();
        let mut at = |h: f32| {
            for ((w, s), g) in net.hidden.iter_mut().zip(&start).zip(&g.hidden) {
                *w = s + h * g;
            }
            net.gradient(&batch, &labels).loss
        };
        let slope = (at(h) - at(-h)) / f64::from(2.0 * h);
        at(0.0);
        assert!((slope / size - 1.0).abs() < 0.02, "{slope} {size}");
        let along: f32 = g.hidden.iter().zip(&net.hidden).map(|(g, w)| g * w).sum();
        assert!(along.abs() < 1e-3, "{along}");
        for w in &mut net.hidden {
            *w *= 3.0;
        }
        assert!((net.gradient(&batch, &labels).loss - g.loss).abs() < 1e-4);
    }

    #[test]
    fn the_norm_grows_without_projection_and_stays_with_it() {
        let norms = [false, true].map(|project| {
            let mut net = run(project);
            for _ in 0..100 {
                net.update(0.5);
            }
            norm(&net.hidden) / net.first_norm
        });
        assert!(norms[0] > 1.05, "{norms:?}");
        assert!((norms[1] - 1.0).abs() < 1e-5, "{norms:?}");
    }

    #[test]
    fn labels_change_from_task_to_task() {
        let mut net = run(false);
        let first = net.labels();
        net.done = net.task_length;
        assert_ne!(net.labels(), first);
    }
}
