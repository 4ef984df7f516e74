//! What the cache did: figures, charts, the picture, and the story of every query.

use super::super::Findings;
use super::super::board::{Board, Dot, Kind, Lane, Level, Tone};
use super::super::run::value_of;
use super::break_even;
use super::config::CacheConfig;
use super::queries::Queries;
use super::sim::{Fate, Served, Sim, without_cache};
use super::work::{Tally, tally};
use crate::core::stats::{mean, percentile};
use crate::core::{
    Axis, Better, Chart, EntityId, Fact, Metric, Series, SeriesKind, Story, Table, Timeline,
};
use crate::labs::serving::config::Config;

/// Cosines that the lanes show, bottom and top.
const SHOWN: [f64; 2] = [0.4, 1.0];
/// Queries that the running hit rate looks back on.
const WINDOW: usize = 100;
/// Kinds on the board.
const RIGHT: u8 = 0;
const WRONG: u8 = 1;
const STALE: u8 = 2;
const MISS: u8 = 3;
const THRESHOLD: u8 = 4;
const BUSY: u8 = 5;

fn share(part: u32, all: u32) -> f64 {
    if all == 0 {
        f64::NAN
    } else {
        100.0 * f64::from(part) / f64::from(all)
    }
}

fn height(cosine: f64) -> f32 {
    ((cosine - SHOWN[0]) / (SHOWN[1] - SHOWN[0])).clamp(0.0, 1.0) as f32
}

fn kind(fate: Fate) -> u8 {
    match fate {
        Fate::Right => RIGHT,
        Fate::Wrong => WRONG,
        Fate::Stale => STALE,
        Fate::Miss => MISS,
    }
}

fn board(queries: &Queries, served: &[Served], end: f64) -> Board {
    let mut lanes: Vec<Lane> = CacheConfig::NAMES
        .iter()
        .map(|name| Lane::new(*name).scaled("0.4", "1"))
        .collect();
    lanes.push(Lane::new("servers busy").scaled("", "all").weighing(0.4));
    let dots = served.iter().enumerate().map(|(q, s)| Dot {
        lane: u16::from(queries.category[q]),
        kind: kind(s.fate),
        at: queries.arrival[q],
        height: height(s.nearest.0),
        entity: q as u32,
    });
    let mut levels: Vec<Level> = (0..4)
        .map(|c| Level {
            lane: c,
            kind: THRESHOLD,
            points: Vec::new(),
            filled: false,
        })
        .collect();
    let mut load = Vec::new();
    for (q, s) in served.iter().enumerate() {
        let at = queries.arrival[q];
        let level = &mut levels[usize::from(queries.category[q])];
        if level.points.is_empty() {
            level.points.push([0.0, f64::from(height(s.threshold))]);
        }
        level.points.push([at, f64::from(height(s.threshold))]);
        load.push([at, s.load]);
    }
    levels.push(Level {
        lane: 4,
        kind: BUSY,
        points: load,
        filled: true,
    });
    Board {
        name: "Queries by category and similarity",
        caption: "height: cosine to the nearest fresh question in the cache".to_owned(),
        kinds: vec![
            Kind::counted("right from the cache", Tone::Good),
            Kind::counted("answer to another question", Tone::Bad),
            Kind::counted("out of date", Tone::Warning),
            Kind::counted("to the model", Tone::Muted),
            Kind::named("threshold", Tone::Series(0)),
            Kind::named("load", Tone::Pale(0)),
        ],
        lanes,
        dots: dots.collect(),
        levels,
        end,
        unit: "s",
        ..Board::default()
    }
}

fn story(config: &CacheConfig, queries: &Queries, q: usize, s: &Served) -> Story {
    let name = |q: usize| {
        let category = CacheConfig::NAMES[usize::from(queries.category[q])];
        format!("{category}, intent {}", queries.intent[q])
    };
    let (near, of) = s.nearest;
    let fate = match s.fate {
        Fate::Right => "right answer from the cache",
        Fate::Wrong => "from the cache, but the answer to another question",
        Fate::Stale => "from the cache, but out of date",
        Fate::Miss => "answered by the model",
    };
    let mut facts = vec![
        Fact::new("asked", name(q)),
        Fact::new("outcome", fate),
        Fact::new("answered after", format!("{:.1} ms", 1e3 * s.latency)),
        Fact::new("arrival", format!("{:.2} s", queries.arrival[q])),
        Fact::new("servers busy", format!("{:.0} %", 100.0 * s.load)),
    ];
    let mut why = Vec::new();
    if (of as usize) < queries.arrival.len() {
        let of = of as usize;
        facts.push(Fact::new(
            "nearest in the cache",
            format!("query {of} ({})", name(of)),
        ));
        let sign = if near >= s.threshold { "≥" } else { "<" };
        why.push(format!(
            "cosine {near:.3} {sign} threshold {:.3}: {}",
            s.threshold,
            if near >= s.threshold { "hit" } else { "miss" }
        ));
        if s.fate == Fate::Stale {
            why.push(format!(
                "the answer has changed {} times since",
                queries.version[q] - queries.version[of]
            ));
        }
    } else {
        let ttl = config.ttl(usize::from(queries.category[q]));
        why.push(format!(
            "nothing in the cache is younger than {ttl} s: miss"
        ));
    }
    Story {
        title: format!("Query {q}"),
        facts,
        why,
    }
}

fn threshold_charts(tallies: &[(f64, [Tally; 4])]) -> [Chart; 2] {
    let lines = |value: fn(&Tally) -> f64| -> Vec<Series> {
        let names = CacheConfig::NAMES.iter().enumerate();
        names
            .map(|(c, name)| {
                let points: Vec<[f64; 2]> =
                    tallies.iter().map(|(at, t)| [*at, value(&t[c])]).collect();
                Series::line(*name, points)
            })
            .collect()
    };
    let chart = |id, title, doc, y, series| Chart {
        id,
        title,
        doc,
        x: Axis::linear("threshold θ for all categories", ""),
        y: Axis::zero_based(y, "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    };
    [
        chart(
            "hits_by_threshold",
            "Hits by threshold",
            "The same queries at one threshold for all categories: where a category's curve falls depends on how differently the same thing is asked.",
            "share of queries from the cache",
            lines(|t| share(t.hits, t.queries)),
        ),
        chart(
            "errors_by_threshold",
            "Wrong answers by threshold",
            "Hits that give the answer to another question or one that has changed. No single threshold suits dense and sparse categories; a high one helps nothing against answers out of date.",
            "share of hits",
            lines(|t| share(t.wrong, t.hits)),
        ),
    ]
}

fn break_even_chart(config: &CacheConfig, tallies: &[Tally; 4]) -> Chart {
    let fetch = config.fetch_millis;
    let line = |search: f64| -> Vec<[f64; 2]> {
        let models = crate::core::num::logspace(fetch.max(1.0) + 20.0, 2000.0, 60);
        models
            .into_iter()
            .map(|m| [m, 100.0 * break_even(search, m, fetch)])
            .filter(|p| p[1] <= 100.0)
            .collect()
    };
    let mut series: Vec<Series> = config
        .categories()
        .iter()
        .zip(CacheConfig::NAMES)
        .zip(tallies)
        .map(|((c, name), t)| {
            let point = vec![[c.model_millis, share(t.hits, t.queries)]];
            Series::new(name, SeriesKind::Points, point)
        })
        .collect();
    let mut searches = vec![config.search_millis, 2.0, 30.0];
    searches.sort_by(f64::total_cmp);
    searches.dedup();
    for search in searches {
        series.push(
            Series::line(format!("pays above, search {search} ms"), line(search)).as_reference(),
        );
    }
    Chart {
        id: "break_even",
        title: "Does the cache pay?",
        doc: "Hit rate above which a cache saves time: search over model time less fetch. Categories above the line of their search pay.",
        x: Axis::log("time of the model", "ms"),
        y: Axis::zero_based("hit rate", "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn running_chart(queries: &Queries, served: &[Served]) -> Chart {
    let line = |of: fn(Fate) -> bool| -> Vec<[f64; 2]> {
        (0..served.len())
            .map(|q| {
                let from = (q + 1).saturating_sub(WINDOW);
                let last = &served[from..=q];
                let found = last.iter().filter(|s| of(s.fate)).count();
                [queries.arrival[q], 100.0 * found as f64 / last.len() as f64]
            })
            .collect()
    };
    Chart {
        id: "hits_over_time",
        title: "Hits over time",
        doc: "Share of the last 100 queries answered from the cache, and of those answered wrongly: the cache warms up.",
        x: Axis::linear("time", "s"),
        y: Axis::zero_based("last 100 queries", "%"),
        series: vec![
            Series::line("from the cache", line(|f| f != Fate::Miss)),
            Series::line(
                "wrong or out of date",
                line(|f| matches!(f, Fate::Wrong | Fate::Stale)),
            ),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn metrics(
    config: &CacheConfig,
    queries: &Queries,
    served: &[Served],
    tallies: &[Tally; 4],
) -> Vec<Metric> {
    let all = |of: fn(&Tally) -> u32| tallies.iter().map(of).sum::<u32>();
    let (asked, hits, wrong) = (all(|t| t.queries), all(|t| t.hits), all(|t| t.wrong));
    let latency: Vec<f64> = served.iter().map(|s| s.latency).collect();
    let alone = without_cache(config, queries);
    let load: Vec<f64> = served.iter().map(|s| s.load).collect();
    let model = mean(&queries.service);
    let pays = break_even(
        1e-3 * config.search_millis,
        model,
        1e-3 * config.fetch_millis,
    );
    let paying = config
        .categories()
        .into_iter()
        .zip(tallies)
        .filter(|(c, t)| {
            let h = break_even(config.search_millis, c.model_millis, config.fetch_millis);
            share(t.hits, t.queries) > 100.0 * h
        });
    let covered: u32 = paying.map(|(_, t)| t.queries).sum();
    let new = Metric::new;
    let mut out = vec![
        new(
            "hit_percent",
            "Hit rate",
            "%",
            share(hits, asked),
            Better::Higher,
            "Share of the queries answered from the cache, rightly or not.",
        ),
        new(
            "right_percent",
            "Right from the cache",
            "%",
            share(hits - wrong, asked),
            Better::Higher,
            "Share of the queries answered rightly from the cache.",
        ),
        new(
            "wrong_percent",
            "Wrong answers",
            "%",
            share(wrong, asked),
            Better::Lower,
            "Share of all queries whose answer from the cache belongs to another question or is out of date.",
        ),
        new(
            "latency_mean_secs",
            "Mean latency",
            "s",
            mean(&latency),
            Better::Lower,
            "Mean time from a query to its answer, waiting for a server included.",
        ),
        new(
            "latency_p95_secs",
            "P95 latency",
            "s",
            percentile(&latency, 95.0),
            Better::Lower,
            "95th percentile of that time.",
        ),
        new(
            "latency_alone_secs",
            "Mean latency without cache",
            "s",
            mean(&alone),
            Better::Neither,
            "Mean time if the model answered every query, with the same arrivals and answers.",
        ),
        new(
            "load_percent",
            "Servers busy",
            "%",
            100.0 * mean(&load),
            Better::Lower,
            "Share of the model's servers found busy by an arrival.",
        ),
        new(
            "break_even_percent",
            "Break-even hit rate",
            "%",
            100.0 * pays,
            Better::Lower,
            "Hit rate above which the cache saves time, from the mean time of the model alone: t_search/(t_model − t_fetch).",
        ),
        new(
            "covered_percent",
            "Traffic that pays",
            "%",
            share(covered, asked),
            Better::Higher,
            "Share of the queries in categories whose hit rate is above their break-even.",
        ),
    ];
    let ids = [
        "hit_code_percent",
        "hit_support_percent",
        "hit_news_percent",
        "hit_chat_percent",
    ];
    let names = ["Hits, code", "Hits, support", "Hits, news", "Hits, chat"];
    for ((id, name), t) in ids.into_iter().zip(names).zip(tallies) {
        out.push(new(
            id,
            name,
            "%",
            share(t.hits, t.queries),
            Better::Higher,
            "Share of the queries of this category answered from the cache.",
        ));
    }
    out
}

fn table(queries: &Queries, sim: &Sim) -> Table {
    let columns = [
        "query",
        "arrival_secs",
        "category",
        "intent",
        "cosine",
        "nearest_query",
        "threshold",
        "hit",
        "wrong",
        "latency_secs",
        "servers_busy_share",
    ];
    let rows = sim.served.iter().enumerate().map(|(q, s)| {
        let (near, of) = s.nearest;
        let known = (of as usize) < queries.arrival.len();
        vec![
            q as f64,
            queries.arrival[q],
            f64::from(queries.category[q]),
            f64::from(queries.intent[q]),
            if known { near } else { f64::NAN },
            if known { f64::from(of) } else { f64::NAN },
            s.threshold,
            f64::from(u8::from(s.fate != Fate::Miss)),
            f64::from(u8::from(matches!(s.fate, Fate::Wrong | Fate::Stale))),
            s.latency,
            s.load,
        ]
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn categories_table(config: &CacheConfig, tallies: &[Tally; 4]) -> Table {
    let columns = ["category", "queries", "hits", "wrong", "break_even_percent"];
    let rows = config.categories().into_iter().zip(tallies).enumerate();
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows
            .map(|(i, (c, t))| {
                vec![
                    i as f64,
                    f64::from(t.queries),
                    f64::from(t.hits),
                    f64::from(t.wrong),
                    100.0 * break_even(config.search_millis, c.model_millis, config.fetch_millis),
                ]
            })
            .collect(),
    }
}

/// Everything worth telling of a finished pass.
pub(super) fn findings(
    config: &Config,
    queries: &Queries,
    sim: &Sim,
    swept: &[(f64, [Tally; 4])],
) -> Findings {
    let cache = &config.cache;
    let served = &sim.served;
    let tallies = tally(queries, sim);
    let metrics = metrics(cache, queries, served, &tallies);
    let end = queries.arrival.last().copied().unwrap_or(0.0);
    let [hits, wrong] = threshold_charts(swept);
    let value = |id: &str| value_of(&metrics, id);
    let summary = format!(
        "{:.1} % of {} queries come from the cache, {:.1} % of all are wrong or out of date; an answer takes {:.0} ms on average, {:.0} ms without the cache.",
        value("hit_percent"),
        served.len(),
        value("wrong_percent"),
        1e3 * value("latency_mean_secs"),
        1e3 * value("latency_alone_secs"),
    );
    let first = |fate: Fate, words: &str| {
        let found = served.iter().position(|s| s.fate == fate);
        found.map(|q| (EntityId(q as u64), format!("{words}: query {q}")))
    };
    let notable = [
        first(Fate::Right, "first right answer from the cache"),
        first(Fate::Wrong, "first answer to another question"),
        first(Fate::Stale, "first answer out of date"),
    ];
    let steps = std::iter::once(0.0).chain(queries.arrival.iter().copied());
    Findings {
        timeline: Timeline {
            steps: steps.collect(),
            axis: "time",
            unit: "s",
            step_name: "1 query",
            moments: Vec::new(),
        },
        charts: vec![
            hits,
            wrong,
            break_even_chart(cache, &tallies),
            running_chart(queries, served),
        ],
        tables: vec![
            ("queries", table(queries, sim)),
            ("categories", categories_table(cache, &tallies)),
        ],
        stories: (served.iter().enumerate())
            .map(|(q, s)| story(cache, queries, q, s))
            .collect(),
        notable: notable.into_iter().flatten().collect(),
        summary,
        board: board(queries, served, end),
        metrics,
    }
}
