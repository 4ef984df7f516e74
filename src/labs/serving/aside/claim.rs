//! Claims of experiments: two setups on the same seeds, or one that measures a ratio itself.

use super::super::config::Config;
use super::{AsideRun, start as start_run};
use crate::core::stats::mean_interval;
use crate::core::{ClaimResult, Error, Job, Result, Step, Verdict};
use crate::labs::Effort;
use crate::labs::serving::claims::told;

/// An experiment.
#[derive(Clone)]
pub(in super::super) struct Trial {
    /// What is measured, in words.
    pub(in super::super) quantity: &'static str,
    /// The setups; the seed is put in.
    pub(in super::super) sides: Vec<Config>,
    /// The ratio that the runs of one seed give; above 1 the claim's direction holds.
    pub(in super::super) ratio: fn(&[AsideRun]) -> f64,
    /// The range of the paper's ratio; infinite upwards for "at least".
    pub(in super::super) claimed: [f64; 2],
    /// Where that stands: "in the abstract".
    pub(in super::super) claimed_where: &'static str,
    /// Where it holds and what differs from the paper.
    pub(in super::super) conditions: &'static str,
}

struct Trying {
    trial: Trial,
    seeds: Vec<u64>,
    runs: Vec<AsideRun>,
    ratios: Vec<f64>,
    job: Option<Box<dyn Job<Out = AsideRun>>>,
}

/// Starts an experiment with as many seeds as the effort allows.
pub(in super::super) fn start(trial: Trial, effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let seeds = match effort {
        Effort::Quick => 5,
        Effort::Full => 20,
    };
    Box::new(Trying {
        trial,
        seeds: (1..=seeds).collect(),
        runs: Vec::new(),
        ratios: Vec::new(),
        job: None,
    })
}

impl Trying {
    fn next(&self) -> Result<Box<dyn Job<Out = AsideRun>>> {
        let mut config = self.trial.sides[self.runs.len()].clone();
        config.seed = self.seeds.get(self.ratios.len()).copied().unwrap_or(1);
        config.check()?;
        start_run(&config)
            .ok_or_else(|| Error::Unsupported("the engine in this experiment".to_owned()))
    }

    fn result(&self) -> ClaimResult {
        let (measured, interval) = mean_interval(&self.ratios);
        let [least, most] = self.trial.claimed;
        let verdict = if interval[0] <= 1.0 {
            Verdict::NotReproduced
        } else if interval[0] >= least && interval[1] <= most {
            Verdict::Reproduced
        } else {
            Verdict::Partly
        };
        let found = match verdict {
            Verdict::Reproduced => "The interval lies in the range of the claim",
            Verdict::Partly if interval[1] > most => {
                "The direction holds, the size is above the claim's"
            }
            Verdict::Partly => "The direction holds, the size does not",
            _ => "The interval contains no advantage",
        };
        let range = if most.is_finite() && most > least {
            format!("{least} to {most}")
        } else {
            format!("{least}")
        };
        ClaimResult {
            quantity: self.trial.quantity.to_owned(),
            unit: "×".to_owned(),
            measured,
            interval,
            seeds: self.seeds.clone(),
            verdict,
            why: told(
                found,
                measured,
                interval,
                self.seeds.len(),
                &format!("{range} × {}", self.trial.claimed_where),
                self.trial.conditions,
            ),
        }
    }
}

impl Job for Trying {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let mut job = match self.job.take() {
            Some(job) => job,
            None => self.next()?,
        };
        match job.step()? {
            Step::Working => self.job = Some(job),
            Step::Done(run) => {
                self.runs.push(run);
                if self.runs.len() == self.trial.sides.len() {
                    self.ratios.push((self.trial.ratio)(&self.runs));
                    self.runs.clear();
                }
                if self.ratios.len() == self.seeds.len() {
                    return Ok(Step::Done(self.result()));
                }
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let sides = self.trial.sides.len() as f64;
        (self.ratios.len() as f64 + self.runs.len() as f64 / sides) / self.seeds.len() as f64
    }
}
