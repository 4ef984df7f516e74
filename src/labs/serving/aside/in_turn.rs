//! Setups of an experiment run one after the other on the same requests, in short steps.

use super::super::config::Config;
use super::{AsideRun, Findings};
use crate::core::{Job, Result, Step};

/// A simulation that is worked off in slices.
pub(super) trait Slices: Sized {
    /// What is run.
    type Setup;
    /// What comes, whoever serves it.
    type World;

    /// Before the first event.
    fn begin(setup: &Self::Setup, world: &Self::World) -> Self;

    /// Works off some events; whether none is left.
    fn advance(&mut self, world: &Self::World, events: usize) -> bool;
}

/// What all setups and their finished simulations tell.
type Report<S> = fn(&Config, &<S as Slices>::World, &[(&<S as Slices>::Setup, &S)]) -> Findings;

/// Events of a slice.
const SLICE: usize = 200;

/// The experiment in steps.
pub(super) struct InTurn<S: Slices> {
    config: Config,
    world: S::World,
    setups: Vec<S::Setup>,
    report: Report<S>,
    running: Option<S>,
    done: Vec<S>,
}

impl<S: Slices> InTurn<S> {
    /// Before the first event of the first setup.
    pub(super) fn new(
        config: &Config,
        world: S::World,
        setups: Vec<S::Setup>,
        report: Report<S>,
    ) -> Self {
        Self {
            config: config.clone(),
            world,
            setups,
            report,
            running: None,
            done: Vec::new(),
        }
    }
}

impl<S: Slices> Job for InTurn<S> {
    type Out = AsideRun;

    fn step(&mut self) -> Result<Step<AsideRun>> {
        let Some(setup) = self.setups.get(self.done.len()) else {
            let all: Vec<_> = self.setups.iter().zip(&self.done).collect();
            let findings = (self.report)(&self.config, &self.world, &all);
            return Ok(Step::Done(AsideRun::new(&self.config, findings)));
        };
        let begin = || S::begin(setup, &self.world);
        let mut sim = self.running.take().unwrap_or_else(begin);
        if sim.advance(&self.world, SLICE) {
            self.done.push(sim);
        } else {
            self.running = Some(sim);
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.done.len() as f64 / self.setups.len() as f64
    }
}
