//! What a run tells: headline numbers, charts, tables, and the story of a layer.

mod story;
mod tables;

use super::charts;
use super::checkpoint::{bytes_words, count_words};
use super::config::{Config, Granularity, Method, Regime};
use super::results::{Point, Results, Run};
use super::training;
use crate::core::Arrange as _;
use crate::core::select::{Cut, MAGNITUDE_BITS};
use crate::core::stats::ascending;
use crate::core::{
    Better, Chart, EntityId, Metric, Moment, MomentKind, Result, Story, Table, Timeline,
};
use crate::labs::{LabRun, Product};
use std::sync::Arc;

/// Layers drawn as lines; with more, only the largest.
const LINES: usize = 12;

/// Closes a run: charts and timeline.
pub(super) fn run(mut results: Results) -> Run {
    results.charts = match &results.film {
        Some(film) => training::charts(&results, film),
        None => charts::charts(&results),
    };
    Run {
        timeline: match &results.film {
            Some(film) => training::timeline(&results, film),
            None => timeline(&results),
        },
        results: Arc::new(results),
    }
}

impl Results {
    /// Achieved sparsity of a point in per cent.
    pub fn sparsity(&self, point: &Point) -> f64 {
        100.0 * point.pruned as f64 / self.total.max(1) as f64
    }

    /// The point at a moment of the timeline.
    pub fn point_at(&self, step: usize) -> Option<&Point> {
        self.points
            .get(step.min(self.points.len().saturating_sub(1)))
    }

    /// Density of a layer at a step, 0 to 1.
    pub fn density(&self, layer: usize, step: usize) -> f64 {
        let kept = self.plan.kept.get(layer).and_then(|k| k.get(step));
        let size = self.layers.get(layer).map_or(1, |l| l.values.len().max(1));
        kept.map_or(f64::NAN, |&k| k as f64 / size as f64)
    }

    /// The cut of a layer at a step; none for N:M.
    pub fn cut(&self, layer: usize, step: usize) -> Option<&Cut> {
        self.plan.cuts.get(layer)?.get(step)
    }

    /// Threshold of a layer at a step as a magnitude; none where nothing is pruned, where the
    /// order is random, or where every group has its own.
    pub fn threshold(&self, layer: usize, step: usize) -> Option<f32> {
        let cut = self.cut(layer, step)?;
        (cut.k > 0 && self.config.method.by_magnitude())
            .then(|| f32::from_bits(cut.key & MAGNITUDE_BITS))
    }

    /// Whether all layers are cut at the same key.
    pub fn cuts_shared(&self) -> bool {
        let mixes = self.config.mixes();
        self.config.method.always_global()
            || !mixes
                && matches!(self.config.method, Method::Magnitude | Method::Random)
                && self.config.granularity == Granularity::Global
    }

    /// First step whose threshold in a layer reaches a key (the last step if none does); none
    /// without thresholds.
    pub fn step_of_key(&self, layer: usize, key: u32) -> Option<usize> {
        let cuts = self.plan.cuts.get(layer).filter(|c| !c.is_empty())?;
        let step = cuts.partition_point(|c| c.k == 0 || c.key < key);
        Some(step.min(cuts.len() - 1))
    }

    /// First step at which a layer has no weight left.
    fn collapse(&self, layer: usize) -> Option<usize> {
        self.plan.kept.get(layer)?.iter().position(|&k| k == 0)
    }

    /// First step at which the accuracy is `points` below the dense one.
    fn loses(&self, points: f64) -> Option<usize> {
        let accuracy = |p: &Point| p.judged.map(|e| 100.0 * e.accuracy());
        let dense = accuracy(self.points.first()?)?;
        self.points
            .iter()
            .position(|p| accuracy(p).is_some_and(|a| a <= dense - points))
    }

    /// Layers drawn as lines, the largest where there are many, in file order.
    pub(super) fn lines(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.layers.len()).collect();
        order.arrange_by_key(|&l| std::cmp::Reverse(self.layers[l].values.len()));
        order.truncate(LINES);
        order.sort_unstable();
        order
    }
}

fn timeline(r: &Results) -> Timeline {
    let mut moments = Vec::new();
    let mut add = |step: Option<usize>, label: String, kind: MomentKind| {
        if let Some(at) = step.and_then(|s| r.points.get(s)).map(|p| p.asked) {
            moments.push(Moment { at, label, kind });
        }
    };
    add(
        Some(r.chosen),
        "chosen sparsity".to_owned(),
        MomentKind::Note,
    );
    add(
        r.loses(1.0),
        "1 point of accuracy lost".to_owned(),
        MomentKind::Note,
    );
    add(
        r.loses(10.0),
        "10 points of accuracy lost".to_owned(),
        MomentKind::Bad,
    );
    for l in 0..r.layers.len() {
        let label = format!("{} has no weight left", r.layers[l].name);
        add(r.collapse(l), label, MomentKind::Bad);
    }
    let dead = |p: &Point| p.effective.as_ref().is_some_and(|e| e.dead_units() > 0);
    let first_dead = r.points.iter().position(dead);
    add(first_dead, "first dead unit".to_owned(), MomentKind::Note);
    Moment::sort(&mut moments);
    let steps: Vec<f64> = r.points.iter().map(|p| p.asked).collect();
    Timeline {
        steps: if steps.is_empty() {
            vec![0.0].into()
        } else {
            steps.into()
        },
        axis: "sparsity",
        unit: "%",
        step_name: "1 sparsity step",
        moments,
    }
}

impl Config {
    /// The method in words, without the sparsity.
    pub fn method_words(&self) -> String {
        let label = self.label();
        label.split(", ").next().unwrap_or("").to_owned()
    }
}

impl LabRun for Run {
    fn metrics(&self) -> Vec<Metric> {
        let r = self.results();
        let (Some(point), Some(dense)) = (r.point_at(r.chosen), r.points.first()) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        if let (Some(now), Some(before)) = (point.judged, dense.judged) {
            let (a, b) = (100.0 * now.accuracy(), 100.0 * before.accuracy());
            out.push(Metric::new("accuracy_percent", "Accuracy", "%", a, Better::Higher, "Share of the 500 test images classified correctly at the chosen sparsity; after one cut nothing is trained, except by methods that prune at the start."));
            if r.film.is_none() {
                out.push(Metric::new(
                    "accuracy_change_points",
                    "Change",
                    "points",
                    a - b,
                    Better::Higher,
                    "Accuracy minus that of the dense network.",
                ));
            }
            out.push(Metric::new(
                "loss_nats",
                "Loss",
                "nats",
                now.loss,
                Better::Lower,
                "Mean cross-entropy on the test images at the chosen sparsity.",
            ));
        }
        if let Some(film) = &r.film {
            out.extend(training::metrics(r, film));
            if r.config.regime == Regime::Data {
                // No weight goes: sizes and paths are those of the dense network.
                return out;
            }
        }
        out.push(Metric::new(
            "sparsity_percent",
            "Sparsity",
            "%",
            r.sparsity(point),
            Better::Higher,
            "Pruned weights over prunable weights, counted, not asked for.",
        ));
        out.push(Metric::new(
            "pruned_weights",
            "Pruned",
            "weights",
            point.pruned as f64,
            Better::Neither,
            "Number of weights set to 0: round-half-to-even of sparsity times count.",
        ));
        if let Some(e) = &point.effective {
            let on_path: u64 = e.kept.iter().sum();
            let share = 100.0 * (1.0 - on_path as f64 / r.total.max(1) as f64);
            out.push(Metric::new(
                "effective_sparsity_percent",
                "Effective sparsity",
                "%",
                share,
                Better::Neither,
                "Sparsity when only weights on a path from an input to an output count as present.",
            ));
            out.push(Metric::new(
                "dead_units",
                "Dead units",
                "units",
                e.dead_units() as f64,
                Better::Lower,
                "Hidden and output units that no path goes through.",
            ));
        }
        if r.config.regime == Regime::Bits {
            // The other sizes would count kept weights with all of their bits.
            return out;
        }
        let ratio = |bytes: f64| bytes / point.bytes.dense;
        out.push(Metric::new(
            "bitmap_ratio",
            "Size, bitmap",
            "× dense",
            ratio(point.bytes.bitmap),
            Better::Lower,
            "Bytes of a bitmap plus the kept values, over the dense bytes.",
        ));
        out.push(Metric::new("csr_ratio", "Size, CSR", "× dense", ratio(point.bytes.csr), Better::Lower, "Bytes of compressed sparse rows (u32 row starts, u16 or u32 columns, values), over the dense bytes."));
        out.push(Metric::new("block_ratio", "Size, 4 × 4 blocks", "× dense", ratio(point.bytes.blocks), Better::Lower, "Bytes of the blocks of 4 × 4 with a kept weight in them (u32 row starts, u16 or u32 columns, all 16 values), over the dense bytes."));
        out.push(Metric::new("two_four_percent", "Fits 2:4", "%", 100.0 * point.two_four, Better::Higher, "Share of the groups of four neighbours in a row that keep at most two weights; only at 100 % can the 2:4 format hold the mask, in just over half of the dense bytes."));
        out.push(Metric::new("bound_ratio", "Size, bound", "× dense", ratio(point.bytes.bound), Better::Lower, "Entropy of the mask bits plus that of the kept values' byte planes, over the dense bytes."));
        if !r.planes.is_empty() {
            let bits: f64 = r.planes.iter().sum();
            out.push(Metric::new(
                "lossless_ratio",
                "Lossless, dense",
                "× dense",
                bits / (8.0 * r.planes.len() as f64),
                Better::Lower,
                "Entropy of the byte planes of all weights, exponents in a plane of their own, over their bytes: what an entropy coder could reach with no weight changed.",
            ));
        }
        out.push(Metric::new(
            "collapsed_layers",
            "Collapsed layers",
            "layers",
            (0..r.layers.len())
                .filter(|&l| r.plan.kept[l].get(r.chosen) == Some(&0))
                .count() as f64,
            Better::Lower,
            "Layers without a single kept weight: nothing passes through them.",
        ));
        out
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.results().charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        if let (Some(film), Regime::Data) = (&self.results().film, self.results().config.regime) {
            return vec![
                ("images", training::image_table(film)),
                ("training", training::table(self.results(), film)),
            ];
        }
        vec![
            ("layers", tables::layer_table(self.results())),
            match &self.results().film {
                Some(film) => ("training", training::table(self.results(), film)),
                None => ("sweep", tables::sweep_table(self.results())),
            },
        ]
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        let l = usize::try_from(entity.0).ok()?;
        story::story(self.results(), l, self.timeline.index_at(at))
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let r = self.results();
        let say = |l: usize| {
            let density = 100.0 * r.density(l, r.chosen);
            let words = format!("{}, {density:.1} % kept", r.layers[l].name);
            (EntityId(l as u64), words)
        };
        let density = |l: usize| r.density(l, r.chosen);
        let densities: Vec<f64> = (0..r.layers.len()).map(density).collect();
        ascending(&densities).into_iter().take(8).map(say).collect()
    }

    fn product(&self, at: f64) -> Result<Product> {
        super::product::product(self.results(), self.timeline.index_at(at))
    }

    fn summary(&self) -> String {
        let r = self.results();
        if let Some(film) = &r.film {
            return training::summary(r, film);
        }
        let (Some(point), Some(dense)) = (r.point_at(r.chosen), r.points.first()) else {
            return String::new();
        };
        let head = format!(
            "{}: {} of {} weights pruned ({:.1} %)",
            r.config.method_words(),
            count_words(point.pruned),
            count_words(r.total),
            r.sparsity(point)
        );
        match (point.judged, dense.judged) {
            (Some(now), Some(before)) => format!(
                "{head}; test accuracy {:.1} % after {:.1} % dense, {}.",
                100.0 * now.accuracy(),
                100.0 * before.accuracy(),
                if r.config.method.at_init() {
                    "trained after pruning"
                } else {
                    "without retraining"
                }
            ),
            _ => format!(
                "{head}; as a bitmap with values {} instead of {}.",
                bytes_words(point.bytes.bitmap),
                bytes_words(point.bytes.dense)
            ),
        }
    }
}
