//! The linked charts of a run, as data.

use super::results::{Point, Results};
use crate::core::{Axis, Chart, EntityId, Mark, Series, SeriesKind};

fn sweep(r: &Results, y: impl Fn(&Point) -> Option<f64>) -> Vec<[f64; 2]> {
    let at = |p: &Point| y(p).map(|y| [p.asked, y]);
    r.points.iter().filter_map(at).collect()
}

fn mark(r: &Results) -> Vec<Mark> {
    r.points
        .get(r.chosen)
        .map(|p| Mark {
            x: p.asked,
            label: "chosen".to_owned(),
        })
        .into_iter()
        .collect()
}

/// All charts of a run, the most important first.
pub(super) fn charts(r: &Results) -> Vec<Chart> {
    let mut charts = Vec::new();
    if r.points.iter().any(|p| p.judged.is_some()) {
        charts.push(accuracy_chart(r));
    }
    charts.push(density_bars(r));
    charts.push(magnitude_chart(r));
    charts.push(bytes_chart(r));
    charts.extend(planes_chart(r));
    charts.push(density_chart(r));
    if r.points.iter().any(|p| p.judged.is_some()) {
        charts.push(loss_chart(r));
        charts.push(effective_chart(r));
        charts.extend(overlap_chart(r));
    }
    charts
}

const SPARSITY: Axis = Axis::linear("sparsity", "%");

fn accuracy_chart(r: &Results) -> Chart {
    let accuracy = |p: &Point| p.judged.map(|e| 100.0 * e.accuracy());
    let mut series = vec![Series::line(r.config.method_words(), sweep(r, accuracy))];
    for rival in &r.rivals {
        series.push(Series::line(rival.name, rival.accuracy.clone()));
    }
    let end = r.points.last().map_or(100.0, |p| p.asked);
    let chance = vec![[0.0, 10.0], [end, 10.0]];
    series.push(Series::line("guessing", chance).as_reference());
    Chart {
        id: "accuracy",
        title: "Accuracy against sparsity",
        doc: "Test accuracy of the same trained network after pruning, without retraining. Look for the sparsity at which each method falls off.",
        x: SPARSITY,
        y: Axis::zero_based("accuracy", "%"),
        series,
        marks: mark(r),
        on_timeline: true,
    }
}

fn density_bars(r: &Results) -> Chart {
    let bar = |l: usize| {
        let point = [(l + 1) as f64, 100.0 * r.density(l, r.chosen)];
        Series::new(r.layers[l].name.clone(), SeriesKind::Bars, vec![point]).of(EntityId(l as u64))
    };
    Chart {
        id: "layer_density",
        title: "Density of every layer at the chosen sparsity",
        doc: "Share of its weights that each layer keeps. A global ranking spends its budget unevenly; a per-layer one does not.",
        x: Axis::linear("layer", ""),
        y: Axis::zero_based("density", "%"),
        series: r.lines().into_iter().map(bar).collect(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn density_chart(r: &Results) -> Chart {
    let line = |l: usize| {
        let points: Vec<[f64; 2]> = r
            .points
            .iter()
            .enumerate()
            .map(|(i, p)| [p.asked, 100.0 * r.density(l, i)])
            .collect();
        Series::line(r.layers[l].name.clone(), points).of(EntityId(l as u64))
    };
    Chart {
        id: "density",
        title: "Density of every layer along the sweep",
        doc: "Share of its weights that each layer keeps as the global sparsity grows. A line at 0 is a collapsed layer.",
        x: SPARSITY,
        y: Axis::zero_based("density", "%"),
        series: r.lines().into_iter().map(line).collect(),
        marks: mark(r),
        on_timeline: true,
    }
}

fn magnitude_chart(r: &Results) -> Chart {
    let stairs = |l: usize| {
        let h = &r.histograms[l];
        // The lowest bin starts at 0, which a logarithmic axis cannot show.
        let mut points: Vec<[f64; 2]> = (0..h.counts.len())
            .filter(|&i| h.edge(i) > 0.0)
            .map(|i| [h.edge(i), h.density(i)])
            .collect();
        points.push([h.edge(h.counts.len()), 0.0]);
        Series::new(r.layers[l].name.clone(), SeriesKind::Stairs, points).of(EntityId(l as u64))
    };
    let mut marks: Vec<Mark> = Vec::new();
    for l in r.lines() {
        if let Some(t) = r.threshold(l, r.chosen).map(f64::from) {
            let known = marks.iter().any(|m| m.x == t);
            if !known && t > 0.0 && marks.len() < 4 {
                marks.push(Mark {
                    x: t,
                    label: format!("T {}", r.layers[l].name),
                });
            }
        }
    }
    if let [only] = marks.as_mut_slice() {
        "threshold".clone_into(&mut only.label);
    }
    Chart {
        id: "magnitudes",
        title: "Weight magnitudes and the threshold",
        doc: "How many weights have which magnitude, per doubling of the magnitude. Everything left of the threshold is pruned.",
        x: Axis::log("|w|", ""),
        y: Axis::zero_based("weights per doubling", ""),
        series: r.lines().into_iter().map(stairs).collect(),
        marks,
        on_timeline: false,
    }
}

fn bytes_chart(r: &Results) -> Chart {
    let kib = |f: fn(&Point) -> f64| sweep(r, |p| Some(f(p) / 1024.0).filter(|v| v.is_finite()));
    let two_four = kib(|p| p.bytes.two_four);
    let packs = (!two_four.is_empty()).then(|| Series::line("2:4", two_four));
    Chart {
        id: "bytes",
        title: "Bytes by storage format",
        doc: "Size of the prunable weights. Sparse row storage (CSR) pays two bytes of index for every kept weight, a bitmap one bit for every weight, blocks keep all 16 weights of a block of which one is kept; 2:4 is drawn where the mask allows it in every group. No lossless code of masks and byte planes goes below the entropy bound.",
        x: SPARSITY,
        y: Axis::zero_based("size", "KiB"),
        series: vec![
            Series::line("CSR", kib(|p| p.bytes.csr)),
            Series::line("bitmap + values", kib(|p| p.bytes.bitmap)),
            Series::line("4 × 4 blocks", kib(|p| p.bytes.blocks)),
            Series::line("entropy bound", kib(|p| p.bytes.bound)),
            Series::line("dense", kib(|p| p.bytes.dense)).as_reference(),
        ]
        .into_iter()
        .chain(packs)
        .collect(),
        marks: mark(r)
            .into_iter()
            .chain(pays(r, "CSR pays", |p| p.bytes.csr))
            .chain(pays(r, "blocks pay", |p| p.bytes.blocks))
            .collect(),
        on_timeline: true,
    }
}

/// Entropy of the byte planes, the exponents on top.
fn planes_chart(r: &Results) -> Option<Chart> {
    if r.planes.is_empty() {
        return None;
    }
    let last = r.planes.len() - 1;
    let bar = |(plane, bits): (usize, &f64)| {
        let name = if plane == last {
            "exponent".to_owned()
        } else {
            format!("byte {}", plane + 1)
        };
        Series::new(name, SeriesKind::Bars, vec![[(plane + 1) as f64, *bits]])
    };
    Some(Chart {
        id: "planes",
        title: "Information in each byte of a weight",
        doc: "Every weight rotated by one bit, so that the exponent fills the top byte and the sign joins the mantissa; then the entropy of each byte over all weights. 8 bits cannot be compressed; exponents can, without losing anything.",
        x: Axis::linear("byte, lowest first", ""),
        y: Axis::zero_based("entropy", "bits"),
        series: r.planes.iter().enumerate().map(bar).collect(),
        marks: Vec::new(),
        on_timeline: false,
    })
}

fn overlap_chart(r: &Results) -> Option<Chart> {
    let first = r.rivals.iter().find(|o| !o.overlap.is_empty())?;
    let chance = first.overlap.iter().map(|(s, o)| [*s, o.chance]);
    let mut series: Vec<Series> = Vec::new();
    for rival in &r.rivals {
        let line = rival.overlap.iter().map(|(s, o)| [*s, o.jaccard]);
        series.push(Series::line(rival.name, line.collect::<Vec<_>>()));
    }
    series.push(Series::line("by chance", chance.collect::<Vec<_>>()).as_reference());
    Some(Chart {
        id: "overlap",
        title: "Overlap with the masks of other methods",
        doc: "Weights kept by both over weights kept by either (Jaccard index), on the same network. The grey line is what two independent masks of these densities share.",
        x: SPARSITY,
        y: Axis::zero_based("Jaccard index", ""),
        series,
        marks: mark(r),
        on_timeline: true,
    })
}

/// Where a format becomes smaller than the dense one.
fn pays(r: &Results, label: &str, size: fn(&Point) -> f64) -> Option<Mark> {
    let first = r.points.iter().find(|p| size(p) < p.bytes.dense)?;
    Some(Mark {
        x: first.asked,
        label: label.to_owned(),
    })
}

fn loss_chart(r: &Results) -> Chart {
    Chart {
        id: "loss",
        title: "Test loss along the sweep",
        doc: "Mean cross-entropy on the test images; it moves long before the accuracy does.",
        x: SPARSITY,
        y: Axis::log("loss", "nats"),
        series: vec![Series::line(
            r.config.method_words(),
            sweep(r, |p| p.judged.map(|e| e.loss)),
        )],
        marks: mark(r),
        on_timeline: true,
    }
}

fn effective_chart(r: &Results) -> Chart {
    let share = |p: &Point| {
        let kept: u64 = p.effective.as_ref()?.kept.iter().sum();
        Some(100.0 * kept as f64 / r.total.max(1) as f64)
    };
    let nominal = |p: &Point| Some(100.0 - r.sparsity(p));
    Chart {
        id: "effective",
        title: "Kept weights that still lie on a path",
        doc: "A kept weight whose unit has lost all inputs or all outputs does nothing. The gap between the lines is dead weight.",
        x: SPARSITY,
        y: Axis::zero_based("density", "%"),
        series: vec![
            Series::line("on a path", sweep(r, share)),
            Series::line("kept", sweep(r, nominal)).as_reference(),
        ],
        marks: mark(r),
        on_timeline: true,
    }
}
