//! The same network under several optimizers and one schedule, each at its own best peak rate.

use super::config::{Config, Rule};
use super::model::{Cell, Run};
use super::words::rate_words;
use super::work;
use crate::core::Arrange as _;
use crate::core::{Axis, Chart, Job, Result, Series, Step, Table, stats};
use std::sync::Arc;

/// How often the grid of another optimizer may move.
const MOVES: usize = 5;

/// The runs of one optimizer under the chosen schedule.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    /// The update rule.
    pub(super) rule: Rule,
    /// Its runs by rising peak rate.
    pub(super) cells: Arc<[Cell]>,
    /// Whether its best rate lies at the end of the last grid.
    pub(super) at_edge: bool,
    /// Training runs, over all grids and seeds.
    pub(super) tried: usize,
}

impl Contender {
    fn of(run: &Run, tried: usize) -> Self {
        let shape = run.config.shape;
        let at_edge = run.best(shape).is_some_and(|c| run.at_edge(c));
        Self {
            rule: run.config.rule,
            cells: run.of_shape(shape).cloned().collect(),
            at_edge,
            tried,
        }
    }

    /// Its cell with the lowest final loss; `None` when all diverged.
    pub(super) fn best(&self) -> Option<&Cell> {
        self.cells
            .iter()
            .filter(|c| c.final_loss().is_finite())
            .min_by(|a, b| a.final_loss().total_cmp(&b.final_loss()))
    }

    /// "Muon at 0.01".
    pub(super) fn name(&self) -> String {
        self.best().map_or_else(
            || format!("{}, diverged", self.rule.name()),
            |cell| {
                format!(
                    "{} at {}",
                    self.rule.name(),
                    rate_words(cell.schedule.peak, 2)
                )
            },
        )
    }
}

/// The chosen optimizer's run, then the others', whose grids move until the best rate is inside.
pub(super) struct Contest {
    config: Config,
    /// What is left to run, the next one last.
    left: Vec<Rule>,
    job: Box<dyn Job<Out = Run>>,
    own: Option<Run>,
    found: Vec<Contender>,
    moves: usize,
    tried: usize,
}

impl Contest {
    /// Of a checked config.
    pub(super) fn new(config: &Config) -> Result<Self> {
        let alone = Config {
            contest: false,
            ..config.clone()
        };
        let mut left = Rule::ALL.to_vec();
        left.reverse();
        left.retain(|r| *r != config.rule);
        Ok(Self {
            job: work::start(&alone)?,
            config: alone,
            left,
            own: None,
            found: Vec::new(),
            moves: 0,
            tried: 0,
        })
    }

    /// The finished run of the optimizer under way.
    fn take(&mut self, run: Run) -> Result<()> {
        self.tried += run.cells.iter().map(|c| c.curves.len()).sum::<usize>();
        let contender = Contender::of(&run, self.tried);
        if self.own.is_none() {
            self.own = Some(run);
        } else if contender.at_edge && self.moves < MOVES {
            self.moves += 1;
            if let Some(best) = contender.best() {
                let peak = best.schedule.peak;
                self.job = work::start(&Config { peak, ..run.config })?;
                return Ok(());
            }
        }
        self.found.push(contender);
        (self.moves, self.tried) = (0, 0);
        if let Some(rule) = self.left.pop() {
            let (peak, weight_decay) = self.config.problem.suits(rule);
            self.job = work::start(&Config {
                rule,
                peak,
                weight_decay,
                rivals: false,
                ..self.config.clone()
            })?;
        }
        Ok(())
    }
}

impl Job for Contest {
    type Out = Run;

    fn step(&mut self) -> Result<Step<Run>> {
        let Step::Done(run) = self.job.step()? else {
            return Ok(Step::Working);
        };
        self.take(run)?;
        if self.found.len() < Rule::ALL.len() {
            return Ok(Step::Working);
        }
        match self.own.take() {
            Some(run) => Ok(Step::Done(run.beside(std::mem::take(&mut self.found)))),
            None => Ok(Step::Working),
        }
    }

    fn progress(&self) -> f64 {
        (self.found.len() as f64 + self.job.progress()) / Rule::ALL.len() as f64
    }
}

/// Losses of the optimizers along the run, and how far each still is from the exact answer.
pub(super) fn charts(run: &Run) -> Vec<Chart> {
    if run.contenders.is_empty() {
        return Vec::new();
    }
    let lines = |of: &dyn Fn(&Cell) -> Vec<[f64; 2]>| -> Vec<Series> {
        (run.contenders.iter())
            .map(|c| Series::line(c.name(), c.best().map(of).unwrap_or_default()))
            .collect()
    };
    let chart = |id, title, doc, y, series| Chart {
        id,
        title,
        doc,
        x: Axis::linear("optimizer step", ""),
        y,
        series,
        marks: super::report::phase_marks(run),
        on_timeline: true,
    };
    vec![
        chart(
            "optimizers",
            "Optimizers under one schedule",
            "Distance to the exact denoiser, first seed, every optimizer at its own best peak rate.",
            Axis::log("excess error", ""),
            lines(&|cell| {
                let curve = cell.curves.first();
                let trace = curve.and_then(|c| c.traces.first());
                trace.map_or_else(Vec::new, |t| t.points.clone())
            }),
        ),
        chart(
            "optimizer_losses",
            "Training losses of the optimizers",
            "Mean over the seeds of the training batches' loss since the last point, every optimizer at its own best peak rate. What even the exact denoiser misses is part of it.",
            Axis::log("training loss", ""),
            lines(&Cell::mean_curve),
        ),
    ]
}

/// An optimizer at its best, as it stands in the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Its name.
    pub(super) rule: Rule,
    /// Best peak rate, NaN when it diverged at all.
    pub(super) peak: f64,
    /// Mean final loss there and its 95 % interval over the seeds.
    pub(super) loss: f64,
    pub(super) interval: [f64; 2],
    /// Mean paired difference to `AdamW`, and its interval.
    pub(super) gap: f64,
    pub(super) gap_interval: [f64; 2],
    /// Whether the best rate lies at the end of the grid.
    pub(super) at_edge: bool,
    /// Training runs behind the choice.
    pub(super) tried: usize,
}

/// The optimizers, the lowest final loss first.
pub(super) fn rows(run: &Run) -> Vec<Row> {
    let finals = |c: &Contender| c.best().map_or_else(Vec::new, Cell::finals);
    let adam = (run.contenders.iter())
        .find(|c| c.rule == Rule::AdamW)
        .map_or_else(Vec::new, finals);
    let mut out: Vec<Row> = (run.contenders.iter())
        .map(|c| {
            let own = finals(c);
            let (loss, interval) = stats::mean_interval(&own);
            let pairs: Vec<f64> = own.iter().zip(&adam).map(|(a, b)| a - b).collect();
            let (gap, gap_interval) = stats::mean_interval(&pairs);
            Row {
                rule: c.rule,
                peak: c.best().map_or(f64::NAN, |c| c.schedule.peak),
                loss,
                interval,
                gap,
                gap_interval,
                at_edge: c.at_edge,
                tried: c.tried,
            }
        })
        .collect();
    out.arrange_by(|a, b| a.loss.total_cmp(&b.loss));
    out
}

/// The same as a table; `optimizer` counts SGD, AdamW, Muon, SOAP from 0.
pub(super) fn table(run: &Run) -> Table {
    Table {
        columns: [
            "optimizer",
            "best_peak_rate",
            "final_loss",
            "interval_low",
            "interval_high",
            "minus_adamw",
            "minus_adamw_low",
            "minus_adamw_high",
            "best_rate_at_end_of_grid",
            "runs_tried",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows(run)
            .into_iter()
            .map(|r| {
                vec![
                    r.rule.index() as f64,
                    r.peak,
                    r.loss,
                    r.interval[0],
                    r.interval[1],
                    r.gap,
                    r.gap_interval[0],
                    r.gap_interval[1],
                    f64::from(u8::from(r.at_edge)),
                    r.tried as f64,
                ]
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;
    use crate::labs::lr::config::Problem;
    use crate::labs::lr::schedule::Shape;

    #[test]
    fn every_optimizer_trains_the_same_network_and_is_compared_pair_by_pair() {
        let config = Config {
            shape: Shape::Linear,
            rivals: false,
            ..Config::default().with_problem(Problem::Denoiser)
        };
        let config = Config {
            horizon: 24,
            batch: 8,
            grid: 1,
            ..config
        };
        let run = finish(&mut *work::start(&config).unwrap()).unwrap();
        assert_eq!(run.contenders.len(), Rule::ALL.len());
        assert_eq!(run.config.rule, Rule::AdamW);
        let rows = rows(&run);
        assert!(rows.windows(2).all(|w| w[0].loss <= w[1].loss), "{rows:?}");
        for row in &rows {
            assert!(row.loss.is_finite(), "{row:?}");
            assert_eq!(row.gap == 0.0, row.rule == Rule::AdamW, "{row:?}");
            assert!(row.tried >= 6, "{row:?}");
        }
        let own = rows.iter().find(|r| r.rule == Rule::AdamW).unwrap();
        let best = run.best(Shape::Linear).unwrap();
        assert_eq!(own.peak, best.schedule.peak);
        assert_eq!(charts(&run).len(), 2);
        assert!(
            charts(&run)
                .iter()
                .all(|c| c.series.len() == Rule::ALL.len())
        );
        assert_eq!(table(&run).rows.len(), Rule::ALL.len());
    }
}
