//! Loss logs of the user's own runs: CSV (plain, TensorBoard's and wandb's exports) and JSON lines.
//! Columns are found by their usual names; one file may hold several runs.

use super::law::LawKind;
use super::law_fit::FitResult;
use crate::core::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Most rows of a file.
const MOST_ROWS: usize = 2_000_000;
/// Largest step: the rates of a run are kept one by one.
const MOST_STEPS: f64 = 2e6;

const STEP: [&str; 7] = [
    "step",
    "_step",
    "global_step",
    "train/global_step",
    "iteration",
    "iter",
    "trainer/global_step",
];
const LOSS: [&str; 9] = [
    "loss",
    "train_loss",
    "train/loss",
    "training_loss",
    "lm_loss",
    "val_loss",
    "eval_loss",
    "eval/loss",
    "value",
];
const RATE: [&str; 6] = [
    "lr",
    "learning_rate",
    "train/learning_rate",
    "train/lr",
    "train_lr",
    "lr-adamw",
];
const RUN: [&str; 4] = ["curve", "run", "run_name", "name"];

/// One run as it was logged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogRun {
    /// Its name, empty when the file holds a single run without one.
    pub name: String,
    /// Logged steps, rising.
    pub steps: Vec<usize>,
    /// Losses there, above 0.
    pub losses: Vec<f64>,
    /// Rates there; empty when they were not logged.
    pub rates: Vec<f64>,
}

impl LogRun {
    /// The last logged step.
    pub fn last(&self) -> usize {
        self.steps.last().copied().unwrap_or(0)
    }

    /// The rate of every update up to the last logged step: straight lines between logged rates, a
    /// linear warmup from 0 before the first. `None` when rates were not logged.
    pub fn all_rates(&self) -> Option<Vec<f64>> {
        let first = *self.steps.first()?;
        let first_rate = *self.rates.first()?;
        let mut out: Vec<f64> = (0..first)
            .map(|i| first_rate * i as f64 / first as f64)
            .collect();
        for (k, pair) in self.steps.windows(2).enumerate() {
            let (a, b) = (self.rates[k], self.rates[k + 1]);
            let span = (pair[1] - pair[0]) as f64;
            out.extend((pair[0]..pair[1]).map(|i| a + (b - a) * (i - pair[0]) as f64 / span));
        }
        out.push(*self.rates.last()?);
        Some(out)
    }
}

/// The fits of a log by law, kept with it: they depend on the log alone.
#[derive(Debug, Clone, Default)]
pub struct FitMemo([OnceLock<Arc<FitResult>>; 2]);

impl FitMemo {
    fn place(&self, kind: LawKind) -> &OnceLock<Arc<FitResult>> {
        match kind {
            LawKind::MultiPower => &self.0[0],
            LawKind::Annealing => &self.0[1],
        }
    }

    /// The fit of a law, if it was made.
    pub fn get(&self, kind: LawKind) -> Option<&Arc<FitResult>> {
        self.place(kind).get()
    }

    /// Keeps a fit; the first one of a law stays.
    pub fn set(&self, fit: FitResult) {
        self.place(fit.law.kind()).set(Arc::new(fit)).ok();
    }
}

impl PartialEq for FitMemo {
    /// Logs are the same whether or not they were fitted.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// A file of logged runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LossLog {
    /// Name of the format.
    pub format: &'static str,
    /// The runs, by name.
    pub runs: Vec<LogRun>,
    /// Remarks of the import.
    pub remarks: Vec<String>,
    /// The laws fitted to all runs.
    pub fit: FitMemo,
}

impl LossLog {
    /// What it is, with its size.
    pub fn words(&self) -> String {
        let rows: usize = self.runs.iter().map(|r| r.steps.len()).sum();
        format!(
            "loss log ({}), {} run{}, {rows} rows",
            self.format,
            self.runs.len(),
            if self.runs.len() == 1 { "" } else { "s" }
        )
    }

    /// First rows: column names and cells.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let rows = self
            .runs
            .iter()
            .flat_map(|run| {
                (0..run.steps.len()).map(|i| {
                    vec![
                        run.name.clone(),
                        run.steps[i].to_string(),
                        run.rates
                            .get(i)
                            .map_or("–".to_owned(), |r| format!("{r:.3e}")),
                        format!("{:.4}", run.losses[i]),
                    ]
                })
            })
            .take(20)
            .collect();
        (
            ["run", "step", "rate", "loss"].map(str::to_owned).to_vec(),
            rows,
        )
    }
}

/// Whether a text looks like a loss log: a header, or keys, with a loss and a step.
pub fn looks_like(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let head = text.lines().next().unwrap_or("");
    if head.starts_with('{') {
        return text
            .lines()
            .take(20)
            .filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok())
            .any(|v| {
                let has = |names: &[&str]| names.iter().any(|n| v.get(n).is_some());
                has(&LOSS[..8]) && has(&STEP)
            });
    }
    let columns: Vec<String> = head
        .split(',')
        .map(|c| c.trim().trim_matches('"').to_lowercase())
        .collect();
    let step = columns.iter().any(|c| STEP.contains(&c.as_str()));
    let loss = columns.iter().any(|c| LOSS.contains(&wandb_metric(c).1));
    step && loss
}

/// Splits wandb's "run name - metric" into both.
fn wandb_metric(column: &str) -> (&str, &str) {
    column.rsplit_once(" - ").unwrap_or(("", column))
}

/// A row before it is sorted into its run.
struct Row {
    run: String,
    step: f64,
    loss: f64,
    rate: Option<f64>,
    line: u64,
}

/// Reads a loss log.
///
/// # Errors
/// Line, column, what was found and what is wanted.
pub fn read(name: &str, text: &str) -> Result<LossLog> {
    let text = text.trim_start_matches('\u{feff}');
    let (format, rows) = if text.trim_start().starts_with('{') {
        ("JSON lines", json_rows(name, text)?)
    } else {
        csv_rows(name, text)?
    };
    collect(name, format, rows)
}

/// A number, or `None` for an empty cell or a word such as nan.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

fn json_rows(name: &str, text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let v: serde_json::Value = serde_json::from_str(line)
            .map_err(|e| Error::import(name, format!("line {}", i + 1), e.to_string()))?;
        let find = |names: &[&str]| {
            names
                .iter()
                .find_map(|n| v.get(*n))
                .and_then(serde_json::Value::as_f64)
        };
        // A line without a loss is another event (an evaluation, a checkpoint).
        let (Some(step), Some(loss)) = (find(&STEP), find(&LOSS[..8])) else {
            continue;
        };
        let run = RUN
            .iter()
            .find_map(|n| v.get(*n))
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        rows.push(Row {
            run: run.to_owned(),
            step,
            loss,
            rate: find(&RATE),
            line: i as u64 + 1,
        });
    }
    Ok(rows)
}

/// Columns of one run in a table.
struct Columns {
    run: String,
    loss: usize,
    rate: Option<usize>,
}

fn csv_rows(name: &str, text: &str) -> Result<(&'static str, Vec<Row>)> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header: Vec<String> = reader
        .headers()
        .map_err(|e| Error::import(name, "line 1", e.to_string()))?
        .iter()
        .map(str::to_lowercase)
        .collect();
    let place = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| header.iter().position(|h| h == n))
    };
    let step = place(&STEP).ok_or_else(|| {
        Error::import(
            name,
            "line 1",
            format!("no step column among {header:?}; want one of {STEP:?}"),
        )
    })?;
    let run = place(&RUN);
    let mut columns = Vec::new();
    let mut format = "table";
    if let Some(loss) = place(&LOSS) {
        if header.iter().any(|h| h == "wall time") {
            format = "TensorBoard table";
        }
        columns.push(Columns {
            run: String::new(),
            loss,
            rate: place(&RATE),
        });
    } else {
        format = "wandb table";
        for (i, column) in header.iter().enumerate() {
            let (run, metric) = wandb_metric(column);
            if LOSS.contains(&metric) {
                let rate = header.iter().position(|h| {
                    let (other, metric) = wandb_metric(h);
                    RATE.contains(&metric) && (other == run || other.is_empty())
                });
                columns.push(Columns {
                    run: run.to_owned(),
                    loss: i,
                    rate,
                });
            }
        }
    }
    if columns.is_empty() {
        return Err(Error::import(
            name,
            "line 1",
            format!("no loss column among {header:?}; want one of {LOSS:?}"),
        ));
    }
    let mut rows = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let line = i as u64 + 2;
        let record =
            record.map_err(|e| Error::import(name, format!("line {line}"), e.to_string()))?;
        if rows.len() > MOST_ROWS {
            return Err(Error::import(
                name,
                format!("line {line}"),
                format!("more than {MOST_ROWS} rows"),
            ));
        }
        let cell = |k: usize| record.get(k).unwrap_or("");
        let Some(at) = number(cell(step)) else {
            return Err(Error::import(
                name,
                format!("line {line}, column {}", header[step]),
                format!("{:?} is not a number", cell(step)),
            ));
        };
        for c in &columns {
            // wandb leaves cells of other runs empty.
            if cell(c.loss).is_empty() {
                continue;
            }
            rows.push(Row {
                run: run.map_or_else(|| c.run.clone(), |r| cell(r).to_owned()),
                step: at,
                loss: number(cell(c.loss)).unwrap_or(f64::NAN),
                rate: c.rate.and_then(|r| number(cell(r))),
                line,
            });
        }
    }
    Ok((format, rows))
}

fn collect(name: &str, format: &'static str, rows: Vec<Row>) -> Result<LossLog> {
    let mut runs: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut skipped: Vec<u64> = Vec::new();
    for row in rows {
        let usable = row.loss > 0.0 && row.loss.is_finite();
        if !(0.0..=MOST_STEPS).contains(&row.step) || row.step.fract() != 0.0 {
            return Err(Error::import(
                name,
                format!("line {}, step", row.line),
                format!("{} is not a whole number from 0 to {MOST_STEPS}", row.step),
            ));
        }
        if let Some(rate) = row.rate.filter(|r| *r < 0.0) {
            return Err(Error::import(
                name,
                format!("line {}, rate", row.line),
                format!("{rate} is negative"),
            ));
        }
        if usable {
            runs.entry(row.run.clone()).or_default().push(row);
        } else {
            skipped.push(row.line);
        }
    }
    let mut log = LossLog {
        format,
        ..LossLog::default()
    };
    if let Some(first) = skipped.first() {
        log.remarks.push(format!(
            "{} rows skipped: the loss is not a number above 0, first on line {first}",
            skipped.len()
        ));
    }
    for (run, rows) in runs {
        if let Some(pair) = rows.windows(2).find(|w| w[1].step <= w[0].step) {
            return Err(Error::import(
                name,
                format!("line {}", pair[1].line),
                format!(
                    "step {} does not rise above {}; want rising steps within a run",
                    pair[1].step, pair[0].step
                ),
            ));
        }
        let rates: Vec<f64> = rows.iter().filter_map(|r| r.rate).collect();
        let complete = rates.len() == rows.len();
        if !complete && !rates.is_empty() {
            log.remarks.push(format!(
                "run {run:?}: {} of {} rows have no rate, so its rates are not used",
                rows.len() - rates.len(),
                rows.len()
            ));
        }
        let first = rows.first().map_or(0.0, |r| r.step);
        if complete && first > 1.0 {
            log.remarks.push(format!(
                "run {run:?} starts at step {first}: a linear warmup from 0 is assumed before"
            ));
        }
        log.runs.push(LogRun {
            name: run,
            steps: rows.iter().map(|r| r.step as usize).collect(),
            losses: rows.iter().map(|r| r.loss).collect(),
            rates: if complete { rates } else { Vec::new() },
        });
    }
    if log.runs.iter().all(|r| r.steps.len() < 8) {
        return Err(Error::import(
            name,
            "end",
            "no run with at least 8 usable rows",
        ));
    }
    if log.runs.iter().any(|r| r.rates.is_empty()) {
        log.remarks.push(
            "no learning rates in the file: the rates of the schedule that is set are taken for them"
                .to_owned(),
        );
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn rows(head: &str, row: impl Fn(usize) -> String) -> String {
        let mut text = format!("{head}\n");
        for i in 1..=10 {
            writeln!(text, "{}", row(i)).unwrap();
        }
        text
    }

    #[test]
    fn the_usual_exports_are_recognised() {
        for (head, row, format, has_rates) in [
            ("curve,step,lr,loss", "a,{i}00,0.001,{i}.5", "table", true),
            (
                "Wall time,Step,Value",
                "17000{i}.5,{i}00,{i}.5",
                "TensorBoard table",
                false,
            ),
            (
                "\"Step\",\"run-7 - train/loss\",\"run-7 - train/loss__MIN\",\"run-7 - train/lr\"",
                "{i}00,{i}.5,{i}.5,0.001",
                "wandb table",
                true,
            ),
        ] {
            let text = rows(head, |i| row.replace("{i}", &i.to_string()));
            assert!(looks_like(&text), "{head}");
            let log = read("f.csv", &text).unwrap();
            assert_eq!(log.format, format);
            assert_eq!(log.runs.len(), 1, "{head}");
            assert_eq!(log.runs[0].steps[9], 1000);
            assert_eq!(log.runs[0].losses[0], 1.5);
            assert_eq!(!log.runs[0].rates.is_empty(), has_rates, "{head}");
        }
        let text = rows(
            "{\"step\": 0, \"loss\": 3.5, \"learning_rate\": 1e-3}",
            |i| format!("{{\"step\": {i}, \"loss\": 2.5, \"learning_rate\": 1e-3}}"),
        );
        assert!(looks_like(&text));
        assert_eq!(read("f.jsonl", &text).unwrap().runs[0].rates.len(), 11);
    }

    #[test]
    fn bad_rows_are_named_or_skipped_with_a_remark() {
        let text = rows("step,loss", |i| {
            if i == 3 {
                "3,nan".to_owned()
            } else {
                format!("{i},2.0")
            }
        });
        let log = read("f.csv", &text).unwrap();
        assert_eq!(log.runs[0].steps.len(), 9);
        assert!(log.remarks[0].contains("line 4"), "{:?}", log.remarks);
        let text = rows("step,loss", |i| format!("{},2.0", 11 - i));
        let error = read("f.csv", &text).unwrap_err().to_string();
        assert!(
            error.contains("line 3") && error.contains("rise"),
            "{error}"
        );
        let error = read("f.csv", "step,accuracy\n1,2\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("no loss column"), "{error}");
        let error = read("f.csv", "step,loss\none,2\n").unwrap_err().to_string();
        assert!(
            error.contains("line 2") && error.contains("\"one\""),
            "{error}"
        );
        assert!(!looks_like("arrival_secs,prompt_tokens,output_tokens\n"));
    }

    #[test]
    fn rates_are_filled_in_between_logged_steps_and_before_them() {
        let run = LogRun {
            steps: vec![2, 4],
            losses: vec![1.0, 1.0],
            rates: vec![1.0, 2.0],
            ..LogRun::default()
        };
        assert_eq!(run.all_rates().unwrap(), [0.0, 0.5, 1.0, 1.5, 2.0]);
    }
}
