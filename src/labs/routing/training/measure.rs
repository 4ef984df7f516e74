//! What is known of the network after some updates.

use super::super::config::Config;
use super::super::rules::{erc, load};
use super::data::{CONTEXTS, Tokens};
use super::moe::{self, Pass, Rule, Shape};
use super::penalties::coupled;
use super::trainer::{latencies, loads_of};
use crate::core::gate;
use crate::core::num;
use std::sync::Arc;

/// Means over the updates since the last snapshot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Since {
    updates: f64,
    loss: f64,
    violation: f64,
    drops: f64,
}

impl Since {
    pub(super) fn add(&mut self, loss: f64, violation: f64, drops: f64) {
        self.updates += 1.0;
        self.loss += loss;
        self.violation += violation;
        self.drops += drops;
    }
}

/// The network at a moment of its training, measured on held-out tokens without capacity.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Updates done.
    pub step: u32,
    /// Mean loss of the training batches since the last snapshot; NaN before the first update.
    pub train_loss: f64,
    /// Mean MaxVio of these batches.
    pub batch_violation: f64,
    /// Share of their pairs that found no place.
    pub drop_rate: f64,
    /// Held-out loss: cross-entropy in nats, or mean squared error.
    pub loss: f64,
    /// The same on the first and the second task of a sequence; NaN elsewhere.
    pub task_loss: [f64; 2],
    /// Share of held-out digits recognised; NaN for vectors.
    pub accuracy: f64,
    /// MaxVio of the held-out tokens.
    pub violation: f64,
    /// Pairs asked of each expert.
    pub loads: Arc<[f64]>,
    /// First choice of each held-out token.
    pub top1: Arc<[u16]>,
    /// First choices by label and expert, label by label.
    pub joint: Arc<[u32]>,
    /// Selection bias.
    pub bias: Arc<[f64]>,
    /// Mutual information of label and first choice over ln of the number of labels.
    pub specialisation: f64,
    /// Mutual information in nats of the first choice with the label, and with the context.
    pub information: [f64; 2],
    /// Experts with less than 2 % of the mean load.
    pub dead: u32,
    /// Mean normalised entropy of the scores, nats.
    pub entropy: f64,
    /// Share of experts that respond to their own gate row more than to any other.
    pub own_proxy: f64,
    /// Mean relative noise bound of the gate rows: half the distance to the nearest other row.
    pub bound: f64,
    /// Mean norm of the experts' first weights.
    pub projection_norm: f64,
    /// Time of the slowest expert over the best possible, with unequal experts.
    pub makespan: f64,
}

/// Experts with less than this share of the mean load are dead.
const DEAD: f64 = 0.02;

/// Measures a pass over the held-out tokens.
pub(super) fn measure(
    config: &Config,
    shape: &Shape,
    params: &[f64],
    rule: &Rule,
    (tokens, split, classes): (&Tokens, usize, usize),
    pass: &Pass,
    (step, since): (u32, &Since),
) -> Snapshot {
    let experts = shape.experts;
    let loads = loads_of(pass, experts);
    let top1: Vec<u16> = pass
        .chosen
        .iter()
        .step_by(rule.k)
        .map(|&e| e as u16)
        .collect();
    let joint = table(&tokens.labels, &top1, classes, experts);
    let (loss, accuracy) = quality(shape, pass, tokens);
    let entropies = pass
        .scores
        .chunks_exact(experts)
        .map(|s| gate::entropy(&gate::normalised(s)));
    let mean = loads.iter().sum::<f64>() / experts as f64;
    let seen = joint
        .iter()
        .filter(|row| row.iter().sum::<f64>() > 0.0)
        .count();
    let by_label = load::mutual_information(&joint);
    let by_context = if tokens.contexts.is_empty() {
        f64::NAN
    } else {
        load::mutual_information(&table(&tokens.contexts, &top1, CONTEXTS, experts))
    };
    let (own_proxy, bound, projection_norm) = coupling(shape, params);
    Snapshot {
        step,
        train_loss: since.loss / since.updates,
        batch_violation: since.violation / since.updates,
        drop_rate: since.drops / since.updates,
        loss,
        task_loss: if split < tokens.labels.len() {
            task_losses(shape, pass, tokens, split)
        } else {
            [f64::NAN; 2]
        },
        accuracy,
        violation: load::max_violation(&loads),
        joint: joint.iter().flatten().map(|&n| n as u32).collect(),
        specialisation: by_label / num::ln(seen as f64),
        information: [by_label, by_context],
        dead: loads.iter().filter(|&&l| l < DEAD * mean).count() as u32,
        entropy: entropies.sum::<f64>() / tokens.labels.len() as f64,
        own_proxy,
        bound,
        projection_norm,
        makespan: makespan(&loads, &latencies(config)),
        top1: top1.into(),
        loads: loads.into(),
        bias: rule.bias.clone().into(),
    }
}

/// Joint counts of labels and first choices.
fn table(labels: &[u8], top1: &[u16], classes: usize, experts: usize) -> Vec<Vec<f64>> {
    let mut joint = vec![vec![0.0; experts]; classes];
    for (&label, &e) in labels.iter().zip(top1) {
        joint[usize::from(label)][usize::from(e)] += 1.0;
    }
    joint
}

fn quality(shape: &Shape, pass: &Pass, tokens: &Tokens) -> (f64, f64) {
    if shape.deep {
        let (loss, _, right) = moe::cross_entropy(&pass.outputs, shape.outputs, &tokens.labels);
        (loss, right as f64 / tokens.labels.len() as f64)
    } else {
        let (loss, _) = moe::squared_error(&pass.outputs, &tokens.targets);
        (loss, f64::NAN)
    }
}

fn task_losses(shape: &Shape, pass: &Pass, tokens: &Tokens, split: usize) -> [f64; 2] {
    let at = split * shape.outputs;
    let (y, t) = (&pass.outputs, &tokens.targets);
    [
        moe::squared_error(&y[..at], &t[..at]).0,
        moe::squared_error(&y[at..], &t[at..]).0,
    ]
}

/// Share of experts whose own gate row excites them most, mean noise bound, mean norm of the first
/// weights.
fn coupling(shape: &Shape, params: &[f64]) -> (f64, f64, f64) {
    let (rows, projections) = coupled(shape, params);
    let n = shape.experts as f64;
    let bound = erc::noise_bound(&rows).map_or(f64::NAN, |b| b.iter().sum::<f64>() / n);
    let m = erc::activations(&rows, &projections);
    // Row i: how strongly every expert responds to the gate row of expert i.
    let own = (0..m.rows).filter(|&i| gate::argmax(m.row(i)) == i).count();
    let norms = projections
        .iter()
        .map(|w| w.data.iter().map(|v| v * v).sum::<f64>().sqrt());
    (own as f64 / n, bound, norms.sum::<f64>() / n)
}

/// max_e latency_e f_e over the time that shares in inverse proportion to latency would take.
pub(super) fn makespan(loads: &[f64], latencies: &[f64]) -> f64 {
    let total: f64 = loads.iter().sum();
    let speed: f64 = latencies.iter().map(|l| 1.0 / l).sum();
    let times = loads.iter().zip(latencies).map(|(f, l)| f * l);
    times.fold(0.0, f64::max) / (total / speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_split_over_experts_of_latency_6_and_4_is_2_to_3() {
        // Shares in inverse proportion to latency: 0.4 and 0.6, both 2.4; even shares take 3.0.
        assert!((makespan(&[40.0, 60.0], &[6.0, 4.0]) - 1.0).abs() < 1e-12);
        assert!((makespan(&[50.0, 50.0], &[6.0, 4.0]) - 3.0 / 2.4).abs() < 1e-12);
    }
}
