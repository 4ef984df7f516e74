//! Charts of single problems and methods: what AdamW averages, the probes of a search, the three
//! iterates of Schedule-Free, the river valley.

use super::average::Average;
use super::config::{Problem, Rule};
use super::model::{Run, Trace};
use super::norms;
use super::report::phase_marks;
use super::schedule::Shape;
use super::steer::{BRANCHES, COPIES, ITERATES, LEVELS, STEEP, VALLEY, overlap_loss, scale_of};
use super::task_charts::{Compared, compared_of};
use crate::core::{Axis, Chart, Series, SeriesKind, num};

/// The charts that this run has beyond those of every run.
pub(super) fn charts(run: &Run) -> Vec<Chart> {
    let mut out = Vec::new();
    out.extend(average_chart(run));
    out.extend(probe_charts(run));
    let loss = if run.log_loss() {
        Axis::log("loss", "")
    } else {
        Axis::linear("loss", "nats")
    };
    out.extend(traced(
        run,
        "iterates",
        "Three iterates of Schedule-Free",
        "Losses where the model is evaluated, where gradients are taken and at the base iterate: z rattles, x glides. Averaging does what a decay does.",
        loss.clone(),
        &ITERATES,
    ));
    match run.config.problem {
        Problem::Valley => {
            out.extend(landscape(run));
            out.extend(traced(
                run,
                "heights",
                "Two heights",
                "What the run floats above the river, and how high the river still is: a cooldown lowers the first at once, only distance lowers the second.",
                loss,
                &VALLEY[..2],
            ));
            out.extend(valley_map(run));
        }
        Problem::Sparse => out.extend(profile_chart(run)),
        Problem::Branches => {
            out.extend(copies_chart(run));
            out.extend(super::late_decay::chart(run));
        }
        Problem::Robust => out.extend(scale_charts()),
        Problem::Denoiser => out.extend(super::contest::charts(run)),
        Problem::League => out.extend(league_charts(run)),
        _ => {}
    }
    for spec in compared_of(run.config.problem) {
        out.extend(compared(run, spec));
    }
    if run.config.problem == Problem::Domains {
        out.push(overlap_chart());
    }
    out.extend(norm_chart(run));
    out.extend(sharpness_chart(run));
    out
}

/// One trace of every schedule shown, first seed.
fn compared(run: &Run, spec: &Compared) -> Option<Chart> {
    let series: Vec<Series> = run
        .shown()
        .into_iter()
        .filter_map(|cell| {
            let traces = &cell.curves.first()?.traces;
            let trace = traces.iter().find(|t| t.name == spec.trace)?;
            Some(Series::line(cell.name(), trace.points.clone()).of(cell.entity()))
        })
        .collect();
    if series.is_empty() {
        return None;
    }
    Some(Chart {
        id: spec.id,
        title: spec.title,
        doc: spec.doc,
        x: Axis::linear("optimizer step", ""),
        y: spec.y.clone(),
        series,
        marks: phase_marks(run),
        on_timeline: true,
    })
}

/// The three norms of the chosen run.
fn norm_chart(run: &Run) -> Option<Chart> {
    let mut series: Vec<Series> = norms::TRACES[..2]
        .iter()
        .filter_map(|name| traces(run).iter().find(|t| t.name == *name))
        .map(|t| Series::line(t.name, t.points.clone()))
        .collect();
    if series.is_empty() {
        return None;
    }
    let gradient = &run.chosen()?.curves.first()?.gradient;
    series.push(Series::line("gradient norm", gradient.clone()));
    Some(Chart {
        id: "norms",
        title: "Norms along the run",
        doc: "Norms of the weights, of the update and of the gradient, chosen schedule, first seed. The update follows the rate; with weight decay the weights settle where both balance.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::log("norm", ""),
        series,
        marks: phase_marks(run),
        on_timeline: true,
    })
}

/// The performance profiles, and the time on every problem.
fn league_charts(run: &Run) -> Vec<Chart> {
    let Some(league) = &run.league else {
        return Vec::new();
    };
    let named = |s: usize| league.shapes[s].name();
    let profiles = Chart {
        id: "profiles",
        title: "Performance profiles",
        doc: "Share of the problems on which a schedule reaches the target within τ times the updates of the fastest one. High on the left is fast, high on the right is reliable; the score is the mean height.",
        x: Axis::linear("τ, updates over the fastest schedule's", "×"),
        y: Axis::zero_based("share of the problems", ""),
        series: (0..league.shapes.len())
            .map(|s| Series::line(named(s), league.profile(s)))
            .collect(),
        marks: Vec::new(),
        on_timeline: false,
    };
    let times = Chart {
        id: "times",
        title: "Updates to the target",
        doc: "Median time of five studies on every problem, first group: 1 noisy quadratic, 2 logistic regression, 3 letter pairs, 4 masked letters, 5 digits network. A missing point is a target that fewer than three studies reached.",
        x: Axis::linear("problem", ""),
        y: Axis::zero_based("updates to the target", ""),
        series: (league.entries.iter().enumerate())
            .map(|(s, entries)| {
                let points: Vec<[f64; 2]> = (entries.iter().enumerate())
                    .map(|(p, e)| [(p + 1) as f64, e.time(0)])
                    .filter(|p| p[1].is_finite())
                    .collect();
                Series::new(named(s), SeriesKind::Points, points)
            })
            .collect(),
        marks: Vec::new(),
        on_timeline: false,
    };
    vec![profiles, times]
}

/// The largest curvature, and the one at which the rate would overshoot.
fn sharpness_chart(run: &Run) -> Option<Chart> {
    let mut chart = compared(
        run,
        &Compared {
            problem: run.config.problem,
            id: "sharpness",
            title: "Sharpness",
            doc: "Largest eigenvalue of the Hessian on a fixed sample, first seed. Under SGD a step overshoots along that direction when it passes 2 (1 + μ) / η, drawn beside it: large rates keep a run where the loss is flat.",
            y: Axis::log("largest curvature", ""),
            trace: norms::TRACES[2],
        },
    )?;
    let config = &run.config;
    let cell = run.chosen()?;
    if config.rule == Rule::Sgd && config.shape != Shape::ScheduleFree {
        let every = cell.schedule.updates.div_ceil(POINTS).max(1);
        let limit: Vec<[f64; 2]> = (0..cell.schedule.updates)
            .step_by(every)
            .map(|i| (i as f64, cell.schedule.rate(i)))
            // The limit of a vanishing rate would squeeze the rest.
            .filter(|(_, rate)| *rate > 0.02 * cell.schedule.peak)
            .map(|(i, rate)| [i, 2.0 * (1.0 + config.momentum) / rate])
            .collect();
        let name = "overshoots above: 2 (1 + μ) / η of the chosen schedule";
        chart.series.push(Series::line(name, limit).as_reference());
    }
    Some(chart)
}

/// The published scale of the robust loss, and the pull of a residual under three of them.
fn scale_charts() -> [Chart; 2] {
    let levels: Vec<f64> = (0..=60)
        .map(|i| {
            let [low, high] = LEVELS.map(f64::from);
            low * num::pow(high / low, f64::from(i) / 60.0)
        })
        .collect();
    let published: Vec<[f64; 2]> = levels.iter().map(|n| [*n, scale_of(*n)]).collect();
    let pulls = [10.0, 80.0, 640.0].into_iter().map(|nfe| {
        let c = scale_of(nfe);
        let points: Vec<[f64; 2]> = (0..=120)
            .map(|i| num::pow(10.0, -5.0 + 6.0 * f64::from(i) / 120.0))
            .map(|d| [d, d / (c * c) / (1.0 + d * d / (2.0 * c * c))])
            .collect();
        Series::line(format!("{nfe} steps, c = {c:.1e}"), points)
    });
    [
        Chart {
            id: "scale_curve",
            title: "Scale against discretisation steps",
            doc: "c = exp(-1.18 ln NFE - 0.72): the more steps, the closer their two ends, the smaller a residual must be to count as inlying.",
            x: Axis::log("discretisation steps", ""),
            y: Axis::log("c", ""),
            series: vec![Series::line("scale c", published)],
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "pull",
            title: "Pull of a residual",
            doc: "Gradient of ln(1 + d² / (2 c²)): residuals up to √2 c pull harder the larger they are, outliers beyond it less and less.",
            x: Axis::log("residual d", ""),
            y: Axis::log("gradient", ""),
            series: pulls.collect(),
            marks: Vec::new(),
            on_timeline: false,
        },
    ]
}

/// MambaNUT's loss of an instance, by how well it is found and how small its data set is.
fn overlap_chart() -> Chart {
    let series = [
        (1.0, "largest set"),
        (10.0, "a tenth of it"),
        (100.0, "a hundredth"),
    ];
    let curve = |times: f64| -> Vec<[f64; 2]> {
        (2..=100)
            .map(|i| f64::from(i) / 100.0)
            .map(|iou| [iou, overlap_loss(iou, 1.0 / times, 1.0)])
            .collect()
    };
    Chart {
        id: "overlap",
        title: "Loss by overlap and size of the set",
        doc: "The other half of the curriculum, of the authors' tracker: -(ln(N_max / N) + 1/2)^(1 - IoU) ln IoU + IoU (1 - IoU). Instances of small sets weigh more, the more so the worse they are found. Digits are classified and have no overlap, so it is drawn and not trained.",
        x: Axis::linear("overlap (IoU)", ""),
        y: Axis::zero_based("loss of an instance", ""),
        series: series
            .into_iter()
            .map(|(times, name)| Series::line(name, curve(times)))
            .collect(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// The copies of a cooldown, and the model with the mean of their weights.
fn copies_chart(run: &Run) -> Option<Chart> {
    let find = |name: &str| traces(run).iter().find(|t| t.name == name);
    let middle = find(BRANCHES[0])?;
    let variance = find(BRANCHES[1])?;
    let copies: Vec<&Trace> = COPIES.into_iter().filter_map(find).collect();
    let first = copies.first()?;
    let ends = |pick: fn(f64, f64) -> f64| -> Vec<f64> {
        (0..first.points.len())
            .map(|i| {
                let at = copies.iter().filter_map(|c| c.points.get(i));
                at.map(|p| p[1]).reduce(pick).unwrap_or(f64::NAN)
            })
            .collect()
    };
    let low: Vec<[f64; 2]> = (first.points.iter().zip(ends(f64::min)))
        .map(|(p, v)| [p[0], v])
        .collect();
    let average: Vec<[f64; 2]> = (middle.points.iter().zip(&variance.points))
        .map(|(m, v)| [m[0], m[1] + v[1]])
        .collect();
    Some(Chart {
        id: "copies",
        title: "Copies of the cooldown",
        doc: "Held-out loss of all copies of the checkpoint (band), their mean, and that of the model with the mean of their weights, first seed. What the copies lose against the mean model is variance; what the mean model keeps is bias.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::linear("held-out loss", "nats"),
        series: vec![
            Series::band(format!("all {} copies", copies.len()), low, ends(f64::max)),
            Series::line("mean of the copies", average),
            Series::line(middle.name, middle.points.clone()),
        ],
        marks: phase_marks(run),
        on_timeline: true,
    })
}

/// What a diagonal network ends with.
fn profile_chart(run: &Run) -> Option<Chart> {
    let curve = run.chosen()?.curves.first()?;
    let bars: Vec<[f64; 2]> = (curve.profile.iter().enumerate())
        .map(|(i, v)| [i as f64, *v])
        .collect();
    Some(Chart {
        id: "products",
        title: "Products at the end",
        doc: "|u v| of every input, the largest first, at the end of the first seed. The teacher uses 20 of the 100.",
        x: Axis::linear("input, by size", ""),
        y: Axis::zero_based("|u v|", ""),
        series: vec![Series::new("|u v|", SeriesKind::Bars, bars)],
        marks: Vec::new(),
        on_timeline: false,
    })
}

fn traces(run: &Run) -> &[Trace] {
    run.chosen()
        .and_then(|c| c.curves.first())
        .map_or(&[], |c| &c.traces)
}

/// Traces of the chosen schedule's first seed in one chart; `None` when it has none of them.
fn traced(
    run: &Run,
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    y: Axis,
    names: &[&str],
) -> Option<Chart> {
    let series: Vec<Series> = names
        .iter()
        .filter_map(|name| traces(run).iter().find(|t| t.name == *name))
        .map(|t| Series::line(t.name, t.points.clone()))
        .collect();
    if series.is_empty() {
        return None;
    }
    Some(Chart {
        id,
        title,
        doc,
        x: Axis::linear("optimizer step", ""),
        y,
        series,
        marks: phase_marks(run),
        on_timeline: true,
    })
}

/// The river seen from above: how far the run got, and how wide its cloud is there.
fn valley_map(run: &Run) -> Option<Chart> {
    let mut series = Vec::new();
    for cell in run.shown() {
        let traces = &cell.curves.first()?.traces;
        let find = |name: &str| traces.iter().find(|t| t.name == name).map(|t| &t.points);
        let (along, across) = (find(VALLEY[2])?, find(VALLEY[3])?);
        let points: Vec<[f64; 2]> = along
            .iter()
            .zip(across)
            .map(|(x, y)| [x[1], y[1]])
            .collect();
        series.push(Series::line(cell.name(), points).of(cell.entity()));
    }
    Some(Chart {
        id: "valley",
        title: "The valley from above",
        doc: "Every run comes from the left, down the river. The height of a line is how widely the run is spread across it: high rates travel far and wide, the cooldown narrows the cloud almost on the spot.",
        x: Axis::linear("distance along the river", ""),
        y: Axis::log("spread across it", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    })
}

/// Contours of the valley, with the cloud of the chosen run and the paths' widths on both sides.
fn landscape(run: &Run) -> Option<Chart> {
    let cell = run.chosen()?;
    let find = |name: &str| traces(run).iter().find(|t| t.name == name);
    let (along, across) = (find(VALLEY[2])?, find(VALLEY[3])?);
    let end = along.points.last()?[1].max(0.5);
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (x, y) in along.points.iter().zip(&across.points) {
        low.push([x[1], -y[1]]);
        high.push(y[1]);
    }
    let mut series = vec![
        Series::band(
            format!("{}: one standard deviation across", cell.name()),
            low,
            high,
        )
        .of(cell.entity()),
    ];
    // ½ a y² + e^-x = h at y = ±√(2 (h - e^-x) / a), from where the river itself is that high.
    for h in [0.1, 0.2, 0.4, 0.8, 1.6] {
        let from = (-num::ln(h)).max(0.0);
        let side = |sign: f64| -> Vec<[f64; 2]> {
            (0..=60)
                .map(|i| from + (1.1 * end - from).max(0.0) * f64::from(i * i) / 3600.0)
                .map(|x| {
                    let above = (h - num::exp(-x)).max(0.0);
                    [x, sign * (2.0 * above / STEEP).sqrt()]
                })
                .collect()
        };
        if from < 1.1 * end {
            let mut contour = side(-1.0);
            contour.reverse();
            contour.extend(side(1.0));
            series.push(Series::line(format!("height {h}"), contour).as_reference());
        }
    }
    Some(Chart {
        id: "landscape",
        title: "The landscape",
        doc: "Lines of equal height around the river, which runs along the middle and falls to the right, and the cloud of the chosen run: wide where the rate is high, narrow after the cooldown.",
        x: Axis::linear("distance along the river", ""),
        y: Axis::linear("across the river", ""),
        series,
        marks: Vec::new(),
        on_timeline: false,
    })
}

/// Points of a drawn average.
const POINTS: usize = 200;

/// The final weights of AdamW as a weighted mean of all updates.
fn average_chart(run: &Run) -> Option<Chart> {
    let c = &run.config;
    if c.problem != Problem::Digits || c.rule != Rule::AdamW || c.weight_decay <= 0.0 {
        return None;
    }
    let mut series = Vec::new();
    for cell in run.shown() {
        let s = &cell.schedule;
        if s.shape == Shape::ScheduleFree {
            continue;
        }
        let rates: Vec<f64> = (0..s.updates).map(|i| s.rate(i)).collect();
        let Ok(average) = Average::new(&rates, c.weight_decay) else {
            continue;
        };
        let every = s.updates.div_ceil(POINTS).max(1);
        let n = s.updates as f64;
        let points: Vec<[f64; 2]> = (average.shares.iter().enumerate().step_by(every))
            .map(|(i, share)| [i as f64, n * share])
            .collect();
        let name = format!(
            "{}: {:.0} % of the updates count, start {:.2} %",
            cell.name(),
            100.0 * average.effective / n,
            100.0 * average.start
        );
        series.push(Series::line(name, points).of(cell.entity()));
    }
    if series.is_empty() {
        return None;
    }
    Some(Chart {
        id: "average",
        title: "What the final weights average",
        doc: "With weight decay the weights of AdamW are a mean of all updates: the share of each, times the number of updates. A constant rate remembers the last 1 / (η λ) updates, a decay to zero weighs them evenly.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::zero_based("share of the update × updates", ""),
        series,
        marks: phase_marks(run),
        on_timeline: true,
    })
}

/// The search of AutoLRS: losses of the probes, and which rates they tried.
fn probe_charts(run: &Run) -> Vec<Chart> {
    if run.probes.is_empty() {
        return Vec::new();
    }
    let mut fan: Vec<Series> = run
        .probes
        .iter()
        .map(|p| {
            let name = format!("probe at {:.1e}, forecast {:.3}", p.rate, p.forecast);
            let series = Series::line(name, p.losses.clone());
            if p.won { series } else { series.as_reference() }
        })
        .collect();
    if let Some(cell) = run.chosen() {
        fan.push(Series::line(cell.name(), cell.mean_curve()).of(cell.entity()));
    }
    let tried = |won: bool| -> Vec<[f64; 2]> {
        run.probes
            .iter()
            .filter(|p| p.won == won)
            .map(|p| [p.start as f64, p.rate])
            .collect()
    };
    let y = if run.log_loss() {
        Axis::log("loss", "")
    } else {
        Axis::linear("loss", "nats")
    };
    vec![
        Chart {
            id: "probes",
            title: "Probes and rewinds",
            doc: "Every probe trains a copy from the start of its stage and is thrown away; the one with the lowest forecast (coloured) sets the rate of the stage.",
            x: Axis::linear("optimizer step", ""),
            y,
            series: fan,
            marks: Vec::new(),
            on_timeline: true,
        },
        Chart {
            id: "search",
            title: "Rates tried and chosen",
            doc: "Rates that the search tried before every stage, and the one that trained it.",
            x: Axis::linear("optimizer step", ""),
            y: Axis::log("rate", ""),
            series: vec![
                Series::new("tried", SeriesKind::Points, tried(false)).as_reference(),
                Series::new("chosen", SeriesKind::Points, tried(true)),
            ],
            marks: Vec::new(),
            on_timeline: true,
        },
    ]
}
