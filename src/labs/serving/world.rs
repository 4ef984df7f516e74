//! One run of the lab: of the engine, or of an experiment beside it.

use super::aside::{self, AsideRun};
use super::config::Config;
use super::model::Run;
use super::work::Work;
use crate::core::{Job, Result, Step};
use crate::labs::Library;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub enum WorldRun {
    /// Requests on servers.
    Server(Run),
    /// An experiment beside the engine.
    Aside(AsideRun),
}

/// Starts the computation of a checked config.
pub(super) fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = WorldRun>>> {
    if let Some(job) = aside::start(config) {
        return Ok(Box::new(Wrapped(job, WorldRun::Aside)));
    }
    let work: Box<dyn Job<Out = Run>> = Box::new(Work::new(config, data)?);
    Ok(Box::new(Wrapped(work, WorldRun::Server)))
}

/// A job whose result becomes a [`WorldRun`].
struct Wrapped<T>(Box<dyn Job<Out = T>>, fn(T) -> WorldRun);

impl<T> Job for Wrapped<T> {
    type Out = WorldRun;

    fn step(&mut self) -> Result<Step<WorldRun>> {
        Ok(match self.0.step()? {
            Step::Working => Step::Working,
            Step::Done(run) => Step::Done((self.1)(run)),
        })
    }

    fn progress(&self) -> f64 {
        self.0.progress()
    }

    fn preview(&mut self) -> Option<WorldRun> {
        self.0.preview().map(self.1)
    }
}

either_run!(WorldRun: Server, Aside);
