//! The network: an optional stem (linear, RMS norm), a linear gate, experts, an optional head.
//!
//! Without stem and head (vectors) the experts are linear and their weighted sum is the output;
//! with them (digits) the experts are ReLU networks on the residual path. Parameters lie in one flat
//! vector. The gradient goes through the weights of the chosen experts; the choice has none.

use super::super::config::Score;
use super::super::rules::capacity::ranks;
use crate::core::gate;
use crate::core::matrix::dot;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::ops::Range;

/// Added to the mean square under RMS norm's root.
const RMS_EPS: f64 = 1e-6;
/// Guards the sum of gates that are divided by it.
const SUM_EPS: f64 = 1e-20;

/// Sizes of the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::labs::routing) struct Shape {
    /// Width of an input.
    pub(super) inputs: usize,
    /// Width of what gate and experts see.
    pub(super) width: usize,
    /// Number of experts.
    pub(super) experts: usize,
    /// Hidden units of an expert.
    pub(super) hidden: usize,
    /// Width of the output.
    pub(super) outputs: usize,
    /// Whether there are stem, ReLU experts on a residual path, and head.
    pub(super) deep: bool,
}

impl Shape {
    fn stem(&self) -> usize {
        if self.deep {
            (self.inputs + 1) * self.width
        } else {
            0
        }
    }

    /// Where the gate's rows lie.
    pub(super) fn gate(&self) -> Range<usize> {
        let start = self.stem();
        start..start + self.experts * self.width
    }

    /// Width of what an expert gives.
    fn given(&self) -> usize {
        if self.deep { self.width } else { self.outputs }
    }

    fn expert_size(&self) -> usize {
        let first = (self.width + 1) * self.hidden;
        if self.deep {
            first + (self.hidden + 1) * self.width
        } else {
            first
        }
    }

    /// Where an expert's parameters lie: first weights (hidden × width), first biases, then the
    /// second ones.
    fn expert(&self, e: usize) -> Range<usize> {
        let start = self.gate().end + e * self.expert_size();
        start..start + self.expert_size()
    }

    /// Where an expert's first weights lie, row by row.
    pub(super) fn projection(&self, e: usize) -> Range<usize> {
        let start = self.expert(e).start;
        start..start + self.hidden * self.width
    }

    fn head(&self) -> Range<usize> {
        let start = self.gate().end + self.experts * self.expert_size();
        let size = if self.deep {
            (self.width + 1) * self.outputs
        } else {
            0
        };
        start..start + size
    }

    /// Number of parameters.
    pub(super) fn parameters(&self) -> usize {
        self.head().end
    }

    /// Initial parameters: N(0, 1/fan-in), N(0, 2/fan-in) before a ReLU, biases 0.
    pub(super) fn draw(&self, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, StreamId::Weights).replicate(7);
        let mut out = vec![0.0; self.parameters()];
        let mut fill = |range: Range<usize>, variance: f64| {
            for w in &mut out[range] {
                *w = variance.sqrt() * f64::from(stream.normal_f32());
            }
        };
        let (inputs, width, hidden) = (
            self.inputs as f64,
            self.width as f64,
            self.hidden.max(1) as f64,
        );
        if self.deep {
            fill(0..self.inputs * self.width, 1.0 / inputs);
        }
        fill(self.gate(), 1.0 / width);
        for e in 0..self.experts {
            let gain = if self.deep { 2.0 } else { 1.0 };
            fill(self.projection(e), gain / width);
            if self.deep {
                let second = self.expert(e).start + (self.width + 1) * self.hidden;
                fill(second..second + self.hidden * self.width, 1.0 / hidden);
            }
        }
        if self.deep {
            let head = self.head().start;
            fill(head..head + self.width * self.outputs, 1.0 / width);
        }
        out
    }
}

/// How tokens choose their experts.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::labs::routing) struct Rule {
    pub(super) score: Score,
    pub(super) k: usize,
    /// Whether gates are divided by their sum over the chosen.
    pub(super) renormalise: bool,
    /// Places per expert in a batch; none: every token is served.
    pub(super) capacity: Option<usize>,
    /// Added to the scores for the choice only.
    pub(super) bias: Vec<f64>,
}

/// What a batch went through.
#[derive(Debug, Clone, Default)]
pub(in crate::labs::routing) struct Pass {
    /// Root mean square that the stem's outputs were divided by.
    norms: Vec<f64>,
    /// What gate and experts saw (tokens × width).
    pub(super) seen: Vec<f64>,
    /// Logits of the gate (tokens × experts).
    pub(super) logits: Vec<f64>,
    /// Scores (tokens × experts).
    pub(super) scores: Vec<f64>,
    /// Chosen experts (tokens × k), best first.
    pub(super) chosen: Vec<usize>,
    /// Whether each pair has a place.
    pub(super) kept: Vec<bool>,
    weights: Vec<f64>,
    /// First-layer outputs of the chosen experts (tokens × k × hidden).
    hidden: Vec<f64>,
    /// Outputs of the chosen experts (tokens × k × given).
    given: Vec<f64>,
    /// What the head saw (tokens × given).
    mixed: Vec<f64>,
    /// Outputs (tokens × outputs).
    pub(super) outputs: Vec<f64>,
}

/// y = W x + b with W row by row.
fn linear(weights: &[f64], biases: &[f64], x: &[f64], out: &mut Vec<f64>) {
    let rows = weights.chunks_exact(x.len()).zip(biases);
    out.extend(rows.map(|(row, b)| dot(row, x) + b));
}

/// Adds the gradient of [`linear`]: ∂W += δ xᵀ, ∂b += δ, ∂x += Wᵀ δ.
fn linear_back(
    weights: &[f64],
    x: &[f64],
    delta: &[f64],
    (grad_w, grad_b): (&mut [f64], &mut [f64]),
    grad_x: &mut [f64],
) {
    let rows = weights
        .chunks_exact(x.len())
        .zip(grad_w.chunks_exact_mut(x.len()));
    for (((row, grad), gb), &d) in rows.zip(grad_b).zip(delta) {
        if d == 0.0 {
            continue;
        }
        *gb += d;
        for (((g, w), v), gx) in grad.iter_mut().zip(row).zip(x).zip(grad_x.iter_mut()) {
            *g += d * v;
            *gx += d * w;
        }
    }
}

/// Runs a batch forward.
pub(super) fn forward(shape: &Shape, params: &[f64], rule: &Rule, x: &[f64]) -> Pass {
    let mut pass = Pass::default();
    see(shape, params, x, &mut pass);
    choose(shape, params, rule, &mut pass);
    for t in 0..pass.norms.len() {
        work(shape, params, rule.k, t, &mut pass);
    }
    pass
}

/// Stem and norm.
fn see(shape: &Shape, params: &[f64], x: &[f64], pass: &mut Pass) {
    for row in x.chunks_exact(shape.inputs) {
        if !shape.deep {
            pass.norms.push(1.0);
            pass.seen.extend(row);
            continue;
        }
        let weights = shape.inputs * shape.width;
        let mut u = Vec::with_capacity(shape.width);
        linear(
            &params[..weights],
            &params[weights..shape.stem()],
            row,
            &mut u,
        );
        let norm = (dot(&u, &u) / u.len() as f64 + RMS_EPS).sqrt();
        pass.norms.push(norm);
        pass.seen.extend(u.iter().map(|v| v / norm));
    }
}

/// Gate, choice, places, weights.
fn choose(shape: &Shape, params: &[f64], rule: &Rule, pass: &mut Pass) {
    let (e, tokens) = (shape.experts, pass.norms.len());
    let gates = &params[shape.gate()];
    for h in pass.seen.chunks_exact(shape.width) {
        let z: Vec<f64> = gates.chunks_exact(shape.width).map(|r| dot(r, h)).collect();
        let s = match rule.score {
            Score::Softmax => gate::softmax(&z),
            Score::Sigmoid => z.iter().map(|&v| num::sigmoid(v)).collect(),
        };
        let selecting: Vec<f64> = s.iter().zip(&rule.bias).map(|(s, b)| s + b).collect();
        pass.chosen.extend(gate::top_k(&selecting, rule.k));
        pass.logits.extend(z);
        pass.scores.extend(s);
    }
    // Places in order of choice, then token.
    pass.kept = vec![true; tokens * rule.k];
    if let Some(places) = rule.capacity {
        let order = (0..rule.k).flat_map(|j| (0..tokens).map(move |t| t * rule.k + j));
        let order: Vec<usize> = order.collect();
        let positions = ranks(order.iter().map(|&i| pass.chosen[i]), e);
        for (i, position) in order.into_iter().zip(positions) {
            pass.kept[i] = position < places;
        }
    }
    for t in 0..tokens {
        let picks = &pass.chosen[t * rule.k..(t + 1) * rule.k];
        let s = gate::pick(&pass.scores[t * e..(t + 1) * e], picks);
        let total = if rule.renormalise {
            s.iter().sum::<f64>() + SUM_EPS
        } else {
            1.0
        };
        pass.weights.extend(s.iter().map(|v| v / total));
    }
}

/// Experts, their sum, and the head, for a token.
fn work(shape: &Shape, params: &[f64], k: usize, t: usize, pass: &mut Pass) {
    let d = shape.width;
    let h = &pass.seen[t * d..(t + 1) * d];
    let mut mixed = if shape.deep {
        h.to_vec()
    } else {
        vec![0.0; shape.outputs]
    };
    for j in t * k..(t + 1) * k {
        let own = &params[shape.expert(pass.chosen[j])];
        let (w1, rest) = own.split_at(shape.hidden * d);
        let (b1, rest) = rest.split_at(shape.hidden);
        let start = pass.hidden.len();
        linear(w1, b1, h, &mut pass.hidden);
        let from = pass.given.len();
        if shape.deep {
            for v in &mut pass.hidden[start..] {
                *v = v.max(0.0);
            }
            let (w2, b2) = rest.split_at(shape.hidden * d);
            linear(w2, b2, &pass.hidden[start..], &mut pass.given);
        } else {
            pass.given.extend_from_slice(&pass.hidden[start..]);
        }
        if pass.kept[j] {
            for (m, g) in mixed.iter_mut().zip(&pass.given[from..]) {
                *m += pass.weights[j] * g;
            }
        }
    }
    if shape.deep {
        let head = &params[shape.head()];
        let (w, b) = head.split_at(d * shape.outputs);
        linear(w, b, &mixed, &mut pass.outputs);
    } else {
        pass.outputs.extend(&mixed);
    }
    pass.mixed.extend(mixed);
}

/// Gradients at the outputs (tokens × outputs), scores and logits (tokens × experts) that a loss
/// has.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    pub(super) outputs: Vec<f64>,
    pub(super) scores: Vec<f64>,
    pub(super) logits: Vec<f64>,
}

/// Adds the gradient of the parameters.
pub(super) fn backward(
    shape: &Shape,
    params: &[f64],
    rule: &Rule,
    x: &[f64],
    pass: &Pass,
    mut deltas: Deltas,
    grad: &mut [f64],
) {
    for t in 0..pass.norms.len() {
        let mut seen = vec![0.0; shape.width];
        work_back(shape, params, rule, t, pass, &mut deltas, grad, &mut seen);
        gate_back(shape, params, rule, t, pass, &mut deltas, grad, &mut seen);
        if shape.deep {
            let h = &pass.seen[t * shape.width..(t + 1) * shape.width];
            let along = dot(&seen, h) / shape.width as f64;
            let u: Vec<f64> = seen
                .iter()
                .zip(h)
                .map(|(g, v)| (g - v * along) / pass.norms[t])
                .collect();
            let (gw, gb) = grad[..shape.stem()].split_at_mut(shape.inputs * shape.width);
            let row = &x[t * shape.inputs..(t + 1) * shape.inputs];
            let mut unused = vec![0.0; shape.inputs];
            let weights = &params[..shape.inputs * shape.width];
            linear_back(weights, row, &u, (gw, gb), &mut unused);
        }
    }
}

/// Head and experts; leaves the gradients at the chosen scores.
#[expect(
    clippy::too_many_arguments,
    reason = "one token's share of the backward pass"
)]
fn work_back(
    shape: &Shape,
    params: &[f64],
    rule: &Rule,
    t: usize,
    pass: &Pass,
    deltas: &mut Deltas,
    grad: &mut [f64],
    seen: &mut [f64],
) {
    let (d, k, given) = (shape.width, rule.k, shape.given());
    let delta = &deltas.outputs[t * shape.outputs..(t + 1) * shape.outputs];
    let mut mixed = delta.to_vec();
    if shape.deep {
        mixed = vec![0.0; d];
        let range = shape.head();
        let (gw, gb) = grad[range.clone()].split_at_mut(d * shape.outputs);
        let below = &pass.mixed[t * d..(t + 1) * d];
        let weights = &params[range.start..range.start + d * shape.outputs];
        linear_back(weights, below, delta, (gw, gb), &mut mixed);
        seen.copy_from_slice(&mixed);
    }
    let h = &pass.seen[t * d..(t + 1) * d];
    // ∂L/∂w_j = <∂L/∂y, f_j>, 0 where the pair was dropped.
    let mut towards = vec![0.0; k];
    for j in t * k..(t + 1) * k {
        if !pass.kept[j] {
            continue;
        }
        towards[j - t * k] = dot(&mixed, &pass.given[j * given..(j + 1) * given]);
        let out: Vec<f64> = mixed.iter().map(|m| pass.weights[j] * m).collect();
        let range = shape.expert(pass.chosen[j]);
        let own = &params[range.clone()];
        let (first, second) = grad[range].split_at_mut((d + 1) * shape.hidden);
        let hidden = &pass.hidden[j * shape.hidden..(j + 1) * shape.hidden];
        let mut below = out;
        if shape.deep {
            let mut up = vec![0.0; shape.hidden];
            let (gw, gb) = second.split_at_mut(shape.hidden * d);
            let weights = &own[(d + 1) * shape.hidden..][..shape.hidden * d];
            linear_back(weights, hidden, &below, (gw, gb), &mut up);
            for (u, v) in up.iter_mut().zip(hidden) {
                if *v <= 0.0 {
                    *u = 0.0;
                }
            }
            below = up;
        }
        let (gw, gb) = first.split_at_mut(d * shape.hidden);
        linear_back(&own[..d * shape.hidden], h, &below, (gw, gb), seen);
    }
    let picks = &pass.chosen[t * k..(t + 1) * k];
    let weights = &pass.weights[t * k..(t + 1) * k];
    let row = &pass.scores[t * shape.experts..(t + 1) * shape.experts];
    let (mean, total) = if rule.renormalise {
        let sum: f64 = picks.iter().map(|&e| row[e]).sum::<f64>() + SUM_EPS;
        (dot(weights, &towards), sum)
    } else {
        (0.0, 1.0)
    };
    for (&e, g) in picks.iter().zip(towards) {
        deltas.scores[t * shape.experts + e] += (g - mean) / total;
    }
}

/// From scores to logits to the gate's rows.
#[expect(
    clippy::too_many_arguments,
    reason = "one token's share of the backward pass"
)]
fn gate_back(
    shape: &Shape,
    params: &[f64],
    rule: &Rule,
    t: usize,
    pass: &Pass,
    deltas: &mut Deltas,
    grad: &mut [f64],
    seen: &mut [f64],
) {
    let (d, e) = (shape.width, shape.experts);
    let s = &pass.scores[t * e..(t + 1) * e];
    let ds = &deltas.scores[t * e..(t + 1) * e];
    let dz = &mut deltas.logits[t * e..(t + 1) * e];
    let along = dot(s, ds);
    for ((z, s), g) in dz.iter_mut().zip(s).zip(ds) {
        *z += match rule.score {
            Score::Sigmoid => g * s * (1.0 - s),
            Score::Softmax => s * (g - along),
        };
    }
    let h = &pass.seen[t * d..(t + 1) * d];
    let range = shape.gate();
    let rows = params[range.clone()]
        .chunks_exact(d)
        .zip(grad[range].chunks_exact_mut(d));
    for ((row, grad), &z) in rows.zip(dz.iter()) {
        for (((g, w), v), gx) in grad.iter_mut().zip(row).zip(h).zip(seen.iter_mut()) {
            *g += z * v;
            *gx += z * w;
        }
    }
}

/// Mean squared error over tokens and outputs, and its gradient.
pub(super) fn squared_error(outputs: &[f64], targets: &[f64]) -> (f64, Vec<f64>) {
    let n = outputs.len() as f64;
    let gap: Vec<f64> = outputs.iter().zip(targets).map(|(y, t)| y - t).collect();
    let loss = dot(&gap, &gap) / n;
    (loss, gap.iter().map(|g| 2.0 * g / n).collect())
}

/// Mean cross-entropy in nats and its gradient, and how many labels have the largest output.
pub(super) fn cross_entropy(
    outputs: &[f64],
    classes: usize,
    labels: &[u8],
) -> (f64, Vec<f64>, usize) {
    let n = labels.len() as f64;
    let (mut loss, mut right) = (0.0, 0);
    let mut delta = Vec::with_capacity(outputs.len());
    for (row, &label) in outputs.chunks_exact(classes).zip(labels) {
        let label = usize::from(label);
        loss += gate::log_sum_exp(row) - row[label];
        right += usize::from(gate::argmax(row) == label);
        let p = gate::softmax(row);
        delta.extend((0..classes).map(|c| (p[c] - f64::from(u8::from(c == label))) / n));
    }
    (loss / n, delta, right)
}
