//! A weak and a strong network on the same noisy digits: which of the weak one's answers are given
//! to the strong one?

use super::super::config::{Config, QueryRule};
use super::super::fill::slice;
use super::super::layers::{SampleSource, Samples, noisy_digits};
use super::Asking;
use super::pool::STEPS;
use super::run::{Curve, Facts, Scene};
use crate::core::Result;
use crate::core::digits::{CLASSES, PIXELS};
use crate::core::gate;
use crate::core::matrix::dot;
use crate::core::mlp::{Mlp, Optimizer, OptimizerState, Workspace};
use crate::core::rng::{Stream, StreamId};

/// Hidden units of the weak and the strong network.
const HIDDEN: [usize; 2] = [5, 64];
/// Cost of an answer of each.
const COSTS: [f64; 2] = [0.1, 1.0];
const BATCH: usize = 64;
const RATE: f32 = 5e-3;
/// Samples from which the advantage is learnt.
const LEARNT: usize = 1024;
/// Ridge on its weights.
const RIDGE: f64 = 1e-3;

/// The two networks in training.
struct Pair {
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
struct Answer {
    /// Logits of the weak network.
    logits: Vec<f64>,
    /// Whether each network is right.
    right: [bool; 2],
    /// Probability that each gives to the label.
    score: [f64; 2],
}

impl Pair {
    fn new(config: &Config) -> Result<Self> {
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
    fn update(&mut self) {
        self.step += 1;
        let (x, labels) = noisy_digits(self.seed, false, self.noise, self.step, BATCH);
        for (net, state) in self.nets.iter_mut().zip(&mut self.states) {
            let mut grad = vec![0.0; net.params().len()];
            net.gradient(&x, &labels, None, &mut grad, &mut self.work);
            ADAM.update(state, net.params_mut(), &grad, RATE);
        }
    }

    /// How both answer one sample.
    fn answer(&mut self, x: &[f32], label: u8) -> Answer {
        let label = usize::from(label);
        let [weak, strong] = &self.nets;
        let mut of = |net: &Mlp| -> Vec<f64> {
            let z = net.logits(x, None, &mut self.work);
            z.iter().map(|&v| f64::from(v)).collect()
        };
        let (a, b) = (of(weak), of(strong));
        Answer {
            score: [&a, &b].map(|z| gate::softmax(z)[label]),
            right: [&a, &b].map(|z| gate::argmax(z) == label),
            logits: a,
        }
    }
}

/// Answers of both to fresh samples, in short steps.
struct Answers {
    source: SampleSource,
    count: usize,
    done: Vec<Answer>,
}

impl Answers {
    fn new(pair: &Pair, held_out: bool, count: usize) -> Self {
        Self {
            source: SampleSource::new(pair.seed, held_out, pair.noise, 0),
            count,
            done: Vec::with_capacity(count),
        }
    }

    /// The next `most` answers; `true` when none is left.
    fn step(&mut self, pair: &mut Pair, most: usize) -> bool {
        let mut at = self.done.len();
        for _ in slice(&mut at, self.count, most) {
            let mut one = Samples::default();
            self.source.draw(&mut one);
            let x: Vec<f32> = one.x.iter().map(|&v| v as f32).collect();
            self.done.push(pair.answer(&x, one.labels[0]));
        }
        at == self.count
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
    fn advantage(&self) -> f64 {
        self.score[1] - self.score[0]
    }
}

/// Predicts the advantage from the weak network's signals: ridge regression on training samples.
#[derive(Debug, Clone)]
struct Predictor([f64; 5]);

impl Predictor {
    fn learn(known: &[Answer]) -> Self {
        let mut a = [[0.0; 6]; 5];
        for row in known {
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
fn order(rule: QueryRule, answers: &[Answer], predictor: &Predictor, seed: u64) -> Vec<usize> {
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
fn outcome(answers: &[Answer], order: &[usize], count: usize) -> [f64; 2] {
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

/// Held-out samples.
const HELD_OUT: usize = 720;
/// Samples answered in a step.
const ANSWERS: usize = 64;

/// The rules, in the order of the charts.
const RULES: [(QueryRule, &str); 8] = [
    (QueryRule::Entropy, "entropy"),
    (QueryRule::Energy, "free energy"),
    (QueryRule::MaxProb, "largest probability"),
    (QueryRule::Margin, "margin"),
    (QueryRule::Advantage, "predicted advantage"),
    (QueryRule::Reward, "score of the weak answer"),
    (QueryRule::Random, "random"),
    (QueryRule::Oracle, "true advantage"),
];

/// What is under way.
enum Stage {
    /// The networks learn.
    Learn,
    /// Training samples are answered, from which the advantage is learnt.
    Known(Answers),
    /// Held-out samples are answered.
    Held(Predictor, Answers),
    /// One rule after the other orders them.
    Order(Predictor, Vec<Answer>),
    /// One share after the other is escalated.
    Escalate(Vec<Answer>),
}

/// Everything measured, in short steps.
pub(super) struct CascadeWork {
    config: Config,
    pair: Pair,
    stage: Stage,
    updates: u64,
    /// Orders and curves of the rules.
    orders: Vec<Vec<usize>>,
    curves: Vec<Curve>,
    scenes: Vec<Scene>,
    /// Samples of a step.
    most: usize,
}

impl CascadeWork {
    /// Starts with two fresh networks.
    ///
    /// # Errors
    /// Never for the sizes used here; passed on from the networks.
    pub(super) fn new(config: &Config) -> Result<Self> {
        Ok(Self {
            pair: Pair::new(config)?,
            stage: Stage::Learn,
            updates: 0,
            orders: Vec::new(),
            curves: Vec::new(),
            scenes: Vec::new(),
            most: ANSWERS,
            config: config.clone(),
        })
    }

    /// Place of the rule shown among all.
    fn shown(&self) -> usize {
        let own = |(rule, _): &(QueryRule, &str)| *rule == self.config.query_rule;
        RULES.iter().position(own).unwrap_or(0)
    }

    /// The next share escalated, by every rule.
    fn escalate(&mut self, answers: &[Answer]) {
        let share = self.scenes.len() as f64 / STEPS as f64;
        let given = count(share);
        let outcomes = self.orders.iter().map(|o| outcome(answers, o, given));
        let outcomes: Vec<[f64; 2]> = outcomes.collect();
        for (curve, [accuracy, wasted]) in self.curves.iter_mut().zip(&outcomes) {
            curve.points.push([COSTS[0] + share * COSTS[1], *accuracy]);
            curve.wasted.push([share, *wasted]);
        }
        let escalated = |order: &[usize]| -> Vec<u8> {
            let mut out = vec![0; HELD_OUT];
            for &i in &order[..given] {
                out[i] = 1;
            }
            out
        };
        // With hindsight: the last rule.
        let (shown, best) = (self.shown(), RULES.len() - 1);
        self.scenes.push(Scene {
            at: share,
            choices: escalated(&self.orders[shown]).into(),
            best: escalated(&self.orders[best]).into(),
            regret: outcomes[best][0] - outcomes[shown][0],
        });
    }

    fn facts(&mut self, answers: &[Answer]) -> Facts {
        let shown = self.shown();
        let mut rank = vec![0.0; HELD_OUT];
        for (place, &i) in self.orders[shown].iter().enumerate() {
            rank[i] = place as f32 / HELD_OUT as f32;
        }
        let scenes = std::mem::take(&mut self.scenes);
        let regret = scenes.iter().map(|s| s.regret / (STEPS + 1) as f64).sum();
        Facts {
            models: ["weak", "strong"]
                .into_iter()
                .zip(COSTS)
                .map(|(name, cost)| (name.to_owned(), cost))
                .collect(),
            positions: rank,
            quality: answers
                .iter()
                .flat_map(|a| a.right.map(|r| f64::from(u8::from(r))))
                .collect(),
            regret,
            scenes,
            wasted: outcome(answers, &self.orders[shown], count(0.2))[1],
            curves: std::mem::take(&mut self.curves),
            glimpse: COSTS[0],
            shown,
            place: "order in which answers are escalated, first left",
            ..Facts::default()
        }
    }
}

/// Samples escalated at a share.
fn count(share: f64) -> usize {
    (share * HELD_OUT as f64).round() as usize
}

impl Asking for CascadeWork {
    fn step(&mut self) -> Result<Option<Facts>> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Learn) {
            Stage::Learn if self.updates < self.config.train_steps => {
                self.pair.update();
                self.updates += 1;
                Stage::Learn
            }
            Stage::Learn => Stage::Known(Answers::new(&self.pair, false, LEARNT)),
            Stage::Known(mut known) => {
                if known.step(&mut self.pair, self.most) {
                    let held = Answers::new(&self.pair, true, HELD_OUT);
                    Stage::Held(Predictor::learn(&known.done), held)
                } else {
                    Stage::Known(known)
                }
            }
            Stage::Held(predictor, mut held) => {
                if held.step(&mut self.pair, self.most) {
                    Stage::Order(predictor, held.done)
                } else {
                    Stage::Held(predictor, held)
                }
            }
            Stage::Order(predictor, answers) => match RULES.get(self.orders.len()) {
                Some(&(rule, name)) => {
                    let own = order(rule, &answers, &predictor, self.config.seed);
                    self.orders.push(own);
                    self.curves.push(Curve::line(name, Vec::new()));
                    Stage::Order(predictor, answers)
                }
                None => Stage::Escalate(answers),
            },
            Stage::Escalate(answers) => {
                if self.scenes.len() > STEPS {
                    return Ok(Some(self.facts(&answers)));
                }
                self.escalate(&answers);
                Stage::Escalate(answers)
            }
        };
        Ok(None)
    }

    fn progress(&self) -> f64 {
        let swept = self.scenes.len() as f64 / (STEPS + 1) as f64;
        0.9 * self.updates as f64 / self.config.train_steps as f64 + 0.1 * swept
    }
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

    #[test]
    fn a_step_answers_only_so_many_samples_and_slices_change_no_bit() {
        let config = Config {
            query_rule: QueryRule::Advantage,
            train_steps: 5,
            ..Config::default()
        };
        let measured = |most: usize| {
            let mut work = CascadeWork::new(&config).expect("a pair");
            work.most = most;
            let mut before = 0;
            loop {
                if let Some(facts) = work.step().expect("no error") {
                    break format!("{facts:?}");
                }
                let done = match &work.stage {
                    Stage::Known(a) => a.done.len(),
                    Stage::Held(_, a) => LEARNT + a.done.len(),
                    _ => continue,
                };
                assert!(done - before <= most, "{done} after {before}");
                before = done;
            }
        };
        let whole = measured(1 << 20);
        assert_eq!(whole, measured(ANSWERS));
        assert_eq!(whole, measured(7));
    }
}
