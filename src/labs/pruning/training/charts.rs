//! The charts of a training.

use super::super::config::{Config, Regime, Shape};
use super::super::results::{Point, Results};
use super::bits;
use super::course::schedule_of;
use super::film::{Ended, Film, Frame};
use super::images;
use super::report::{accuracy, class_gap, second};
use crate::core::{Axis, Chart, Mark, Series, SeriesKind, num};

const STEPS: Axis = Axis::linear("optimizer step", "");

fn line(film: &Film, r: &Results, y: impl Fn(&Frame, &Point) -> f64) -> Vec<[f64; 2]> {
    let frames = film.frames.iter().zip(&r.points);
    frames.map(|(f, p)| [f.step as f64, y(f, p)]).collect()
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
    if r.config.regime == Regime::Data {
        let mut charts = vec![accuracy_chart(r, film)];
        charts.extend(images::charts(r, film, STEPS, &stage_marks(film)));
        charts.push(loss_chart(r, film));
        return charts;
    }
    let mut charts = vec![accuracy_chart(r, film)];
    if r.config.regime == Regime::Bits {
        charts.extend(bits::charts(r, film, STEPS, &stage_marks(film)));
    }
    charts.push(sparsity_chart(r, film));
    if film.rounds.len() > 1 {
        charts.push(rounds_chart(r, film));
        charts.push(index_chart(r, film));
    }
    charts.push(density_chart(r, film));
    charts.push(changes_chart(r, film));
    charts.push(loss_chart(r, film));
    charts.push(effective_chart(r, film));
    charts.extend(profile_chart(film));
    charts.extend(classes_chart(r, film));
    charts.extend(errors_chart(r, film));
    charts
}

/// What is judged beside the task, in a word.
fn second_words(r: &Results) -> &'static str {
    match r.config.regime {
        Regime::Transfer => "first task",
        _ => "noisy images",
    }
}

/// Accuracy lost by class since the dense network, beyond what all lost.
fn classes_chart(r: &Results, film: &Film) -> Option<Chart> {
    let (Some((_, dense)), Some((_, now))) = (film.classes.first(), film.classes.last()) else {
        return None;
    };
    let known = matches!(
        r.config.regime,
        Regime::Tune | Regime::Flicker | Regime::HyperSparse | Regime::Surgery
    );
    if film.classes.len() < 2 || !known {
        return None;
    }
    let gap = class_gap(dense, now);
    let bar = |(class, excess): (usize, &f64)| {
        let point = vec![[class as f64, 100.0 * excess]];
        Series::new(format!("digit {class}"), SeriesKind::Bars, point)
    };
    Some(Chart {
        id: "classes",
        title: "Which digits pay",
        doc: "Accuracy that each class lost since the dense network, minus what all classes lost together. Bars above 0 are classes that pruning hits harder. With 40 to 60 test images of a class one image is about 2 points.",
        x: Axis::linear("digit", ""),
        y: Axis::linear("loss beyond the mean", "points"),
        series: gap.excess.iter().enumerate().map(bar).collect(),
        marks: Vec::new(),
        on_timeline: false,
    })
}

fn errors_chart(r: &Results, film: &Film) -> Option<Chart> {
    let bar = |(l, error): (usize, &f64)| {
        let point = vec![[(l + 1) as f64, 100.0 * error]];
        Series::new(r.layers[l].name.clone(), SeriesKind::Bars, point)
            .of(crate::core::EntityId(l as u64))
    };
    (!film.errors.is_empty()).then(|| Chart {
        id: "output_error",
        title: "Squared error of the layers' outputs",
        doc: "How far the outputs of each pruned layer are from those of its own weights on 256 calibration images, over the square of these. Repairs are made to keep this small.",
        x: Axis::linear("layer", ""),
        y: Axis::zero_based("relative squared error", "%"),
        series: film.errors.iter().enumerate().map(bar).collect(),
        marks: Vec::new(),
        on_timeline: false,
    })
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
        series: std::iter::once(Series::line(r.config.label(), points))
            .chain(
                film.frames
                    .iter()
                    .any(|f| f.second.is_some())
                    .then(|| Series::line(second_words(r), line(film, r, |f, _| second(f)))),
            )
            .chain([Series::line("guessing", vec![[0.0, 10.0], [end, 10.0]]).as_reference()])
            .collect(),
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
