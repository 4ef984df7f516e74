//! Exact cost of an order, round by round, in short slices: closed form on the field, enumeration
//! of all states on the lattice, and on sequences the mean over exact samples of
//! `ln p(x_S | known) - sum_i ln p(x_i | known)`, whose terms are exact. Where a hyperschedule
//! reveals at random, the cost is the mean over courses: by convexity no less than the divergence of
//! their mixture.

use super::super::masked::{Chain, Field, Lattice, Oracle as _};
use super::World;
use super::law::{EntropyMeter, Joint, LawMeter};
use super::order::{Order, Plan};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num, stats};
use std::sync::Arc;

/// Sequences behind a mean.
const SAMPLES: usize = 200;
/// Partial states one slice goes through.
const NODES: usize = 64;
/// Sites one slice conditions the field on.
const SITES: usize = 4;
/// Random courses behind the mean of a hyperschedule on fields and lattices.
const COURSES: usize = 24;

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
///
/// # Errors
/// Noise indices that do not fit.
pub fn cost(world: &World, order: Order, seed: u64) -> Result<Cost> {
    let mut meter = Meter::new(world, listed(world, order).as_ref(), order, seed)?;
    loop {
        if let Some(cost) = meter.advance(world)? {
            return Ok(cost);
        }
    }
}

/// The states of a world, where an order is measured by them.
pub(super) fn listed(world: &World, order: Order) -> Option<Arc<Joint>> {
    let joint = order.kind.is_annealed().then(|| Joint::of(world));
    joint.flatten().map(Arc::new)
}

/// The computation of a cost under way.
pub(super) enum Meter {
    Field(Box<FieldMeter>),
    Lattice(LatticeMeter),
    Chain(ChainMeter),
    Courses(CoursesMeter),
}

impl Meter {
    /// `joint` is what [`listed`] gives for this world and order.
    pub(super) fn new(
        world: &World,
        joint: Option<&Arc<Joint>>,
        order: Order,
        seed: u64,
    ) -> Result<Self> {
        let stream = Stream::new(seed, StreamId::Data).replicate(20);
        let annealed = order.kind.is_annealed();
        if annealed && (joint.is_some() || !matches!(world, World::Chain(_))) {
            return Ok(Self::Courses(CoursesMeter {
                order,
                stream,
                joint: joint.map(Arc::clone),
                course: None,
                costs: Vec::new(),
            }));
        }
        if let World::Chain(_) = world {
            return Ok(Self::Chain(ChainMeter {
                order,
                stream,
                samples: Vec::new(),
            }));
        }
        let plan = Plan::new(order, world, &stream)?;
        Ok(Self::with(world, plan))
    }

    /// The exact cost of one plan on a field or lattice.
    fn with(world: &World, plan: Plan) -> Self {
        match world {
            World::Field(n, ell) => Self::Field(Box::new(FieldMeter {
                field: Field::new(*n, *ell),
                plan,
                pending: Vec::new(),
                open: 0.0,
                costs: Vec::new(),
            })),
            _ => Self::Lattice(LatticeMeter {
                costs: vec![0.0; plan.rounds()],
                plan,
                round: 0,
                nodes: vec![(vec![None; world.positions()], 1.0)],
                children: Vec::new(),
            }),
        }
    }

    /// A slice; the cost at the end.
    pub(super) fn advance(&mut self, world: &World) -> Result<Option<Cost>> {
        if let (Self::Lattice(meter), Some(lattice)) = (&mut *self, world.lattice()) {
            return Ok(meter.advance(lattice));
        }
        match (self, world) {
            (Self::Courses(meter), _) => meter.advance(world),
            (Self::Field(meter), _) => Ok(meter.advance()),
            (Self::Chain(meter), World::Chain(_)) => meter.advance(world),
            _ => Ok(Some(Cost {
                rounds: Vec::new(),
                error: f64::NAN,
            })),
        }
    }
}

/// Means by round over repetitions, and the standard error of the sum.
fn mean_cost(samples: &[Vec<f64>]) -> Cost {
    let rounds = samples.iter().map(Vec::len).max().unwrap_or(0);
    let means = (0..rounds)
        .map(|r| {
            let values = samples.iter().map(|s| s.get(r).copied().unwrap_or(0.0));
            stats::mean(&values.collect::<Vec<f64>>())
        })
        .collect();
    let totals: Vec<f64> = samples
        .iter()
        .map(|s| num::sum(s.iter().copied()))
        .collect();
    Cost {
        rounds: means,
        error: stats::std_dev(&totals) / (totals.len() as f64).sqrt(),
    }
}

/// The mean of the exact costs of random courses.
pub(super) struct CoursesMeter {
    order: Order,
    stream: Stream,
    joint: Option<Arc<Joint>>,
    course: Option<Course>,
    /// By course, then call.
    costs: Vec<Vec<f64>>,
}

enum Course {
    /// In closed form.
    Field(Box<Meter>),
    Plain(EntropyMeter),
    Corrected(LawMeter),
}

impl CoursesMeter {
    fn advance(&mut self, world: &World) -> Result<Option<Cost>> {
        if self.costs.len() == COURSES {
            return Ok(Some(mean_cost(&self.costs)));
        }
        let Some(course) = &mut self.course else {
            let k = self.costs.len() as u32;
            let stream = self.stream.clone().replicate(21).step(k);
            let plan = Plan::new(self.order, world, &stream)?;
            self.course = Some(match &self.joint {
                Some(joint) if self.order.correction > 0.0 => {
                    Course::Corrected(LawMeter::new(plan, joint))
                }
                Some(joint) => Course::Plain(EntropyMeter::new(plan, joint)),
                None => Course::Field(Box::new(Meter::with(world, plan))),
            });
            return Ok(None);
        };
        let done = match (course, &self.joint) {
            (Course::Corrected(meter), Some(joint)) => meter.advance(joint),
            (Course::Plain(meter), Some(joint)) => meter.advance(joint),
            (Course::Field(meter), _) => meter.advance(world)?.map(|c| c.rounds),
            (_, None) => Some(Vec::new()),
        };
        if let Some(rounds) = done {
            self.costs.push(rounds);
            self.course = None;
        }
        Ok(None)
    }
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
            let round = self.costs.len();
            if round == self.plan.rounds() {
                return Some(Cost {
                    rounds: std::mem::take(&mut self.costs),
                    error: 0.0,
                });
            }
            let set = self.plan.choose(round, || {
                let free = self.field.free().iter();
                free.map(|i| (*i, -self.field.variance(*i))).collect()
            });
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
        let set = self.plan.choose(self.round, || sureness(known, &laws));
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
    order: Order,
    stream: Stream,
    /// Log-ratios of every sample, by round.
    samples: Vec<Vec<f64>>,
}

impl ChainMeter {
    fn advance(&mut self, world: &World) -> Result<Option<Cost>> {
        let World::Chain(chain) = world else {
            return Ok(None);
        };
        if self.samples.len() == SAMPLES {
            return Ok(Some(mean_cost(&self.samples)));
        }
        let k = self.samples.len() as u32;
        // Random orders differ from sample to sample: the cost is their mean.
        let orders = self.stream.clone().replicate(21).step(k);
        let plan = Plan::new(self.order, world, &orders)?;
        let x = sample(chain, self.stream.clone().replicate(22).step(k));
        self.samples.push(log_ratios(chain, &plan, &x));
        Ok(None)
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

/// The free positions with the probability of their likeliest value.
pub(super) fn sureness(known: &[Option<usize>], laws: &[Vec<f64>]) -> Vec<(usize, f64)> {
    (0..known.len())
        .filter(|i| known[*i].is_none())
        .map(|i| (i, laws[i].iter().copied().fold(0.0, f64::max)))
        .collect()
}

/// `ln p(x_S | known) - sum_i ln p(x_i | known)` of every round, along one sequence.
fn log_ratios(chain: &Chain, plan: &Plan, x: &[usize]) -> Vec<f64> {
    let mut known = vec![None; x.len()];
    let (mut before, mut laws) = chain.marginals(&known);
    (0..plan.rounds())
        .map(|round| {
            let set = plan.choose(round, || sureness(&known, &laws));
            if set.is_empty() {
                return 0.0;
            }
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
