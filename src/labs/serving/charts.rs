//! Linked charts of a run.

use super::config::Config;
use super::engine::LanePlan;
use super::log::Log;
use super::policies::Feature;
use super::power;
use super::results::{Results, STRETCHES};
use super::workload::Workload;
use crate::core::{Axis, Chart, Mark, Series, SeriesKind};

/// Most points of a thinned series.
pub(super) const POINTS: usize = 1500;
/// Bins of a rate over time.
const BINS: usize = STRETCHES;
/// Bins of what two lanes do: wide enough for several batches of prompts.
const LANE_BINS: usize = 40;

/// Blocks copied per second to the host and back, for runs in which requests are swapped.
pub(super) fn copies(config: &Config, log: &Log, end: f64) -> Option<Chart> {
    if !config.swaps() || end <= 0.0 {
        return None;
    }
    let width = end / BINS as f64;
    let mut counts = vec![[0.0_f64; 2]; BINS];
    for swap in &log.swaps {
        let bin = ((swap.at / width) as usize).min(BINS - 1);
        counts[bin][usize::from(!swap.out)] += f64::from(swap.blocks);
    }
    let rate = |which: usize| -> Vec<[f64; 2]> {
        (counts.iter().enumerate())
            .map(|(b, count)| [width * b as f64, count[which] / width])
            .collect()
    };
    Some(Chart {
        id: "swap_copies",
        title: "Copies to the host and back",
        doc: "KV blocks copied per second in each stretch of time: out when the copy begins, back when the request can go on.",
        x: time_axis(),
        y: Axis::zero_based("copied", "blocks/s"),
        series: vec![
            Series::new("out", SeriesKind::Stairs, rate(0)),
            Series::new("back", SeriesKind::Stairs, rate(1)),
        ],
        marks: Vec::new(),
        on_timeline: true,
    })
}

/// Servers with a line of their own.
const SERVERS: [&str; 6] = [
    "server 0", "server 1", "server 2", "server 3", "server 4", "server 5",
];

/// Power of a row of servers, and of some of its servers.
pub(super) fn row(config: &Config, log: &Log) -> Vec<Chart> {
    if !config.watches_power() {
        return Vec::new();
    }
    let meter = &log.meter;
    let end = log.iterations.ended.last().copied().unwrap_or(0.0);
    let flat = |name, share: f64| {
        Series::line(name, vec![[0.0, 100.0 * share], [end, 100.0 * share]]).as_reference()
    };
    let course = |values: &mut dyn Iterator<Item = f64>| -> Vec<[f64; 2]> {
        let all: Vec<[f64; 2]> = (meter.from.iter().zip(values))
            .map(|(at, share)| [*at, 100.0 * share])
            .collect();
        thinned(all.len(), POINTS).map(|i| all[i]).collect()
    };
    let n = config.replicas as usize;
    let mut sum = vec![Series::new(
        "row",
        SeriesKind::Stairs,
        course(&mut meter.row.iter().copied()),
    )];
    if config.power_caps {
        sum.push(flat("first threshold", config.cap_first));
        sum.push(flat("second threshold", config.cap_second));
    }
    sum.push(flat("budget", 1.0));
    let some = SERVERS.iter().take(n).enumerate();
    let each = some
        .map(|(i, name)| Series::new(*name, SeriesKind::Stairs, course(&mut meter.server(i, n))));
    vec![
        chart(
            "row_power",
            "Power of the row",
            "Mean power of all servers between two looks, over the budget of the row. Peaks of single servers come at different times, so the sum is much calmer than its parts.",
            Axis::zero_based("share of the budget", "%"),
            sum,
        ),
        chart(
            "server_power",
            "Power of single servers",
            "Mean power of the first servers between two looks, over their thermal design power.",
            Axis::zero_based("share of the design power", "%"),
            each.collect(),
        ),
    ]
}

/// Which layers run prompts, under layered prefill.
pub(super) fn layers(config: &Config, log: &Log) -> Option<Chart> {
    if !config.scheduler.has(Feature::Layered) {
        return None;
    }
    let edge = |which: usize| -> Vec<[f64; 2]> {
        (log.layers.iter())
            .map(|&(at, part)| {
                [
                    at,
                    if part[which].is_nan() {
                        0.0
                    } else {
                        100.0 * part[which]
                    },
                ]
            })
            .collect()
    };
    Some(Chart {
        id: "prefill_layers",
        title: "Layers that run prompts",
        doc: "First and last of the layers that run prompt tokens in each iteration, as a share of all: prompts climb through the model group by group. Under chunked prefill every chunk takes all layers. Both at 0: decodes alone. Long runs show their beginning.",
        x: time_axis(),
        y: Axis::zero_based("layers", "%"),
        series: vec![
            Series::new("up to", SeriesKind::Stairs, edge(1)),
            Series::new("from", SeriesKind::Stairs, edge(0)),
        ],
        marks: Vec::new(),
        on_timeline: true,
    })
}

/// How busy the two sides of the GPUs are, where they work at the same time.
pub(super) fn sides(config: &Config, log: &Log) -> Option<Chart> {
    if !config.overlaps() {
        return None;
    }
    let rows = log.sides.rows();
    // Stretches of equal numbers of iterations, so that single ones are no comb.
    let step = rows.len().div_ceil(BINS).max(1);
    let share = |side: usize| -> Vec<[f64; 2]> {
        (rows.chunks(step))
            .map(|part| {
                let secs: f64 = part.iter().map(|r| r.secs).sum();
                let busy: f64 = part.iter().map(|r| r.busy[side]).sum();
                [part[0].from, 100.0 * busy / secs.max(f64::MIN_POSITIVE)]
            })
            .collect()
    };
    Some(Chart {
        id: "busy_sides",
        title: "Computing and reading memory",
        doc: "Share of the time of the iterations in which the GPUs compute and in which they read memory. The two overlap: where one line is high and the other low, half of the machine idles; blended batches keep both up to the end.",
        x: time_axis(),
        y: Axis::zero_based("share of the time", "%"),
        series: vec![
            Series::new("computing", SeriesKind::Stairs, share(0)),
            Series::new("reading memory", SeriesKind::Stairs, share(1)),
        ],
        marks: Vec::new(),
        on_timeline: true,
    })
}

/// Shares of the processors and how busy the two lanes of the first instance are, where prompts and
/// decodes run at the same time.
pub(super) fn shares(config: &Config, log: &Log, end: f64) -> Vec<Chart> {
    let Some(LanePlan::Split(split)) = config.lanes() else {
        return Vec::new();
    };
    let mut course = vec![[0.0, 100.0 * split.shares[0]]];
    let changes = log.shares.iter().filter(|s| s.1 == 0);
    course.extend(changes.map(|&(at, _, share)| [at, 100.0 * share]));
    course.push([end, course.last().map_or(0.0, |last| last[1])]);
    let it = &log.iterations;
    let width = end / LANE_BINS as f64;
    let mut busy = vec![[0.0_f64; 2]; LANE_BINS];
    for i in (0..it.len()).filter(|&i| it.replica[i] == 0) {
        let lane = usize::from(it.prefill[i] == 0);
        let (mut from, to) = (it.started[i], it.ended[i].min(end));
        while from < to {
            let bin = ((from / width) as usize).min(LANE_BINS - 1);
            let until = (width * (bin + 1) as f64).min(to);
            busy[bin][lane] += until.max(from) - from;
            from = if until > from { until } else { to };
        }
    }
    let lane = |which: usize| -> Vec<[f64; 2]> {
        (busy.iter().enumerate())
            .map(|(b, secs)| [width * b as f64, 100.0 * secs[which] / width])
            .collect()
    };
    vec![
        chart(
            "prompt_share",
            "Share of the prompts",
            "Part of the processors of the first instance that prompts may use. Where it follows the load, it rises while first tokens miss their target and falls while the tokens after them do.",
            Axis::zero_based("share of the processors", "%"),
            vec![Series::new("prompts", SeriesKind::Stairs, course)],
        ),
        chart(
            "lanes_busy",
            "Both lanes",
            "Part of each stretch of time in which the first instance runs a batch of prompts, and a batch of decodes. Both can run at once, over the same memory.",
            Axis::zero_based("share of the time", "%"),
            vec![
                Series::new("prompts", SeriesKind::Stairs, lane(0)),
                Series::new("decodes", SeriesKind::Stairs, lane(1)),
            ],
        ),
    ]
}

/// What charts are drawn from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) config: &'a Config,
    pub(super) workload: &'a Workload,
    pub(super) results: &'a Results,
    pub(super) log: &'a Log,
}

/// All charts, the most important first.
pub(super) const CHARTS: &[fn(Facts<'_>) -> Chart] = &[
    |f| ttft(f.config, f.workload, f.results),
    |f| tbt(f.results),
    |f| batch(f.log, f.config),
    |f| kv(f.log, f.config),
    |f| queue(f.log),
    |f| throughput(f.log, f.results.end),
    |f| goodput(f.workload, f.results),
    |f| ttft_distribution(f.results, f.config),
    |f| gap_distribution(f.results, f.config),
    |f| e2e(f.workload, f.results),
    |f| e2e_distribution(f.results),
    |f| scatter(f.config, f.results),
    |f| watts(f.config, f.log, f.results.end),
];

fn time_axis() -> Axis {
    Axis::linear("simulated time", "s")
}

/// A chart over the run's timeline, without marks.
fn chart(
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    y: Axis,
    series: Vec<Series>,
) -> Chart {
    Chart {
        id,
        title,
        doc,
        x: time_axis(),
        y,
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// Indices of at most `most` elements, spread evenly, the last included.
pub(super) fn thinned(n: usize, most: usize) -> impl Iterator<Item = usize> {
    let step = n.div_ceil(most.max(1)).max(1);
    (0..n)
        .step_by(step)
        .chain((n > 1 && !(n - 1).is_multiple_of(step)).then(|| n - 1))
}

/// At most [`POINTS`] of very many points, about, without a list of all.
fn some_of(points: impl Iterator<Item = [f64; 2]> + Clone) -> Vec<[f64; 2]> {
    let mut wanted = thinned(points.clone().count(), POINTS).peekable();
    points
        .enumerate()
        .filter(|(i, _)| wanted.next_if_eq(i).is_some())
        .map(|(_, point)| point)
        .collect()
}

/// Times of requests over their arrival, thinned.
fn at_arrival(workload: &Workload, values: &[f64]) -> Series {
    let finished = (workload.arrival.iter().zip(values))
        .filter(|(_, value)| value.is_finite())
        .map(|(arrival, value)| [*arrival, *value]);
    Series::new("requests", SeriesKind::Points, some_of(finished))
}

fn e2e(workload: &Workload, results: &Results) -> Chart {
    Chart {
        id: "e2e",
        title: "End-to-end latency",
        doc: "Each dot is a request at its arrival; height is the time to its last token.",
        x: time_axis(),
        y: Axis::zero_based("E2E", "s"),
        series: vec![at_arrival(workload, &results.e2e)],
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// Requests per second that ended in each stretch of time, all of them and those in time.
fn goodput(workload: &Workload, results: &Results) -> Chart {
    // A handful of requests to a stretch: fewer would be a comb.
    let bins = (results.len() / 5).clamp(8, BINS);
    let width = results.end / bins as f64;
    let mut counts = vec![[0.0_f64; 2]; bins];
    for i in 0..results.len() {
        let at = workload.arrival[i] + results.e2e[i];
        if at.is_finite() && width > 0.0 {
            let bin = &mut counts[((at / width) as usize).min(bins - 1)];
            bin[0] += 1.0;
            bin[1] += f64::from(u8::from(results.meets_slo[i]));
        }
    }
    let rate = |which: usize| -> Vec<[f64; 2]> {
        (counts.iter().enumerate())
            .map(|(b, count)| {
                [
                    width * b as f64,
                    count[which] / width.max(f64::MIN_POSITIVE),
                ]
            })
            .collect()
    };
    Chart {
        id: "goodput",
        title: "Goodput",
        doc: "Requests per second that end in each stretch of time, and those of them that met their targets.",
        x: time_axis(),
        y: Axis::zero_based("rate", "req/s"),
        series: vec![
            Series::new("ended", SeriesKind::Stairs, rate(0)),
            Series::new("met their targets", SeriesKind::Stairs, rate(1)),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn watts(config: &Config, log: &Log, end: f64) -> Chart {
    Chart {
        id: "power",
        title: "Power",
        doc: "Mean power of all GPUs in each stretch of time, by a model drawn by eye through measurements. Where a run has so many iterations that they share rows, the largest batch of a row stands for all of it.",
        x: time_axis(),
        y: Axis::zero_based("power", "W"),
        series: vec![Series::new(
            "all GPUs",
            SeriesKind::Stairs,
            power::over_time(config, log, end, BINS),
        )],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn ttft(config: &Config, workload: &Workload, results: &Results) -> Chart {
    let target = vec![
        [0.0, config.slo_ttft_secs],
        [results.end, config.slo_ttft_secs],
    ];
    Chart {
        id: "ttft",
        title: "Time to first token",
        doc: "Each dot is a request at its arrival; height is how long its first token took. A rising cloud is a growing queue.",
        x: time_axis(),
        y: Axis::zero_based("TTFT", "s"),
        series: vec![
            at_arrival(workload, &results.ttft),
            Series::line("target", target).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn tbt(results: &Results) -> Chart {
    let course = &results.gaps_over_time;
    let median: Vec<[f64; 2]> = course.iter().map(|c| [c[0], c[1]]).collect();
    let worst: Vec<[f64; 2]> = course.iter().map(|c| [c[0], c[2]]).collect();
    Chart {
        id: "tbt",
        title: "Time between tokens",
        doc: "Median and longest gap between two tokens of a request in each stretch of time. Spikes are stalls that a reader of the text would notice.",
        x: time_axis(),
        y: Axis::zero_based("gap", "s"),
        series: vec![
            Series::line("median", median),
            Series::line("longest", worst),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn batch(log: &Log, config: &Config) -> Chart {
    let it = &log.iterations;
    let sampled = |values: &[u32]| -> Vec<[f64; 2]> { peaks(&it.formed, values, POINTS) };
    let mut series = vec![
        Series::new("prefill", SeriesKind::Stairs, sampled(&it.prefill)),
        Series::new("decode", SeriesKind::Stairs, sampled(&it.decodes)),
    ];
    if config.scheduler.has(Feature::Budget) {
        let budget = config.chunk_size as f64;
        let end = it.formed.last().copied().unwrap_or(0.0);
        series.push(Series::line("budget", vec![[0.0, budget], [end, budget]]).as_reference());
    }
    Chart {
        id: "batch",
        title: "Tokens per iteration",
        doc: "Prompt tokens and decoded tokens of every batch (the largest of each stretch where there are many).",
        x: time_axis(),
        y: Axis::zero_based("tokens", "tok"),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// Thins a series to about `most` points by keeping the largest of each stretch.
fn peaks(times: &[f64], values: &[u32], most: usize) -> Vec<[f64; 2]> {
    let step = values.len().div_ceil(most.max(1)).max(1);
    times
        .chunks(step)
        .zip(values.chunks(step))
        .map(|(t, v)| [t[0], f64::from(v.iter().copied().max().unwrap_or(0))])
        .collect()
}

fn kv(log: &Log, config: &Config) -> Chart {
    let it = &log.iterations;
    let limits = config.limits();
    let blocks = f64::from(limits.num_blocks) * config.replicas as f64;
    let percent = |part: f64| 100.0 * part / blocks;
    let reserved: Vec<[f64; 2]> = thinned(it.len(), POINTS)
        .map(|i| [it.formed[i], percent(f64::from(it.kv_used[i]))])
        .collect();
    let filled: Vec<[f64; 2]> = thinned(it.len(), POINTS)
        .map(|i| {
            let tokens = it.kv_tokens[i] as f64;
            [it.formed[i], percent(tokens / f64::from(limits.block_size))]
        })
        .collect();
    let end = it.formed.last().copied().unwrap_or(0.0);
    Chart {
        id: "kv",
        title: "KV memory",
        doc: "Share of the KV pool that is allocated, and the part of it that holds tokens. The distance between the lines is memory reserved for nothing yet.",
        x: time_axis(),
        y: Axis::zero_based("share of the pool", "%"),
        series: vec![
            Series::new("allocated", SeriesKind::Stairs, reserved),
            Series::new("filled", SeriesKind::Stairs, filled),
            Series::line("capacity", vec![[0.0, 100.0], [end, 100.0]]).as_reference(),
        ],
        marks: log
            .evictions
            .first()
            .map(|e| Mark {
                x: e.at,
                label: "first preemption".to_owned(),
            })
            .into_iter()
            .collect(),
        on_timeline: true,
    }
}

fn queue(log: &Log) -> Chart {
    let it = &log.iterations;
    Chart {
        id: "queue",
        title: "Waiting and running",
        doc: "Requests in the queues and requests that hold memory, after each iteration was formed.",
        x: time_axis(),
        y: Axis::zero_based("requests", ""),
        series: vec![
            Series::new(
                "waiting",
                SeriesKind::Stairs,
                peaks(&it.formed, &it.waiting, POINTS),
            ),
            Series::new(
                "running",
                SeriesKind::Stairs,
                peaks(&it.formed, &it.holders, POINTS),
            ),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn throughput(log: &Log, end: f64) -> Chart {
    let points = log.gaps.rate_over_time(BINS, end);
    Chart {
        id: "throughput",
        title: "Throughput",
        doc: "Output tokens per second in each stretch of time.",
        x: time_axis(),
        y: Axis::zero_based("throughput", "tok/s"),
        series: vec![Series::new("tokens out", SeriesKind::Stairs, points)],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn cumulative(n: usize, at: impl Fn(usize) -> f64) -> Vec<[f64; 2]> {
    thinned(n, 400)
        .map(|i| [at(i), 100.0 * (i + 1) as f64 / n as f64])
        .collect()
}

fn distribution(
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    points: Vec<[f64; 2]>,
    target: Option<f64>,
) -> Chart {
    Chart {
        id,
        title,
        doc,
        x: Axis::log("time", "s"),
        y: Axis::zero_based("share", "%"),
        series: vec![Series::new("measured", SeriesKind::Stairs, points)],
        marks: (target.into_iter())
            .map(|x| Mark {
                x,
                label: "target".to_owned(),
            })
            .collect(),
        on_timeline: false,
    }
}

fn ttft_distribution(results: &Results, config: &Config) -> Chart {
    let ttfts = &results.ordered.ttft;
    distribution(
        "ttft_cdf",
        "Time to first token, distribution",
        "Share of requests whose first token is out within a time.",
        cumulative(ttfts.len(), |i| ttfts[i]),
        Some(config.slo_ttft_secs),
    )
}

fn e2e_distribution(results: &Results) -> Chart {
    let e2e = &results.ordered.e2e;
    distribution(
        "e2e_cdf",
        "End-to-end latency, distribution",
        "Share of requests whose last token is out within a time.",
        cumulative(e2e.len(), |i| e2e[i]),
        None,
    )
}

fn gap_distribution(results: &Results, config: &Config) -> Chart {
    let gaps = &results.ordered.gaps;
    distribution(
        "tbt_cdf",
        "Time between tokens, distribution",
        "Share of all gaps between tokens that are no longer than a time; look at the last per cent.",
        cumulative(gaps.len() as usize, |i| gaps.at(i as u64)),
        Some(config.slo_tpot_secs),
    )
}

fn scatter(config: &Config, results: &Results) -> Chart {
    let both = (0..results.len())
        .map(|i| [results.ttft[i], results.tpot[i]])
        .filter(|both| both.iter().all(|v| v.is_finite()));
    let points = some_of(both);
    let (x, y) = (config.slo_ttft_secs, config.slo_tpot_secs);
    Chart {
        id: "ttft_tpot",
        title: "First token against the rest",
        doc: "Each dot is a request; inside the box both targets are met.",
        x: Axis::zero_based("TTFT", "s"),
        y: Axis::zero_based("TPOT", "s"),
        series: vec![
            Series::new("requests", SeriesKind::Points, points),
            Series::line("targets", vec![[x, 0.0], [x, y], [0.0, y]]).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}
