//! Small experiments over seeds, one seed a step.

use super::config::Config;
use super::model::{Run, Work};
use crate::core::{ClaimResult, Job, Result, Step, Verdict, finish, stats};
use crate::labs::Effort;

/// What is measured in one seed's world: one number per seed, and one for the side condition.
pub(super) type Measure = fn(u64, Effort) -> Result<[f64; 2]>;

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

/// An experiment as a job.
pub(super) struct Experiment {
    quantity: &'static str,
    unit: &'static str,
    measure: Measure,
    judge: Judge,
    effort: Effort,
    seeds: Vec<u64>,
    values: Vec<[f64; 2]>,
}

impl Experiment {
    pub(super) fn start(
        quantity: &'static str,
        unit: &'static str,
        effort: Effort,
        measure: Measure,
        judge: Judge,
    ) -> Box<dyn Job<Out = ClaimResult>> {
        let count = match effort {
            Effort::Quick => 8,
            Effort::Full => 24,
        };
        Box::new(Self {
            quantity,
            unit,
            measure,
            judge,
            effort,
            seeds: (1..=count).collect(),
            values: Vec::new(),
        })
    }
}

impl Job for Experiment {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        if let Some(&seed) = self.seeds.get(self.values.len()) {
            self.values.push((self.measure)(seed, self.effort)?);
            return Ok(Step::Working);
        }
        let main: Vec<f64> = self.values.iter().map(|v| v[0]).collect();
        let (mean, interval) = stats::mean_interval(&main);
        let measured = Measured {
            mean,
            interval,
            side: self.values.iter().map(|v| v[1]).collect(),
        };
        let (verdict, why) = (self.judge)(&measured);
        Ok(Step::Done(ClaimResult {
            quantity: self.quantity.to_owned(),
            unit: self.unit.to_owned(),
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

/// Runs a config to its end.
pub(super) fn run(config: &Config) -> Result<Run> {
    config.check()?;
    finish(&mut Work::new(config))
}

/// A metric of a run by its id.
pub(super) fn metric(run: &Run, id: &str) -> f64 {
    use crate::labs::LabRun as _;
    run.metrics()
        .iter()
        .find(|m| m.id == id)
        .map_or(f64::NAN, |m| m.value)
}
