//! The computation in small steps.

use super::config::{Card, Config, ModelSize, Problem};
use super::contest::Contest;
use super::law::{Law, LawChoice};
use super::laws::Parts;
use super::loss_pairs::Pairing;
use super::model::{Cell, Curve, Run, Trace};
use super::norms::Watch;
use super::optimal::Prepared;
use super::quadratic;
use super::schedule::Factors;
use super::steer::{LeagueWork, SteeredWork};
use super::theory::BoundWork;
use super::training::{Batches, Trainer};
use crate::core::digits::Samples;
use crate::core::mlp::{Evaluation, Optimizer};
use crate::core::{Error, Job, Recorder, Recording, Result, Simulation as _, Step};
use std::sync::Arc;

/// Points recorded per curve.
const POINTS: u64 = 200;
/// Neighbouring rate changes merged in drawn predictions (error below 7e-5).
const MERGE: usize = 64;
/// Mode updates per step of the job.
const MODE_UPDATES: u64 = 200_000;
/// Network updates per step of the job.
const NET_UPDATES: usize = 24;
/// A quadratic's loss this many times its start counts as diverged.
const BLOWN_UP: f64 = 1e6;

/// The law of a config's choice for its model size.
pub(super) fn law_of(config: &Config) -> Law {
    chosen_law(config, config.law)
}

fn chosen_law(config: &Config, choice: LawChoice) -> Law {
    let size = ModelSize::ALL.iter().position(|s| *s == config.model_size);
    choice.of_model(size.unwrap_or(0))
}

/// The updates after which a prediction is drawn: every so many, and the last.
pub(super) fn recorded(updates: u64) -> Vec<u64> {
    let every = stride(updates);
    let mut out: Vec<u64> = (1..=updates / every).map(|k| k * every).collect();
    if out.last() != Some(&updates) {
        out.push(updates);
    }
    out
}

/// Updates between recorded points.
pub(super) fn stride(updates: u64) -> u64 {
    updates.div_ceil(POINTS).max(1)
}

/// The quadratic of a config.
pub(super) fn quadratic_of(config: &Config) -> quadratic::Problem {
    quadratic::Problem::new(
        config.dims as usize,
        config.curvature,
        config.start_decay,
        config.noise,
    )
}

/// All cells of a config, still without curves: the chosen shape first, rising peak rates.
pub(super) fn cells_of(config: &Config) -> Vec<Cell> {
    let grid = config.grid as i64;
    let mut cells = Vec::new();
    for shape in config.shapes() {
        for offset in -grid..=grid {
            cells.push(Cell {
                schedule: config.schedule(shape, config.peak_at(offset)),
                offset,
                curves: Vec::new(),
            });
        }
    }
    cells
}

/// Checks a config and starts its job.
pub(super) fn start(config: &Config) -> Result<Box<dyn Job<Out = Run>>> {
    config.check()?;
    if config.problem == Problem::League {
        return Ok(Box::new(LeagueWork::new(config)));
    }
    if config.problem == Problem::Denoiser && config.contest {
        return Ok(Box::new(Contest::new(config)?));
    }
    if super::steer::steers(config) && !config.shape.is_computed() {
        return Ok(Box::new(SteeredWork::new(config)?));
    }
    if config.shape.is_computed() {
        return Ok(Box::new(Prepared::new(config)?));
    }
    start_with(config, None)
}

/// Starts the job of a checked config whose chosen schedule has these factors, where it needs
/// some.
pub(super) fn start_with(
    config: &Config,
    factors: Option<&Factors>,
) -> Result<Box<dyn Job<Out = Run>>> {
    let mut cells = cells_of(config);
    if let Some(factors) = factors {
        for cell in cells.iter_mut().filter(|c| c.shape() == config.shape) {
            cell.schedule.factors = Some(factors.clone());
        }
    }
    Ok(match config.problem {
        Problem::Bound => Box::new(BoundWork::new(config.clone(), cells)),
        Problem::Log => {
            return Err(Error::Unsupported(
                "a run of your own without its log".to_owned(),
            ));
        }
        Problem::Law => Box::new(LawWork {
            config: config.clone(),
            cells,
            next: 0,
            pairing: None,
        }),
        Problem::Quadratic => Box::new(QuadraticWork::new(config.clone(), cells)?),
        Problem::Digits => Box::new(DigitsWork::new(config.clone(), cells)?),
        _ => Box::new(SteeredWork::of_cells(config, cells)),
    })
}

/// Predicts one cell per step.
struct LawWork {
    config: Config,
    cells: Vec<Cell>,
    next: usize,
    pairing: Option<Pairing>,
}

impl Job for LawWork {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        let Some(cell) = self.cells.get_mut(self.next) else {
            let cells = std::mem::take(&mut self.cells);
            let pairing = self.pairing.take();
            let run = Run::new(self.config.clone(), cells, None);
            return Ok(Step::Done(run.paired(pairing)));
        };
        let rates = cell.schedule.rates()?;
        let done = recorded(rates.len() as u64);
        let steps: Vec<usize> = done.iter().map(|d| *d as usize - 1).collect();
        let points = |values: &mut dyn Iterator<Item = f64>| -> Vec<[f64; 2]> {
            done.iter()
                .zip(values)
                .map(|(d, v)| [*d as f64, v])
                .collect()
        };
        let parts = law_of(&self.config).parts(&rates, &steps, MERGE);
        let mut curve = Curve {
            seed: self.config.seed,
            accuracy: f64::NAN,
            loss: points(&mut parts.iter().map(Parts::loss)),
            travel: points(&mut parts.iter().map(|p| p.power)),
            final_loss: parts.last().map_or(f64::NAN, Parts::loss),
            ..Curve::default()
        };
        // The other laws on the schedule that was chosen.
        if cell.offset == 0 && cell.shape() == self.config.shape {
            for choice in LawChoice::ALL.into_iter().filter(|c| *c != self.config.law) {
                let other = chosen_law(&self.config, choice).predict(&rates, &steps, MERGE);
                curve.traces.push(Trace {
                    name: choice.name(),
                    points: points(&mut other.into_iter()),
                });
            }
            if self.config.card == Card::LossToLoss {
                let sizes = [self.config.model_size, self.config.other_size]
                    .map(|size| ModelSize::ALL.iter().position(|s| *s == size).unwrap_or(0));
                // The warmup is no part of the curve that is read off.
                let from = steps.partition_point(|s| *s < cell.schedule.warmup);
                self.pairing = Pairing::predicted(self.config.law, sizes, &rates, &steps[from..]);
            }
        }
        cell.curves.push(curve);
        self.next += 1;
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.next as f64 / self.cells.len().max(1) as f64
    }
}

/// Runs the exact recursion cell by cell.
struct QuadraticWork {
    config: Config,
    problem: quadratic::Problem,
    cells: Vec<Cell>,
    next: usize,
    state: quadratic::Sgd,
    curve: Curve,
    limit: f64,
}

impl QuadraticWork {
    fn new(config: Config, cells: Vec<Cell>) -> Result<Self> {
        let problem = quadratic_of(&config);
        let state = begin(&problem, &cells[0])?;
        let limit = BLOWN_UP * state.loss();
        let mut work = Self {
            curve: Curve::default(),
            config,
            problem,
            cells,
            next: 0,
            state,
            limit,
        };
        work.observe();
        Ok(work)
    }

    fn observe(&mut self) {
        let done = self.state.steps() as f64;
        self.curve.loss.push([done, self.state.loss()]);
        self.curve
            .gradient
            .push([done, self.state.gradient_square().sqrt()]);
    }

    fn finish_cell(&mut self, diverged: Option<(u64, f64)>) -> Result<()> {
        let mut curve = std::mem::take(&mut self.curve);
        curve.seed = self.config.seed;
        curve.accuracy = f64::NAN;
        curve.diverged = diverged;
        curve.final_loss = if diverged.is_some() {
            f64::NAN
        } else {
            self.state.loss()
        };
        self.cells[self.next].curves.push(curve);
        self.next += 1;
        if let Some(cell) = self.cells.get(self.next) {
            self.state = begin(&self.problem, cell)?;
            self.observe();
        }
        Ok(())
    }
}

fn begin(problem: &quadratic::Problem, cell: &Cell) -> Result<quadratic::Sgd> {
    Ok(quadratic::Sgd::new(
        problem.clone(),
        cell.schedule.rates()?.into(),
    ))
}

impl Job for QuadraticWork {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if self.next == self.cells.len() {
            let cells = std::mem::take(&mut self.cells);
            return Ok(Step::Done(Run::new(self.config.clone(), cells, None)));
        }
        let every = stride(self.config.horizon);
        for _ in 0..MODE_UPDATES.div_ceil(self.config.dims) {
            if !self.state.advance() {
                self.finish_cell(None)?;
                return Ok(Step::Working);
            }
            let done = self.state.steps();
            if done.is_multiple_of(every) || done == self.config.horizon {
                self.observe();
                let loss = self.state.loss();
                if !loss.is_finite() || loss > self.limit {
                    self.finish_cell(Some((done, loss)))?;
                    return Ok(Step::Working);
                }
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let within = self.state.steps() as f64 / self.config.horizon.max(1) as f64;
        ((self.next as f64 + within) / self.cells.len().max(1) as f64).min(1.0)
    }
}

/// What is recorded of one training run, wherever it is computed.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    curve: Curve,
    /// Sum and number of batch losses since the last recorded point.
    block: (f64, u64),
    /// Updates done, and the norm of the last one's gradient.
    last: (u64, f64),
}

impl Log {
    /// The empty log of a seed's run.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            curve: Curve {
                seed,
                ..Curve::default()
            },
            ..Self::default()
        }
    }

    /// Records update number `done`; nothing more after a loss that is not finite.
    pub(super) fn update(&mut self, done: u64, loss: f64, norm: f64, every: u64) {
        if self.curve.diverged.is_some() {
            return;
        }
        self.last = (done, norm);
        if !loss.is_finite() {
            self.curve.diverged = Some((done, loss));
            return;
        }
        self.block.0 += loss;
        self.block.1 += 1;
        if done.is_multiple_of(every) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.block.1 == 0 {
            return;
        }
        let (done, norm) = (self.last.0 as f64, self.last.1);
        let mean = self.block.0 / self.block.1 as f64;
        self.curve.loss.push([done, mean]);
        self.curve.gradient.push([done, norm]);
        self.block = (0.0, 0);
    }

    /// The curve of a run whose network evaluates to `result` after its last update.
    pub(super) fn finish(mut self, result: Evaluation) -> Curve {
        self.flush();
        let mut curve = self.curve;
        if !result.loss.is_finite() && curve.diverged.is_none() {
            curve.diverged = Some((self.last.0, result.loss));
        }
        let usable = curve.diverged.is_none();
        curve.final_loss = if usable { result.loss } else { f64::NAN };
        curve.accuracy = if usable { result.accuracy() } else { f64::NAN };
        curve
    }
}

/// One lane: a cell's training run of the current seed.
pub(super) struct Lane {
    /// The run.
    pub(super) trainer: Trainer,
    log: Log,
    watch: Option<Watch>,
}

impl Lane {
    /// A run before its first update.
    pub(super) fn new(rule: Optimizer, rates: Arc<[f64]>, batches: Batches) -> Result<Self> {
        Ok(Self {
            trainer: Trainer::new(rule, rates, batches)?,
            log: Log::new(batches.seed),
            watch: None,
        })
    }

    /// The same run, with norms and sharpness recorded.
    pub(super) fn watched(self) -> Self {
        Self {
            watch: Some(Watch::default()),
            ..self
        }
    }

    /// Trains on the batch of one update and records.
    pub(super) fn train(&mut self, batch: &Samples, every: u64) {
        let due = (self.trainer.steps() + 1).is_multiple_of(every);
        if let Some(watch) = self.watch.as_mut().filter(|_| due) {
            watch.before(&self.trainer.net);
        }
        if self.log.curve.diverged.is_some() || !self.trainer.train_on(batch) {
            return;
        }
        let (loss, norm) = (self.trainer.loss(), self.trainer.gradient_norm());
        self.log.update(self.trainer.steps(), loss, norm, every);
        if let Some(watch) = self.watch.as_mut().filter(|_| due && loss.is_finite()) {
            let values = watch.after(&self.trainer.net);
            (self.log.curve).record(self.trainer.steps() as f64, &values);
        }
    }

    /// The finished curve.
    pub(super) fn finish(mut self) -> Curve {
        let result = self.trainer.evaluate();
        self.log.finish(result)
    }
}

/// Trains all cells of a seed side by side on the same batches, seed after seed.
struct DigitsWork {
    config: Config,
    cells: Vec<Cell>,
    seed: u64,
    lanes: Vec<Lane>,
    /// Which update and lane come next, and the batch of that update.
    update: u64,
    lane: usize,
    batch: Samples,
    /// Records the chosen cell with the first seed.
    recorder: Option<Recorder<Trainer>>,
    recording: Option<Recording<Trainer>>,
    chosen: usize,
}

impl DigitsWork {
    fn new(config: Config, cells: Vec<Cell>) -> Result<Self> {
        let mut work = Self {
            chosen: config.grid as usize,
            config,
            cells,
            seed: 0,
            lanes: Vec::new(),
            update: 0,
            lane: 0,
            batch: Samples {
                x: Vec::new(),
                labels: Vec::new(),
            },
            recorder: None,
            recording: None,
        };
        work.begin_seed()?;
        if let Some(lane) = work.lanes.get(work.chosen) {
            let every = work.config.horizon.div_ceil(25);
            work.recorder = Some(Recorder::new(&lane.trainer, every));
        }
        Ok(work)
    }

    fn batches(&self) -> Batches {
        Batches {
            seed: self.config.seed.wrapping_add(self.seed),
            size: self.config.batch as usize,
        }
    }

    fn begin_seed(&mut self) -> Result<()> {
        let batches = self.batches();
        let rule = self.config.optimizer();
        self.lanes = self
            .cells
            .iter()
            .enumerate()
            .map(|(i, cell)| {
                let mut lane = Lane::new(rule, cell.schedule.rates()?.into(), batches)?;
                lane.trainer = (lane.trainer).with_late(self.config.late_decay(&cell.schedule));
                let watched = i == self.chosen && self.seed == 0;
                Ok(if watched { lane.watched() } else { lane })
            })
            .collect::<Result<_>>()?;
        (self.update, self.lane) = (0, 0);
        self.batch = batches.batch(0);
        Ok(())
    }

    /// Trains a few lanes on the current batch; `true` when all updates are done.
    fn train_some(&mut self) -> bool {
        let every = stride(self.config.horizon);
        let end = (self.lane + NET_UPDATES).min(self.lanes.len());
        for (i, lane) in self.lanes[self.lane..end].iter_mut().enumerate() {
            lane.train(&self.batch, every);
            if self.lane + i == self.chosen
                && let Some(recorder) = &mut self.recorder
            {
                recorder.observe(&lane.trainer);
            }
        }
        self.lane = end;
        if end == self.lanes.len() {
            self.lane = 0;
            self.update += 1;
            if self.update == self.config.horizon {
                return true;
            }
            self.batch = self.batches().batch(self.update);
        }
        false
    }
}

impl Job for DigitsWork {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if self.update < self.config.horizon {
            self.train_some();
            return Ok(Step::Working);
        }
        // Evaluation of one lane per step, the last lane first.
        if let Some(lane) = self.lanes.pop() {
            let index = self.lanes.len();
            if index == self.chosen
                && let Some(recorder) = self.recorder.take()
            {
                self.recording = Some(recorder.close(lane.trainer.clone()));
            }
            self.cells[index].curves.push(lane.finish());
            return Ok(Step::Working);
        }
        self.seed += 1;
        if self.seed < self.config.seeds {
            self.begin_seed()?;
            return Ok(Step::Working);
        }
        let cells = std::mem::take(&mut self.cells);
        Ok(Step::Done(Run::new(
            self.config.clone(),
            cells,
            self.recording.take(),
        )))
    }

    fn progress(&self) -> f64 {
        let updates = self.config.horizon.max(1) as f64;
        let within = (self.update as f64 / updates).min(1.0);
        ((self.seed as f64 + within) / self.config.seeds.max(1) as f64).min(1.0)
    }
}
