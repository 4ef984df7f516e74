//! A training whose mask changes while it goes on, in short steps.
//!
//! The forward pass sees W ⊙ M; the gradient of a pruned weight is multiplied by 0 (or, with
//! annealed gradients, by a share), and its momentum is zeroed. A pruned weight that may come back
//! keeps its last value, and rankings see that value; one that may not is set to 0.

use super::super::config::{
    Config, Exchange, Fade, Granularity, Method, RateShape, Regime, Shape, Switching,
};
use super::super::criteria::pqi::{Sap, pqi};
use super::super::criteria::regrow::{drop_fraction, rigl};
use super::super::criteria::regularise::{annealed, hyper_sparse};
use super::super::mask::Mask;
use super::super::model::layers_of;
use super::super::network::{self, Batches, DECAY, MOMENTUM, falling};
use super::super::plan::{Known, Layer, Rule, plan};
use super::super::schedule::{self, Schedule};
use super::super::score::score_key;
use super::super::select::{count_rule, masks, prune_by_score, radix_select};
use super::super::systems::erk::{Kind, densities};
use super::super::systems::random;
use crate::core::mlp::{Evaluation, Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};
use std::sync::Arc;

/// One stretch of the course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    /// Without a mask.
    Dense,
    /// Along the schedule.
    Gradual,
    /// With a fixed number of weights.
    Exchange,
    /// After this many cuts.
    Round(usize),
    /// The last mask on other first weights.
    Control,
    /// Pruned weights flicker.
    Flicker,
    /// Small weights are pressed towards zero, then cut.
    Bend,
}

/// What a step of the course led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing to see yet.
    Working,
    /// A moment worth a look; the last one of its leg or not.
    Look {
        /// Whether the leg ends here.
        last: bool,
    },
    /// The course is over.
    Done,
}

/// A cut between two rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Round {
    /// Weights in the round.
    pub(crate) kept: usize,
    /// PQ index of these weights after training.
    pub(crate) pqi: f64,
    /// Weights that go after it.
    pub(crate) cut: usize,
}

/// How the `HyperSparse` term presses on a weight of a magnitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Profile {
    /// σ of the term.
    pub(crate) sigma: f64,
    /// Σ|w| / Σ tanh σ|w|.
    pub(crate) ratio: f64,
}

enum Todo {
    Begin,
    Change,
    Train,
    /// Judging the training images.
    Check(Box<Check>),
    End,
}

struct Check {
    net: Mlp,
    next: usize,
    correct: usize,
    /// It sets the goal instead of meeting it.
    goal: bool,
}

/// p and q of the PQ index, and the largest share cut at once.
const P: f64 = 0.5;
const Q: f64 = 1.0;
const BETA: f64 = 0.9;
/// Most rounds of SAP.
const MOST_ROUNDS: usize = 24;
/// Training images judged in one step.
const CHECKED: usize = 130;

/// The course.
pub(crate) struct Course {
    config: Config,
    schedule: Schedule,
    net: Mlp,
    /// What the forward pass sees.
    seen: Mlp,
    /// Where rounds go back to.
    start: Mlp,
    /// 1 for parameters that are kept (biases always), 0 for pruned ones.
    open: Vec<f32>,
    /// Those that take part in this step.
    on: Vec<f32>,
    velocity: Vec<f32>,
    grad: Vec<f32>,
    /// Gradient of the term that presses, once it is known for this step.
    push: Option<Vec<f32>>,
    /// Accumulated movement of every parameter.
    moved: Vec<f64>,
    batches: Batches,
    work: Workspace,
    leg: Option<Leg>,
    leg_steps: u64,
    stride: u64,
    /// Step of the leg, and steps of all legs before it.
    t: u64,
    before: u64,
    todo: Todo,
    /// Training images that the dense network has right.
    goal: usize,
    cut_done: bool,
    /// Training loss of the last batch.
    pub(crate) batch_loss: f64,
    /// Mean share of kept weights over the steps done, as a sum.
    density_sum: f64,
    trained: u64,
    pub(crate) rounds: Vec<Round>,
    pub(crate) profile: Option<Profile>,
    /// Where legs begin, with their names.
    pub(crate) stages: Vec<(u64, String)>,
}

/// The schedule of a config over a training of `steps`.
pub(crate) fn schedule_of(config: &Config, shape: Shape, steps: u64) -> Schedule {
    let at = |percent: f64| (percent / 100.0 * steps as f64).round_ties_even() as u64;
    let start = at(config.begin).min(steps.saturating_sub(1));
    let end = match config.shape {
        Shape::OneShot => steps,
        _ => at(config.finish),
    };
    Schedule {
        shape: match shape {
            Shape::OneShot => schedule::Shape::OneShot,
            Shape::Linear => schedule::Shape::Linear,
            Shape::Cubic => schedule::Shape::Polynomial {
                power: config.power,
            },
            Shape::Exponential => schedule::Shape::Exponential,
            Shape::Cosine => schedule::Shape::Cosine,
            Shape::Iterative => schedule::Shape::Iterative {
                rounds: config.jumps,
            },
            Shape::Harmonic => schedule::Shape::Harmonic {
                cycles: config.cycles as f64,
                power: config.power,
            },
        },
        initial: match shape {
            Shape::OneShot => 0.0,
            _ => config.initial / 100.0,
        },
        last: config.sparsity / 100.0,
        start,
        end,
        every: config.every,
    }
}

impl Course {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let sizes = config.sizes();
        let net = Mlp::new(&sizes, &mut Stream::new(config.seed, StreamId::Weights))?;
        let n = net.params().len();
        Ok(Self {
            schedule: schedule_of(config, config.shape, config.train_steps),
            seen: net.clone(),
            start: net.clone(),
            open: vec![1.0; n],
            on: vec![1.0; n],
            velocity: vec![0.0; n],
            grad: vec![0.0; n],
            push: None,
            moved: vec![0.0; n],
            batches: Batches::new(config.seed),
            work: Workspace::default(),
            leg: None,
            leg_steps: 0,
            stride: 1,
            t: 0,
            before: 0,
            todo: Todo::Begin,
            goal: 0,
            cut_done: false,
            batch_loss: f64::NAN,
            density_sum: 0.0,
            trained: 0,
            rounds: Vec::new(),
            profile: None,
            stages: Vec::new(),
            config: config.clone(),
            net,
        })
    }

    /// The network as the forward pass sees it.
    pub(crate) fn network(&self) -> &Mlp {
        &self.seen
    }

    /// Its weights, those of pruned ones as they last were.
    pub(crate) fn shadow(&self) -> &Mlp {
        &self.net
    }

    /// Optimizer steps since the very start.
    pub(crate) fn step_number(&self) -> u64 {
        self.before + self.t
    }

    /// The leg under way.
    pub(crate) fn leg(&self) -> Option<Leg> {
        self.leg
    }

    /// The mask of a layer.
    pub(crate) fn mask(&self, layer: usize) -> Mask {
        let range = self.net.weight_range(layer);
        let open = &self.open[range];
        Mask::from_fn(open.len(), |i| open[i] != 0.0)
    }

    /// Number of prunable weights.
    pub(crate) fn size(&self) -> usize {
        (0..self.net.layers())
            .map(|l| self.net.weight_range(l).len())
            .sum()
    }

    /// Kept weights of all layers.
    pub(crate) fn kept(&self) -> usize {
        let of = |l| self.open[self.net.weight_range(l)].iter();
        (0..self.net.layers())
            .map(|l| of(l).filter(|o| **o != 0.0).count())
            .sum()
    }

    /// Mean density over the steps trained so far.
    pub(crate) fn mean_density(&self) -> f64 {
        self.density_sum / self.trained.max(1) as f64
    }

    /// Learning rate of the next step.
    pub(crate) fn rate(&self) -> f64 {
        let (t, steps) = match self.leg {
            Some(Leg::Round(r)) if r > 0 => {
                (self.t + self.rewind(), self.leg_steps + self.rewind())
            }
            _ => (self.t, self.leg_steps),
        };
        match self.config.rate_shape {
            RateShape::Constant => self.config.rate,
            RateShape::Cosine => self.config.rate * falling(t as f64 / steps.max(1) as f64),
        }
    }

    fn rewind(&self) -> u64 {
        self.config
            .rewind
            .min(self.config.train_steps.saturating_sub(1))
    }

    /// Share of the course that is done, as far as one can tell.
    pub(crate) fn progress(&self) -> f64 {
        let c = &self.config;
        let total = match c.regime {
            Regime::Cut | Regime::Gradual | Regime::Exchange => c.train_steps as f64,
            Regime::Flicker | Regime::HyperSparse => (c.train_steps + c.tune_steps) as f64,
            Regime::Ticket => {
                let rounds = num::ln(1.0 - c.sparsity / 100.0) / num::ln(1.0 - c.per_round / 100.0);
                c.train_steps as f64 * (rounds.ceil() + 2.0)
            }
            Regime::Sap => c.train_steps as f64 * MOST_ROUNDS as f64 / 2.0,
        };
        (self.step_number() as f64 / total).min(0.99)
    }

    /// One short step.
    pub(crate) fn advance(&mut self) -> Result<Event> {
        match std::mem::replace(&mut self.todo, Todo::End) {
            Todo::Begin => {
                if !self.begin()? {
                    return Ok(Event::Done);
                }
                self.todo = Todo::Change;
            }
            Todo::Change => {
                if let Some(check) = self.change() {
                    self.todo = Todo::Check(Box::new(check));
                    return Ok(Event::Working);
                }
                return Ok(self.look());
            }
            Todo::Check(mut check) => {
                if !self.check(&mut check) {
                    self.todo = Todo::Check(check);
                    return Ok(Event::Working);
                }
                return Ok(self.look());
            }
            Todo::Train => {
                self.todo = if self.train() {
                    Todo::Change
                } else {
                    Todo::Train
                };
            }
            Todo::End => {
                self.before += self.leg_steps;
                self.t = 0;
                self.todo = Todo::Begin;
            }
        }
        Ok(Event::Working)
    }

    /// Enters the next leg; whether there is one.
    fn begin(&mut self) -> Result<bool> {
        let next = match (self.config.regime, self.leg) {
            (Regime::Gradual, None) => Some(Leg::Gradual),
            (Regime::Exchange, None) => Some(Leg::Exchange),
            (Regime::Flicker | Regime::HyperSparse, None) => Some(Leg::Dense),
            (Regime::Flicker, Some(Leg::Dense)) => Some(Leg::Flicker),
            (Regime::HyperSparse, Some(Leg::Dense)) => Some(Leg::Bend),
            (Regime::Ticket | Regime::Sap, None) => Some(Leg::Round(0)),
            (Regime::Ticket | Regime::Sap, Some(Leg::Round(r))) => self.cut_round(r),
            _ => None,
        };
        let Some(leg) = next else {
            return Ok(false);
        };
        let c = &self.config;
        let (steps, looks, name) = match leg {
            Leg::Dense => (c.train_steps, 40, "dense training".to_owned()),
            Leg::Gradual => (c.train_steps, 100, "training".to_owned()),
            Leg::Exchange => (c.train_steps, 100, "sparse training".to_owned()),
            Leg::Flicker => (c.tune_steps, 60, "annealing".to_owned()),
            Leg::Bend => (c.tune_steps, 60, "pressure".to_owned()),
            Leg::Round(0) => (c.train_steps, 8, "dense round".to_owned()),
            Leg::Round(r) => (c.train_steps - self.rewind(), 8, format!("round {r}")),
            Leg::Control => (
                c.train_steps,
                8,
                "control: same mask, new first weights".to_owned(),
            ),
        };
        match leg {
            Leg::Round(r) if r > 0 => self.go_back(),
            Leg::Control => {
                let mut stream = Stream::new(c.seed, StreamId::Weights).replicate(1);
                self.net = Mlp::new(&c.sizes(), &mut stream)?;
                self.zero_pruned();
            }
            _ => {}
        }
        self.velocity.fill(0.0);
        self.batches = Batches::new(self.config.seed);
        self.stages.push((self.before, name));
        (self.leg, self.leg_steps) = (Some(leg), steps);
        self.stride = steps.div_ceil(looks).max(1);
        self.t = 0;
        Ok(true)
    }

    /// Reports the moment if it is worth it, and goes on.
    fn look(&mut self) -> Event {
        let last = self.t >= self.leg_steps;
        self.todo = if last { Todo::End } else { Todo::Train };
        // The start of a later leg is the moment at which the one before it ended.
        let due = self.t.is_multiple_of(self.stride) && (self.t > 0 || self.before == 0);
        if last || due {
            Event::Look { last }
        } else {
            Event::Working
        }
    }

    /// Changes the mask where it is time to; a judgement of the training images where one is
    /// needed first.
    fn change(&mut self) -> Option<Check> {
        let (t, c) = (self.t, &self.config);
        let mut check = None;
        match self.leg {
            Some(Leg::Gradual) => {
                let s = self.schedule;
                let due = t >= s.start && (t - s.start).is_multiple_of(s.every.max(1));
                // Pruned weights that still learn may overtake kept ones to the end.
                let learn = c.fade != Fade::Hard;
                let change = match c.shape {
                    Shape::OneShot => t == s.start || due && learn,
                    _ => t == s.end || due && (t < s.end || learn),
                };
                if change {
                    self.rank(s.at(t));
                }
            }
            Some(Leg::Exchange) if t == 0 => self.scatter(),
            Some(Leg::Flicker) if t == 0 => self.rank(c.sparsity / 100.0),
            Some(Leg::Bend) if !self.cut_done => {
                let latest = (c.finish / 100.0 * self.leg_steps as f64).round_ties_even() as u64;
                if t >= latest {
                    self.rank(c.sparsity / 100.0);
                    self.cut_done = true;
                    let name = "cut at the latest step".to_owned();
                    self.stages.push((self.before + t, name));
                } else if t.is_multiple_of(Batches::per_epoch()) {
                    check = Some(Check {
                        net: if t == 0 {
                            self.net.clone()
                        } else {
                            self.pruned_copy()
                        },
                        next: 0,
                        correct: 0,
                        goal: t == 0,
                    });
                }
            }
            _ => {}
        }
        self.on.copy_from_slice(&self.open);
        self.see();
        check
    }

    /// Judges some training images; whether all are judged.
    fn check(&mut self, check: &mut Check) -> bool {
        let train = &network::data().0;
        let to = (check.next + CHECKED).min(train.len());
        let pixels = crate::core::digits::PIXELS;
        let x = &train.x[check.next * pixels..to * pixels];
        let found: Evaluation =
            check
                .net
                .evaluate(x, &train.labels[check.next..to], None, &mut self.work);
        check.correct += found.correct;
        check.next = to;
        if to < train.len() {
            return false;
        }
        if check.goal {
            self.goal = check.correct;
        } else if check.correct >= self.goal {
            self.rank(self.config.sparsity / 100.0);
            self.cut_done = true;
            let name = "the pruned network is as good: cut".to_owned();
            self.stages.push((self.step_number(), name));
            self.on.copy_from_slice(&self.open);
            self.see();
        }
        true
    }

    fn see(&mut self) {
        let seen = self.seen.params_mut().iter_mut();
        for ((s, w), on) in seen.zip(self.net.params()).zip(&self.on) {
            *s = w * on;
        }
    }

    /// Part of an optimizer step; whether it is done.
    fn train(&mut self) -> bool {
        let t = self.t;
        if self.leg == Some(Leg::Bend) && !self.cut_done && self.push.is_none() {
            self.push = Some(self.pressure());
            return false;
        }
        if self.leg == Some(Leg::Flicker) {
            self.flicker();
        }
        let skip = match self.leg {
            Some(Leg::Round(r)) if r > 0 => self.rewind(),
            _ => 0,
        };
        if self.leg == Some(Leg::Round(0)) && t == self.rewind() {
            self.start = self.net.clone();
        }
        let (x, y) = self.batches.at(t + skip);
        self.batch_loss = self
            .seen
            .gradient(&x, &y, None, &mut self.grad, &mut self.work);
        self.density_sum += self.kept() as f64 / self.size().max(1) as f64;
        self.trained += 1;
        if self.config.method == Method::Movement {
            let moves = self.moved.iter_mut().zip(self.net.params());
            for ((s, w), g) in moves.zip(&self.grad) {
                *s -= f64::from(*w) * f64::from(*g);
            }
        }
        if self.exchange_due() {
            self.exchange();
        } else {
            self.update();
        }
        self.push = None;
        self.t += 1;
        true
    }

    /// The optimizer's rule on the weights that take part.
    fn update(&mut self) {
        let rate = self.rate() as f32;
        let share = self.share() as f32;
        for (i, w) in self.net.params_mut().iter_mut().enumerate() {
            let v = &mut self.velocity[i];
            let extra = self.push.as_ref().map_or(0.0, |p| p[i]);
            let g = (self.grad[i] + extra) + DECAY * *w;
            let g = match self.on[i] {
                0.0 if share == 0.0 => {
                    *v = 0.0;
                    continue;
                }
                0.0 => share * g,
                _ => g,
            };
            *v = MOMENTUM * *v + g;
            *w -= rate * *v;
        }
    }

    /// Share of their gradient that pruned weights get now.
    fn share(&self) -> f64 {
        let (alpha, t, end) = (self.config.alpha, self.t as f64, self.leg_steps as f64);
        match (self.leg, self.config.fade) {
            (Some(Leg::Gradual), Fade::Cosine) => annealed(alpha, t, end).0,
            (Some(Leg::Gradual), Fade::Linear) => annealed(alpha, t, end).1,
            (Some(Leg::Gradual), Fade::Constant) => alpha,
            _ => 0.0,
        }
    }

    /// Whether pruned weights may come back with their old values.
    fn reopens(&self) -> bool {
        let c = &self.config;
        match c.regime {
            Regime::Gradual => {
                c.shape == Shape::Harmonic || c.fade != Fade::Hard || c.method == Method::Movement
            }
            Regime::Flicker => true,
            _ => false,
        }
    }

    /// Ranks the weights by the config's method and keeps a share of 1 - `sparsity`.
    fn rank(&mut self, sparsity: f64) {
        let reopens = self.reopens();
        let mut ranked = self.net.clone();
        if !reopens {
            for (w, open) in ranked.params_mut().iter_mut().zip(&self.open) {
                *w *= open;
            }
        }
        let c = &self.config;
        let rule = Rule {
            method: match c.regime {
                Regime::Gradual | Regime::Flicker => c.method,
                _ => Method::Magnitude,
            },
            ..Rule::of(c)
        };
        let movement = |l: usize| -> Arc<[u32]> {
            let moved = self.moved[self.net.weight_range(l)].iter();
            moved.map(|&s| score_key(s)).collect()
        };
        let known = Known {
            keys: (rule.method == Method::Movement)
                .then(|| (0..self.net.layers()).map(movement).collect()),
            distortion: None,
        };
        let layers: Arc<[Layer]> = layers_of(&ranked).into();
        let found = plan(&layers, rule, known, &[100.0 * sparsity]);
        for (l, at) in found.pruned_at.iter().enumerate() {
            let range = self.net.weight_range(l);
            for (open, &gone) in self.open[range].iter_mut().zip(at.iter()) {
                let keep = gone > 0 && (reopens || *open != 0.0);
                *open = f32::from(u8::from(keep));
            }
        }
        if !reopens {
            self.zero_pruned();
        }
    }

    fn zero_pruned(&mut self) {
        for (w, open) in self.net.params_mut().iter_mut().zip(&self.open) {
            if *open == 0.0 {
                *w = 0.0;
            }
        }
    }

    /// What the network would be if it were cut now.
    fn pruned_copy(&mut self) -> Mlp {
        let (open, net) = (self.open.clone(), self.net.clone());
        self.rank(self.config.sparsity / 100.0);
        self.open = open;
        std::mem::replace(&mut self.net, net)
    }

    /// A random mask with Erdős-Rényi-kernel densities.
    fn scatter(&mut self) {
        let layers = layers_of(&self.net);
        let shapes: Vec<Vec<u64>> = layers.iter().map(|l| l.shape.clone()).collect();
        let d = densities(&shapes, self.config.sparsity / 100.0, Kind::Erk);
        let seed = random::fold(self.config.seed);
        for (l, layer) in layers.iter().enumerate() {
            let n = layer.values.len();
            let key = |i: usize| random::key(seed, (layer.start + i as u64) as u32);
            let keys: Vec<u32> = (0..n).map(key).collect();
            let cut = radix_select(&[&keys], u32::MAX, count_rule(1.0 - d.density[l], n) as u64);
            let mask = &masks(&[&keys], u32::MAX, &cut)[0];
            self.take(l, mask);
        }
        self.zero_pruned();
    }

    fn take(&mut self, layer: usize, mask: &Mask) {
        let range = self.net.weight_range(layer);
        for (i, open) in self.open[range].iter_mut().enumerate() {
            *open = f32::from(u8::from(mask.kept(i)));
        }
    }

    /// Last step of the leg at which weights are exchanged.
    fn last_exchange(&self) -> f64 {
        self.config.finish / 100.0 * self.leg_steps as f64
    }

    fn exchange_due(&self) -> bool {
        let c = &self.config;
        self.leg == Some(Leg::Exchange)
            && c.exchange != Exchange::Never
            && self.t > 0
            && self.t.is_multiple_of(c.every)
            && (self.t as f64) < self.last_exchange()
    }

    /// Exchanges weights of every layer, instead of an update of the weights.
    fn exchange(&mut self) {
        let alpha = self.config.drop / 100.0;
        let fraction = drop_fraction(alpha, self.t as f64, self.last_exchange());
        let mut luck = Stream::new(self.config.seed, StreamId::Policy).step(self.t as u32);
        for l in 0..self.net.layers() {
            let range = self.net.weight_range(l);
            let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
            let gain = match self.config.exchange {
                Exchange::Random => range.clone().map(|_| luck.uniform()).collect(),
                _ => wide(&self.grad[range.clone()]),
            };
            let done = rigl(&wide(self.net.weights(l)), &gain, &self.mask(l), fraction);
            for (i, at) in range.enumerate() {
                // New weights start at 0 and without momentum; so do those that went.
                if done.grown.kept(i) || !done.mask.kept(i) {
                    self.velocity[at] = 0.0;
                }
                self.net.params_mut()[at] = done.weights[i] as f32;
            }
            self.take(l, &done.mask);
        }
    }

    /// Draws which pruned weights take part in this step.
    fn flicker(&mut self) {
        let settled = self.config.settle / 100.0 * self.leg_steps as f64;
        let t = self.t as f64;
        let p = if t >= settled {
            0.0
        } else {
            match self.config.switching {
                Switching::Random => 1.0 - t / settled,
                Switching::Temperature => 0.5 * falling(t / settled),
            }
        };
        let mut luck = Stream::new(self.config.seed, StreamId::Policy).step(self.t as u32);
        for (on, open) in self.on.iter_mut().zip(&self.open) {
            *on = *open;
            if *open == 0.0 && p > 0.0 && luck.uniform() < p {
                *on = 1.0;
            }
        }
        self.see();
    }

    /// Gradient of the `HyperSparse` term, times its weight.
    fn pressure(&mut self) -> Vec<f32> {
        let c = &self.config;
        let weight = c.pressure * num::pow(1.0 + c.growth / 100.0, self.t as f64);
        let mut out = vec![0.0; self.open.len()];
        let groups: Vec<Vec<usize>> = match c.granularity {
            Granularity::Global => vec![(0..self.net.layers()).collect()],
            Granularity::Layer => (0..self.net.layers()).map(|l| vec![l]).collect(),
        };
        for group in groups {
            let places: Vec<usize> = group
                .iter()
                .flat_map(|&l| self.net.weight_range(l))
                .collect();
            let w: Vec<f64> = places
                .iter()
                .map(|&i| f64::from(self.net.params()[i]))
                .collect();
            let Some(term) = hyper_sparse(&w, c.sparsity / 100.0) else {
                continue;
            };
            if !term.sigma.is_finite() {
                // The weight at the rate is exactly 0: there is nothing left to press.
                continue;
            }
            for (&i, g) in places.iter().zip(&term.gradient) {
                out[i] = (weight * g) as f32;
            }
            let bent = num::sum(w.iter().map(|w| num::tanh(term.sigma * w.abs())));
            self.profile = Some(Profile {
                sigma: term.sigma,
                ratio: term.surrogate / bent,
            });
        }
        out
    }

    /// The surviving weights of some layers.
    fn survivors(&self, layers: std::ops::Range<usize>) -> Vec<f64> {
        let places = layers.flat_map(|l| self.net.weight_range(l));
        let kept = places.filter(|&i| self.open[i] != 0.0);
        kept.map(|i| f64::from(self.net.params()[i])).collect()
    }

    /// PQ index of the surviving weights of all layers.
    pub(crate) fn index(&self) -> f64 {
        pqi(&self.survivors(0..self.net.layers()), P, Q)
    }

    /// Cuts after a round; the leg that follows.
    fn cut_round(&mut self, round: usize) -> Option<Leg> {
        let (kept, layers) = (self.kept(), self.net.layers());
        let goal = self.size() - count_rule(self.config.sparsity / 100.0, self.size());
        let index = self.index();
        let cuts: Vec<(std::ops::Range<usize>, usize)> = if self.config.regime == Regime::Ticket {
            let share = count_rule(self.config.per_round / 100.0, kept).max(1);
            vec![(0..layers, share.min(kept.saturating_sub(goal)))]
        } else {
            let sap = Sap {
                p: P,
                q: Q,
                eta: 0.0,
                gamma: self.config.gamma,
                beta: BETA,
            };
            let scopes: Vec<std::ops::Range<usize>> = match self.config.granularity {
                Granularity::Global => std::iter::once(0..layers).collect(),
                Granularity::Layer => (0..layers).map(|l| l..l + 1).collect(),
            };
            let propose = |scope: std::ops::Range<usize>| {
                let proposal = sap.propose(&self.survivors(scope.clone()));
                (scope, proposal.map_or(0, |p| p.prune))
            };
            scopes.into_iter().map(propose).collect()
        };
        let cut: usize = cuts.iter().map(|c| c.1).sum();
        self.rounds.push(Round {
            kept,
            pqi: index,
            cut,
        });
        let ended = cut == 0 || kept <= goal || round + 1 >= MOST_ROUNDS;
        if ended {
            let control = self.config.regime == Regime::Ticket && kept < self.size();
            return control.then_some(Leg::Control);
        }
        for (scope, k) in cuts {
            self.cut(scope, k);
        }
        Some(Leg::Round(round + 1))
    }

    /// Prunes the `k` smallest survivors of some layers.
    fn cut(&mut self, layers: std::ops::Range<usize>, k: usize) {
        let places: Vec<usize> = layers.flat_map(|l| self.net.weight_range(l)).collect();
        let alive = Mask::from_fn(places.len(), |i| self.open[places[i]] != 0.0);
        let scores: Vec<f64> = places
            .iter()
            .map(|&i| f64::from(self.net.params()[i].abs()))
            .collect();
        let left = prune_by_score(&scores, Some(&alive), k);
        for (i, &at) in places.iter().enumerate() {
            self.open[at] = f32::from(u8::from(left.kept(i)));
        }
    }

    /// Sets the survivors back to their first values.
    fn go_back(&mut self) {
        self.net = self.start.clone();
        self.zero_pruned();
    }

    /// Target sparsity now, 0 to 1.
    pub(crate) fn target(&self) -> f64 {
        match self.leg {
            Some(Leg::Gradual) => self.schedule.at(self.t),
            Some(Leg::Dense) => 0.0,
            Some(Leg::Bend) if !self.cut_done => 0.0,
            Some(Leg::Exchange | Leg::Flicker | Leg::Bend) => self.config.sparsity / 100.0,
            _ => 1.0 - self.kept() as f64 / self.size().max(1) as f64,
        }
    }
}
