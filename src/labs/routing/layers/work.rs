//! The lab's work on layers, in short steps: train the network, follow every path of some training
//! samples, train the routers on the cheapest correct ones, then measure all rules on held-out
//! samples.

use super::super::config::{Config, LayerRule};
use super::super::rules::gate;
use super::depths::{Gate, Student};
use super::exits;
use super::first::{self, Scope};
use super::learn::Learner;
use super::net::{Samples, cross_entropy, samples};
use super::paths::{self, Outcomes};
use super::router::Routers;
use super::run::{Budget, Facts, LayerRun, Policy};
use super::sparsity::{Allocation, Skipped, skipping};
use crate::core::digits::PIXELS;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Job, Result, Step, num};

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
}

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

    fn finish(&self) -> LayerRun {
        let shares = &self.shares;
        let config = &self.config;
        let blocks = self.learner.net.blocks;
        let mut policies = vec![
            self.by_paths(LayerRule::Full, "every block", |_| paths::full(blocks)),
            self.by_paths(LayerRule::Fixed, "one path for all", {
                let best = self.best_fixed();
                move |_| best
            }),
            self.routed(),
            self.by_paths(LayerRule::Oracle, "oracle, cheapest correct", |i| {
                let label = self.test.labels[i];
                paths::cheapest(&self.outcomes[i], label, blocks).unwrap_or(0)
            }),
        ];
        policies.extend(self.exits());
        let (x, labels) = (&self.test.x, &self.test.labels);
        let uniform = Allocation::uniform(blocks, config.skipped);
        for (rule, name, shares) in [
            (LayerRule::Uniform, "same sparsity in every block", &uniform),
            (LayerRule::Allocated, "sparsity allocated", shares),
        ] {
            let done = skipping(&self.learner.net, x, labels, shares);
            policies.push(self.skipped(rule, name, done));
        }
        policies.extend(self.deepened());
        policies.extend(self.first());
        LayerRun::new(
            config,
            Facts {
                policies,
                labels: labels.clone(),
                losses: self.learner.losses.clone(),
                budgets: self.budgets(),
                decisions: self.routers.labels(),
                reachable: self.reachable(false),
                reachable_shuffled: self.reachable(true),
                shares: [uniform, shares.clone()],
            },
        )
    }

    /// Mixture of depths, if it was trained: by the sequence, by each sample alone, with samples
    /// drawn at random; and the networks that every sample runs whole.
    fn deepened(&self) -> Vec<Policy> {
        let blocks = self.learner.net.blocks;
        let judge = |s: usize, gate, rule: Option<LayerRule>, name| {
            let student = &self.students[s];
            let done = student.judge(gate, &self.test, blocks, self.config.seed);
            self.skipped(rule, name, done)
        };
        let [depths, causal] = [LayerRule::Depths, LayerRule::DepthsCausal].map(Some);
        let trained = [
            (0, Gate::Scored, depths, "mixture of depths"),
            (0, Gate::Causal, causal, "mixture of depths, causal"),
            (1, Gate::Random, None, "random samples run"),
            (2, Gate::All, None, "every block, trained alike"),
            (3, Gate::All, None, "fewer blocks, for all"),
            (4, Gate::All, None, "one block more, for all"),
        ];
        let all = trained.into_iter().filter(|t| t.0 < self.students.len());
        all.map(|(s, gate, rule, name)| judge(s, gate, rule, name))
            .collect()
    }

    /// FiRST's routers, if they were trained.
    fn first(&self) -> Vec<Policy> {
        if !self.config.layer_rule.is_first() {
            return Vec::new();
        }
        let rules = [
            (LayerRule::First, Scope::Sequence, "FiRST, by the prompt"),
            (LayerRule::FirstToken, Scope::Token, "its routers by token"),
        ];
        rules
            .into_iter()
            .map(|(rule, scope, name)| {
                let done = self.first.judge(&self.learner.net, &self.test, scope);
                self.skipped(rule, name, done)
            })
            .collect()
    }

    fn by_paths(
        &self,
        rule: LayerRule,
        name: &'static str,
        path: impl Fn(usize) -> usize,
    ) -> Policy {
        let blocks = self.learner.net.blocks;
        let (mut actions, mut classes, mut loss) = (Vec::new(), Vec::new(), 0.0);
        for (i, all) in self.outcomes.iter().enumerate() {
            let p = path(i);
            actions.extend((0..blocks).map(|l| paths::action(p, l, blocks) as u8));
            classes.push(all.class[p]);
            loss += f64::from(all.loss[p]) / self.outcomes.len() as f64;
        }
        Policy::new(rule, name, (actions, classes, loss), &self.test.labels)
    }

    fn routed(&self) -> Policy {
        let net = &self.learner.net;
        let chosen: Vec<usize> = (0..HELD_OUT)
            .map(|i| {
                let x = image(&self.test, i).0;
                self.routers.route(net, x, self.config.control).0
            })
            .collect();
        self.by_paths(LayerRule::Routed, "trained routers", |i| chosen[i])
    }

    /// Q-exit, sampled exit and patience.
    fn exits(&self) -> Vec<Policy> {
        let net = &self.learner.net;
        let blocks = net.blocks;
        let rules = [
            (LayerRule::QExit, "Q-exit"),
            (LayerRule::Sampled, "sampled exit"),
            (LayerRule::Patience, "patience 2"),
        ];
        let mut parts = vec![(Vec::new(), Vec::new(), 0.0); rules.len()];
        for i in 0..HELD_OUT {
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
        let all = rules.into_iter().zip(parts);
        all.map(|((rule, name), done)| Policy::new(rule, name, done, &self.test.labels))
            .collect()
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

    /// At each number of block runs: least loss over all paths, over 100 drawn at random, and the
    /// loss of one drawn at random; mean over held-out samples.
    fn budgets(&self) -> Vec<Budget> {
        let blocks = self.learner.net.blocks;
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); 2 * blocks + 1];
        for path in 0..paths::count(blocks) {
            groups[paths::cost(path, blocks)].push(path);
        }
        let budget = |(cost, group): (usize, &Vec<usize>)| {
            let mut out = Budget {
                cost,
                ..Budget::default()
            };
            for (i, all) in self.outcomes.iter().enumerate() {
                let mut draw = Stream::new(self.config.seed, StreamId::Policy)
                    .step(i as u32)
                    .replicate(46 + cost as u32);
                let loss = |p: usize| f64::from(all.loss[p]);
                let best = group.iter().map(|&p| loss(p)).fold(f64::INFINITY, f64::min);
                let mut drawn = || loss(group[draw.below(group.len() as u32) as usize]);
                let one = drawn();
                let some = (1..RANDOM).map(|_| drawn()).fold(one, f64::min);
                let n = self.outcomes.len() as f64;
                out.oracle += best / n;
                out.random += one / n;
                out.best_of += some / n;
            }
            out
        };
        groups.iter().enumerate().map(budget).collect()
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
        match self.phase {
            Phase::Learn => {
                if self.learner.update(&self.config) {
                    self.phase = Phase::Label(0);
                }
            }
            Phase::Label(i) => {
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
            Phase::Follow(i) => {
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
                        return Ok(Step::Done(self.finish()));
                    }
                }
            }
            Phase::Deepen(s) => match self.students.get_mut(s) {
                Some(student) => {
                    if student.update(&self.config) {
                        self.phase = Phase::Deepen(s + 1);
                    }
                }
                None => return Ok(Step::Done(self.finish())),
            },
            Phase::First => {
                if self.first.update(&self.learner.net, &self.config) {
                    return Ok(Step::Done(self.finish()));
                }
            }
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
            Phase::Deepen(_) | Phase::First => 1.0,
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
