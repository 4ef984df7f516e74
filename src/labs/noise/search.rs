//! Schedules that are searched on the data before the particles start: the dynamic program on the
//! denoising error, the coordinate search of Align Your Steps on the same bound, and the
//! distillation of a teacher's steps, plain or with fitted combinations. All in short slices.

use super::config::Config;
use super::grids;
use super::learned;
use super::mixture::Mixture;
use super::mmse::{Builder, Curve};
use super::olss::{self, Weights};
use super::optimal::Program;
use super::oss;
use super::schedule::{self, ScheduleKind};
use super::solver::SolverKind;
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Result, num};
use std::sync::Arc;

/// Levels of the grid that the searches choose from.
const GRID: usize = 240;
/// Points behind the error curve.
const SAMPLES: usize = 512;
/// Most steps of a schedule on the grid.
pub(super) const MOST_STEPS: u64 = 120;
/// Rounds of the coordinate search; its authors stop early too.
const ROUNDS: usize = 20;
/// Places tried between the neighbours of a level.
const CANDIDATES: usize = 10;
/// Noise samples that the distillation averages over.
const BATCH: usize = 32;
/// Most steps of a fitted solver: least squares grows with the square of their number.
pub(super) const MOST_FITTED: u64 = 40;
/// Noise samples that the weights of OLSS are fitted to.
const EQUATIONS: usize = 64;

/// A search under way.
#[derive(Debug)]
pub(super) enum Search {
    /// Computing the error curve.
    Curve(Box<Builder>),
    /// One step has nothing to choose.
    Single(Curve),
    /// The dynamic program.
    Program(Box<Program>, Curve),
    /// The coordinate search.
    Local(Box<Program>, Curve, Vec<usize>, usize),
    /// The descent.
    Learn(Box<learned::Program>, Curve),
    /// The distillation.
    Distil(Box<oss::Program>, Arc<Mixture>),
    /// The search of a linear subspace.
    Subspace(Box<olss::Program>, Arc<Mixture>),
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    /// The levels, with the final 0.
    pub(super) levels: Vec<f64>,
    /// The error curve, if it was needed.
    pub(super) curve: Option<Curve>,
    /// Weights of the solver, if they were fitted.
    pub(super) weights: Option<Weights>,
}

impl Found {
    fn on(curve: &Curve, index: &[usize], shift: f64) -> Self {
        let levels = index.iter().map(|i| curve.grid[*i]).collect();
        Self::levels(levels, shift, Some(curve.clone()))
    }

    fn levels(levels: Vec<f64>, shift: f64, curve: Option<Curve>) -> Self {
        Self {
            levels: schedule::finished(levels, shift),
            curve,
            weights: None,
        }
    }
}

impl Search {
    /// The search a config asks for; `None` where its levels follow from a formula.
    pub(super) fn new(config: &Config) -> Result<Option<Self>> {
        if !config.is_searched() {
            return Ok(None);
        }
        let mixture = Arc::new(config.mixture()?);
        if config.solver == SolverKind::Olss {
            let teacher = Config {
                steps: config.teacher_steps,
                ..config.clone()
            };
            let z = normals(config.seed, EQUATIONS);
            let levels = schedule::levels(&teacher)?;
            let program = olss::Program::new(&z, &levels, config.steps as usize);
            return Ok(Some(Self::Subspace(Box::new(program), mixture)));
        }
        if config.schedule == ScheduleKind::StepsizeDistillation {
            let z = normals(config.seed, BATCH);
            let times = num::linspace(0.0, 1.0, config.teacher_steps as usize + 1);
            let program = oss::Program::new(&z, &times, config.steps as usize);
            return Ok(Some(Self::Distil(Box::new(program), mixture)));
        }
        let range = [config.sigma_min, config.sigma_max];
        let builder = Builder::new(mixture, config.seed, range, GRID, SAMPLES);
        Ok(Some(Self::Curve(Box::new(builder))))
    }

    /// The search of a schedule on data whose error curve is known.
    pub(super) fn of_curve(config: &Config, curve: Curve) -> Result<Self> {
        if config.steps == 1 {
            return Ok(Self::Single(curve));
        }
        Self::on_curve(config, curve)
    }

    /// Share of the search done.
    pub(super) fn progress(&self) -> f64 {
        match self {
            Self::Curve(builder) => 0.8 * builder.progress(),
            Self::Single(..) | Self::Program(..) | Self::Local(..) => 0.9,
            Self::Learn(program, _) => 0.5 + 0.5 * program.progress(),
            Self::Subspace(program, _) => program.progress(),
            Self::Distil(program, _) => {
                let (done, all) = program.calls();
                done as f64 / all.max(1) as f64
            }
        }
    }

    /// A slice of the search; the levels at its end.
    pub(super) fn step(&mut self, config: &Config) -> Result<Option<Found>> {
        let shift = schedule::shift_of(config);
        match self {
            Self::Curve(builder) => {
                if let Some(curve) = builder.advance() {
                    *self = Self::of_curve(config, curve)?;
                }
            }
            Self::Single(curve) => {
                let top = vec![config.sigma_max];
                return Ok(Some(Found::levels(top, shift, Some(curve.clone()))));
            }
            Self::Program(program, curve) => {
                if !program.advance() {
                    return Ok(Some(Found::on(curve, &program.best().index, shift)));
                }
            }
            Self::Local(program, curve, index, rounds) => {
                *rounds += 1;
                if !program.search_round(index, CANDIDATES) || *rounds == ROUNDS {
                    return Ok(Some(Found::on(curve, index, shift)));
                }
            }
            Self::Learn(program, curve) => {
                if !program.advance() {
                    let levels = program.levels();
                    return Ok(Some(Found::levels(levels, shift, Some(curve.clone()))));
                }
            }
            Self::Distil(program, mixture) => {
                if !program.advance(mixture) {
                    let mut times = program.times();
                    times.pop();
                    let levels = schedule::sigmas_from_flow(&times);
                    return Ok(Some(Found::levels(levels, shift, None)));
                }
            }
            Self::Subspace(program, mixture) => {
                if !program.advance(mixture) {
                    let (levels, weights) = program.finish();
                    return Ok(Some(Found {
                        levels,
                        curve: None,
                        weights: Some(weights),
                    }));
                }
            }
        }
        Ok(None)
    }

    fn on_curve(config: &Config, curve: Curve) -> Result<Self> {
        if config.schedule == ScheduleKind::Learned {
            let range = [config.sigma_min, config.sigma_max];
            let count = config.steps as usize;
            let program = learned::Program::new(curve.clone(), range, count, config.smoothness);
            return Ok(Self::Learn(Box::new(program), curve));
        }
        let steps = config.steps as usize - 1;
        let local = config.schedule == ScheduleKind::AlignYourSteps;
        let p = if local { 0.0 } else { config.objective_p };
        let program = Box::new(Program::new(&curve.grid, &curve.mmse, p, steps)?);
        Ok(if local {
            let start = grids::karras(steps + 1, config.sigma_min, config.sigma_max, 7.0);
            let index = nearest(&curve.grid, &start);
            Self::Local(program, curve, index, 0)
        } else {
            Self::Program(program, curve)
        })
    }
}

/// Start noise that a search learns from: coordinates of `points` points.
fn normals(seed: u64, points: usize) -> Vec<f64> {
    let noise = Stream::new(seed, StreamId::Noise).replicate(8);
    (0..2 * points as u64)
        .map(|e| f64::from(integer_normal(noise.at(e))))
        .collect()
}

/// Indices of falling levels on the grid, moved apart where two fall on one.
fn nearest(grid: &[f64], levels: &[f64]) -> Vec<usize> {
    let last = grid.len() - 1;
    let whole = num::ln(grid[last] / grid[0]);
    let mut index: Vec<usize> = levels
        .iter()
        .map(|s| (num::ln(s / grid[0]) / whole * last as f64).round_ties_even() as usize)
        .collect();
    let n = index.len();
    for k in 0..n {
        let most = if k == 0 { last } else { index[k - 1] - 1 };
        index[k] = index[k].clamp(n - 1 - k, most);
    }
    index
}

/// The levels of any config, searched to the end if they have to be. For the command line and
/// for claims.
///
/// # Errors
/// Parameters that do not fit.
pub fn levels(config: &Config) -> Result<Vec<f64>> {
    let Some(mut search) = Search::new(config)? else {
        return schedule::levels(config);
    };
    loop {
        if let Some(found) = search.step(config)? {
            return Ok(found.levels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(schedule: ScheduleKind, steps: u64) -> Vec<f64> {
        levels(&Config {
            schedule,
            steps,
            ..Config::default()
        })
        .unwrap()
    }

    #[test]
    fn searched_schedules_fall_to_clean_in_any_number_of_steps() {
        for schedule in ScheduleKind::ALL.into_iter().filter(|s| s.is_searched()) {
            for steps in [1, 2, 6, 25] {
                let list = searched(schedule, steps);
                assert!(
                    list.windows(2).all(|w| w[0] > w[1]),
                    "{schedule:?}: {list:?}"
                );
                assert_eq!(list.last(), Some(&0.0));
                // The distillation may need fewer steps than it is allowed.
                assert!(list.len() as u64 <= steps + 1, "{schedule:?}: {list:?}");
            }
        }
    }

    #[test]
    fn the_dynamic_program_is_no_worse_than_the_local_search_and_that_than_its_start() {
        let config = |schedule| Config {
            schedule,
            objective_p: 0.0,
            steps: 10,
            ..Config::default()
        };
        let klub = |schedule| {
            let config = config(schedule);
            let mixture = Arc::new(config.data.mixture(0.05, 0.0).unwrap());
            let curve = Builder::new(mixture, 1, [0.002, 80.0], GRID, SAMPLES).finish();
            curve.klub(&levels(&config).unwrap())
        };
        let (best, local, start) = (
            klub(ScheduleKind::Optimal),
            klub(ScheduleKind::AlignYourSteps),
            klub(ScheduleKind::Edm),
        );
        assert!(
            best <= 1.01 * local && local < 0.9 * start,
            "{best} {local} {start}"
        );
    }

    #[test]
    fn levels_that_share_a_grid_point_are_moved_apart() {
        let grid = num::logspace(0.01, 1.0, 10);
        assert_eq!(
            nearest(&grid, &[1.0, 0.99, 0.98, 0.0101, 0.01]),
            [9, 8, 7, 1, 0]
        );
    }
}
