//! Computation of the lab: particles through the levels, one short slice per step.

use super::config::{Config, Direction};
use super::data;
use super::distance;
use super::flow;
use super::guidance::{self, Moved};
use super::mixture::Mixture;
use super::mmse;
use super::olss::Weights;
use super::report;
use super::run::{Frame, PlaneRun, Scores};
use super::schedule;
use super::search::Search;
use super::solver::{Model, Solver, SolverKind, calls_needed};
use super::sweep::Sweep;
use crate::core::rng::{Stream, StreamId, integer_normal};
use crate::core::{Job, Result, Step, num};
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

/// What every part of a run needs: the setup worked out.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The config.
    pub config: Config,
    /// The data distribution.
    pub mixture: Arc<Mixture>,
    /// Levels from noise to 0.
    pub levels: Arc<[f64]>,
    /// Standard deviation of the data per coordinate.
    pub spread: f64,
    /// All data, where a class of it is generated.
    pub whole: Option<Arc<Mixture>>,
    /// Fitted weights of the solver, if it has any.
    pub weights: Option<Weights>,
}

impl Problem {
    /// Works out a config.
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(config: &Config) -> Result<Self> {
        Self::with_levels(config, schedule::levels(config)?, None)
    }

    /// The same with levels that were searched.
    fn with_levels(config: &Config, levels: Vec<f64>, weights: Option<Weights>) -> Result<Self> {
        let mixture = Arc::new(config.mixture()?);
        Ok(Self {
            levels: levels.into(),
            spread: mixture.std_dev(),
            mixture,
            whole: if config.one_class {
                Some(Arc::new(config.whole_mixture()?))
            } else {
                None
            },
            weights,
            config: config.clone(),
        })
    }

    /// Denoising steps.
    pub fn steps(&self) -> usize {
        self.levels.len() - 1
    }

    /// Factor from variance-exploding coordinates to the picture, in which the whole cloud keeps
    /// the spread of the data: c / sqrt(c^2 + s^2).
    pub fn scale(&self, level: f64) -> f64 {
        self.spread / (self.spread * self.spread + level * level).sqrt()
    }

    /// Clean points of the given particles.
    pub fn clean(&self, particles: Range<usize>) -> Vec<f64> {
        data::draw(
            &self.mixture,
            &Stream::new(self.config.seed, StreamId::Data),
            particles,
        )
    }

    /// Standard normals of the given particles for draw `step` (0 is the start).
    pub fn noise(&self, step: usize, particles: Range<usize>, out: &mut [f64]) {
        let stream = Stream::new(self.config.seed, StreamId::Noise).step(step as u32);
        for (e, v) in (2 * particles.start as u64..).zip(out) {
            *v = f64::from(integer_normal(stream.at(e)));
        }
    }

    /// States of the given particles before the first denoising step, after each step of the way
    /// there (from clean, one per level, noisiest last). Empty when the run starts from noise.
    pub fn forward(&self, particles: Range<usize>) -> Vec<Vec<f64>> {
        let mut eps = vec![0.0; 2 * particles.len()];
        self.noise(0, particles.clone(), &mut eps);
        let top = self.levels[0];
        match self.config.direction {
            Direction::Generate => vec![eps.iter().map(|e| top * e).collect()],
            Direction::ThereAndBack => {
                let clean = self.clean(particles);
                self.levels
                    .iter()
                    .rev()
                    .map(|s| clean.iter().zip(&eps).map(|(x, e)| x + s * e).collect())
                    .collect()
            }
            Direction::Invert => self.inverted(particles),
        }
    }

    /// The reversed first-order sampler from clean data: from level s' up to s along the slope at
    /// s', starting with an exact first step (the slope at level 0 is not defined).
    fn inverted(&self, particles: Range<usize>) -> Vec<Vec<f64>> {
        let mut x = self.clean(particles.clone());
        let mut states = vec![x.clone()];
        let mut model = Exact {
            problem: self,
            particles,
        };
        let mut denoised = vec![0.0; x.len()];
        let rising: Vec<f64> = self.levels.iter().rev().copied().collect();
        for pair in rising.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            // At level 0 the estimate is the point itself and the slope 0 / 0; its limit is the
            // slope just above, taken here at the first real level.
            let at = if from > 0.0 { from } else { to };
            model.denoise(&x, at, &mut denoised);
            for (v, d) in x.iter_mut().zip(&denoised) {
                *v += (*v - d) / at * (to - from);
            }
            states.push(x.clone());
        }
        states
    }

    /// A sampler for the given particles, at the first level.
    pub fn solver(&self, start: Vec<f64>) -> Solver {
        let solver = Solver::new(
            self.config.solver,
            self.config.solver.order(),
            self.config.eta,
            self.levels.clone(),
            start,
        );
        match &self.weights {
            Some(weights) => solver.with_weights(weights.clone()),
            None => solver,
        }
    }

    /// Whether the sampler draws noise on its way.
    pub fn stochastic(&self) -> bool {
        let solver = self.config.solver;
        let again = solver == SolverKind::Consistency && self.steps() > 1;
        again || self.config.eta > 0.0 && solver.takes_noise()
    }

    /// Adds the error of an imagined network: a smooth field of unit size over the cloud as the
    /// network sees it, different for each seed, multiplied by what the prediction makes of it.
    fn add_error(&self, points: &[f64], level: f64, out: &mut [f64]) {
        let stream = Stream::new(self.config.seed, StreamId::Noise).replicate(7);
        let size = self.config.model_error
            * std::f64::consts::SQRT_2
            * self.config.prediction.amplification(level);
        let scale = 3.0 * self.scale(level) / self.spread;
        let field: Vec<f64> = (0..6)
            .map(|e| f64::from(integer_normal(stream.at(e))))
            .collect();
        for (x, d) in points.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
            for (c, d) in d.iter_mut().enumerate() {
                let [a, b, phase] = [field[3 * c], field[3 * c + 1], field[3 * c + 2]];
                *d += size * num::cos(scale * (a * x[0] + b * x[1]) + 3.0 * phase);
            }
        }
    }

    /// Timeline positions before the denoising starts.
    pub fn forward_steps(&self) -> usize {
        match self.config.direction {
            Direction::Generate => 0,
            Direction::ThereAndBack | Direction::Invert => self.steps(),
        }
    }

    /// Index of the level at a position of the timeline.
    pub fn level_index(&self, position: usize) -> usize {
        let forward = self.forward_steps();
        if position <= forward {
            self.steps().min(forward) - position.min(forward)
        } else {
            (position - forward).min(self.steps())
        }
    }
}

/// The exact denoiser and the seeded noise of a range of particles.
pub(super) struct Exact<'a> {
    pub(super) problem: &'a Problem,
    pub(super) particles: Range<usize>,
}

impl Model for Exact<'_> {
    fn denoise(&mut self, points: &[f64], level: f64, out: &mut [f64]) {
        let mut at = self.problem.mixture.level(1.0, level);
        for (x, d) in points.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
            at.denoise(x, d);
        }
        let weight = guidance::weight_at(&self.problem.config, level);
        if let Some(whole) = self.problem.whole.as_ref().filter(|_| weight != 1.0) {
            guidance::towards_class(whole, weight, points, level, out);
        }
        if self.problem.config.model_error > 0.0 {
            self.problem.add_error(points, level, out);
        }
    }

    fn guide(&mut self, moved: Moved<'_>, out: &mut [f64]) -> usize {
        let Problem {
            config,
            mixture,
            levels,
            ..
        } = self.problem;
        if !guidance::minority_acts(config, moved.step, levels.len() - 1) {
            return 0;
        }
        guidance::towards_rare(config, mixture, levels, moved, self.particles.clone(), out);
        2
    }

    fn noise(&mut self, step: usize, out: &mut [f64]) {
        self.problem.noise(step + 1, self.particles.clone(), out);
    }
}

enum Stage {
    Solve,
    Flow,
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
    exact: flow::Reference,
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
            exact: flow::Reference::new(PAIRED.min(n)),
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
            ends: std::mem::take(&mut self.ends).into(),
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
                if self.problem.stochastic() || !self.exact.advance(&self.problem) {
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
                if !self.truth.advance(&self.ends) {
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
