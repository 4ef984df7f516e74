//! The computation: the cost of the order, samples drawn by it, and the other orders if asked for.

use super::super::config::Config;
use super::super::masked::{Field, Oracle as _};
use super::World;
use super::cost::{Cost, Meter, pick, surest};
use super::order::{OrderKind, Plan};
use super::report;
use super::run::{Tile, TokenRun};
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Job, Result, Step, num};
use std::sync::Arc;

/// Rounds at which all orders are compared, as far as there are positions.
const COMPARED: [usize; 5] = [2, 4, 8, 16, 32];

/// Samples shown: sequences under each other, lattices side by side, one field.
fn shown(world: &World) -> usize {
    match world {
        World::Chain(_) => 16,
        World::Ising(_) | World::Potts(_) => 12,
        World::Field(..) => 1,
    }
}

/// The orders' costs at several numbers of calls.
pub(super) type Table = Vec<(OrderKind, Vec<(usize, Cost)>)>;

/// The computation in steps.
pub(in crate::labs::noise) struct Work {
    config: Config,
    world: Arc<World>,
    meter: Option<Meter>,
    cost: Option<Cost>,
    tiles: Vec<Tile>,
    painter: Option<Painter>,
    /// Orders and rounds still to compare, the next one last.
    plan: Vec<(OrderKind, usize)>,
    planned: usize,
    compared: Table,
}

impl Work {
    pub(in crate::labs::noise) fn new(config: &Config) -> Result<Self> {
        let world = Arc::new(World::new(config)?);
        let mut plan = Vec::new();
        if config.all_orders {
            // One curve for each colour of the charts.
            for kind in OrderKind::ALL.into_iter().take(6) {
                for rounds in COMPARED.into_iter().filter(|r| *r <= world.positions()) {
                    plan.push((kind, rounds));
                }
            }
            plan.reverse();
        }
        Ok(Self {
            config: config.clone(),
            planned: plan.len(),
            plan,
            world,
            meter: None,
            cost: None,
            tiles: Vec::new(),
            painter: None,
            compared: Vec::new(),
        })
    }

    fn meter(&self, kind: OrderKind, rounds: usize) -> Meter {
        let c = &self.config;
        Meter::new(&self.world, kind, rounds, c.block as usize, c.seed)
    }

    /// A slice of the cost of one order.
    fn measure(&mut self, kind: OrderKind, rounds: usize) -> Option<Cost> {
        let mut meter = match self.meter.take() {
            Some(meter) => meter,
            None => self.meter(kind, rounds),
        };
        let cost = meter.advance(&self.world);
        if cost.is_none() {
            self.meter = Some(meter);
        }
        cost
    }

    fn paint(&mut self) {
        let k = self.tiles.len() as u32;
        let config = &self.config;
        let painter = self
            .painter
            .get_or_insert_with(|| Painter::new(&self.world, config, k));
        if let Some(tile) = painter.advance(&self.world) {
            self.tiles.push(tile);
            self.painter = None;
        }
    }
}

impl Job for Work {
    type Out = TokenRun;

    fn step(&mut self) -> Result<Step<TokenRun>> {
        if self.cost.is_none() {
            let (kind, rounds) = (self.config.order, self.config.rounds as usize);
            self.cost = self.measure(kind, rounds);
        } else if self.tiles.len() < shown(&self.world) {
            self.paint();
        } else if let Some((kind, rounds)) = self.plan.last().copied() {
            if let Some(cost) = self.measure(kind, rounds) {
                self.plan.pop();
                let calls = cost.rounds.len();
                match self.compared.last_mut().filter(|row| row.0 == kind) {
                    Some(row) => row.1.push((calls, cost)),
                    None => self.compared.push((kind, vec![(calls, cost)])),
                }
            }
        } else if let Some(cost) = self.cost.take() {
            let tiles = std::mem::take(&mut self.tiles);
            let run = report::build(&self.config, &self.world, cost, tiles, &self.compared);
            return Ok(Step::Done(run));
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let shown = self.tiles.len() as f64 / shown(&self.world) as f64;
        let own = 0.5 * f64::from(u8::from(self.cost.is_some())) + 0.4 * shown;
        if self.planned == 0 {
            own
        } else {
            let left = self.plan.len() as f64 / self.planned as f64;
            0.2 * own + 0.8 * (1.0 - left) * f64::from(u8::from(shown >= 1.0))
        }
    }
}

/// Generates one sample round by round, every position of a round on its own.
struct Painter {
    plan: Plan,
    stream: Stream,
    round: usize,
    known: Vec<Option<usize>>,
    values: Vec<f32>,
    rounds: Vec<u16>,
    entropy: Vec<f32>,
    field: Option<Box<Field>>,
    /// Sites of the field still to be conditioned on in this round, with their values.
    pending: Vec<(usize, f64)>,
}

impl Painter {
    fn new(world: &World, config: &Config, k: u32) -> Self {
        let stream = Stream::new(config.seed, StreamId::Data);
        let orders = match world {
            // The same random orders as behind the cost.
            World::Chain(_) => stream.clone().replicate(21).step(k),
            _ => stream.clone().replicate(20),
        };
        let (rounds, block) = (config.rounds as usize, config.block as usize);
        let n = world.positions();
        Self {
            plan: Plan::new(config.order, world, rounds, block, &orders),
            stream: Stream::new(config.seed, StreamId::Noise)
                .replicate(23)
                .step(k),
            round: 0,
            known: vec![None; n],
            values: vec![0.0; n],
            rounds: vec![0; n],
            entropy: vec![0.0; n],
            field: match world {
                World::Field(side, ell) => Some(Box::new(Field::new(*side, *ell))),
                _ => None,
            },
            pending: Vec::new(),
        }
    }

    fn choose(&self, scores: impl FnOnce() -> Vec<(usize, f64)>) -> Vec<usize> {
        match &self.plan {
            Plan::Fixed(rounds) => rounds[self.round].clone(),
            Plan::Confidence(sizes, precedence) => surest(&scores(), sizes[self.round], precedence),
        }
    }

    /// A slice; the tile when all is revealed.
    fn advance(&mut self, world: &World) -> Option<Tile> {
        if self.pending.is_empty() && self.round == self.plan.rounds() {
            return Some(Tile {
                values: std::mem::take(&mut self.values).into(),
                round: std::mem::take(&mut self.rounds).into(),
                entropy: std::mem::take(&mut self.entropy).into(),
            });
        }
        match world {
            World::Field(..) => self.field_slice(),
            World::Chain(chain) => {
                let laws = chain.marginals(&self.known).1;
                self.reveal(&laws);
            }
            World::Ising(_) | World::Potts(_) => {
                if let Some(lattice) = world.lattice() {
                    let laws = lattice.marginals(&self.known).1;
                    self.reveal(&laws);
                }
            }
        }
        None
    }

    fn reveal(&mut self, laws: &[Vec<f64>]) {
        let set = self.choose(|| {
            (0..laws.len())
                .filter(|i| self.known[*i].is_none())
                .map(|i| (i, laws[i].iter().copied().fold(0.0, f64::max)))
                .collect()
        });
        for i in set {
            let value = pick(&laws[i], self.stream.uniform());
            self.known[i] = Some(value);
            self.values[i] = value as f32;
            self.rounds[i] = self.round as u16;
            let h = laws[i]
                .iter()
                .filter(|p| **p > 0.0)
                .map(|p| -p * num::ln(*p));
            self.entropy[i] = num::sum(h) as f32;
        }
        self.round += 1;
    }

    fn field_slice(&mut self) {
        let Some(mut field) = self.field.take() else {
            return;
        };
        if self.pending.is_empty() {
            let set = self.choose(|| {
                let free = field.free().iter();
                free.map(|i| (*i, -field.variance(*i))).collect()
            });
            for i in set {
                let (mean, variance) = (field.mean(i), field.variance(i));
                let z = f64::from(integer_normal(self.stream.word()));
                let value = mean + variance.sqrt() * z;
                self.values[i] = value as f32;
                self.rounds[i] = self.round as u16;
                let spread = 2.0 * std::f64::consts::PI * std::f64::consts::E * variance;
                self.entropy[i] = (0.5 * num::ln(spread)) as f32;
                self.pending.push((i, value));
            }
            self.round += 1;
        }
        for _ in 0..4 {
            if let Some((i, value)) = self.pending.pop() {
                field.condition_on(i, value);
            }
        }
        self.field = Some(field);
    }
}
