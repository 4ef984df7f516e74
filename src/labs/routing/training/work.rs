//! Training as a job: the floor first, then updates with snapshots between them.

use super::super::config::Config;
use super::super::multiples::{Along, Counted, LoadPanels, PanelsWork};
use super::super::rules::load::{Floor, FloorWork};
use super::measure::Snapshot;
use super::run::TrainRun;
use super::trainer::Trainer;
use crate::core::{Job, Result, Step};
use std::sync::Arc;

/// Snapshots of a run, beside the first.
const SNAPSHOTS: u64 = 60;
/// Multiplications that make up a step of the job, roughly.
const SLICE: usize = 1_500_000;
/// New snapshots between two previews.
const PREVIEW: usize = 6;

/// The computation in steps.
pub(in crate::labs::routing) struct Work {
    config: Config,
    chance: FloorWork,
    floor: Option<Floor>,
    trainer: Trainer,
    snapshots: Vec<Snapshot>,
    shown: usize,
    /// Small multiples of the measurements, when all are taken.
    panels: Option<PanelsWork>,
}

impl Work {
    pub(in crate::labs::routing) fn new(config: &Config) -> Self {
        Self {
            chance: FloorWork::new(
                config.train_batch as usize,
                config.experts as usize,
                config.k as usize,
            ),
            floor: None,
            trainer: Trainer::new(config),
            snapshots: Vec::new(),
            shown: 0,
            panels: None,
            config: config.clone(),
        }
    }

    /// Updates after which the next snapshot is due.
    fn due(&self) -> u64 {
        self.config.train_steps * self.snapshots.len() as u64 / SNAPSHOTS
    }

    fn run(&self, multiples: Option<LoadPanels>) -> Option<TrainRun> {
        let floor = self.floor.clone()?;
        let classes = self.trainer.classes();
        let run = TrainRun::new(&self.config, floor, classes, &self.snapshots);
        Some(run.with_multiples(multiples))
    }

    /// The loads of every measurement, for their panels.
    fn panels(&self) -> PanelsWork {
        let counted = self.snapshots.iter().map(|s| Counted {
            number: s.step as usize,
            loads: Arc::clone(&s.loads),
            random: Some([s.top1.len(), self.config.k as usize]),
            shape: None,
        });
        PanelsWork::new(Along::Updates, counted.collect())
    }
}

impl Job for Work {
    type Out = TrainRun;

    fn step(&mut self) -> Result<Step<TrainRun>> {
        if self.floor.is_none() {
            self.floor = self.chance.step();
            return Ok(Step::Working);
        }
        let steps = self.config.train_steps;
        // Fewer updates than snapshots: one for every update.
        while u64::from(self.trainer.step()) >= self.due()
            && self.snapshots.len() as u64 <= SNAPSHOTS
        {
            let taken = self.snapshots.last().map(|s| s.step);
            if taken == Some(self.trainer.step()) {
                let again = self.snapshots.last().cloned();
                self.snapshots.extend(again);
                continue;
            }
            let snapshot = self.trainer.snapshot();
            self.snapshots.push(snapshot);
            if u64::from(self.trainer.step()) < steps {
                return Ok(Step::Working);
            }
        }
        if u64::from(self.trainer.step()) == steps {
            self.snapshots.dedup_by_key(|s| s.step);
            let mut panels = self.panels.take().unwrap_or_else(|| self.panels());
            let multiples = panels.step();
            if multiples.is_none() {
                self.panels = Some(panels);
                return Ok(Step::Working);
            }
            return Ok(self.run(multiples).map_or(Step::Working, Step::Done));
        }
        let c = &self.config;
        let per_update = (c.train_batch * (c.k + 4) * 1500) as usize;
        for _ in 0..(SLICE / per_update).max(1) {
            if u64::from(self.trainer.step()) < self.due().min(steps) {
                self.trainer.update()?;
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        f64::from(self.trainer.step()) / self.config.train_steps as f64
    }

    fn preview(&mut self) -> Option<TrainRun> {
        if self.snapshots.len() < self.shown + PREVIEW {
            return None;
        }
        self.shown = self.snapshots.len();
        self.run(None)
    }
}
