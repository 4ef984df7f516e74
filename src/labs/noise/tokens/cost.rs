//! Exact cost of an order, round by round, in short slices: closed form on the field, enumeration
//! of all states on the lattice, and on sequences the mean over exact samples of
//! `ln p(x_S | known) - sum_i ln p(x_i | known)`, whose terms are exact.

use super::super::masked::{Chain, Field, Lattice, Oracle as _};
use super::super::orders;
use super::World;
use super::order::{OrderKind, Plan};
use crate::core::rng::{Stream, StreamId};
use crate::core::{num, stats};

/// Sequences behind a mean.
const SAMPLES: usize = 200;
/// Partial states one slice goes through.
const NODES: usize = 64;
/// Sites one slice conditions the field on.
const SITES: usize = 4;

/// What an order costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Conditional total correlation of each round, nats.
    pub rounds: Vec<f64>,
    /// Standard error of the sum; 0 where it is exact.
    pub error: f64,
}

impl Cost {
    /// KL(p || q), nats.
    pub fn total(&self) -> f64 {
        num::sum(self.rounds.iter().copied())
    }
}

/// Cost of an order on a world at once; `seed` decides random orders and samples.
pub fn cost(world: &World, kind: OrderKind, rounds: usize, block: usize, seed: u64) -> Cost {
    let mut meter = Meter::new(world, kind, rounds, block, seed);
    loop {
        if let Some(cost) = meter.advance(world) {
            return cost;
        }
    }
}

/// The computation of a cost under way.
pub(super) enum Meter {
    Field(Box<FieldMeter>),
    Lattice(LatticeMeter),
    Chain(ChainMeter),
}

impl Meter {
    pub(super) fn new(
        world: &World,
        kind: OrderKind,
        rounds: usize,
        block: usize,
        seed: u64,
    ) -> Self {
        let stream = Stream::new(seed, StreamId::Data).replicate(20);
        let plan = Plan::new(kind, world, rounds, block, &stream);
        match world {
            World::Field(n, ell) => Self::Field(Box::new(FieldMeter {
                field: Field::new(*n, *ell),
                plan,
                pending: Vec::new(),
                open: 0.0,
                costs: Vec::new(),
            })),
            World::Ising(_) | World::Potts(_) => Self::Lattice(LatticeMeter {
                costs: vec![0.0; plan.rounds()],
                plan,
                round: 0,
                nodes: vec![(vec![None; world.positions()], 1.0)],
                children: Vec::new(),
            }),
            World::Chain(_) => Self::Chain(ChainMeter {
                kind,
                rounds,
                block,
                stream,
                samples: Vec::new(),
            }),
        }
    }

    /// A slice; the cost at the end.
    pub(super) fn advance(&mut self, world: &World) -> Option<Cost> {
        if let (Self::Lattice(meter), Some(lattice)) = (&mut *self, world.lattice()) {
            return meter.advance(lattice);
        }
        match (self, world) {
            (Self::Field(meter), _) => meter.advance(),
            (Self::Chain(meter), World::Chain(_)) => meter.advance(world),
            _ => Some(Cost {
                rounds: Vec::new(),
                error: f64::NAN,
            }),
        }
    }
}

/// The surest positions, equal ones by precedence.
pub(super) fn surest(scores: &[(usize, f64)], count: usize, precedence: &[usize]) -> Vec<usize> {
    let mut rank = vec![0; precedence.len()];
    for (r, i) in precedence.iter().enumerate() {
        rank[*i] = r;
    }
    let mut by_rank: Vec<(usize, f64)> = scores.to_vec();
    by_rank.sort_by_key(|(i, _)| rank[*i]);
    // `highest` breaks ties by the number it is given: here the rank.
    let ranked: Vec<(usize, f64)> = by_rank
        .iter()
        .enumerate()
        .map(|(k, (_, s))| (k, *s))
        .collect();
    orders::highest(&ranked, count, 9)
        .into_iter()
        .map(|k| by_rank[k].0)
        .collect()
}

pub(super) struct FieldMeter {
    field: Field,
    plan: Plan,
    /// Sites of the round under way that are still to be conditioned on.
    pending: Vec<usize>,
    open: f64,
    costs: Vec<f64>,
}

impl FieldMeter {
    fn advance(&mut self) -> Option<Cost> {
        if self.pending.is_empty() {
            let set = match &self.plan {
                Plan::Fixed(rounds) => rounds.get(self.costs.len()).cloned(),
                Plan::Confidence(sizes, precedence) => sizes.get(self.costs.len()).map(|size| {
                    let scores: Vec<(usize, f64)> = self
                        .field
                        .free()
                        .iter()
                        .map(|i| (*i, -self.field.variance(*i)))
                        .collect();
                    surest(&scores, *size, precedence)
                }),
            };
            let Some(set) = set else {
                return Some(Cost {
                    rounds: std::mem::take(&mut self.costs),
                    error: 0.0,
                });
            };
            self.open = num::sum(set.iter().map(|i| num::ln(self.field.variance(*i))));
            self.pending = set;
        }
        for _ in 0..SITES {
            if let Some(i) = self.pending.pop() {
                self.open -= num::ln(self.field.condition(i));
            }
        }
        if self.pending.is_empty() {
            self.costs.push(0.5 * self.open);
        }
        None
    }
}

/// What is known, and its probability.
type Node = (Vec<Option<usize>>, f64);

/// All partial states of the lattice, round by round. With `f(P) = P ln P` summed over the states
/// before and after a round, its joint entropy is `sum f(before) - sum f(after)`.
pub(super) struct LatticeMeter {
    plan: Plan,
    round: usize,
    nodes: Vec<Node>,
    children: Vec<Node>,
    costs: Vec<f64>,
}

impl LatticeMeter {
    fn advance(&mut self, lattice: &dyn Lattice) -> Option<Cost> {
        for _ in 0..NODES {
            let Some((known, probability)) = self.nodes.pop() else {
                self.nodes = std::mem::take(&mut self.children);
                self.round += 1;
                if self.round >= self.plan.rounds() {
                    return Some(Cost {
                        rounds: std::mem::take(&mut self.costs),
                        error: 0.0,
                    });
                }
                return None;
            };
            self.open(lattice, &known, probability);
            // One state with few known spins is a slice of its own: it sums over all others.
            if self.round < 2 {
                break;
            }
        }
        None
    }

    fn open(&mut self, lattice: &dyn Lattice, known: &[Option<usize>], probability: f64) {
        let (_, laws) = lattice.marginals(known);
        let set = match &self.plan {
            Plan::Fixed(rounds) => rounds[self.round].clone(),
            Plan::Confidence(sizes, precedence) => {
                let scores: Vec<(usize, f64)> = (0..known.len())
                    .filter(|i| known[*i].is_none())
                    .map(|i| (i, laws[i].iter().copied().fold(0.0, f64::max)))
                    .collect();
                surest(&scores, sizes[self.round], precedence)
            }
        };
        let plnp = |p: f64| if p > 0.0 { p * num::ln(p) } else { 0.0 };
        let apart = num::sum(
            set.iter()
                .map(|i| -num::sum(laws[*i].iter().map(|p| plnp(*p)))),
        );
        let mut together = plnp(probability);
        let joint = lattice.joint(known, &set);
        let last = self.round + 1 == self.plan.rounds();
        for (pattern, p) in joint.into_iter().enumerate() {
            together -= plnp(p);
            if !last && p > 0.0 {
                let mut next = known.to_vec();
                let mut left = pattern;
                for i in &set {
                    next[*i] = Some(left % lattice.values());
                    left /= lattice.values();
                }
                self.children.push((next, p));
            }
        }
        self.costs[self.round] += probability * apart - together;
    }
}

pub(super) struct ChainMeter {
    kind: OrderKind,
    rounds: usize,
    block: usize,
    stream: Stream,
    /// Log-ratios of every sample, by round.
    samples: Vec<Vec<f64>>,
}

impl ChainMeter {
    fn advance(&mut self, world: &World) -> Option<Cost> {
        let World::Chain(chain) = world else {
            return None;
        };
        if self.samples.len() < SAMPLES {
            let k = self.samples.len() as u32;
            // Random orders differ from sample to sample: the cost is their mean.
            let orders = self.stream.clone().replicate(21).step(k);
            let plan = Plan::new(self.kind, world, self.rounds, self.block, &orders);
            let x = sample(chain, self.stream.clone().replicate(22).step(k));
            self.samples.push(log_ratios(chain, &plan, &x));
            return None;
        }
        let rounds = self.samples.iter().map(Vec::len).max().unwrap_or(0);
        let means = (0..rounds)
            .map(|r| {
                let values: Vec<f64> = self
                    .samples
                    .iter()
                    .map(|s| s.get(r).copied().unwrap_or(0.0))
                    .collect();
                stats::mean(&values)
            })
            .collect();
        let totals: Vec<f64> = self
            .samples
            .iter()
            .map(|s| num::sum(s.iter().copied()))
            .collect();
        Some(Cost {
            rounds: means,
            error: stats::std_dev(&totals) / (totals.len() as f64).sqrt(),
        })
    }
}

/// A sequence of the chain.
fn sample(chain: &Chain, mut stream: Stream) -> Vec<usize> {
    let mut law = &chain.pi;
    (0..chain.length)
        .map(|_| {
            let state = pick(law, stream.uniform());
            law = &chain.transition[state];
            pick(&chain.emission[state], stream.uniform())
        })
        .collect()
}

/// The value at a uniform number.
pub(super) fn pick(law: &[f64], mut u: f64) -> usize {
    for (v, p) in law.iter().enumerate() {
        u -= p;
        if u < 0.0 {
            return v;
        }
    }
    law.len().saturating_sub(1)
}

/// `ln p(x_S | known) - sum_i ln p(x_i | known)` of every round, along one sequence.
fn log_ratios(chain: &Chain, plan: &Plan, x: &[usize]) -> Vec<f64> {
    let mut known = vec![None; x.len()];
    let (mut before, mut laws) = chain.marginals(&known);
    (0..plan.rounds())
        .map(|round| {
            let set = match plan {
                Plan::Fixed(rounds) => rounds[round].clone(),
                Plan::Confidence(sizes, precedence) => {
                    let scores: Vec<(usize, f64)> = (0..x.len())
                        .filter(|i| known[*i].is_none())
                        .map(|i| (i, laws[i].iter().copied().fold(0.0, f64::max)))
                        .collect();
                    surest(&scores, sizes[round], precedence)
                }
            };
            let apart = num::sum(set.iter().map(|i| num::ln(laws[*i][x[*i]])));
            for i in &set {
                known[*i] = Some(x[*i]);
            }
            let (after, next) = chain.marginals(&known);
            let together = num::ln(after / before);
            (before, laws) = (after, next);
            together - apart
        })
        .collect()
}
