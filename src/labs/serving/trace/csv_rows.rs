//! Traces as comma-separated tables.

use super::Rows;
use super::timestamp::ticks;
use crate::core::{Error, Result};

/// How an arrival is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Clock {
    /// Seconds.
    Seconds,
    /// Date and time.
    Timestamp,
    /// Not at all.
    Absent,
}

/// A format: its name and the header names of its columns.
struct Format {
    name: &'static str,
    arrival: &'static str,
    clock: Clock,
    prompt: &'static str,
    output: &'static str,
}

/// Tried in order.
const FORMATS: [Format; 5] = [
    Format {
        name: "Azure LLM inference",
        arrival: "TIMESTAMP",
        clock: Clock::Timestamp,
        prompt: "ContextTokens",
        output: "GeneratedTokens",
    },
    Format {
        name: "Vidur",
        arrival: "arrived_at",
        clock: Clock::Seconds,
        prompt: "num_prefill_tokens",
        output: "num_decode_tokens",
    },
    Format {
        name: "Vidur lengths",
        arrival: "",
        clock: Clock::Absent,
        prompt: "num_prefill_tokens",
        output: "num_decode_tokens",
    },
    Format {
        name: "BurstGPT",
        arrival: "Timestamp",
        clock: Clock::Seconds,
        prompt: "Request tokens",
        output: "Response tokens",
    },
    Format {
        name: "plain table",
        arrival: "arrival_secs",
        clock: Clock::Seconds,
        prompt: "prompt_tokens",
        output: "output_tokens",
    },
];

/// Reads a table whose header is one of [`FORMATS`].
pub(super) fn read(file: &str, text: &str) -> Result<Rows> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|e| Error::import(file, "line 1", e.to_string()))?
        .clone();
    let place = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let found = FORMATS.iter().find_map(|f| {
        let arrival = match f.clock {
            Clock::Absent => 0,
            _ => place(f.arrival)?,
        };
        Some((f, arrival, place(f.prompt)?, place(f.output)?))
    });
    let Some((format, arrival, prompt, output)) = found else {
        return Err(Error::import(file, "line 1", unknown_header(&header)));
    };
    let mut rows = Rows {
        format: format.name,
        lengths_only: format.clock == Clock::Absent,
        ..Rows::default()
    };
    let mut first_tick = None;
    for record in reader.records() {
        let record = record.map_err(|e| broken_row(file, &e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let refuse = |column: &str, found: &str, want: &str| {
            Error::import(
                file,
                format!("line {line}, column {column}"),
                format!("found {found:?}, want {want}"),
            )
        };
        let at = match format.clock {
            Clock::Absent => rows.requests.len() as f64,
            Clock::Seconds => cell(arrival)
                .parse::<f64>()
                .ok()
                .filter(|t| t.is_finite() && *t >= 0.0)
                .ok_or_else(|| refuse(format.arrival, cell(arrival), "seconds from 0"))?,
            Clock::Timestamp => {
                let tick = ticks(cell(arrival)).ok_or_else(|| {
                    refuse(
                        format.arrival,
                        cell(arrival),
                        "a time such as 2023-11-16 18:17:03.9799600",
                    )
                })?;
                let first = *first_tick.get_or_insert(tick);
                (tick - first) as f64 / 1e7
            }
        };
        let tokens = |name: &str, column: usize| {
            tokens(cell(column)).ok_or_else(|| refuse(name, cell(column), "a whole number"))
        };
        let (p, d) = (
            tokens(format.prompt, prompt)?,
            tokens(format.output, output)?,
        );
        rows.push(line, at, p, d);
    }
    Ok(rows)
}

/// A token count; some tools write whole numbers as `12.0`. Negative counts as 0 and is dropped.
fn tokens(cell: &str) -> Option<u32> {
    let value: f64 = cell.parse().ok()?;
    (value.fract() == 0.0 && value < 1e9).then_some(value.max(0.0) as u32)
}

fn unknown_header(header: &csv::StringRecord) -> String {
    let columns: Vec<&str> = header.iter().take(12).collect();
    let mut columns = columns.join(", ");
    if columns.chars().count() > 120 {
        columns = columns.chars().take(120).chain(['…']).collect();
    }
    format!(
        "found columns {columns}; want TIMESTAMP, ContextTokens, GeneratedTokens (Azure), or arrived_at, num_prefill_tokens, num_decode_tokens (Vidur), or Timestamp, Request tokens, Response tokens (BurstGPT), or arrival_secs, prompt_tokens, output_tokens, or one JSON object per line (Mooncake)"
    )
}

fn broken_row(file: &str, error: &csv::Error) -> Error {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => Error::import(
            file,
            format!("line {}", pos.as_ref().map_or(0, csv::Position::line)),
            format!("found {len} columns, want {expected_len}"),
        ),
        _ => Error::import(
            file,
            format!("line {}", error.position().map_or(0, csv::Position::line)),
            error.to_string(),
        ),
    }
}
