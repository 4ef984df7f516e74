//! The convex last-iterate bound along training: one curve per schedule and base rate.

use super::bound::{Bound, power_norms};
use super::config::Config;
use super::model::{Cell, Curve, Run};
use super::work::stride;
use crate::core::{Job, Result, Step};

/// Rates summed per step of the job.
const RATES: usize = 100_000;

/// Evaluates the bound at the recorded horizons. The base rate only scales its two parts, so one
/// evaluation serves every peak rate of a schedule.
pub(super) struct BoundWork {
    config: Config,
    cells: Vec<Cell>,
    norms: Vec<f64>,
    /// The first cell of the schedule under way, its factors, and the parts found so far.
    next: usize,
    factors: Vec<f64>,
    parts: Vec<(usize, Option<Bound>)>,
}

impl BoundWork {
    pub(super) fn new(config: Config, cells: Vec<Cell>) -> Self {
        let norms = power_norms(config.horizon as usize, config.norm_decay);
        let mut work = Self {
            config,
            cells,
            norms,
            next: 0,
            factors: Vec::new(),
            parts: Vec::new(),
        };
        work.begin();
        work
    }

    fn begin(&mut self) {
        self.parts.clear();
        self.factors = self.cells.get(self.next).map_or_else(Vec::new, |cell| {
            let s = &cell.schedule;
            (0..s.updates).map(|i| s.rate(i) / s.peak).collect()
        });
    }

    /// Gives the finished parts to every peak rate of the schedule.
    fn finish_shape(&mut self) {
        let shape = self.cells[self.next].shape();
        while let Some(cell) = self.cells.get_mut(self.next).filter(|c| c.shape() == shape) {
            let base = cell.schedule.peak;
            let mut curve = Curve {
                seed: self.config.seed,
                accuracy: f64::NAN,
                final_loss: f64::NAN,
                ..Curve::default()
            };
            for (t, bound) in &self.parts {
                if let Some(bound) = bound {
                    curve.loss.push([*t as f64, bound.at(base)]);
                    curve.travel.push([*t as f64, bound.distance / base]);
                    curve.final_loss = bound.at(base);
                }
            }
            cell.curves.push(curve);
            self.next += 1;
        }
        self.begin();
    }
}

impl Job for BoundWork {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        if self.next == self.cells.len() {
            let cells = std::mem::take(&mut self.cells);
            return Ok(Step::Done(Run::new(self.config.clone(), cells, None)));
        }
        let (updates, every) = (self.factors.len(), stride(self.config.horizon) as usize);
        let mut summed = 0;
        while summed < RATES {
            let last = self.parts.last().map_or(0, |p| p.0);
            if last == updates {
                self.finish_shape();
                return Ok(Step::Working);
            }
            let t = (last + every).min(updates);
            // A prefix without any rate above 0 has no bound yet.
            let moved = self.factors[..t].iter().any(|f| *f > 0.0);
            let bound = moved
                .then(|| Bound::new(&self.factors[..t], &self.norms[..t], 1.0))
                .transpose()?;
            self.parts.push((t, bound));
            summed += t;
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        self.next as f64 / self.cells.len().max(1) as f64
    }
}
