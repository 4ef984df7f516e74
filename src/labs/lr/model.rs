//! The run: every schedule × peak rate × seed that the config asks for, as plain results.

use super::config::{Config, Problem};
use super::contest::Contender;
use super::continuation::LogFacts;
use super::curves::{MPL_END, MPL_PEAK};
use super::dialects::Dialect;
use super::law::Law;
use super::league::League;
use super::loss_pairs::Pairing;
use super::schedule::{Schedule, Shape};
use super::steer::Probe;
use super::training::Trainer;
use super::words::rate_words;
use super::{report, work};
use crate::core::{
    Chart, EntityId, Metric, Moment, MomentKind, Recording, Story, Table, Timeline, num, stats,
};
use crate::labs::LabRun;
use std::sync::Arc;

/// Everything computed.
#[derive(Debug, Clone)]
pub struct Run {
    /// The config it came from.
    pub config: Config,
    /// One cell per schedule and peak rate; the chosen schedule's come first.
    pub cells: Arc<[Cell]>,
    /// The chosen schedule at the set peak rate with the first seed, every update of which can be
    /// visited (digits only).
    pub recording: Option<Arc<Recording<Trainer>>>,
    /// What is known of the log that is continued (own log only).
    pub log: Option<Arc<LogFacts>>,
    /// Probes of the chosen schedule at the set peak rate, first seed (AutoLRS).
    pub(super) probes: Arc<[Probe]>,
    /// The optimizers under the chosen schedule, the chosen one first (denoiser).
    pub(super) contenders: Arc<[Contender]>,
    /// Two loss curves against each other (the card that shows them).
    pub(super) pairing: Option<Arc<Pairing>>,
    /// Times to the targets (benchmark).
    pub(super) league: Option<Arc<League>>,
    /// Updates (first, one past the last) of the chosen schedule at rates that the law was not fitted on.
    pub extrapolated: Arc<[[usize; 2]]>,
    /// What every library that has the chosen schedule uses, the lab first.
    pub dialects: Arc<[(Dialect, Vec<f64>)]>,
    timeline: Timeline,
    charts: Arc<[Chart]>,
}

/// One schedule at one peak rate, over all seeds.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The schedule.
    pub schedule: Schedule,
    /// Half octaves between its peak rate and the set one.
    pub offset: i64,
    /// One curve per seed; a single one for exact problems.
    pub curves: Vec<Curve>,
}

/// One training run (or prediction).
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// Seed of the run.
    pub seed: u64,
    /// (updates done, loss).
    pub loss: Vec<[f64; 2]>,
    /// (updates done, the part of the loss that only the sum of the rates lowers); laws and the
    /// convex bound.
    pub travel: Vec<[f64; 2]>,
    /// (updates done, norm of the gradient); real and exact training.
    pub gradient: Vec<[f64; 2]>,
    /// Further quantities over the run.
    pub traces: Vec<Trace>,
    /// Loss after the last update (held-out for the digits); NaN when it diverged.
    pub final_loss: f64,
    /// Held-out accuracy, 0 to 1; NaN where there is none.
    pub accuracy: f64,
    /// Sizes of what the run ends with, the largest first (sparse features).
    pub profile: Vec<f64>,
    /// Updates of probes that were thrown away (AutoLRS).
    pub rewound: u64,
    /// The update at which the loss stopped being usable, and the loss there.
    pub diverged: Option<(u64, f64)>,
}

/// A quantity recorded along a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What it is.
    pub name: &'static str,
    /// (updates done, value).
    pub points: Vec<[f64; 2]>,
}

impl Curve {
    /// Adds the values of traces after `at` updates.
    pub(super) fn record(&mut self, at: f64, values: &[(&'static str, f64)]) {
        for (name, value) in values {
            if let Some(trace) = self.traces.iter_mut().find(|t| t.name == *name) {
                trace.points.push([at, *value]);
            } else {
                self.traces.push(Trace {
                    name,
                    points: vec![[at, *value]],
                });
            }
        }
    }

    /// The last recorded loss at or before `step`; NaN before the first.
    pub fn loss_at(&self, step: f64) -> f64 {
        last_before(&self.loss, step)
    }
}

/// The value of the last point at or before `x`; NaN before the first.
pub(super) fn last_before(points: &[[f64; 2]], x: f64) -> f64 {
    let n = points.partition_point(|p| p[0] <= x);
    n.checked_sub(1)
        .and_then(|i| points.get(i))
        .map_or(f64::NAN, |p| p[1])
}

impl Cell {
    /// Shape of its schedule.
    pub fn shape(&self) -> Shape {
        self.schedule.shape
    }

    /// Identity: the same shape and place on the grid in every setup.
    pub fn entity(&self) -> EntityId {
        EntityId(self.shape().index() as u64 * 1000 + (500 + self.offset) as u64)
    }

    /// "cosine at 0.01".
    pub fn name(&self) -> String {
        format!(
            "{} at {}",
            self.shape().name(),
            rate_words(self.schedule.peak, 2)
        )
    }

    /// Final losses of all seeds; NaN for diverged ones.
    pub fn finals(&self) -> Vec<f64> {
        self.curves.iter().map(|c| c.final_loss).collect()
    }

    /// Mean final loss; NaN when any seed diverged.
    pub fn final_loss(&self) -> f64 {
        stats::mean(&self.finals())
    }

    /// Mean held-out accuracy; NaN where there is none.
    pub fn accuracy(&self) -> f64 {
        let values: Vec<f64> = self.curves.iter().map(|c| c.accuracy).collect();
        stats::mean(&values)
    }

    /// Number of diverged seeds.
    pub fn diverged(&self) -> usize {
        self.curves.iter().filter(|c| c.diverged.is_some()).count()
    }

    /// First divergence over the seeds.
    pub fn first_divergence(&self) -> Option<(u64, f64)> {
        self.curves
            .iter()
            .filter_map(|c| c.diverged)
            .min_by_key(|d| d.0)
    }

    /// Mean over the seeds of the loss at every recorded point (as far as all seeds got).
    pub fn mean_curve(&self) -> Vec<[f64; 2]> {
        self.band(stats::mean)
    }

    /// A statistic over the seeds at every recorded point.
    pub fn band(&self, statistic: impl Fn(&[f64]) -> f64) -> Vec<[f64; 2]> {
        let n = self.curves.iter().map(|c| c.loss.len()).min().unwrap_or(0);
        (0..n)
            .map(|i| {
                let values: Vec<f64> = self.curves.iter().map(|c| c.loss[i][1]).collect();
                [self.curves[0].loss[i][0], statistic(&values)]
            })
            .collect()
    }
}

impl Run {
    /// Puts the finished cells together.
    pub(super) fn new(
        config: Config,
        cells: Vec<Cell>,
        recording: Option<Recording<Trainer>>,
    ) -> Self {
        let timeline = timeline(&config, &cells);
        let dialects = super::dialect_report::dialects(&config).into();
        let mut run = Self {
            config,
            cells: cells.into(),
            recording: recording.map(Arc::new),
            log: None,
            probes: Arc::from([]),
            contenders: Arc::from([]),
            pairing: None,
            league: None,
            extrapolated: Arc::from([]),
            dialects,
            timeline,
            charts: Arc::from([]),
        };
        if run.config.problem == Problem::Law {
            run.extrapolated = run.outside([MPL_END, MPL_PEAK], None);
        }
        run.charts = report::charts(&run).into();
        run
    }

    /// Where the chosen schedule leaves these rates, after its warmup or after update `now`.
    fn outside(&self, [low, high]: [f64; 2], now: Option<usize>) -> Arc<[[usize; 2]]> {
        let Some(s) = self.chosen().map(|c| &c.schedule) else {
            return Arc::from([]);
        };
        let mut out: Vec<[usize; 2]> = Vec::new();
        for i in now.unwrap_or(s.warmup)..s.updates {
            if (0.999 * low..=1.001 * high).contains(&s.rate(i)) {
                continue;
            }
            match out.last_mut() {
                Some(last) if last[1] == i => last[1] = i + 1,
                _ => out.push([i, i + 1]),
            }
        }
        out.into()
    }

    /// A run that was steered, with the probes of its search.
    pub(super) fn steered(config: Config, cells: Vec<Cell>, probes: Vec<Probe>) -> Self {
        let mut run = Self::new(config, cells, None);
        if !probes.is_empty() {
            run.probes = probes.into();
            run.charts = report::charts(&run).into();
        }
        run
    }

    /// The same run with the optimizers that ran beside it.
    pub(super) fn beside(mut self, contenders: Vec<Contender>) -> Self {
        self.contenders = contenders.into();
        self.charts = report::charts(&self).into();
        self
    }

    /// The same run with two loss curves against each other.
    pub(super) fn paired(mut self, pairing: Option<Pairing>) -> Self {
        if let Some(pairing) = pairing {
            self.pairing = Some(Arc::new(pairing));
            self.charts = report::charts(&self).into();
        }
        self
    }

    /// A benchmark, with what it found.
    pub(super) fn of_league(config: Config, cells: Vec<Cell>, league: League) -> Self {
        let mut run = Self::new(config, cells, None);
        run.league = Some(Arc::new(league));
        run.charts = report::charts(&run).into();
        run
    }

    /// The run that continues a log.
    pub(super) fn of_log(config: Config, cells: Vec<Cell>, facts: LogFacts) -> Self {
        let mut run = Self::new(config, cells, None);
        run.timeline.moments.insert(
            0,
            Moment {
                at: facts.now as f64,
                label: "the log ends".to_owned(),
                kind: MomentKind::Phase,
            },
        );
        Moment::sort(&mut run.timeline.moments);
        run.extrapolated = run.outside([facts.rates[0], f64::INFINITY], Some(facts.now));
        run.log = Some(Arc::new(facts));
        run.charts = report::charts(&run).into();
        run
    }

    /// The cell of the chosen schedule at the set peak rate.
    pub fn chosen(&self) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|c| c.offset == 0 && c.shape() == self.config.shape)
    }

    /// All cells of a shape, by rising peak rate.
    pub fn of_shape(&self, shape: Shape) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |c| c.shape() == shape)
    }

    /// The cell of a shape with the lowest final loss; `None` when all diverged.
    pub fn best(&self, shape: Shape) -> Option<&Cell> {
        self.of_shape(shape)
            .filter(|c| c.final_loss().is_finite())
            .min_by(|a, b| a.final_loss().total_cmp(&b.final_loss()))
    }

    /// Whether a cell lies at the end of the grid, so that the true optimum may lie outside.
    pub fn at_edge(&self, cell: &Cell) -> bool {
        cell.offset.unsigned_abs() == self.config.grid && self.config.grid > 0
    }

    /// The cells drawn over time: the chosen one, then each rival at its own best peak rate.
    pub fn shown(&self) -> Vec<&Cell> {
        self.config
            .shapes()
            .into_iter()
            .filter_map(|shape| {
                if shape == self.config.shape {
                    self.chosen()
                } else {
                    self.best(shape)
                        .or_else(|| self.of_shape(shape).find(|c| c.offset == 0))
                }
            })
            .collect()
    }

    /// Whether losses span decades and are drawn on a logarithmic axis.
    pub fn log_loss(&self) -> bool {
        self.config.problem == Problem::Bound || self.config.problem.is_exact()
    }

    /// The cell of an entity.
    pub fn cell(&self, entity: EntityId) -> Option<&Cell> {
        self.cells.iter().find(|c| c.entity() == entity)
    }

    /// The law used, for predicted losses.
    pub fn law(&self) -> Option<Law> {
        match (self.config.problem, &self.log) {
            (Problem::Law, _) => Some(work::law_of(&self.config)),
            (_, Some(log)) => Some(log.fit.law),
            _ => None,
        }
    }
}

fn timeline(config: &Config, cells: &[Cell]) -> Timeline {
    let mut timeline = Timeline::counted(
        config.horizon as usize,
        "optimizer step",
        "1 optimizer step",
    );
    // The cells know where a continued run stands.
    let chosen = cells
        .iter()
        .find(|c| c.offset == 0 && c.shape() == config.shape);
    let schedule = chosen.map_or_else(|| config.chosen(), |c| c.schedule.clone());
    let mut moments = Vec::new();
    let mut add = |at: f64, label: String, kind| moments.push(Moment { at, label, kind });
    if schedule.warmup > 0 && config.problem != Problem::Log {
        add(
            schedule.warmup as f64,
            "warmup ends".to_owned(),
            MomentKind::Phase,
        );
    }
    let decays = schedule.shape != Shape::Constant
        && !schedule.shape.rises_itself()
        && !schedule.shape.is_guided()
        && schedule.decay_start() < schedule.updates;
    if decays {
        let word = if schedule.shape.cools() {
            "cooldown starts"
        } else {
            "decay starts"
        };
        add(
            schedule.decay_start() as f64,
            word.to_owned(),
            MomentKind::Phase,
        );
    }
    for cell in cells {
        if let Some((step, loss)) = cell.first_divergence() {
            add(
                step as f64,
                format!("{} diverges at step {step} (loss {loss:.1e})", cell.name()),
                MomentKind::Bad,
            );
        }
    }
    Moment::sort(&mut moments);
    timeline.moments = moments;
    timeline
}

impl LabRun for Run {
    fn metrics(&self) -> Vec<Metric> {
        report::metrics(self)
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        report::tables(self)
    }

    fn files(&self) -> &'static [(&'static str, &'static str)] {
        super::files::FILES
    }

    fn file(&self, place: usize) -> Vec<u8> {
        super::files::file(self, place).into_bytes()
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        self.cell(entity)
            .map(|cell| super::story::story(self, cell, at))
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let mut out: Vec<(EntityId, String)> = self
            .shown()
            .into_iter()
            .map(|cell| (cell.entity(), cell.name()))
            .collect();
        if let Some(best) = self.best(self.config.shape)
            && best.offset != 0
        {
            out.push((
                best.entity(),
                format!("{}, the best {}", best.name(), best.shape().name()),
            ));
        }
        for cell in self.cells.iter().filter(|c| c.diverged() > 0).take(3) {
            out.push((cell.entity(), format!("{}, diverged", cell.name())));
        }
        out
    }

    fn summary(&self) -> String {
        report::summary(self)
    }
}

/// Geometric middle of the parabola through three points (ln peak, loss): a finer estimate of the
/// best peak rate than the grid. Falls back to the middle point.
pub(super) fn parabola_minimum(peaks: [f64; 3], losses: [f64; 3]) -> f64 {
    let x = peaks.map(num::ln);
    let (left, right) = (
        (losses[1] - losses[0]) / (x[1] - x[0]),
        (losses[2] - losses[1]) / (x[2] - x[1]),
    );
    let bend = (right - left) / (x[2] - x[0]);
    if bend.is_nan() || bend <= 0.0 {
        return peaks[1];
    }
    let at = 0.5 * (x[0] + x[1]) - left / (2.0 * bend);
    num::exp(at.clamp(x[0], x[2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parabola_finds_its_own_minimum() {
        let f = |p: f64| (num::ln(p) - num::ln(0.03)).powi(2);
        let peaks = [0.01, 0.02, 0.04];
        let at = parabola_minimum(peaks, peaks.map(f));
        assert!((at - 0.03).abs() < 1e-12, "{at}");
        assert_eq!(parabola_minimum(peaks, [1.0, 2.0, 1.0]), 0.02, "no minimum");
    }

    #[test]
    fn points_are_looked_up_without_looking_ahead() {
        let points = [[1.0, 10.0], [2.0, 20.0]];
        assert!(last_before(&points, 0.5).is_nan());
        assert_eq!(last_before(&points, 1.9), 10.0);
        assert_eq!(last_before(&points, 5.0), 20.0);
    }
}
