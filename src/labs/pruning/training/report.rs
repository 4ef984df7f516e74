//! What a training tells: numbers, charts, its table, its timeline, and why the mask is as it is.

use super::super::config::{Exchange, Fade, Regime, Shape};
use super::super::kinds::{Pattern, Surgery, Transfer};
use super::super::measure::{GroupGap, group_gap};
use super::super::network;
use super::super::results::{Point, Results};
use super::bits;
use super::film::{Film, Frame};
use super::images;
use crate::core::{Better, Metric, Moment, MomentKind, Table, Timeline};

/// Gaps of the classes, weighted by their test images.
pub(crate) fn class_gap(dense: &[f64], now: &[f64]) -> GroupGap {
    let mut counts = vec![0.0; dense.len()];
    for &label in &network::data().1.labels {
        counts[usize::from(label)] += 1.0;
    }
    group_gap(dense, now, &counts)
}

pub(super) fn second(f: &Frame) -> f64 {
    f.second.map_or(f64::NAN, |e| 100.0 * e.accuracy())
}

pub(super) fn accuracy(p: &Point) -> f64 {
    p.judged.map_or(f64::NAN, |e| 100.0 * e.accuracy())
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
    if r.config.regime == Regime::Data {
        return images::metrics(r, film);
    }
    if r.config.regime == Regime::Bits {
        return bits::metrics(r, film);
    }
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
    if let Some(f) = chosen.filter(|f| f.second.is_some()) {
        let (key, name, doc) = match r.config.regime {
            Regime::Transfer => (
                "first_task_percent",
                "First task",
                "Test accuracy on the digits as they are, after the second task.",
            ),
            _ => (
                "noisy_accuracy_percent",
                "With noise",
                "Test accuracy when normal noise of standard deviation 0.3 lies on every pixel.",
            ),
        };
        out.push(Metric::new(key, name, "%", second(f), Better::Higher, doc));
    }
    if let (Some((_, dense)), Some((_, now)), true) = (
        film.classes.first(),
        film.classes.last(),
        film.classes.len() > 1 && r.config.regime != Regime::Transfer,
    ) {
        out.push(Metric::new(
            "class_gap_points",
            "Worst class",
            "points",
            100.0 * class_gap(dense, now).max_excess,
            Better::Lower,
            "Accuracy that the worst class lost since the end of the first stretch, beyond what all classes lost together.",
        ));
    }
    if !film.errors.is_empty() {
        let mean = film.errors.iter().sum::<f64>() / film.errors.len() as f64;
        out.push(Metric::new(
            "output_error_percent",
            "Output error",
            "%",
            100.0 * mean,
            Better::Lower,
            "Squared change of a layer's outputs over their square on the calibration images, mean of the layers.",
        ));
    }
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
    if r.config.regime == Regime::Data {
        return images::summary(r, film);
    }
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
        "{}: {} of {} weights pruned ({:.1} %) while training; test accuracy {:.1} %, mean density {:.1} %{control}.{}",
        r.config.label().split(", ").next().unwrap_or(""),
        point.pruned,
        r.total,
        r.sparsity(point),
        accuracy(point),
        100.0 * film.mean_density,
        bits::summary(r, film)
    )
}

fn surgery_words(r: &Results, layer: usize) -> String {
    let (c, cols) = (&r.config, r.layers.get(layer).map_or(0, |l| l.cols));
    let gone = match c.pattern {
        Pattern::Free => format!("⌊{cols} · {}⌋ of a row", c.sparsity / 100.0),
        Pattern::Groups => format!("all but {} of every {} of a row", c.keep_n, c.group_m),
    };
    match c.surgery {
        Surgery::SparseGpt if c.pattern == Pattern::Free => format!(
            "in every block of {} columns the smallest w² / U_jj² of all rows go, U the Cholesky factor of H⁻¹",
            c.columns
        ),
        Surgery::SparseGpt => format!("{gone} go by w² / U_jj², U the Cholesky factor of H⁻¹"),
        Surgery::Surgeon => format!(
            "{gone} go one by one, each time the smallest w² / (2 [H⁻¹]_qq), and δw = -w_q / [H⁻¹]_qq H⁻¹_q"
        ),
        Surgery::Wanda => format!("{gone} go by |w| ‖x‖"),
        Surgery::Magnitude => format!("{gone} go by |w|"),
        Surgery::LowRank => {
            let rows = r.layers.get(layer).map_or(0, |l| l.rows);
            let [rank, columns] = super::course::budget(c, [rows, cols]);
            format!(
                "W ≈ B A of rank {rank} + {columns} of {cols} columns as they are: {} of {} numbers",
                rank * (rows + cols) + columns * rows,
                rows * cols
            )
        }
    }
}

/// The rule at work in a layer, with its numbers.
pub(crate) fn why(r: &Results, film: &Film, layer: usize, step: usize) -> Vec<String> {
    let (Some(f), c) = (film.frames.get(step), &r.config) else {
        return Vec::new();
    };
    let n = r.layers.get(layer).map_or(0, |l| l.values.len());
    let kept = f.masks.get(layer).map_or(0, crate::core::mask::Mask::count);
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
                "every {} steps, in place of an update, the smallest kept |w| go and as many {} come, in each layer",
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
        Regime::Surgery => surgery_words(r, layer),
        Regime::Dynamic => format!(
            "each image keeps the largest activations of a hidden layer until they make up {} %{}",
            c.mass,
            if c.crossing {
                ", the one that crosses it included"
            } else {
                "; the one that crosses it goes"
            }
        ),
        Regime::Tune => {
            "one cut of the trained network, then the survivors are tuned".to_owned()
        }
        Regime::Transfer => match c.transfer {
            Transfer::Mask => {
                "a weight takes part while its score is above 0.005; scores start at 0.01 and follow -w ∂L/∂w, weights stay".to_owned()
            }
            Transfer::Half => "dark weights are tuned on the second task, blank ones stay as they were".to_owned(),
            Transfer::Open => "sparse on the first task; on the second all weights take part, the new ones from 0".to_owned(),
            Transfer::Shut => "the random mask of the start stays".to_owned(),
        },
        Regime::Data => {
            let (all, left) = (film.images.pool.len(), film.images.count());
            if images::chosen(r, f) {
                format!(
                    "no weight is pruned; trained on {left} of {all} images, {}: k = round_half_to_even({} · {all}) went",
                    c.pick.words(),
                    c.images_cut / 100.0
                )
            } else {
                format!("no weight is pruned; this first network sees all {all} images and ranks them by margin")
            }
        }
        Regime::Bits => bits::why(r, f, layer),
        Regime::Cut => String::new(),
    }];
    if c.regime == Regime::Data {
        return out;
    }
    out.push(format!("here {kept} of {n} weights are kept"));
    if f.pruned + f.grown > 0 {
        out.push(format!(
            "since the moment before {} went and {} came back, in all layers",
            f.pruned, f.grown
        ));
    }
    out
}
