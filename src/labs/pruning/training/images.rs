//! What a training on a part of the images tells.

use super::super::network;
use super::super::results::Results;
use super::film::{Film, Frame};
use super::report::accuracy;
use crate::core::digits::CLASSES;
use crate::core::{Axis, Better, Chart, Mark, Metric, Series, SeriesKind, Table};

/// Bins of the margins.
const BINS: usize = 40;

/// Whether the images are chosen at a frame.
pub(super) fn chosen(r: &Results, frame: &Frame) -> bool {
    frame.step > r.config.train_steps
}

/// Test accuracy of the network that saw all images, in per cent.
fn on_all(r: &Results, film: &Film) -> f64 {
    let frames = film.frames.iter().zip(&r.points);
    let last = frames.take_while(|(f, _)| !chosen(r, f)).last();
    last.map_or(f64::NAN, |(_, p)| accuracy(p))
}

/// Numbers of the run beside accuracy and loss.
pub(super) fn metrics(r: &Results, film: &Film) -> Vec<Metric> {
    let images = &film.images;
    let now = r.points.get(r.chosen).map_or(f64::NAN, accuracy);
    let edge = edge(film).unwrap_or(f64::NAN);
    vec![
        Metric::new(
            "images_kept",
            "Images in use",
            "images",
            images.count() as f64,
            Better::Lower,
            "Training images of the second network.",
        ),
        Metric::new(
            "all_images_percent",
            "On all images",
            "%",
            on_all(r, film),
            Better::Neither,
            "Test accuracy of the first network, which saw all images that there are to choose from.",
        ),
        Metric::new(
            "data_change_points",
            "Change",
            "points",
            now - on_all(r, film),
            Better::Higher,
            "Accuracy minus that of the network trained on all images, for as many steps.",
        ),
        Metric::new(
            "margin_edge",
            "Margin at the cut",
            "logits",
            edge,
            Better::Neither,
            "Margin at which the kept and the pruned images part; none for random ones.",
        ),
    ]
}

/// Margin halfway between the kept and the pruned images; none where these do not part.
fn edge(film: &Film) -> Option<f64> {
    let mask = film.images.kept.as_ref()?;
    let ends = |want: bool| {
        let margins = film.images.margins.iter().zip(mask.iter());
        let own = margins.filter(|(_, kept)| *kept == want).map(|(m, _)| *m);
        own.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], m| {
            [a.min(m), b.max(m)]
        })
    };
    let ([low, high], [first, last]) = (ends(true), ends(false));
    let pair = if high <= first {
        [high, first]
    } else if last <= low {
        [last, low]
    } else {
        return None;
    };
    let middle = 0.5 * (pair[0] + pair[1]);
    middle.is_finite().then_some(middle)
}

/// Charts of the images: how many are in use, their margins, their labels.
pub(super) fn charts(r: &Results, film: &Film, steps: Axis, marks: &[Mark]) -> Vec<Chart> {
    let images = &film.images;
    let share = 100.0 * images.count() as f64 / images.pool.len().max(1) as f64;
    let used = |f: &Frame| [f.step as f64, if chosen(r, f) { share } else { 100.0 }];
    let mut out = vec![Chart {
        id: "images",
        title: "Training images in use",
        doc: "Share of the images that the network of this stretch is trained on.",
        x: steps,
        y: Axis::zero_based("images", "%"),
        series: vec![Series::new(
            "in use",
            SeriesKind::Stairs,
            film.frames.iter().map(used).collect::<Vec<_>>(),
        )],
        marks: marks.to_vec(),
        on_timeline: true,
    }];
    if let Some(mask) = &images.kept {
        let kept = |i: usize| mask.kept(i);
        let labels = &network::data().0.labels;
        let of = |class: usize, all: bool| {
            let own =
                |(i, &at): (usize, &usize)| usize::from(labels[at]) == class && (all || kept(i));
            images.pool.iter().enumerate().filter(|p| own(*p)).count() as f64
        };
        let bar = |class: usize| {
            let point = vec![[
                class as f64,
                100.0 * of(class, false) / of(class, true).max(1.0),
            ]];
            Series::new(format!("digit {class}"), SeriesKind::Bars, point)
        };
        out.push(margins_chart(film));
        out.push(Chart {
            id: "labels",
            title: "Which digits stay",
            doc: "Share of the images of each digit that stay. Difficulty is not shared evenly: some digits lose almost all of theirs.",
            x: Axis::linear("digit", ""),
            y: Axis::zero_based("stay", "%"),
            series: (0..CLASSES).map(bar).collect(),
            marks: Vec::new(),
            on_timeline: false,
        });
    }
    out
}

/// Counts of kept and of pruned images by margin: the bins' edges, then both counts.
pub(crate) fn bins(film: &Film) -> Option<(Vec<f64>, Vec<[f64; 2]>)> {
    let images = &film.images;
    let finite = || images.margins.iter().copied().filter(|m| m.is_finite());
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min),
        finite().fold(f64::NEG_INFINITY, f64::max),
    );
    if low >= high {
        return None;
    }
    let width = (high - low) / BINS as f64;
    let mut counts = vec![[0.0; 2]; BINS];
    for (i, m) in images.margins.iter().enumerate() {
        if m.is_finite() {
            let bin = (((m - low) / width) as usize).min(BINS - 1);
            let stays = images.kept.as_ref().is_none_or(|k| k.kept(i));
            counts[bin][usize::from(!stays)] += 1.0;
        }
    }
    let edges = (0..=BINS).map(|i| low + width * i as f64).collect();
    Some((edges, counts))
}

fn margins_chart(film: &Film) -> Chart {
    let (edges, counts) = bins(film).unwrap_or_default();
    let stairs = |which: usize| {
        let points = edges.iter().zip(&counts).map(|(x, c)| [*x, c[which]]);
        let end = edges.last().map(|x| [*x, 0.0]);
        points.chain(end).collect::<Vec<_>>()
    };
    Chart {
        id: "margins",
        title: "How hard the images are",
        doc: "Images by their margin in the first network: the logit of the label minus the largest other one. Below 0 it is wrong.",
        x: Axis::linear("margin", "logits"),
        y: Axis::zero_based("images", ""),
        series: vec![
            Series::new("stay", SeriesKind::Stairs, stairs(0)),
            Series::new("go", SeriesKind::Stairs, stairs(1)),
        ],
        marks: edge(film)
            .map(|x| Mark {
                x,
                label: "cut".to_owned(),
            })
            .into_iter()
            .collect(),
        on_timeline: false,
    }
}

/// Every image with its margin and whether it stays.
pub(crate) fn table(film: &Film) -> Table {
    let images = &film.images;
    let labels = &network::data().0.labels;
    let row = |(i, &at): (usize, &usize)| {
        vec![
            at as f64,
            f64::from(labels[at]),
            images.margins.get(i).copied().unwrap_or(f64::NAN),
            f64::from(u8::from(images.kept.as_ref().is_none_or(|k| k.kept(i)))),
        ]
    };
    Table {
        columns: ["image", "label", "margin", "kept"]
            .map(str::to_owned)
            .to_vec(),
        rows: images.pool.iter().enumerate().map(row).collect(),
    }
}

/// The result in a sentence.
pub(super) fn summary(r: &Results, film: &Film) -> String {
    let now = r.points.get(r.chosen).map_or(f64::NAN, accuracy);
    format!(
        "Trained on {} of {} images, {}: test accuracy {now:.1} %; on all of them {:.1} %.",
        film.images.count(),
        film.images.pool.len(),
        r.config.pick.words(),
        on_all(r, film)
    )
}
