//! The lab's work on layers, in short steps: train the network, follow every path of some training
//! samples, train the routers on the cheapest correct ones, then measure all rules on held-out
//! samples.

use super::super::config::{Config, LayerRule};
use super::super::fill::slice;
use super::depths::{Gate, Student};
use super::exits;
use super::first::{self, Scope};
use super::learn::Learner;
use super::net::{Samples, cross_entropy, samples};
use super::paths::{self, Outcomes};
use super::router::Routers;
use super::run::{Budget, Facts, LayerRun, Policy};
use super::sparsity::{Allocation, Skipped, Skipping};
use crate::core::digits::PIXELS;
use crate::core::gate;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Job, Result, Step, num};
use std::collections::VecDeque;

/// Training samples whose paths are followed, and held-out samples.
const LABELLED: usize = 256;
const HELD_OUT: usize = 256;
/// Random paths that a hindsight choice is compared with.
const RANDOM: usize = 100;

/// Where the work stands.
enum Phase {
    Learn,
    /// Following the paths of training samples.
    Label(usize),
    Teach,
    /// Following the paths of held-out samples.
    Follow(usize),
    Allocate,
    /// Training the networks of mixture of depths, one after the other.
    Deepen(usize),
    /// Training FiRST's routers.
    First,
    /// Measuring all rules on held-out samples.
    Judge(VecDeque<Part>),
}

/// A part of what is measured.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// A rule that is a path for every sample.
    Path(LayerRule),
    /// Q-exit, sampled exit and patience.
    Exits,
    /// Blocks skipped by sparsity, allocated or not.
    Sparse(bool),
    /// A network of mixture of depths.
    Deepened(usize),
    /// FiRST's routers.
    First(Scope),
    /// The losses at a number of block runs.
    Budget(usize),
}

/// A part under way.
enum Judging {
    /// Paths of the samples so far.
    Paths(LayerRule, Vec<usize>),
    /// Samples so far that leave by the three rules.
    Exits(Vec<Left>),
    Sparse(bool, Skipping),
    Deepened(usize, Skipped),
    First(Scope, first::Judging),
    /// Samples done, and the paths of this cost.
    Budget(usize, Vec<usize>, Budget),
}

/// What an exit rule does with the samples so far: actions, classes and loss.
type Left = (Vec<u8>, Vec<u8>, f64);

/// Samples that leave, or that routers send on a path, in a step.
const LEAVING: usize = 32;
/// Paths looked at in a step.
const PATHS: usize = 20_000;

/// Rules that are a path for every sample.
const BY_PATH: [LayerRule; 4] = [
    LayerRule::Full,
    LayerRule::Fixed,
    LayerRule::Routed,
    LayerRule::Oracle,
];

/// Rules that leave early.
const EXITS: [(LayerRule, &str); 3] = [
    (LayerRule::QExit, "Q-exit"),
    (LayerRule::Sampled, "sampled exit"),
    (LayerRule::Patience, "patience 2"),
];

/// Mixture of depths: by the sequence, by each sample alone, with samples drawn at random; and the
/// networks that every sample runs whole.
const DEEPENED: [(usize, Gate, Option<LayerRule>, &str); 6] = [
    (
        0,
        Gate::Scored,
        Some(LayerRule::Depths),
        "mixture of depths",
    ),
    (
        0,
        Gate::Causal,
        Some(LayerRule::DepthsCausal),
        "mixture of depths, causal",
    ),
    (1, Gate::Random, None, "random samples run"),
    (2, Gate::All, None, "every block, trained alike"),
    (3, Gate::All, None, "fewer blocks, for all"),
    (4, Gate::All, None, "one block more, for all"),
];

/// The computation in steps.
pub(in crate::labs::routing) struct Work {
    config: Config,
    phase: Phase,
    learner: Learner,
    train: Samples,
    test: Samples,
    routers: Routers,
    /// Correct training samples by path, and their summed loss.
    by_path: Vec<(u32, f64)>,
    outcomes: Vec<Outcomes>,
    allocation: Allocation,
    shares: Vec<f64>,
    students: Vec<Student>,
    first: first::Routers,
    policies: Vec<Policy>,
    budgets: Vec<Budget>,
    judging: Option<Judging>,
}

impl Work {
    pub(in crate::labs::routing) fn new(config: &Config) -> Self {
        let blocks = config.blocks as usize;
        let draw = |held_out, n| samples(config.seed, held_out, config.noise, 0, n);
        Self {
            phase: Phase::Learn,
            learner: Learner::new(config),
            train: draw(false, LABELLED),
            test: draw(true, HELD_OUT),
            routers: Routers::new(blocks, config.seed),
            by_path: vec![(0, 0.0); paths::count(blocks)],
            outcomes: Vec::new(),
            allocation: Allocation::new(blocks, config.skipped),
            shares: Vec::new(),
            students: students(config),
            first: first::Routers::new(config),
            policies: Vec::new(),
            budgets: Vec::new(),
            judging: None,
            config: config.clone(),
        }
    }

    fn label(&mut self, i: usize) {
        let net = &self.learner.net;
        let (x, label) = image(&self.train, i);
        let all = paths::follow(net, x, usize::from(label));
        for (path, sums) in self.by_path.iter_mut().enumerate() {
            sums.0 += u32::from(all.class[path] == label);
            sums.1 += f64::from(all.loss[path]);
        }
        if let Some(path) = paths::cheapest(&all, label, net.blocks) {
            self.routers.label(net, x, path);
        }
    }

    /// The path that serves the training samples best when all take the same.
    fn best_fixed(&self) -> usize {
        let key = |p: usize| (self.by_path[p].0, -self.by_path[p].1);
        (0..self.by_path.len())
            .max_by(|&a, &b| {
                let (x, y) = (key(a), key(b));
                x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)).then(b.cmp(&a))
            })
            .unwrap_or(0)
    }

    /// What is measured on the held-out samples, in the order in which it is listed.
    fn parts(&self) -> VecDeque<Part> {
        let mut out: VecDeque<Part> = BY_PATH.into_iter().map(Part::Path).collect();
        out.push_back(Part::Exits);
        out.extend([Part::Sparse(false), Part::Sparse(true)]);
        if !self.students.is_empty() {
            out.extend((0..DEEPENED.len()).map(Part::Deepened));
        }
        if self.config.layer_rule.is_first() {
            out.extend([Scope::Sequence, Scope::Token].map(Part::First));
        }
        out.extend((0..=2 * self.learner.net.blocks).map(Part::Budget));
        out
    }

    /// Starts on a part.
    fn begin(&self, part: Part) -> Judging {
        let blocks = self.learner.net.blocks;
        match part {
            Part::Path(rule) => Judging::Paths(rule, Vec::new()),
            Part::Exits => Judging::Exits(vec![Left::default(); EXITS.len()]),
            Part::Sparse(allocated) => {
                let shares = if allocated {
                    self.shares.clone()
                } else {
                    Allocation::uniform(blocks, self.config.skipped)
                };
                Judging::Sparse(allocated, Skipping::new(shares))
            }
            Part::Deepened(i) => Judging::Deepened(i, Skipped::default()),
            Part::First(scope) => {
                let work = first::Judging::new(&self.test.labels, blocks, scope);
                Judging::First(scope, work)
            }
            Part::Budget(cost) => {
                let all = 0..paths::count(blocks);
                let group = all.filter(|&p| paths::cost(p, blocks) == cost).collect();
                let budget = Budget {
                    cost,
                    ..Budget::default()
                };
                Judging::Budget(0, group, budget)
            }
        }
    }

    /// A slice of a part; the part again while there is more.
    fn judge(&mut self, part: Judging) -> Option<Judging> {
        let (net, test) = (&self.learner.net, &self.test);
        match part {
            Judging::Paths(rule, mut chosen) => {
                self.choose(rule, &mut chosen);
                if chosen.len() < HELD_OUT {
                    return Some(Judging::Paths(rule, chosen));
                }
                self.policies.push(self.by_paths(rule, &chosen));
            }
            Judging::Exits(mut left) => {
                self.leave(&mut left);
                if left[0].1.len() < HELD_OUT {
                    return Some(Judging::Exits(left));
                }
                let all = EXITS.into_iter().zip(left);
                self.policies.extend(
                    all.map(|((rule, name), done)| Policy::new(rule, name, done, &test.labels)),
                );
            }
            Judging::Sparse(allocated, mut work) => {
                let Some(done) = work.step(net, &test.x, &test.labels) else {
                    return Some(Judging::Sparse(allocated, work));
                };
                let (rule, name) = if allocated {
                    (LayerRule::Allocated, "sparsity allocated")
                } else {
                    (LayerRule::Uniform, "same sparsity in every block")
                };
                self.policies.push(self.skipped(rule, name, done));
            }
            Judging::Deepened(i, mut done) => {
                let (student, gate, rule, name) = DEEPENED[i];
                let shape = (net.blocks, self.config.seed);
                if !self.students[student].judge(gate, test, shape, &mut done) {
                    return Some(Judging::Deepened(i, done));
                }
                self.policies.push(self.skipped(rule, name, done));
            }
            Judging::First(scope, mut work) => {
                let Some(done) = work.step(&self.first, net, test) else {
                    return Some(Judging::First(scope, work));
                };
                let (rule, name) = match scope {
                    Scope::Sequence => (LayerRule::First, "FiRST, by the prompt"),
                    Scope::Token => (LayerRule::FirstToken, "its routers by token"),
                };
                self.policies.push(self.skipped(rule, name, done));
            }
            Judging::Budget(mut at, group, mut budget) => {
                let most = PATHS / (group.len() + RANDOM);
                for i in slice(&mut at, HELD_OUT, most) {
                    self.spend(i, &group, &mut budget);
                }
                if at < HELD_OUT {
                    return Some(Judging::Budget(at, group, budget));
                }
                self.budgets.push(budget);
            }
        }
        None
    }

    fn finish(&mut self) -> LayerRun {
        let uniform = Allocation::uniform(self.learner.net.blocks, self.config.skipped);
        let facts = Facts {
            policies: std::mem::take(&mut self.policies),
            labels: self.test.labels.clone(),
            losses: self.learner.losses.clone(),
            budgets: std::mem::take(&mut self.budgets),
            decisions: self.routers.labels(),
            reachable: self.reachable(false),
            reachable_shuffled: self.reachable(true),
            shares: [uniform, self.shares.clone()],
        };
        LayerRun::new(&self.config, facts)
    }

    /// Paths of the next samples by a rule.
    fn choose(&self, rule: LayerRule, chosen: &mut Vec<usize>) {
        let (net, blocks) = (&self.learner.net, self.learner.net.blocks);
        let mut at = chosen.len();
        match rule {
            LayerRule::Full => chosen.resize(HELD_OUT, paths::full(blocks)),
            LayerRule::Fixed => chosen.resize(HELD_OUT, self.best_fixed()),
            LayerRule::Oracle => {
                let most = PATHS / paths::count(blocks);
                chosen.extend(slice(&mut at, HELD_OUT, most).map(|i| {
                    let label = self.test.labels[i];
                    paths::cheapest(&self.outcomes[i], label, blocks).unwrap_or(0)
                }));
            }
            _ => chosen.extend(slice(&mut at, HELD_OUT, LEAVING).map(|i| {
                let x = image(&self.test, i).0;
                self.routers.route(net, x, self.config.control).0
            })),
        }
    }

    fn by_paths(&self, rule: LayerRule, chosen: &[usize]) -> Policy {
        let blocks = self.learner.net.blocks;
        let name = match rule {
            LayerRule::Full => "every block",
            LayerRule::Fixed => "one path for all",
            LayerRule::Oracle => "oracle, cheapest correct",
            _ => "trained routers",
        };
        let (mut actions, mut classes, mut loss) = (Vec::new(), Vec::new(), 0.0);
        for (all, &p) in self.outcomes.iter().zip(chosen) {
            actions.extend((0..blocks).map(|l| paths::action(p, l, blocks) as u8));
            classes.push(all.class[p]);
            loss += f64::from(all.loss[p]) / self.outcomes.len() as f64;
        }
        Policy::new(rule, name, (actions, classes, loss), &self.test.labels)
    }

    /// The next samples by Q-exit, sampled exit and patience.
    fn leave(&self, parts: &mut [Left]) {
        let net = &self.learner.net;
        let blocks = net.blocks;
        let mut at = parts[0].1.len();
        for i in slice(&mut at, HELD_OUT, LEAVING) {
            let (x, label) = image(&self.test, i);
            let mut h = net.start(x);
            let mut left = Vec::with_capacity(blocks);
            for l in 0..blocks {
                h = net.after(l, &h);
                left.push(net.leave(l, &h));
            }
            let lambdas: Vec<f64> = left.iter().map(|(_, v)| num::sigmoid(*v)).collect();
            let classes: Vec<i64> = left.iter().map(|(z, _)| gate::argmax(z) as i64).collect();
            let mut draw = Stream::new(self.config.seed, StreamId::Policy)
                .step(i as u32)
                .replicate(45);
            let uniforms: Vec<f64> = (0..blocks).map(|_| draw.uniform()).collect();
            let at = exits::exits_of(&lambdas, &uniforms, &classes);
            for ((actions, class, loss), exit) in parts.iter_mut().zip(at) {
                // 3 stands for a block that comes after the exit.
                actions.extend((0..blocks).map(|l| if l <= exit { 1 } else { 3 }));
                class.push(classes[exit] as u8);
                *loss += cross_entropy(&left[exit].0, usize::from(label)) / HELD_OUT as f64;
            }
        }
    }

    fn skipped(
        &self,
        rule: impl Into<Option<LayerRule>>,
        name: &'static str,
        done: Skipped,
    ) -> Policy {
        let done = (done.actions, done.classes, done.loss);
        Policy::new(rule, name, done, &self.test.labels)
    }

    /// Adds a sample to what a number of block runs gives: least loss over all paths of the group,
    /// over 100 drawn at random, and the loss of one drawn at random; mean over held-out samples.
    fn spend(&self, i: usize, group: &[usize], out: &mut Budget) {
        let mut draw = Stream::new(self.config.seed, StreamId::Policy)
            .step(i as u32)
            .replicate(46 + out.cost as u32);
        let loss = |p: usize| f64::from(self.outcomes[i].loss[p]);
        let best = group.iter().map(|&p| loss(p)).fold(f64::INFINITY, f64::min);
        let mut drawn = || loss(group[draw.below(group.len() as u32) as usize]);
        let one = drawn();
        let some = (1..RANDOM).map(|_| drawn()).fold(one, f64::min);
        let n = self.outcomes.len() as f64;
        out.oracle += best / n;
        out.random += one / n;
        out.best_of += some / n;
    }

    /// Share of held-out samples for which some path gives the label; or a label that is not
    /// theirs, as a control for hindsight.
    fn reachable(&self, shuffled: bool) -> f64 {
        let n = self.outcomes.len();
        let mut order: Vec<usize> = (0..n).collect();
        if shuffled {
            let stream = Stream::new(self.config.seed, StreamId::Bootstrap).replicate(47);
            stream.clone().shuffle(&mut order);
        }
        let hit = |i: &usize| {
            let label = self.test.labels[order[*i]];
            self.outcomes[*i].class.contains(&label)
        };
        // Under the shuffle only samples whose label changed count.
        let counted: Vec<usize> = (0..n)
            .filter(|&i| !shuffled || self.test.labels[order[i]] != self.test.labels[i])
            .collect();
        counted.iter().filter(|i| hit(i)).count() as f64 / counted.len() as f64
    }
}

/// The networks of mixture of depths, where they are asked for: routed, with random samples, and
/// three that every sample runs whole: of all blocks, and of as many as the routed one runs per
/// sample, rounded down and up.
fn students(config: &Config) -> Vec<Student> {
    if !config.layer_rule.is_depths() {
        return Vec::new();
    }
    let blocks = config.blocks as usize;
    let routed = Student::new(config, blocks, Gate::Scored);
    let fewer = routed.cost() as usize;
    let more = (fewer + 1).min(blocks);
    let plain = [blocks, fewer, more].map(|b| Student::new(config, b, Gate::All));
    let mut all = vec![routed, Student::new(config, blocks, Gate::Random)];
    all.extend(plain);
    all
}

fn image(samples: &Samples, i: usize) -> (&[f64], u8) {
    (&samples.x[i * PIXELS..(i + 1) * PIXELS], samples.labels[i])
}

impl Job for Work {
    type Out = LayerRun;

    fn step(&mut self) -> Result<Step<LayerRun>> {
        match &mut self.phase {
            Phase::Learn => {
                if self.learner.update(&self.config) {
                    self.phase = Phase::Label(0);
                }
            }
            &mut Phase::Label(i) => {
                self.label(i);
                self.phase = if i + 1 < LABELLED {
                    Phase::Label(i + 1)
                } else {
                    Phase::Teach
                };
            }
            Phase::Teach => {
                if self.routers.train() {
                    self.phase = Phase::Follow(0);
                }
            }
            &mut Phase::Follow(i) => {
                let (x, label) = image(&self.test, i);
                let all = paths::follow(&self.learner.net, x, usize::from(label));
                self.outcomes.push(all);
                self.phase = if i + 1 < HELD_OUT {
                    Phase::Follow(i + 1)
                } else {
                    Phase::Allocate
                };
            }
            Phase::Allocate => {
                let (x, labels) = (&self.train.x, &self.train.labels);
                if let Some(shares) = self.allocation.step(&self.learner.net, x, labels) {
                    self.shares = shares;
                    if !self.students.is_empty() {
                        self.phase = Phase::Deepen(0);
                    } else if self.config.layer_rule.is_first() {
                        self.phase = Phase::First;
                    } else {
                        self.phase = Phase::Judge(self.parts());
                    }
                }
            }
            &mut Phase::Deepen(s) => match self.students.get_mut(s) {
                Some(student) => {
                    if student.update(&self.config) {
                        self.phase = Phase::Deepen(s + 1);
                    }
                }
                None => self.phase = Phase::Judge(self.parts()),
            },
            Phase::First => {
                if self.first.update(&self.learner.net, &self.config) {
                    self.phase = Phase::Judge(self.parts());
                }
            }
            Phase::Judge(parts) => match self.judging.take() {
                Some(part) => self.judging = self.judge(part),
                None => match parts.pop_front() {
                    Some(part) => self.judging = Some(self.begin(part)),
                    None => return Ok(Step::Done(self.finish())),
                },
            },
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        // Parts of the whole in the order of the phases, by their usual time.
        let share = |done: usize, all: usize| done as f64 / all as f64;
        let steps = self.config.train_steps as usize;
        let first = match self.phase {
            Phase::Learn => 0.5 * share(self.learner.losses.len(), steps),
            Phase::Label(i) => 0.5 + 0.18 * share(i, LABELLED),
            Phase::Teach => 0.68 + 0.08 * self.routers.progress(),
            Phase::Follow(i) => 0.76 + 0.18 * share(i, HELD_OUT),
            Phase::Allocate => 0.94,
            Phase::Deepen(_) | Phase::First | Phase::Judge(_) => 1.0,
        };
        if self.config.layer_rule.is_first() {
            return 0.8 * first + 0.2 * self.first.progress();
        }
        if self.students.is_empty() {
            return first;
        }
        let done: u64 = self.students.iter().map(Student::updates).sum();
        0.4 * first + 0.6 * share(done as usize, steps * self.students.len())
    }
}
