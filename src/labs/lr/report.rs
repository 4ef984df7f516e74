//! What a run tells: metrics, charts, tables and a sentence.

use super::bound::{Bound, power_norms};
use super::config::Problem;
use super::continuation::LogFacts;
use super::law::Law;
use super::model::{Cell, Run, parabola_minimum};
use super::words::words;
use crate::core::{Axis, Better, Chart, Mark, Metric, Series, SeriesKind, Table, stats};

/// Points of a drawn schedule.
const SCHEDULE_POINTS: usize = 400;

/// The rates of a cell, thinned for drawing, at (update, rate).
pub(super) fn rate_points(cell: &Cell) -> Vec<[f64; 2]> {
    let s = &cell.schedule;
    let every = s.updates.div_ceil(SCHEDULE_POINTS).max(1);
    let mut at: Vec<usize> = (0..s.updates).step_by(every).collect();
    // The corners of the curve are always among the points.
    at.extend([
        s.warmup.saturating_sub(1),
        s.warmup,
        s.decay_start(),
        s.updates - 1,
    ]);
    at.retain(|&i| i < s.updates);
    at.sort_unstable();
    at.dedup();
    at.into_iter().map(|i| [i as f64, s.rate(i)]).collect()
}

/// The linked charts.
pub(super) fn charts(run: &Run) -> Vec<Chart> {
    let mut charts = vec![sweep_chart(run), loss_chart(run), rate_chart(run)];
    charts.extend(super::dialect_report::chart(run));
    if let Some(log) = &run.log {
        charts.insert(0, plan_chart(log));
        charts.push(residual_chart(log));
    } else if matches!(run.config.problem, Problem::Law | Problem::Bound) {
        charts.push(parts_chart(run));
        charts.extend(areas_chart(run));
    } else {
        charts.push(gradient_chart(run));
    }
    charts.extend(super::more_charts::charts(run));
    charts
}

pub(super) fn phase_marks(run: &Run) -> Vec<Mark> {
    let Some(s) = run.chosen().map(|c| &c.schedule) else {
        return Vec::new();
    };
    let mut marks = Vec::new();
    if s.warmup > 0 {
        let ends = if run.log.is_some() {
            "the log ends"
        } else {
            "warmup ends"
        };
        marks.push(Mark {
            x: s.warmup as f64,
            label: ends.to_owned(),
        });
    }
    if s.shape.cools() && s.cooldown > 0 {
        marks.push(Mark {
            x: s.decay_start() as f64,
            label: "cooldown starts".to_owned(),
        });
    }
    marks
}

fn rate_chart(run: &Run) -> Chart {
    Chart {
        id: "rate",
        title: "Learning rate",
        doc: "The rate each update uses. The chosen schedule stands at the set peak, every other one at its own best peak rate.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::zero_based("learning rate", ""),
        series: run
            .shown()
            .into_iter()
            .map(|cell| Series::line(cell.name(), rate_points(cell)).of(cell.entity()))
            .collect(),
        marks: phase_marks(run),
        on_timeline: true,
    }
}

fn loss_chart(run: &Run) -> Chart {
    let problem = run.config.problem;
    let mut series = Vec::new();
    for (i, cell) in run.shown().into_iter().enumerate() {
        if i == 0 && cell.curves.len() > 1 {
            let low = cell.band(|v| v.iter().copied().fold(f64::INFINITY, f64::min));
            let high = cell.band(|v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let upper: Vec<f64> = high.iter().map(|p| p[1]).collect();
            series.push(
                Series::band(
                    format!(
                        "{}, all {} {}",
                        cell.shape().name(),
                        cell.curves.len(),
                        if problem == Problem::Log {
                            "refits"
                        } else {
                            "seeds"
                        }
                    ),
                    low,
                    upper,
                )
                .of(cell.entity()),
            );
        }
        let name = cell.first_divergence().map_or_else(
            || cell.name(),
            |(step, _)| format!("{}, diverged at step {step}", cell.name()),
        );
        series.push(Series::line(name, cell.mean_curve()).of(cell.entity()));
    }
    // The other laws on the chosen schedule.
    if problem == Problem::Law
        && let Some(curve) = run.chosen().and_then(|c| c.curves.first())
    {
        for trace in &curve.traces {
            series.push(Series::line(trace.name, trace.points.clone()).as_reference());
        }
    }
    if let Some(log) = &run.log {
        let points = log.measured.clone();
        series.push(Series::new("logged", SeriesKind::Points, points).as_reference());
    }
    let words = words(problem);
    let name = words.curve;
    Chart {
        id: "loss",
        title: "Loss",
        doc: words.doc,
        x: Axis::linear("optimizer step", ""),
        y: if run.log_loss() {
            Axis::log(name, words.unit)
        } else {
            Axis::linear(name, words.unit)
        },
        series,
        marks: phase_marks(run),
        on_timeline: true,
    }
}

fn sweep_chart(run: &Run) -> Chart {
    let problem = run.config.problem;
    let words = words(problem);
    let (mut series, mut minima) = (Vec::new(), Vec::new());
    let mut marks = vec![Mark {
        x: run.config.peak,
        label: "set peak".to_owned(),
    }];
    for shape in run.config.shapes() {
        let points: Vec<[f64; 2]> = run
            .of_shape(shape)
            .map(|c| [c.schedule.peak, c.final_loss()])
            .collect();
        series.push(Series::line(shape.name(), points));
        if let Some(best) = run.best(shape) {
            minima.push([best.schedule.peak, best.final_loss()]);
        }
    }
    minima.sort_by(|a, b| a[0].total_cmp(&b[0]));
    series.push(Series::new(
        "best of each schedule",
        SeriesKind::Points,
        minima,
    ));
    if problem == Problem::Law {
        marks.push(Mark {
            x: super::curves::MPL_PEAK,
            label: "largest rate fitted; extrapolation beyond".to_owned(),
        });
    }
    for cell in run.cells.iter().filter(|c| c.diverged() > 0) {
        marks.push(Mark {
            x: cell.schedule.peak,
            label: format!("{} diverged", cell.shape().name()),
        });
    }
    Chart {
        id: "sweep",
        title: "Final loss against peak rate",
        doc: "One curve per schedule with its minimum marked: schedules that decay further want a higher peak. Compare minima, not one column.",
        x: Axis::log("peak learning rate", ""),
        y: if run.log_loss() {
            Axis::log(words.last, words.unit)
        } else {
            Axis::linear(words.last, words.unit)
        },
        series,
        marks,
        on_timeline: false,
    }
}

fn gradient_chart(run: &Run) -> Chart {
    Chart {
        id: "gradient",
        title: "Gradient norm",
        doc: "Norm of the stochastic gradient of the first seed; for the quadratic the root of its expected square.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::zero_based("gradient norm", ""),
        series: run
            .shown()
            .into_iter()
            .filter_map(|cell| {
                let curve = cell.curves.first()?;
                Some(Series::line(cell.name(), curve.gradient.clone()).of(cell.entity()))
            })
            .collect(),
        marks: phase_marks(run),
        on_timeline: true,
    }
}

/// Where to start the cooldown, and what each start ends at.
fn plan_chart(log: &LogFacts) -> Chart {
    Chart {
        id: "plan",
        title: "When to start the cooldown",
        doc: "Predicted final loss against the update at which the rate starts to fall, for three cooldown shapes to the floor that is set. Differences below 0.02 are within what two runs of the same schedule differ by.",
        x: Axis::linear("first update of the cooldown", ""),
        y: Axis::linear("predicted final loss", "nats"),
        series: log
            .plan
            .iter()
            .map(|(name, points)| Series::line(*name, points.clone()))
            .collect(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// What the law misses.
fn residual_chart(log: &LogFacts) -> Chart {
    Chart {
        id: "residuals",
        title: "Logged minus predicted",
        doc: "Residuals of the fit on the continued run. A pattern in them is something the law does not know.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::linear("residual", "nats"),
        series: vec![Series::new(
            "logged minus predicted",
            SeriesKind::Points,
            log.residuals.clone(),
        )],
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// The loss taken apart: what the sum of the rates leaves, and the whole.
fn parts_chart(run: &Run) -> Chart {
    let bound = run.config.problem == Problem::Bound;
    let names = if bound {
        [
            "distance travelled, D² / (2 γ S)",
            "with the noise of the last rates",
        ]
    } else {
        [
            "sum of rates alone, L0 + A S1^-α",
            "with the drop from rate changes",
        ]
    };
    let mut series = Vec::new();
    if let Some(cell) = run.chosen() {
        let travel = cell
            .curves
            .first()
            .map_or_else(Vec::new, |c| c.travel.clone());
        series.push(Series::line(names[0], travel).as_reference());
        series.push(Series::line(names[1], cell.mean_curve()).of(cell.entity()));
    }
    Chart {
        id: "parts",
        title: "What the decay buys",
        doc: if bound {
            "The gap between the two curves is the price of noisy steps: high rates shrink the first and widen the gap, a cooldown closes it."
        } else {
            "The gap between the two curves is the loss drop that the law credits to falling rates."
        },
        x: Axis::linear("optimizer step", ""),
        y: if bound {
            Axis::log("bound", "")
        } else {
            Axis::linear("predicted loss", "nats")
        },
        series,
        marks: phase_marks(run),
        on_timeline: true,
    }
}

/// The annealing law as its two areas, in nats.
fn areas_chart(run: &Run) -> Option<Chart> {
    let Some(Law::Annealing(law)) = run.law() else {
        return None;
    };
    let curve = run.chosen()?.curves.first()?;
    let area = |name: &str, value: &dyn Fn(usize) -> f64| {
        let zero: Vec<[f64; 2]> = curve.loss.iter().map(|p| [p[0], 0.0]).collect();
        let top: Vec<f64> = (0..curve.loss.len()).map(value).collect();
        Series::band(name, zero, top)
    };
    Some(Chart {
        id: "areas",
        title: "The two areas of the annealing law",
        doc: "What the sum of the rates S1 still leaves above L0, and what the annealing area S2 has taken off it: S2 sums, with momentum λ, how far the rate has fallen.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::zero_based("loss", "nats"),
        series: vec![
            area("A S1^-α, left by the sum of the rates", &|i| {
                curve.travel[i][1] - law.l0
            }),
            area("C S2, taken off by annealing", &|i| {
                curve.travel[i][1] - curve.loss[i][1]
            }),
        ],
        marks: phase_marks(run),
        on_timeline: true,
    })
}

/// Best peak rate of the chosen shape between grid points, when the minimum lies inside the grid.
fn refined_peak(run: &Run) -> f64 {
    let cells: Vec<&Cell> = run.of_shape(run.config.shape).collect();
    let Some(best) = run.best(run.config.shape) else {
        return f64::NAN;
    };
    if run.config.problem == Problem::Bound {
        return theory_peak(run, best);
    }
    let Some(i) = cells.iter().position(|c| c.offset == best.offset) else {
        return f64::NAN;
    };
    match (
        i.checked_sub(1).and_then(|j| cells.get(j)),
        cells.get(i + 1),
    ) {
        (Some(a), Some(b)) => parabola_minimum(
            [a.schedule.peak, best.schedule.peak, b.schedule.peak],
            [a.final_loss(), best.final_loss(), b.final_loss()],
        ),
        _ => best.schedule.peak,
    }
}

/// The base rate that minimises the bound, in closed form.
fn theory_peak(run: &Run, cell: &Cell) -> f64 {
    let s = &cell.schedule;
    let eta: Vec<f64> = (0..s.updates).map(|i| s.rate(i) / s.peak).collect();
    let norms = power_norms(s.updates, run.config.norm_decay);
    Bound::new(&eta, &norms, 1.0).map_or(f64::NAN, |b| b.best_base())
}

/// The best rival at its own best peak rate, and the chosen schedule at its best: mean paired
/// difference over the seeds (chosen minus rival) with its interval.
pub(super) fn against_rivals(run: &Run) -> Option<(&Cell, &Cell, f64, [f64; 2])> {
    let own = run.best(run.config.shape)?;
    let rival = run
        .config
        .shapes()
        .into_iter()
        .filter(|s| *s != run.config.shape)
        .filter_map(|s| run.best(s))
        .min_by(|a, b| a.final_loss().total_cmp(&b.final_loss()))?;
    let pairs: Vec<f64> = own
        .finals()
        .iter()
        .zip(rival.finals())
        .map(|(a, b)| a - b)
        .collect();
    let (mean, interval) = stats::mean_interval(&pairs);
    Some((own, rival, mean, interval))
}

/// Headline numbers.
pub(super) fn metrics(run: &Run) -> Vec<Metric> {
    let problem = run.config.problem;
    let words = words(problem);
    let unit = words.unit;
    let chosen = run.chosen();
    let best = run.best(run.config.shape);
    let mut out = vec![
        Metric {
            id: "final_loss",
            name: words.headline,
            unit,
            value: chosen.map_or(f64::NAN, Cell::final_loss),
            better: Better::Lower,
            doc: "Loss after the last update of the chosen schedule at the set peak rate, mean over the seeds; a dash when a seed diverged.",
        },
        Metric {
            id: "best_loss",
            name: "Loss at the best peak",
            unit,
            value: best.map_or(f64::NAN, Cell::final_loss),
            better: Better::Lower,
            doc: "Lowest final loss of the chosen schedule over the peak rates tried.",
        },
        Metric {
            id: "best_peak",
            name: "Best peak rate",
            unit: "",
            value: refined_peak(run),
            better: Better::Neither,
            doc: "Peak rate with the lowest final loss: minimum of a parabola through the best grid point and its neighbours, or the grid's end when the best lies there. For the convex bound the exact minimiser.",
        },
    ];
    if problem == Problem::Digits {
        out.push(Metric {
            id: "test_accuracy",
            name: "Held-out accuracy",
            unit: "%",
            value: 100.0 * chosen.map_or(f64::NAN, Cell::accuracy),
            better: Better::Higher,
            doc: "Share of 2,048 shifted, noisy held-out digits classified correctly after the last update, mean over the seeds.",
        });
    }
    if let Some((_, _, mean, _)) = against_rivals(run) {
        out.push(Metric {
            id: "gap_to_best_rival",
            name: "Against the best rival",
            unit,
            value: mean,
            better: Better::Lower,
            doc: "Final loss minus that of the best other schedule, both at their own best peak rate; negative means the chosen schedule wins.",
        });
    }
    if let Some(log) = &run.log {
        let errors: Vec<f64> = log.errors.iter().map(|e| e.1).collect();
        out.push(Metric {
            id: "fit_error",
            name: "Error of the fit",
            unit,
            value: stats::mean(&errors),
            better: Better::Lower,
            doc: "Mean absolute error of the fitted law on the logged runs. It says nothing about schedules unlike those in the log.",
        });
        if let Some(floor) = log.noise_floor {
            out.push(Metric {
                id: "noise_floor",
                name: "Noise floor",
                unit,
                value: floor,
                better: Better::Neither,
                doc: "Largest difference at equal steps between two logged runs that had the same rates until then: gains below it are not certain.",
            });
        }
    }
    if let Some(curve) = chosen.and_then(|c| c.curves.first())
        && curve.rewound > 0
    {
        out.push(Metric {
            id: "rewound_updates",
            name: "Updates of probes",
            unit: "updates",
            value: curve.rewound as f64,
            better: Better::Lower,
            doc: "Updates that the search trained and threw away, first seed. They cost as much as the others.",
        });
    }
    out.push(Metric {
        id: "mean_rate",
        name: "Mean rate",
        unit: "",
        value: chosen.map_or(f64::NAN, |c| {
            let s = &c.schedule;
            let rates: Vec<f64> = (0..s.updates).map(|i| s.rate(i)).collect();
            stats::mean(&rates)
        }),
        better: Better::Neither,
        doc: "Mean of the rates of all updates: their sum is the distance the optimizer may travel.",
    });
    out.push(Metric {
        id: "diverged_runs",
        name: "Diverged",
        unit: "runs",
        value: run.cells.iter().map(Cell::diverged).sum::<usize>() as f64,
        better: Better::Lower,
        doc: "Runs, over all schedules, peak rates and seeds, whose loss stopped being a usable number.",
    });
    out
}

/// Named tables.
pub(super) fn tables(run: &Run) -> Vec<(&'static str, Table)> {
    let mut runs = Table {
        columns: [
            "entity",
            "schedule",
            "peak_rate",
            "seed",
            "final_loss",
            "accuracy",
            "diverged_at_step",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    for cell in run.cells.iter() {
        for curve in &cell.curves {
            runs.rows.push(vec![
                cell.entity().0 as f64,
                cell.shape().index() as f64,
                cell.schedule.peak,
                curve.seed as f64,
                curve.final_loss,
                curve.accuracy,
                curve.diverged.map_or(f64::NAN, |d| d.0 as f64),
            ]);
        }
    }
    let rates = Table {
        columns: vec!["step".to_owned(), "lr".to_owned()],
        rows: run.chosen().map_or_else(Vec::new, |cell| {
            let s = &cell.schedule;
            (0..s.updates).map(|i| vec![i as f64, s.rate(i)]).collect()
        }),
    };
    vec![
        ("runs", runs),
        ("schedule", rates),
        ("loss", loss_table(run)),
        ("dialects", super::dialect_report::table(run)),
    ]
}

fn loss_table(run: &Run) -> Table {
    let shown = run.shown();
    let curves: Vec<Vec<[f64; 2]>> = shown.iter().map(|c| c.mean_curve()).collect();
    let longest = curves.iter().max_by_key(|c| c.len());
    let mut columns = vec!["step".to_owned()];
    columns.extend(shown.iter().map(|c| {
        format!(
            "{}_loss_at_{:e}",
            c.shape().name().to_lowercase(),
            c.schedule.peak
        )
    }));
    Table {
        columns,
        rows: longest
            .map(|points| {
                (0..points.len())
                    .map(|i| {
                        let mut row = vec![points[i][0]];
                        row.extend(curves.iter().map(|c| c.get(i).map_or(f64::NAN, |p| p[1])));
                        row
                    })
                    .collect()
            })
            .unwrap_or_default(),
    }
}

/// The result in a sentence.
pub(super) fn summary(run: &Run) -> String {
    let Some(cell) = run.chosen() else {
        return "No run".to_owned();
    };
    let text = match cell.first_divergence() {
        Some((step, loss)) => format!(
            "{} over {} updates diverged at step {step} (loss {loss:.1e})",
            cell.name(),
            run.config.horizon
        ),
        None => format!(
            "{} over {} updates ends at a {} of {:.4}",
            cell.name(),
            run.config.horizon,
            words(run.config.problem).last,
            cell.final_loss()
        ),
    };
    if let Some((own, rival, mean, [low, high])) = against_rivals(run) {
        let edge = if run.at_edge(own) || run.at_edge(rival) {
            "; a best rate lies at the end of the grid, widen it"
        } else {
            ""
        };
        let clear = if own.curves.len() < 2 {
            String::new()
        } else if low > 0.0 || high < 0.0 {
            format!(", 95 % interval {low:.4} to {high:.4}")
        } else {
            ", no clear difference over the seeds".to_owned()
        };
        let name = rival.name();
        return format!(
            "{text}; at their best peak rates it differs from {name} by {mean:+.4}{clear}{edge}"
        );
    }
    text
}
