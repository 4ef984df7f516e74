//! What was kept: figures, charts, the picture, and the story of every key of the head shown.

use super::super::Findings;
use super::super::board::{Bar, Board, Dot, Kind, Lane, Level, Tone};
use super::config::EvictionConfig;
use super::work::{Measured, SHARES, heaviest};
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Metric, Moment, MomentKind, Series, Story, Table, Timeline,
};
use crate::labs::serving::config::Config;

/// Heaviest keys of a query that are drawn.
const DRAWN: usize = 7;
/// Names of the three choices of keys shown.
const SHOWN: [&str; 3] = ["this setup", "mean of the window", "with hindsight"];
/// Names of the four compared at all sizes of the cache.
const RULES: [&str; 4] = [
    "mean of the window",
    "maximum",
    "maximum with floor (defence)",
    "with hindsight",
];
/// Kinds on the board.
const SEEN: u8 = 0;
const KEPT: u8 = 1;
const LOST: u8 = 2;
const MASS: u8 = 3;

/// The picture follows the first query head.
const HEAD: usize = 0;

fn board(c: &EvictionConfig, m: &Measured) -> Board {
    let (window, keys) = (c.window as usize, c.keys as usize);
    let end = (c.window + c.later) as f64;
    let mut lanes: Vec<Lane> = SHOWN
        .iter()
        .map(|name| Lane::new(format!("keys by {name}")).scaled("first", "last"))
        .collect();
    lanes[0].name = format!("keys by {}", c.label());
    lanes[2].name = String::from("keys with hindsight");
    for name in SHOWN {
        lanes.push(
            Lane::new(format!("attention kept, {name}"))
                .scaled("0", "1")
                .weighing(0.3),
        );
    }
    let mut dots = Vec::new();
    for query in 0..m.attention.rows() {
        for key in heaviest(m.attention.row(query, HEAD), DRAWN) {
            for (lane, chosen) in m.chosen.iter().enumerate() {
                let kind = match (query < window, chosen[key]) {
                    (true, _) => SEEN,
                    (false, true) => KEPT,
                    (false, false) => LOST,
                };
                dots.push(Dot {
                    lane: lane as u16,
                    kind,
                    at: query as f64,
                    height: key as f32 / keys as f32,
                    entity: key as u32,
                });
            }
        }
    }
    let levels = (0..3).map(|i| Level {
        lane: 3 + i as u16,
        kind: MASS,
        points: (m.kept.iter().enumerate())
            .map(|(q, heads)| [(window + q) as f64, heads[HEAD].shown[i]])
            .collect(),
        filled: true,
    });
    Board {
        name: "Keys that matter, kept and lost",
        caption: format!(
            "the {DRAWN} heaviest keys of every query in the first head; height: place of the key; the cache is cut after query {window}"
        ),
        kinds: vec![
            Kind::named("in the window", Tone::Series(0)),
            Kind::named("needed and kept", Tone::Good),
            Kind::named("needed and gone", Tone::Bad),
            Kind::named("attention kept", Tone::Pale(0)),
        ],
        lanes,
        bars: Vec::<Bar>::new(),
        dots,
        levels: levels.collect(),
        end,
        unit: "queries",
        ..Board::default()
    }
}

/// Attention kept of all later rows by one of the choices shown, and the mean and worst 1 % of it.
fn quality(m: &Measured, choice: usize) -> [f64; 2] {
    let all: Vec<f64> = (m.kept.iter().flatten()).map(|k| k.shown[choice]).collect();
    [mean(&all), percentile(&all, 1.0)]
}

fn metrics(c: &EvictionConfig, m: &Measured) -> Vec<Metric> {
    let [own, plain, best] = [0, 1, 2].map(|i| quality(m, i));
    let output: Vec<f64> = m.kept.iter().flatten().map(|k| k.lost_output).collect();
    let held = m.chosen[0].iter().filter(|k| **k).count() as f64 / c.heads as f64;
    let new = Metric::new;
    vec![
        new(
            "kept_percent",
            "Attention kept",
            "%",
            100.0 * own[0],
            Better::Higher,
            "Mean share of the later queries' attention that falls on keys still in the cache.",
        ),
        new(
            "kept_worst_percent",
            "Kept, worst 1 %",
            "%",
            100.0 * own[1],
            Better::Higher,
            "First percentile of that share over later queries and heads.",
        ),
        new(
            "kept_mean_rule_percent",
            "Kept by the mean",
            "%",
            100.0 * plain[0],
            Better::Neither,
            "The same when keys are chosen by the mean of the window.",
        ),
        new(
            "kept_mean_rule_worst_percent",
            "Kept by the mean, worst 1 %",
            "%",
            100.0 * plain[1],
            Better::Neither,
            "Its first percentile.",
        ),
        new(
            "kept_best_percent",
            "Kept with hindsight",
            "%",
            100.0 * best[0],
            Better::Neither,
            "The same when keys are chosen by the attention of the later queries themselves: the most that any choice of as many keys can keep.",
        ),
        new(
            "lost_output_percent",
            "Output lost",
            "%",
            100.0 * mean(&output),
            Better::Lower,
            "Mean share of Σ weight × norm of the value that is gone, a bound on the change of a head's output.",
        ),
        new(
            "room_factor",
            "Requests that fit",
            "×",
            c.keys as f64 / held,
            Better::Higher,
            "Requests that fit into the same memory over those with whole caches.",
        ),
    ]
}

fn share_charts(m: &Measured) -> [Chart; 2] {
    let lines = |of: fn(&[f64]) -> f64| -> Vec<Series> {
        let rules = RULES.iter().zip(&m.masses).enumerate();
        rules
            .map(|(i, (name, shares))| {
                let points = SHARES.iter().zip(shares).map(|(share, masses)| {
                    let all: Vec<f64> = masses.iter().map(|m| f64::from(*m)).collect();
                    [100.0 * share, 100.0 * of(&all)]
                });
                let line = Series::line(*name, points.collect::<Vec<_>>());
                if i == 3 { line.as_reference() } else { line }
            })
            .collect()
    };
    let chart = |id, title, doc, series| Chart {
        id,
        title,
        doc,
        x: Axis::zero_based("cache kept", "%"),
        y: Axis::zero_based("attention kept", "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    };
    [
        chart(
            "kept_by_size",
            "Attention kept",
            "Mean attention of later queries on the keys kept, by size of the cache and rule, in one stage.",
            lines(mean),
        ),
        chart(
            "worst_by_size",
            "Attention kept, worst 1 %",
            "First percentile over later queries and heads: what the defence is for.",
            lines(|all| percentile(all, 1.0)),
        ),
    ]
}

fn over_time(c: &EvictionConfig, m: &Measured) -> Chart {
    let line = |choice: usize| -> Vec<[f64; 2]> {
        let all = m.kept.iter().enumerate();
        all.map(|(q, heads)| {
            let own: Vec<f64> = heads.iter().map(|k| k.shown[choice]).collect();
            [(c.window as usize + q) as f64, 100.0 * mean(&own)]
        })
        .collect()
    };
    Chart {
        id: "kept_by_query",
        title: "Attention kept by query",
        doc: "Mean over heads of the attention that later queries find in the cache.",
        x: Axis::linear("query", ""),
        y: Axis::zero_based("attention kept", "%"),
        series: vec![
            Series::line(SHOWN[0], line(0)),
            Series::line(SHOWN[1], line(1)),
            Series::line(SHOWN[2], line(2)).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// Mean and largest weight of a key over some queries of the head shown.
fn weights(m: &Measured, queries: std::ops::Range<usize>, key: usize) -> [f64; 2] {
    let of = queries.map(|q| f64::from(m.attention.row(q, HEAD).get(key).copied().unwrap_or(0.0)));
    let all: Vec<f64> = of.collect();
    [mean(&all), all.iter().copied().fold(0.0, f64::max)]
}

fn stories(c: &EvictionConfig, m: &Measured) -> Vec<Story> {
    let window = c.window as usize;
    let per_cent = |v: f64| format!("{:.3} %", 100.0 * v);
    (0..c.keys as usize)
        .map(|key| {
            let before = weights(m, 0..window, key);
            let after = weights(m, window..m.attention.rows(), key);
            let word = |kept: bool| if kept { "kept" } else { "gone" };
            let mut why = Vec::new();
            if key >= c.keys as usize - window {
                why.push("a key of the window itself: always kept".to_owned());
            } else if before[0] > 0.0 && before[1] > 8.0 * before[0] {
                why.push(format!(
                    "its largest weight in the window is {:.0} × its mean: what the mean plays down and the maximum keeps",
                    before[1] / before[0]
                ));
            }
            Story {
                title: format!("Key {key}, head 0"),
                facts: vec![
                    Fact::new(SHOWN[0], word(m.chosen[0][key])),
                    Fact::new(SHOWN[1], word(m.chosen[1][key])),
                    Fact::new(SHOWN[2], word(m.chosen[2][key])),
                    Fact::new("mean weight in the window", per_cent(before[0])),
                    Fact::new("largest weight in the window", per_cent(before[1])),
                    Fact::new("mean weight later", per_cent(after[0])),
                    Fact::new("largest weight later", per_cent(after[1])),
                    Fact::new(
                        "matters from time to time",
                        if m.attention.intermittent[key] { "yes" } else { "no" },
                    ),
                ],
                why,
            }
        })
        .collect()
}

fn tables(c: &EvictionConfig, m: &Measured) -> Vec<(&'static str, Table)> {
    let named = |columns: &[&str]| columns.iter().map(|c| (*c).to_owned()).collect();
    let window = c.window as usize;
    let keys = (0..c.keys as usize).map(|key| {
        let before = weights(m, 0..window, key);
        let after = weights(m, window..m.attention.rows(), key);
        let flag = |i: usize| f64::from(u8::from(m.chosen[i][key]));
        vec![
            key as f64,
            flag(0),
            flag(1),
            flag(2),
            before[0],
            before[1],
            after[0],
            after[1],
        ]
    });
    let queries = m.kept.iter().enumerate().flat_map(|(q, heads)| {
        heads.iter().enumerate().map(move |(head, k)| {
            vec![
                q as f64,
                head as f64,
                k.shown[0],
                k.shown[1],
                k.shown[2],
                k.lost_output,
            ]
        })
    });
    vec![
        (
            "keys",
            Table {
                columns: named(&[
                    "key",
                    "kept",
                    "kept_by_mean",
                    "kept_with_hindsight",
                    "window_mean_weight",
                    "window_largest_weight",
                    "later_mean_weight",
                    "later_largest_weight",
                ]),
                rows: keys.collect(),
            },
        ),
        (
            "queries",
            Table {
                columns: named(&[
                    "query",
                    "head",
                    "kept",
                    "kept_by_mean",
                    "kept_with_hindsight",
                    "output_lost",
                ]),
                rows: queries.collect(),
            },
        ),
    ]
}

/// Everything worth telling of the choices.
pub(super) fn findings(config: &Config, m: &Measured) -> Findings {
    let c = &config.eviction;
    let metrics = metrics(c, m);
    let [own, plain, best] = [0, 1, 2].map(|i| quality(m, i));
    let summary = format!(
        "{}: later queries find {:.1} % of their attention in the cache, {:.1} % in the worst 1 %; by the mean of the window {:.1} and {:.1} %, with hindsight {:.1} and {:.1} %.",
        c.label(),
        100.0 * own[0],
        100.0 * own[1],
        100.0 * plain[0],
        100.0 * plain[1],
        100.0 * best[0],
        100.0 * best[1],
    );
    let later = c.window as usize..m.attention.rows();
    let gone = (0..c.keys as usize)
        .filter(|k| !m.chosen[0][*k])
        .max_by(|a, b| {
            weights(m, later.clone(), *a)[0].total_cmp(&weights(m, later.clone(), *b)[0])
        });
    let [kept, worst] = share_charts(m);
    let all = (c.window + c.later) as usize;
    let mut timeline = Timeline::counted(all, "query", "1 query");
    timeline.moments.push(Moment {
        at: c.window as f64,
        label: "the cache is cut".to_owned(),
        kind: MomentKind::Phase,
    });
    Findings {
        timeline,
        charts: vec![kept, worst, over_time(c, m)],
        tables: tables(c, m),
        stories: stories(c, m),
        notable: gone
            .map(|k| {
                (
                    EntityId(k as u64),
                    format!("the heaviest key that is gone: {k}"),
                )
            })
            .into_iter()
            .collect(),
        summary,
        board: board(c, m),
        metrics,
    }
}
