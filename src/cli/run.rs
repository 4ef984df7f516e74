//! `schedlab run`: any exhibit's setup.

use super::{OK, RunArgs, files, say};
use crate::core::{Metric, Result};
use crate::labs::{Library, Outcome, Setup, Shared, outcome_of};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) fn run(args: &RunArgs) -> Result<u8> {
    let text = files::text(&args.config)?;
    let shared = Shared::from_json(&text).map_err(|e| files::named(&args.config, e))?;
    let mut library = Library::default();
    for path in &args.data {
        files::open_data(path, &mut library)?;
    }
    let mut results = Vec::new();
    for setup in &shared.setups {
        let outcome = outcome_of(setup, &library).map_err(|e| files::named(&args.config, e))?;
        say(&in_words(&outcome));
        results.push(as_json(setup, &outcome));
    }
    if let Some(path) = &args.out {
        let whole = if results.len() == 1 {
            results.remove(0)
        } else {
            json!({ "results": results })
        };
        files::write(path, &pretty(&whole))?;
    }
    Ok(OK)
}

/// The headline results as they stand on screen.
fn in_words(outcome: &Outcome) -> String {
    let mut out = format!("{}\n", outcome.label);
    let wide = outcome
        .metrics
        .iter()
        .map(|m| m.name.chars().count())
        .max()
        .unwrap_or(0);
    for metric in &outcome.metrics {
        let value = number(metric.value);
        let line = format!("  {:<wide$}  {value} {}", metric.name, metric.unit);
        writeln!(out, "{}", line.trim_end()).ok();
    }
    if !outcome.summary.is_empty() {
        writeln!(out, "  {}", outcome.summary).ok();
    }
    out
}

/// Setup, metrics and summary as JSON.
pub(super) fn as_json(setup: &Setup, outcome: &Outcome) -> Value {
    json!({
        "schema": "schedlab-result/1",
        "setup": setup,
        "label": outcome.label,
        "metrics": outcome.metrics.iter().map(metric).collect::<Vec<_>>(),
        "summary": outcome.summary,
    })
}

fn metric(metric: &Metric) -> Value {
    json!({
        "id": metric.id,
        "name": metric.name,
        "unit": metric.unit,
        "value": float(metric.value),
    })
}

/// JSON has no words for what is not finite; the reference files spell it so.
pub(super) fn float(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else if value.is_nan() {
        json!("NaN")
    } else if value > 0.0 {
        json!("Infinity")
    } else {
        json!("-Infinity")
    }
}

/// JSON for a file: indented, one line end at the end.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A number with five significant digits.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        format!("{value}")
    } else if !(1e-4..1e9).contains(&size) {
        format!("{value:.4e}")
    } else {
        let whole = size.log10().floor() as i32;
        let decimals = usize::try_from(4 - whole).unwrap_or(0);
        let text = format!("{value:.decimals$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_five_digits_and_no_idle_zeros() {
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.123456789), "0.12346");
        assert_eq!(number(1234.5678), "1234.6");
        assert_eq!(number(19366.0), "19366");
        assert_eq!(number(123456789.0), "123456789");
        assert_eq!(number(2.5), "2.5");
        assert_eq!(number(1e-7), "1.0000e-7");
    }
}
