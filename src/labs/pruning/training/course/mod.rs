//! A training whose mask changes while it goes on, in short steps.
//!
//! The forward pass sees W ⊙ M; the gradient of a pruned weight is multiplied by 0 (or, with
//! annealed gradients, by a share), and its momentum is zeroed. A pruned weight that may come back
//! keeps its last value, and rankings see that value; one that may not is set to 0.

mod aids;
mod bits;
mod data;
mod dynamic;
mod legs;
mod masks;
mod optimizer;
mod surgery;
mod transfer;

use crate::core::mask::Mask;
use crate::core::mlp::{Evaluation, Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};
use crate::labs::pruning::config::{Config, Fade, RateShape, Regime, Shape};
use crate::labs::pruning::kinds::{Coder, Surgery};
use crate::labs::pruning::network::{self, Batches, Exam, falling};
use crate::labs::pruning::schedule::{self, Schedule};

pub use data::Images;
pub(crate) use legs::Leg;
pub(crate) use surgery::budget;

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
    /// The layer under the knife.
    operation: Option<surgery::Operation>,
    /// Relative squared error of the outputs of every layer done.
    pub(crate) errors: Vec<f64>,
    /// How weights are stored, where they lose bits.
    coding: bits::Coding,
    /// The training images, where some of them go.
    pub(crate) images: Images,
    /// Judgement of the images that chose their units so far.
    pub(crate) running: Option<Evaluation>,
    /// Scores of the mask that is learnt.
    scores: Vec<f32>,
    classes: aids::ClassWeights,
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
            operation: None,
            errors: Vec::new(),
            images: Images::default(),
            coding: bits::Coding::default(),
            running: None,
            scores: Vec::new(),
            classes: aids::ClassWeights::default(),
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
            Regime::Flicker | Regime::HyperSparse | Regime::Tune | Regime::Transfer => {
                (c.train_steps + c.tune_steps) as f64
            }
            Regime::Surgery => (c.train_steps + self.units()) as f64,
            Regime::Data => 2.0 * c.train_steps as f64,
            Regime::Bits if c.coder == Coder::Learnt => c.train_steps as f64,
            Regime::Bits => (c.train_steps + c.tune_steps) as f64,
            Regime::Dynamic => (c.train_steps + network::data().1.len() as u64) as f64,
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
                self.todo = if self.train()? {
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
            Some(Leg::Tune) if t == 0 => {
                self.start = self.net.clone();
                self.rank(self.config.sparsity / 100.0);
            }
            Some(Leg::Compress) if t == 0 => self.start_bits(),
            Some(Leg::Code) if t.is_multiple_of(c.every.max(1)) || t == self.leg_steps => {
                self.choose_cuts();
            }
            Some(Leg::Masks | Leg::Half | Leg::Open) if t == 0 => self.open_task(),
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
        let low_rank = self.config.surgery == Surgery::LowRank && self.leg == Some(Leg::Surgery);
        if self.leg == Some(Leg::Half) || low_rank {
            // Here the mask says what is tuned or stored as it is; all weights take part.
            self.on.fill(1.0);
        }
        if matches!(self.leg, Some(Leg::Compress | Leg::Code)) {
            self.see_coded();
        } else {
            self.see();
        }
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

    /// What the network is judged on, and what else.
    pub(crate) fn exams(&self) -> (Exam, Option<Exam>) {
        match self.config.regime {
            Regime::Transfer => (Exam::Turned, Some(Exam::Upright)),
            Regime::Tune => (Exam::Upright, Some(Exam::Noisy)),
            _ => (Exam::Upright, None),
        }
    }

    /// Target sparsity now, 0 to 1.
    pub(crate) fn target(&self) -> f64 {
        match self.leg {
            Some(Leg::Gradual) => self.schedule.at(self.t),
            Some(Leg::Dense) => 0.0,
            Some(Leg::Bend) if !self.cut_done => 0.0,
            Some(Leg::Exchange | Leg::Flicker | Leg::Bend | Leg::Tune) => {
                self.config.sparsity / 100.0
            }
            _ => 1.0 - self.kept() as f64 / self.size().max(1) as f64,
        }
    }
}
