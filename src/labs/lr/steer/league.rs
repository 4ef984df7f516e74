//! The runs behind a benchmark of time to a target: what sets the targets, what tunes every schedule,
//! and its studies.

use super::super::config::Config;
use super::super::league::{Entry, League, STUDIES, Tuned, WORKLOADS};
use super::super::model::{Cell, Curve, Run, Trace};
use super::super::schedule::Shape;
use super::super::work::cells_of;
use super::Lane;
use crate::core::{Job, Result, Step};

/// Budget of the constant rate that sets the target, over that of the schedules.
const AHEAD: f64 = 1.5;
/// Peak rates tried over the set one, and lengths of the schedule as shares of the budget.
const PEAKS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
const LENGTHS: [f64; 3] = [0.5, 0.75, 1.0];
/// How often the constant rate's peaks move when the best lies at their end.
const MOVES: usize = 3;
/// Seeds that tune, seeds that set the target, and their first ones.
const TUNED_ON: u64 = 2;
const TUNING: u64 = 30_001;
const AIMING: u64 = 40_001;
/// Looks at the loss over a budget.
const LOOKS: u64 = 50;

/// What one training run found.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outcome {
    /// Updates until the target was reached, infinite when it was not.
    time: f64,
    /// Judged loss when the run ended, infinite when it diverged.
    last: f64,
}

/// What is tuned or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The peak of the constant rate.
    Constant,
    /// What it reaches.
    Target,
    /// A schedule's peak and length.
    Tune,
    /// Its studies.
    Study,
}

/// A stage of a schedule (by its place) on a problem.
#[derive(Debug, Clone, Copy)]
struct Item {
    stage: Stage,
    schedule: usize,
    problem: usize,
}

/// A training run to be made.
#[derive(Debug, Clone, Copy)]
struct Trial {
    tuned: Tuned,
    seed: u64,
}

/// A training run under way.
struct Underway {
    config: Config,
    lane: Lane,
    warmup: Vec<f64>,
    every: u64,
    target: f64,
}

impl Underway {
    /// A few updates; what it found when it is over.
    fn advance(&mut self) -> Result<Option<Outcome>> {
        if !self.lane.ready {
            self.lane.ready = self.lane.task.prepare()?;
            return Ok(None);
        }
        for _ in 0..self.lane.task.slice() {
            let going = self.lane.advance(&self.config, &self.warmup);
            let done = self.lane.rates.len() as u64;
            if self.lane.curve.diverged.is_some() {
                return Ok(Some(Outcome {
                    time: f64::INFINITY,
                    last: f64::INFINITY,
                }));
            }
            if going && !done.is_multiple_of(self.every) {
                continue;
            }
            let loss = self.lane.task.glance();
            let last = if loss.is_finite() {
                loss
            } else {
                f64::INFINITY
            };
            if last <= self.target || !going {
                let reached = last <= self.target;
                let time = if reached { done as f64 } else { f64::INFINITY };
                return Ok(Some(Outcome { time, last }));
            }
            // A look costs as much as many updates.
            return Ok(None);
        }
        Ok(None)
    }
}

/// The benchmark as a job.
pub(in crate::labs::lr) struct LeagueWork {
    config: Config,
    items: Vec<Item>,
    at: usize,
    trials: Vec<Trial>,
    outcomes: Vec<Outcome>,
    underway: Option<Underway>,
    /// Peaks of the constant rate on the problem at hand, over the set one, and how often they moved.
    shift: f64,
    moves: usize,
    chosen: Tuned,
    league: League,
}

impl LeagueWork {
    /// Of a checked config.
    pub(in crate::labs::lr) fn new(config: &Config) -> Self {
        let shapes = config.shapes();
        let mut items = Vec::new();
        let mut add = |stages: [Stage; 2], schedule: usize| {
            for problem in 0..WORKLOADS.len() {
                items.extend(stages.map(|stage| Item {
                    stage,
                    schedule,
                    problem,
                }));
            }
        };
        add([Stage::Constant, Stage::Target], 0);
        for schedule in 0..shapes.len() {
            add([Stage::Tune, Stage::Study], schedule);
        }
        let mut work = Self {
            config: config.clone(),
            items,
            at: 0,
            trials: Vec::new(),
            outcomes: Vec::new(),
            underway: None,
            shift: 1.0,
            moves: 0,
            chosen: Tuned {
                peak: 1.0,
                length: 1.0,
            },
            league: League {
                entries: vec![Vec::new(); shapes.len()],
                shapes,
                targets: Vec::new(),
                groups: config.seeds as usize,
            },
        };
        work.plan();
        work
    }

    /// The setup of a problem with this config's schedule parameters.
    fn setup(&self, item: Item) -> Config {
        let shape = match item.stage {
            Stage::Constant | Stage::Target => Shape::Constant,
            Stage::Tune | Stage::Study => self.league.shapes[item.schedule],
        };
        Config {
            shape,
            horizon: self.config.horizon,
            dialect: self.config.dialect_of(shape),
            rivals: false,
            grid: 0,
            // No seed of a run is watched.
            seed: 0,
            mask_from: 0.15,
            mask_to: 0.15,
            ..self.config.clone().with_problem(WORKLOADS[item.problem].0)
        }
    }

    /// The runs of the stage at hand.
    fn plan(&mut self) {
        self.outcomes.clear();
        self.trials.clear();
        let Some(&item) = self.items.get(self.at) else {
            return;
        };
        let base = self.setup(item).peak * self.config.peak;
        let peaks = PEAKS.map(|p| p * self.shift * base);
        let tuning = TUNING..TUNING + TUNED_ON;
        let mut add = |tuned: Tuned, seed: u64| self.trials.push(Trial { tuned, seed });
        match item.stage {
            Stage::Constant => {
                for peak in peaks {
                    let tuned = Tuned {
                        peak,
                        length: AHEAD,
                    };
                    tuning.clone().for_each(|seed| add(tuned, seed));
                }
            }
            Stage::Target => {
                (AIMING..AIMING + STUDIES as u64).for_each(|seed| add(self.chosen, seed));
            }
            Stage::Tune => {
                for length in LENGTHS {
                    for peak in peaks {
                        tuning
                            .clone()
                            .for_each(|seed| add(Tuned { peak, length }, seed));
                    }
                }
            }
            Stage::Study => {
                let first = self.config.seed.wrapping_mul(1000);
                let studies = self.league.groups as u64 * STUDIES as u64;
                (1..=studies).for_each(|k| add(self.chosen, first.wrapping_add(k)));
            }
        }
    }

    /// Starts the next run of the stage.
    fn begin(&self, item: Item, trial: Trial) -> Result<Underway> {
        let budget = self.config.horizon;
        let config = self.setup(item);
        let horizon = (trial.tuned.length * budget as f64).round().max(10.0) as u64;
        let config = Config {
            horizon,
            peak: trial.tuned.peak,
            ..config
        };
        config.check()?;
        let cell = cells_of(&config).swap_remove(0);
        let aimed = matches!(item.stage, Stage::Tune | Stage::Study);
        let target = self.league.targets.get(item.problem).copied();
        Ok(Underway {
            warmup: (0..cell.schedule.warmup)
                .map(|i| cell.schedule.rate(i) / cell.schedule.peak)
                .collect(),
            lane: Lane::new(&config, &cell, trial.seed)?,
            config,
            every: (budget / LOOKS).max(1),
            target: target.filter(|_| aimed).unwrap_or(f64::NEG_INFINITY),
        })
    }

    /// The settings tried, each with its outcomes.
    fn tried(&self) -> impl Iterator<Item = (Tuned, &[Outcome])> {
        let n = TUNED_ON as usize;
        (self.trials.chunks(n).zip(self.outcomes.chunks(n))).map(|(t, o)| (t[0].tuned, o))
    }

    /// Draws the conclusion of a finished stage.
    fn conclude(&mut self, item: Item) {
        let budget = self.config.horizon as f64;
        let last = |o: &[Outcome]| o.iter().map(|o| o.last).sum::<f64>();
        match item.stage {
            Stage::Constant => {
                let best = (self.tried())
                    .enumerate()
                    .min_by(|a, b| last(a.1.1).total_cmp(&last(b.1.1)))
                    .map(|(place, (tuned, _))| (place, tuned));
                let Some((place, tuned)) = best else {
                    return;
                };
                self.chosen = tuned;
                let edge = place == 0 || place + 1 == PEAKS.len();
                if edge && self.moves < MOVES {
                    self.moves += 1;
                    self.shift *= PEAKS[place];
                    self.plan();
                    return;
                }
                (self.shift, self.moves) = (1.0, 0);
            }
            Stage::Target => {
                let mut losses: Vec<f64> = self.outcomes.iter().map(|o| o.last).collect();
                losses.sort_by(f64::total_cmp);
                let middle = losses.get(losses.len() / 2).copied();
                self.league.targets.push(middle.unwrap_or(f64::NAN));
            }
            Stage::Tune => {
                // Runs that miss count as twice the budget; among equals the lower loss decides.
                let cost = |o: &[Outcome]| o.iter().map(|o| o.time.min(2.0 * budget)).sum::<f64>();
                let best = self.tried().min_by(|a, b| {
                    (cost(a.1).total_cmp(&cost(b.1))).then(last(a.1).total_cmp(&last(b.1)))
                });
                if let Some((tuned, _)) = best {
                    self.chosen = tuned;
                }
            }
            Stage::Study => {
                let times = self.outcomes.iter().map(|o| o.time).collect();
                self.league.entries[item.schedule].push(Entry {
                    tuned: self.chosen,
                    times,
                });
            }
        }
        self.at += 1;
        self.plan();
    }

    /// The finished run: per schedule one cell, per group of studies one curve.
    fn finished(&mut self) -> Run {
        let config = Config {
            grid: 0,
            ..self.config.clone()
        };
        let every = (config.horizon / LOOKS).max(1);
        let mut looks: Vec<u64> = (0..=config.horizon / every).map(|k| k * every).collect();
        if looks.last() != Some(&config.horizon) {
            looks.push(config.horizon);
        }
        let league = &self.league;
        let cells = (cells_of(&config).into_iter().enumerate())
            .map(|(s, cell)| Cell {
                curves: (0..league.groups)
                    .map(|group| Curve {
                        seed: config.seed.wrapping_add(group as u64),
                        loss: (looks.iter())
                            .map(|t| [*t as f64, league.missing(s, group, *t as f64)])
                            .collect(),
                        final_loss: 1.0 - league.score(s, group),
                        accuracy: f64::NAN,
                        traces: times(league, s, group, config.horizon),
                        ..Curve::default()
                    })
                    .collect(),
                ..cell
            })
            .collect();
        Run::of_league(config, cells, league.clone())
    }
}

/// Median time on every problem, where the target was reached, as a trace that stays.
fn times(league: &League, schedule: usize, group: usize, horizon: u64) -> Vec<Trace> {
    (WORKLOADS.iter().zip(&league.entries[schedule]))
        .map(|(workload, entry)| (workload.1, entry.time(group)))
        .filter(|(_, time)| time.is_finite())
        .map(|(name, time)| Trace {
            name,
            points: vec![[0.0, time], [horizon as f64, time]],
        })
        .collect()
}

impl Job for LeagueWork {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        let Some(&item) = self.items.get(self.at) else {
            return Ok(Step::Done(self.finished()));
        };
        let mut underway = if let Some(underway) = self.underway.take() {
            underway
        } else if let Some(&trial) = self.trials.get(self.outcomes.len()) {
            self.begin(item, trial)?
        } else {
            self.conclude(item);
            return Ok(Step::Working);
        };
        match underway.advance()? {
            Some(outcome) => self.outcomes.push(outcome),
            None => self.underway = Some(underway),
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let within = self.outcomes.len() as f64 / self.trials.len().max(1) as f64;
        ((self.at as f64 + within) / self.items.len().max(1) as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::config::Problem;
    use super::*;
    use crate::core::finish;

    #[test]
    fn a_short_benchmark_sets_targets_that_a_decay_reaches_in_time() {
        let config = Config {
            shape: Shape::Linear,
            rivals: false,
            horizon: 60,
            seeds: 1,
            batch: 8,
            ..Config::default()
        };
        let config = Config {
            horizon: 60,
            ..config.with_problem(Problem::League)
        };
        let run = finish(&mut LeagueWork::new(&config)).unwrap();
        let league = run.league.as_ref().unwrap();
        assert_eq!(league.targets.len(), WORKLOADS.len());
        assert!(league.targets.iter().all(|t| t.is_finite()), "{league:?}");
        // Alone it is the fastest wherever it arrives at all.
        let reached = league.entries[0]
            .iter()
            .filter(|e| e.time(0).is_finite())
            .count();
        assert_eq!(league.score(0, 0), reached as f64 / 5.0);
        assert!(reached >= 2, "{league:?}");
        let cell = run.chosen().unwrap();
        assert_eq!(cell.final_loss(), 1.0 - league.score(0, 0));
        assert_eq!(cell.curves[0].loss[0], [0.0, 1.0]);
    }
}
