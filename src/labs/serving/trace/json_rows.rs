//! Traces as one JSON object per line: Mooncake, or pairs of lengths.

use super::rows::{Extras, Rows};
use crate::core::{Error, Result};
use crate::labs::serving::engine::Piece;
use serde_json::Value;

/// Tokens per hash of Mooncake.
const HASH_TOKENS: u32 = 512;
/// Names of the two lengths.
const PAIRS: [[&str; 2]; 6] = [
    ["input_length", "output_length"],
    ["prompt_tokens", "output_tokens"],
    ["prompt_tokens", "completion_tokens"],
    ["input_tokens", "output_tokens"],
    ["input_len", "output_len"],
    ["prompt_len", "output_len"],
];

/// Lines of JSON objects.
#[derive(Debug)]
pub(super) struct JsonRows {
    content: Vec<u8>,
    at: usize,
    line: u64,
    pieces: Vec<Piece>,
}

impl JsonRows {
    pub(super) fn new(content: Vec<u8>) -> Self {
        Self {
            content,
            at: 0,
            line: 0,
            pieces: Vec::new(),
        }
    }

    /// Bytes read.
    pub(super) fn position(&self) -> u64 {
        self.at as u64
    }

    /// Reads a line; `false` at the end.
    pub(super) fn next(&mut self, file: &str, rows: &mut Rows) -> Result<bool> {
        let rest = self.content.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        self.at += (end + 1).min(rest.len());
        self.line += 1;
        if line.is_empty() {
            return Ok(true);
        }
        let number = self.line;
        let object: Value = serde_json::from_slice(line).map_err(|e| {
            Error::import(
                file,
                format!("line {number}, column {}", e.column()),
                format!("not a JSON object: {e}"),
            )
        })?;
        let field = |name: &str, want: &str, allowed: fn(f64) -> bool| {
            let found = object.get(name);
            found
                .and_then(Value::as_f64)
                .filter(|v| allowed(*v))
                .ok_or_else(|| refuse(file, number, name, found, want))
        };
        let whole = |v: f64| v.fract() == 0.0 && v < 1e9;
        let [prompt, output] = PAIRS
            .into_iter()
            .find(|names| names.iter().all(|n| object.get(*n).is_some()))
            .unwrap_or(PAIRS[0]);
        let timed = object.get("timestamp").is_some() || prompt == "input_length";
        let at = if timed {
            field("timestamp", "milliseconds from 0", |v| v >= 0.0)? / 1000.0
        } else {
            0.0
        };
        if rows.format.is_empty() {
            rows.format = if timed {
                "Mooncake"
            } else {
                "pairs of lengths"
            };
            rows.lengths_only = !timed;
        }
        let prompt = field(prompt, "a whole number", whole)?.max(0.0) as u32;
        let output = field(output, "a whole number", whole)?.max(0.0) as u32;
        let hashes = object.get("hash_ids");
        let pieces = match hashes {
            Some(ids) => {
                self.pieces.clear();
                let want = prompt.div_ceil(HASH_TOKENS) as usize;
                let list = ids.as_array().filter(|list| list.len() == want);
                let list = list.ok_or_else(|| {
                    let words = format!("{want} whole numbers, one per {HASH_TOKENS} tokens");
                    refuse(file, number, "hash_ids", hashes, &words)
                })?;
                let mut left = prompt;
                for id in list {
                    let stream = id.as_u64().filter(|id| *id < 1 << 31).ok_or_else(|| {
                        refuse(
                            file,
                            number,
                            "hash_ids",
                            Some(id),
                            "whole numbers below 2^31",
                        )
                    })?;
                    let tokens = left.min(HASH_TOKENS);
                    left -= tokens;
                    self.pieces.push(Piece {
                        stream: stream as u32,
                        tokens,
                    });
                }
                Some(self.pieces.as_slice())
            }
            // A file with hashes may have lines without.
            None => (!rows.tags.piece_offsets.is_empty()).then_some(&[][..]),
        };
        rows.push(number, (at, prompt, output), &Extras::default(), pieces);
        Ok(true)
    }
}

fn refuse(file: &str, line: u64, field: &str, found: Option<&Value>, want: &str) -> Error {
    let mut found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
    if found.chars().count() > 60 {
        found = found.chars().take(60).chain(['…']).collect();
    }
    Error::import(
        file,
        format!("line {line}, field {field}"),
        format!("found {found}, want {want}"),
    )
}
