//! A study in short steps.

use super::super::config::{Config, Study};
use super::glider::Glider;
use super::heads::Heads;
use super::lookup::Lookup;
use super::manifold::Manifold;
use super::minions::Minions;
use super::pipeline::Pipeline;
use super::rewire::Rewire;
use super::run::{Findings, StudyRun};
use crate::core::{Job, Result, Step};

/// A study that is done slice by slice.
pub(super) trait Slices {
    /// Does the next slice; `true` when all are done.
    fn slice(&mut self) -> bool;

    /// Share done, 0 to 1.
    fn progress(&self) -> f64;

    /// What was found, once all slices are done.
    fn findings(&mut self) -> Findings;
}

/// The computation in steps.
pub(in crate::labs::routing) struct Work {
    config: Config,
    study: Box<dyn Slices>,
}

impl Work {
    /// Starts the run of a checked config.
    pub(in crate::labs::routing) fn new(config: &Config) -> Self {
        Self {
            study: match config.study {
                Study::Glider => Box::new(Glider::new(config)),
                Study::Heads => Box::new(Heads::new(config)),
                Study::Rewire => Box::new(Rewire::new(config)),
                Study::Manifold => Box::new(Manifold::new(config)),
                Study::Lookup => Box::new(Lookup::new(config)),
                Study::Pipeline => Box::new(Pipeline::new(config)),
                Study::Minions => Box::new(Minions::new(config)),
            },
            config: config.clone(),
        }
    }
}

impl Job for Work {
    type Out = StudyRun;

    fn step(&mut self) -> Result<Step<StudyRun>> {
        if !self.study.slice() {
            return Ok(Step::Working);
        }
        let findings = self.study.findings();
        Ok(Step::Done(StudyRun::new(&self.config, findings)))
    }

    fn progress(&self) -> f64 {
        self.study.progress()
    }
}
