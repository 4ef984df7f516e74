//! The experiment behind the claims: two ways of pruning the same trained networks.

use crate::core::mlp::{Mlp, Workspace};
use crate::core::{ClaimResult, Job, Result, Step, Verdict, stats};
use crate::labs::Effort;
use crate::labs::pruning::config::{Config, Granularity, Method};
use crate::labs::pruning::judge::Judge;
use crate::labs::pruning::model::layers_of;
use crate::labs::pruning::network::{self, Recipe, Training};
use crate::labs::pruning::plan::{Rule, plan};
use crate::labs::pruning::score::known;
use std::sync::Arc;

/// One way of pruning.
#[derive(Debug, Clone)]
pub(super) struct Entrant {
    name: &'static str,
    method: Method,
    granularity: Granularity,
    /// Sparsity in per cent, if not that of the contest (N:M has its own).
    group: Option<(usize, usize)>,
    /// Rounds of SynFlow.
    rounds: usize,
    /// Pruned before training.
    at_init: bool,
    /// Sparsity in per cent, if not that of the contest.
    own: Option<f64>,
}

impl Entrant {
    pub(super) fn new(name: &'static str, method: Method, granularity: Granularity) -> Self {
        Self {
            name,
            method,
            granularity,
            group: None,
            rounds: 100,
            at_init: method.at_init(),
            own: None,
        }
    }

    /// The network as it was trained.
    pub(super) fn dense() -> Self {
        Self {
            own: Some(0.0),
            ..Self::new("dense", Method::Magnitude, Granularity::Global)
        }
    }

    /// Pruned before training, whatever the method.
    pub(super) fn at_init(name: &'static str, method: Method) -> Self {
        Self {
            at_init: true,
            ..Self::new(name, method, Granularity::Global)
        }
    }

    /// SynFlow in so many rounds.
    pub(super) fn synflow(name: &'static str, rounds: usize) -> Self {
        Self {
            rounds,
            ..Self::at_init(name, Method::SynFlow)
        }
    }

    /// N of every M weights.
    pub(super) fn groups(name: &'static str, n: usize, m: usize) -> Self {
        Self {
            group: Some((n, m)),
            ..Self::new(name, Method::NOfM, Granularity::Layer)
        }
    }
}

enum Phase {
    Train(Training),
    Judge(Judge),
}

/// Accuracy of A minus accuracy of B at one sparsity, paired over seeds.
pub(super) struct Contest {
    seeds: Vec<u64>,
    sparsity: f64,
    entrants: [Entrant; 2],
    sizes: Vec<usize>,
    steps: u64,
    phase: Option<Phase>,
    accuracy: [Vec<f64>; 2],
    buffers: Workspace,
    /// The claim is "no more than this many points apart" instead of "A is better".
    within: Option<f64>,
}

impl Contest {
    /// A contest at a sparsity in per cent.
    pub(super) fn new(effort: Effort, sparsity: f64, a: Entrant, b: Entrant) -> Self {
        let seeds = match effort {
            Effort::Quick => 8,
            Effort::Full => 20,
        };
        Self {
            seeds: (0..seeds).collect(),
            sparsity,
            entrants: [a, b],
            sizes: vec![64, 128, 64, 10],
            steps: 400,
            phase: None,
            accuracy: [Vec::new(), Vec::new()],
            buffers: Workspace::default(),
            within: None,
        }
    }

    /// Makes the claim that the two are at most so many points apart.
    pub(super) fn within(mut self, points: f64) -> Self {
        self.within = Some(points);
        self
    }

    /// Other layer sizes than 64-128-64-10.
    pub(super) fn on(mut self, sizes: &[usize]) -> Self {
        self.sizes = sizes.to_vec();
        self
    }

    /// Fewer seeds, for experiments that train every entrant.
    pub(super) fn seeds(mut self, count: u64) -> Self {
        self.seeds = (0..count).collect();
        self
    }

    /// The entrant whose turn it is.
    fn turn(&self) -> usize {
        usize::from(self.accuracy[0].len() > self.accuracy[1].len())
    }

    fn recipe(&self, seed: u64) -> Recipe {
        Recipe {
            sizes: self.sizes.clone(),
            steps: self.steps,
            seed,
        }
    }

    /// Prunes a network by the rule of an entrant; those at the start train it afterwards.
    fn judge(&self, e: &Entrant, net: &Arc<Mlp>, seed: u64) -> Judge {
        let rule = Rule {
            method: e.method,
            granularity: e.granularity,
            group_m: e.group.map_or(4, |g| g.1),
            rounds: e.rounds,
            seed,
            ..Rule::of(&Config::default())
        };
        // One step for all but N:M, whose steps are n = m, m - 1, …
        let steps = match e.group {
            Some((n, m)) => (n..=m)
                .rev()
                .map(|n| 100.0 * (1.0 - n as f64 / m as f64))
                .collect(),
            None => vec![e.own.unwrap_or(self.sparsity)],
        };
        let known = known(net, &rule);
        let plan = plan(&layers_of(net).into(), rule, known, &steps);
        let last = steps.len() - 1;
        let judge = Judge::new(net, Arc::new(plan), std::iter::once(last));
        if e.at_init {
            judge.after_training(self.recipe(seed))
        } else {
            judge
        }
    }

    fn result(&self) -> ClaimResult {
        let points = |i: usize| stats::mean(&self.accuracy[i]);
        let pairs = self.accuracy[0].iter().zip(&self.accuracy[1]);
        let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
        let (measured, interval) = stats::mean_interval(&differences);
        let [a, b] = [&self.entrants[0], &self.entrants[1]];
        let (verdict, spread) = match self.within {
            Some(points) if interval[0] > -points && interval[1] < points => (
                Verdict::Reproduced,
                format!("the interval lies within ± {points} point"),
            ),
            Some(points) if measured.abs() < points => (
                Verdict::Partly,
                format!("the mean lies within ± {points} point, its interval does not"),
            ),
            Some(points) => (
                Verdict::NotReproduced,
                format!("they are more than {points} point apart"),
            ),
            None if interval[0] > 0.0 => (
                Verdict::Reproduced,
                "the interval of the paired difference lies above 0".to_owned(),
            ),
            None if measured > 0.0 => (
                Verdict::NotReproduced,
                "no clear difference: the mean is positive, but its interval contains 0".to_owned(),
            ),
            None => (
                Verdict::NotReproduced,
                "the mean difference is not positive".to_owned(),
            ),
        };
        ClaimResult {
            quantity: format!("test accuracy, {} minus {}", a.name, b.name),
            unit: "points".to_owned(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict,
            why: format!(
                "At {} % sparsity, {}: {} {:.1} %, {} {:.1} % on 500 test images, mean of {} networks; {spread}.",
                self.sparsity,
                if a.at_init {
                    "trained after pruning"
                } else {
                    "pruned once without retraining"
                },
                a.name,
                points(0),
                b.name,
                points(1),
                self.seeds.len()
            ),
        }
    }
}

impl Job for Contest {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let Some(&seed) = self.seeds.get(self.accuracy[1].len()) else {
            return Ok(Step::Done(self.result()));
        };
        let turn = self.turn();
        let entrant = self.entrants[turn].clone();
        match self.phase.take() {
            None => {
                let recipe = self.recipe(seed);
                self.phase = Some(if entrant.at_init {
                    let net = Arc::new(network::start_of(&recipe)?);
                    Phase::Judge(self.judge(&entrant, &net, seed))
                } else {
                    Phase::Train(Training::new(recipe)?)
                });
            }
            Some(Phase::Train(mut training)) => {
                self.phase = Some(match training.step() {
                    None => Phase::Train(training),
                    Some(net) => Phase::Judge(self.judge(&entrant, &net, seed)),
                });
            }
            Some(Phase::Judge(mut judge)) => {
                if !judge.advance(&mut self.buffers)? {
                    self.phase = Some(Phase::Judge(judge));
                    return Ok(Step::Working);
                }
                let last = judge.done.last().copied().flatten();
                self.accuracy[turn].push(last.map_or(f64::NAN, |e| 100.0 * e.accuracy()));
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let inside = match &self.phase {
            Some(Phase::Train(t)) => 0.9 * t.progress(),
            Some(Phase::Judge(..)) => 0.5,
            None => 0.0,
        };
        let done = (self.accuracy[0].len() + self.accuracy[1].len()) as f64;
        f64::midpoint(done, inside) / self.seeds.len().max(1) as f64
    }
}
