//! Laws of the loss: fit, predict, optimise.

use super::super::{OK, complain, files, run, say};
use super::{Settings, emit, loss_log, rates_of, table};
use crate::core::{Error, Result, Table, finish};
use crate::labs::lr::Problem;
use crate::labs::lr::law_fit::{FitResult, Law, LawFit, LawKind, Measured};
use crate::labs::lr::laws::{Annealing, MultiPower, PUBLISHED, Prepared};
use crate::labs::lr::optimised_rates;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) fn fit(
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
        complain(&format!("{}: {remark}", log.display()));
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
pub(super) fn law_of(text: &str) -> Result<(Law, Vec<Law>)> {
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
pub(super) fn lowest_fitted(text: &str) -> Result<f64> {
    if text.parse::<u32>().is_ok() {
        return Ok(3e-5);
    }
    let path = Path::new(text);
    let value: Value = serde_json::from_str(&files::text(path)?)
        .map_err(|e| files::named(path, Error::malformed("fit", e.to_string())))?;
    let low = value.pointer("/fitted_rates/0").and_then(Value::as_f64);
    Ok(low.filter(|l| l.is_finite()).unwrap_or(0.0))
}

pub(super) fn predict(
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
pub(super) fn past_of(path: &Path, name: Option<&str>) -> Result<Vec<f64>> {
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

pub(super) fn optimise(
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
        complain(words.trim_end());
    }
    emit(out, &table)
}
