//! What the steps took: figures, charts, the picture, and every step's story.

use super::super::Findings;
use super::super::board::{Bar, Board, Dot, Kind, Lane, Level, Tone};
use super::super::fault::ServerFault;
use super::super::run::value_of;
use super::config::ExpertsConfig;
use super::served::{Outage, OutageKind, Served, Stepped, WINDOWS};
use super::work::Need;
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Mark, Metric, Series, SeriesKind, Story, Table, Timeline,
};
use crate::labs::serving::config::Config;

/// Kinds on the board.
const KINDS: [Kind; 10] = [
    Kind::named("services", Tone::Pale(0)),
    Kind::named("group in lockstep", Tone::Series(1)),
    Kind::counted("steps within the target", Tone::Good),
    Kind::counted("steps over it", Tone::Warning),
    Kind::named("server busy", Tone::Pale(2)),
    Kind::named("dead", Tone::Bad),
    Kind::named("slow", Tone::Series(4)),
    Kind::named("loading experts", Tone::Series(3)),
    Kind::named("stopped", Tone::Muted),
    // Last: shown only where it is.
    Kind::named("slow link", Tone::Series(5)),
];
const BUSY: u8 = 4;
const SLOW_LINK: u8 = 9;
/// Seconds of windows that throughput is averaged over, as a number of them.
const SMOOTH: usize = 4;

fn kind(outage: OutageKind) -> u8 {
    match outage {
        OutageKind::Dead => 5,
        OutageKind::Slow => 6,
        OutageKind::Loading => 7,
        OutageKind::Stopped => 8,
        OutageKind::SlowLink => SLOW_LINK,
    }
}

fn took(step: &Stepped) -> f64 {
    step.span[1] - step.span[0]
}

/// Mean seconds of a step; infinite without one.
pub(super) fn mean_step(served: &Served) -> f64 {
    if served.steps.is_empty() {
        return f64::INFINITY;
    }
    served.steps.iter().map(took).sum::<f64>() / served.steps.len() as f64
}

/// Tokens per second over time: of windows, several at a time.
fn rates(c: &ExpertsConfig, served: &Served) -> Vec<[f64; 2]> {
    let width = c.secs / WINDOWS as f64;
    (served.rates().chunks(SMOOTH).enumerate())
        .map(|(i, each)| {
            let mean = each.iter().sum::<f64>() / each.len() as f64;
            [(i * SMOOTH) as f64 * width, mean * c.batch as f64]
        })
        .collect()
}

/// Share of the steps that a fault left, over the time it lasted, in per cent; all of them without
/// a fault.
fn kept(c: &ExpertsConfig, [ill, sound]: [&Served; 2]) -> f64 {
    let [from, to] = c.fault.span();
    if from >= c.secs {
        return 100.0;
    }
    let span = [from, to.min(c.secs)];
    100.0 * ill.count(span) as f64 / sound.count(span).max(1) as f64
}

/// GPUs that loads from one client to all need: services, which grow by one server or client, over
/// groups, which come whole.
fn gpus(c: &ExpertsConfig, needs: &[Need]) -> Vec<[f64; 3]> {
    let group = (c.clients + c.servers) as f64;
    needs
        .iter()
        .map(|n| [n.clients as f64, (n.clients + n.servers) as f64, group])
        .collect()
}

fn board(c: &ExpertsConfig, own: &Served, services: &Served, group: &Served) -> Board {
    let of = [rates(c, services), rates(c, group)];
    let top = of.iter().flatten().map(|p| p[1]).fold(1.0, f64::max);
    let target = c.target_millis;
    let mut lanes = vec![
        Lane::new("tokens per second")
            .scaled("0", format!("{top:.0}"))
            .weighing(2.2),
        Lane::new("time of a step")
            .scaled("0", format!("{:.0} ms", 2.0 * target))
            .weighing(2.2),
    ];
    lanes.extend((0..c.servers).map(|s| Lane::new(format!("server {s}"))));
    let mut levels: Vec<Level> = of
        .iter()
        .enumerate()
        .map(|(i, points)| Level {
            lane: 0,
            kind: i as u8,
            points: points.iter().map(|p| [p[0], p[1] / top]).collect(),
            filled: i == 0,
        })
        .collect();
    let width = c.secs / WINDOWS as f64;
    levels.extend(own.busy.iter().enumerate().map(|(s, busy)| {
        Level {
            lane: 2 + s as u16,
            kind: BUSY,
            points: (busy.iter().enumerate())
                .map(|(i, secs)| [i as f64 * width, (secs / width).min(1.0)])
                .collect(),
            filled: true,
        }
    }));
    let after = |at: f64| own.steps.partition_point(|s| s.span[1] < at);
    let last = own.steps.len().saturating_sub(1);
    let bar = |o: &Outage| Bar {
        lane: 2 + o.server,
        kind: kind(o.kind),
        span: o.span.map(|t| t.min(c.secs)),
        height: match o.kind {
            OutageKind::Slow | OutageKind::SlowLink => [0.8, 1.0],
            OutageKind::Dead | OutageKind::Loading | OutageKind::Stopped => [0.0, 1.0],
        },
        entity: after(o.span[0]).min(last) as u32,
    };
    let seen = own.outages.iter().filter(|o| o.span[0] < c.secs);
    let linked = c.fault.what == ServerFault::LinkSlows;
    let shown = KINDS.len() - usize::from(!linked);
    let dots = own.steps.iter().enumerate().map(|(i, step)| {
        let millis = 1e3 * took(step);
        Dot {
            lane: 1,
            kind: if millis <= target { 2 } else { 3 },
            at: step.span[1],
            height: (millis / (2.0 * target)).min(1.0) as f32,
            entity: i as u32,
        }
    });
    Board {
        name: "Throughput, steps and expert servers",
        caption: "the target is at the middle of the lane of steps; a server's height is its busy share of 1/200 of the run".to_owned(),
        kinds: KINDS[..shown].to_vec(),
        lanes,
        bars: seen.map(bar).collect(),
        dots: dots.collect(),
        levels,
        end: c.secs,
        unit: "s",
        ..Board::default()
    }
}

fn story(c: &ExpertsConfig, i: usize, step: &Stepped, own: &Served) -> Story {
    let millis = |secs: f64| format!("{:.2} ms", 1e3 * secs);
    let rounds = c.rounds as f64;
    let attention = rounds * c.per_round(c.attention_micros);
    let network = 2.0 * rounds * c.per_round(c.hop_micros);
    let experts = if c.fault.what == ServerFault::LinkSlows {
        "experts, and the slow link"
    } else {
        "experts"
    };
    let mut why = vec![format!(
        "the longest wait for experts, {}, was in round {} of {}, for server {}",
        millis(step.slowest),
        step.round + 1,
        c.rounds,
        step.server
    )];
    let [from, to] = step.span;
    let ill = own.outages.iter();
    let ill = ill.filter(|o| o.span[0] < to && o.span[1] > from && o.kind != OutageKind::Stopped);
    why.extend(ill.map(|o| {
        let name = KINDS[usize::from(kind(o.kind))].name;
        let had = if o.kind == OutageKind::SlowLink {
            "had a"
        } else {
            "was"
        };
        format!("meanwhile server {} {had} {name}", o.server)
    }));
    Story {
        title: format!("Step {i}, client {}", step.client),
        facts: vec![
            Fact::new("took", millis(took(step))),
            Fact::new("target", format!("{} ms", c.target_millis)),
            Fact::new("attention", millis(attention)),
            Fact::new("network", millis(network)),
            Fact::new(experts, millis(took(step) - attention - network)),
            Fact::new("calls sent again", step.again.to_string()),
            Fact::new("tokens", c.batch.to_string()),
        ],
        why,
    }
}

fn metrics(
    c: &ExpertsConfig,
    services: [&Served; 2],
    groups: [&Served; 2],
    needs: &[Need],
) -> Vec<Metric> {
    let own = if c.service { services } else { groups };
    let millis: Vec<f64> = own[0].steps.iter().map(|s| 1e3 * took(s)).collect();
    let met = millis.iter().filter(|m| **m <= c.target_millis).count();
    let busy: f64 = own[0].busy.iter().flatten().sum();
    let of_gpus = gpus(c, needs);
    let sum = |i: usize| of_gpus.iter().map(|g| g[i]).sum::<f64>();
    let new = Metric::new;
    vec![
        new(
            "tokens_per_sec",
            "Throughput",
            "tok/s",
            (own[0].steps.len() as u64 * c.batch) as f64 / c.secs,
            Better::Higher,
            "Tokens of all clients over the run.",
        ),
        new(
            "kept_percent",
            "Kept under the fault",
            "%",
            kept(c, own),
            Better::Higher,
            "Steps while the fault lasts, over those of the same time without it.",
        ),
        new(
            "group_kept_percent",
            "Kept by a group",
            "%",
            kept(c, groups),
            Better::Neither,
            "The same for one group of the same GPUs in lockstep.",
        ),
        new(
            "step_mean_millis",
            "Mean step",
            "ms",
            mean(&millis),
            Better::Lower,
            "Mean time of a step: attention, experts and network in all layers.",
        ),
        new(
            "step_p99_millis",
            "P99 step",
            "ms",
            percentile(&millis, 99.0),
            Better::Lower,
            "99th percentile of that time.",
        ),
        new(
            "targets_met_percent",
            "Within the target",
            "%",
            100.0 * met as f64 / millis.len().max(1) as f64,
            Better::Higher,
            "Share of the steps within the target.",
        ),
        new(
            "busy_percent",
            "Servers busy",
            "%",
            100.0 * busy / (c.servers as f64 * c.secs),
            Better::Neither,
            "Share of the time that expert servers work.",
        ),
        new(
            "resent",
            "Calls sent again",
            "",
            own[0].calls[1] as f64,
            Better::Neither,
            "Calls whose server died before it answered, or whose expert had to be loaded first.",
        ),
        new(
            "saved_percent",
            "GPUs saved",
            "%",
            100.0 * (1.0 - sum(1) / sum(2)),
            Better::Higher,
            "GPUs that services need for the same target, over loads from one client to all, beside a group that comes whole.",
        ),
    ]
}

fn charts(
    c: &ExpertsConfig,
    services: [&Served; 2],
    groups: [&Served; 2],
    needs: &[Need],
) -> Vec<Chart> {
    let lines = [("services", services[0]), ("group", groups[0])];
    let [ill, well] = c.fault.span();
    let marks = [(ill, "fault"), (well, "over")]
        .into_iter()
        .filter(|m| m.0 < c.secs)
        .map(|(x, label)| Mark {
            x,
            label: label.to_owned(),
        })
        .collect();
    let distribution = lines.iter().map(|(name, served)| {
        let mut millis: Vec<f64> = served.steps.iter().map(|s| 1e3 * took(s)).collect();
        millis.sort_by(f64::total_cmp);
        let n = millis.len().max(1) as f64;
        // A hundred points are as good as all.
        let every = millis.len().div_ceil(100).max(1);
        let points = (millis.iter().enumerate()).filter(|(i, _)| (i + 1) % every == 0);
        let points: Vec<[f64; 2]> = points
            .map(|(i, m)| [*m, 100.0 * (i + 1) as f64 / n])
            .collect();
        Series::new(*name, SeriesKind::Stairs, points)
    });
    let need = gpus(c, needs);
    let of_need = |i: usize| need.iter().map(|g| [g[0], g[i]]).collect::<Vec<_>>();
    vec![
        Chart {
            id: "throughput",
            title: "Throughput",
            doc: "Tokens per second of the same clients and experts: as services, and as one group in lockstep that has to start again.",
            x: Axis::linear("time", "s"),
            y: Axis::zero_based("throughput", "tok/s"),
            series: lines
                .iter()
                .map(|(name, served)| Series::new(*name, SeriesKind::Stairs, rates(c, served)))
                .collect(),
            marks,
            on_timeline: true,
        },
        Chart {
            id: "gpus_by_load",
            title: "GPUs by load",
            doc: "Fewest GPUs, clients and servers together, with which the mean step keeps the target: services grow by one, a group comes whole.",
            x: Axis::linear("clients with work", ""),
            y: Axis::zero_based("GPUs", ""),
            series: vec![
                Series::line("services", of_need(1)),
                Series::line("group", of_need(2)),
            ],
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "step_distribution",
            title: "Times of steps",
            doc: "Share of the steps that took at most a time. Services wait for each other's calls; a group waits for its slowest server, but reads every expert once for all.",
            x: Axis::zero_based("time of a step", "ms"),
            y: Axis::zero_based("steps", "%"),
            series: distribution.collect(),
            marks: vec![Mark {
                x: c.target_millis,
                label: "target".to_owned(),
            }],
            on_timeline: false,
        },
    ]
}

fn table(own: &Served) -> Table {
    let columns = [
        "step",
        "client",
        "from_secs",
        "to_secs",
        "longest_wait_secs",
        "server",
        "calls_sent_again",
    ];
    let rows = own.steps.iter().enumerate().map(|(i, s)| {
        vec![
            i as f64,
            f64::from(s.client),
            s.span[0],
            s.span[1],
            s.slowest,
            f64::from(s.server),
            f64::from(s.again),
        ]
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Everything worth telling, of runs with the fault and without.
pub(super) fn findings(
    config: &Config,
    services: &[Served],
    groups: &[Served],
    needs: &[Need],
) -> Findings {
    let c = &config.experts;
    let [services, groups] = [services, groups].map(|both| [&both[0], &both[1]]);
    let own = if c.service { services[0] } else { groups[0] };
    let metrics = metrics(c, services, groups, needs);
    let value = |id: &str| value_of(&metrics, id);
    let fault = if c.fault.any() {
        format!(
            " {:.1} % of the throughput is left while the fault lasts, {:.1} % in a group;",
            value("kept_percent"),
            value("group_kept_percent")
        )
    } else {
        String::new()
    };
    let summary = format!(
        "{}: {:.0} tokens per second, a step takes {:.1} ms on average;{fault} loads from one client to all need {:.0} % fewer GPUs than a group.",
        c.label(),
        value("tokens_per_sec"),
        value("step_mean_millis"),
        value("saved_percent"),
    );
    let worst =
        (0..own.steps.len()).max_by(|&a, &b| took(&own.steps[a]).total_cmp(&took(&own.steps[b])));
    let mut steps: Vec<f64> = std::iter::once(0.0)
        .chain(own.steps.iter().map(|s| s.span[1]))
        .collect();
    steps.push(c.secs);
    steps.dedup();
    Findings {
        timeline: Timeline {
            steps: steps.into(),
            axis: "time",
            unit: "s",
            step_name: "1 step",
            moments: (c.fault).moments(&format!("server {}", c.fault.server), c.secs),
        },
        charts: charts(c, services, groups, needs),
        tables: vec![("steps", table(own))],
        stories: (own.steps.iter().enumerate())
            .map(|(i, step)| story(c, i, step, own))
            .collect(),
        notable: worst
            .map(|i| (EntityId(i as u64), format!("the slowest: step {i}")))
            .into_iter()
            .collect(),
        summary,
        board: board(c, own, services[0], groups[0]),
        metrics,
    }
}
