//! `schedlab lr`: schedules, theory, laws and training without a screen.

use super::{OK, files, run, say};
use crate::core::{Error, Result, Table, finish};
use crate::labs::lr::bound::{Bound, power_norms};
use crate::labs::lr::dialects::{code, named};
use crate::labs::lr::law_fit::{FitResult, Law, LawFit, LawKind, Measured};
use crate::labs::lr::laws::{Annealing, MultiPower, PUBLISHED, Prepared};
use crate::labs::lr::log::LossLog;
use crate::labs::lr::optimised_rates;
use crate::labs::lr::{Config, Problem};
use crate::labs::{Dataset, Library, Setup, outcome_of, sniff};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What `schedlab lr` does.
#[derive(Debug, clap::Subcommand)]
pub(super) enum LrCommand {
    /// The rate of every update
    Values {
        #[command(flatten)]
        settings: Settings,
        /// Write step,lr there (.csv or .json) instead of printing
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// The schedule as Python code for PyTorch, optax, transformers or timm (--set dialect=…)
    Code {
        #[command(flatten)]
        settings: Settings,
    },
    /// The convex last-iterate bound: best base rate and what it promises
    Bound {
        #[command(flatten)]
        settings: Settings,
        /// A schedule of your own: CSV with columns step,lr
        #[arg(long, value_name = "FILE.csv")]
        schedule: Option<PathBuf>,
        /// Write the result as JSON
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Fit a loss law to the runs of a log and judge it on the runs left out
    Fit {
        /// Loss log: CSV, TensorBoard's or wandb's CSV, JSON lines
        #[arg(value_name = "LOG")]
        log: PathBuf,
        /// Runs to fit, separated by commas; the others are predicted [default: all]
        #[arg(long, value_name = "RUNS")]
        train: Option<String>,
        /// Rates of runs that have none in the log: CSV with columns step,lr
        #[arg(long, value_name = "FILE.csv")]
        schedule: Option<PathBuf>,
        /// multi-power (arXiv 2503.12811) or annealing (arXiv 2408.11029)
        #[arg(long, value_name = "LAW", default_value = "multi-power")]
        law: String,
        /// Bootstrap refits for intervals (multi-power)
        #[arg(long, value_name = "N", default_value_t = 0)]
        bootstrap: usize,
        /// Write the fit as JSON, for `predict` and `optimise`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Predict the loss curve of a schedule
    Predict {
        /// A fit of yours, or 25, 100 or 400 for the published laws
        #[arg(long, value_name = "FIT")]
        law: String,
        #[command(flatten)]
        settings: Settings,
        /// A schedule of your own: CSV with columns step,lr
        #[arg(long, value_name = "FILE.csv")]
        schedule: Option<PathBuf>,
        /// Predict at every so many updates
        #[arg(long, value_name = "N", default_value_t = 100)]
        every: usize,
        /// Write step,lr,loss[,low,high] there (.csv or .json) instead of printing
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// The schedule with the lowest predicted final loss for the remaining budget
    Optimise {
        /// A fit of yours, or 25, 100 or 400 for the published laws
        #[arg(long, value_name = "FIT")]
        law: String,
        /// The run so far: a loss log with rates; the schedule goes on from its last step
        #[arg(long, value_name = "LOG")]
        log: Option<PathBuf>,
        /// Which run of the log [default: the only one]
        #[arg(long, value_name = "NAME")]
        run: Option<String>,
        #[command(flatten)]
        settings: Settings,
        /// Let the rate fall below every rate the law was fitted on
        #[arg(long)]
        extrapolate: bool,
        /// Updates still to be made after the log
        #[arg(long, value_name = "N")]
        budget: Option<usize>,
        /// Write step,lr there (.csv or .json)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Train the digits network with a schedule
    Train {
        #[command(flatten)]
        settings: Settings,
        /// Write metrics and tables as JSON
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// A schedule by the lab's parameters.
#[derive(Debug, clap::Args)]
pub(super) struct Settings {
    /// A setup of the learning-rate lab, or the config inside of one
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
    /// One parameter of it: shape=cosine, horizon=24000, peak=3e-4, warmup=0.1, dialect=pytorch …
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    /// The config: defaults of `problem`, then the file, then single parameters.
    fn config(&self, problem: Problem) -> Result<Config> {
        let base = Config {
            rivals: false,
            grid: 0,
            ..Config::default().with_problem(problem)
        };
        let mut value = serde_json::to_value(&Config {
            rivals: false,
            grid: 0,
            ..base
        })
        .map_err(|e| Error::malformed("config", e.to_string()))?;
        let Some(fields) = value.as_object_mut() else {
            return Err(Error::malformed("config", "is not an object"));
        };
        if let Some(path) = &self.config {
            let read: Value = serde_json::from_str(&files::text(path)?)
                .map_err(|e| files::named(path, Error::malformed("config", e.to_string())))?;
            let inner = read.get("config").unwrap_or(&read);
            merge(fields, inner).map_err(|e| files::named(path, e))?;
        }
        for pair in &self.set {
            let (key, text) = pair
                .split_once('=')
                .ok_or_else(|| Error::out_of_range("set", pair, "KEY=VALUE"))?;
            // A word that is no JSON is text: shape=cosine.
            let v = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
            fields.insert(key.to_owned(), v);
        }
        let config: Config =
            serde_json::from_value(value).map_err(|e| Error::malformed("set", e.to_string()))?;
        config.check()?;
        Ok(config)
    }
}

fn merge(fields: &mut Map<String, Value>, more: &Value) -> Result<()> {
    let more = more
        .as_object()
        .ok_or_else(|| Error::malformed("config", "is not an object"))?;
    fields.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
    Ok(())
}

pub(super) fn lr(command: &LrCommand) -> Result<u8> {
    match command {
        LrCommand::Values { settings, out } => {
            let config = settings.config(Problem::Law)?;
            let rates = config.chosen().rates()?;
            let columns = [rates.as_slice()];
            emit(out.as_deref(), &table(&["step", "lr"], 1, &columns))
        }
        LrCommand::Code { settings } => {
            let config = settings.config(Problem::Law)?;
            let calls = named(&config.chosen(), &config.settings(), config.dialect);
            let text = calls.and_then(|c| code(&c, config.peak)).ok_or_else(|| {
                Error::out_of_range(
                    "dialect",
                    config.dialect.name(),
                    "pytorch, optax, transformers, timm",
                )
            })?;
            say(&text);
            Ok(OK)
        }
        LrCommand::Bound {
            settings,
            schedule,
            out,
        } => bound(settings, schedule.as_deref(), out.as_deref()),
        LrCommand::Fit {
            log,
            train,
            schedule,
            law,
            bootstrap,
            out,
        } => fit(
            log,
            train.as_deref(),
            schedule.as_deref(),
            law,
            *bootstrap,
            out.as_deref(),
        ),
        LrCommand::Predict {
            law,
            settings,
            schedule,
            every,
            out,
        } => predict(law, settings, schedule.as_deref(), *every, out.as_deref()),
        LrCommand::Optimise {
            law,
            log,
            run,
            settings,
            extrapolate,
            budget,
            out,
        } => {
            let past = log
                .as_deref()
                .map(|path| past_of(path, run.as_deref()))
                .transpose()?;
            let lowest = if *extrapolate {
                0.0
            } else {
                lowest_fitted(law)?
            };
            optimise(law, past, settings, lowest, *budget, out.as_deref())
        }
        LrCommand::Train { settings, out } => {
            let setup = Setup::Lr(settings.config(Problem::Digits)?);
            let outcome = outcome_of(&setup, &Library::default())?;
            let report = run::pretty(&run::as_json(&setup, &outcome));
            if let Some(path) = out {
                files::write(path, &report)?;
                say(&format!("{}\n", outcome.summary));
            } else {
                say(&report);
            }
            Ok(OK)
        }
    }
}

/// A table of steps and columns, every so many updates and the last.
fn table(names: &[&str], every: usize, columns: &[&[f64]]) -> Table {
    let n = columns.first().map_or(0, |c| c.len());
    Table {
        columns: names.iter().map(|n| (*n).to_owned()).collect(),
        rows: (0..n)
            .filter(|i| i % every.max(1) == 0 || i + 1 == n)
            .map(|i| {
                let mut row = vec![i as f64];
                row.extend(columns.iter().map(|c| c[i]));
                row
            })
            .collect(),
    }
}

/// Writes or prints a table; a name that ends in .json asks for JSON.
fn emit(out: Option<&Path>, table: &Table) -> Result<u8> {
    let as_json = out.is_some_and(|p| {
        p.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("json"))
    });
    let text = if as_json {
        let rows: Vec<Value> = table
            .rows
            .iter()
            .map(|row| {
                let pairs = table
                    .columns
                    .iter()
                    .cloned()
                    .zip(row.iter().map(|v| json!(v)));
                Value::Object(pairs.collect())
            })
            .collect();
        run::pretty(&Value::Array(rows))
    } else {
        table.to_csv()
    };
    match out {
        Some(path) => files::write(path, &text)?,
        None => say(&text),
    }
    Ok(OK)
}

/// Rates of a CSV with columns step,lr; missing steps are interpolated and told.
fn rates_of(path: &Path) -> Result<Vec<f64>> {
    let name = path.display().to_string();
    let text = files::text(path)?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let bad = |line: usize, problem: String| Error::import(&name, format!("line {line}"), problem);
    let header = reader.headers().map_err(|e| bad(1, e.to_string()))?.clone();
    let place = |names: [&str; 2]| header.iter().position(|h| names.contains(&h));
    let (Some(step), Some(lr)) = (place(["step", "Step"]), place(["lr", "learning_rate"])) else {
        return Err(bad(1, format!("columns {header:?}; want step and lr")));
    };
    let (mut rates, mut gaps): (Vec<f64>, usize) = (Vec::new(), 0);
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|e| bad(i + 2, e.to_string()))?;
        let cell = |k: usize| record.get(k).unwrap_or("");
        let (Ok(at), Ok(rate)) = (cell(step).parse::<f64>(), cell(lr).parse::<f64>()) else {
            return Err(bad(i + 2, "step or lr is not a number".to_owned()));
        };
        if !(rate >= 0.0 && rate.is_finite()) || at < rates.len() as f64 || at > 2e6 {
            return Err(bad(
                i + 2,
                format!("step {at}, lr {rate}; want rising steps below 2e6 and rates of 0 or more"),
            ));
        }
        let (from, before) = (rates.len(), rates.last().copied().unwrap_or(rate));
        let to = at as usize;
        gaps += to - from;
        let span = (to + 1 - from) as f64;
        rates.extend((from..=to).map(|k| before + (rate - before) * (k + 1 - from) as f64 / span));
    }
    if rates.is_empty() {
        return Err(bad(2, "no rows".to_owned()));
    }
    if gaps > 0 {
        super::complain(&format!(
            "{name}: {gaps} steps without a row were interpolated"
        ));
    }
    Ok(rates)
}

fn bound(settings: &Settings, schedule: Option<&Path>, out: Option<&Path>) -> Result<u8> {
    let config = settings.config(Problem::Bound)?;
    let rates = match schedule {
        Some(path) => rates_of(path)?,
        None => config.chosen().rates()?,
    };
    let peak = rates.iter().copied().fold(0.0, f64::max);
    if peak <= 0.0 {
        return Err(Error::malformed("schedule", "has no rate above 0"));
    }
    let unit: Vec<f64> = rates.iter().map(|r| r / peak).collect();
    let norms = power_norms(unit.len(), config.norm_decay);
    let found = Bound::new(&unit, &norms, 1.0)?;
    let result = json!({
        "updates": unit.len(),
        "norm_decay": config.norm_decay,
        "distance_term_at_base_1": found.distance,
        "noise_terms_at_base_1": found.rest,
        "best_base_rate": found.best_base(),
        "bound_at_best": found.best(),
        "bound_at_peak": found.at(peak),
        "peak": peak,
    });
    match out {
        Some(path) => files::write(path, &run::pretty(&result))?,
        None => say(&run::pretty(&result)),
    }
    Ok(OK)
}

fn loss_log(path: &Path) -> Result<LossLog> {
    let name = path.display().to_string();
    match sniff(&name, &files::bytes(path)?)? {
        Dataset::LossLog(log) => Ok((*log).clone()),
        other => Err(Error::import(
            &name,
            "content",
            format!("is a {}; want a loss log", other.words()),
        )),
    }
}

fn fit(
    log: &Path,
    train: Option<&str>,
    schedule: Option<&Path>,
    law: &str,
    bootstrap: usize,
    out: Option<&Path>,
) -> Result<u8> {
    let kind = match law {
        "multi-power" => LawKind::MultiPower,
        "annealing" => LawKind::Annealing,
        other => return Err(Error::out_of_range("law", other, "multi-power, annealing")),
    };
    let fallback = schedule.map(rates_of).transpose()?;
    let read = loss_log(log)?;
    let runs = read
        .runs
        .iter()
        .map(|r| Measured::new(r, fallback.as_deref()))
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = runs.iter().map(|r| r.name.as_str()).collect();
    let chosen: Vec<&str> = match train {
        None => names.clone(),
        Some(list) => list.split(',').map(str::trim).collect(),
    };
    if let Some(unknown) = chosen.iter().find(|c| !names.contains(c)) {
        return Err(Error::out_of_range("train", unknown, names.join(", ")));
    }
    let training: Vec<Measured> = runs
        .iter()
        .filter(|r| chosen.contains(&r.name.as_str()))
        .cloned()
        .collect();
    let found = finish(&mut LawFit::new(&training, kind, bootstrap, 1)?)?;
    let result = as_json(&found, &runs, &chosen);
    for remark in &read.remarks {
        super::complain(&format!("{}: {remark}", log.display()));
    }
    let mut text = String::new();
    for remark in &found.remarks {
        text.push_str(&format_line(remark));
    }
    text.push_str(&summary(&found, &runs, &chosen));
    match out {
        Some(path) => {
            files::write(path, &run::pretty(&result))?;
            say(&text);
        }
        None => say(&run::pretty(&result)),
    }
    Ok(OK)
}

fn format_line(text: &str) -> String {
    format!("{text}\n")
}

/// The fit in a few lines: parameters, then every run with its errors.
fn summary(fit: &FitResult, runs: &[Measured], training: &[&str]) -> String {
    let mut text = format!(
        "objective {:.4e}, {} evaluations from {} starts\n",
        fit.objective,
        fit.evaluations,
        fit.starts.len()
    );
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for run in runs {
        let e = run.errors(&fit.law);
        let held = !training.contains(&run.name.as_str());
        text.push_str(&format_line(&format!(
            "{:24} {}  MAE {:.5}  R2 {:.5}  worst {:.3} %",
            run.name,
            if held { "held out" } else { "fitted  " },
            e.mae,
            e.r2,
            100.0 * e.worste
        )));
        if held {
            count += 1.0;
            for (s, v) in sum.iter_mut().zip([e.mae, e.r2, e.worste]) {
                *s += v;
            }
        }
    }
    if count > 0.0 {
        text.push_str(&format_line(&format!(
            "held-out mean: MAE {:.5}, R2 {:.5}, worst {:.3} %",
            sum[0] / count,
            sum[1] / count,
            100.0 * sum[2] / count
        )));
    }
    text
}

fn parameters(law: &Law) -> Value {
    match law {
        Law::MultiPower(m) => {
            let [l0, a, alpha, b, c, beta, gamma] = m.to_array();
            json!({"L0": l0, "A": a, "alpha": alpha, "B": b, "C": c, "beta": beta, "gamma": gamma})
        }
        Law::Annealing(m) => {
            json!({"L0": m.l0, "A": m.a, "alpha": m.alpha, "C": m.c, "lambda": m.lambda})
        }
    }
}

fn as_json(fit: &FitResult, runs: &[Measured], training: &[&str]) -> Value {
    let errors: Map<String, Value> = runs
        .iter()
        .map(|run| {
            let e = run.errors(&fit.law);
            let value = json!({
                "fitted": training.contains(&run.name.as_str()),
                "mae": e.mae, "rmse": e.mse.sqrt(), "r2": e.r2, "worst_relative": e.worste,
            });
            (run.name.clone(), value)
        })
        .collect();
    let rates = runs
        .iter()
        .filter(|r| training.contains(&r.name.as_str()))
        .flat_map(|r| r.steps.iter().filter_map(|s| r.rates.get(*s).copied()));
    let (low, high) = rates
        .filter(|r| *r > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(l, h), r| (l.min(r), h.max(r)));
    json!({
        "law": match fit.law { Law::MultiPower(_) => "multi-power", Law::Annealing(_) => "annealing" },
        "parameters": parameters(&fit.law),
        "objective": fit.objective,
        "evaluations": fit.evaluations,
        "starts": fit.starts,
        "fitted_rates": [low, high],
        "replicates": fit.replicates.iter().map(parameters).collect::<Vec<Value>>(),
        "remarks": fit.remarks,
        "errors": errors,
    })
}

/// A law by its file or the size of a published one, with its bootstrap refits.
fn law_of(text: &str) -> Result<(Law, Vec<Law>)> {
    if let Ok(size) = text.parse::<u32>() {
        return PUBLISHED
            .iter()
            .find(|p| p.0 == size)
            .map(|p| (Law::MultiPower(p.1), Vec::new()))
            .ok_or_else(|| Error::out_of_range("law", size, "25, 100, 400 or a file"));
    }
    let path = Path::new(text);
    let value: Value = serde_json::from_str(&files::text(path)?)
        .map_err(|e| files::named(path, Error::malformed("fit", e.to_string())))?;
    let one = |p: &Value| -> Result<Law> {
        let number = |name: &str| {
            p.get(name)
                .and_then(Value::as_f64)
                .ok_or_else(|| files::named(path, Error::malformed(name, "is missing")))
        };
        let (l0, a, alpha) = (number("L0")?, number("A")?, number("alpha")?);
        if p.get("lambda").is_some() {
            return Ok(Law::Annealing(Annealing {
                l0,
                a,
                alpha,
                c: number("C")?,
                lambda: number("lambda")?,
            }));
        }
        Ok(Law::MultiPower(MultiPower::from_array([
            l0,
            a,
            alpha,
            number("B")?,
            number("C")?,
            number("beta")?,
            number("gamma")?,
        ])))
    };
    let replicates = value
        .get("replicates")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(one)
        .collect::<Result<Vec<Law>>>()?;
    Ok((one(value.get("parameters").unwrap_or(&value))?, replicates))
}

/// The lowest rate a law was fitted on: a law says nothing certain below it.
fn lowest_fitted(text: &str) -> Result<f64> {
    if text.parse::<u32>().is_ok() {
        return Ok(3e-5);
    }
    let path = Path::new(text);
    let value: Value = serde_json::from_str(&files::text(path)?)
        .map_err(|e| files::named(path, Error::malformed("fit", e.to_string())))?;
    let low = value.pointer("/fitted_rates/0").and_then(Value::as_f64);
    Ok(low.filter(|l| l.is_finite()).unwrap_or(0.0))
}

fn predict(
    law: &str,
    settings: &Settings,
    schedule: Option<&Path>,
    every: usize,
    out: Option<&Path>,
) -> Result<u8> {
    let (law, replicates) = law_of(law)?;
    let rates = match schedule {
        Some(path) => rates_of(path)?,
        None => settings.config(Problem::Law)?.chosen().rates()?,
    };
    let n = rates.len();
    let steps: Vec<usize> = (0..n)
        .filter(|i| i % every.max(1) == 0 || i + 1 == n)
        .collect();
    let loss = law.predict(&rates, &steps, 1);
    let others: Vec<Vec<f64>> = replicates
        .iter()
        .map(|l| l.predict(&rates, &steps, 64))
        .collect();
    let mut columns = vec!["step", "lr", "loss"];
    if !others.is_empty() {
        columns.extend(["low", "high"]);
    }
    let rows = steps
        .iter()
        .enumerate()
        .map(|(k, s)| {
            let mut row = vec![*s as f64, rates[*s], loss[k]];
            if !others.is_empty() {
                let at: Vec<f64> = others.iter().map(|o| o[k]).collect();
                row.extend([2.5, 97.5].map(|p| crate::core::stats::percentile(&at, p)));
            }
            row
        })
        .collect();
    let columns = columns.into_iter().map(str::to_owned).collect();
    emit(out, &Table { columns, rows })
}

/// The rates of a logged run so far.
fn past_of(path: &Path, name: Option<&str>) -> Result<Vec<f64>> {
    let log = loss_log(path)?;
    let names: Vec<&str> = log.runs.iter().map(|r| r.name.as_str()).collect();
    let run = match (name, log.runs.as_slice()) {
        (Some(name), runs) => runs.iter().find(|r| r.name == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let run =
        run.ok_or_else(|| Error::out_of_range("run", name.unwrap_or("(none)"), names.join(", ")))?;
    Measured::new(run, None).map(|m| m.rates[..=run.last()].to_vec())
}

fn optimise(
    law: &str,
    past: Option<Vec<f64>>,
    settings: &Settings,
    lowest: f64,
    budget: Option<usize>,
    out: Option<&Path>,
) -> Result<u8> {
    let (Law::MultiPower(law), _) = law_of(law)? else {
        return Err(Error::Unsupported(
            "optimising under the annealing law, whose optimum is a drop at the end".to_owned(),
        ));
    };
    let config = settings.config(Problem::Law)?;
    let (past, updates, peak) = if let Some(past) = past {
        let budget = budget
            .filter(|b| (1..=2_000_000).contains(b))
            .ok_or_else(|| Error::out_of_range("budget", "(none)", "1 to 2000000 updates"))?;
        let now = past.last().copied().unwrap_or(config.peak);
        (past, budget, now)
    } else {
        let s = config.chosen();
        let past: Vec<f64> = (0..s.warmup).map(|i| s.rate(i)).collect();
        (past, s.updates - s.warmup, config.peak)
    };
    if peak <= 0.0 || updates == 0 {
        return Err(Error::out_of_range(
            "peak",
            peak,
            "above 0 before the budget",
        ));
    }
    let floor = (config.floor * peak).max(lowest).min(peak);
    let mut rates = past.clone();
    rates.extend(optimised_rates(law, &past, updates, peak, floor));
    let end = rates.len() - 1;
    let optimum = Prepared::new(law, &rates, 1).at(end).loss();
    let mut plain = past.clone();
    let fifth = (updates / 5).max(1);
    plain.extend((0..updates).map(|i| {
        let left = (updates - i) as f64 / fifth as f64;
        (peak * left.min(1.0)).max(floor.max(1e-9))
    }));
    let line = Prepared::new(law, &plain, 1).at(end).loss();
    let constant: Vec<f64> = past
        .iter()
        .copied()
        .chain(std::iter::repeat_n(peak, updates))
        .collect();
    let flat = Prepared::new(law, &constant, 1).at(end).loss();
    let start = rates
        .iter()
        .enumerate()
        .skip(past.len())
        .find(|(_, r)| **r < 0.95 * peak)
        .map_or(end, |(i, _)| i);
    let lowest = rates[past.len()..].iter().copied().fold(peak, f64::min);
    let words = format!(
        "predicted final loss at step {end}: optimised {optimum:.4}, linear cooldown over the last fifth to the same floor {line:.4}, no cooldown {flat:.4}; the rate leaves {peak:.2e} at step {start} and ends at {lowest:.1e}. Two runs of the same schedule differ by up to 0.02, so gains below that are not certain.\n"
    );
    let columns = [rates.as_slice()];
    let table = table(&["step", "lr"], 1, &columns);
    if out.is_some() {
        say(&words);
    } else {
        super::complain(words.trim_end());
    }
    emit(out, &table)
}
