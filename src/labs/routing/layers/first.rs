//! FiRST (arXiv 2410.12513): a router per block decides from the prompt which blocks the rest of the
//! sequence skips. Beside it the same routers deciding token by token, which leaves holes in the
//! cache of keys and values.

use super::super::config::Config;
use super::net::{Adam, Net, Samples, WIDTH, add, cross_entropy, samples};
use super::sparsity::Skipped;
use crate::core::Arrange as _;
use crate::core::digits::PIXELS;
use crate::core::gate;
use crate::core::matrix::dot;
use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::core::stats;

/// Tokens of a sequence, and of its prompt.
pub(super) const SEQUENCE: usize = 16;
pub(super) const PROMPT: usize = 8;
/// Updates of the routers, samples of each, Adam's rate, and the weight of the squared distance
/// from the sparsity wanted.
const UPDATES: usize = 200;
const BATCH: usize = 64;
const RATE: f64 = 1e-2;
const PRESSURE: f64 = 10.0;

/// The routers of all blocks, in training beside a network that stays as it is.
pub(super) struct Routers {
    /// Per block: weights of the stream, then a bias.
    params: Vec<f64>,
    adam: Adam,
    updates: usize,
}

/// Who decides for a token that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The prompt, once for the sequence: the mean over its tokens.
    Sequence,
    /// Each token.
    Token,
}

/// Held-out samples as sequences: sorted by digit, so that a prompt tells something of what follows.
pub(super) fn order(labels: &[u8]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.arrange_by_key(|&i| (labels[i], i));
    order
}

impl Routers {
    pub(super) fn new(config: &Config) -> Self {
        let blocks = config.blocks as usize;
        let mut params = vec![0.0; blocks * (WIDTH + 1)];
        let mut stream = Stream::new(config.seed, StreamId::Weights).replicate(51);
        for row in params.chunks_exact_mut(WIDTH + 1) {
            for w in &mut row[..WIDTH] {
                *w = 0.1 * f64::from(stream.normal_f32()) / (WIDTH as f64).sqrt();
            }
            // Every block is run at first.
            row[WIDTH] = 1.0;
        }
        Self {
            adam: Adam::new(params.len()),
            params,
            updates: 0,
        }
    }

    /// Logit of running block `l`.
    fn logit(&self, l: usize, h: &[f64]) -> f64 {
        let row = &self.params[l * (WIDTH + 1)..(l + 1) * (WIDTH + 1)];
        dot(&row[..WIDTH], h) + row[WIDTH]
    }

    /// One update of the routers; `true` when all are done. Loss: cross-entropy plus the squared
    /// distance of the share of blocks run from 1 - S. Decisions are hard on the way forward; on
    /// the way back they count as the probability of running.
    pub(super) fn update(&mut self, net: &Net, config: &Config) -> bool {
        let step = 1_000_000 + self.updates as u32;
        let data = samples(config.seed, false, config.noise, step, BATCH);
        let mut grad = vec![0.0; self.params.len()];
        self.learn(net, &data, config.skipped, &mut grad);
        self.adam.update(&mut self.params, &grad, RATE);
        self.updates += 1;
        self.updates >= UPDATES
    }

    fn learn(&self, net: &Net, data: &Samples, skipped: f64, grad: &mut [f64]) {
        let n = data.labels.len();
        let mut unused = vec![0.0; net.params.len()];
        let mut paths = Vec::with_capacity(n);
        let mut run = 0.0;
        for x in data.x.chunks_exact(PIXELS) {
            let mut streams = vec![net.start(x)];
            let mut blocks = Vec::with_capacity(net.blocks);
            for l in 0..net.blocks {
                let h = &streams[l];
                let p = num::sigmoid(self.logit(l, h));
                let (units, added) = net.hidden(l, h);
                let runs = p >= 0.5;
                run += f64::from(u8::from(runs)) / (n * net.blocks) as f64;
                let mut next = h.clone();
                if runs {
                    add(&mut next, &added);
                }
                streams.push(next);
                blocks.push((p, runs, units, added));
            }
            paths.push((streams, blocks));
        }
        let pressure = 2.0 * PRESSURE * (run - (1.0 - skipped)) / (n * net.blocks) as f64;
        for ((streams, blocks), &label) in paths.iter().zip(&data.labels) {
            let z = net.output(&streams[net.blocks]);
            let mut delta = gate::softmax(&z);
            delta[usize::from(label)] -= 1.0;
            for d in &mut delta {
                *d /= n as f64;
            }
            delta.push(0.0);
            let last = net.blocks - 1;
            let mut delta = net.exit_back(last, &streams[net.blocks], &delta, &mut unused);
            for (l, (p, runs, units, added)) in blocks.iter().enumerate().rev() {
                let by_logit = (dot(&delta, added) + pressure) * p * (1.0 - p);
                let row = &mut grad[l * (WIDTH + 1)..(l + 1) * (WIDTH + 1)];
                for (g, v) in row.iter_mut().zip(&streams[l]) {
                    *g += by_logit * v;
                }
                row[WIDTH] += by_logit;
                if *runs {
                    let back = net.block_back(l, &streams[l], units, &delta, &mut unused);
                    add(&mut delta, &back);
                }
            }
        }
    }

    /// Share of the updates done.
    pub(super) fn progress(&self) -> f64 {
        self.updates as f64 / UPDATES as f64
    }
}

/// What becomes of held-out samples as sequences, one sequence a step: prompts run every block, the
/// rest what the routers decide.
pub(super) struct Judging {
    scope: Scope,
    order: Vec<usize>,
    /// Tokens done.
    at: usize,
    out: Skipped,
}

impl Judging {
    pub(super) fn new(labels: &[u8], blocks: usize, scope: Scope) -> Self {
        Self {
            scope,
            order: order(labels),
            at: 0,
            out: Skipped {
                actions: vec![1; labels.len() * blocks],
                classes: vec![0; labels.len()],
                loss: 0.0,
            },
        }
    }

    /// The next sequence; what became of all when it was the last.
    pub(super) fn step(&mut self, routers: &Routers, net: &Net, data: &Samples) -> Option<Skipped> {
        let n = data.labels.len();
        let mut fixed = vec![Vec::new(); net.blocks];
        for place in 0..SEQUENCE.min(n - self.at) {
            let i = self.order[self.at + place];
            let mut h = net.start(&data.x[i * PIXELS..(i + 1) * PIXELS]);
            for (l, prompt) in fixed.iter_mut().enumerate() {
                let p = num::sigmoid(routers.logit(l, &h));
                let runs = if place < PROMPT {
                    prompt.push(p);
                    true
                } else if self.scope == Scope::Sequence {
                    stats::mean(prompt) >= 0.5
                } else {
                    p >= 0.5
                };
                if runs {
                    h = net.after(l, &h);
                } else {
                    self.out.actions[i * net.blocks + l] = 0;
                }
            }
            let z = net.output(&h);
            self.out.classes[i] = gate::argmax(&z) as u8;
            self.out.loss += cross_entropy(&z, usize::from(data.labels[i])) / n as f64;
        }
        self.at = n.min(self.at + SEQUENCE);
        (self.at == n).then(|| std::mem::take(&mut self.out))
    }
}

/// Share of the keys and values that a token asks for, in the blocks it runs, and that an earlier
/// token of its sequence did not leave because it skipped the block.
pub(super) fn holes(actions: &[u8], labels: &[u8]) -> f64 {
    let blocks = actions.len() / labels.len();
    let (mut asked, mut missing) = (0_u64, 0_u64);
    for sequence in order(labels).chunks(SEQUENCE) {
        for l in 0..blocks {
            let ran: Vec<bool> = sequence
                .iter()
                .map(|i| actions[i * blocks + l] > 0)
                .collect();
            for place in (0..ran.len()).filter(|&t| ran[t]) {
                asked += place as u64;
                missing += ran[..place].iter().filter(|r| !**r).count() as u64;
            }
        }
    }
    missing as f64 / asked.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(routers: &Routers, net: &Net, data: &Samples, scope: Scope) -> Skipped {
        let mut work = Judging::new(&data.labels, net.blocks, scope);
        loop {
            let before = work.at;
            if let Some(done) = work.step(routers, net, data) {
                return done;
            }
            assert_eq!(work.at - before, SEQUENCE, "one sequence a step");
        }
    }

    #[test]
    fn the_prompt_decides_for_the_sequence_and_leaves_no_holes() {
        let config = Config {
            blocks: 3,
            skipped: 0.5,
            ..Config::default()
        };
        let net = Net::new(3, 2);
        let mut routers = Routers::new(&config);
        // Decisions that differ from sample to sample.
        for row in routers.params.chunks_exact_mut(WIDTH + 1) {
            for w in &mut row[..WIDTH] {
                *w *= 10.0;
            }
            row[WIDTH] = 0.0;
        }
        let data = samples(2, true, 1.0, 0, 3 * SEQUENCE);
        let whole = judged(&routers, &net, &data, Scope::Sequence);
        for sequence in order(&data.labels).chunks(SEQUENCE) {
            let rows: Vec<&[u8]> = sequence
                .iter()
                .map(|i| &whole.actions[3 * i..3 * i + 3])
                .collect();
            assert!(rows[..PROMPT].iter().all(|r| *r == [1, 1, 1]));
            assert!(rows[PROMPT..].iter().all(|r| *r == rows[PROMPT]));
        }
        assert_eq!(holes(&whole.actions, &data.labels), 0.0);
        let each = judged(&routers, &net, &data, Scope::Token);
        assert!(holes(&each.actions, &data.labels) > 0.02, "tokens differ");
    }

    #[test]
    fn holes_are_counted_where_an_earlier_token_skipped_what_a_later_runs() {
        // One block; the third of four tokens skips: the fourth asks for three and misses one.
        let labels = [0, 0, 0, 0];
        // Asked: 0 + 1 + 3 of the tokens that run.
        assert_eq!(holes(&[1, 1, 0, 1], &labels), 0.25);
        assert_eq!(holes(&[1, 1, 0, 0], &labels), 0.0);
    }

    #[test]
    fn routers_learn_to_skip_the_share_wanted() {
        let config = Config {
            blocks: 4,
            skipped: 0.5,
            ..Config::default()
        };
        let net = Net::new(4, 1);
        let mut routers = Routers::new(&config);
        for _ in 0..60 {
            routers.update(&net, &config);
        }
        let data = samples(1, true, config.noise, 0, 160);
        let done = judged(&routers, &net, &data, Scope::Token);
        let order = order(&data.labels);
        let decoded = order
            .iter()
            .enumerate()
            .filter(|(t, _)| t % SEQUENCE >= PROMPT);
        let ran: Vec<f64> = decoded
            .flat_map(|(_, &i)| done.actions[4 * i..4 * i + 4].iter().map(|a| f64::from(*a)))
            .collect();
        assert!(
            (stats::mean(&ran) - 0.5).abs() < 0.2,
            "{}",
            stats::mean(&ran)
        );
    }
}
