//! `schedlab lr`: schedules, theory, laws and training without a screen.

mod law;
mod plan;

use super::{OK, complain, files, run, say};
use crate::core::{Error, Result, Table};
use crate::labs::lr::bound::{Bound, power_norms};
use crate::labs::lr::dialects::{Dialect, code, lookup_code, named};
use crate::labs::lr::log::LossLog;
use crate::labs::lr::{Config, Problem};
use crate::labs::{Dataset, Library, Setup, outcome_of, sniff};
use law::{fit, lowest_fitted, optimise, past_of, predict};
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
        /// As a table that is looked up, for any schedule: pytorch (`LambdaLR`), optax, transformers
        #[arg(long, value_name = "LIBRARY")]
        table: Option<String>,
        /// A schedule of your own for the table: CSV with columns step,lr
        #[arg(long, value_name = "FILE.csv", requires = "table")]
        schedule: Option<PathBuf>,
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
    /// Finished models for several budgets from one stable run: where each cooldown starts
    Plan {
        /// A fit of yours, or 25, 100 or 400 for the published laws
        #[arg(long, value_name = "FIT")]
        law: String,
        /// The run so far: a loss log with rates; its last rate is kept
        #[arg(long, value_name = "LOG")]
        log: Option<PathBuf>,
        /// Which run of the log [default: the only one]
        #[arg(long, value_name = "NAME")]
        run: Option<String>,
        /// Updates after the log, separated by commas: one finished model each
        #[arg(long, value_name = "N,N,…")]
        budgets: String,
        #[command(flatten)]
        settings: Settings,
        /// Let the rate fall below every rate the law was fitted on
        #[arg(long)]
        extrapolate: bool,
        /// Write the plan as JSON as well
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Train a model of the lab with a schedule: digits, or --set problem=transformer …
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
        // A problem that is set brings the horizon and the rate that suit it.
        let asked = (self.set.iter()).find_map(|pair| pair.strip_prefix("problem="));
        let problem = match asked {
            Some(name) => serde_json::from_value(Value::String(name.to_owned()))
                .map_err(|e| Error::malformed("problem", e.to_string()))?,
            None => problem,
        };
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
        LrCommand::Code {
            settings,
            table,
            schedule,
        } => python(settings, table.as_deref(), schedule.as_deref()),
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
        LrCommand::Plan {
            law,
            log,
            run,
            budgets,
            settings,
            extrapolate,
            out,
        } => {
            let request = plan::Request {
                law,
                log: log.as_deref(),
                run: run.as_deref(),
                budgets,
                extrapolate: *extrapolate,
            };
            plan::plan(&request, settings, out.as_deref())
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

/// The schedule as the calls of its library, or as a table.
fn python(settings: &Settings, table: Option<&str>, schedule: Option<&Path>) -> Result<u8> {
    let config = settings.config(Problem::Law)?;
    let text = if let Some(library) = table {
        let (rates, peak) = match schedule {
            Some(path) => {
                let rates = rates_of(path)?;
                let peak = rates.iter().copied().fold(0.0, f64::max);
                (rates, peak)
            }
            None => (config.chosen().rates()?, config.peak),
        };
        let dialect = Dialect::ALL
            .into_iter()
            .find(|d| d.name().eq_ignore_ascii_case(library));
        dialect
            .and_then(|d| lookup_code(&rates, peak, d))
            .ok_or_else(|| Error::out_of_range("table", library, "pytorch, optax, transformers"))?
    } else {
        if config.hold > 1 {
            let allowed = "1: rates that are held have no call, export them with --table";
            return Err(Error::out_of_range("hold", config.hold, allowed));
        }
        let calls = named(&config.chosen(), &config.settings(), config.dialect);
        calls.and_then(|c| code(&c, config.peak)).ok_or_else(|| {
            Error::out_of_range(
                "dialect",
                config.dialect.name(),
                "pytorch, optax, transformers, timm",
            )
        })?
    };
    say(&text);
    Ok(OK)
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
        rates.extend((from..to).map(|k| before + (rate - before) * (k + 1 - from) as f64 / span));
        rates.push(rate);
    }
    if rates.is_empty() {
        return Err(bad(2, "no rows".to_owned()));
    }
    if gaps > 0 {
        complain(&format!(
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
