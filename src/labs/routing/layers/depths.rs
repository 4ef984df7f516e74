//! Mixture of depths (arXiv 2404.02258): in every other block only the samples with the largest
//! scores of their sequence run, in training too. Beside it the same network with the samples drawn
//! at random, with every block run, and shallower ones of about its cost.

use super::super::config::Config;
use super::super::rules::capacity::capacity;
use super::net::{Adam, Net, Samples, WIDTH, add, cross_entropy, samples};
use super::sparsity::Skipped;
use crate::core::digits::{CLASSES, PIXELS};
use crate::core::gate;
use crate::core::matrix::dot;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};

/// Samples of a sequence, and of an update.
pub(super) const SEQUENCE: usize = 64;
const RATE: f64 = 3e-3;
const CAUSAL_WEIGHT: f64 = 0.1;

/// Who runs a block that not all run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// All.
    All,
    /// The samples with the largest scores of their sequence; what the block adds is multiplied by
    /// the score.
    Scored,
    /// Those whose score is above 0, which needs no other sample.
    Causal,
    /// As many, drawn at random.
    Random,
}

/// One of the networks in training.
pub(super) struct Student {
    pub(super) net: Net,
    /// A score per block: weights of the stream, then a bias.
    routers: Vec<f64>,
    gate: Gate,
    /// Samples of a sequence that run a routed block.
    capacity: usize,
    /// Weight of the loss that moves the scores of the chosen above 0 and the others below.
    causal: f64,
    adam: [Adam; 2],
    updates: u64,
}

/// A sequence on its way through one block.
struct Stage {
    before: Vec<Vec<f64>>,
    units: Vec<Vec<f64>>,
    added: Vec<Vec<f64>>,
    scores: Vec<f64>,
    /// What is added is multiplied by this; 0 where the block is not run.
    weights: Vec<f64>,
}

/// Whether only some samples run a block: every other one, the second first.
pub(super) fn is_routed(l: usize) -> bool {
    l % 2 == 1
}

impl Student {
    pub(super) fn new(config: &Config, blocks: usize, gate: Gate) -> Self {
        let net = Net::new(blocks, config.seed);
        let mut routers = vec![0.0; blocks * (WIDTH + 1)];
        let mut stream = Stream::new(config.seed, StreamId::Weights).replicate(48);
        for w in &mut routers {
            *w = f64::from(stream.normal_f32()) / (WIDTH as f64).sqrt();
        }
        Self {
            adam: [Adam::new(net.params.len()), Adam::new(routers.len())],
            net,
            routers,
            gate,
            causal: CAUSAL_WEIGHT,
            capacity: capacity(config.depth_capacity, 1, SEQUENCE, 1),
            updates: 0,
        }
    }

    /// Block runs per sample when as many run as the capacity allows.
    pub(super) fn cost(&self) -> f64 {
        let share = self.capacity as f64 / SEQUENCE as f64;
        (0..self.net.blocks)
            .map(|l| if is_routed(l) { share } else { 1.0 })
            .sum()
    }

    fn score(&self, l: usize, h: &[f64]) -> f64 {
        let row = &self.routers[l * (WIDTH + 1)..(l + 1) * (WIDTH + 1)];
        dot(&row[..WIDTH], h) + row[WIDTH]
    }

    /// Who of a sequence runs a block, and with what weight.
    fn weights(&self, gate: Gate, l: usize, scores: &[f64], draw: &mut Stream) -> Vec<f64> {
        let n = scores.len();
        // The last sequence may be shorter.
        let count = (self.capacity * n).div_ceil(SEQUENCE);
        let mut out = vec![0.0; n];
        match gate {
            _ if !is_routed(l) => out.fill(1.0),
            Gate::All => out.fill(1.0),
            Gate::Scored => {
                for i in gate::top_k(scores, count) {
                    out[i] = scores[i];
                }
            }
            Gate::Causal => {
                for (o, &s) in out.iter_mut().zip(scores) {
                    *o = s.max(0.0);
                }
            }
            Gate::Random => {
                let mut order: Vec<usize> = (0..n).collect();
                draw.shuffle(&mut order);
                for &i in &order[..count] {
                    out[i] = 1.0;
                }
            }
        }
        out
    }

    /// The streams after the last block, and the way there.
    fn forward(&self, gate: Gate, x: &[f64], draw: &mut Stream) -> (Vec<Vec<f64>>, Vec<Stage>) {
        let mut streams: Vec<Vec<f64>> =
            x.chunks_exact(PIXELS).map(|x| self.net.start(x)).collect();
        let mut stages = Vec::with_capacity(self.net.blocks);
        for l in 0..self.net.blocks {
            let scores: Vec<f64> = streams.iter().map(|h| self.score(l, h)).collect();
            let weights = self.weights(gate, l, &scores, draw);
            let before = streams.clone();
            let (mut units, mut added) = (Vec::new(), Vec::new());
            for (h, &weight) in streams.iter_mut().zip(&weights) {
                let (u, a) = if weight == 0.0 {
                    Default::default()
                } else {
                    self.net.hidden(l, h)
                };
                for (h, a) in h.iter_mut().zip(&a) {
                    *h += weight * a;
                }
                units.push(u);
                added.push(a);
            }
            stages.push(Stage {
                before,
                units,
                added,
                scores,
                weights,
            });
        }
        (streams, stages)
    }

    /// Mean loss of a sequence; adds its gradient by the network and by the routers.
    fn learn(&self, data: &Samples, draw: &mut Stream, grads: &mut [Vec<f64>; 2]) -> f64 {
        let (streams, stages) = self.forward(self.gate, &data.x, draw);
        let n = data.labels.len() as f64;
        let last = self.net.blocks - 1;
        let [grad, by_router] = grads;
        let mut loss = 0.0;
        for (i, (x, &label)) in data.x.chunks_exact(PIXELS).zip(&data.labels).enumerate() {
            let z = self.net.output(&streams[i]);
            loss += cross_entropy(&z, usize::from(label)) / n;
            let mut delta = gate::softmax(&z);
            delta[usize::from(label)] -= 1.0;
            for d in &mut delta {
                *d /= n;
            }
            debug_assert_eq!(delta.len(), CLASSES, "one output a class");
            delta.push(0.0);
            let mut delta = self.net.exit_back(last, &streams[i], &delta, grad);
            for (l, stage) in stages.iter().enumerate().rev() {
                self.back(l, stage, i, &mut delta, n, (&mut *grad, &mut *by_router));
            }
            self.net.start_back(x, &delta, grad);
        }
        loss
    }

    /// One sample's way back through one block.
    fn back(
        &self,
        l: usize,
        stage: &Stage,
        i: usize,
        delta: &mut [f64],
        n: f64,
        (grad, by_router): (&mut [f64], &mut [f64]),
    ) {
        let (h, weight) = (&stage.before[i], stage.weights[i]);
        let mut back = vec![0.0; WIDTH];
        let mut by_score = 0.0;
        if weight != 0.0 {
            let scaled: Vec<f64> = delta.iter().map(|d| weight * d).collect();
            back = self.net.block_back(l, h, &stage.units[i], &scaled, grad);
            if self.gate == Gate::Scored && is_routed(l) {
                by_score = dot(delta, &stage.added[i]);
            }
        }
        if self.gate == Gate::Scored && is_routed(l) {
            let at = l * (WIDTH + 1);
            let row = &self.routers[at..at + WIDTH];
            for (b, w) in back.iter_mut().zip(row) {
                *b += by_score * w;
            }
            // The score is to tell by its sign who is chosen; this moves the router alone.
            let chosen = f64::from(u8::from(weight != 0.0));
            let causal = self.causal * (num::sigmoid(stage.scores[i]) - chosen) / n;
            for (g, v) in by_router[at..at + WIDTH].iter_mut().zip(h) {
                *g += (by_score + causal) * v;
            }
            by_router[at + WIDTH] += by_score + causal;
        }
        add(delta, &back);
    }

    /// One update; `true` when all are done.
    pub(super) fn update(&mut self, config: &Config) -> bool {
        let step = self.updates as u32;
        let data = samples(config.seed, false, config.noise, step + 1, SEQUENCE);
        let mut draw = Stream::new(config.seed, StreamId::Policy)
            .step(step)
            .replicate(49);
        let mut grads = [&self.net.params, &self.routers].map(|p| vec![0.0; p.len()]);
        self.learn(&data, &mut draw, &mut grads);
        let share = f64::from(step) / config.train_steps as f64;
        let wave = 0.5 + 0.5 * num::cos(std::f64::consts::PI * share);
        let rate = 1e-5 + (RATE - 1e-5) * wave;
        self.adam[0].update(&mut self.net.params, &grads[0], rate);
        if self.gate == Gate::Scored {
            self.adam[1].update(&mut self.routers, &grads[1], rate);
        }
        self.updates += 1;
        self.updates >= config.train_steps
    }

    /// Updates done.
    pub(super) fn updates(&self) -> u64 {
        self.updates
    }

    /// What becomes of the next sequence of held-out samples, added to those before it; `true` when
    /// it was the last. Actions over `blocks` blocks.
    pub(super) fn judge(
        &self,
        gate: Gate,
        data: &Samples,
        (blocks, seed): (usize, u64),
        out: &mut Skipped,
    ) -> bool {
        let (from, all) = (out.classes.len(), data.labels.len());
        let to = all.min(from + SEQUENCE);
        let (x, labels) = (&data.x[from * PIXELS..to * PIXELS], &data.labels[from..to]);
        let mut draw = Stream::new(seed, StreamId::Policy)
            .step((from / SEQUENCE) as u32)
            .replicate(50);
        let (streams, stages) = self.forward(gate, x, &mut draw);
        for (i, (h, &label)) in streams.iter().zip(labels).enumerate() {
            let ran = |l: usize| stages.get(l).is_some_and(|s| s.weights[i] != 0.0);
            out.actions.extend((0..blocks).map(|l| u8::from(ran(l))));
            let z = self.net.output(h);
            out.loss += cross_entropy(&z, usize::from(label)) / all as f64;
            out.classes.push(gate::argmax(&z) as u8);
        }
        to == all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            depth_capacity: 0.25,
            ..Config::default()
        }
    }

    fn judged(student: &Student, gate: Gate, data: &Samples, blocks: usize) -> Skipped {
        let mut out = Skipped::default();
        loop {
            let before = out.classes.len();
            let last = student.judge(gate, data, (blocks, 1), &mut out);
            assert!(
                out.classes.len() - before <= SEQUENCE,
                "one sequence a step"
            );
            if last {
                return out;
            }
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let mut student = Student::new(&config(), 3, Gate::Scored);
        let data = samples(5, false, 0.5, 0, 12);
        let draw = || Stream::new(1, StreamId::Test);
        let zeros = |s: &Student| [&s.net.params, &s.routers].map(|p| vec![0.0; p.len()]);
        let mut grads = zeros(&student);
        student.learn(&data, &mut draw(), &mut grads);
        let h = 1e-6;
        for i in (0..student.net.params.len()).step_by(97) {
            let w = student.net.params[i];
            let mut at = |v: f64| {
                student.net.params[i] = v;
                let mut unused = zeros(&student);
                student.learn(&data, &mut draw(), &mut unused)
            };
            let slope = (at(w + h) - at(w - h)) / (2.0 * h);
            at(w);
            let got = grads[0][i];
            assert!((slope - got).abs() < 1e-5, "{i}: {slope} {got}");
        }
        // Without the loss that the routers alone see, theirs is the slope of the same loss.
        student.causal = 0.0;
        let mut grads = zeros(&student);
        student.learn(&data, &mut draw(), &mut grads);
        for i in 0..student.routers.len() {
            let w = student.routers[i];
            let mut at = |v: f64| {
                student.routers[i] = v;
                let mut unused = zeros(&student);
                student.learn(&data, &mut draw(), &mut unused)
            };
            let slope = (at(w + h) - at(w - h)) / (2.0 * h);
            at(w);
            let got = grads[1][i];
            assert!((slope - got).abs() < 1e-5, "router {i}: {slope} {got}");
        }
    }

    #[test]
    fn the_capacity_is_kept_in_every_other_block() {
        let student = Student::new(&config(), 4, Gate::Scored);
        let data = samples(3, true, 1.0, 0, 2 * SEQUENCE);
        let done = judged(&student, Gate::Scored, &data, 4);
        for sequence in done.actions.chunks(4 * SEQUENCE) {
            for l in 0..4 {
                let ran: usize = sequence
                    .iter()
                    .skip(l)
                    .step_by(4)
                    .map(|a| usize::from(*a))
                    .sum();
                assert_eq!(ran, if is_routed(l) { SEQUENCE / 4 } else { SEQUENCE });
            }
        }
        assert_eq!(student.cost(), 2.5);
    }

    #[test]
    fn a_sample_that_runs_by_its_own_score_does_not_see_the_others() {
        let student = Student::new(&config(), 3, Gate::Scored);
        let mut data = samples(3, true, 1.0, 0, 16);
        let before = judged(&student, Gate::Causal, &data, 3);
        // Other samples in the second half.
        let other = samples(4, true, 1.0, 0, 16);
        data.x[8 * PIXELS..].copy_from_slice(&other.x[8 * PIXELS..]);
        let after = judged(&student, Gate::Causal, &data, 3);
        assert_eq!(before.actions[..24], after.actions[..24]);
        assert_eq!(before.classes[..8], after.classes[..8]);
    }
}
