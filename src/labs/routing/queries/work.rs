//! The work on queries in short steps.

use super::super::config::{Config, QueryRule};
use super::agents::AgentsWork;
use super::cascade::CascadeWork;
use super::codes_work::Codes;
use super::glimpse::GlimpseWork;
use super::pool::PoolWork;
use super::run::{Facts, QueryRun};
use crate::core::{Job, Result, Step};

/// Work on one kind of queries.
pub(super) trait Asking {
    /// A slice of work; everything measured when it is done.
    ///
    /// # Errors
    /// What the parts of the world pass on; never for sizes that a config allows.
    fn step(&mut self) -> Result<Option<Facts>>;

    /// Share of the work done.
    fn progress(&self) -> f64;
}

/// The computation in steps.
pub(in crate::labs::routing) struct Work {
    config: Config,
    asking: Box<dyn Asking>,
}

impl Work {
    /// Starts the run of a checked config.
    ///
    /// # Errors
    /// Never for the sizes used here; passed on from the networks.
    pub(in crate::labs::routing) fn new(config: &Config) -> Result<Self> {
        let rule = config.query_rule;
        let asking: Box<dyn Asking> = match rule {
            QueryRule::Glimpse => Box::new(GlimpseWork::new(config)),
            QueryRule::Agents => Box::new(AgentsWork::new(config)),
            _ if rule.is_cascade() => Box::new(CascadeWork::new(config)?),
            _ if rule.is_codes() => Box::new(Codes::new(config)),
            _ => Box::new(PoolWork::new(config)),
        };
        Ok(Self {
            config: config.clone(),
            asking,
        })
    }
}

impl Job for Work {
    type Out = QueryRun;

    fn step(&mut self) -> Result<Step<QueryRun>> {
        Ok(match self.asking.step()? {
            Some(facts) => Step::Done(QueryRun::new(&self.config, facts)),
            None => Step::Working,
        })
    }

    fn progress(&self) -> f64 {
        self.asking.progress()
    }
}

/// All the work at once.
#[cfg(test)]
pub(super) fn facts_of(work: &mut dyn Asking) -> Facts {
    loop {
        if let Some(facts) = work.step().expect("no error") {
            return facts;
        }
    }
}
