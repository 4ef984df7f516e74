//! What the answers took and cost: figures, charts, the picture, and every request's story.

use super::super::Findings;
use super::super::board::{Bar, Board, Dot, Kind, Lane, Level, Tone};
use super::super::run::{events, value_of};
use super::config::{AcceleratorsConfig, Weighing};
use super::sim::{Got, SPOT, Sim, World};
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Metric, Moment, MomentKind, Series, SeriesKind, Story,
    Table,
};
use crate::labs::serving::config::Config;

/// Names of the pools.
const NAMES: [&str; 2] = ["cheap, can be taken away", "sure"];
/// Kinds on the board.
const KINDS: [Kind; 8] = [
    Kind::named("starting", Tone::Muted),
    Kind::named("cheap instance", Tone::Series(2)),
    Kind::named("sure instance", Tone::Series(0)),
    Kind::counted("taken away", Tone::Bad),
    Kind::named("by cost", Tone::Pale(2)),
    Kind::named("by capacity", Tone::Pale(1)),
    Kind::counted("in time", Tone::Good),
    Kind::counted("late", Tone::Warning),
];
const STARTING: u8 = 0;
const CHEAP: u8 = 1;
const TAKEN: u8 = 3;
const BY_COST: u8 = 4;
const IN_TIME: u8 = 6;
/// Lanes: the two pools, the share of the cheap one, latencies.
const SHARE: u16 = 2;
const LATENCY: u16 = 3;
/// Latencies that the lane shows, over the target.
const SHOWN: f64 = 3.0;

fn latencies(world: &World, sim: &Sim) -> Vec<f64> {
    let all = sim.got.iter().zip(&world.arrival);
    all.map(|(g, at)| g.end - at).collect()
}

/// Dollars for a thousand answers.
fn cost(sim: &Sim) -> f64 {
    1000.0 * sim.cost() / sim.got.len().max(1) as f64
}

fn board(c: &AcceleratorsConfig, world: &World, sim: &Sim) -> Board {
    let end = sim.now();
    let kinds = c.kinds();
    let mut lanes: Vec<Lane> = (0..2)
        .map(|pool| {
            let most = kinds[pool].most.to_string();
            Lane::new(NAMES[pool]).scaled("0", most).weighing(2.0)
        })
        .collect();
    lanes.push(Lane::new("share of the cheap ones").scaled("0", "1"));
    lanes.push(
        Lane::new("time to the answer")
            .scaled("0", format!("{:.0} s", SHOWN * c.target_secs))
            .weighing(1.5),
    );
    // An instance stands for a request that ran on it.
    let first = |n: usize| {
        let own = sim.ran.iter().find(|r| r.0 as usize == n);
        own.map_or(0, |r| r.1)
    };
    let mut bars = Vec::new();
    let mut dots = Vec::new();
    for (n, instance) in sim.instances.iter().enumerate() {
        let most = kinds[instance.pool].most.max(1) as f32;
        let low = instance.row as f32 / most;
        let height = [low + 0.06 / most, low + 0.94 / most];
        let gone = instance.gone.min(end);
        let lane = instance.pool as u16;
        let ready = instance.ready.min(gone);
        let parts = [
            (STARTING, [instance.from, ready]),
            (CHEAP + lane as u8, [ready, gone]),
        ];
        for (kind, span) in parts.into_iter().filter(|p| p.1[1] > p.1[0]) {
            bars.push(Bar {
                lane,
                kind,
                span,
                height,
                entity: first(n),
            });
        }
        if instance.lost {
            dots.push(Dot {
                lane,
                kind: TAKEN,
                at: instance.gone,
                height: 0.5 * (height[0] + height[1]),
                entity: first(n),
            });
        }
    }
    dots.extend(sim.got.iter().enumerate().map(|(r, got)| {
        let took = got.end - world.arrival[r];
        Dot {
            lane: LATENCY,
            kind: IN_TIME + u8::from(took > c.target_secs),
            at: world.arrival[r],
            height: (took / (SHOWN * c.target_secs)).min(1.0) as f32,
            entity: r as u32,
        }
    }));
    for pair in sim.looks.windows(2) {
        bars.push(Bar {
            lane: SHARE,
            kind: BY_COST + u8::from(pair[0].short),
            span: [pair[0].at, pair[1].at.min(end)],
            height: [0.0, pair[0].share as f32],
            entity: 0,
        });
    }
    Board {
        name: "Instances of two kinds, shares and latencies",
        caption: format!(
            "a row for each instance; latencies over the target of {} s are late",
            c.target_secs
        ),
        kinds: KINDS.to_vec(),
        lanes,
        bars,
        dots,
        levels: Vec::<Level>::new(),
        end,
        unit: "s",
        ..Board::default()
    }
}

fn story(c: &AcceleratorsConfig, at: f64, r: usize, got: &Got) -> Story {
    let pool = usize::from(got.pool != SPOT);
    let mode = if got.short {
        "capacity was short: shares by free capacity"
    } else {
        "capacity was not short: shares by the cost of an answer"
    };
    let mut why = vec![format!(
        "{mode}, {:.0} % to the cheap kind",
        100.0 * got.share
    )];
    if got.losses > 0 {
        why.push(format!(
            "its instance was taken away {} times, and it was sent again",
            got.losses
        ));
    }
    Story {
        title: format!("Request {r}"),
        facts: vec![
            Fact::new("answer after", format!("{:.2} s", got.end - at)),
            Fact::new("target", format!("{} s", c.target_secs)),
            Fact::new("accelerator", NAMES[pool]),
            Fact::new("computed in", format!("{:.2} s", got.end - got.start)),
            Fact::new("began after", format!("{:.2} s", got.start - at)),
            Fact::new("arrival", format!("{at:.1} s")),
        ],
        why,
    }
}

fn metrics(c: &AcceleratorsConfig, world: &World, sim: &Sim) -> Vec<Metric> {
    let took = latencies(world, sim);
    let share = |part: usize| 100.0 * part as f64 / took.len().max(1) as f64;
    let met = took.iter().filter(|t| **t <= c.target_secs).count();
    let cheap = sim.got.iter().filter(|g| g.pool == SPOT).count();
    let short = sim.looks.iter().filter(|l| l.short).count();
    let losses: u32 = sim.got.iter().map(|g| g.losses).sum();
    let new = Metric::new;
    vec![
        new(
            "latency_p95_secs",
            "P95 latency",
            "s",
            percentile(&took, 95.0),
            Better::Lower,
            "95th percentile of the time from a request to its answer.",
        ),
        new(
            "cost_per_1000",
            "Cost of 1000 answers",
            "$",
            cost(sim),
            Better::Lower,
            "Price of all instances from their start to their end, for a thousand answers.",
        ),
        new(
            "targets_met_percent",
            "In time",
            "%",
            share(met),
            Better::Higher,
            "Share of the requests answered within the target.",
        ),
        new(
            "latency_mean_secs",
            "Mean latency",
            "s",
            mean(&took),
            Better::Lower,
            "Mean time from a request to its answer.",
        ),
        new(
            "cheap_percent",
            "On the cheap kind",
            "%",
            share(cheap),
            Better::Neither,
            "Share of the requests answered by the cheap kind.",
        ),
        new(
            "short_percent",
            "By capacity",
            "%",
            100.0 * short as f64 / sim.looks.len().max(1) as f64,
            Better::Neither,
            "Share of the looks of the control loop after which shares follow free capacity.",
        ),
        new(
            "lost_starts",
            "Sent again",
            "",
            f64::from(losses),
            Better::Lower,
            "Requests whose instance was taken away: they start again. None is lost for good.",
        ),
    ]
}

fn charts(world: &World, all: &[(&AcceleratorsConfig, &Sim)]) -> Vec<Chart> {
    let trade = |sim: &Sim| [cost(sim), percentile(&latencies(world, sim), 95.0)];
    let (rules, thresholds) = all[1..].split_at(Weighing::ALL.len());
    let mut series: Vec<Series> = (Weighing::NAMES.iter().zip(rules))
        .map(|(name, (_, sim))| Series::new(*name, SeriesKind::Points, vec![trade(sim)]))
        .collect();
    let curve: Vec<[f64; 2]> = thresholds.iter().map(|(_, sim)| trade(sim)).collect();
    series.push(Series::line("adaptive, thresholds from 0.3 to 1", curve));
    let distribution = Weighing::NAMES.iter().zip(rules).map(|(name, (_, sim))| {
        let mut took = latencies(world, sim);
        took.sort_by(f64::total_cmp);
        let n = took.len().max(1) as f64;
        let every = took.len().div_ceil(200).max(1);
        let points = (took.iter().enumerate()).filter(|(i, _)| (i + 1) % every == 0);
        let points: Vec<[f64; 2]> = points
            .map(|(i, t)| [*t, 100.0 * (i + 1) as f64 / n])
            .collect();
        Series::new(*name, SeriesKind::Stairs, points)
    });
    let own = all[0].1;
    let used = |pool: usize| -> Vec<[f64; 2]> {
        let looks = own.looks.iter();
        looks.map(|l| [l.at, 100.0 * l.used[pool]]).collect()
    };
    vec![
        Chart {
            id: "cost_latency",
            title: "Cost and P95 latency",
            doc: "The same requests and the same losses under every rule. By cost alone the queue of the cheap kind grows while it is scarce; by capacity alone the dear kind works when it need not.",
            x: Axis::zero_based("cost of 1000 answers", "$"),
            y: Axis::log("P95 latency", "s"),
            series,
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "latency_distribution",
            title: "Latencies",
            doc: "Share of the requests answered within a time.",
            x: Axis::log("latency", "s"),
            y: Axis::zero_based("requests", "%"),
            series: distribution.collect(),
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "used",
            title: "Capacity in use",
            doc: "Requests in each pool over what all its instances that can be had could compute at once.",
            x: Axis::linear("time", "s"),
            y: Axis::zero_based("in use", "%"),
            series: (0..2)
                .map(|pool| Series::new(NAMES[pool], SeriesKind::Stairs, used(pool)))
                .collect(),
            marks: Vec::new(),
            on_timeline: true,
        },
    ]
}

fn table(world: &World, sim: &Sim) -> Table {
    let columns = [
        "request",
        "arrival_secs",
        "sure",
        "began_secs",
        "ended_secs",
        "latency_secs",
        "sent_again",
        "share_of_the_cheap",
    ];
    let rows = sim.got.iter().enumerate().map(|(r, got)| {
        let at = world.arrival[r];
        vec![
            r as f64,
            at,
            f64::from(u8::from(got.pool != SPOT)),
            got.start,
            got.end,
            got.end - at,
            f64::from(got.losses),
            got.share,
        ]
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Everything worth telling; the first run is the setup's own, then every rule, then the adaptive
/// one with other thresholds.
pub(super) fn findings(
    config: &Config,
    world: &World,
    all: &[(&AcceleratorsConfig, &Sim)],
) -> Findings {
    let c = &config.accelerators;
    let sim = all[0].1;
    let metrics = metrics(c, world, sim);
    let value = |id: &str| value_of(&metrics, id);
    let summary = format!(
        "{}: 95 % of {} requests are answered within {:.1} s, {:.1} % in time, and 1000 answers cost {:.2} $; {:.0} were sent again after a loss.",
        c.label(),
        sim.got.len(),
        value("latency_p95_secs"),
        value("targets_met_percent"),
        value("cost_per_1000"),
        value("lost_starts"),
    );
    let took = latencies(world, sim);
    let worst = (0..took.len()).max_by(|&a, &b| took[a].total_cmp(&took[b]));
    let turns = world.turns.iter().enumerate();
    let moments = turns.take_while(|(_, at)| **at < sim.now()).take(8);
    let moments = moments.map(|(i, at)| {
        let (label, kind) = if i % 2 == 0 {
            ("the cheap kind becomes scarce", MomentKind::Bad)
        } else {
            ("the cheap kind is there again", MomentKind::Phase)
        };
        Moment {
            at: *at,
            label: label.to_owned(),
            kind,
        }
    });
    let ends = sim.got.iter().map(|g| g.end);
    let times = world.arrival.iter().copied().chain(ends);
    Findings {
        timeline: events(times, moments.collect()),
        charts: charts(world, all),
        tables: vec![("requests", table(world, sim))],
        stories: (sim.got.iter().enumerate())
            .map(|(r, got)| story(c, world.arrival[r], r, got))
            .collect(),
        notable: worst
            .map(|r| (EntityId(r as u64), format!("the slowest: request {r}")))
            .into_iter()
            .collect(),
        summary,
        board: board(c, world, sim),
        metrics,
    }
}
