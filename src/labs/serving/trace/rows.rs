//! Rows as they stand in a file, and their order.

use super::{Trace, thousands};
use crate::core::{Error, Result};
use crate::labs::serving::engine::{Piece, Tags};
use std::collections::HashMap;

/// What a file says about one request besides arrival and lengths.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub user: Option<u32>,
    pub class: Option<u8>,
    pub priority: Option<i32>,
    pub session: Option<u32>,
}

/// Rows as they stand in a file, before they are ordered.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub format: &'static str,
    /// Arrival in seconds, prompt, output.
    pub requests: Vec<(f64, u32, u32)>,
    /// Users, classes, priorities and sessions, by row.
    pub tags: Tags,
    /// Arrival times are missing and become one second apart.
    pub lengths_only: bool,
    dropped: [Dropped; 2],
}

#[derive(Debug, Default)]
struct Dropped {
    count: usize,
    first_line: u64,
}

impl Rows {
    /// Takes a row; one without tokens is dropped and counted. `pieces` are tokens it shares.
    pub(super) fn push(
        &mut self,
        line: u64,
        (arrival, prompt, output): (f64, u32, u32),
        extras: &Extras,
        pieces: Option<&[Piece]>,
    ) {
        let empty = if prompt == 0 {
            Some(0)
        } else if output == 0 {
            Some(1)
        } else {
            None
        };
        if let Some(i) = empty {
            let dropped = &mut self.dropped[i];
            if dropped.count == 0 {
                dropped.first_line = line;
            }
            dropped.count += 1;
            return;
        }
        self.requests.push((arrival, prompt, output));
        let tags = &mut self.tags;
        tags.user.extend(extras.user);
        tags.class.extend(extras.class);
        tags.priority.extend(extras.priority);
        tags.session.extend(extras.session);
        if let Some(pieces) = pieces {
            tags.push_pieces(pieces.iter().copied());
        }
    }

    /// The trace: ordered, with remarks about what was dropped or moved.
    pub(super) fn ordered(mut self, name: &str) -> Result<Trace> {
        let mut remarks = Vec::new();
        for (dropped, what) in self.dropped.iter().zip(["prompt", "output"]) {
            if dropped.count > 0 {
                let hint = if what == "output" {
                    " (a failed request)"
                } else {
                    ""
                };
                remarks.push(format!(
                    "{} rows dropped: no {what} tokens{hint}, first on line {}",
                    thousands(dropped.count as u64),
                    dropped.first_line
                ));
            }
        }
        if self.requests.is_empty() {
            return Err(Error::import(
                name,
                "line 2",
                "no request with prompt and output tokens; want at least one row",
            ));
        }
        if self.lengths_only {
            for (i, request) in self.requests.iter_mut().enumerate() {
                request.0 = i as f64;
            }
            remarks.push(
                "no arrival times in this file: requests are one second apart, scale the rate as you like"
                    .to_owned(),
            );
        }
        if !self.requests.is_sorted_by(|a, b| a.0 <= b.0) {
            self.sort();
            remarks.push(
                "arrival times were not in order: sorted, equal times keep their order".to_owned(),
            );
        }
        let start = self.requests[0].0;
        let arrival: Vec<f64> = self.requests.iter().map(|r| r.0 - start).collect();
        let distinct = 1 + arrival.windows(2).filter(|w| w[0] < w[1]).count();
        // A few coincidences are real; a burst at a single time is meant.
        let coarse = arrival.len() >= 20 && distinct > 1 && distinct * 2 <= arrival.len();
        if coarse {
            remarks.push(format!(
                "{} requests share {} distinct times: spread evenly inside each step, unless you switch that off",
                thousands(arrival.len() as u64),
                thousands(distinct as u64)
            ));
        }
        Ok(Trace {
            format: self.format,
            arrival,
            coarse,
            prompt: self.requests.iter().map(|r| r.1).collect(),
            output: self.requests.iter().map(|r| r.2).collect(),
            tags: self.tags,
            remarks,
        })
    }

    /// Sorts rows and tags by arrival; equal times keep their order.
    fn sort(&mut self) {
        fn moved<T: Copy>(values: &[T], order: &[u32]) -> Vec<T> {
            order
                .iter()
                .filter_map(|&i| values.get(i as usize).copied())
                .collect()
        }
        let mut order: Vec<u32> = (0..self.requests.len() as u32).collect();
        order.sort_by(|&a, &b| {
            self.requests[a as usize]
                .0
                .total_cmp(&self.requests[b as usize].0)
        });
        self.requests = moved(&self.requests, &order);
        let old = std::mem::take(&mut self.tags);
        if !old.piece_offsets.is_empty() {
            for &i in &order {
                self.tags.push_pieces(old.pieces(i).iter().copied());
            }
        }
        self.tags.user = moved(&old.user, &order);
        self.tags.class = moved(&old.class, &order);
        self.tags.priority = moved(&old.priority, &order);
        self.tags.session = moved(&old.session, &order);
    }
}

/// Numbers for words, in the order of their first appearance.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, u32>,
}

impl Names {
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.known.get(word) {
            return number;
        }
        let number = self.known.len() as u32;
        self.known.insert(word.to_owned(), number);
        number
    }
}
