//! The computation: the cost of the order, samples drawn by it, and the other orders if asked for.

use super::super::config::Config;
use super::super::masked::{Field, Oracle};
use super::World;
use super::cost::{Cost, Meter, listed, pick, sureness};
use super::law::{Joint, Sweeps};
use super::order::{Order, OrderKind, Plan};
use super::report;
use super::run::{Correction, Tile, TokenRun};
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

/// Widths and numbers of levels at which a hyperschedule is compared.
const WIDTHS: [u64; 6] = [1, 2, 4, 8, 16, 32];
/// Most calls of a hyperschedule that is compared.
const COMPARED_CALLS: usize = 64;

/// Costs by name at several numbers of calls.
pub(super) type Table = Vec<(String, Vec<(usize, Cost)>)>;

/// The computation in steps.
pub(in crate::labs::noise) struct Work {
    config: Config,
    world: Arc<World>,
    joint: Option<Arc<Joint>>,
    meter: Option<Meter>,
    cost: Option<Cost>,
    tiles: Vec<Tile>,
    painter: Option<Painter>,
    /// What sweeps of corrections do, under way and found.
    sweeps: Option<Box<Sweeps>>,
    swept: Vec<Vec<f64>>,
    /// Orders still to compare, the next one last.
    plan: Vec<(String, Order)>,
    planned: usize,
    compared: Table,
}

impl Work {
    pub(in crate::labs::noise) fn new(config: &Config) -> Result<Self> {
        let world = Arc::new(World::new(config)?);
        let mut plan = if config.all_orders {
            comparison(config, &world)
        } else {
            Vec::new()
        };
        plan.reverse();
        let order = Order::of(config);
        let joint = listed(&world, order);
        let sweeps = match &joint {
            Some(joint) if order.correction > 0.0 => {
                let stream = Stream::new(config.seed, StreamId::Noise).replicate(24);
                let first = course(config, &world, 0)?;
                Some(Box::new(Sweeps::new(Arc::clone(joint), stream, first)))
            }
            _ => None,
        };
        Ok(Self {
            config: config.clone(),
            planned: plan.len(),
            plan,
            world,
            joint,
            meter: None,
            cost: None,
            tiles: Vec::new(),
            painter: None,
            sweeps,
            swept: Vec::new(),
            compared: Vec::new(),
        })
    }

    /// A slice of the cost of one order.
    fn measure(&mut self, order: Order) -> Result<Option<Cost>> {
        let mut meter = match self.meter.take() {
            Some(meter) => meter,
            None => Meter::new(&self.world, self.joint.as_ref(), order, self.config.seed)?,
        };
        let cost = meter.advance(&self.world)?;
        if cost.is_none() {
            self.meter = Some(meter);
        }
        Ok(cost)
    }

    fn paint(&mut self) -> Result<()> {
        let k = self.tiles.len() as u32;
        let painter = if let Some(painter) = &mut self.painter {
            painter
        } else {
            let painter = Painter::new(&self.world, &self.config, k)?;
            self.painter.insert(painter)
        };
        if let Some(tile) = painter.advance(&self.world) {
            self.tiles.push(tile);
            self.painter = None;
        }
        Ok(())
    }
}

/// The random course with a number.
fn course(config: &Config, world: &World, k: u32) -> Result<Plan> {
    let stream = Stream::new(config.seed, StreamId::Data);
    Plan::new(Order::of(config), world, &stream.replicate(21).step(k))
}

/// What is measured beside the order of the config: every order, or every width of its
/// hyperschedule.
fn comparison(config: &Config, world: &World) -> Vec<(String, Order)> {
    let (own, n) = (Order::of(config), world.positions());
    let mut out = Vec::new();
    if own.kind.is_annealed() {
        for width in WIDTHS.into_iter().filter(|w| *w as usize <= n) {
            for levels in [1, 2, 4, 8, 16, 32] {
                let order = Order {
                    block: width as usize,
                    levels,
                    correction: 0.0,
                    ..own
                };
                let calls = order.indices(n).ok().flatten().map(|i| i.calls());
                if calls.is_some_and(|c| c <= COMPARED_CALLS) {
                    out.push((format!("w = {width}"), order));
                }
            }
        }
        return out;
    }
    // One curve for each colour of the charts.
    for kind in OrderKind::ALL.into_iter().take(6) {
        for rounds in COMPARED.into_iter().filter(|r| *r <= n) {
            let order = Order {
                kind,
                rounds,
                ..own
            };
            out.push((kind.name().to_owned(), order));
        }
    }
    out
}

impl Job for Work {
    type Out = TokenRun;

    fn step(&mut self) -> Result<Step<TokenRun>> {
        if self.cost.is_none() {
            self.cost = self.measure(Order::of(&self.config))?;
        } else if self.tiles.len() < shown(&self.world) {
            self.paint()?;
        } else if let Some(sweeps) = &mut self.sweeps {
            let (config, world) = (&self.config, &self.world);
            if let Some(curves) = sweeps.advance(|k| course(config, world, k))? {
                self.swept = curves;
                self.sweeps = None;
            }
        } else if let Some((_, order)) = self.plan.last() {
            let order = *order;
            if let Some(cost) = self.measure(order)? {
                let name = self.plan.pop().map(|p| p.0).unwrap_or_default();
                let calls = cost.rounds.len();
                match self.compared.last_mut().filter(|row| row.0 == name) {
                    Some(row) => row.1.push((calls, cost)),
                    None => self.compared.push((name, vec![(calls, cost)])),
                }
            }
        } else if let Some(cost) = self.cost.take() {
            let made = report::Made {
                cost,
                tiles: std::mem::take(&mut self.tiles),
                compared: std::mem::take(&mut self.compared),
                swept: std::mem::take(&mut self.swept),
            };
            return report::build(&self.config, &self.world, made).map(Step::Done);
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
    corrections: Vec<Correction>,
    field: Option<Box<Field>>,
    /// Sites of the field still to be conditioned on in this round, with their values.
    pending: Vec<(usize, f64)>,
}

impl Painter {
    fn new(world: &World, config: &Config, k: u32) -> Result<Self> {
        let stream = Stream::new(config.seed, StreamId::Data);
        let orders = match world {
            // The same random orders as behind the cost.
            World::Chain(_) => stream.clone().replicate(21).step(k),
            _ if config.order.is_annealed() => stream.clone().replicate(21).step(k),
            _ => stream.clone().replicate(20),
        };
        let n = world.positions();
        Ok(Self {
            plan: Plan::new(Order::of(config), world, &orders)?,
            stream: Stream::new(config.seed, StreamId::Noise)
                .replicate(23)
                .step(k),
            round: 0,
            known: vec![None; n],
            values: vec![0.0; n],
            rounds: vec![0; n],
            entropy: vec![0.0; n],
            corrections: Vec::new(),
            field: match world {
                World::Field(side, ell) => Some(Box::new(Field::new(*side, *ell))),
                _ => None,
            },
            pending: Vec::new(),
        })
    }

    /// A slice; the tile when all is revealed.
    fn advance(&mut self, world: &World) -> Option<Tile> {
        if self.pending.is_empty() && self.round == self.plan.rounds() {
            return Some(Tile {
                values: std::mem::take(&mut self.values).into(),
                round: std::mem::take(&mut self.rounds).into(),
                entropy: std::mem::take(&mut self.entropy).into(),
                corrections: std::mem::take(&mut self.corrections).into(),
            });
        }
        match (world, world.lattice()) {
            (World::Chain(chain), _) => self.reveal(chain),
            (_, Some(lattice)) => self.reveal(lattice),
            _ => self.field_slice(),
        }
        None
    }

    /// One round: every position on its own, given the tokens from before it.
    fn reveal<O: Oracle + ?Sized>(&mut self, oracle: &O) {
        let laws = oracle.marginals(&self.known).1;
        let set = self
            .plan
            .choose(self.round, || sureness(&self.known, &laws));
        let others: Vec<(usize, Vec<f64>)> = self
            .plan
            .corrections(self.round)
            .iter()
            .map(|i| {
                let mut others = self.known.clone();
                others[*i] = None;
                (*i, oracle.marginals(&others).1.swap_remove(*i))
            })
            .collect();
        for (i, law) in others {
            let value = pick(&law, self.stream.uniform());
            self.known[i] = Some(value);
            self.corrections.push(Correction {
                round: self.round as u16,
                position: i as u16,
                value: value as f32,
            });
        }
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
            let set = self.plan.choose(self.round, || {
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
