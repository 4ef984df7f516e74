//! Small experiments over seeds, in the short steps of the runs themselves.

use super::config::Config;
use super::layers::{self, LayerRun};
use super::model::{self, BatchRun};
use super::queries::{self, QueryRun};
use super::studies::{self, StudyRun};
use super::training::{self, TrainRun};
use crate::core::{ClaimResult, Job, Result, Step, Verdict, stats};
use crate::labs::Effort;

/// The setups of one seed's world, run one after the other.
pub(super) type Setups = fn(u64, Effort) -> Vec<Config>;

/// A setup on queries for a seed: enough of them for a glance, or for a small interval.
pub(super) fn on_queries(config: Config, seed: u64, effort: Effort) -> Config {
    let queries = if effort == Effort::Quick { 600 } else { 2000 };
    Config {
        seed,
        queries,
        ..config
    }
}

/// What their runs say: the main number, and one for the side condition.
pub(super) type Measure<R> = fn(&[R]) -> [f64; 2];

/// A run that an experiment can be made of.
pub(super) trait Ran: Sized + 'static {
    /// Starts the run of a checked config.
    ///
    /// # Errors
    /// Why it cannot start.
    fn begin(config: &Config) -> Result<Box<dyn Job<Out = Self>>>;
}

impl Ran for BatchRun {
    fn begin(config: &Config) -> Result<Box<dyn Job<Out = Self>>> {
        Ok(Box::new(model::Work::batches_only(config)))
    }
}

impl Ran for TrainRun {
    fn begin(config: &Config) -> Result<Box<dyn Job<Out = Self>>> {
        Ok(Box::new(training::Work::new(config)))
    }
}

/// Turns the measured numbers into a verdict and its reason.
pub(super) type Judge = fn(&Measured) -> (Verdict, String);

/// Numbers of all seeds.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// Mean of the main number.
    pub(super) mean: f64,
    /// Its 95 % interval.
    pub(super) interval: [f64; 2],
    /// The side condition, seed by seed.
    pub(super) side: Vec<f64>,
}

impl Measured {
    /// 95 % interval of the mean of the side condition.
    pub(super) fn side_interval(&self) -> [f64; 2] {
        stats::mean_interval(&self.side).1
    }

    /// Mean of the side condition.
    pub(super) fn side_mean(&self) -> f64 {
        stats::mean(&self.side)
    }
}

impl Ran for LayerRun {
    fn begin(config: &Config) -> Result<Box<dyn Job<Out = Self>>> {
        Ok(Box::new(layers::Work::new(config)))
    }
}

impl Ran for QueryRun {
    fn begin(config: &Config) -> Result<Box<dyn Job<Out = Self>>> {
        Ok(Box::new(queries::Work::new(config)?))
    }
}

impl Ran for StudyRun {
    fn begin(config: &Config) -> Result<Box<dyn Job<Out = Self>>> {
        Ok(Box::new(studies::Work::new(config)))
    }
}

/// What an experiment does with each seed and with all of them.
pub(super) struct Plan<R> {
    quantity: &'static str,
    unit: &'static str,
    setups: Setups,
    measure: Measure<R>,
    judge: Judge,
}

impl<R: Ran> Plan<R> {
    /// The setups of a seed, what their runs say, and what follows from all seeds.
    pub(super) fn new(setups: Setups, measure: Measure<R>, judge: Judge) -> Self {
        Self {
            quantity: "",
            unit: "",
            setups,
            measure,
            judge,
        }
    }

    /// Names the main number and its unit.
    pub(super) fn of(self, quantity: &'static str, unit: &'static str) -> Self {
        Self {
            quantity,
            unit,
            ..self
        }
    }

    /// The experiment over seeds as a job.
    pub(super) fn start(self, effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
        let count = match effort {
            Effort::Quick => 8,
            Effort::Full => 24,
        };
        Box::new(Experiment {
            plan: self,
            effort,
            seeds: (1..=count).collect(),
            values: Vec::new(),
            waiting: Vec::new(),
            work: None,
            runs: Vec::new(),
        })
    }
}

/// An experiment under way.
struct Experiment<R: Ran> {
    plan: Plan<R>,
    effort: Effort,
    seeds: Vec<u64>,
    values: Vec<[f64; 2]>,
    /// Setups of the current seed that have not run yet, last one first.
    waiting: Vec<Config>,
    work: Option<Box<dyn Job<Out = R>>>,
    runs: Vec<R>,
}

impl<R: Ran> Job for Experiment<R> {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        if let Some(work) = &mut self.work {
            if let Step::Done(run) = work.step()? {
                self.runs.push(run);
                self.work = None;
                if self.waiting.is_empty() {
                    self.values.push((self.plan.measure)(&self.runs));
                    self.runs.clear();
                }
            }
            return Ok(Step::Working);
        }
        if self.waiting.is_empty()
            && let Some(&seed) = self.seeds.get(self.values.len())
        {
            self.waiting = (self.plan.setups)(seed, self.effort);
            self.waiting.reverse();
        }
        if let Some(config) = self.waiting.pop() {
            config.check()?;
            self.work = Some(R::begin(&config)?);
            return Ok(Step::Working);
        }
        let main: Vec<f64> = self.values.iter().map(|v| v[0]).collect();
        let (mean, interval) = stats::mean_interval(&main);
        let measured = Measured {
            mean,
            interval,
            side: self.values.iter().map(|v| v[1]).collect(),
        };
        let (verdict, why) = (self.plan.judge)(&measured);
        Ok(Step::Done(ClaimResult {
            quantity: self.plan.quantity.to_owned(),
            unit: self.plan.unit.to_owned(),
            measured: mean,
            interval,
            seeds: self.seeds.clone(),
            verdict,
            why,
        }))
    }

    fn progress(&self) -> f64 {
        self.values.len() as f64 / self.seeds.len() as f64
    }
}

/// A metric of one of the runs by its id; NaN when there is none.
pub(super) fn metric(runs: &[BatchRun], index: usize, id: &str) -> f64 {
    use crate::labs::LabRun as _;
    let metrics = runs.get(index).map(BatchRun::metrics).unwrap_or_default();
    metrics
        .iter()
        .find(|m| m.id == id)
        .map_or(f64::NAN, |m| m.value)
}

/// Mean score of the chosen experts over the tokens of a run.
pub(super) fn mean_gate(run: &BatchRun) -> f64 {
    let pairs = run.batches().iter().flat_map(|b| b.pairs.iter());
    stats::mean(&pairs.map(|p| p.gate).collect::<Vec<_>>())
}

/// Mean logit of every token's first expert.
pub(super) fn mean_logit(run: &BatchRun) -> f64 {
    let mut all = Vec::new();
    for (b, batch) in run.batches().iter().enumerate() {
        for t in 0..batch.clusters.len() {
            if let (Some((z, _)), Some(first)) = (run.gated(b, t), batch.of_token(t).first()) {
                all.push(z[usize::from(first.expert)]);
            }
        }
    }
    stats::mean(&all)
}

/// Sum of the gates of every token.
pub(super) fn token_gates(run: &BatchRun) -> Vec<f64> {
    let of = |b: &super::Batch| {
        (0..b.clusters.len())
            .map(|t| b.of_token(t).iter().map(|p| p.gate).sum())
            .collect::<Vec<f64>>()
    };
    run.batches().iter().flat_map(of).collect()
}
