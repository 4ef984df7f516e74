//! The linked charts of a run, as data.

use super::config::{Config, Router};
use super::entity::Entity;
use super::file_layers::FileLayers;
use super::multiples::{LoadPanels, PanelsWork};
use super::route::{Batch, Fate};
use super::rules::load::Floor;
use super::tell::has_floor;
use super::touched::{Growing, touched_chart};
use crate::core::{Axis, Chart, Mark, Series, SeriesKind, stats};

fn indexed(values: impl IntoIterator<Item = f64>) -> Vec<[f64; 2]> {
    values
        .into_iter()
        .enumerate()
        .map(|(i, v)| [i as f64, v])
        .collect()
}

/// Value of each batch, at the position where the batch is complete.
fn by_batch(batches: &[Batch], get: impl Fn(&Batch) -> f64) -> Vec<[f64; 2]> {
    batches
        .iter()
        .enumerate()
        .map(|(i, b)| [(i + 1) as f64, get(b)])
        .collect()
}

/// What random routing gives, between two values from one end of a chart to the other.
pub(super) fn floor_band(name: &str, ends: [f64; 2], [low, high]: [f64; 2]) -> Series {
    let lower = ends.map(|x| [x, low]).to_vec();
    Series::band(name, lower, vec![high; 2]).as_reference()
}

/// The linked charts of a run, drawn one at a time.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    /// The layers of a file.
    layers: FileLayers,
    /// Experts touched by tokens decoded together.
    pub(super) growing: Growing,
    /// The charts so far.
    pub(super) charts: Vec<Chart>,
    at: usize,
    /// Small multiples, where they are wanted.
    multiples: Multiples,
}

/// Small multiples of the layers of a file, or of the batches.
#[derive(Debug, Default)]
enum Multiples {
    #[default]
    Unwanted,
    Wanted,
    Work(PanelsWork),
    Done(LoadPanels),
}

impl Drawing {
    /// With the layers of a file beside the run, and small multiples.
    pub(super) fn with(layers: FileLayers) -> Self {
        Self {
            layers,
            multiples: Multiples::Wanted,
            ..Self::default()
        }
    }

    /// The small multiples.
    pub(super) fn panels(&mut self) -> Option<LoadPanels> {
        match std::mem::take(&mut self.multiples) {
            Multiples::Done(panels) => Some(panels),
            _ => None,
        }
    }

    /// A slice of the work on small multiples; `false` when there is none left.
    fn multiply(&mut self, config: &Config, batches: &[Batch]) -> bool {
        self.multiples = match std::mem::take(&mut self.multiples) {
            Multiples::Wanted if self.layers.several() => Multiples::Work(self.layers.panels()),
            Multiples::Wanted if batches.len() > 1 => {
                Multiples::Work(PanelsWork::of_batches(config, batches))
            }
            Multiples::Work(mut work) => match work.step() {
                Some(panels) => Multiples::Done(panels),
                None => Multiples::Work(work),
            },
            Multiples::Done(panels) => Multiples::Done(panels),
            Multiples::Unwanted | Multiples::Wanted => Multiples::Unwanted,
        };
        matches!(self.multiples, Multiples::Work(_))
    }

    /// Draws the next; `false` when all are there.
    pub(super) fn step(&mut self, config: &Config, batches: &[Batch], floor: &Floor) -> bool {
        let reads = config.router != Router::SoftMoe;
        if (reads && self.growing.step(config, batches))
            || self.layers.step(config)
            || self.multiply(config, batches)
        {
            return true;
        }
        self.charts.extend(match self.at {
            0 => Some(load_chart(config, batches)),
            1 => Some(balance_chart(config, batches, floor)),
            2 => Some(drop_chart(batches)),
            3 => Some(position_chart(batches)),
            4 => Some(gate_chart(config, batches)),
            5 => reads.then(|| touched_chart(config, batches, &self.growing)),
            6 => self.layers.chart(config, floor),
            7 => (batches.len() > 1).then(|| loads_chart(config, batches, floor)),
            _ => (config.router.has_bias()).then(|| bias_chart(config, batches)),
        });
        self.at += 1;
        self.at < 9
    }
}

/// Name of the band of an expert's load.
pub(super) const BINOMIAL: &str = "random routing, 5-95 % (binomial)";

fn load_chart(config: &Config, batches: &[Batch]) -> Chart {
    let experts = config.experts as usize;
    let count = batches.len() as f64;
    let mean = |get: fn(&Batch) -> &[u32]| {
        indexed(
            (0..experts).map(|e| batches.iter().map(|b| f64::from(get(b)[e])).sum::<f64>() / count),
        )
    };
    let demand = mean(|b| &b.demand);
    let mut series = vec![
        Series::new("asked for", SeriesKind::Bars, demand.clone()),
        Series::new("carried", SeriesKind::Bars, mean(|b| &b.carried)),
    ];
    let ends = [-0.5, experts as f64 - 0.5];
    if has_floor(config) {
        let trials = (config.tokens * config.batches) as usize;
        let share = config.choices() as f64 / experts as f64;
        let edge = |q| stats::binomial_quantile(trials, share, q) as f64 / count;
        series.push(floor_band(BINOMIAL, ends, [edge(0.05), edge(0.95)]));
    }
    let sharing = config.sharing();
    if config.has_capacity() {
        let c = batches.first().map_or(0.0, |b| f64::from(b.capacity));
        let (name, points) = if config.per_device() {
            // A gap between devices: each piece is what the experts under it share.
            let of = |(_, [a, b]): &(usize, [usize; 2])| {
                let even = c / (b - a + 1) as f64;
                [
                    [*a as f64 - 0.4, even],
                    [*b as f64 + 0.4, even],
                    [f64::NAN, f64::NAN],
                ]
            };
            let all = sharing.iter().flat_map(of).collect();
            ("device's places, split evenly", all)
        } else {
            ("capacity", ends.map(|x| [x, c]).to_vec())
        };
        series.push(Series::line(name, points).as_reference());
    }
    Chart {
        id: "load",
        title: "Load per expert",
        doc: "Pairs per batch asked of each expert and carried by it, mean over the batches. The band is what uniformly random routing gives over as many tokens: bars outside it are not noise. Where the experts of a device share its places, one may carry more than its even part, which the line shows device by device.",
        x: Axis::linear("expert", ""),
        y: Axis::zero_based("load", "pairs per batch"),
        series,
        marks: device_marks(&sharing),
        on_timeline: false,
    }
}

/// Devices that have room for their names.
const NAMED: usize = 6;

/// Where each device's experts begin; none where there are too many devices.
fn device_marks(sharing: &[(usize, [usize; 2])]) -> Vec<Mark> {
    let few = sharing.iter().filter(|_| sharing.len() <= NAMED);
    few.map(|(device, [first, _])| Mark {
        x: *first as f64 - 0.5,
        label: format!("device {device}"),
    })
    .collect()
}

fn balance_chart(config: &Config, batches: &[Batch], floor: &Floor) -> Chart {
    let mut series = vec![Series::line(
        "MaxVio",
        by_batch(batches, |b| b.stats.max_violation),
    )];
    if has_floor(config) {
        let ends = [1.0, batches.len() as f64];
        let [_, low, high] = floor.max_violation;
        let name = if floor.exact {
            "random routing, 5-95 % (exact)"
        } else {
            "random routing, 5-95 % (400 draws)"
        };
        series.push(floor_band(name, ends, [low, high]));
    }
    Chart {
        id: "balance",
        title: "Imbalance over batches",
        doc: "Largest load over the mean, minus 1, batch by batch. Inside the band the router is as balanced as chance allows.",
        x: Axis::linear("batch", ""),
        y: Axis::zero_based("MaxVio", ""),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn drop_chart(batches: &[Batch]) -> Chart {
    let tokens = |b: &Batch| b.clusters.len() as f64;
    let mut marks = Vec::new();
    if let Some(b) = batches.iter().position(|b| b.stats.drop_rate > 0.0) {
        marks.push(Mark {
            x: (b + 1) as f64,
            label: "first drop".to_owned(),
        });
    }
    Chart {
        id: "drops",
        title: "Drops over batches",
        doc: "Share of pairs that found no place, and of tokens left without any expert.",
        x: Axis::linear("batch", ""),
        y: Axis::zero_based("share", "%"),
        series: vec![
            Series::line(
                "pairs dropped",
                by_batch(batches, |b| 100.0 * b.stats.drop_rate),
            ),
            Series::line(
                "tokens without expert",
                by_batch(batches, |b| 100.0 * f64::from(b.stats.unrouted) / tokens(b)),
            ),
        ],
        marks,
        on_timeline: true,
    }
}

/// Parts of a batch in the chart of drops by position.
const PARTS: usize = 16;

/// Share of pairs turned away in each part of the batches, in per cent; NaN where nothing is sent.
pub(super) fn turned_away_by_position(batches: &[Batch], parts: usize) -> Vec<f64> {
    let (mut sent, mut lost) = (vec![0_u32; parts], vec![0_u32; parts]);
    for b in batches {
        for p in b
            .pairs
            .iter()
            .filter(|p| p.asked() && p.fate != Fate::NotSent)
        {
            let part = p.token as usize * parts / b.clusters.len();
            sent[part] += 1;
            lost[part] += u32::from(!p.kept());
        }
    }
    lost.iter()
        .zip(&sent)
        .map(|(&l, &s)| 100.0 * f64::from(l) / f64::from(s))
        .collect()
}

fn position_chart(batches: &[Batch]) -> Chart {
    let shares = turned_away_by_position(batches, PARTS);
    let points: Vec<[f64; 2]> = (0..=PARTS)
        .map(|i| {
            let at = 100.0 * i as f64 / PARTS as f64;
            [at, shares[i.min(PARTS - 1)]]
        })
        .collect();
    Chart {
        id: "position",
        title: "Drops by position",
        doc: "Share of the pairs turned away, by the token's place in its batch. Rising: who comes late finds the experts full.",
        x: Axis::linear("position in the batch", "%"),
        y: Axis::zero_based("turned away", "%"),
        series: vec![Series::new("pairs turned away", SeriesKind::Stairs, points)],
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Names of the first choices.
const NAMES: [&str; 4] = ["best expert", "second", "third", "fourth"];

/// Bins of the gate histogram.
const BINS: usize = 20;

fn gate_chart(config: &Config, batches: &[Batch]) -> Chart {
    let choices = config.choices().min(4);
    let mut counts = vec![[0_u32; BINS]; choices];
    let mut total = 0_u32;
    for pair in batches.iter().flat_map(|b| b.pairs.iter()) {
        if let Some(row) = counts.get_mut(usize::from(pair.choice)) {
            row[((pair.gate * BINS as f64) as usize).min(BINS - 1)] += 1;
            total += 1;
        }
    }
    let series = counts
        .iter()
        .zip(NAMES)
        .map(|(row, name)| {
            let points: Vec<[f64; 2]> = (0..=BINS)
                .map(|i| {
                    let n = row.get(i).or_else(|| row.last()).copied().unwrap_or(0);
                    [
                        i as f64 / BINS as f64,
                        100.0 * f64::from(n) / f64::from(total.max(1)),
                    ]
                })
                .collect();
            Series::new(name, SeriesKind::Stairs, points)
        })
        .collect();
    Chart {
        id: "gates",
        title: "Gate distribution",
        doc: "How sure the router is: histogram of the scores of the chosen experts, before renormalisation.",
        x: Axis::linear("gate", ""),
        y: Axis::zero_based("share of pairs", "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// Most experts that have a line each.
const LINES: usize = 16;

/// A value of every expert along some rows: a line each, or from the smallest to the largest where
/// there are many.
pub(super) fn by_expert<T>(
    experts: usize,
    rows: &[T],
    at: impl Fn(usize, &T) -> f64,
    get: impl Fn(&T, usize) -> f64,
) -> Vec<Series> {
    let along = |value: &dyn Fn(&T) -> f64| -> Vec<[f64; 2]> {
        let all = rows.iter().enumerate();
        all.map(|(i, row)| [at(i, row), value(row)]).collect()
    };
    if experts <= LINES {
        let line = |e: usize| {
            let points = along(&|row| get(row, e));
            Series::line(format!("expert {e}"), points).of(Entity::Expert(e).id())
        };
        return (0..experts).map(line).collect();
    }
    let edge = |row: &T, f: fn(f64, f64) -> f64| {
        let all = (0..experts).map(|e| get(row, e));
        all.reduce(f).unwrap_or(0.0)
    };
    let upper: Vec<f64> = rows.iter().map(|row| edge(row, f64::max)).collect();
    let lower = along(&|row| edge(row, f64::min));
    vec![Series::band("smallest to largest", lower, upper)]
}

fn loads_chart(config: &Config, batches: &[Batch], floor: &Floor) -> Chart {
    let load = |b: &Batch, e: usize| f64::from(b.demand[e]);
    let mut series = by_expert(
        config.experts as usize,
        batches,
        |i, _| (i + 1) as f64,
        load,
    );
    if has_floor(config) {
        let [low, _, high] = floor.load;
        let ends = [1.0, batches.len() as f64];
        series.push(floor_band(BINOMIAL, ends, [low, high]));
    }
    Chart {
        id: "loads",
        title: "Load over batches",
        doc: "Pairs asked of each expert, batch by batch. A line that leaves the band for good is a favourite or an idle expert; one that crosses it now and then is chance.",
        x: Axis::linear("batch", ""),
        y: Axis::zero_based("load", "pairs"),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn bias_chart(config: &Config, batches: &[Batch]) -> Chart {
    let bias = |b: &Batch, e: usize| b.bias[e];
    Chart {
        id: "bias",
        title: "Selection bias",
        doc: "The bias added to each expert's score for the choice, in force while the batch is routed. Overloaded experts sink, idle ones rise.",
        x: Axis::linear("batch", ""),
        y: Axis::linear("bias", ""),
        series: by_expert(
            config.experts as usize,
            batches,
            |i, _| (i + 1) as f64,
            bias,
        ),
        marks: Vec::new(),
        on_timeline: true,
    }
}
