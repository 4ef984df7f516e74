//! Dr.LLM's routers (arXiv 2510.12773): one small network per block looks at the stream and says
//! skip, run or repeat; trained by focal loss on the cheapest correct paths.

use super::super::rules::models::{self, LayerRouter};
use super::net::{Adam, Net, WIDTH, linear, linear_back};
use super::paths::{self, ACTIONS};
use crate::core::gate;
use crate::core::matrix::Matrix;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Hidden units of a router.
const UNITS: usize = 32;
/// Focal loss exponent and the base of the class weights.
const GAMMA: f64 = 2.0;
const BETA: f64 = 0.999;
/// Passes over the labelled samples, and Adam's rate.
const EPOCHS: usize = 12;
const RATE: f64 = 3e-3;
const BATCH: usize = 32;

/// A labelled decision: the stream before a block, and what the path does with it.
#[derive(Debug, Clone)]
struct Example {
    stream: Vec<f64>,
    action: usize,
}

/// The routers of all blocks, in training.
pub(super) struct Routers {
    params: Vec<Vec<f64>>,
    adam: Vec<Adam>,
    examples: Vec<Vec<Example>>,
    weights: Vec<f64>,
    epoch: usize,
    /// Block whose examples come next.
    next: usize,
    seed: u64,
}

const FIRST: usize = (WIDTH + 1) * UNITS;
const SIZE: usize = FIRST + (UNITS + 1) * ACTIONS;

fn gelu(x: f64) -> (f64, f64) {
    let c = (2.0 / std::f64::consts::PI).sqrt();
    let t = num::tanh(c * (x + 0.044_715 * x * x * x));
    let slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044_715 * x * x);
    (0.5 * x * (1.0 + t), slope)
}

impl Routers {
    pub(super) fn new(blocks: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, StreamId::Weights).replicate(43);
        let params = (0..blocks)
            .map(|_| {
                let mut p = vec![0.0; SIZE];
                for w in &mut p[..WIDTH * UNITS] {
                    *w = (1.0 / WIDTH as f64).sqrt() * f64::from(stream.normal_f32());
                }
                for w in &mut p[FIRST..FIRST + UNITS * ACTIONS] {
                    *w = (1.0 / UNITS as f64).sqrt() * f64::from(stream.normal_f32());
                }
                p
            })
            .collect();
        Self {
            params,
            adam: vec![Adam::new(SIZE); blocks],
            examples: vec![Vec::new(); blocks],
            weights: Vec::new(),
            epoch: 0,
            next: 0,
            seed,
        }
    }

    /// Adds the decisions of a path on an image.
    pub(super) fn label(&mut self, net: &Net, x: &[f64], path: usize) {
        let mut h = net.start(x);
        for l in 0..net.blocks {
            let action = paths::action(path, l, net.blocks);
            self.examples[l].push(Example {
                stream: h.clone(),
                action,
            });
            for _ in 0..action {
                h = net.after(l, &h);
            }
        }
    }

    /// One pass over the examples of the next block; `true` when all passes over all are done.
    pub(super) fn train(&mut self) -> bool {
        if self.weights.is_empty() {
            let mut counts = vec![0.0_f64; ACTIONS];
            for e in self.examples.iter().flatten() {
                counts[e.action] += 1.0;
            }
            for n in &mut counts {
                *n = n.max(1.0);
            }
            self.weights = models::class_weights(&counts, BETA);
        }
        let l = self.next;
        let mut order: Vec<usize> = (0..self.examples[l].len()).collect();
        Stream::new(self.seed, StreamId::DataOrder)
            .step(self.epoch as u32)
            .replicate(44 + l as u32)
            .shuffle(&mut order);
        for batch in order.chunks(BATCH) {
            let mut grad = vec![0.0; SIZE];
            for &i in batch {
                let e = &self.examples[l][i];
                focal(&self.params[l], e, &self.weights, batch.len(), &mut grad);
            }
            self.adam[l].update(&mut self.params[l], &grad, RATE);
        }
        self.next += 1;
        if self.next == self.params.len() {
            self.next = 0;
            self.epoch += 1;
        }
        self.epoch >= EPOCHS
    }

    /// Share of the passes done.
    pub(super) fn progress(&self) -> f64 {
        let all = EPOCHS * self.params.len();
        (self.epoch * self.params.len() + self.next) as f64 / all as f64
    }

    /// Share of the training decisions by action.
    pub(super) fn labels(&self) -> [f64; ACTIONS] {
        let mut out = [0.0; ACTIONS];
        let all: Vec<usize> = self.examples.iter().flatten().map(|e| e.action).collect();
        for a in &all {
            out[*a] += 1.0 / all.len() as f64;
        }
        out
    }

    /// The router of a block in the form of the reference rule.
    fn rule(&self, l: usize) -> LayerRouter {
        let p = &self.params[l];
        let second = FIRST + UNITS * ACTIONS;
        LayerRouter {
            w1: Matrix {
                rows: UNITS,
                cols: WIDTH,
                data: p[..WIDTH * UNITS].to_vec(),
            },
            b1: p[WIDTH * UNITS..FIRST].to_vec(),
            w2: Matrix {
                rows: ACTIONS,
                cols: UNITS,
                data: p[FIRST..second].to_vec(),
            },
            b2: p[second..].to_vec(),
        }
    }

    /// Path that the routers choose for an image, at a control between skip (-1) and repeat (1).
    pub(super) fn route(&self, net: &Net, x: &[f64], control: f64) -> (usize, Vec<f64>) {
        let mut h = net.start(x);
        let mut path = 0;
        for l in 0..net.blocks {
            let row = Matrix {
                rows: 1,
                cols: WIDTH,
                data: h.clone(),
            };
            let (logits, _) = self.rule(l).window_logits(&row, 1);
            let policy = models::control(logits.row(0), control);
            let action = gate::argmax(&policy);
            path = path * ACTIONS + action;
            for _ in 0..action {
                h = net.after(l, &h);
            }
        }
        (path, h)
    }
}

/// Adds the gradient of w_c (1 - p_c)^γ (-ln p_c) over the batch size.
fn focal(params: &[f64], e: &Example, weights: &[f64], batch: usize, grad: &mut [f64]) -> f64 {
    let (first, second) = params.split_at(FIRST);
    let u = linear(first, &e.stream);
    let (units, slopes): (Vec<f64>, Vec<f64>) = u.iter().map(|&v| gelu(v)).unzip();
    let z = linear(second, &units);
    let p = gate::softmax(&z);
    let c = e.action;
    let rest = 1.0 - p[c];
    let ln_p = num::ln(p[c]);
    let scale = weights[c] / batch as f64;
    // d/dp_c, times dp_c/dz_j = p_c (1{j = c} - p_j).
    let by_p = scale * (GAMMA * num::pow(rest, GAMMA - 1.0) * ln_p - num::pow(rest, GAMMA) / p[c]);
    let delta: Vec<f64> = (0..ACTIONS)
        .map(|j| by_p * p[c] * (f64::from(u8::from(j == c)) - p[j]))
        .collect();
    let (g1, g2) = grad.split_at_mut(FIRST);
    let mut up = linear_back(second, &units, &delta, g2);
    for (u, s) in up.iter_mut().zip(slopes) {
        *u *= s;
    }
    linear_back(first, &e.stream, &up, g1);
    scale * num::pow(rest, GAMMA) * -ln_p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_of_the_focal_loss_agrees_with_finite_differences() {
        let mut params = Routers::new(1, 3).params.remove(0);
        let mut draw = Stream::new(4, StreamId::Test);
        let e = Example {
            stream: (0..WIDTH).map(|_| f64::from(draw.normal_f32())).collect(),
            action: 2,
        };
        let weights = [0.5, 0.7, 1.8];
        let mut grad = vec![0.0; SIZE];
        focal(&params, &e, &weights, 3, &mut grad);
        let h = 1e-6;
        for i in (0..SIZE).step_by(17) {
            let w = params[i];
            let mut unused = vec![0.0; SIZE];
            params[i] = w + h;
            let up = focal(&params, &e, &weights, 3, &mut unused);
            params[i] = w - h;
            let slope = (up - focal(&params, &e, &weights, 3, &mut unused)) / (2.0 * h);
            params[i] = w;
            assert!((slope - grad[i]).abs() < 1e-6, "{i}: {slope} {}", grad[i]);
        }
    }
}
