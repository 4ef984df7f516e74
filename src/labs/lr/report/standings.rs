//! Every schedule at its own best peak rate, and what the runs say about the differences.

use crate::core::Arrange as _;
use crate::core::{Table, stats};
use crate::labs::lr::config::Problem;
use crate::labs::lr::model::{Cell, Run};
use crate::labs::lr::schedule::Shape;

/// A schedule at the best of its peak rates.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::labs::lr) struct Standing {
    /// The schedule.
    pub(in crate::labs::lr) shape: Shape,
    /// Its place among the schedules of the run.
    pub(in crate::labs::lr) place: usize,
    /// Its best peak rate; NaN when it diverged at all of them.
    pub(in crate::labs::lr) peak: f64,
    /// Mean final loss there; NaN when it diverged at all rates.
    pub(in crate::labs::lr) loss: f64,
    /// How far that is certain, see [`spread`].
    pub(in crate::labs::lr) interval: Option<[f64; 2]>,
    /// Paired difference to the schedule with the lowest loss, 0 for that one.
    pub(in crate::labs::lr) gap: f64,
    /// How far that is certain.
    pub(in crate::labs::lr) gap_interval: Option<[f64; 2]>,
    /// Runs behind the mean.
    pub(in crate::labs::lr) runs: usize,
    /// Diverged runs over all its peak rates.
    pub(in crate::labs::lr) diverged: usize,
    /// Whether the best rate lies at the end of the grid.
    pub(in crate::labs::lr) at_edge: bool,
}

impl Standing {
    /// Whether the runs tell it from the best one.
    #[cfg(feature = "app")]
    pub(in crate::labs::lr) fn is_separated(&self) -> bool {
        self.gap_interval.is_none_or(|[low, _]| low > 0.0)
    }
}

/// Mean, and how far it is certain: the 95 % interval over the seeds, for a continued log the range
/// over its bootstrap refits. `None` for exact results and for one run.
pub(in crate::labs::lr) fn spread(run: &Run, values: &[f64]) -> (f64, Option<[f64; 2]>) {
    let (mean, interval) = if run.config.problem == Problem::Log {
        let ends = values
            .iter()
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| {
                [low.min(*v), high.max(*v)]
            });
        (stats::mean(values), ends)
    } else {
        stats::mean_interval(values)
    };
    let varies = run.config.sampled() || run.config.problem == Problem::Log;
    let known = varies && values.len() > 1 && interval.iter().all(|v| v.is_finite());
    (mean, known.then_some(interval))
}

/// Mean of a - b over the seeds that both have, and how far it is certain.
pub(in crate::labs::lr) fn gap(run: &Run, a: &Cell, b: &Cell) -> (f64, Option<[f64; 2]>) {
    let pairs: Vec<f64> = a
        .finals()
        .iter()
        .zip(b.finals())
        .map(|(a, b)| a - b)
        .collect();
    spread(run, &pairs)
}

/// All schedules of a run, the lowest final loss first, those that diverged at every rate last.
pub(in crate::labs::lr) fn standings(run: &Run) -> Vec<Standing> {
    let best: Vec<(Shape, Option<&Cell>)> = run
        .config
        .shapes()
        .into_iter()
        .filter(|shape| run.of_shape(*shape).next().is_some())
        .map(|shape| (shape, run.best(shape)))
        .collect();
    let winner = best
        .iter()
        .filter_map(|(_, cell)| *cell)
        .min_by(|a, b| a.final_loss().total_cmp(&b.final_loss()));
    let mut out: Vec<Standing> = best
        .iter()
        .enumerate()
        .map(|(place, (shape, cell))| {
            let (loss, interval) = cell.map_or((f64::NAN, None), |c| spread(run, &c.finals()));
            let (gap, gap_interval) = match (cell, winner) {
                (Some(cell), Some(winner)) if cell.entity() == winner.entity() => (0.0, None),
                (Some(cell), Some(winner)) => gap(run, cell, winner),
                _ => (f64::NAN, None),
            };
            Standing {
                shape: *shape,
                place,
                peak: cell.map_or(f64::NAN, |c| c.schedule.peak),
                loss,
                interval,
                gap,
                gap_interval,
                runs: cell.map_or(0, |c| c.curves.len()),
                diverged: run.of_shape(*shape).map(Cell::diverged).sum(),
                at_edge: cell.is_some_and(|c| run.at_edge(c)),
            }
        })
        .collect();
    // A NaN is last in the total order.
    out.arrange_by(|a, b| a.loss.total_cmp(&b.loss));
    out
}

/// The same as a table.
pub(super) fn table(run: &Run) -> Table {
    let unknown = [f64::NAN; 2];
    Table {
        columns: [
            "schedule",
            "best_peak_rate",
            "final_loss",
            "interval_low",
            "interval_high",
            "runs",
            "diverged_runs",
            "difference_to_best",
            "difference_low",
            "difference_high",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: standings(run)
            .into_iter()
            .map(|s| {
                let [low, high] = s.interval.unwrap_or(unknown);
                let [gap_low, gap_high] = s.gap_interval.unwrap_or(unknown);
                vec![
                    s.shape.index() as f64,
                    s.peak,
                    s.loss,
                    low,
                    high,
                    s.runs as f64,
                    s.diverged as f64,
                    s.gap,
                    gap_low,
                    gap_high,
                ]
            })
            .collect(),
    }
}
