//! `schedlab capacity`: the highest load that meets targets, for several setups on the same
//! requests.

use super::serving::Source;
use super::{OK, complain, files, parallel, run, say};
use crate::core::{Error, Result, finish, stats};
use crate::labs::serving::capacity::{Bound, Capacity, Found, Load, Question, Search, curve_loads};
use crate::labs::serving::{Config, Serving};
use crate::labs::{Lab as _, Library, Setup, metrics_of};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct CapacityArgs {
    #[command(flatten)]
    source: Source,
    /// A field of the config to write; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// What is compared: scheduler=vllm,sarathi,vllm_v1; may be repeated
    #[arg(long = "vary", value_name = "FIELD=VALUE,…")]
    vary: Vec<String>,
    /// Share of requests that meet the setup's own targets (slo_ttft_secs, slo_tpot_secs), in per
    /// cent [default: 90, if no other target is given]
    #[arg(long, value_name = "PERCENT")]
    attainment: Option<f64>,
    /// Largest P99 of the time to the first token
    #[arg(long, value_name = "SECS")]
    ttft_p99: Option<f64>,
    /// Largest P99 of the time between tokens
    #[arg(long, value_name = "SECS")]
    tbt_p99: Option<f64>,
    /// Largest median of the time in the queue before the first batch
    #[arg(long, value_name = "SECS")]
    delay_p50: Option<f64>,
    /// Any other target: "e2e_p50_secs<=20"; may be repeated
    #[arg(long = "target", value_name = "METRIC<=NUMBER")]
    target: Vec<String>,
    /// Seeds per setup; the same for all setups
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: u64,
    /// Halvings: 8 find the capacity to 0.3 %
    #[arg(long, value_name = "N", default_value_t = 8)]
    steps: u32,
    /// Also run this many loads up to 1.4 times the best capacity
    #[arg(long, value_name = "N", default_value_t = 0)]
    curve: usize,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// One compared setup.
pub(super) struct Side {
    pub(super) label: String,
    pub(super) config: Config,
}

/// One point of a curve.
struct Point {
    load: f64,
    attainment: f64,
    goodput: f64,
}

pub(super) fn capacity(args: &CapacityArgs) -> Result<u8> {
    let (base, library) = args.source.load_serving(&args.set)?;
    let question = Question {
        bounds: bounds(args)?,
        steps: args.steps,
    };
    let sides = sides(&base, &args.vary)?;
    let load = Load::of(&base)?;
    known_metrics(&question, &sides[0].config, &library)?;
    let seeds: Vec<u64> = (0..args.seeds.max(1))
        .map(|s| base.seed.wrapping_add(s))
        .collect();
    let capacities = search(args, &sides, &seeds, &library, &question)?;
    let best = capacities.iter().map(|c| c.mean).fold(0.0, f64::max);
    let curves = if args.curve > 0 && best > 0.0 {
        let loads = curve_loads(best, load, args.curve);
        curves(args, &sides, &seeds, &library, (load, &loads))?
    } else {
        Vec::new()
    };
    say(&in_words(&question, load, &sides, &capacities, &curves));
    if let Some(path) = &args.out {
        let report = as_json(&question, load, &sides, &seeds, &capacities, &curves);
        files::write(path, &run::pretty(&report))?;
    }
    Ok(OK)
}

fn bounds(args: &CapacityArgs) -> Result<Vec<Bound>> {
    let mut out = Vec::new();
    let named = [
        (args.ttft_p99, "ttft_p99_secs"),
        (args.tbt_p99, "tbt_p99_secs"),
        (args.delay_p50, "queueing_p50_secs"),
    ];
    for (limit, metric) in named {
        if let Some(limit) = limit {
            if !(limit.is_finite() && limit > 0.0) {
                return Err(Error::out_of_range(metric, limit, "a limit above 0"));
            }
            out.push(Bound::at_most(metric, limit));
        }
    }
    for text in &args.target {
        out.push(Bound::parse(text)?);
    }
    let percent = args.attainment.or(out.is_empty().then_some(90.0));
    if let Some(percent) = percent {
        if !(percent > 0.0 && percent <= 100.0) {
            return Err(Error::out_of_range(
                "--attainment",
                percent,
                "above 0, at most 100 %",
            ));
        }
        out.push(Bound::at_least("slo_attainment_percent", percent));
    }
    Ok(out)
}

/// Every combination of the varied fields.
pub(super) fn sides(base: &Config, vary: &[String]) -> Result<Vec<Side>> {
    let mut setups = vec![(String::new(), Setup::Serving(base.clone()))];
    for text in vary {
        let (name, values) = text.split_once('=').ok_or_else(|| {
            Error::malformed("--vary", format!("found {text:?}, want FIELD=VALUE,…"))
        })?;
        let mut next = Vec::new();
        for (words, setup) in &setups {
            for value in values.split(',') {
                let sep = if words.is_empty() { "" } else { ", " };
                let words = format!("{words}{sep}{name} {value}");
                next.push((words, setup.with_field(name, value.trim())?));
            }
        }
        setups = next;
    }
    let mut sides: Vec<Side> = setups
        .into_iter()
        .map(|(words, setup)| {
            setup.check()?;
            let config = Config::try_from(setup)?;
            let label = Serving::label(&config);
            Ok((words, Side { label, config }))
        })
        .collect::<Result<Vec<(String, Side)>>>()?
        .into_iter()
        .map(|(words, mut side)| {
            if !words.is_empty() && !words.starts_with("scheduler") {
                side.label = format!("{} ({words})", side.label);
            }
            side
        })
        .collect();
    if sides.len() > 1
        && let Some(twin) = (1..sides.len()).find(|&i| sides[i].label == sides[0].label)
    {
        sides[twin].label.push_str(" (again)");
    }
    Ok(sides)
}

/// A target with a wrong name would silently never be met.
fn known_metrics(question: &Question, config: &Config, library: &Library) -> Result<()> {
    let few = Config {
        requests: config.requests.min(10),
        ..config.clone()
    };
    let known = metrics_of(&Setup::Serving(few), library)?;
    for bound in &question.bounds {
        if !known.iter().any(|m| m.id == bound.metric) {
            let ids: Vec<&str> = known.iter().map(|m| m.id).collect();
            return Err(Error::out_of_range("target", &bound.metric, ids.join(", ")));
        }
    }
    Ok(())
}

/// A line that is written over while somebody watches.
struct Progress {
    watched: bool,
    whole: usize,
    what: &'static str,
}

impl Progress {
    fn new(what: &'static str, whole: usize) -> Self {
        Self {
            watched: std::io::stderr().is_terminal(),
            whole,
            what,
        }
    }

    fn at(&self, done: usize) {
        if self.watched {
            write!(
                std::io::stderr(),
                "\r{}: {done} of {}",
                self.what,
                self.whole
            )
            .ok();
            if done == self.whole {
                complain("");
            }
        }
    }
}

fn search(
    args: &CapacityArgs,
    sides: &[Side],
    seeds: &[u64],
    library: &Library,
    question: &Question,
) -> Result<Vec<Capacity>> {
    let items: Vec<Config> = sides
        .iter()
        .flat_map(|side| {
            seeds.iter().map(|&seed| Config {
                seed,
                ..side.config.clone()
            })
        })
        .collect();
    let progress = Progress::new("searches", items.len());
    let mut found: Vec<Found> = Vec::with_capacity(items.len());
    parallel::in_order(
        &items,
        parallel::threads(args.jobs),
        |config| finish(&mut Search::new(config, library, question)?),
        |i, result: Result<Found>| {
            found.push(result.map_err(|e| args.source.named(e))?);
            progress.at(i + 1);
            Ok(())
        },
    )?;
    let mut found = found.into_iter();
    Ok(sides
        .iter()
        .map(|_| Capacity::of(found.by_ref().take(seeds.len()).collect()))
        .collect())
}

fn curves(
    args: &CapacityArgs,
    sides: &[Side],
    seeds: &[u64],
    library: &Library,
    (load, loads): (Load, &[f64]),
) -> Result<Vec<Vec<Point>>> {
    let mut items = Vec::new();
    for side in sides {
        for &at in loads {
            for &seed in seeds {
                let mut config = load.put(&side.config, at);
                config.seed = seed;
                items.push(Setup::Serving(config));
            }
        }
    }
    let progress = Progress::new("runs of the curves", items.len());
    let mut figures = Vec::with_capacity(items.len());
    parallel::in_order(
        &items,
        parallel::threads(args.jobs),
        |setup| metrics_of(setup, library),
        |i, result| {
            let metrics = result?;
            let value = |id: &str| {
                metrics
                    .iter()
                    .find(|m| m.id == id)
                    .map_or(f64::NAN, |m| m.value)
            };
            figures.push([
                value("slo_attainment_percent"),
                value("goodput_requests_per_sec"),
            ]);
            progress.at(i + 1);
            Ok(())
        },
    )?;
    let mean = |part: &[[f64; 2]], which: usize| {
        stats::mean(&part.iter().map(|f| f[which]).collect::<Vec<f64>>())
    };
    let mut points = figures.chunks(seeds.len()).zip(loads.iter().cycle());
    Ok(sides
        .iter()
        .map(|_| {
            points
                .by_ref()
                .take(loads.len())
                .map(|(part, &load)| Point {
                    load,
                    attainment: mean(part, 0),
                    goodput: mean(part, 1),
                })
                .collect()
        })
        .collect())
}

fn in_words(
    question: &Question,
    load: Load,
    sides: &[Side],
    capacities: &[Capacity],
    curves: &[Vec<Point>],
) -> String {
    let targets: Vec<String> = question.bounds.iter().map(Bound::words).collect();
    let seeds = capacities.first().map_or(0, |c| c.found.len());
    let mut out = format!(
        "Highest {} with {}\nThe same requests for all setups; {}\n\n",
        load.words(),
        targets.join(" and "),
        if seeds > 1 {
            format!("mean over {seeds} seeds and its 95 % interval")
        } else {
            "one seed".to_owned()
        }
    );
    let wide = sides
        .iter()
        .map(|s| s.label.chars().count())
        .max()
        .unwrap_or(0);
    for (side, capacity) in sides.iter().zip(capacities) {
        let gpus = side.config.gpus();
        let [low, high] = capacity.interval.map(run::number);
        let interval = if seeds > 1 {
            format!("  [{low}, {high}]")
        } else {
            String::new()
        };
        let mut line = format!(
            "{:<wide$}  {:>8}{interval}  {} per GPU",
            side.label,
            run::number(capacity.mean),
            run::number(capacity.mean / gpus as f64),
        );
        if capacity.found.iter().any(|f| f.at_limit) {
            line.push_str("  (the largest load allowed still does)");
        } else if capacity.found.iter().any(|f| f.load == 0.0) {
            line.push_str("  (no load does, for some seed)");
        }
        writeln!(out, "{line}").ok();
    }
    if !curves.is_empty() {
        writeln!(
            out,
            "\n{:>9}  attainment % and goodput, req/s",
            load.field()
        )
        .ok();
        let letters: Vec<String> = (0..sides.len())
            .map(|i| format!("{:>16}", (b'A' + (i % 26) as u8) as char))
            .collect();
        for (i, side) in sides.iter().enumerate() {
            writeln!(out, "  {} {}", letters[i].trim(), side.label).ok();
        }
        writeln!(out, "{:>9}{}", "", letters.concat()).ok();
        for row in 0..curves[0].len() {
            write!(out, "{:>9}", run::number(curves[0][row].load)).ok();
            for curve in curves {
                let p = &curve[row];
                write!(out, "{:>8.1} {:>7.3}", p.attainment, p.goodput).ok();
            }
            out.push('\n');
        }
    }
    out
}

fn as_json(
    question: &Question,
    load: Load,
    sides: &[Side],
    seeds: &[u64],
    capacities: &[Capacity],
    curves: &[Vec<Point>],
) -> Value {
    let results: Vec<Value> = sides
        .iter()
        .zip(capacities)
        .enumerate()
        .map(|(i, (side, capacity))| {
            json!({
                "label": side.label,
                "setup": Setup::Serving(side.config.clone()),
                "gpus": side.config.gpus(),
                "capacity_mean": capacity.mean,
                "capacity_interval": capacity.interval.map(run::float),
                "by_seed": capacity.found.iter().zip(seeds).map(|(f, seed)| json!({
                    "seed": seed,
                    "capacity": f.load,
                    "at_limit": f.at_limit,
                    "metrics": f.metrics.iter().map(|m| (m.id.to_owned(), run::float(m.value)))
                        .collect::<serde_json::Map<String, Value>>(),
                    "tried": f.tried.iter().map(|t| json!({"load": t.load, "met": t.met}))
                        .collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
                "curve": curves.get(i).map(|curve| curve.iter().map(|p| json!({
                    "load": p.load,
                    "slo_attainment_percent": run::float(p.attainment),
                    "goodput_requests_per_sec": run::float(p.goodput),
                })).collect::<Vec<_>>()),
            })
        })
        .collect();
    json!({
        "schema": "schedlab-capacity/1",
        "load": load.field(),
        "targets": question.bounds.iter().map(Bound::words).collect::<Vec<_>>(),
        "results": results,
    })
}
