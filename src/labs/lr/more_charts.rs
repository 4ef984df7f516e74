//! Charts of single problems and methods: what AdamW averages, the probes of a search, the three
//! iterates of Schedule-Free, the river valley.

use super::average::Average;
use super::config::{Problem, Rule};
use super::model::{Run, Trace};
use super::report::phase_marks;
use super::schedule::Shape;
use super::steer::{FEDERATED, GROWING, ITERATES, RELABEL, SPARSE, VALLEY};
use crate::core::{Axis, Chart, Series, SeriesKind};

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
        Problem::Sparse => {
            out.extend(profile_chart(run));
            out.extend(compared(
                run,
                "alive",
                "Weights alive",
                "Products u v above 0.01 of the first seed: while a large rate keeps the loss up, small ones die.",
                Axis::zero_based("weights", ""),
                SPARSE[0],
            ));
        }
        Problem::Federated => {
            out.extend(traced(
                run,
                "server",
                "Steps that the hypergradient sets",
                "The server's step over plain averaging, first seed: it grows while neighbouring updates agree.",
                Axis::zero_based("server's step", "×"),
                &FEDERATED[..1],
            ));
            out.extend(compared(
                run,
                "clients",
                "Clients' rates",
                "Mean rate of the clients' local steps, first seed.",
                Axis::zero_based("rate", ""),
                FEDERATED[1],
            ));
        }
        Problem::Relabel => {
            for (id, title, doc, y, name) in [
                (
                    "effective",
                    "Effective rate",
                    "η / ‖W‖² of the normalised layer, first seed: how far a step turns the weights. It decays by itself when the norm grows.",
                    Axis::log("η / ‖W‖²", ""),
                    RELABEL[1],
                ),
                (
                    "norm",
                    "Norm of the hidden weights",
                    "Grows with every step of plain SGD, because gradients of a normalised layer are at right angles to its weights.",
                    Axis::zero_based("‖W‖", ""),
                    RELABEL[0],
                ),
                (
                    "accuracy",
                    "Accuracy while labels change",
                    "Share of the batches' samples right before their update: how fast every new labelling is learnt.",
                    Axis::zero_based("accuracy", ""),
                    RELABEL[2],
                ),
            ] {
                out.extend(compared(run, id, title, doc, y, name));
            }
        }
        Problem::Growing => {
            for (id, title, doc, y, name) in [
                (
                    "batch",
                    "Batch",
                    "Samples per optimizer step: it grows when the gradients spread more widely than their mean is long.",
                    Axis::log("batch", "samples"),
                    GROWING[0],
                ),
                (
                    "scale",
                    "Noise scale",
                    "Step size over batch: growing the batch does to the noise what decaying the rate does.",
                    Axis::log("step size / batch", ""),
                    GROWING[2],
                ),
                (
                    "steps",
                    "Optimizer steps",
                    "Steps made with the samples seen so far.",
                    Axis::zero_based("steps", ""),
                    GROWING[1],
                ),
            ] {
                out.extend(compared(run, id, title, doc, y, name));
            }
        }
        _ => {}
    }
    out
}

/// One trace of every schedule shown, first seed.
fn compared(
    run: &Run,
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    y: Axis,
    name: &str,
) -> Option<Chart> {
    let series: Vec<Series> = run
        .shown()
        .into_iter()
        .filter_map(|cell| {
            let traces = &cell.curves.first()?.traces;
            let trace = traces.iter().find(|t| t.name == name)?;
            Some(Series::line(cell.name(), trace.points.clone()).of(cell.entity()))
        })
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
