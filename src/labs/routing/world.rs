//! One run of the lab, whichever world it plays in.

use super::config::{Config, World};
use super::layers::{self, LayerRun};
use super::model::{self, BatchRun};
use super::queries::{self, QueryRun};
use super::studies::{self, StudyRun};
use super::training::{self, TrainRun};
use crate::core::{Job, Result, Step};
use crate::labs::Library;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Run {
    /// Batches of tokens under a fixed router.
    Batches(BatchRun),
    /// A mixture of experts in training.
    Training(TrainRun),
    /// Layers of a network.
    Layers(LayerRun),
    /// Queries to models.
    Queries(QueryRun),
    /// A small experiment.
    Studies(StudyRun),
}

impl Run {
    /// The run of batches, if it is one.
    pub fn batches(&self) -> Option<&BatchRun> {
        match self {
            Self::Batches(run) => Some(run),
            _ => None,
        }
    }

    /// The training run, if it is one.
    pub fn training(&self) -> Option<&TrainRun> {
        match self {
            Self::Training(run) => Some(run),
            _ => None,
        }
    }

    /// The run on queries, if it is one.
    pub fn queries(&self) -> Option<&QueryRun> {
        match self {
            Self::Queries(run) => Some(run),
            _ => None,
        }
    }

    /// The small experiment, if it is one.
    pub fn study(&self) -> Option<&StudyRun> {
        match self {
            Self::Studies(run) => Some(run),
            _ => None,
        }
    }

    /// The run on layers, if it is one.
    pub fn layers(&self) -> Option<&LayerRun> {
        match self {
            Self::Layers(run) => Some(run),
            _ => None,
        }
    }
}

/// Starts the computation of a checked config.
pub(super) fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
    Ok(match config.world {
        World::Batches => Box::new(Wrapped(model::Work::begin(config, data)?, Run::Batches)),
        World::Training => Box::new(Wrapped(training::Work::new(config), Run::Training)),
        World::Layers => Box::new(Wrapped(layers::Work::new(config), Run::Layers)),
        World::Queries => Box::new(Wrapped(queries::Work::new(config)?, Run::Queries)),
        World::Studies => Box::new(Wrapped(studies::Work::new(config), Run::Studies)),
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

    fn preview(&mut self) -> Option<Run> {
        self.0.preview().map(self.1)
    }
}

either_run!(Run: Batches, Training, Layers, Queries, Studies);
