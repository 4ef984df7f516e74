//! Value against balance: what several rules make of the very same tokens, one expert each.
//!
//! Value is the mean logit of the chosen experts, balance the largest load over the mean, minus 1.
//! The exact assignment is the best that equal loads allow; nothing lies above and left of it.

use super::rules::assignment::Assigner;
use super::rules::bias::{self, Rule};
use super::rules::families::biased;
use super::rules::load::FloorWork;
use super::rules::sinkhorn::LogDomain;
use super::rules::{choice, load, losses};
use crate::core::gate;
use crate::core::matrix::{Matrix, counts};
use crate::core::rng::{Stream, StreamId};
use crate::core::stats;

/// One rule's place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dot {
    /// The rule.
    pub(super) name: &'static str,
    /// Largest load over the mean, minus 1.
    pub(super) violation: f64,
    /// Mean logit of the chosen experts.
    pub(super) value: f64,
}

/// All rules, and what random routing of as many tokens shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Frontier {
    /// Tokens compared.
    pub(super) tokens: usize,
    /// The rules.
    pub(super) dots: Vec<Dot>,
    /// Mean MaxVio of uniformly random routing.
    pub(super) floor: f64,
    /// MaxVio and value of the run's own router by its first choices, whatever becomes of them.
    pub(super) own: Option<[f64; 2]>,
}

/// Tokens compared at most, and entries of their table.
const TOKENS: usize = 512;
const ENTRIES: usize = 1 << 15;
/// Updates of a bias, by its rule or by the auxiliary loss, and the first step (divided by 1 + t).
const UPDATES: usize = 200;
const FIRST_STEP: f64 = 0.5;
/// Passes of Sinkhorn's loop.
const PASSES: usize = 100;

/// How many tokens of a batch are compared.
pub(super) fn tokens(batch: usize, experts: usize) -> usize {
    batch.min(TOKENS).min(ENTRIES / experts.max(1))
}

/// The rule that is at work.
enum Stage {
    Plain,
    Sinkhorn(f64, LogDomain, usize),
    Auxiliary(Vec<f64>, usize),
    Bias(Vec<f64>, usize),
    Exact(Box<Assigner>),
    Floor(FloorWork),
    Done,
}

/// Computes a [`Frontier`] in short steps.
pub(super) struct FrontierWork {
    z: Matrix,
    seed: u64,
    stage: Stage,
    out: Frontier,
}

impl FrontierWork {
    /// Starts on the logits of some tokens, for which the run's own router has these first choices.
    pub(super) fn new(z: Matrix, seed: u64, firsts: &[Option<usize>]) -> Self {
        Self {
            stage: if z.rows == 0 {
                Stage::Done
            } else {
                Stage::Plain
            },
            out: Frontier {
                tokens: z.rows,
                own: own_place(&z, firsts),
                ..Frontier::default()
            },
            z,
            seed,
        }
    }

    fn add(&mut self, name: &'static str, chosen: &[usize]) {
        let loads: Vec<f64> = counts(chosen.iter().copied(), self.z.cols)
            .into_iter()
            .map(|c| c as f64)
            .collect();
        let total: f64 = chosen
            .iter()
            .enumerate()
            .map(|(t, &e)| self.z.at(t, e))
            .sum();
        self.out.dots.push(Dot {
            name,
            violation: load::max_violation(&loads),
            value: total / chosen.len() as f64,
        });
    }

    /// One slice of work; the frontier when it is done.
    pub(super) fn step(&mut self) -> Option<Frontier> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Plain => {
                self.plain();
                Stage::Sinkhorn(1.0, LogDomain::new(&self.z, 1.0), 0)
            }
            Stage::Sinkhorn(tau, mut work, done) => {
                let slice = (20_000 / self.z.data.len()).clamp(1, PASSES - done);
                for _ in 0..slice {
                    work.pass();
                }
                if done + slice < PASSES {
                    Stage::Sinkhorn(tau, work, done + slice)
                } else {
                    let chosen = work.plan().argmax_rows();
                    if tau == 1.0 {
                        self.add("Sinkhorn, τ 1", &chosen);
                        Stage::Sinkhorn(0.1, LogDomain::new(&self.z, 0.1), 0)
                    } else {
                        self.add("Sinkhorn, τ 0.1", &chosen);
                        Stage::Auxiliary(vec![0.0; self.z.cols], 0)
                    }
                }
            }
            Stage::Auxiliary(mut b, t) => {
                let until = (t + (20_000 / self.z.data.len()).max(1)).min(UPDATES);
                for t in t..until {
                    self.descend(&mut b, FIRST_STEP / (1.0 + t as f64));
                }
                if until < UPDATES {
                    Stage::Auxiliary(b, until)
                } else {
                    let chosen: Vec<usize> = self.choose(&b).collect();
                    self.add("auxiliary loss", &chosen);
                    Stage::Bias(vec![0.0; self.z.cols], 0)
                }
            }
            Stage::Bias(mut b, t) => {
                let until = (t + 1 + 100_000 / self.z.data.len()).min(UPDATES);
                for t in t..until {
                    let loads = counts(self.choose(&b), self.z.cols);
                    let loads: Vec<f64> = loads.into_iter().map(|c| c as f64).collect();
                    let rate = FIRST_STEP / (1.0 + t as f64);
                    bias::step(&mut b, &loads, Rule::Proportional, rate, false);
                }
                if until < UPDATES {
                    Stage::Bias(b, until)
                } else {
                    let chosen: Vec<usize> = self.choose(&b).collect();
                    self.add("bias, decaying step", &chosen);
                    let places = self.z.rows.div_ceil(self.z.cols);
                    Stage::Exact(Box::new(Assigner::new(self.z.cols, places)))
                }
            }
            Stage::Exact(mut work) => {
                if work.slice(&self.z) {
                    self.add("exact assignment", work.experts());
                    Stage::Floor(FloorWork::new(self.z.rows, self.z.cols, 1))
                } else {
                    Stage::Exact(work)
                }
            }
            Stage::Floor(mut work) => match work.step() {
                Some(floor) => {
                    self.out.floor = floor.max_violation[0];
                    Stage::Done
                }
                None => Stage::Floor(work),
            },
            Stage::Done => Stage::Done,
        };
        matches!(self.stage, Stage::Done).then(|| self.out.clone())
    }

    /// A step down the gradient of Switch's auxiliary loss by a bias of the logits; such a bias, unlike
    /// that of the rule, is in the probabilities too. The step counts in shares of an even load.
    fn descend(&self, b: &mut [f64], step: f64) {
        let z = self.z.map_rows(|row| biased(row, b));
        let loads: Vec<f64> = counts(z.argmax_rows(), self.z.cols)
            .into_iter()
            .map(|c| c as f64)
            .collect();
        let by_bias = losses::switch_gradient(&loads, &z.softmax_rows()).column_sums();
        for (b, slope) in b.iter_mut().zip(by_bias) {
            *b -= step * self.z.cols as f64 * slope;
        }
    }

    fn choose<'a>(&'a self, b: &'a [f64]) -> impl Iterator<Item = usize> + 'a {
        (0..self.z.rows).map(|t| gate::argmax(&biased(self.z.row(t), b)))
    }

    /// Rules that need no iteration.
    fn plain(&mut self) {
        let best = self.z.argmax_rows();
        self.add("argmax", &best);
        let mut draw = Stream::new(self.seed, StreamId::Policy).replicate(4);
        let hashed: Vec<usize> = (0..self.z.rows)
            .map(|_| draw.below(self.z.cols as u32) as usize)
            .collect();
        self.add("random hash", &hashed);
        // Experts choose as many tokens as an equal load has; a token may be chosen twice or never.
        let places = self.z.rows.div_ceil(self.z.cols);
        let taken = choice::expert_choice(&self.z.softmax_rows(), places);
        let pairs = taken.iter().map(Vec::len).sum::<usize>() as f64;
        let total: f64 = taken
            .iter()
            .enumerate()
            .flat_map(|(e, tokens)| tokens.iter().map(move |&t| (t, e)))
            .map(|(t, e)| self.z.at(t, e))
            .sum();
        self.out.dots.push(Dot {
            name: "expert choice",
            violation: 0.0,
            value: total / pairs,
        });
    }
}

/// The place of the choices made.
fn own_place(z: &Matrix, firsts: &[Option<usize>]) -> Option<[f64; 2]> {
    let mut loads = vec![0.0; z.cols];
    let mut values = Vec::new();
    for (t, first) in firsts.iter().enumerate() {
        if let Some(e) = *first {
            loads[e] += 1.0;
            values.push(z.at(t, e));
        }
    }
    let value = stats::mean(&values);
    value
        .is_finite()
        .then(|| [load::max_violation(&loads), value])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_assignment_is_balanced_and_no_balanced_rule_has_more_value() {
        let mut draw = Stream::new(3, StreamId::Test);
        let z = Matrix::from_fn(256, 8, |_, e| draw.normal() - 0.3 * e as f64);
        // A router of one's own that always takes expert 0.
        let mut work = FrontierWork::new(z, 1, &[Some(0); 256]);
        let frontier = loop {
            if let Some(frontier) = work.step() {
                break frontier;
            }
        };
        let dot = |name| frontier.dots.iter().find(|d| d.name == name).unwrap();
        let [violation, value] = frontier.own.expect("choices were made");
        assert_eq!(violation, 7.0, "all on one of eight");
        assert!(value < dot("argmax").value, "{value}");
        let exact = dot("exact assignment");
        assert_eq!(exact.violation, 0.0);
        assert!(dot("argmax").value > exact.value, "balance costs value");
        assert!(dot("argmax").violation > 1.0, "favourites");
        let near = dot("bias, decaying step");
        assert!(
            near.violation < 0.1 && (near.value - exact.value).abs() < 0.02,
            "{near:?} {exact:?}"
        );
        let aux = dot("auxiliary loss");
        assert!(aux.violation < 0.5 * dot("argmax").violation, "{aux:?}");
        assert!(
            aux.value < dot("argmax").value && aux.value > exact.value - 0.1,
            "{aux:?}"
        );
        assert!(dot("random hash").value < exact.value - 0.5);
        assert!((0.1..0.5).contains(&frontier.floor), "{}", frontier.floor);
    }
}
