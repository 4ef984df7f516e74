//! One run of the lab, whichever world it plays in.

use super::config::{Config, World};
use super::images::{self, ImageRun};
use super::model;
use super::run::PlaneRun;
use super::tokens::{self, TokenRun};
use crate::core::{Chart, EntityId, Job, Metric, Result, Step, Story, Table, Timeline};
use crate::labs::LabRun;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Run {
    /// Points in the plane.
    Plane(PlaneRun),
    /// Masked tokens.
    Tokens(TokenRun),
    /// Images of digits.
    Images(ImageRun),
}

impl Run {
    /// The run of points, if it is one.
    pub fn plane(&self) -> Option<&PlaneRun> {
        match self {
            Self::Plane(run) => Some(run),
            _ => None,
        }
    }

    /// The run of tokens, if it is one.
    pub fn tokens(&self) -> Option<&TokenRun> {
        match self {
            Self::Tokens(run) => Some(run),
            _ => None,
        }
    }
}

/// Starts the computation of a checked config.
pub(super) fn start(config: &Config) -> Result<Box<dyn Job<Out = Run>>> {
    Ok(match config.world {
        World::Plane => Box::new(Wrapped(model::Start::new(config, true)?, Run::Plane)),
        World::Images => Box::new(Wrapped(images::Work::new(config)?, Run::Images)),
        World::Tokens => Box::new(Wrapped(tokens::Work::new(config)?, Run::Tokens)),
    })
}

/// A job whose result becomes a [`Run`].
struct Wrapped<J: Job>(J, fn(J::Out) -> Run);

impl<J: Job> Job for Wrapped<J> {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        Ok(match self.0.step()? {
            Step::Working => Step::Working,
            Step::Done(run) => Step::Done((self.1)(run)),
        })
    }

    fn progress(&self) -> f64 {
        self.0.progress()
    }
}

/// Calls the same method of either run.
macro_rules! either {
    ($self:ident, $run:ident => $body:expr) => {
        match $self {
            Run::Plane($run) => $body,
            Run::Tokens($run) => $body,
            Run::Images($run) => $body,
        }
    };
}

impl LabRun for Run {
    fn metrics(&self) -> Vec<Metric> {
        either!(self, run => run.metrics())
    }

    fn timeline(&self) -> &Timeline {
        either!(self, run => run.timeline())
    }

    fn charts(&self) -> &[Chart] {
        either!(self, run => run.charts())
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        either!(self, run => run.tables())
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        either!(self, run => run.story(entity, at))
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        either!(self, run => run.notable())
    }

    fn summary(&self) -> String {
        either!(self, run => run.summary())
    }
}
