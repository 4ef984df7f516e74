//! Runs whose rates come out of the run: rules fed by the loss, the accuracy or the gradients, a
//! search with probes, methods without a schedule. The same job trains problems that exist only
//! here, with rates known beforehand.

mod branches;
mod control;
mod drift;
mod federated;
mod growing;
mod league;
mod relabel;
mod search;
mod sparse;
mod streamed;
mod task;
mod valley;

pub(super) use branches::{COPIES, RAISED, TRACES as BRANCHES};
pub(super) use drift::Drift;
pub(super) use federated::{CLIENTS, TRACES as FEDERATED};
pub(super) use growing::TRACES as GROWING;
pub(super) use league::LeagueWork;
pub(super) use relabel::TRACES as RELABEL;
pub(super) use search::Probe;
pub(super) use sparse::TRACES as SPARSE;
pub(super) use streamed::{
    ABSOLUTE, DENOISER, DOMAINS, LEVELS, LOGISTIC, MASKING, MODULES, ROBUST, floor, overlap_loss,
    scale_of,
};
pub(super) use task::ITERATES;
pub(super) use valley::{STEEP, TRACES as VALLEY};

use super::config::{Config, Problem};
use super::model::{Cell, Curve, Run};
use super::schedule::{Factors, Shape};
use super::work::{self, cells_of, stride};
use crate::core::{Error, Job, Result, Step};
use control::Control;
use search::{Search, Settings};
use task::{Task, task_of};

/// A loss this many times the first one counts as diverged (exact problems).
const BLOWN_UP: f64 = 1e6;

/// Whether a problem is trained here, whatever the schedule.
fn owns(problem: Problem) -> bool {
    streamed::owns(problem)
        || matches!(
            problem,
            Problem::Valley
                | Problem::Drift
                | Problem::Sparse
                | Problem::Federated
                | Problem::Relabel
                | Problem::Growing
                | Problem::Branches
        )
}

/// Whether a config's runs, or its chosen schedule's, are trained here.
pub(super) fn steers(config: &Config) -> bool {
    owns(config.problem) || config.shape.is_guided()
}

/// Whether a guided schedule can run on a config's problem.
pub(super) fn check(config: &Config) -> Result<()> {
    let unfit = |allowed: &str| Err(Error::out_of_range("shape", config.shape.name(), allowed));
    let shape = config.shape;
    if config.problem == Problem::League && shape.is_computed() {
        return unfit("a schedule that is known before the run, on the benchmark");
    }
    if config.problem == Problem::Drift && config.drift_until < config.drift_from {
        return Err(Error::out_of_range(
            "drift_until",
            config.drift_until,
            format!("{} to 1, after the drift starts", config.drift_from),
        ));
    }
    if !shape.is_guided() {
        return Ok(());
    }
    match (shape, config.problem) {
        (_, p) if !p.trains() => {
            unfit("a problem that is trained: digits network, noisy quadratic")
        }
        (Shape::DriftOptimal, Problem::Drift)
        | (Shape::FedHyper, Problem::Federated)
        | (Shape::VolSched, Problem::Digits)
        | (Shape::Plateau, _)
        | (Shape::Hypergradient | Shape::ScheduleFree, Problem::League) => Ok(()),
        (Shape::DriftOptimal, _) => unfit("on the drifting regression only"),
        (Shape::FedHyper, _) => unfit("on the federated digits only"),
        (Shape::VolSched, _) => unfit("on a problem with an accuracy: digits network"),
        (_, Problem::Quadratic | Problem::Digits) => Ok(()),
        (_, p) if streamed::owns(p) => Ok(()),
        _ => unfit("on the digits network, the noisy quadratic or a streamed problem"),
    }
}

/// How a run gets its rates.
enum Pilot {
    Rule(Control),
    Search(Box<Search>),
}

/// One run under way.
pub(super) struct Lane {
    task: Box<dyn Task>,
    pilot: Pilot,
    rates: Vec<f64>,
    curve: Curve,
    /// Loss where the run began.
    first: f64,
    /// Whether its task is ready for the first update.
    ready: bool,
    /// Sums of loss and accuracy, and their number, since the last recorded point and observation.
    block: [f64; 2],
    seen: [f64; 3],
}

impl Lane {
    /// A run before its first update.
    pub(super) fn new(config: &Config, cell: &Cell, seed: u64) -> Result<Self> {
        let watched = seed == config.seed;
        let mut task = task_of(config, cell.shape(), seed, watched)?;
        let pilot = if cell.shape() == Shape::AutoLrs {
            let peak = cell.schedule.peak;
            let settings = Settings {
                range: [config.lowest * peak, peak],
                stage: config.stage,
                probes: config.probes as usize,
                explore: config.explore,
                seed,
            };
            Pilot::Search(Box::new(Search::new(settings, config.horizon)))
        } else {
            Pilot::Rule(Control::of(config, &cell.schedule)?)
        };
        let mut curve = Curve {
            seed,
            ..Curve::default()
        };
        if task.is_exact() {
            curve.loss.push([0.0, task.loss()]);
            curve.gradient.push([0.0, task.gradient()]);
            curve.record(0.0, &task.traces());
        }
        Ok(Self {
            first: task.loss(),
            ready: false,
            task,
            pilot,
            rates: Vec::new(),
            curve,
            block: [0.0; 2],
            seen: [0.0; 3],
        })
    }

    /// One update, of the run or of a probe; `false` when the run is over.
    fn advance(&mut self, config: &Config, warmup: &[f64]) -> bool {
        let done = self.rates.len();
        let rate = match &mut self.pilot {
            Pilot::Search(search) => search.advance(&mut *self.task),
            Pilot::Rule(rule) => {
                let wanted = self.task.wanted();
                let share = warmup.get(done).copied().unwrap_or(1.0);
                let fixed = matches!(rule, Control::Fixed(_));
                let rate = rule.rate(done, wanted) * if fixed { 1.0 } else { share };
                self.task.update(rate);
                Some(rate)
            }
        };
        let Some(rate) = rate else {
            return true;
        };
        self.rates.push(rate);
        self.observe(config);
        self.curve.diverged.is_none() && (self.rates.len() as u64) < config.horizon
    }

    /// One update at a rate known beforehand; nothing more after a loss that is not finite.
    #[cfg(feature = "gpu")]
    pub(super) fn go_on(&mut self, config: &Config) {
        if self.curve.diverged.is_none() {
            self.advance(config, &[]);
        }
    }

    fn observe(&mut self, config: &Config) {
        let (done, horizon) = (self.rates.len() as u64, config.horizon);
        let (loss, exact) = (self.task.loss(), self.task.is_exact());
        if !loss.is_finite() || (exact && loss > BLOWN_UP * self.first) {
            self.curve.diverged = Some((done, loss));
            if exact {
                self.curve.loss.push([done as f64, loss]);
            }
            return;
        }
        if let Pilot::Rule(rule) = &mut self.pilot {
            rule.aligned(self.task.alignment());
            let accuracy = self.task.accuracy();
            let last = if exact { 1.0 } else { self.seen[2] + 1.0 };
            self.seen = if exact {
                [loss, accuracy, last]
            } else {
                [self.seen[0] + loss, self.seen[1] + accuracy, last]
            };
            // Observation k falls on update k T / n, rounded down.
            let looks = |d: u64| d * config.looks / horizon;
            if looks(done) > looks(done - 1) {
                let [sum, right, n] = self.seen;
                rule.look(sum / n, right / n);
                self.seen = [0.0; 3];
            }
        }
        self.block[0] += loss;
        self.block[1] += 1.0;
        if done.is_multiple_of(stride(horizon)) || done == horizon {
            let at = done as f64;
            let shown = if exact {
                loss
            } else {
                self.block[0] / self.block[1]
            };
            self.curve.loss.push([at, shown]);
            self.curve.gradient.push([at, self.task.gradient()]);
            self.curve.record(at, &self.task.traces());
            self.block = [0.0; 2];
        }
    }

    /// The finished curve, the rates used, and the probes.
    pub(super) fn finish(mut self) -> (Curve, Vec<f64>, Vec<Probe>) {
        let [mut loss, mut accuracy] = self.task.finish();
        if !loss.is_finite() && self.curve.diverged.is_none() {
            self.curve.diverged = Some((self.rates.len() as u64, loss));
        }
        if self.curve.diverged.is_some() {
            (loss, accuracy) = (f64::NAN, f64::NAN);
        }
        self.curve.profile = self.task.profile();
        self.curve.final_loss = loss;
        self.curve.accuracy = accuracy;
        let mut probes = Vec::new();
        if let Pilot::Search(search) = self.pilot {
            self.curve.rewound = search.rewound;
            probes = search.finished;
        }
        (self.curve, self.rates, probes)
    }
}

/// The usual schedules that run beside a guided one, where they are asked for.
pub(super) fn rivals_of(config: &Config) -> Option<Config> {
    config.rivals.then(|| Config {
        shape: Shape::RIVALS[0],
        dialect: super::dialects::Dialect::Lab,
        ..config.clone()
    })
}

/// Trains cell after cell and seed after seed, then leaves the rivals to their usual job.
pub(super) struct SteeredWork {
    config: Config,
    cells: Vec<Cell>,
    next: usize,
    lane: Option<Lane>,
    warmup: Vec<f64>,
    probes: Vec<Probe>,
    rivals: Option<Box<dyn Job<Out = Run>>>,
}

impl SteeredWork {
    /// Of a checked config.
    pub(super) fn new(config: &Config) -> Result<Self> {
        let mut cells = cells_of(config);
        let mut rivals = None;
        if !owns(config.problem) {
            cells.retain(|c| c.shape() == config.shape);
            rivals = rivals_of(config)
                .map(|others| work::start(&others))
                .transpose()?;
        }
        Ok(Self {
            rivals,
            ..Self::of_cells(config, cells)
        })
    }

    /// Trains these cells alone.
    pub(super) fn of_cells(config: &Config, cells: Vec<Cell>) -> Self {
        Self {
            config: config.clone(),
            cells,
            next: 0,
            lane: None,
            warmup: Vec::new(),
            probes: Vec::new(),
            rivals: None,
        }
    }

    /// Which cell and seed the next lane is.
    fn place(&self) -> (usize, u64) {
        let seeds = self.config.seeds_run() as usize;
        (self.next / seeds, (self.next % seeds) as u64)
    }

    fn finish_lane(&mut self, lane: Lane) {
        let (at, seed) = self.place();
        let (curve, rates, probes) = lane.finish();
        let cell = &mut self.cells[at];
        cell.curves.push(curve);
        if seed == 0 && cell.shape().is_guided() && cell.shape() != Shape::ScheduleFree {
            // A run that diverged stopped early; the rest of its rates was never used.
            let mut values: Vec<f64> = rates.iter().map(|r| r / cell.schedule.peak).collect();
            values.resize(cell.schedule.updates, 0.0);
            cell.schedule.factors = Some(Factors {
                values: values.into(),
                rule: "what the run itself led to (first seed)".into(),
            });
        }
        if seed == 0 && cell.offset == 0 && cell.shape() == self.config.shape {
            self.probes = probes;
        }
        self.next += 1;
    }
}

impl Job for SteeredWork {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if let Some(mut lane) = self.lane.take() {
            if !lane.ready {
                lane.ready = lane.task.prepare()?;
                self.lane = Some(lane);
                return Ok(Step::Working);
            }
            for _ in 0..lane.task.slice() {
                if !lane.advance(&self.config, &self.warmup) {
                    self.finish_lane(lane);
                    return Ok(Step::Working);
                }
            }
            self.lane = Some(lane);
            return Ok(Step::Working);
        }
        let (at, seed) = self.place();
        if let Some(cell) = self.cells.get(at) {
            let s = &cell.schedule;
            self.warmup = (0..s.warmup).map(|i| s.rate(i) / s.peak).collect();
            let seed = self.config.seed.wrapping_add(seed);
            self.lane = Some(Lane::new(&self.config, cell, seed)?);
            return Ok(Step::Working);
        }
        if let Some(job) = &mut self.rivals {
            let Step::Done(run) = job.step()? else {
                return Ok(Step::Working);
            };
            self.cells.extend(run.cells.iter().cloned());
        }
        let cells = std::mem::take(&mut self.cells);
        let probes = std::mem::take(&mut self.probes);
        Ok(Step::Done(Run::steered(self.config.clone(), cells, probes)))
    }

    fn progress(&self) -> f64 {
        let runs = (self.cells.len() as u64 * self.config.seeds_run()).max(1) as f64;
        let within = self.lane.as_ref().map_or(0.0, |lane| {
            lane.rates.len() as f64 / self.config.horizon.max(1) as f64
        });
        let own = ((self.next as f64 + within) / runs).min(1.0);
        match &self.rivals {
            Some(job) => 0.5 * (own + job.progress()),
            None => own,
        }
    }
}
