//! What a training tells: numbers, charts, its table, its timeline, and why the mask is as it is.

use super::super::config::{Config, Exchange, Fade, Regime, Shape};
use super::super::results::{Point, Results};
use super::course::schedule_of;
use super::film::{Ended, Film, Frame};
use crate::core::{
    Axis, Better, Chart, Mark, Metric, Moment, MomentKind, Series, SeriesKind, Table, Timeline, num,
};

const STEPS: Axis = Axis::linear("optimizer step", "");

fn line(film: &Film, r: &Results, y: impl Fn(&Frame, &Point) -> f64) -> Vec<[f64; 2]> {
    let frames = film.frames.iter().zip(&r.points);
    frames.map(|(f, p)| [f.step as f64, y(f, p)]).collect()
}

fn accuracy(p: &Point) -> f64 {
    p.judged.map_or(f64::NAN, |e| 100.0 * e.accuracy())
}

fn stage_marks(film: &Film) -> Vec<Mark> {
    let later = film.stages.iter().filter(|s| s.0 > 0);
    later
        .map(|(at, name)| Mark {
            x: *at as f64,
            label: name.split(':').next().unwrap_or(name).to_owned(),
        })
        .collect()
}

/// Charts of a training, the most important first.
pub(crate) fn charts(r: &Results, film: &Film) -> Vec<Chart> {
    let mut charts = vec![accuracy_chart(r, film), sparsity_chart(r, film)];
    if film.rounds.len() > 1 {
        charts.push(rounds_chart(r, film));
        charts.push(index_chart(r, film));
    }
    charts.push(density_chart(r, film));
    charts.push(changes_chart(r, film));
    charts.push(loss_chart(r, film));
    charts.push(effective_chart(r, film));
    charts.extend(profile_chart(film));
    charts
}

fn accuracy_chart(r: &Results, film: &Film) -> Chart {
    let points = line(film, r, |_, p| accuracy(p));
    let end = points.last().map_or(1.0, |p| p[0]);
    Chart {
        id: "accuracy",
        title: "Test accuracy while it trains",
        doc: "Accuracy of the network under its mask on the test images. Look how far it falls at a cut and how long it takes to recover.",
        x: STEPS,
        y: Axis::zero_based("accuracy", "%"),
        series: vec![
            Series::line(r.config.label(), points),
            Series::line("guessing", vec![[0.0, 10.0], [end, 10.0]]).as_reference(),
        ],
        marks: stage_marks(film),
        on_timeline: true,
    }
}

/// The sparsity of a shape at many steps of the config's training, in per cent.
pub(crate) fn shape_line(config: &Config, shape: Shape) -> Vec<[f64; 2]> {
    let steps = config.train_steps;
    let schedule = schedule_of(config, shape, steps);
    let by = steps.div_ceil(200).max(1);
    let at = |t: u64| [t as f64, 100.0 * schedule.at(t)];
    (0..=steps / by).map(|i| at(i * by)).collect()
}

fn sparsity_chart(r: &Results, film: &Film) -> Chart {
    let mut series = vec![Series::new(
        "sparsity",
        SeriesKind::Stairs,
        line(film, r, |_, p| r.sparsity(p)),
    )];
    if r.config.regime == Regime::Gradual {
        for shape in Shape::ALL.into_iter().filter(|s| *s != r.config.shape) {
            let line = Series::line(shape.words(), shape_line(&r.config, shape));
            series.push(line.as_reference());
        }
    }
    Chart {
        id: "sparsity",
        title: "Sparsity while it trains",
        doc: "Share of the weights that are pruned, beside the other schedules of the same window. What counts is how early most weights are gone: the rest of the training is time to recover.",
        x: STEPS,
        y: Axis::zero_based("sparsity", "%"),
        series,
        marks: stage_marks(film),
        on_timeline: true,
    }
}

fn rounds_chart(r: &Results, film: &Film) -> Chart {
    let percent = |e: &Ended| 100.0 * e.kept as f64 / r.total.max(1) as f64;
    let points: Vec<[f64; 2]> = film
        .rounds
        .iter()
        .rev()
        .map(|e| [percent(e), 100.0 * e.judged.accuracy()])
        .collect();
    let mut series = vec![Series::line("after its training", points)];
    if let (Some(control), Some(last)) = (film.control, film.rounds.last()) {
        let point = vec![[percent(last), 100.0 * control.accuracy()]];
        series.push(Series::new(
            "same mask, new first weights",
            SeriesKind::Points,
            point,
        ));
    }
    Chart {
        id: "rounds",
        title: "Accuracy at the end of every round",
        doc: "Each round trains the survivors from their first weights. The dot is the control: the last mask with other first weights.",
        x: Axis::log("density", "%"),
        y: Axis::zero_based("accuracy", "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn index_chart(r: &Results, film: &Film) -> Chart {
    let percent = |kept: f64| 100.0 * kept / r.total.max(1) as f64;
    let ended = || film.rounds.iter().rev();
    let index: Vec<[f64; 2]> = ended().map(|e| [percent(e.kept as f64), e.index]).collect();
    let marks = film.rounds.last().filter(|e| e.cut > 0).map(|e| Mark {
        x: percent((e.kept - e.cut) as f64),
        label: "next cut".to_owned(),
    });
    Chart {
        id: "index",
        title: "PQ index of the survivors",
        doc: "How unequal the surviving magnitudes are (p = ½, q = 1; 0: all equal), after every round. As weights go it falls, and rises again near the limit of what can be pruned.",
        x: Axis::log("density", "%"),
        y: Axis::zero_based("PQ index", ""),
        series: vec![Series::line("survivors", index)],
        marks: marks.into_iter().collect(),
        on_timeline: false,
    }
}

fn density_chart(r: &Results, film: &Film) -> Chart {
    let of = |l: usize| {
        let points: Vec<[f64; 2]> = film
            .frames
            .iter()
            .enumerate()
            .map(|(i, f)| [f.step as f64, 100.0 * r.density(l, i)])
            .collect();
        Series::line(r.layers[l].name.clone(), points).of(crate::core::EntityId(l as u64))
    };
    Chart {
        id: "density",
        title: "Density of every layer while it trains",
        doc: "Share of its weights that each layer keeps. A line at 0 is a collapsed layer.",
        x: STEPS,
        y: Axis::zero_based("density", "%"),
        series: r.lines().into_iter().map(of).collect(),
        marks: stage_marks(film),
        on_timeline: true,
    }
}

fn changes_chart(r: &Results, film: &Film) -> Chart {
    Chart {
        id: "changes",
        title: "Weights that go and come",
        doc: "Weights pruned and weights that came back since the moment before. A monotone schedule only prunes; harmonic schedules and exchanges bring weights back.",
        x: STEPS,
        y: Axis::zero_based("weights", ""),
        series: vec![
            Series::new(
                "pruned",
                SeriesKind::Stairs,
                line(film, r, |f, _| f.pruned as f64),
            ),
            Series::new(
                "came back",
                SeriesKind::Stairs,
                line(film, r, |f, _| f.grown as f64),
            ),
        ],
        marks: stage_marks(film),
        on_timeline: true,
    }
}

fn loss_chart(r: &Results, film: &Film) -> Chart {
    Chart {
        id: "loss",
        title: "Loss while it trains",
        doc: "Mean cross-entropy on the test images under the mask, and of the last batch.",
        x: STEPS,
        y: Axis::log("loss", "nats"),
        series: vec![
            Series::line(
                "test",
                line(film, r, |_, p| p.judged.map_or(f64::NAN, |e| e.loss)),
            ),
            Series::line("last batch", line(film, r, |f, _| f.batch_loss)),
        ],
        marks: stage_marks(film),
        on_timeline: true,
    }
}

fn effective_chart(r: &Results, film: &Film) -> Chart {
    let share = |p: &Point| {
        let kept: u64 = p.effective.as_ref().map_or(0, |e| e.kept.iter().sum());
        100.0 * kept as f64 / r.total.max(1) as f64
    };
    Chart {
        id: "effective",
        title: "Kept weights that lie on a path",
        doc: "A kept weight whose unit has lost all inputs or all outputs does nothing. The gap between the lines is dead weight.",
        x: STEPS,
        y: Axis::zero_based("density", "%"),
        series: vec![
            Series::line("on a path", line(film, r, |_, p| share(p))),
            Series::line("kept", line(film, r, |_, p| 100.0 - r.sparsity(p))).as_reference(),
        ],
        marks: stage_marks(film),
        on_timeline: true,
    }
}

/// Pressure of the `HyperSparse` term against the magnitude.
fn profile_chart(film: &Film) -> Option<Chart> {
    let profile = film.profile?;
    // κ, where the pressure falls fastest: σκ = artanh(1/√3).
    let x = 1.0 / 3.0_f64.sqrt();
    let kappa = 0.5 * (num::ln_1p(x) - num::ln_1p(-x)) / profile.sigma;
    let pressure = |w: f64| {
        let t = num::tanh(profile.sigma * w);
        profile.sigma * (1.0 - t * t) * profile.ratio
    };
    let points: Vec<[f64; 2]> = (0..=120)
        .map(|i| 5.0 * kappa * f64::from(i) / 120.0)
        .map(|w| [w, pressure(w)])
        .collect();
    Some(Chart {
        id: "pressure",
        title: "Pressure on a weight by its magnitude",
        doc: "Gradient of the HyperSparse term at the last step before the cut: weights that will go are pressed towards zero, large ones are left alone.",
        x: Axis::linear("|w|", ""),
        y: Axis::zero_based("gradient", ""),
        series: vec![Series::line("pressure", points)],
        marks: vec![Mark {
            x: kappa,
            label: "weight at the rate".to_owned(),
        }],
        on_timeline: false,
    })
}

/// Share of the steps spent above 90 % of the final sparsity, in per cent.
fn late_share(r: &Results, film: &Film) -> f64 {
    let (Some(point), Some(end)) = (r.points.get(r.chosen), film.frames.get(r.chosen)) else {
        return f64::NAN;
    };
    let limit = 0.9 * r.sparsity(point);
    let moments = film.frames.iter().zip(&r.points).take(r.chosen + 1);
    let steps: Vec<(u64, bool)> = moments
        .map(|(f, p)| (f.step, r.sparsity(p) >= limit))
        .collect();
    let above = |w: &[(u64, bool)]| if w[0].1 { w[1].0 - w[0].0 } else { 0 };
    let sum: u64 = steps.windows(2).map(above).sum();
    100.0 * sum as f64 / end.step.max(1) as f64
}

/// Numbers of a training beside those of every run.
pub(crate) fn metrics(r: &Results, film: &Film) -> Vec<Metric> {
    let chosen = film.frames.get(r.chosen);
    let total = |of: fn(&Frame) -> u64| film.frames.iter().map(of).sum::<u64>() as f64;
    let mut out = vec![
        Metric::new(
            "mean_density_percent",
            "Mean density",
            "%",
            100.0 * film.mean_density,
            Better::Neither,
            "Share of the weights that are kept, averaged over the optimizer steps: the mean size of the network while it trained.",
        ),
        Metric::new(
            "sparse_steps_percent",
            "Time while sparse",
            "%",
            late_share(r, film),
            Better::Neither,
            "Share of the steps spent above nine tenths of the final sparsity: the time left to recover.",
        ),
        Metric::new(
            "grown_weights",
            "Came back",
            "weights",
            total(|f| f.grown),
            Better::Neither,
            "Weights that were pruned at one moment shown and kept at the next, over the whole training.",
        ),
        Metric::new(
            "pq_index",
            "PQ index",
            "",
            chosen.map_or(f64::NAN, |f| f.index),
            Better::Neither,
            "How unequal the surviving magnitudes are, p = ½, q = 1; 0 when all are equal.",
        ),
    ];
    if let Some(control) = film.control {
        out.push(Metric::new(
            "control_accuracy_percent",
            "Control",
            "%",
            100.0 * control.accuracy(),
            Better::Neither,
            "Test accuracy of the same mask trained from other first weights.",
        ));
    }
    out
}

/// The training as a table, a row for every moment.
pub(crate) fn table(r: &Results, film: &Film) -> Table {
    let columns = [
        "step",
        "target_percent",
        "sparsity_percent",
        "accuracy_percent",
        "loss_nats",
        "batch_loss_nats",
        "learning_rate",
        "pruned",
        "came_back",
        "pq_index",
        "dead_units",
    ];
    let row = |(f, p): (&Frame, &Point)| {
        vec![
            f.step as f64,
            100.0 * f.target,
            r.sparsity(p),
            accuracy(p),
            p.judged.map_or(f64::NAN, |e| e.loss),
            f.batch_loss,
            f.rate,
            f.pruned as f64,
            f.grown as f64,
            f.index,
            p.effective
                .as_ref()
                .map_or(f64::NAN, |e| e.dead_units() as f64),
        ]
    };
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: film.frames.iter().zip(&r.points).map(row).collect(),
    }
}

/// The optimizer steps, with what happens at them.
pub(crate) fn timeline(r: &Results, film: &Film) -> Timeline {
    let mut moments: Vec<Moment> = film
        .stages
        .iter()
        .map(|(at, name)| Moment {
            at: *at as f64,
            label: name.clone(),
            kind: MomentKind::Phase,
        })
        .collect();
    let mut add = |i: Option<usize>, label: &str, kind: MomentKind| {
        if let Some(f) = i.and_then(|i| film.frames.get(i)) {
            moments.push(Moment {
                at: f.step as f64,
                label: label.to_owned(),
                kind,
            });
        }
    };
    let first = |test: &dyn Fn(&Frame, &Point) -> bool| {
        let mut pairs = film.frames.iter().zip(&r.points);
        pairs.position(|(f, p)| test(f, p))
    };
    add(
        first(&|_, p| p.pruned > 0),
        "first weights pruned",
        MomentKind::Note,
    );
    add(
        first(&|f, _| f.grown > 0),
        "first weights come back",
        MomentKind::Note,
    );
    add(
        first(&|_, p| r.sparsity(p) >= r.config.sparsity - 0.01),
        "final sparsity reached",
        MomentKind::Note,
    );
    add(
        first(&|_, p| p.effective.as_ref().is_some_and(|e| e.dead_units() > 0)),
        "first dead unit",
        MomentKind::Bad,
    );
    Moment::sort(&mut moments);
    let steps: Vec<f64> = film.frames.iter().map(|f| f.step as f64).collect();
    Timeline {
        steps: if steps.is_empty() {
            vec![0.0].into()
        } else {
            steps.into()
        },
        axis: "optimizer step",
        unit: "",
        step_name: "1 moment",
        moments,
    }
}

/// The result in a sentence.
pub(crate) fn summary(r: &Results, film: &Film) -> String {
    let Some(point) = r.points.get(r.chosen) else {
        return String::new();
    };
    let control = film.control.map_or(String::new(), |c| {
        format!(
            "; the same mask with other first weights reaches {:.1} %",
            100.0 * c.accuracy()
        )
    });
    format!(
        "{}: {} of {} weights pruned ({:.1} %) while training; test accuracy {:.1} %, mean density {:.1} %{control}.",
        r.config.label().split(", ").next().unwrap_or(""),
        point.pruned,
        r.total,
        r.sparsity(point),
        accuracy(point),
        100.0 * film.mean_density
    )
}

/// The rule at work in a layer, with its numbers.
pub(crate) fn why(r: &Results, film: &Film, layer: usize, step: usize) -> Vec<String> {
    let (Some(f), c) = (film.frames.get(step), &r.config) else {
        return Vec::new();
    };
    let n = r.layers.get(layer).map_or(0, |l| l.values.len());
    let kept = f
        .masks
        .get(layer)
        .map_or(0, super::super::mask::Mask::count);
    let mut out = vec![match c.regime {
        Regime::Gradual => format!(
            "s = {:.4} at step {}; k = round_half_to_even(s N), ranked {}",
            f.target,
            f.step,
            if c.shape == Shape::Harmonic || c.fade != Fade::Hard {
                "with the last values of pruned weights, which may come back"
            } else {
                "among the survivors"
            }
        ),
        Regime::Exchange => match c.exchange {
            Exchange::Never => "the random mask of the start stays".to_owned(),
            how => format!(
                "every {} steps the smallest kept |w| go and as many {} come, in each layer",
                c.every,
                if how == Exchange::Random {
                    "random weights"
                } else {
                    "weights with the largest gradients"
                }
            ),
        },
        Regime::Ticket => format!(
            "after each round the {} % smallest survivors of all layers go, and the others go back to step {}",
            c.per_round, c.rewind
        ),
        Regime::Sap => format!(
            "after each round ⌊d · clip(γ (1 - m/d), 0, 0.9)⌋ survivors go, m = ⌈d (1 - I)⌉, I = {:.4} now",
            f.index
        ),
        Regime::Flicker => {
            "the mask is fixed; pruned weights are still on at random in the steps before it settles"
                .to_owned()
        }
        Regime::HyperSparse => {
            "small weights are pressed towards zero until the pruned network is as good on the training images as the dense one"
                .to_owned()
        }
        Regime::Cut => String::new(),
    }];
    out.push(format!("here {kept} of {n} weights are kept"));
    if f.pruned + f.grown > 0 {
        out.push(format!(
            "since the moment before {} went and {} came back, in all layers",
            f.pruned, f.grown
        ));
    }
    out
}
