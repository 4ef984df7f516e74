//! The tables of a run: its layers and its sweep.

use crate::core::Table;
use crate::labs::pruning::results::{Point, Results};

pub(super) fn layer_table(r: &Results) -> Table {
    let columns = [
        "layer",
        "weights",
        "kept",
        "density",
        "threshold",
        "effective_kept",
        "dead_units",
        "zeros_before",
    ];
    let effective = r.point_at(r.chosen).and_then(|p| p.effective.as_ref());
    let row = |l: usize| {
        let alive = effective.and_then(|e| e.alive.get(l + 1));
        vec![
            (l + 1) as f64,
            r.layers[l].values.len() as f64,
            r.plan.kept[l].get(r.chosen).map_or(f64::NAN, |&k| k as f64),
            r.density(l, r.chosen),
            r.threshold(l, r.chosen).map_or(f64::NAN, f64::from),
            effective.map_or(f64::NAN, |e| e.kept[l] as f64),
            alive.map_or(f64::NAN, |a| a.iter().filter(|x| !**x).count() as f64),
            r.histograms[l].zeros as f64,
        ]
    };
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: (0..r.layers.len()).map(row).collect(),
    }
}

pub(super) fn sweep_table(r: &Results) -> Table {
    let columns = [
        "asked_percent",
        "sparsity_percent",
        "pruned",
        "accuracy_percent",
        "loss_nats",
        "effective_kept",
        "dead_units",
        "dense_bytes",
        "bitmap_bytes",
        "csr_bytes",
        "block_bytes",
        "two_four_bytes",
        "bound_bytes",
    ];
    let row = |p: &Point| {
        let effective = p.effective.as_ref();
        vec![
            p.asked,
            r.sparsity(p),
            p.pruned as f64,
            p.judged.map_or(f64::NAN, |e| 100.0 * e.accuracy()),
            p.judged.map_or(f64::NAN, |e| e.loss),
            effective.map_or(f64::NAN, |e| e.kept.iter().sum::<u64>() as f64),
            effective.map_or(f64::NAN, |e| e.dead_units() as f64),
            p.bytes.dense,
            p.bytes.bitmap,
            p.bytes.csr,
            p.bytes.blocks,
            if p.bytes.two_four.is_finite() {
                p.bytes.two_four
            } else {
                f64::NAN
            },
            p.bytes.bound,
        ]
    };
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: r.points.iter().map(row).collect(),
    }
}
