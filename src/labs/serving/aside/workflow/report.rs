//! What the queries got: figures, charts, the swim-lanes, and every query's story.

use super::super::Findings;
use super::super::board::{Bar, Board, Kind, Lane, Level, Tone};
use super::super::run::events;
use super::config::{CallOrder, Dispatch, PHASES, WorkflowConfig};
use super::sim::{Call, Query, Sim};
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Mark, Metric, Series, SeriesKind, Story, Table, num,
};
use crate::labs::serving::config::Config;

/// Rows of the lane of slacks.
const ROWS: usize = 14;
/// Names of the phases on the board, and their colours.
const TONES: [Tone; 7] = [
    Tone::Series(4),
    Tone::Series(5),
    Tone::Series(0),
    Tone::Series(3),
    Tone::Series(1),
    Tone::Series(2),
    Tone::Warning,
];
const IN_TIME: u8 = 7;
const LATE: u8 = 8;
const LOST: u8 = 9;
const OUT: u8 = 10;

/// The same queries under another rule.
pub(super) struct Rival {
    pub(super) name: &'static str,
    pub(super) alpha: f64,
    /// Seconds of each query.
    pub(super) took: Vec<f64>,
}

/// Share of queries within a number of times the undisturbed one, in per cent.
fn met(config: &WorkflowConfig, took: &[f64], scale: f64) -> f64 {
    let limit = scale * config.alone_secs();
    let met = took.iter().filter(|t| **t <= limit).count();
    100.0 * met as f64 / took.len().max(1) as f64
}

fn board(c: &WorkflowConfig, queries: &[Query], sim: &Sim<'_>, end: f64) -> Board {
    let slots = c.slots.max(1) as f32;
    let mut lanes: Vec<Lane> = c.names().into_iter().map(Lane::new).collect();
    let instances = lanes.len() as u16;
    lanes.push(Lane::new("slack: from the end to the deadline").weighing(2.0));
    let tunes = c.tune && c.dispatch == Dispatch::Score;
    if tunes {
        lanes.push(Lane::new("α").scaled("0", "1").weighing(0.5));
    }
    let mut bars: Vec<Bar> = (sim.calls.iter())
        .map(|call| {
            let low = f32::from(call.slot) / slots;
            Bar {
                lane: call.instance,
                kind: if call.lost { LOST } else { call.phase },
                span: [call.start, call.end],
                height: [low + 0.02 / slots, low + 0.94 / slots],
                entity: call.query,
            }
        })
        .collect();
    let mut of_query = vec![Vec::new(); queries.len()];
    for (i, call) in sim.calls.iter().enumerate() {
        of_query[call.query as usize].push(i);
    }
    let mut links = Vec::new();
    for own in &of_query {
        for &i in own {
            // What was issued when this one ended waited for it.
            let waited = own
                .iter()
                .filter(|&&j| sim.calls[j].issued == sim.calls[i].end);
            links.extend(waited.map(|&j| [i as u32, j as u32]));
        }
    }
    for (q, query) in queries.iter().enumerate() {
        let deadline = query.arrival + c.deadline * c.alone_secs();
        let done = sim.done[q];
        let low = (q % ROWS) as f32 / ROWS as f32;
        bars.push(Bar {
            lane: instances,
            kind: if done <= deadline { IN_TIME } else { LATE },
            span: [done.min(deadline), done.max(deadline).min(end)],
            height: [low + 0.1 / ROWS as f32, low + 0.9 / ROWS as f32],
            entity: q as u32,
        });
    }
    let mut kinds: Vec<Kind> = (PHASES.iter().zip(TONES))
        .map(|(phase, tone)| Kind::named(phase.name, tone))
        .collect();
    kinds.push(Kind::counted("in time", Tone::Good));
    kinds.push(Kind::counted("late", Tone::Bad));
    if c.fault.any() {
        let [from, to] = c.fault.span().map(|t| t.min(end));
        kinds.push(Kind::counted("issued again", Tone::Bad));
        kinds.push(Kind::named(c.fault.condition(), Tone::Muted));
        let first = sim.calls.iter().find(|call| call.end >= from);
        let height = if c.fault.dies() {
            [0.0, 1.0]
        } else {
            [0.97, 1.0]
        };
        bars.push(Bar {
            lane: c.fault.server as u16,
            kind: OUT,
            span: [from, to],
            height,
            entity: first.map_or(0, |call| call.query),
        });
    }
    let mut levels = Vec::new();
    if tunes {
        kinds.push(Kind::named("α", Tone::Pale(0)));
        levels.push(Level {
            lane: instances + 1,
            kind: kinds.len() as u8 - 1,
            points: sim.alphas.clone(),
            filled: true,
        });
    }
    Board {
        name: "Calls of the queries on the instances",
        caption: "a lane for each instance, a row for each call it runs at once".to_owned(),
        kinds,
        lanes,
        bars,
        levels,
        links,
        end,
        unit: "s",
        ..Board::default()
    }
}

fn story(c: &WorkflowConfig, queries: &[Query], sim: &Sim<'_>, q: usize) -> Story {
    let names = c.names();
    let arrival = queries[q].arrival;
    let took = sim.done[q] - arrival;
    let slack = c.deadline * c.alone_secs() - took;
    let own: Vec<&Call> = (sim.calls.iter())
        .filter(|call| call.query as usize == q)
        .collect();
    let waited: f64 = own.iter().map(|call| call.start - call.issued).sum();
    let mut facts = vec![
        Fact::new("took", format!("{took:.1} s")),
        Fact::new(
            if slack >= 0.0 { "left" } else { "too late by" },
            format!("{:.1} s", slack.abs()),
        ),
        Fact::new("its calls waited, together", format!("{waited:.1} s")),
        Fact::new("arrival", format!("{arrival:.1} s")),
    ];
    facts.extend(own.iter().map(|call| {
        let phase = PHASES[usize::from(call.phase)].name;
        let name = names.get(usize::from(call.instance));
        let ended = if call.lost { ", lost with it" } else { "" };
        Fact::new(
            phase,
            format!(
                "{}: waited {:.1} s, ran {:.1} s{ended}",
                name.map_or("", String::as_str),
                call.start - call.issued,
                call.end - call.start
            ),
        )
    }));
    let longest = own.iter().max_by(|a, b| {
        let wait = |c: &Call| c.start - c.issued;
        wait(a).total_cmp(&wait(b))
    });
    let why = longest.map(|call| {
        let rule = match c.order {
            CallOrder::Fcfs => "calls that had come before ran first",
            CallOrder::Urgency => "calls with less of their budget left ran first",
        };
        format!(
            "the longest wait was for {}, {:.1} s of a budget of {:.1} s: {rule}",
            PHASES[usize::from(call.phase)].name,
            call.start - call.issued,
            call.budget
        )
    });
    Story {
        title: format!("Query {q}"),
        facts,
        why: why.into_iter().collect(),
    }
}

fn metrics(c: &WorkflowConfig, took: &[f64], sim: &Sim<'_>, end: f64) -> Vec<Metric> {
    let alone = c.alone_secs();
    let busy: f64 = sim.calls.iter().map(|call| call.end - call.start).sum();
    let room = (c.factors().len() as u64 * c.slots.max(1)) as f64 * end;
    let new = Metric::new;
    vec![
        new(
            "deadlines_met_percent",
            "Deadlines met",
            "%",
            met(c, took, c.deadline),
            Better::Higher,
            "Share of the queries complete before their deadline.",
        ),
        new(
            "scale_p95",
            "Deadline for 95 %",
            "×",
            percentile(took, 95.0) / alone,
            Better::Lower,
            "Shortest deadline, over the time of a query that nobody disturbs, which 95 % of these queries would meet.",
        ),
        new(
            "latency_mean_secs",
            "Mean latency",
            "s",
            mean(took),
            Better::Lower,
            "Mean time from a query to its answer.",
        ),
        new(
            "latency_p95_secs",
            "P95 latency",
            "s",
            percentile(took, 95.0),
            Better::Lower,
            "95th percentile of that time.",
        ),
        new(
            "throughput",
            "Throughput",
            "1/s",
            took.len() as f64 / end,
            Better::Higher,
            "Queries over the time until the last is complete.",
        ),
        new(
            "busy_percent",
            "Instances busy",
            "%",
            100.0 * busy / room,
            Better::Neither,
            "Time that calls ran, over the time that all instances could have run calls.",
        ),
        new(
            "lost_starts",
            "Issued again",
            "",
            sim.calls.iter().filter(|call| call.lost).count() as f64,
            Better::Lower,
            "Calls whose instance died: they are issued again elsewhere.",
        ),
    ]
}

fn charts(c: &WorkflowConfig, sim: &Sim<'_>, rivals: &[Rival]) -> Vec<Chart> {
    let scales = num::linspace(0.8, 6.0, 53);
    let lines = rivals.iter().filter(|r| !r.name.is_empty()).map(|rival| {
        let points = scales.iter().map(|s| [*s, met(c, &rival.took, *s)]);
        Series::line(rival.name, points.collect::<Vec<_>>())
    });
    let grid = rivals.iter().filter(|r| r.name.is_empty());
    let grid: Vec<[f64; 2]> = grid
        .map(|r| [r.alpha, percentile(&r.took, 95.0) / c.alone_secs()])
        .collect();
    let mut charts = vec![
        Chart {
            id: "met_by_scale",
            title: "Deadlines met",
            doc: "Share of the same queries complete within a multiple of the time of one that nobody disturbs, by dispatch and order.",
            x: Axis::linear("deadline over undisturbed time", "×"),
            y: Axis::zero_based("queries", "%"),
            series: lines.collect(),
            marks: vec![Mark {
                x: c.deadline,
                label: "deadline".to_owned(),
            }],
            on_timeline: false,
        },
        Chart {
            id: "scale_by_alpha",
            title: "Speed against work",
            doc: "Deadline that 95 % meet, by the weight of speed in the score: 0 looks at the work that is there alone, 1 sends everything to the fastest.",
            x: Axis::linear("α", ""),
            y: Axis::log("deadline for 95 %", "×"),
            series: vec![Series::line("by score", grid)],
            marks: Vec::new(),
            on_timeline: false,
        },
    ];
    if sim.alphas.len() > 1 {
        charts.push(Chart {
            id: "alpha",
            title: "α over time",
            doc: "Weight of speed, chosen anew by running the queries of the last window with each.",
            x: Axis::linear("time", "s"),
            y: Axis::zero_based("α", ""),
            series: vec![Series::new("α", SeriesKind::Stairs, sim.alphas.clone())],
            marks: Vec::new(),
            on_timeline: true,
        });
    }
    charts
}

fn tables(queries: &[Query], sim: &Sim<'_>) -> Vec<(&'static str, Table)> {
    let named = |columns: &[&str]| columns.iter().map(|c| (*c).to_owned()).collect();
    let per_query = queries.iter().zip(&sim.done).enumerate();
    let calls = sim.calls.iter().map(|call| {
        vec![
            f64::from(call.query),
            f64::from(call.phase),
            f64::from(call.instance),
            call.issued,
            call.start,
            call.end,
            call.budget,
        ]
    });
    vec![
        (
            "queries",
            Table {
                columns: named(&["query", "arrival_secs", "done_secs", "latency_secs"]),
                rows: per_query
                    .map(|(q, (query, done))| {
                        vec![q as f64, query.arrival, *done, done - query.arrival]
                    })
                    .collect(),
            },
        ),
        (
            "calls",
            Table {
                columns: named(&[
                    "query",
                    "phase",
                    "instance",
                    "issued_secs",
                    "started_secs",
                    "ended_secs",
                    "budget_secs",
                ]),
                rows: calls.collect(),
            },
        ),
    ]
}

/// Name of the instance with the fault.
fn named(c: &WorkflowConfig) -> String {
    let names = c.names().into_iter().nth(c.fault.server as usize);
    names.unwrap_or_default()
}

/// Everything worth telling.
pub(super) fn findings(
    config: &Config,
    queries: &[Query],
    sim: &Sim<'_>,
    rivals: &[Rival],
) -> Findings {
    let c = &config.workflow;
    let took = sim.done.iter().zip(queries);
    let took: Vec<f64> = took.map(|(end, q)| end - q.arrival).collect();
    let end = sim.done.iter().copied().fold(0.0, f64::max);
    let metrics = metrics(c, &took, sim, end);
    let summary = format!(
        "{}: {:.0} % of {} queries meet their deadline of {:.0} s; a query takes {:.1} s on average, and 95 % would meet a deadline of {:.2} times the undisturbed time.",
        c.label(),
        met(c, &took, c.deadline),
        queries.len(),
        c.deadline * c.alone_secs(),
        mean(&took),
        percentile(&took, 95.0) / c.alone_secs(),
    );
    let worst = (0..took.len()).max_by(|&a, &b| took[a].total_cmp(&took[b]));
    let times = (queries.iter().map(|q| q.arrival))
        .chain(sim.calls.iter().flat_map(|call| [call.start, call.end]));
    Findings {
        timeline: events(times, (c.fault).moments(&named(c), end)),
        charts: charts(c, sim, rivals),
        tables: tables(queries, sim),
        stories: (0..queries.len())
            .map(|q| story(c, queries, sim, q))
            .collect(),
        notable: worst
            .map(|q| (EntityId(q as u64), format!("the slowest: query {q}")))
            .into_iter()
            .collect(),
        summary,
        board: board(c, queries, sim, end),
        metrics,
    }
}
