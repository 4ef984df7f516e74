//! Traces as comma-separated tables.

use super::rows::{Extras, Names, Rows};
use super::timestamp::ticks;
use crate::core::{Error, Result};
use std::io::Cursor;

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
#[derive(Debug)]
struct Format {
    name: &'static str,
    arrival: &'static str,
    clock: Clock,
    prompt: &'static str,
    output: &'static str,
    /// Columns that may be missing: user, class, priority, session.
    extras: [&'static str; 4],
}

const fn format(
    name: &'static str,
    (arrival, clock): (&'static str, Clock),
    prompt: &'static str,
    output: &'static str,
) -> Format {
    Format {
        name,
        arrival,
        clock,
        prompt,
        output,
        extras: [""; 4],
    }
}

/// No arrival times.
const NO_CLOCK: (&str, Clock) = ("", Clock::Absent);

/// Tried in order.
static FORMATS: [Format; 11] = [
    format(
        "Azure LLM inference",
        ("TIMESTAMP", Clock::Timestamp),
        "ContextTokens",
        "GeneratedTokens",
    ),
    format(
        "Vidur",
        ("arrived_at", Clock::Seconds),
        "num_prefill_tokens",
        "num_decode_tokens",
    ),
    format(
        "Vidur lengths",
        NO_CLOCK,
        "num_prefill_tokens",
        "num_decode_tokens",
    ),
    Format {
        name: "BurstGPT",
        arrival: "Timestamp",
        clock: Clock::Seconds,
        prompt: "Request tokens",
        output: "Response tokens",
        extras: ["", "Model", "", "Session ID"],
    },
    Format {
        name: "plain table",
        arrival: "arrival_secs",
        clock: Clock::Seconds,
        prompt: "prompt_tokens",
        output: "output_tokens",
        extras: ["user", "class", "priority", "session"],
    },
    format(
        "pairs of lengths",
        NO_CLOCK,
        "prompt_tokens",
        "output_tokens",
    ),
    format(
        "pairs of lengths",
        NO_CLOCK,
        "prompt_tokens",
        "completion_tokens",
    ),
    format(
        "pairs of lengths",
        NO_CLOCK,
        "input_tokens",
        "output_tokens",
    ),
    format(
        "pairs of lengths",
        NO_CLOCK,
        "input_length",
        "output_length",
    ),
    format("pairs of lengths", NO_CLOCK, "input_len", "output_len"),
    format("pairs of lengths", NO_CLOCK, "prompt_len", "output_len"),
];

/// A table whose header is one of [`FORMATS`], read row by row.
#[derive(Debug)]
pub(super) struct CsvRows {
    reader: csv::Reader<Cursor<Vec<u8>>>,
    record: csv::StringRecord,
    format: &'static Format,
    /// Places of arrival, prompt and output.
    places: [usize; 3],
    extras: [Option<usize>; 4],
    first_tick: Option<i64>,
    users: Names,
    models: Names,
    sessions: Names,
}

impl CsvRows {
    pub(super) fn new(file: &str, content: Vec<u8>, rows: &mut Rows) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(Cursor::new(content));
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
            Some((f, [arrival, place(f.prompt)?, place(f.output)?]))
        });
        let Some((format, places)) = found else {
            return Err(Error::import(file, "line 1", unknown_header(&header)));
        };
        rows.format = format.name;
        rows.lengths_only = format.clock == Clock::Absent;
        Ok(Self {
            reader,
            record: csv::StringRecord::new(),
            format,
            places,
            extras: format
                .extras
                .map(|name| if name.is_empty() { None } else { place(name) }),
            first_tick: None,
            users: Names::default(),
            models: Names::default(),
            sessions: Names::default(),
        })
    }

    /// Bytes read.
    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// Reads a row; `false` at the end.
    pub(super) fn next(&mut self, file: &str, rows: &mut Rows) -> Result<bool> {
        let more = self
            .reader
            .read_record(&mut self.record)
            .map_err(|e| broken_row(file, &e))?;
        if !more {
            return Ok(false);
        }
        let record = &self.record;
        let format = self.format;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let refuse = |column: &str, found: &str, want: &str| {
            Error::import(
                file,
                format!("line {line}, column {column}"),
                format!("found {found:?}, want {want}"),
            )
        };
        let [arrival, prompt, output] = self.places;
        let at = match format.clock {
            Clock::Absent => 0.0,
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
                let first = *self.first_tick.get_or_insert(tick);
                (tick - first) as f64 / 1e7
            }
        };
        let tokens = |name: &str, column: usize| {
            tokens(cell(column)).ok_or_else(|| refuse(name, cell(column), "a whole number"))
        };
        let lengths = (
            tokens(format.prompt, prompt)?,
            tokens(format.output, output)?,
        );
        let [user, class, priority, session] = self.extras;
        let class = match class {
            // Models stand as words and become classes in order of their first appearance.
            Some(i) if format.extras[1] == "Model" => {
                Some(self.models.number(cell(i)).min(255) as u8)
            }
            Some(i) => Some(
                cell(i)
                    .parse()
                    .map_err(|_e| refuse("class", cell(i), "a whole number from 0 to 255"))?,
            ),
            None => None,
        };
        let priority = match priority {
            Some(i) => Some(
                cell(i)
                    .parse()
                    .map_err(|_e| refuse("priority", cell(i), "a whole number"))?,
            ),
            None => None,
        };
        let extras = Extras {
            user: user.map(|i| self.users.number(cell(i))),
            class,
            priority,
            session: session.map(|i| self.sessions.number(cell(i))),
        };
        rows.push(line, (at, lengths.0, lengths.1), &extras, None);
        Ok(true)
    }
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
        "found columns {columns}; want TIMESTAMP, ContextTokens, GeneratedTokens (Azure), or arrived_at, num_prefill_tokens, num_decode_tokens (Vidur), or Timestamp, Request tokens, Response tokens (BurstGPT), or arrival_secs, prompt_tokens, output_tokens, or two columns of lengths such as prompt_len, output_len, or one JSON object per line (Mooncake)"
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
