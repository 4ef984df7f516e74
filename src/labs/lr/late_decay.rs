//! What another decay of AdamW's second moment does in the cooldown, over the copies of one checkpoint
//! and their twins without it ("Training Dynamics of the Cooldown Stage in Warmup-Stable-Decay Learning
//! Rate Scheduler", arXiv 2508.01483).

use super::model::{Curve, Run};
use super::report::phase_marks;
use super::steer::RAISED;
use crate::core::{Axis, Chart, Series, SeriesKind, stats};

/// Held-out loss with the change minus without, mean and 95 % interval over the seeds, and their
/// number; `None` where nothing was changed.
pub(super) fn gain(run: &Run) -> Option<(f64, [f64; 2], usize)> {
    let curves = &run.chosen()?.curves;
    let pairs: Vec<f64> = (curves.iter())
        .filter_map(|c| Some(c.final_loss - c.profile.get(1)?))
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let (mean, interval) = stats::mean_interval(&pairs);
    Some((mean, interval, pairs.len()))
}

/// The difference along the cooldown and at its end.
pub(super) fn chart(run: &Run) -> Option<Chart> {
    let cell = run.chosen()?;
    let (mean, [low, high], seeds) = gain(run)?;
    let trace = |c: &Curve| -> Option<Vec<[f64; 2]>> {
        Some(c.traces.iter().find(|t| t.name == RAISED)?.points.clone())
    };
    let all: Vec<Vec<[f64; 2]>> = cell.curves.iter().filter_map(trace).collect();
    let points = all.iter().map(Vec::len).min().unwrap_or(0);
    let (mut line, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..points {
        let values: Vec<f64> = all.iter().map(|t| t[i][1]).collect();
        let (mean, [low, high]) = stats::mean_interval(&values);
        let at = all[0][i][0];
        line.push([at, mean]);
        if low.is_finite() && high.is_finite() {
            lower.push([at, low]);
            upper.push(high);
        }
    }
    let (first, end) = (line.first()?[0], cell.schedule.updates as f64);
    let mut series = Vec::new();
    if !lower.is_empty() {
        let name = format!("95 % interval over {seeds} seeds");
        series.push(Series::band(name, lower, upper));
    }
    series.push(Series::line("training loss, mean", line));
    let certain = if low.is_finite() && high.is_finite() {
        format!(" ({low:+.4} to {high:+.4})")
    } else {
        ", one seed".to_owned()
    };
    let name = format!("held-out loss at the end: {mean:+.4}{certain}");
    series.push(Series::new(name, SeriesKind::Points, vec![[end, mean]]));
    let zero = vec![[first, 0.0], [end, 0.0]];
    series.push(Series::line("no difference", zero).as_reference());
    Some(Chart {
        id: "raised",
        title: "β₂ raised in the cooldown",
        doc: "Loss of the copies with the set β₂ minus that of twins that keep 0.95 and see the same data: below zero the change helps. Training loss on the same batches along the cooldown, and held-out loss at its end; both bands are 95 % intervals over the seeds.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::linear("difference of the loss", "nats"),
        series,
        marks: phase_marks(run),
        on_timeline: true,
    })
}

#[cfg(test)]
mod tests {
    use super::super::config::{Config, Problem};
    use super::*;
    use crate::core::finish;
    use crate::labs::lr::work;

    fn run(cooldown_beta2: f64, seeds: u64) -> Run {
        let config = Config {
            cooldown: 0.5,
            copies: 2,
            batch: 8,
            rivals: false,
            seeds,
            cooldown_beta2,
            ..Config::default().with_problem(Problem::Branches)
        };
        let config = Config {
            horizon: 20,
            ..config
        };
        finish(&mut *work::start(&config).unwrap()).unwrap()
    }

    #[test]
    fn raised_and_unchanged_are_compared_seed_by_seed() {
        let (plain, raised) = (run(0.95, 3), run(0.99, 3));
        assert!(gain(&plain).is_none() && chart(&plain).is_none());
        let (mean, [low, high], seeds) = gain(&raised).unwrap();
        let ends = |run: &Run| run.chosen().unwrap().finals();
        let want: f64 = (ends(&raised).iter().zip(ends(&plain)))
            .map(|(a, b)| (a - b) / 3.0)
            .sum();
        assert!((mean - want).abs() < 1e-12 && low < mean && mean < high);
        assert_eq!(seeds, 3);
        let chart = chart(&raised).unwrap();
        assert_eq!(chart.series.len(), 4);
        let line = &chart.series[1].points;
        assert_eq!((line.len(), line[0][0]), (10, 11.0), "the cooldown alone");
    }

    #[test]
    fn one_seed_has_no_interval() {
        let raised = run(0.99, 1);
        let chart = chart(&raised).unwrap();
        assert_eq!(chart.series.len(), 3);
        assert!(chart.series[1].name.contains("one seed"));
    }
}
