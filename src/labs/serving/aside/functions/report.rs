//! What the functions got and cost: figures, charts, the picture, and every request's story.

use super::super::Findings;
use super::super::board::{Bar, Board, Dot, Kind, Lane, Tone};
use super::super::run::{events, value_of};
use super::config::FunctionsConfig;
use super::requests::Requests;
use super::sim::{Activity, Got, Sim};
use super::work::{KEEPS, WAYS};
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Metric, Series, SeriesKind, Story, Table, num,
};
use crate::labs::serving::config::Config;

/// Times to the first token that the lowest lane shows, on a logarithmic scale.
const SHOWN: [f64; 2] = [0.02, 200.0];
/// Kinds on the board.
const KINDS: [Kind; 9] = [
    Kind::named("memory held", Tone::Pale(0)),
    Kind::named("container", Tone::Series(4)),
    Kind::named("libraries", Tone::Series(5)),
    Kind::named("backbone", Tone::Series(1)),
    Kind::named("adapter", Tone::Series(3)),
    Kind::named("kernels", Tone::Warning),
    Kind::named("batch", Tone::Series(0)),
    Kind::counted("in time", Tone::Good),
    Kind::counted("late", Tone::Bad),
];
const OUT: u8 = 9;

fn kind(what: Activity) -> u8 {
    match what {
        Activity::Container => 1,
        Activity::Library => 2,
        Activity::Backbone => 3,
        Activity::Adapter => 4,
        Activity::Kernels => 5,
        Activity::Running => 6,
    }
}

fn height(ttft: f64) -> f32 {
    let [low, high] = SHOWN;
    (num::ln(ttft / low) / num::ln(high / low)).clamp(0.0, 1.0) as f32
}

/// Times to the first token of all requests that were served.
fn ttfts(requests: &Requests, sim: &Sim) -> Vec<f64> {
    let all = requests.arrival.iter().zip(&sim.got);
    all.filter_map(|(at, got)| got.map(|g| g.first - at))
        .collect()
}

/// Dollars for a thousand requests.
fn cost(config: &FunctionsConfig, sim: &Sim) -> f64 {
    sim.held(sim.now()) / 3600.0 * config.price * 1000.0 / sim.got.len().max(1) as f64
}

fn board(c: &FunctionsConfig, requests: &Requests, sim: &Sim) -> Board {
    let end = sim.now();
    let gb = c.gpu_gb;
    let mut lanes: Vec<Lane> = (0..c.gpus)
        .map(|g| Lane::new(format!("GPU {g}, memory")).scaled("0", format!("{gb} GB")))
        .collect();
    lanes.push(
        Lane::new("time to first token")
            .scaled("20 ms", "200 s")
            .weighing(0.7),
    );
    let mut bars = Vec::new();
    let place = |copy: u32| {
        let p = sim.copies[copy as usize].place;
        [(p[0] / gb) as f32, ((p[0] + p[1]) / gb) as f32]
    };
    let first = |copy: usize| {
        let of = sim.spans.iter().find(|s| s.copy as usize == copy);
        of.map_or(0, |s| s.request)
    };
    for (i, copy) in sim.copies.iter().enumerate() {
        let [low, high] = place(i as u32);
        bars.push(Bar {
            lane: copy.gpu as u16,
            kind: 0,
            span: [copy.born, copy.gone.min(end)],
            height: [low + 0.004, high - 0.004],
            entity: first(i),
        });
    }
    for span in &sim.spans {
        let copy = &sim.copies[span.copy as usize];
        let [low, high] = place(span.copy);
        let part = match span.what {
            Activity::Adapter | Activity::Kernels if c.share => [0.72, 0.98],
            _ => [0.06, 0.66],
        };
        bars.push(Bar {
            lane: copy.gpu as u16,
            kind: kind(span.what),
            span: [span.from, span.to],
            height: part.map(|p: f32| low + p * (high - low)),
            entity: span.request,
        });
    }
    let mut kinds = KINDS.to_vec();
    if c.fault.any() && c.fault.span()[0] < end {
        kinds.push(Kind::named(c.fault.condition(), Tone::Muted));
        let [from, to] = c.fault.span();
        let after = requests.arrival.partition_point(|at| *at < from);
        bars.push(Bar {
            lane: c.fault.server as u16,
            kind: OUT,
            span: [from, to.min(end)],
            height: if c.fault.dies() {
                [0.0, 1.0]
            } else {
                [0.97, 1.0]
            },
            entity: after.min(requests.arrival.len() - 1) as u32,
        });
    }
    let dots = sim.got.iter().enumerate().filter_map(|(r, got)| {
        let ttft = got.as_ref()?.first - requests.arrival[r];
        Some(Dot {
            lane: c.gpus as u16,
            kind: if ttft <= c.target_secs { 7 } else { 8 },
            at: requests.arrival[r],
            height: height(ttft),
            entity: r as u32,
        })
    });
    Board {
        name: "Memory of the GPUs and starts of functions",
        caption: "height: place in the memory of the GPU".to_owned(),
        kinds,
        lanes,
        bars,
        dots: dots.collect(),
        end,
        unit: "s",
        ..Board::default()
    }
}

fn story(c: &FunctionsConfig, requests: &Requests, sim: &Sim, r: usize, got: &Got) -> Story {
    let ttft = got.first - requests.arrival[r];
    let copy = &sim.copies[got.copy as usize];
    let function = requests.function[r];
    let mut why = Vec::new();
    let loads = sim.spans.iter().filter(|s| {
        s.copy == got.copy
            && s.what != Activity::Running
            && s.to > requests.arrival[r]
            && s.from < got.first
    });
    for span in loads {
        let Some(Kind { name, .. }) = KINDS.get(usize::from(kind(span.what))) else {
            continue;
        };
        why.push(format!(
            "{name} loading until {:.2} s, for request {}",
            span.to, span.request
        ));
    }
    if why.is_empty() {
        why.push("backbone, adapter and kernels were there".to_owned());
    }
    if got.losses > 0 {
        why.push(format!(
            "its GPU died {} times, and it started again; a first token that was out stays out",
            got.losses
        ));
    }
    if got.together > 1 {
        why.push(format!(
            "{} batches shared the GPU: each takes {} times as long",
            got.together, got.together
        ));
    }
    Story {
        title: format!("Request {r}, function {function}"),
        facts: vec![
            Fact::new("time to first token", format!("{ttft:.2} s")),
            Fact::new("of this loading", format!("{:.2} s", got.cold)),
            Fact::new("target", format!("{} s", c.target_secs)),
            Fact::new(
                "answer complete after",
                format!("{:.2} s", got.end - requests.arrival[r]),
            ),
            Fact::new("GPU", copy.gpu.to_string()),
            Fact::new(
                "backbone",
                (function % c.backbones.max(1) as usize).to_string(),
            ),
            Fact::new("batch", format!("{} requests", got.batch)),
        ],
        why,
    }
}

fn metrics(c: &FunctionsConfig, requests: &Requests, sim: &Sim) -> Vec<Metric> {
    let ttft = ttfts(requests, sim);
    let cold: Vec<f64> = sim.got.iter().flatten().map(|g| g.cold).collect();
    let waited = cold.iter().filter(|c| **c > 0.0).count() as f64;
    let met = ttft.iter().filter(|t| **t <= c.target_secs).count() as f64;
    let per_cent = |part: f64| 100.0 * part / ttft.len().max(1) as f64;
    let new = Metric::new;
    vec![
        new(
            "ttft_mean_secs",
            "Mean TTFT",
            "s",
            mean(&ttft),
            Better::Lower,
            "Mean time from a call to its first token.",
        ),
        new(
            "ttft_p95_secs",
            "P95 TTFT",
            "s",
            percentile(&ttft, 95.0),
            Better::Lower,
            "95th percentile of that time.",
        ),
        new(
            "cost_per_1000",
            "Cost of 1000 calls",
            "$",
            cost(c, sim),
            Better::Lower,
            "GPU memory held times its price, for a thousand calls.",
        ),
        new(
            "targets_met_percent",
            "In time",
            "%",
            per_cent(met),
            Better::Higher,
            "Share of the calls whose first token came within the target.",
        ),
        new(
            "cold_percent",
            "Waited for loading",
            "%",
            per_cent(waited),
            Better::Lower,
            "Share of the calls whose backbone, adapter or kernels were not there when they came.",
        ),
        new(
            "cold_mean_secs",
            "Mean loading",
            "s",
            mean(&cold),
            Better::Lower,
            "Mean time from a call until all it needs was loaded, zeros included.",
        ),
        new(
            "held_gb",
            "Memory held",
            "GB",
            sim.held(sim.now()) / sim.now().max(1e-9),
            Better::Lower,
            "GPU memory held, averaged over the run.",
        ),
        new(
            "copies",
            "Copies of backbones",
            "",
            sim.copies.len() as f64,
            Better::Lower,
            "Copies of a backbone that were loaded.",
        ),
        new(
            "lost_starts",
            "Started again",
            "",
            sim.got.iter().flatten().map(|g| f64::from(g.losses)).sum(),
            Better::Lower,
            "How often a call was under way on a GPU that died: it starts again.",
        ),
    ]
}

/// The run of a way to serve at the setup's own times.
fn of_way<'a>(
    all: &[(&'a FunctionsConfig, &'a Sim)],
    switches: [bool; 3],
    keep: f64,
) -> Option<(&'a FunctionsConfig, &'a Sim)> {
    let found = all.iter().find(|(c, _)| {
        [c.share, c.preload, c.delay] == switches && (c.keep_secs / keep - 1.0).abs() < 1e-9
    });
    found.copied()
}

fn charts(
    own: &FunctionsConfig,
    requests: &Requests,
    all: &[(&FunctionsConfig, &Sim)],
) -> Vec<Chart> {
    let distribution = WAYS.iter().filter_map(|(name, switches)| {
        let (_, sim) = of_way(all, *switches, own.keep_secs)?;
        let mut ttft = ttfts(requests, sim);
        ttft.sort_by(f64::total_cmp);
        let n = ttft.len().max(1) as f64;
        let points: Vec<[f64; 2]> = (ttft.iter().enumerate())
            .map(|(i, t)| [*t, 100.0 * (i + 1) as f64 / n])
            .collect();
        Some(Series::new(*name, SeriesKind::Stairs, points))
    });
    let trade = |c: &FunctionsConfig, sim: &Sim| [cost(c, sim), mean(&ttfts(requests, sim))];
    let mut trades: Vec<Series> = WAYS[..2]
        .iter()
        .map(|(name, switches)| {
            let at = KEEPS.iter();
            let at = at.filter_map(|k| of_way(all, *switches, k * own.keep_secs));
            let points: Vec<[f64; 2]> = at.map(|(c, sim)| trade(c, sim)).collect();
            Series::line(format!("{name}, kept for longer and longer"), points)
        })
        .collect();
    for (name, switches) in &WAYS[2..] {
        if let Some((c, sim)) = of_way(all, *switches, own.keep_secs) {
            let point = vec![trade(c, sim)];
            trades.push(Series::new(*name, SeriesKind::Points, point));
        }
    }
    vec![
        Chart {
            id: "ttft_distribution",
            title: "Time to the first token",
            doc: "Share of the calls whose first token came within a time, for the same calls with one idea more each.",
            x: Axis::log("time to first token", "s"),
            y: Axis::zero_based("calls", "%"),
            series: distribution.collect(),
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "cost_latency",
            title: "Cost and latency",
            doc: "Keeping memory for longer after a call buys fewer cold starts. Sharing moves the whole curve; loading in advance adds a fixed cost.",
            x: Axis::zero_based("cost of 1000 calls", "$"),
            y: Axis::log("mean time to first token", "s"),
            series: trades,
            marks: Vec::new(),
            on_timeline: false,
        },
    ]
}

fn table(requests: &Requests, sim: &Sim) -> Table {
    let columns = [
        "request",
        "arrival_secs",
        "function",
        "prompt_tokens",
        "output_tokens",
        "ttft_secs",
        "loading_secs",
        "e2e_secs",
        "gpu",
        "batch",
    ];
    let rows = sim.got.iter().enumerate().filter_map(|(r, got)| {
        let got = got.as_ref()?;
        let at = requests.arrival[r];
        Some(vec![
            r as f64,
            at,
            requests.function[r] as f64,
            requests.prompt[r],
            requests.output[r],
            got.first - at,
            got.cold,
            got.end - at,
            sim.copies[got.copy as usize].gpu as f64,
            f64::from(got.batch),
        ])
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Everything worth telling; the first run is the setup's own.
pub(super) fn findings(
    config: &Config,
    requests: &Requests,
    all: &[(&FunctionsConfig, &Sim)],
) -> Findings {
    let c = &config.functions;
    let sim = all[0].1;
    let metrics = metrics(c, requests, sim);
    let value = |id: &str| value_of(&metrics, id);
    let summary = format!(
        "{}: the first token comes after {:.2} s on average, {:.0} % of {} calls within {} s; {:.0} % wait for something to load, and 1000 calls cost {:.2} $.",
        c.label(),
        value("ttft_mean_secs"),
        value("targets_met_percent"),
        sim.got.len(),
        c.target_secs,
        value("cold_percent"),
        value("cost_per_1000"),
    );
    let worst = (0..sim.got.len()).max_by(|&a, &b| {
        let of = |r: usize| sim.got[r].map_or(0.0, |g| g.first - requests.arrival[r]);
        of(a).total_cmp(&of(b))
    });
    let times = (requests.arrival.iter().copied())
        .chain(sim.spans.iter().flat_map(|s| [s.from, s.to]))
        .chain([sim.now()]);
    let moments = (c.fault).moments(&format!("GPU {}", c.fault.server), sim.now());
    Findings {
        timeline: events(times, moments),
        charts: charts(c, requests, all),
        tables: vec![("requests", table(requests, sim))],
        stories: (sim.got.iter().enumerate())
            .map(|(r, got)| {
                got.as_ref()
                    .map_or_else(Story::default, |g| story(c, requests, sim, r, g))
            })
            .collect(),
        notable: worst
            .map(|r| (EntityId(r as u64), format!("the longest wait: request {r}")))
            .into_iter()
            .collect(),
        summary,
        board: board(c, requests, sim),
        metrics,
    }
}
