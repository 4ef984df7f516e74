//! Computation of the lab: particles through the levels, one short slice per step.

use super::config::Config;
use super::distance;
use super::flow;
use super::mmse;
use super::problem::{Exact, Problem};
use super::report;
use super::run::{Frame, PlaneRun, Scores};
use super::search::Search;
use super::solver::calls_needed;
use super::sweep::Sweep;
use crate::core::{Job, Result, Step};
use std::ops::Range;
use std::sync::Arc;

/// Component evaluations one slice may do, and the most particles in it.
const SLICE: usize = 60_000;
const CHUNK: usize = 256;
/// Particles whose exact flow is followed for the paired error.
pub(super) const PAIRED: usize = 128;
/// Points per side of a density picture.
pub(super) const GRID: usize = 80;
/// How far a density picture reaches, in half widths of the picture: wide pictures show more than
/// the square, and a density cut at its edge looks like a box.
pub(super) const DENSITY_REACH: f64 = 1.4;
/// Particles that enter the per-step distance.
const MEASURED: usize = 2000;

enum Stage {
    Solve,
    Flow,
    Local,
    Densities,
    Scores,
    End,
    Curve,
    Report,
    Sweep(Box<Sweep>, Box<PlaneRun>),
}

/// Levels and points of the error curve behind the charts.
const CURVE_POINTS: usize = 80;
const CURVE_SAMPLES: usize = 200;

/// A run from its config: the search of its levels, if they have to be searched, then the
/// particles.
pub(super) struct Start {
    config: Config,
    pictures: bool,
    search: Option<Search>,
    work: Option<Box<Work>>,
}

impl Start {
    /// Without pictures only the headline numbers are computed.
    pub(super) fn new(config: &Config, pictures: bool) -> Result<Self> {
        let search = Search::new(config)?;
        let work = match search {
            Some(_) => None,
            None => Some(Box::new(Work::on(Problem::new(config)?, pictures))),
        };
        Ok(Self {
            config: config.clone(),
            pictures,
            search,
            work,
        })
    }
}

impl Job for Start {
    type Out = PlaneRun;

    fn step(&mut self) -> Result<Step<PlaneRun>> {
        if let Some(work) = &mut self.work {
            return work.step();
        }
        if let Some(search) = &mut self.search
            && let Some(found) = search.step(&self.config)?
        {
            let problem = Problem::with_levels(&self.config, found.levels, found.weights)?;
            let mut work = Work::on(problem, self.pictures);
            work.curve = found.curve;
            self.work = Some(Box::new(work));
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let searched = match (&self.search, &self.work) {
            (None, _) => return self.work.as_ref().map_or(0.0, |w| w.progress()),
            (Some(_), Some(_)) => 1.0,
            (Some(search), None) => search.progress(),
        };
        0.4 * searched + 0.6 * self.work.as_ref().map_or(0.0, |w| w.progress())
    }
}

/// The computation in steps.
pub(super) struct Work {
    problem: Arc<Problem>,
    stage: Stage,
    frames: Vec<Vec<f32>>,
    denoised: Vec<Vec<f32>>,
    /// Final positions in full precision.
    ends: Vec<f64>,
    endings: report::Endings,
    exact: flow::Reference,
    local: flow::Local,
    densities: Vec<Arc<[f32]>>,
    half_width: f64,
    truth: distance::Truth,
    scores: Vec<Scores>,
    calls: usize,
    pictures: bool,
    curve: Option<mmse::Curve>,
    builder: Option<mmse::Builder>,
}

impl Work {
    #[cfg(feature = "gpu")]
    pub(super) fn new(config: &Config) -> Result<Self> {
        Ok(Self::on(Problem::new(config)?, true))
    }

    fn on(problem: Problem, pictures: bool) -> Self {
        let problem = Arc::new(problem);
        let n = problem.config.particles as usize;
        let positions = problem.forward_steps() + problem.steps() + 1;
        Self {
            frames: vec![Vec::with_capacity(2 * n); positions],
            denoised: vec![Vec::with_capacity(2 * n); problem.steps()],
            ends: Vec::with_capacity(2 * n),
            endings: report::Endings::default(),
            exact: flow::Reference::new(PAIRED.min(n)),
            local: flow::Local::default(),
            densities: Vec::new(),
            half_width: report::half_width(&problem),
            truth: distance::Truth::new(&problem, n.min(MEASURED)),
            scores: Vec::new(),
            calls: 0,
            pictures,
            curve: None,
            builder: None,
            stage: Stage::Solve,
            problem,
        }
    }

    /// One level of the error curve; `false` when it is there.
    fn advance_curve(&mut self) -> bool {
        if self.curve.is_some() {
            return false;
        }
        let problem = &self.problem;
        let builder = self.builder.get_or_insert_with(|| {
            let levels = &problem.levels;
            let lowest = levels[problem.steps().saturating_sub(1)];
            let range = [lowest.min(0.002), levels[0].max(80.0)];
            let mixture = problem.mixture.clone();
            mmse::Builder::new(
                mixture,
                problem.config.seed,
                range,
                CURVE_POINTS,
                CURVE_SAMPLES,
            )
        });
        self.curve = builder.advance();
        self.curve.is_none()
    }

    /// Records the way of some particles to the first level and gives where they arrive.
    pub(super) fn begin(&mut self, particles: Range<usize>) -> Vec<f64> {
        let mut states = self.problem.forward(particles);
        for (k, state) in states.iter().enumerate() {
            let level = self.problem.levels[self.problem.level_index(k)];
            push_scaled(&mut self.frames[k], state, self.problem.scale(level));
        }
        let start = states.pop().unwrap_or_default();
        self.exact.admit(&start);
        start
    }

    fn solve(&mut self) {
        let n = self.problem.config.particles as usize;
        let first = self.ends.len() / 2;
        let cost = calls_needed(self.problem.config.solver, self.problem.steps())
            * self.problem.config.solver.evaluations()
            * self.problem.mixture.len();
        let particles = first..(first + (SLICE / cost).clamp(1, CHUNK)).min(n);
        let start = self.begin(particles.clone());
        let mut solver = self.problem.solver(start);
        let mut model = Exact {
            problem: &self.problem,
            particles,
        };
        let forward = self.problem.forward_steps();
        while !solver.done() {
            solver.advance(&mut model);
            let k = solver.step();
            let scale = self.problem.scale(self.problem.levels[k]);
            push_scaled(&mut self.frames[forward + k], solver.x(), scale);
            self.denoised[k - 1].extend(solver.denoised().iter().map(|v| *v as f32));
        }
        self.calls = solver.calls();
        self.ends.extend_from_slice(solver.x());
    }

    /// What is computed.
    #[cfg(feature = "gpu")]
    pub(super) fn problem(&self) -> &Arc<Problem> {
        &self.problem
    }

    /// Records a step that was taken elsewhere: states after step `k` and the estimates behind it.
    /// After the last step the computation goes on with what follows the particles.
    #[cfg(feature = "gpu")]
    pub(super) fn record(&mut self, k: usize, states: &[f32], estimates: Vec<f32>) {
        let scale = self.problem.scale(self.problem.levels[k]);
        let wide: Vec<f64> = states.iter().map(|v| f64::from(*v)).collect();
        push_scaled(
            &mut self.frames[self.problem.forward_steps() + k],
            &wide,
            scale,
        );
        self.denoised[k - 1] = estimates;
        if k == self.problem.steps() {
            self.calls = calls_needed(self.problem.config.solver, k);
            self.ends = wide;
            self.stage = Stage::Flow;
        }
    }

    /// The noised density at one level on a square grid of the picture, for its shading.
    fn density(&mut self, index: usize) {
        let level = self.problem.levels[index];
        let scale = self.problem.scale(level);
        // Modes narrower than a cell are blurred to half a cell, or they would fall between them.
        let half = DENSITY_REACH * self.half_width;
        let cell = 2.0 * half / GRID as f64;
        let blur = (scale * level * scale * level + 0.25 * cell * cell).sqrt();
        let mut at = self.problem.mixture.level(scale, blur);
        let mut values = Vec::with_capacity(GRID * GRID);
        for row in 0..GRID {
            for column in 0..GRID {
                let place = |i: usize| (i as f64 + 0.5) * cell - half;
                values.push(
                    crate::core::num::exp(at.log_density(&[place(column), place(row)])) as f32,
                );
            }
        }
        self.densities.push(values.into());
    }

    fn score(&mut self, index: usize) {
        let frame = &self.frames[self.problem.forward_steps() + index];
        let last = index + 1 == self.problem.levels.len();
        self.scores.push(Scores {
            sliced: if self.pictures {
                self.truth.per_step(&self.problem, index, frame)
            } else {
                f64::NAN
            },
            paired: if self.pictures || last {
                self.exact.paired(&self.problem, index, frame)
            } else {
                f64::NAN
            },
            local: self.local.before(index),
        });
    }

    fn report(&mut self) -> Result<PlaneRun> {
        let frames: Arc<[Frame]> = std::mem::take(&mut self.frames)
            .into_iter()
            .enumerate()
            .map(|(k, points)| Frame {
                points: points.into(),
                level: self.problem.level_index(k),
            })
            .collect();
        report::build(report::Parts {
            problem: self.problem.clone(),
            frames,
            denoised: std::mem::take(&mut self.denoised)
                .into_iter()
                .map(Arc::from)
                .collect(),
            ends: std::mem::take(&mut self.ends),
            endings: std::mem::take(&mut self.endings),
            exact: self.exact.path(&self.problem),
            densities: std::mem::take(&mut self.densities).into(),
            half_width: self.half_width,
            truth: &self.truth,
            curve: self.curve.as_ref(),
            scores: std::mem::take(&mut self.scores),
            calls: self.calls,
        })
    }
}

fn push_scaled(out: &mut Vec<f32>, state: &[f64], scale: f64) {
    out.extend(state.iter().map(|v| (v * scale) as f32));
}

impl Job for Work {
    type Out = PlaneRun;

    fn step(&mut self) -> Result<Step<PlaneRun>> {
        match &mut self.stage {
            Stage::Solve => {
                self.solve();
                if self.ends.len() == 2 * self.problem.config.particles as usize {
                    self.stage = Stage::Flow;
                }
            }
            Stage::Flow => {
                if self.problem.stochastic() {
                    self.stage = Stage::Densities;
                } else if !self.exact.advance(&self.problem) {
                    self.stage = Stage::Local;
                }
            }
            Stage::Local => {
                let (problem, frames) = (&self.problem, &self.frames);
                if !self.pictures || !self.local.advance(problem, frames, PAIRED) {
                    self.stage = Stage::Densities;
                }
            }
            Stage::Densities => {
                if self.pictures {
                    self.density(self.densities.len());
                }
                if !self.pictures || self.densities.len() == self.problem.levels.len() {
                    self.stage = Stage::Scores;
                }
            }
            Stage::Scores => {
                self.score(self.scores.len());
                if self.scores.len() == self.problem.levels.len() {
                    self.stage = Stage::End;
                }
            }
            Stage::End => {
                if self.endings.advance(&self.problem, &self.ends) {
                    return Ok(Step::Working);
                }
                if !self.truth.advance(&self.problem, &self.ends) {
                    self.stage = if self.pictures {
                        Stage::Curve
                    } else {
                        Stage::Report
                    };
                }
            }
            Stage::Curve => {
                if !self.advance_curve() {
                    self.stage = Stage::Report;
                }
            }
            Stage::Report => {
                let run = self.report()?;
                match Sweep::new(&self.problem.config).filter(|_| self.pictures) {
                    Some(sweep) => self.stage = Stage::Sweep(Box::new(sweep), Box::new(run)),
                    None => return Ok(Step::Done(run)),
                }
            }
            Stage::Sweep(sweep, run) => {
                if let Some(chart) = sweep.step()? {
                    let mut run = (**run).clone();
                    run.charts = std::iter::once(chart)
                        .chain(run.charts.iter().cloned())
                        .collect();
                    return Ok(Step::Done(run));
                }
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let done = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let levels = self.problem.levels.len();
        let curve = self.builder.as_ref().map_or(0.0, mmse::Builder::progress);
        let run = 0.5 * done(self.ends.len(), 2 * self.problem.config.particles as usize)
            + 0.2 * done(self.exact.steps_done(), levels)
            + 0.15 * done(self.densities.len(), levels)
            + 0.1 * done(self.scores.len(), levels)
            + 0.05 * curve;
        if self.problem.config.nfe_seeds == 0 {
            return run;
        }
        let sweep = match &self.stage {
            Stage::Sweep(sweep, _) => sweep.progress(),
            _ => 0.0,
        };
        0.3 * run + 0.7 * sweep
    }
}
