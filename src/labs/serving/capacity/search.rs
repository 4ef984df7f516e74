//! The search for the capacity of one setup with one seed.

use super::bracket::Bracket;
use super::{Bound, Load};
use crate::core::Arrange as _;
use crate::core::{Error, Job, Metric, Result, Step};
use crate::labs::serving::config::Config;
use crate::labs::serving::{Run, Serving};
use crate::labs::{LabRun as _, Library};

/// What to search for.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// All of them must be met.
    pub bounds: Vec<Bound>,
    /// Halvings after the capacity is enclosed between a load and its double.
    pub steps: u32,
}

impl Default for Question {
    /// DistServe's goodput, to 0.3 %.
    fn default() -> Self {
        Self {
            bounds: vec![Bound::at_least("slo_attainment_percent", 90.0)],
            steps: 8,
        }
    }
}

/// One load that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The load.
    pub load: f64,
    /// Whether every bound was met.
    pub met: bool,
    /// All headline numbers.
    pub metrics: Vec<Metric>,
}

/// The result of one search.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Highest load found that meets every bound; 0 if none does.
    pub load: f64,
    /// Whether even the largest load allowed meets them.
    pub at_limit: bool,
    /// Headline numbers there; empty if no load meets the bounds.
    pub metrics: Vec<Metric>,
    /// All loads tried, ascending.
    pub tried: Vec<Tried>,
}

/// The search for the capacity of one setup with one seed.
pub struct Search {
    config: Config,
    data: Library,
    question: Question,
    load: Load,
    bracket: Bracket,
    tried: Vec<Tried>,
    job: Option<Box<dyn Job<Out = Run>>>,
}

impl Search {
    /// Starts at the config's own load.
    ///
    /// # Errors
    /// A config that cannot run or has no load, or no bound.
    pub fn new(config: &Config, data: &Library, question: &Question) -> Result<Self> {
        config.check()?;
        let load = Load::of(config)?;
        if question.bounds.is_empty() {
            return Err(Error::out_of_range("targets", "none", "at least one"));
        }
        Ok(Self {
            config: config.clone(),
            data: data.clone(),
            question: question.clone(),
            load,
            bracket: Bracket::new(load, load.get(config), question.steps),
            tried: Vec::new(),
            job: None,
        })
    }

    /// Takes the numbers of a run and decides what to try next; `true` when the search is over.
    fn absorb(&mut self, metrics: Vec<Metric>) -> bool {
        let met = self.question.bounds.iter().all(|b| b.met(&metrics));
        let load = self.bracket.next();
        self.tried.push(Tried { load, met, metrics });
        self.bracket.absorb(met)
    }

    fn found(&mut self) -> Found {
        let mut tried = std::mem::take(&mut self.tried);
        tried.arrange_by(|a, b| a.load.total_cmp(&b.load));
        let best = (tried.iter().rev()).find(|t| Some(t.load) == self.bracket.best());
        Found {
            load: best.map_or(0.0, |t| t.load),
            at_limit: self.bracket.at_limit(),
            metrics: best.map_or_else(Vec::new, |t| t.metrics.clone()),
            tried,
        }
    }
}

impl Job for Search {
    type Out = Found;

    fn step(&mut self) -> Result<Step<Found>> {
        let job = if let Some(job) = &mut self.job {
            job
        } else {
            let config = self.load.put(&self.config, self.bracket.next());
            self.job.insert(Serving::simulate(&config, &self.data)?)
        };
        if let Step::Done(run) = job.step()? {
            self.job = None;
            if self.absorb(run.metrics()) {
                return Ok(Step::Done(self.found()));
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        // Enclosing takes about three runs.
        let whole = f64::from(self.question.steps + 3);
        let inside = self.job.as_ref().map_or(0.0, |job| job.progress());
        ((self.tried.len() as f64 + inside) / whole).min(0.99)
    }
}
