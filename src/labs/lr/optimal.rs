//! Schedules that are computed before a run: refined from gradient norms, the optimum of the
//! convex bound, the optimum of the multi-power law, and of the noisy quadratic itself. A job that does so in short steps and hands
//! the finished table to the run.

use super::bound::{log_objective, optimum_start, power_norms, refined_schedule};
use super::config::{Config, Problem};
use super::law::LawChoice;
use super::law_optimum::{LawOptimum, no_annealing_optimum};
use super::minimise::Lbfgs;
use super::model::Run;
use super::quadratic;
use super::schedule::{Factors, Shape};
use super::training::{Batches, Trainer};
use super::work;
use crate::core::{Error, Job, Result, Simulation as _, Step, stats};
use std::sync::Arc;

/// Rates of the bound's optimum; longer runs are interpolated between them.
const NODES: usize = 512;
/// Iterations of a search.
const ITERATIONS: usize = 400;
/// Updates times modes of a search for the quadratic's optimum, at most.
const MOST_MOMENTS: u64 = 1 << 20;
/// Norms below this share of their median are raised to it.
const SMALLEST_NORM: f64 = 1e-3;
/// Share of the run over which norms are smoothed.
const SMOOTHED: f64 = 0.1;
/// Mode updates, and network updates, per step of the job.
const MODE_UPDATES: u64 = 200_000;
const NET_UPDATES: u64 = 24;

/// Whether a config's computed schedule can be had on its problem.
pub(super) fn check(config: &Config) -> Result<()> {
    let unfit = |allowed: &str| Err(Error::out_of_range("shape", config.shape.name(), allowed));
    match (config.shape, config.problem) {
        (Shape::LawOptimal, p) if !matches!(p, Problem::Law | Problem::Log) => {
            unfit("a problem with a law: predicted language model")
        }
        (Shape::LawOptimal, _) if config.law == LawChoice::Annealing => Err(no_annealing_optimum()),
        (Shape::Refined, Problem::Law | Problem::Log) => {
            unfit("a problem with gradients: the law predicts losses alone")
        }
        (Shape::Refined, p)
            if !matches!(p, Problem::Quadratic | Problem::Digits | Problem::Bound) =>
        {
            unfit("the digits network, the noisy quadratic or the bound")
        }
        (Shape::ExactOptimal, Problem::Quadratic)
            if config.horizon * config.dims > MOST_MOMENTS =>
        {
            Err(Error::out_of_range(
                "dims",
                config.dims,
                format!(
                    "at most {} over {} updates, for the exact optimum",
                    MOST_MOMENTS / config.horizon.max(1),
                    config.horizon
                ),
            ))
        }
        (Shape::ExactOptimal, p) if p != Problem::Quadratic => unfit("the noisy quadratic only"),
        (Shape::BoundOptimal, Problem::Log) => unfit("a schedule that the fitted law can continue"),
        _ => Ok(()),
    }
}

/// Computes the table of the chosen schedule, then runs.
pub(super) struct Prepared {
    config: Config,
    stage: Stage,
}

enum Stage {
    /// Gradient norms of a linear decay on the quadratic.
    Quadratic(quadratic::Sgd, Vec<f64>),
    /// The same on the digits.
    Digits(Box<Trainer>, Vec<f64>),
    /// The search for the bound's optimum.
    Bound(Lbfgs, Vec<f64>, usize),
    /// The search for the rates with the lowest expected loss.
    Exact(Lbfgs, quadratic::Problem, usize),
    /// The search for the law's optimum.
    Law(LawOptimum, usize),
    /// The run itself.
    Running(Box<dyn Job<Out = Run>>),
}

impl Prepared {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let linear = || {
            Config {
                shape: Shape::Linear,
                ..config.clone()
            }
            .chosen()
            .rates()
        };
        let stage = match (config.shape, config.problem) {
            (Shape::LawOptimal, _) => Stage::Law(LawOptimum::new(config)?, 0),
            (Shape::BoundOptimal, _) => {
                let n = (config.horizon as usize).clamp(2, NODES);
                let g = power_norms(n, config.norm_decay);
                let search = Lbfgs::new(
                    |x, grad| log_objective(x, &g, 1.0, grad),
                    optimum_start(n, 1.0),
                );
                Stage::Bound(search, g, 0)
            }
            (Shape::ExactOptimal, _) => {
                let problem = work::quadratic_of(config);
                let search = Lbfgs::new(
                    |x, slope| quadratic::last_loss_by_logs(&problem, x, slope),
                    quadratic::optimum_start(&problem, config.horizon as usize),
                );
                Stage::Exact(search, problem, 0)
            }
            (_, Problem::Quadratic) => {
                let problem = work::quadratic_of(config);
                Stage::Quadratic(quadratic::Sgd::new(problem, linear()?.into()), Vec::new())
            }
            (_, Problem::Digits) => {
                let batches = Batches {
                    seed: config.seed,
                    size: config.batch as usize,
                };
                let trainer = Trainer::new(config.optimizer(), linear()?.into(), batches)?;
                Stage::Digits(Box::new(trainer), Vec::new())
            }
            _ => {
                let norms = power_norms(config.horizon as usize, config.norm_decay);
                let factors = refined(&norms)?;
                Stage::Running(work::start_with(config, Some(&factors))?)
            }
        };
        Ok(Self {
            config: config.clone(),
            stage,
        })
    }

    /// Does a part of the preparation; the table when it is done.
    fn prepare(&mut self) -> Result<Option<Factors>> {
        let updates = self.config.horizon as usize;
        match &mut self.stage {
            Stage::Quadratic(state, norms) => {
                for _ in 0..MODE_UPDATES.div_ceil(self.config.dims) {
                    norms.push(state.gradient_square().sqrt());
                    if norms.len() == updates || !state.advance() {
                        return refined(&smooth(norms)).map(Some);
                    }
                }
                Ok(None)
            }
            Stage::Digits(trainer, norms) => {
                for _ in 0..NET_UPDATES {
                    if !trainer.advance() {
                        return refined(&smooth(norms)).map(Some);
                    }
                    norms.push(trainer.gradient_norm());
                }
                Ok(None)
            }
            Stage::Bound(search, g, done) => {
                *done += 1;
                let going = search.iterate(|x, grad| log_objective(x, g, 1.0, grad), 1e-10, 4000);
                if going && *done < ITERATIONS {
                    return Ok(None);
                }
                let eta: Vec<f64> = search.x.iter().map(|v| crate::core::num::exp(*v)).collect();
                let words = "the minimiser of the convex bound";
                Ok(Some(factors(&stretched(&eta, updates), words)))
            }
            Stage::Exact(search, problem, done) => {
                *done += 1;
                let value = |x: &[f64], s: &mut [f64]| quadratic::last_loss_by_logs(problem, x, s);
                if search.iterate(value, 1e-9, 1000) && *done < ITERATIONS {
                    return Ok(None);
                }
                let eta: Vec<f64> = search.x.iter().map(|v| crate::core::num::exp(*v)).collect();
                let top = eta.iter().copied().fold(0.0, f64::max);
                let words = format!(
                    "the minimiser of the exact expected loss, {:.5} at a peak of {top:.3}",
                    search.value
                );
                Ok(Some(factors(&eta, &words)))
            }
            Stage::Law(search, done) => {
                *done += 1;
                if search.iterate() && *done < ITERATIONS {
                    return Ok(None);
                }
                Ok(Some(search.factors()))
            }
            Stage::Running(_) => Ok(None),
        }
    }
}

impl Job for Prepared {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if let Stage::Running(job) = &mut self.stage {
            return job.step();
        }
        if let Some(factors) = self.prepare()? {
            self.stage = Stage::Running(work::start_with(&self.config, Some(&factors))?);
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let updates = self.config.horizon.max(1) as f64;
        let share = match &self.stage {
            Stage::Quadratic(_, norms) | Stage::Digits(_, norms) => norms.len() as f64 / updates,
            Stage::Bound(_, _, done) | Stage::Exact(_, _, done) | Stage::Law(_, done) => {
                *done as f64 / ITERATIONS as f64
            }
            Stage::Running(job) => return 0.2 + 0.8 * job.progress(),
        };
        0.2 * share.min(1.0)
    }
}

/// Values scaled so that the largest is 1.
pub(super) fn factors(values: &[f64], rule: &str) -> Factors {
    let top = values.iter().copied().fold(0.0, f64::max);
    Factors {
        values: values.iter().map(|v| v / top).collect(),
        rule: rule.into(),
    }
}

fn refined(norms: &[f64]) -> Result<Factors> {
    let schedule = refined_schedule(norms, -2.0)?;
    Ok(factors(
        &schedule,
        "refined from the gradient norms of a linear decay",
    ))
}

/// `n` values of a list, interpolated between the middles of its parts.
fn stretched(values: &[f64], n: usize) -> Vec<f64> {
    if values.len() == n {
        return values.to_vec();
    }
    let parts = values.len() as f64;
    (0..n)
        .map(|i| {
            let at = ((i as f64 + 0.5) / n as f64 * parts - 0.5).clamp(0.0, parts - 1.0);
            let low = at as usize;
            let high = (low + 1).min(values.len() - 1);
            values[low] + (values[high] - values[low]) * (at - low as f64)
        })
        .collect()
}

/// Median filter of width 2 ⌊0.1 T / 2⌋ + 1, mirrored at the ends (facebookresearch/
/// adaptive_scheduling); norms that vanish are raised to a thousandth of the median.
fn smooth(norms: &[f64]) -> Vec<f64> {
    let n = norms.len();
    let least = SMALLEST_NORM * stats::percentile(norms, 50.0);
    let half = ((SMOOTHED * n as f64) as usize / 2).min(n.saturating_sub(1));
    // A long run is smoothed on a grid of 400 points: the median changes slowly.
    let every = n.div_ceil(400).max(1);
    let at: Vec<usize> = (0..n).step_by(every).collect();
    let coarse: Vec<f64> = at
        .iter()
        .map(|&i| {
            let window: Vec<f64> = (0..=2 * half)
                .map(|k| {
                    let j = (i + k).abs_diff(half);
                    norms[if j >= n { 2 * (n - 1) - j } else { j }]
                })
                .collect();
            stats::percentile(&window, 50.0).max(least)
        })
        .collect();
    (0..n)
        .map(|i| {
            let k = i / every;
            let next = coarse.get(k + 1).or(coarse.get(k));
            let (a, b) = (coarse[k], next.copied().unwrap_or(coarse[k]));
            a + (b - a) * (i % every) as f64 / every as f64
        })
        .collect()
}

/// The rule of a computed schedule that is not known yet.
pub(super) fn pending(updates: usize) -> Factors {
    Factors {
        values: vec![1.0; updates].into(),
        rule: Arc::from("computed before the run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;

    fn run(config: &Config) -> Run {
        finish(&mut *work::start(config).unwrap()).unwrap()
    }

    #[test]
    fn falling_norms_give_the_bounds_optimum_a_warmup() {
        let config = Config {
            shape: Shape::BoundOptimal,
            norm_decay: 0.25,
            horizon: 100,
            rivals: false,
            ..Config::default().with_problem(Problem::Bound)
        };
        let cell = run(&config).chosen().unwrap().clone();
        // Published in the specification of the reference: 0.21 of the largest rate.
        assert!(
            (cell.schedule.factor(0) - 0.21).abs() < 0.02,
            "{}",
            cell.schedule.factor(0)
        );
    }

    #[test]
    fn the_exact_optimum_of_the_quadratic_falls_and_beats_linear_decay() {
        let config = Config {
            shape: Shape::ExactOptimal,
            horizon: 200,
            dims: 128,
            rivals: true,
            ..Config::default().with_problem(Problem::Quadratic)
        };
        let run = run(&config);
        let loss = |shape| run.best(shape).unwrap().final_loss();
        let (own, linear) = (loss(Shape::ExactOptimal), loss(Shape::Linear));
        assert!(own < linear, "{own} {linear}");
        let cell = run.chosen().unwrap();
        let rates: Vec<f64> = (0..200).map(|i| cell.schedule.factor(i)).collect();
        assert!(rates[100] < 0.9 && rates[199] < rates[100], "{rates:?}");
        let long = Config {
            horizon: 4000,
            ..config.clone()
        };
        assert_eq!(long.check(), Ok(()));
        let wide = Config { dims: 4096, ..long };
        assert_eq!(wide.check().unwrap_err().field(), Some("dims"));
        let elsewhere = Config {
            problem: Problem::Digits,
            ..config
        };
        assert_eq!(elsewhere.check().unwrap_err().field(), Some("shape"));
    }

    #[test]
    fn constant_norms_refine_to_a_straight_line() {
        let config = Config {
            shape: Shape::Refined,
            horizon: 50,
            rivals: false,
            ..Config::default().with_problem(Problem::Bound)
        };
        let cell = run(&config).chosen().unwrap().clone();
        for i in 0..50 {
            let line = (49 - i) as f64 / 49.0;
            assert!((cell.schedule.factor(i) - line).abs() < 1e-12, "{i}");
        }
    }

    #[test]
    fn smoothing_keeps_a_constant_and_removes_a_spike() {
        let mut norms = vec![2.0; 1000];
        norms[500] = 90.0;
        assert!(smooth(&norms).iter().all(|v| (v - 2.0).abs() < 1e-12));
        norms.fill(0.0);
        norms[0] = 1.0;
        assert_eq!(smooth(&norms).len(), 1000);
    }

    #[test]
    fn refining_works_on_real_gradients() {
        for problem in [Problem::Digits, Problem::Quadratic] {
            let config = Config {
                shape: Shape::Refined,
                horizon: 60,
                seeds: 1,
                grid: 0,
                dims: 16,
                rivals: false,
                ..Config::default().with_problem(problem)
            };
            let config = Config {
                horizon: 60,
                grid: 0,
                ..config
            };
            let run = run(&config);
            let cell = run.chosen().unwrap();
            assert!(cell.final_loss().is_finite(), "{problem:?}");
            assert_eq!(cell.schedule.factor(59), 0.0, "{problem:?}");
        }
    }
}
