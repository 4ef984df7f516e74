//! The experiment of a claim: tunes every arm on seeds of its own, then measures it on others.

use super::super::config::{Config, Problem};
use super::super::model::{Curve, Run, parabola_minimum};
use super::super::work;
use crate::core::{ClaimResult, Job, Result, Step, stats};
use crate::labs::Effort;

/// First seed used for tuning; the measured seeds start at 1.
const TUNING_SEED: u64 = 10_001;
/// Seeds used for tuning.
const TUNING_SEEDS: u64 = 4;
/// How often a grid may move.
const MOVES: usize = 6;

/// One arm of an experiment.
pub(super) struct Arm {
    pub(super) config: Config,
    /// Final losses over the measured seeds.
    pub(super) finals: Vec<f64>,
    /// Held-out accuracies, and the last values of the first trace (of copies the loss of their mean
    /// model), over the measured seeds.
    pub(super) accuracies: Vec<f64>,
    pub(super) last: Vec<f64>,
    /// Best peak rate per measured seed (experiments about the best rate).
    pub(super) peaks: Vec<f64>,
    moves: usize,
    pub(super) tried: usize,
}

impl Arm {
    fn new(config: Config) -> Self {
        Self {
            config,
            finals: Vec::new(),
            accuracies: Vec::new(),
            last: Vec::new(),
            peaks: Vec::new(),
            moves: 0,
            tried: 0,
        }
    }

    pub(super) fn mean(&self) -> f64 {
        stats::mean(&self.finals)
    }
}

/// What to measure once the grid is in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Final losses at the tuned peak rate.
    Loss,
    /// The best peak rate of every seed.
    BestPeak,
}

/// The experiment as a job.
pub(super) struct Experiment {
    arms: Vec<Arm>,
    at: usize,
    tuning: bool,
    job: Option<Box<dyn Job<Out = Run>>>,
    seeds: u64,
    measure: Measure,
    judge: fn(&[Arm], Vec<u64>) -> ClaimResult,
}

impl Experiment {
    pub(super) fn boxed(
        arms: Vec<Config>,
        seeds: u64,
        measure: Measure,
        judge: fn(&[Arm], Vec<u64>) -> ClaimResult,
    ) -> Box<dyn Job<Out = ClaimResult>> {
        Box::new(Self {
            arms: arms.into_iter().map(Arm::new).collect(),
            at: 0,
            tuning: true,
            job: None,
            seeds,
            measure,
            judge,
        })
    }

    fn next_config(&self) -> Config {
        let base = self.arms[self.at].config.clone();
        if self.tuning {
            Config {
                seed: TUNING_SEED,
                seeds: TUNING_SEEDS,
                ..base
            }
        } else {
            Config {
                seed: 1,
                seeds: self.seeds,
                grid: match self.measure {
                    Measure::Loss => 0,
                    Measure::BestPeak => base.grid,
                },
                ..base
            }
        }
    }

    /// Takes a finished run in.
    fn take(&mut self, run: &Run) {
        let tuning = self.tuning;
        let measure = self.measure;
        let arm = &mut self.arms[self.at];
        arm.tried += run.cells.len();
        if tuning {
            if let Some(best) = run.best(arm.config.shape) {
                let edge = run.at_edge(best);
                arm.config.peak = best.schedule.peak;
                if edge && arm.moves < MOVES {
                    arm.moves += 1;
                    return;
                }
                if measure == Measure::Loss {
                    arm.config.peak = refined(run, best.offset).unwrap_or(arm.config.peak);
                }
            }
            self.tuning = false;
            return;
        }
        match measure {
            Measure::Loss => {
                if let Some(cell) = run.chosen() {
                    arm.finals = cell.finals();
                    arm.accuracies = cell.curves.iter().map(|c| c.accuracy).collect();
                    let copies = arm.config.problem == Problem::Branches;
                    let last = |c: &Curve| {
                        if copies {
                            return c.profile.first().copied();
                        }
                        c.traces.first()?.points.last().map(|p| p[1])
                    };
                    arm.last = cell.curves.iter().filter_map(last).collect();
                }
            }
            Measure::BestPeak => arm.peaks = best_peaks(run),
        }
        self.tuning = true;
        self.at += 1;
    }
}

/// Minimum of the parabola around a cell.
fn refined(run: &Run, offset: i64) -> Option<f64> {
    let at = |o: i64| {
        run.of_shape(run.config.shape)
            .find(|c| c.offset == o)
            .map(|c| (c.schedule.peak, c.final_loss()))
    };
    let (a, b, c) = (at(offset - 1)?, at(offset)?, at(offset + 1)?);
    Some(parabola_minimum([a.0, b.0, c.0], [a.1, b.1, c.1]))
}

/// Best peak rate of every seed, by a parabola through its best grid point.
fn best_peaks(run: &Run) -> Vec<f64> {
    let cells: Vec<_> = run.of_shape(run.config.shape).collect();
    let seeds = cells.first().map_or(0, |c| c.curves.len());
    (0..seeds)
        .map(|s| {
            let losses: Vec<f64> = cells.iter().map(|c| c.curves[s].final_loss).collect();
            let best = (0..losses.len())
                .filter(|i| losses[*i].is_finite())
                .min_by(|a, b| losses[*a].total_cmp(&losses[*b]))
                .unwrap_or(0);
            let peak = |i: usize| cells[i].schedule.peak;
            if best == 0 || best + 1 >= losses.len() {
                return peak(best);
            }
            parabola_minimum(
                [peak(best - 1), peak(best), peak(best + 1)],
                [losses[best - 1], losses[best], losses[best + 1]],
            )
        })
        .collect()
}

impl Job for Experiment {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        if self.at == self.arms.len() {
            let seeds = (1..=self.seeds).collect();
            return Ok(Step::Done((self.judge)(&self.arms, seeds)));
        }
        if self.job.is_none() {
            self.job = Some(work::start(&self.next_config())?);
        }
        let mut finished = None;
        if let Some(job) = &mut self.job
            && let Step::Done(run) = job.step()?
        {
            finished = Some(run);
        }
        if let Some(run) = finished {
            self.job = None;
            self.take(&run);
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let within = self.job.as_ref().map_or(0.0, |j| j.progress());
        let half = if self.tuning { 0.0 } else { 0.5 };
        ((self.at as f64 + half + 0.5 * within) / self.arms.len() as f64).min(1.0)
    }
}

/// Measured seeds: short runs are cheap, and their differences small.
pub(super) fn seeds_of(effort: Effort, short: bool) -> u64 {
    match (effort, short) {
        (Effort::Quick, false) => 8,
        (Effort::Quick, true) => 24,
        (Effort::Full, false) => 16,
        (Effort::Full, true) => 48,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{conditions, quadratic};
    use super::*;
    use crate::core::{Verdict, finish};
    use crate::labs::lr::schedule::Shape;

    #[test]
    fn an_arm_with_a_bad_first_guess_moves_its_grid_to_the_best_rate() {
        let start = Config {
            peak: 0.02,
            grid: 2,
            dims: 64,
            ..quadratic(Shape::Linear, 200, 0.0)
        };
        let mut job = Experiment {
            arms: vec![Arm::new(start)],
            at: 0,
            tuning: true,
            job: None,
            seeds: 1,
            measure: Measure::Loss,
            judge: |arms, seeds| ClaimResult {
                quantity: String::new(),
                unit: String::new(),
                measured: arms[0].config.peak,
                interval: [arms[0].mean(); 2],
                seeds,
                verdict: Verdict::NotTestable,
                why: conditions(arms),
            },
        };
        let result = finish(&mut job).unwrap();
        assert!(result.measured > 0.2, "{result:?}");
        assert!(result.interval[0] < 0.05, "{result:?}");
    }
}
