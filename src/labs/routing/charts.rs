//! The linked charts of a run, as data.

use super::config::{Config, Router};
use super::model::Entity;
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

/// The linked charts of a run, drawn one at a time.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    /// Experts touched by tokens decoded together.
    pub(super) growing: Growing,
    /// The charts so far.
    pub(super) charts: Vec<Chart>,
    at: usize,
}

impl Drawing {
    /// Draws the next; `false` when all are there.
    pub(super) fn step(&mut self, config: &Config, batches: &[Batch], floor: &Floor) -> bool {
        let reads = config.router != Router::SoftMoe;
        if reads && self.growing.step(config, batches) {
            return true;
        }
        self.charts.extend(match self.at {
            0 => Some(load_chart(config, batches)),
            1 => Some(balance_chart(config, batches, floor)),
            2 => Some(drop_chart(batches)),
            3 => Some(position_chart(batches)),
            4 => Some(gate_chart(config, batches)),
            5 => reads.then(|| touched_chart(config, batches, &self.growing)),
            _ => (config.router.has_bias()).then(|| bias_chart(config, batches)),
        });
        self.at += 1;
        self.at < 7
    }
}

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
        series.push(
            Series::band(
                "random routing, 5-95 % (binomial)",
                ends.map(|x| [x, edge(0.05)]).to_vec(),
                vec![edge(0.95); 2],
            )
            .as_reference(),
        );
    }
    if config.has_capacity() {
        let c = batches.first().map_or(0.0, |b| f64::from(b.capacity));
        let (name, points) = if config.per_device() {
            let of = |(_, [a, b]): (usize, [usize; 2])| {
                let even = c / (b - a + 1) as f64;
                [
                    [a as f64 - 0.5, even],
                    [b as f64 + 0.5, even],
                    [f64::NAN, f64::NAN],
                ]
            };
            let all = config.sharing().into_iter().flat_map(of).collect();
            ("capacity of the device, split evenly", all)
        } else {
            ("capacity", ends.map(|x| [x, c]).to_vec())
        };
        series.push(Series::line(name, points).as_reference());
    }
    Chart {
        id: "load",
        title: "Load per expert",
        doc: "Pairs per batch asked of each expert and carried by it, mean over the batches. The band is what uniformly random routing gives over as many tokens: bars outside it are not noise.",
        x: Axis::linear("expert", ""),
        y: Axis::zero_based("load", "pairs per batch"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn balance_chart(config: &Config, batches: &[Batch], floor: &Floor) -> Chart {
    let mut series = vec![Series::line(
        "MaxVio",
        by_batch(batches, |b| b.stats.max_violation),
    )];
    if has_floor(config) {
        let ends = [1.0, batches.len() as f64];
        let [_, low, high] = floor.max_violation;
        series.push(
            Series::band(
                if floor.exact {
                    "random routing, 5-95 % (exact)"
                } else {
                    "random routing, 5-95 % (400 draws)"
                },
                ends.map(|x| [x, low]).to_vec(),
                vec![high; 2],
            )
            .as_reference(),
        );
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

fn bias_chart(config: &Config, batches: &[Batch]) -> Chart {
    let experts = config.experts as usize;
    let series = if experts <= 16 {
        (0..experts)
            .map(|e| {
                Series::line(format!("expert {e}"), by_batch(batches, |b| b.bias[e]))
                    .of(Entity::Expert(e).id())
            })
            .collect()
    } else {
        let edge =
            |b: &Batch, f: fn(f64, f64) -> f64| b.bias.iter().copied().reduce(f).unwrap_or(0.0);
        vec![Series::band(
            "smallest to largest",
            by_batch(batches, |b| edge(b, f64::min)),
            batches
                .iter()
                .map(|b| edge(b, f64::max))
                .collect::<Vec<_>>(),
        )]
    };
    Chart {
        id: "bias",
        title: "Selection bias",
        doc: "The bias added to each expert's score for the choice, in force while the batch is routed. Overloaded experts sink, idle ones rise.",
        x: Axis::linear("batch", ""),
        y: Axis::linear("bias", ""),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}
