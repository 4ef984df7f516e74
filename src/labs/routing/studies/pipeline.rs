//! FSMoE (arXiv 2501.10714): a layer with experts as tasks on three resources – the link between
//! nodes (all-to-all), the links within a node (AllGather, ReduceScatter) and the experts' products –
//! cut into r chunks that overlap. Each task takes α + n β / r. Forward and backward want different
//! degrees: backward computes twice as much, and the gradients' AllReduce shares the link.

use super::super::config::Config;
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Metric, Series, num, stats};

/// Largest degree compared.
const DEGREES: usize = 8;
/// Layers drawn at random.
const LAYERS: usize = 200;
/// Parts of the time drawn.
const BINS: usize = 40;
/// The resources: between nodes, within a node, experts.
const RESOURCES: [&str; 3] = ["inter-node", "intra-node", "experts"];
/// Resources of the tasks of a chunk, in their order.
const TASKS: [usize; 5] = [0, 1, 2, 1, 0];

/// Times of a whole layer, in milliseconds, and the start-up of every task.
#[derive(Clone, Copy)]
struct Layer {
    startup: [f64; 3],
    whole: [f64; 3],
    /// AllReduce of the gradients, of which a layer's share runs beside the backward pass.
    reduce: f64,
}

/// What a resource did: resource, start, end.
type Busy = (usize, f64, f64);

/// Schedules a pass in `degree` chunks: every resource takes the ready task that could start first,
/// ties to the earlier chunk; the AllReduce fills the link when nothing else is ready. Returns the
/// time of the pass.
fn pass(layer: Layer, degree: usize, backward: bool) -> (f64, Vec<Busy>) {
    let mut free = [0.0_f64; 3];
    // Next task of each chunk, and when it is ready.
    let mut next = vec![(0_usize, 0.0_f64); degree];
    let mut busy = Vec::new();
    let mut reduce = if backward { layer.reduce } else { 0.0 };
    while next.iter().any(|(task, _)| *task < TASKS.len()) {
        let open = next.iter().enumerate().filter(|(_, n)| n.0 < TASKS.len());
        let start = |&(task, ready): &(usize, f64)| ready.max(free[TASKS[task]]);
        let first = open.min_by(|a, b| start(a.1).total_cmp(&start(b.1)).then(a.0.cmp(&b.0)));
        let Some((chunk, &(task, ready))) = first else {
            break;
        };
        let resource = TASKS[task];
        let begin = ready.max(free[resource]);
        // Idle time of the link between nodes takes parts of the AllReduce.
        if resource == 0 && reduce > 0.0 && begin > free[0] {
            let part = reduce.min(begin - free[0]);
            busy.push((0, free[0], free[0] + part));
            reduce -= part;
        }
        let factor = if backward && resource == 2 { 2.0 } else { 1.0 };
        // Two tasks of a chunk on a link halve its data.
        let share = if resource == 2 { 1.0 } else { 0.5 };
        let time = layer.startup[resource] + factor * share * layer.whole[resource] / degree as f64;
        busy.push((resource, begin, begin + time));
        free[resource] = begin + time;
        next[chunk] = (task + 1, begin + time);
    }
    if reduce > 0.0 {
        busy.push((0, free[0], free[0] + reduce));
        free[0] += reduce;
    }
    (free.iter().copied().fold(0.0, f64::max), busy)
}

/// Times of a pass at every degree, from 1 on.
fn times(layer: Layer, backward: bool) -> Vec<f64> {
    (1..=DEGREES).map(|r| pass(layer, r, backward).0).collect()
}

fn best(times: &[f64]) -> usize {
    let order = stats::ascending(times);
    order.first().copied().unwrap_or(0)
}

pub(super) struct Pipeline {
    shown: Layer,
    draw: Stream,
    /// Best degrees of a layer, its time at degree 1, at the best common degree, and with one each.
    layers: Vec<([usize; 2], [f64; 3])>,
}

impl Pipeline {
    pub(super) fn new(config: &Config) -> Self {
        let compute = 10.0;
        let link = compute * config.traffic;
        Self {
            shown: Layer {
                startup: [
                    config.startup_ms,
                    0.5 * config.startup_ms,
                    0.2 * config.startup_ms,
                ],
                whole: [link, 0.5 * link, compute],
                reduce: 0.5 * link,
            },
            draw: Stream::new(config.seed, StreamId::Data).replicate(143),
            layers: Vec::new(),
        }
    }

    /// A layer with parts of 1 to 30 ms and start-ups of 0.05 to 1 ms, evenly on a logarithmic axis.
    fn random(&mut self) -> Layer {
        let mut between = |low: f64, high: f64| {
            let u = self.draw.uniform();
            low * num::pow(high / low, u)
        };
        let startup = [between(0.05, 1.0), between(0.05, 1.0), between(0.02, 0.2)];
        let whole = [between(1.0, 30.0), between(1.0, 30.0), between(1.0, 30.0)];
        Layer {
            startup,
            whole,
            reduce: between(0.5, 15.0),
        }
    }

    fn measure(layer: Layer) -> ([usize; 2], [f64; 3]) {
        let both = [times(layer, false), times(layer, true)];
        let own = [best(&both[0]), best(&both[1])];
        let common: Vec<f64> = both[0].iter().zip(&both[1]).map(|(f, b)| f + b).collect();
        let together = common[best(&common)];
        let apart = both[0][own[0]] + both[1][own[1]];
        (own.map(|r| r + 1), [common[0], together, apart])
    }

    fn scene(&self, degree: usize) -> Scene {
        let passes = [false, true].map(|backward| pass(self.shown, degree, backward));
        let longest = [false, true].map(|b| times(self.shown, b).into_iter().fold(0.0, f64::max));
        let rows = (0..6).map(|i| {
            let (way, resource) = (i / 3, i % 3);
            let (end, busy) = &passes[way];
            let width = longest[way] / BINS as f64;
            let own = || busy.iter().filter(|b| b.0 == resource);
            let cells = (0..BINS).map(|bin| {
                let (from, to) = (bin as f64 * width, (bin + 1) as f64 * width);
                let inside = own().map(|b| (b.2.min(to) - b.1.max(from)).max(0.0));
                (inside.sum::<f64>() / width) as f32
            });
            let total: f64 = own().map(|b| b.2 - b.1).sum();
            Row {
                name: format!("{} {}", ["fwd", "bwd"][way], RESOURCES[resource]),
                cells: cells.collect(),
                right: Vec::new(),
                value: 100.0 * total / end,
            }
        });
        Scene {
            at: degree as f64,
            rows: rows.collect(),
        }
    }
}

impl Slices for Pipeline {
    fn slice(&mut self) -> bool {
        for _ in 0..5 {
            if self.layers.len() < LAYERS {
                let layer = self.random();
                self.layers.push(Self::measure(layer));
            }
        }
        self.layers.len() == LAYERS
    }

    fn progress(&self) -> f64 {
        self.layers.len() as f64 / LAYERS as f64
    }

    fn findings(&mut self) -> Findings {
        let differ = self.layers.iter().filter(|(r, _)| r[0] != r[1]).count();
        let differ = 100.0 * differ as f64 / LAYERS as f64;
        let mean = |of: fn(&[f64; 3]) -> f64| {
            let all: Vec<f64> = self.layers.iter().map(|(_, t)| of(t)).collect();
            stats::mean(&all)
        };
        let (gain, apart) = (mean(|t| t[0] / t[2]), mean(|t| 100.0 * (t[1] / t[2] - 1.0)));
        let ([forward, backward], [plain, _, own]) = Self::measure(self.shown);
        let new = Metric::new;
        let metrics = vec![
            new(
                "differ",
                "Degrees that differ",
                "%",
                differ,
                Better::Neither,
                "Random layers whose forward and backward passes are fastest at different numbers of chunks.",
            ),
            new(
                "gain",
                "Gain of the pipeline",
                "×",
                gain,
                Better::Higher,
                "Time without chunks over that with the best numbers of chunks, forward and backward together, mean over random layers.",
            ),
            new(
                "apart",
                "Gain of separate degrees",
                "%",
                apart,
                Better::Higher,
                "What the best number for each pass saves over the best common one, mean over random layers.",
            ),
            new(
                "forward",
                "Best degree, forward",
                "",
                forward as f64,
                Better::Neither,
                "Of the layer shown.",
            ),
            new(
                "backward",
                "Best degree, backward",
                "",
                backward as f64,
                Better::Neither,
                "Of the layer shown.",
            ),
            new(
                "own_gain",
                "Gain, layer shown",
                "×",
                plain / own,
                Better::Higher,
                "Time without chunks over that with the best numbers of chunks, of the layer shown.",
            ),
        ];
        let line = |backward: bool| -> Vec<[f64; 2]> {
            let all = times(self.shown, backward).into_iter().enumerate();
            all.map(|(i, t)| [(i + 1) as f64, t]).collect()
        };
        let share = |way: usize| -> Vec<[f64; 2]> {
            (1..=DEGREES)
                .map(|r| {
                    let own = self.layers.iter().filter(|(d, _)| d[way] == r).count();
                    [r as f64, 100.0 * own as f64 / LAYERS as f64]
                })
                .collect()
        };
        let chart = |id, title, doc, y, series, on_timeline| Chart {
            id,
            title,
            doc,
            x: Axis::linear("chunks", ""),
            y,
            series,
            marks: Vec::new(),
            on_timeline,
        };
        let bars = crate::core::SeriesKind::Bars;
        let charts = vec![
            chart(
                "time",
                "Time of a pass",
                "Time of the layer shown by the number of chunks: overlap pays until the start-ups of more tasks cost more.",
                Axis::zero_based("time", "ms"),
                vec![
                    Series::line("forward", line(false)),
                    Series::line("backward", line(true)),
                ],
                true,
            ),
            chart(
                "degrees",
                "Best degrees",
                "Random layers by the number of chunks at which each pass is fastest.",
                Axis::zero_based("layers", "%"),
                vec![
                    Series::new("forward", bars, share(0)),
                    Series::new("backward", bars, share(1)),
                ],
                false,
            ),
        ];
        Findings {
            axis: ["chunks", "one chunk more"],
            summary: format!(
                "The layer shown is fastest in {forward} chunks forward and {backward} backward; of {LAYERS} random layers {differ:.0} % want different numbers, chunks gain {gain:.2} times, separate numbers {apart:.1} % over a common one."
            ),
            sheet: Sheet {
                name: "Resources over a pass",
                caption: "dark: busy; left to right: time, up to the longest pass; bar: share of the pass",
                columns: (0..BINS).map(|b| format!("{} %", 100 * b / BINS)).collect(),
                group: 0,
                value: "busy",
                unit: "%",
                scenes: (1..=DEGREES).map(|r| self.scene(r)).collect(),
            },
            metrics,
            charts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: Layer = Layer {
        startup: [0.0; 3],
        whole: [4.0, 2.0, 6.0],
        reduce: 3.0,
    };

    #[test]
    fn without_chunks_tasks_follow_each_other() {
        // 2 + 1 + 6 + 1 + 2 forward; the experts twice backward, and the AllReduce fills the link
        // while it waits for them.
        assert_eq!(pass(LAYER, 1, false).0, 12.0);
        assert_eq!(pass(LAYER, 1, true).0, 18.0);
        let late = Layer {
            reduce: 20.0,
            ..LAYER
        };
        // 14 ms idle in the pass, 6 ms after it.
        assert_eq!(pass(late, 1, true).0, 24.0);
    }

    #[test]
    fn chunks_overlap_and_never_beat_the_busiest_resource() {
        for backward in [false, true] {
            let all = times(LAYER, backward);
            assert!(all[1] < all[0], "{all:?}");
            let floor = if backward { 12.0 } else { 6.0 };
            assert!(all.iter().all(|t| *t >= floor), "{all:?}");
            let (end, busy) = pass(LAYER, 4, backward);
            for r in 0..3 {
                let mut own: Vec<&Busy> = busy.iter().filter(|b| b.0 == r).collect();
                own.sort_by(|a, b| a.1.total_cmp(&b.1));
                assert!(
                    own.windows(2).all(|w| w[0].2 <= w[1].1 + 1e-12),
                    "one at a time"
                );
                assert!(own.iter().all(|b| b.2 <= end + 1e-12));
            }
        }
    }
}
