//! Traces as one JSON object per line (Mooncake).

use super::Rows;
use crate::core::{Error, Result};
use serde_json::Value;

/// Reads `{"timestamp": ms, "input_length", "output_length", …}` lines.
pub(super) fn read(file: &str, text: &str) -> Result<Rows> {
    let mut rows = Rows {
        format: "Mooncake",
        ..Rows::default()
    };
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let number = i as u64 + 1;
        let object: Value = serde_json::from_str(line).map_err(|e| {
            Error::import(
                file,
                format!("line {number}, column {}", e.column()),
                format!("not a JSON object: {e}"),
            )
        })?;
        let value = |name: &str, want: &str, allowed: fn(f64) -> bool| {
            let found = object.get(name);
            found
                .and_then(Value::as_f64)
                .filter(|v| allowed(*v))
                .ok_or_else(|| {
                    let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
                    Error::import(
                        file,
                        format!("line {number}, field {name}"),
                        format!("found {found}, want {want}"),
                    )
                })
        };
        let whole = |v: f64| v.fract() == 0.0 && v < 1e9;
        let at = value("timestamp", "milliseconds from 0", |v| v >= 0.0)? / 1000.0;
        let prompt = value("input_length", "a whole number", whole)?;
        let output = value("output_length", "a whole number", whole)?;
        rows.push(number, at, prompt.max(0.0) as u32, output.max(0.0) as u32);
    }
    Ok(rows)
}
