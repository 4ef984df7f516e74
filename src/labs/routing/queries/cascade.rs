//! A weak and a strong network on the same noisy digits: which of the weak one's answers are given
//! to the strong one?

use super::super::config::{Config, QueryRule};
use super::super::layers::noisy_digits;
use super::super::rules::gate;
use super::super::rules::matrix::dot;
use crate::core::Result;
use crate::core::digits::{CLASSES, PIXELS};
use crate::core::mlp::{Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};

/// Hidden units of the weak and the strong network.
const HIDDEN: [usize; 2] = [5, 64];
/// Cost of an answer of each.
pub(super) const COSTS: [f64; 2] = [0.1, 1.0];
const BATCH: usize = 64;
const RATE: f32 = 5e-3;
/// Samples from which the advantage is learnt.
const LEARNT: usize = 1024;
/// Ridge on its weights.
const RIDGE: f64 = 1e-3;

/// The two networks in training.
pub(super) struct Pair {
    nets: [Mlp; 2],
    states: [OptimizerState; 2],
    work: Workspace,
    seed: u64,
    noise: f64,
    step: u32,
}

const ADAM: Optimizer = Optimizer::AdamW {
    beta1: 0.9,
    beta2: 0.999,
    weight_decay: 0.0,
};

/// A sample as the weak network sees it, and how both answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Logits of the weak network.
    logits: Vec<f64>,
    /// Whether each network is right.
    pub(super) right: [bool; 2],
    /// Probability that each gives to the label.
    pub(super) score: [f64; 2],
}

impl Pair {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let mut stream = Stream::new(config.seed, StreamId::Weights).replicate(65);
        let weak = Mlp::new(&[PIXELS, HIDDEN[0], CLASSES], &mut stream)?;
        let strong = Mlp::new(&[PIXELS, HIDDEN[1], CLASSES], &mut stream)?;
        let states = [&weak, &strong].map(|n| ADAM.state(n.params().len()));
        Ok(Self {
            nets: [weak, strong],
            states,
            work: Workspace::default(),
            seed: config.seed,
            noise: config.noise,
            step: 0,
        })
    }

    /// One update of both on the same batch.
    pub(super) fn update(&mut self) {
        self.step += 1;
        let (x, labels) = noisy_digits(self.seed, false, self.noise, self.step, BATCH);
        for (net, state) in self.nets.iter_mut().zip(&mut self.states) {
            let mut grad = vec![0.0; net.params().len()];
            net.gradient(&x, &labels, None, &mut grad, &mut self.work);
            ADAM.update(state, net.params_mut(), &grad, RATE);
        }
    }

    /// Answers of both to fresh samples.
    pub(super) fn answers(&mut self, held_out: bool, count: usize) -> Vec<Answer> {
        let (x, labels) = noisy_digits(self.seed, held_out, self.noise, 0, count);
        let [weak, strong] = &self.nets;
        let mut rows = Vec::with_capacity(count);
        for (x, &label) in x.chunks_exact(PIXELS).zip(&labels) {
            let label = usize::from(label);
            let mut of = |net: &Mlp| -> Vec<f64> {
                let z = net.logits(x, None, &mut self.work);
                z.iter().map(|&v| f64::from(v)).collect()
            };
            let (a, b) = (of(weak), of(strong));
            let score = [&a, &b].map(|z| gate::softmax(z)[label]);
            let right = [&a, &b].map(|z| gate::argmax(z) == label);
            rows.push(Answer {
                logits: a,
                right,
                score,
            });
        }
        rows
    }
}

impl Answer {
    /// What the weak network's logits say: entropy, free energy -lse, 1 - largest probability,
    /// -margin. Larger means less sure.
    fn signals(&self) -> [f64; 4] {
        let p = gate::softmax(&self.logits);
        let best = gate::top_k(&p, 2);
        [
            gate::entropy(&p),
            -gate::log_sum_exp(&self.logits),
            1.0 - p[best[0]],
            p[best[1]] - p[best[0]],
        ]
    }

    /// A constant and the signals, for a linear prediction.
    fn features(&self) -> [f64; 5] {
        let [a, b, c, d] = self.signals();
        [1.0, a, b, c, d]
    }

    /// How much more the strong network would score.
    pub(super) fn advantage(&self) -> f64 {
        self.score[1] - self.score[0]
    }
}

/// Predicts the advantage from the weak network's signals: ridge regression on training samples.
#[derive(Debug, Clone)]
pub(super) struct Predictor([f64; 5]);

impl Predictor {
    pub(super) fn learn(pair: &mut Pair) -> Self {
        let known = pair.answers(false, LEARNT);
        let mut a = [[0.0; 6]; 5];
        for row in &known {
            let x = row.features();
            for i in 0..5 {
                for j in 0..5 {
                    a[i][j] += x[i] * x[j] / known.len() as f64;
                }
                a[i][5] += x[i] * row.advantage() / known.len() as f64;
            }
        }
        for (i, row) in a.iter_mut().enumerate() {
            row[i] += RIDGE;
        }
        Self(solve(a))
    }

    fn predict(&self, answer: &Answer) -> f64 {
        dot(&self.0, &answer.features())
    }
}

/// Solves a regular 5 × 5 system by Gauss-Jordan elimination with pivots.
fn solve(mut a: [[f64; 6]; 5]) -> [f64; 5] {
    for i in 0..5 {
        let pivot = (i..5).max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs()));
        a.swap(i, pivot.unwrap_or(i));
        let scale = a[i][i];
        for v in &mut a[i] {
            *v /= scale;
        }
        let row = a[i];
        for (k, other) in a.iter_mut().enumerate() {
            if k != i {
                let factor = other[i];
                for (o, r) in other.iter_mut().zip(row) {
                    *o -= factor * r;
                }
            }
        }
    }
    a.map(|row| row[5])
}

/// Samples in the order in which a rule asks the strong network, first first.
pub(super) fn order(
    rule: QueryRule,
    answers: &[Answer],
    predictor: &Predictor,
    seed: u64,
) -> Vec<usize> {
    let mut draw = Stream::new(seed, StreamId::Policy).replicate(66);
    let urgency: Vec<f64> = answers
        .iter()
        .map(|a| match rule {
            QueryRule::Entropy => a.signals()[0],
            QueryRule::Energy => a.signals()[1],
            QueryRule::MaxProb => a.signals()[2],
            QueryRule::Margin => a.signals()[3],
            QueryRule::Advantage => predictor.predict(a),
            // A perfect judge of the weak answer, blind to the strong one.
            QueryRule::Reward => -a.score[0],
            QueryRule::Oracle => a.advantage(),
            // Other worlds' rules have no order here.
            QueryRule::Random
            | QueryRule::Carrot
            | QueryRule::Tryage
            | QueryRule::Glimpse
            | QueryRule::Codes
            | QueryRule::CodesNearest
            | QueryRule::Agents => draw.uniform(),
        })
        .collect();
    gate::descending(&urgency)
}

/// Accuracy when the first `count` of an order are given to the strong network, and the share of
/// these whose answer the strong network does not make better.
pub(super) fn outcome(answers: &[Answer], order: &[usize], count: usize) -> [f64; 2] {
    let n = answers.len() as f64;
    let given = &order[..count];
    let right = |i: &usize, net: usize| f64::from(u8::from(answers[*i].right[net]));
    let strong: f64 = given.iter().map(|i| right(i, 1)).sum();
    let weak: f64 = order[count..].iter().map(|i| right(i, 0)).sum();
    let wasted = given
        .iter()
        .filter(|i| answers[**i].advantage() <= 0.0)
        .count();
    [
        (strong + weak) / n,
        if count == 0 {
            f64::NAN
        } else {
            wasted as f64 / count as f64
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_solved() {
        let mut a = [[0.0; 6]; 5];
        let want = [1.0, -2.0, 0.5, 3.0, 4.0];
        for (i, row) in a.iter_mut().enumerate() {
            for j in 0..5 {
                row[j] = ((i * 3 + j * 5) % 7) as f64 + if i == j { 6.0 } else { 0.0 };
                row[5] += row[j] * want[j];
            }
        }
        for (got, want) in solve(a).iter().zip(want) {
            assert!((got - want).abs() < 1e-10, "{got} {want}");
        }
    }

    #[test]
    fn the_order_of_the_oracle_gives_the_largest_advantage_first() {
        let answer = |logit: f64, score: [f64; 2]| Answer {
            logits: vec![logit, 0.0],
            right: [score[0] > 0.5, score[1] > 0.5],
            score,
        };
        let answers = [
            answer(3.0, [0.9, 0.95]),
            answer(0.1, [0.2, 0.9]),
            answer(0.2, [0.4, 0.3]),
        ];
        let predictor = Predictor([0.0; 5]);
        assert_eq!(order(QueryRule::Oracle, &answers, &predictor, 1), [1, 0, 2]);
        assert_eq!(order(QueryRule::Reward, &answers, &predictor, 1), [1, 2, 0]);
        assert_eq!(
            order(QueryRule::Entropy, &answers, &predictor, 1),
            [1, 2, 0]
        );
        let chosen = order(QueryRule::Reward, &answers, &predictor, 1);
        assert_eq!(outcome(&answers, &chosen, 0)[0], 1.0 / 3.0);
        assert_eq!(outcome(&answers, &chosen, 1)[0], 2.0 / 3.0);
        assert_eq!(
            outcome(&answers, &chosen, 2)[1],
            0.5,
            "the second was in vain"
        );
    }
}
