//! Computation of the lab.

use crate::core::{Chart, EntityId, Job, Metric, Result, Step, Story, Table, Timeline};
use crate::labs::LabRun;

/// Everything computed.
#[derive(Debug, Clone)]
pub struct Run {
    timeline: Timeline,
}

/// The computation in steps.
pub(super) struct Work;

impl Job for Work {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        Ok(Step::Done(Run {
            timeline: Timeline::counted(1, "step", "1 step"),
        }))
    }

    fn progress(&self) -> f64 {
        0.0
    }
}

impl LabRun for Run {
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &[]
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        Vec::new()
    }

    fn story(&self, _entity: EntityId, _at: f64) -> Option<Story> {
        None
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        Vec::new()
    }

    fn summary(&self) -> String {
        String::new()
    }
}
