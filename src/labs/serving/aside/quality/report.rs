//! What was answered how well: figures, charts, the picture, and every request's story.

use super::super::Findings;
use super::super::board::{Bar, Board, Dot, Kind, Lane, Level, Tone};
use super::super::run::value_of;
use super::config::{Choice, QualityConfig};
use super::policy::{Learned, SIZES, STEPS};
use super::sim::{Got, Requests};
use crate::core::Arrange as _;
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Metric, Series, SeriesKind, Story, Table, Timeline,
};
use crate::labs::serving::config::Config;

/// Length of the windows that are judged, in seconds.
const WINDOW: f64 = 10.0;
/// Names of the models.
const NAMES: [&str; SIZES] = ["small", "middle", "large"];
/// Kinds on the board.
const IN_TIME: u8 = 0;
const LATE: u8 = 1;
const DROPPED: u8 = 2;
const QUALITY: u8 = 3;
const LOAD: u8 = 4;
/// Lanes below those of the models.
const LANE_QUALITY: u16 = 3;
const LANE_LOAD: u16 = 4;

/// All requests under one rule.
pub(super) struct Outcome {
    pub(super) choice: Choice,
    pub(super) got: Vec<Got>,
}

fn name(choice: Choice) -> &'static str {
    let place = Choice::ALL.iter().position(|c| *c == choice);
    Choice::NAMES[place.unwrap_or(0)]
}

/// Beginning of every window with arrivals, and the mean quality delivered in it over the best.
fn windows(c: &QualityConfig, requests: &Requests, got: &[Got]) -> Vec<[f64; 2]> {
    let mut out: Vec<[f64; 2]> = Vec::new();
    let (mut sum, mut count) = (0.0, 0.0);
    let mut from = 0.0;
    for (at, g) in requests.arrival.iter().zip(got) {
        if *at >= from + WINDOW {
            if count > 0.0 {
                out.push([from, sum / count / c.peak()]);
            }
            (sum, count) = (0.0, 0.0);
            from = (at / WINDOW).floor() * WINDOW;
        }
        sum += g.reward;
        count += 1.0;
    }
    if count > 0.0 {
        out.push([from, sum / count / c.peak()]);
    }
    out
}

/// Share of the windows at or above a share of the best quality, in per cent.
fn above(windows: &[[f64; 2]], level: f64) -> f64 {
    let found = windows.iter().filter(|w| w[1] >= level).count();
    100.0 * found as f64 / windows.len().max(1) as f64
}

fn board(c: &QualityConfig, requests: &Requests, got: &[Got]) -> Board {
    let end = requests.arrival.last().copied().unwrap_or(0.0);
    let mut lanes: Vec<Lane> = NAMES
        .iter()
        .rev()
        .map(|name| Lane::new(format!("{name} model")).scaled("0", "2 ×"))
        .collect();
    lanes.push(
        Lane::new("quality delivered")
            .scaled("0", "best")
            .weighing(0.8),
    );
    lanes.push(
        Lane::new("requests per server")
            .scaled("0", "4")
            .weighing(0.6),
    );
    let dots = got.iter().enumerate().map(|(r, g)| {
        let at = requests.arrival[r];
        let kind = if g.dropped() {
            DROPPED
        } else if g.reward > 0.0 {
            IN_TIME
        } else {
            LATE
        };
        let took = if g.dropped() {
            1.0
        } else {
            (g.end - at) / c.deadline_secs
        };
        Dot {
            lane: (SIZES - 1 - usize::from(g.size)) as u16,
            kind,
            at,
            height: (took / 2.0).min(1.0) as f32,
            entity: r as u32,
        }
    });
    let load = got.iter().zip(&requests.arrival);
    let mut kinds = vec![
        Kind::counted("in time", Tone::Good),
        Kind::counted("late", Tone::Bad),
        Kind::counted("dropped", Tone::Warning),
        Kind::named("quality", Tone::Pale(0)),
        Kind::named("load", Tone::Pale(4)),
    ];
    let mut bars = Vec::new();
    if c.fault.any() && c.fault.span()[0] < end {
        let words = if c.fault.dies() {
            "machine dead"
        } else {
            "machine slow"
        };
        let [from, to] = c.fault.span();
        bars.push(Bar {
            lane: LANE_LOAD,
            kind: kinds.len() as u8,
            span: [from, to.min(end)],
            height: [0.9, 1.0],
            entity: requests.arrival.partition_point(|at| *at < from) as u32,
        });
        kinds.push(Kind::named(words, Tone::Bad));
    }
    Board {
        name: "Requests by model, latency and outcome",
        caption: "height: latency over the deadline, which is at the middle; the quality of windows of 10 s over the best".to_owned(),
        kinds,
        bars,
        lanes,
        levels: vec![
            Level {
                lane: LANE_QUALITY,
                kind: QUALITY,
                points: windows(c, requests, got),
                filled: true,
            },
            Level {
                lane: LANE_LOAD,
                kind: LOAD,
                points: load
                    .map(|(g, at)| [*at, (g.seen.in_system / 4.0).min(1.0)])
                    .collect(),
                filled: true,
            },
        ],
        dots: dots.collect(),
        end,
        unit: "s",
        ..Board::default()
    }
}

fn story(c: &QualityConfig, at: f64, r: usize, g: &Got, learned: &Learned) -> Story {
    let outcome = if g.dropped() {
        "dropped: its deadline was over before a server was free".to_owned()
    } else if g.reward > 0.0 {
        format!("quality {} in time", g.reward)
    } else {
        "answered too late".to_owned()
    };
    let mut facts = vec![
        Fact::new("model", NAMES[usize::from(g.size)]),
        Fact::new("outcome", outcome),
        Fact::new("waited", format!("{:.2} s", g.start - at)),
        Fact::new("requests per server", format!("{:.2}", g.seen.in_system)),
        Fact::new(
            "recent rate",
            format!("{:.2} × that of quiet phases", g.seen.rate),
        ),
    ];
    if g.losses > 0 {
        facts.push(Fact::new("started again", "its machine died"));
    }
    if !g.dropped() {
        facts.push(Fact::new("answer after", format!("{:.2} s", g.end - at)));
    }
    let why = match c.choice {
        Choice::Learned => {
            let situation = g.seen.situation();
            let values = (0..SIZES)
                .map(|size| format!("{} {:.2}", NAMES[size], learned.value(situation, size)));
            vec![format!(
                "learned values in this situation: {}",
                values.collect::<Vec<_>>().join(", ")
            )]
        }
        Choice::Threshold => vec![format!(
            "{:.2} requests per server; large below {}, middle below {}",
            g.seen.in_system, c.large_below, c.middle_below
        )],
        _ => vec![format!("{}, whatever the load", name(c.choice))],
    };
    Story {
        title: format!("Request {r}"),
        facts,
        why,
    }
}

fn metrics(c: &QualityConfig, requests: &Requests, all: &[Outcome], got: &[Got]) -> Vec<Metric> {
    let rewards: Vec<f64> = got.iter().map(|g| g.reward).collect();
    let in_time = got.iter().filter(|g| g.reward > 0.0).count() as f64;
    let own = windows(c, requests, got);
    let of_static = |level: f64| -> f64 {
        let fixed = all.iter().take(SIZES);
        fixed
            .map(|o| above(&windows(c, requests, &o.got), level))
            .fold(0.0, f64::max)
    };
    let took = got.iter().zip(&requests.arrival);
    let took: Vec<f64> = took
        .filter(|(g, _)| !g.dropped())
        .map(|(g, at)| g.end - at)
        .collect();
    let large = got
        .iter()
        .filter(|g| usize::from(g.size) == SIZES - 1)
        .count() as f64;
    let per_cent = |part: f64| 100.0 * part / got.len().max(1) as f64;
    let new = Metric::new;
    vec![
        new(
            "quality_percent",
            "Quality delivered",
            "%",
            100.0 * mean(&rewards) / c.peak(),
            Better::Higher,
            "Mean quality of the answers, late ones counting nothing, over that of the best model.",
        ),
        new(
            "available_percent",
            "In time",
            "%",
            per_cent(in_time),
            Better::Higher,
            "Share of the requests answered within the deadline.",
        ),
        new(
            "above_96_percent",
            "Time above 96 %",
            "%",
            above(&own, 0.96),
            Better::Higher,
            "Share of the windows of 10 s whose mean quality is at least 96 % of the best.",
        ),
        new(
            "above_98_percent",
            "Time above 98 %",
            "%",
            above(&own, 0.98),
            Better::Higher,
            "Share of the windows of 10 s whose mean quality is at least 98 % of the best.",
        ),
        new(
            "static_above_96_percent",
            "Above 96 %, best static",
            "%",
            of_static(0.96),
            Better::Neither,
            "The same for the best of the three models alone.",
        ),
        new(
            "static_above_98_percent",
            "Above 98 %, best static",
            "%",
            of_static(0.98),
            Better::Neither,
            "The same for the best of the three models alone.",
        ),
        new(
            "large_percent",
            "Large model",
            "%",
            per_cent(large),
            Better::Neither,
            "Share of the requests sent to the large model.",
        ),
        new(
            "latency_p95_secs",
            "P95 latency",
            "s",
            percentile(&took, 95.0),
            Better::Lower,
            "95th percentile of the time from a request to its answer, dropped ones left out.",
        ),
        new(
            "lost_starts",
            "Started again",
            "",
            got.iter().map(|g| f64::from(g.losses)).sum(),
            Better::Lower,
            "Requests on a machine that died: they start again on another, if their deadline allows.",
        ),
    ]
}

fn charts(
    c: &QualityConfig,
    requests: &Requests,
    all: &[Outcome],
    learned: &Learned,
    rewards: &[f64],
) -> Vec<Chart> {
    let distribution = all.iter().map(|o| {
        let mut levels: Vec<f64> = windows(c, requests, &o.got).iter().map(|w| w[1]).collect();
        levels.arrange_by(|a, b| b.total_cmp(a));
        let n = levels.len().max(1) as f64;
        let points = levels
            .iter()
            .enumerate()
            .map(|(i, level)| [100.0 * (i + 1) as f64 / n, 100.0 * level]);
        Series::new(
            name(o.choice),
            SeriesKind::Stairs,
            points.collect::<Vec<_>>(),
        )
    });
    let training: Vec<[f64; 2]> = rewards
        .iter()
        .enumerate()
        .map(|(i, r)| [(i + 1) as f64, 100.0 * r / c.peak()])
        .collect();
    let table = (0..STEPS[1]).map(|rate| {
        let points = (0..STEPS[0]).map(|load| {
            let best = learned.best(load * STEPS[1] + rate);
            [load as f64, (best + 1) as f64]
        });
        let from = if rate == 0 {
            "below 1 ×".to_owned()
        } else {
            format!("from {} ×", 1 << (rate - 1))
        };
        Series::new(
            format!("rate {from}"),
            SeriesKind::Stairs,
            points.collect::<Vec<_>>(),
        )
    });
    vec![
        Chart {
            id: "quality_share",
            title: "Quality over shares of the time",
            doc: "For each rule: the quality that windows of 10 s reach at least, over the share of windows. A rule that holds the peak for longer stays up further to the right.",
            x: Axis::zero_based("windows", "%"),
            y: Axis::zero_based("quality over the best", "%"),
            series: distribution.collect(),
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "training",
            title: "Training",
            doc: "Mean quality of every run of training, random choices included, which become rarer.",
            x: Axis::linear("run of training", ""),
            y: Axis::zero_based("quality over the best", "%"),
            series: vec![Series::line("learned", training)],
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "learned_policy",
            title: "What was learned",
            doc: "Model chosen (1 small, 2 middle, 3 large) by the step of requests in the system, which double from half a server's worth on, and by the recent rate over that of quiet phases.",
            x: Axis::linear("step of requests in the system", ""),
            y: Axis::zero_based("model", ""),
            series: table.collect(),
            marks: Vec::new(),
            on_timeline: false,
        },
    ]
}

fn table(requests: &Requests, got: &[Got]) -> Table {
    let columns = [
        "request",
        "arrival_secs",
        "model",
        "waited_secs",
        "latency_secs",
        "quality",
        "requests_per_server",
        "recent_rate",
    ];
    let rows = got.iter().enumerate().map(|(r, g)| {
        let at = requests.arrival[r];
        vec![
            r as f64,
            at,
            f64::from(g.size),
            g.start - at,
            g.end - at,
            g.reward,
            g.seen.in_system,
            g.seen.rate,
        ]
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Everything worth telling.
pub(super) fn findings(
    config: &Config,
    requests: &Requests,
    all: &[Outcome],
    learned: &Learned,
    rewards: &[f64],
) -> Findings {
    let c = &config.quality;
    let own = all.iter().find(|o| o.choice == c.choice);
    let got = own.map_or(&[][..], |o| &o.got);
    let metrics = metrics(c, requests, all, got);
    let value = |id: &str| value_of(&metrics, id);
    let summary = format!(
        "{}: {:.1} % of the best quality is delivered, {:.1} % of {} requests in time; {:.0} % of the time is above 96 % of the best, {:.0} % with the best model alone.",
        c.label(),
        value("quality_percent"),
        value("available_percent"),
        got.len(),
        value("above_96_percent"),
        value("static_above_96_percent"),
    );
    let end = requests.arrival.last().copied().unwrap_or(0.0);
    let lost = got.iter().position(|g| g.reward == 0.0);
    Findings {
        timeline: Timeline {
            steps: std::iter::once(0.0)
                .chain(requests.arrival.iter().copied())
                .collect(),
            axis: "time",
            unit: "s",
            step_name: "1 request",
            moments: (c.fault).moments(&format!("machine {}", c.fault.server), end),
        },
        charts: charts(c, requests, all, learned, rewards),
        tables: vec![("requests", table(requests, got))],
        stories: got
            .iter()
            .enumerate()
            .map(|(r, g)| story(c, requests.arrival[r], r, g, learned))
            .collect(),
        notable: lost
            .map(|r| {
                (
                    EntityId(r as u64),
                    format!("the first without an answer in time: request {r}"),
                )
            })
            .into_iter()
            .collect(),
        summary,
        board: board(c, requests, got),
        metrics,
    }
}
