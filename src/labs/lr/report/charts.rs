//! The linked charts of a run.

use crate::core::Arrange as _;
use crate::core::{Axis, Chart, Mark, Series, SeriesKind};
use crate::labs::lr::config::Problem;
use crate::labs::lr::continuation::LogFacts;
use crate::labs::lr::law::Law;
use crate::labs::lr::laws::Prepared;
use crate::labs::lr::model::{Cell, Run};
use crate::labs::lr::plan::Branch;
use crate::labs::lr::words::words;
use crate::labs::lr::{cards, curves, dialect_report, more_charts};

/// Neighbouring changes of the rate that are taken as one.
const MERGED: usize = 64;
/// Points of a drawn schedule.
const SCHEDULE_POINTS: usize = 400;

/// The rates of a cell, thinned for drawing, at (update, rate).
pub(in crate::labs::lr) fn rate_points(cell: &Cell) -> Vec<[f64; 2]> {
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
pub(in crate::labs::lr) fn charts(run: &Run) -> Vec<Chart> {
    let mut charts = vec![loss_chart(run), rate_chart(run)];
    // A single peak rate makes no sweep.
    let first = if run.config.grid > 0 { 0 } else { charts.len() };
    charts.insert(first, sweep_chart(run));
    charts.extend(dialect_report::chart(run));
    if let Some(log) = &run.log {
        charts.insert(0, plan_chart(log));
        charts.insert(1, branch_chart(log));
        charts.push(residual_chart(log));
    } else if matches!(run.config.problem, Problem::Law | Problem::Bound) {
        charts.push(parts_chart(run));
        charts.extend(areas_chart(run));
        charts.extend(beads_chart(run));
    } else if run.config.problem != Problem::League {
        charts.push(gradient_chart(run));
    }
    let mut own = more_charts::charts(run);
    // What a problem is about comes first.
    if matches!(
        run.config.problem,
        Problem::Valley
            | Problem::Masking
            | Problem::Robust
            | Problem::Domains
            | Problem::Modules
            | Problem::Branches
            | Problem::Denoiser
            | Problem::League
    ) && !own.is_empty()
    {
        charts.insert(0, own.remove(0));
    }
    charts.extend(own);
    // A card that was opened is what one wants to see.
    charts.splice(0..0, cards::charts(run));
    charts
}

pub(in crate::labs::lr) fn phase_marks(run: &Run) -> Vec<Mark> {
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
    minima.arrange_by(|a, b| a[0].total_cmp(&b[0]));
    let best = Series::new("best of each schedule", SeriesKind::Points, minima);
    series.push(best.as_reference());
    if problem == Problem::Law {
        marks.push(Mark {
            x: curves::MPL_PEAK,
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

/// What every budget ends at when its cooldown branches off one stable run.
fn branch_chart(log: &LogFacts) -> Chart {
    let points = |f: &dyn Fn(&Branch) -> f64| -> Vec<[f64; 2]> {
        let at = |b: &Branch| (log.now + 1 + b.budget) as f64;
        log.branches.iter().map(|b| [at(b), f(b)]).collect()
    };
    Chart {
        id: "branches",
        title: "Branches of one stable run",
        doc: "Predicted final loss of a model whose best cooldown branches off the stable run and ends at this update, for five budgets, and of the run without a cooldown. The table of branches says where each starts and what the family costs.",
        x: Axis::linear("last update", ""),
        y: Axis::linear("predicted final loss", "nats"),
        series: vec![
            Series::line("best cooldown", points(&|b| b.loss)),
            Series::line("no cooldown", points(&|b| b.flat)).as_reference(),
        ],
        marks: branch_marks(&log.branches),
        on_timeline: false,
    }
}

/// Where branches leave the stable run; those that leave together share a mark.
fn branch_marks(branches: &[Branch]) -> Vec<Mark> {
    let mut starts: Vec<(usize, Vec<String>)> = Vec::new();
    for branch in branches {
        let budget = branch.budget.to_string();
        match starts.iter_mut().find(|(at, _)| *at == branch.start) {
            Some((_, budgets)) => budgets.push(budget),
            None => starts.push((branch.start, vec![budget])),
        }
    }
    starts
        .into_iter()
        .map(|(at, budgets)| Mark {
            x: at as f64,
            label: match &budgets[..] {
                [one] => format!("the branch of {one} updates leaves here"),
                all => format!("branches of {} updates leave here", all.join(", ")),
            },
        })
        .collect()
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

/// Parts of a run that the changes of its rate are added up over.
const BEADS: usize = 48;

/// What every change of the rate has released by the end of the run.
fn beads_chart(run: &Run) -> Option<Chart> {
    let Some(Law::MultiPower(law)) = run.law() else {
        return None;
    };
    let rates = run.chosen()?.schedule.rates().ok()?;
    let parts = Prepared::new(law, &rates, MERGED).released(rates.len() - 1, BEADS);
    let column = |k: usize| -> Vec<[f64; 2]> { parts.iter().map(|p| [p[0], p[k]]).collect() };
    let total: f64 = parts.iter().map(|p| p[1]).sum();
    Some(Chart {
        id: "beads",
        title: "What every cut of the rate releases",
        doc: "The drop of the multi-power law as a sum over the changes of the rate: what those of each part of the run have taken off the loss by its end, and what they would take off if the run went on for ever at its last rates. Late cuts have had little time; the rises of the warmup count against.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::linear("loss taken off", "nats"),
        series: vec![
            Series::new(
                format!("taken off by the end, {total:.4} in all"),
                SeriesKind::Bars,
                column(1),
            ),
            Series::line("taken off in the end", column(2)).as_reference(),
        ],
        marks: phase_marks(run),
        on_timeline: true,
    })
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
