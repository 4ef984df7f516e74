//! One run of the lab, whichever world it plays in.

use super::config::{Config, World};
use super::gaussian::{self, FieldRun};
use super::images::{self, ImageRun};
use super::model;
use super::run::PlaneRun;
use super::tokens::{self, TokenRun};
use crate::core::{Job, Result, Step};
use crate::labs::Library;

/// Everything computed. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Run {
    /// Points in the plane.
    Plane(PlaneRun),
    /// Masked tokens.
    Tokens(TokenRun),
    /// Images.
    Images(ImageRun),
    /// Gaussian fields.
    Fields(FieldRun),
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
pub(super) fn start(config: &Config, data: &Library) -> Result<Box<dyn Job<Out = Run>>> {
    Ok(match config.world {
        World::Plane => Box::new(Wrapped(model::Start::new(config, true)?, Run::Plane)),
        World::Fields => Box::new(Wrapped(gaussian::Work::new(config)?, Run::Fields)),
        World::Images => Box::new(Wrapped(images::Work::new(config, data)?, Run::Images)),
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

either_run!(Run: Plane, Tokens, Images, Fields);
