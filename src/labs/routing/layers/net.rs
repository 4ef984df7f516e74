//! The network: stem, residual blocks with RMS norm, and after every block an exit (head and exit
//! probability) whose last one is the network's output.

use crate::core::digits::{self, CLASSES, LR_TRAIN, PIXELS};
use crate::core::matrix::dot;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::ops::Range;

/// Width of the residual path, and hidden units of a block.
pub(super) const WIDTH: usize = 24;
pub(super) const HIDDEN: usize = 16;
/// Added to the mean square under RMS norm's root.
const RMS_EPS: f64 = 1e-6;

const STEM: usize = (PIXELS + 1) * WIDTH;
const BLOCK: usize = (WIDTH + 1) * HIDDEN + (HIDDEN + 1) * WIDTH;
/// Head, then the exit probability's row.
const EXIT: usize = (WIDTH + 1) * (CLASSES + 1);

/// Images with noise, as the network sees them.
#[derive(Debug, Clone, Default)]
pub(in crate::labs::routing) struct Samples {
    /// Pixels, one image after the other.
    pub(in crate::labs::routing) x: Vec<f64>,
    /// Digits.
    pub(in crate::labs::routing) labels: Vec<u8>,
}

/// Draws training or held-out images with fresh noise, one by one.
#[derive(Debug, Clone)]
pub(in crate::labs::routing) struct SampleSource {
    from: &'static [usize],
    noise: f64,
    pick: Stream,
    draw: Stream,
}

impl SampleSource {
    /// Starts a draw of its own for every step.
    pub(in crate::labs::routing) fn new(seed: u64, held_out: bool, noise: f64, step: u32) -> Self {
        let (train, test) = digits::digits().split(LR_TRAIN);
        let which = 40 + u32::from(held_out);
        Self {
            from: if held_out { test } else { train },
            noise,
            pick: Stream::new(seed, StreamId::DataOrder)
                .step(step)
                .replicate(which),
            draw: Stream::new(seed, StreamId::Noise)
                .step(step)
                .replicate(which),
        }
    }

    /// Adds the next image.
    pub(in crate::labs::routing) fn draw(&mut self, to: &mut Samples) {
        let index = self.from[self.pick.below(self.from.len() as u32) as usize];
        to.x.extend(digits::digits().raw(index).iter().map(|&v| {
            let clean = (f64::from(v) / 16.0 - 0.3) / 0.38;
            clean + self.noise * f64::from(self.draw.normal_f32())
        }));
        to.labels.push(digits::digits().labels()[index]);
    }
}

/// The training or held-out images with fresh noise.
pub(super) fn samples(seed: u64, held_out: bool, noise: f64, step: u32, count: usize) -> Samples {
    let mut source = SampleSource::new(seed, held_out, noise, step);
    let mut out = Samples::default();
    for _ in 0..count {
        source.draw(&mut out);
    }
    out
}

/// The same in single precision.
pub(in crate::labs::routing) fn noisy_digits(
    seed: u64,
    held_out: bool,
    noise: f64,
    step: u32,
    count: usize,
) -> (Vec<f32>, Vec<u8>) {
    let all = samples(seed, held_out, noise, step, count);
    (all.x.iter().map(|&v| v as f32).collect(), all.labels)
}

/// A network with its parameters in one flat vector.
#[derive(Debug, Clone)]
pub(super) struct Net {
    pub(super) blocks: usize,
    pub(super) params: Vec<f64>,
}

/// y = W x + b.
pub(super) fn linear(params: &[f64], x: &[f64]) -> Vec<f64> {
    let (weights, biases) = params.split_at(params.len() / (x.len() + 1) * x.len());
    let rows = weights.chunks_exact(x.len()).zip(biases);
    rows.map(|(row, b)| dot(row, x) + b).collect()
}

/// Adds the gradient of [`linear`]; returns that of x.
pub(super) fn linear_back(params: &[f64], x: &[f64], delta: &[f64], grad: &mut [f64]) -> Vec<f64> {
    let at = delta.len() * x.len();
    let (gw, gb) = grad.split_at_mut(at);
    let mut below = vec![0.0; x.len()];
    let rows = params[..at]
        .chunks_exact(x.len())
        .zip(gw.chunks_exact_mut(x.len()));
    for (((row, g), b), &d) in rows.zip(gb).zip(delta) {
        if d == 0.0 {
            continue;
        }
        *b += d;
        for (((g, w), v), o) in g.iter_mut().zip(row).zip(x).zip(below.iter_mut()) {
            *g += d * v;
            *o += d * w;
        }
    }
    below
}

fn rms(h: &[f64]) -> (f64, Vec<f64>) {
    let norm = (dot(h, h) / h.len() as f64 + RMS_EPS).sqrt();
    (norm, h.iter().map(|v| v / norm).collect())
}

fn rms_back(normed: &[f64], norm: f64, delta: &[f64]) -> Vec<f64> {
    let along = dot(normed, delta) / normed.len() as f64;
    let all = delta.iter().zip(normed);
    all.map(|(d, v)| (d - v * along) / norm).collect()
}

/// Where a sample has been, for the backward pass.
#[derive(Debug, Clone, Default)]
struct Trace {
    /// Residual stream before each block, and after the last.
    stream: Vec<Vec<f64>>,
    /// Hidden units of each block.
    hidden: Vec<Vec<f64>>,
}

/// Loss of a sample: the exits' cross-entropies under their exit distribution, the divergence of
/// that from a geometric prior, and the last exit's cross-entropy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Objective {
    /// Weight β of the divergence.
    pub(super) divergence: f64,
    /// Exit probability λ of the prior.
    pub(super) prior: f64,
}

impl Net {
    pub(super) fn new(blocks: usize, seed: u64) -> Self {
        let mut net = Self {
            blocks,
            params: vec![0.0; STEM + blocks * (BLOCK + EXIT)],
        };
        let mut stream = Stream::new(seed, StreamId::Weights).replicate(41);
        let mut fill = |range: &mut [f64], variance: f64| {
            for w in range {
                *w = variance.sqrt() * f64::from(stream.normal_f32());
            }
        };
        fill(&mut net.params[..PIXELS * WIDTH], 1.0 / PIXELS as f64);
        for l in 0..blocks {
            let start = Self::block(l).start;
            let second = start + (WIDTH + 1) * HIDDEN;
            fill(
                &mut net.params[start..start + WIDTH * HIDDEN],
                2.0 / WIDTH as f64,
            );
            fill(
                &mut net.params[second..second + WIDTH * HIDDEN],
                0.5 / HIDDEN as f64,
            );
            let exit = net.exit(l).start;
            fill(
                &mut net.params[exit..exit + WIDTH * CLASSES],
                1.0 / WIDTH as f64,
            );
        }
        net
    }

    fn block(l: usize) -> Range<usize> {
        STEM + l * BLOCK..STEM + (l + 1) * BLOCK
    }

    fn exit(&self, l: usize) -> Range<usize> {
        let start = STEM + self.blocks * BLOCK + l * EXIT;
        start..start + EXIT
    }

    /// Residual stream of an image before the first block.
    pub(super) fn start(&self, x: &[f64]) -> Vec<f64> {
        linear(&self.params[..STEM], x)
    }

    /// What block `l` adds to the stream.
    pub(super) fn update(&self, l: usize, h: &[f64]) -> Vec<f64> {
        self.hidden(l, h).1
    }

    /// Hidden units of block `l`, and what it adds to the stream.
    pub(super) fn hidden(&self, l: usize, h: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (first, second) = self.params[Self::block(l)].split_at((WIDTH + 1) * HIDDEN);
        let mut units = linear(first, &rms(h).1);
        for u in &mut units {
            *u = u.max(0.0);
        }
        let out = linear(second, &units);
        (units, out)
    }

    /// The stream after block `l`.
    pub(super) fn after(&self, l: usize, h: &[f64]) -> Vec<f64> {
        let add = self.update(l, h);
        h.iter().zip(add).map(|(a, b)| a + b).collect()
    }

    /// Logits of the exit after block `l`, then the logit of leaving there.
    pub(super) fn leave(&self, l: usize, h: &[f64]) -> (Vec<f64>, f64) {
        let mut out = linear(&self.params[self.exit(l)], &rms(h).1);
        let leave = out.pop().unwrap_or(0.0);
        (out, leave)
    }

    /// Logits of the network's output for a stream after the last block.
    pub(super) fn output(&self, h: &[f64]) -> Vec<f64> {
        self.leave(self.blocks - 1, h).0
    }

    /// Loss of a sample; adds its gradient.
    pub(super) fn learn(
        &self,
        x: &[f64],
        label: usize,
        objective: Objective,
        grad: &mut [f64],
    ) -> f64 {
        let mut trace = Trace {
            stream: vec![self.start(x)],
            ..Trace::default()
        };
        let mut exits = Vec::with_capacity(self.blocks);
        for l in 0..self.blocks {
            let h = &trace.stream[l];
            let (units, add) = self.hidden(l, h);
            let next: Vec<f64> = h.iter().zip(add).map(|(a, b)| a + b).collect();
            exits.push(self.leave(l, &next));
            trace.hidden.push(units);
            trace.stream.push(next);
        }
        let (loss, by_exit) = super::exits::loss(&exits, label, objective);
        let mut delta = vec![0.0; WIDTH];
        for l in (0..self.blocks).rev() {
            let back = self.exit_back(l, &trace.stream[l + 1], &by_exit[l], grad);
            add(&mut delta, &back);
            let back = self.block_back(l, &trace.stream[l], &trace.hidden[l], &delta, grad);
            add(&mut delta, &back);
        }
        self.start_back(x, &delta, grad);
        loss
    }

    /// Adds the gradient of the exit after block `l`, whose outputs (logits, then the leaving
    /// logit) have the gradient `delta`; returns that of the stream.
    pub(super) fn exit_back(
        &self,
        l: usize,
        h: &[f64],
        delta: &[f64],
        grad: &mut [f64],
    ) -> Vec<f64> {
        let (norm, normed) = rms(h);
        let range = self.exit(l);
        let params = &self.params[range.clone()];
        let back = linear_back(params, &normed, delta, &mut grad[range]);
        rms_back(&normed, norm, &back)
    }

    /// Adds the gradient of what block `l` adds to the stream, which has the gradient `delta`;
    /// returns that of the stream before it (without the residual path).
    pub(super) fn block_back(
        &self,
        l: usize,
        h: &[f64],
        units: &[f64],
        delta: &[f64],
        grad: &mut [f64],
    ) -> Vec<f64> {
        let (norm, normed) = rms(h);
        let range = Self::block(l);
        let at = (WIDTH + 1) * HIDDEN;
        let (first, second) = self.params[range.clone()].split_at(at);
        let (g1, g2) = grad[range].split_at_mut(at);
        let mut up = linear_back(second, units, delta, g2);
        for (u, v) in up.iter_mut().zip(units) {
            if *v <= 0.0 {
                *u = 0.0;
            }
        }
        let back = linear_back(first, &normed, &up, g1);
        rms_back(&normed, norm, &back)
    }

    /// Adds the gradient of the stem for an image.
    pub(super) fn start_back(&self, x: &[f64], delta: &[f64], grad: &mut [f64]) {
        linear_back(&self.params[..STEM], x, delta, &mut grad[..STEM]);
    }
}

/// a += b.
pub(super) fn add(a: &mut [f64], b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
}

/// -ln softmax(logits)[label].
pub(super) fn cross_entropy(logits: &[f64], label: usize) -> f64 {
    crate::core::gate::log_sum_exp(logits) - logits[label]
}

/// Adam on a flat vector (0.9, 0.999), one update.
#[derive(Debug, Clone)]
pub(in crate::labs::routing) struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    step: f64,
}

impl Adam {
    pub(in crate::labs::routing) fn new(n: usize) -> Self {
        Self {
            first: vec![0.0; n],
            second: vec![0.0; n],
            step: 0.0,
        }
    }

    pub(in crate::labs::routing) fn update(&mut self, params: &mut [f64], grad: &[f64], rate: f64) {
        self.step += 1.0;
        let c = [0.9, 0.999].map(|b| 1.0 - num::pow(b, self.step));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, &g), (m, v)) in params.iter_mut().zip(grad).zip(moments) {
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            *w -= rate * (*m / c[0]) / ((*v / c[1]).sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut net = Net::new(3, 5);
        let data = samples(5, false, 0.5, 0, 4);
        let objective = Objective {
            divergence: 0.5,
            prior: 0.3,
        };
        let total = |net: &Net| -> f64 {
            let mut unused = vec![0.0; net.params.len()];
            data.x
                .chunks_exact(PIXELS)
                .zip(&data.labels)
                .map(|(x, &y)| net.learn(x, usize::from(y), objective, &mut unused))
                .sum()
        };
        let mut grad = vec![0.0; net.params.len()];
        for (x, &y) in data.x.chunks_exact(PIXELS).zip(&data.labels) {
            net.learn(x, usize::from(y), objective, &mut grad);
        }
        let h = 1e-6;
        for i in (0..net.params.len()).step_by(61) {
            let w = net.params[i];
            net.params[i] = w + h;
            let up = total(&net);
            net.params[i] = w - h;
            let slope = (up - total(&net)) / (2.0 * h);
            net.params[i] = w;
            assert!(
                (slope - grad[i]).abs() < 1e-5 * (1.0 + slope.abs()),
                "{i}: {slope} {}",
                grad[i]
            );
        }
    }
}
