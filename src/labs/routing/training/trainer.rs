//! Training, one update at a time: Adam with a cosine rate, balancing terms, the selection bias
//! after the update.

use super::super::config::{BiasRule, Config, Task};
use super::super::rules::capacity::capacity;
use super::super::rules::{bias, load};
use super::data::{Source, Tokens};
use super::measure::{Since, Snapshot, measure};
use super::moe::{self, Deltas, Pass, Rule, Shape};
use super::{penalties, spectrum};
use crate::core::matrix::Matrix;
use crate::core::{Result, num};

/// Rate at the end of the cosine.
const LAST_RATE: f64 = 1e-5;
/// Adam's constants.
const BETA: [f64; 2] = [0.9, 0.999];
const ADAM_EPS: f64 = 1e-8;
/// Share of the energy of the first task's inputs that a protected gate does not touch.
const ENERGY: f64 = 0.95;

/// A training run in progress.
#[derive(Debug, Clone)]
pub(in crate::labs::routing) struct Trainer {
    config: Config,
    source: Source,
    shape: Shape,
    rule: Rule,
    params: Vec<f64>,
    grad: Vec<f64>,
    moments: [Vec<f64>; 2],
    step: u32,
    since: Since,
    held_out: Tokens,
    /// Where the second task's held-out tokens begin.
    split: usize,
    /// Directions that the gate may not move in.
    protected: Option<Matrix>,
}

impl Trainer {
    pub(in crate::labs::routing) fn new(config: &Config) -> Self {
        let source = Source::new(config);
        let experts = config.experts as usize;
        let shape = source.shape(experts);
        let params = shape.draw(config.seed);
        let (held_out, split) = source.held_out();
        let k = config.k as usize;
        Self {
            rule: Rule {
                score: config.score,
                k,
                renormalise: config.renormalise,
                capacity: config.limited.then(|| {
                    capacity(
                        config.capacity_factor,
                        k,
                        config.train_batch as usize,
                        experts,
                    )
                }),
                bias: vec![0.0; experts],
            },
            grad: vec![0.0; params.len()],
            moments: [vec![0.0; params.len()], vec![0.0; params.len()]],
            step: 0,
            since: Since::default(),
            protected: None,
            config: config.clone(),
            source,
            shape,
            params,
            held_out,
            split,
        }
    }

    /// Updates done.
    pub(in crate::labs::routing) fn step(&self) -> u32 {
        self.step
    }

    /// Number of labels.
    pub(super) fn classes(&self) -> usize {
        self.source.classes()
    }

    /// Whether the second task of a sequence is on.
    fn second_task(&self) -> bool {
        self.config.task == Task::Sequence && u64::from(self.step) * 2 >= self.config.train_steps
    }

    /// One update.
    ///
    /// # Errors
    /// A gate row of norm zero under the coupling loss.
    pub(in crate::labs::routing) fn update(&mut self) -> Result<()> {
        let second = self.second_task();
        if second && self.config.protect && self.protected.is_none() {
            self.protected = Some(self.first_task_directions());
        }
        let size = self.config.train_batch as usize;
        let batch = self.source.batch(self.step, size, second);
        let pass = moe::forward(&self.shape, &self.params, &self.rule, &batch.x);
        let (loss, outputs) = task_loss(&self.shape, &pass, &batch);
        let loads = loads_of(&pass, self.shape.experts);
        let mut deltas = Deltas {
            outputs,
            scores: vec![0.0; pass.scores.len()],
            logits: vec![0.0; pass.logits.len()],
        };
        let c = &self.config;
        if c.aux_weight > 0.0 {
            penalties::auxiliary(&pass.scores, &loads, c.aux_weight, &mut deltas.scores);
        }
        if c.latency_weight > 0.0 {
            penalties::latency(
                (&pass.scores, &pass.logits),
                (self.rule.k, &latencies(c)),
                c.latency_weight,
                (&mut deltas.scores, &mut deltas.logits),
            );
        }
        if c.z_weight > 0.0 {
            let experts = self.shape.experts;
            penalties::z_loss(&pass.logits, experts, c.z_weight, &mut deltas.logits);
        }
        self.grad.fill(0.0);
        let shape = self.shape;
        moe::backward(
            &shape,
            &self.params,
            &self.rule,
            &batch.x,
            &pass,
            deltas,
            &mut self.grad,
        );
        let c = &self.config;
        if c.erc_weight > 0.0 && shape.experts > 1 {
            penalties::coupling(
                &shape,
                &self.params,
                [c.erc_alpha, c.erc_weight],
                (c.seed, self.step),
                &mut self.grad,
            )?;
        }
        self.adam();
        let dropped = pass.kept.iter().filter(|kept| !**kept).count();
        self.since.add(
            loss,
            load::max_violation(&loads),
            dropped as f64 / pass.kept.len() as f64,
        );
        if self.config.loss_free {
            let rule = match self.config.bias_rule {
                BiasRule::Sign => bias::Rule::Sign,
                BiasRule::Proportional => bias::Rule::Proportional,
            };
            let decay = num::pow(1.0 + f64::from(self.step), self.config.bias_decay);
            let rate = self.config.bias_rate / decay;
            bias::step(&mut self.rule.bias, &loads, rule, rate, false);
        }
        self.step += 1;
        Ok(())
    }

    /// The cosine rate of the update at hand.
    fn rate(&self) -> f64 {
        let share = f64::from(self.step) / self.config.train_steps as f64;
        let wave = 0.5 + 0.5 * num::cos(std::f64::consts::PI * share);
        LAST_RATE + (self.config.learning_rate - LAST_RATE) * wave
    }

    fn adam(&mut self) {
        let (rate, t) = (self.rate(), f64::from(self.step) + 1.0);
        let correct = BETA.map(|b| 1.0 - num::pow(b, t));
        let gate = self.shape.gate();
        let before = self
            .protected
            .as_ref()
            .map(|_| self.params[gate.clone()].to_vec());
        let [first, second] = &mut self.moments;
        let rows = self.params.iter_mut().zip(&self.grad);
        for ((w, &g), (m, v)) in rows.zip(first.iter_mut().zip(second)) {
            *m = BETA[0] * *m + (1.0 - BETA[0]) * g;
            *v = BETA[1] * *v + (1.0 - BETA[1]) * g * g;
            *w -= rate * (*m / correct[0]) / ((*v / correct[1]).sqrt() + ADAM_EPS);
        }
        if let (Some(basis), Some(before)) = (&self.protected, before) {
            let width = self.shape.width;
            let rows = self.params[gate].chunks_exact_mut(width);
            for (row, old) in rows.zip(before.chunks_exact(width)) {
                let mut moved: Vec<f64> = row.iter().zip(old).map(|(a, b)| a - b).collect();
                spectrum::without(&mut moved, basis);
                for ((w, o), m) in row.iter_mut().zip(old).zip(moved) {
                    *w = o + m;
                }
            }
        }
    }

    /// Leading directions of what the gate saw of the first task (second moments, not centred: the
    /// gate must not change on the inputs themselves).
    fn first_task_directions(&self) -> Matrix {
        let d = self.shape.width;
        let x = &self.held_out.x[..self.split * self.shape.inputs];
        let pass = moe::forward(&self.shape, &self.params, &self.rule, x);
        let mut moments = Matrix::zeros(d, d);
        for row in pass.seen.chunks_exact(d) {
            for i in 0..d {
                for j in 0..d {
                    moments.row_mut(i)[j] += row[i] * row[j];
                }
            }
        }
        spectrum::leading(&moments, ENERGY)
    }

    /// Measures the network on the held-out tokens, without capacity.
    pub(in crate::labs::routing) fn snapshot(&mut self) -> Snapshot {
        let rule = Rule {
            capacity: None,
            ..self.rule.clone()
        };
        let pass = moe::forward(&self.shape, &self.params, &rule, &self.held_out.x);
        let since = std::mem::take(&mut self.since);
        measure(
            &self.config,
            &self.shape,
            &self.params,
            &rule,
            (&self.held_out, self.split, self.source.classes()),
            &pass,
            (self.step, &since),
        )
    }
}

/// Loss of the task and its gradient by the outputs.
fn task_loss(shape: &Shape, pass: &Pass, batch: &Tokens) -> (f64, Vec<f64>) {
    if shape.deep {
        let (loss, delta, _) = moe::cross_entropy(&pass.outputs, shape.outputs, &batch.labels);
        (loss, delta)
    } else {
        moe::squared_error(&pass.outputs, &batch.targets)
    }
}

/// Pairs asked of each expert.
pub(super) fn loads_of(pass: &Pass, experts: usize) -> Vec<f64> {
    let mut out = vec![0.0; experts];
    for &e in &pass.chosen {
        out[e] += 1.0;
    }
    out
}

/// Time that each expert needs for a token: the even ones are slower.
pub(super) fn latencies(config: &Config) -> Vec<f64> {
    (0..config.experts)
        .map(|e| {
            if e % 2 == 0 {
                config.latency_ratio
            } else {
                1.0
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::config::Score;
    use super::*;

    /// Total loss of a batch with everything added, as a function of the parameters.
    fn total(t: &Trainer, params: &[f64], batch: &Tokens, loads: &[f64]) -> f64 {
        let c = &t.config;
        let pass = moe::forward(&t.shape, params, &t.rule, &batch.x);
        let mut scratch = vec![0.0; pass.scores.len().max(params.len())];
        let n = pass.scores.len();
        let mut sum = task_loss(&t.shape, &pass, batch).0;
        sum += c.aux_weight * penalties::auxiliary(&pass.scores, loads, 1.0, &mut scratch[..n]);
        let slow = latencies(c);
        let mut other = vec![0.0; n];
        sum += c.latency_weight
            * penalties::latency(
                (&pass.scores, &pass.logits),
                (t.rule.k, &slow),
                1.0,
                (&mut scratch[..n], &mut other),
            );
        sum + c.z_weight * penalties::z_loss(&pass.logits, t.shape.experts, 1.0, &mut scratch[..n])
    }

    fn check(config: &Config) {
        let mut t = Trainer::new(config);
        let batch = t.source.batch(0, 24, false);
        let pass = moe::forward(&t.shape, &t.params, &t.rule, &batch.x);
        let loads = loads_of(&pass, t.shape.experts);
        let c = config;
        let mut deltas = Deltas {
            outputs: task_loss(&t.shape, &pass, &batch).1,
            scores: vec![0.0; pass.scores.len()],
            logits: vec![0.0; pass.logits.len()],
        };
        penalties::auxiliary(&pass.scores, &loads, c.aux_weight, &mut deltas.scores);
        penalties::latency(
            (&pass.scores, &pass.logits),
            (t.rule.k, &latencies(c)),
            c.latency_weight,
            (&mut deltas.scores, &mut deltas.logits),
        );
        penalties::z_loss(
            &pass.logits,
            t.shape.experts,
            c.z_weight,
            &mut deltas.logits,
        );
        let mut grad = vec![0.0; t.params.len()];
        moe::backward(
            &t.shape, &t.params, &t.rule, &batch.x, &pass, deltas, &mut grad,
        );
        let h = 1e-6;
        let mut checked = 0;
        for i in (0..t.params.len()).step_by(19) {
            let mut up = t.params.clone();
            up[i] += h;
            let mut down = t.params.clone();
            down[i] -= h;
            let same = [&up, &down].iter().all(|p| {
                let other = moe::forward(&t.shape, p, &t.rule, &batch.x);
                other.chosen == pass.chosen && other.kept == pass.kept
            });
            // At a change of the choice the loss jumps and has no derivative.
            if same {
                let slope =
                    (total(&t, &up, &batch, &loads) - total(&t, &down, &batch, &loads)) / (2.0 * h);
                let gap = (slope - grad[i]).abs();
                assert!(gap < 2e-6 * (1.0 + slope.abs()), "{i}: {slope} {}", grad[i]);
                checked += 1;
            }
        }
        assert!(checked > 15, "{checked} parameters checked");
        assert!(grad.iter().any(|g| g.abs() > 1e-3));
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let all = Config {
            aux_weight: 0.3,
            z_weight: 0.1,
            latency_weight: 0.2,
            experts: 4,
            limited: false,
            ..Config::default()
        };
        for task in [Task::Mixture, Task::Digits] {
            for (score, renormalise, k) in [
                (Score::Sigmoid, true, 2),
                (Score::Softmax, true, 2),
                (Score::Softmax, false, 1),
                (Score::Sigmoid, false, 3),
            ] {
                let config = Config {
                    k,
                    renormalise,
                    task,
                    score,
                    ..all.clone()
                };
                check(&config);
            }
        }
        check(&Config {
            task: Task::Digits,
            limited: true,
            capacity_factor: 0.8,
            ..all
        });
    }

    #[test]
    fn the_coupling_gradient_agrees_with_finite_differences_at_a_fixed_bound() {
        use super::super::super::rules::erc;
        use crate::core::rng::{Stream, StreamId};
        let config = Config {
            task: Task::Mixture,
            experts: 3,
            ..Config::default()
        };
        let t = Trainer::new(&config);
        let (alpha, weight, key) = (0.9, 1.3, (5_u64, 2_u32));
        let mut grad = vec![0.0; t.params.len()];
        let value =
            penalties::coupling(&t.shape, &t.params, [alpha, weight], key, &mut grad).unwrap();
        // The bound stays that of the unmoved gate.
        let (rows, _) = penalties::coupled(&t.shape, &t.params);
        let bound = erc::noise_bound(&rows).unwrap();
        let mut stream = Stream::new(key.0, StreamId::Noise).step(key.1).replicate(9);
        let unit = Matrix::from_fn(3, rows.cols, |_, _| 2.0 * stream.uniform() - 1.0);
        let at = |params: &[f64]| {
            let (rows, projections) = penalties::coupled(&t.shape, params);
            let m = erc::activations(&erc::perturbed(&rows, &bound, &unit), &projections);
            erc::loss(&m, alpha)
        };
        assert!((at(&t.params) - value).abs() < 1e-12 && value > 0.0);
        let h = 1e-6;
        for i in 0..t.params.len() {
            let mut moved = t.params.clone();
            moved[i] += h;
            let up = at(&moved);
            moved[i] -= 2.0 * h;
            let slope = weight * (up - at(&moved)) / (2.0 * h);
            assert!((slope - grad[i]).abs() < 1e-6, "{i}: {slope} {}", grad[i]);
        }
    }

    #[test]
    fn a_protected_gate_does_not_move_on_the_first_task() {
        let base = Config {
            task: Task::Sequence,
            overlap: 0.0,
            experts: 4,
            clusters: 8,
            dim: 12,
            train_steps: 60,
            train_batch: 32,
            limited: false,
            ..Config::default()
        };
        let drift = |protect| {
            let mut t = Trainer::new(&Config {
                protect,
                ..base.clone()
            });
            while t.step() < 30 {
                t.update().unwrap();
            }
            let before = t.snapshot().top1;
            while t.step() < 60 {
                t.update().unwrap();
            }
            let after = t.snapshot().top1;
            let changed = (0..t.split).filter(|&i| before[i] != after[i]).count();
            changed as f64 / t.split as f64
        };
        let (free, held) = (drift(false), drift(true));
        assert!(held < 0.02 && held <= free, "{free} {held}");
    }
}
