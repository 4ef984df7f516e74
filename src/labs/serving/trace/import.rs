//! Reading a trace in short steps, so that a page stays alive while a million rows come in.

use super::Trace;
use super::csv_rows::CsvRows;
use super::json_rows::JsonRows;
use super::rows::Rows;
use crate::core::{Error, Job, Result, Step};

/// Rows read per step: a row takes about a microsecond.
const ROWS_PER_STEP: usize = 1000;

/// A trace on its way in.
#[derive(Debug)]
pub struct Import {
    name: String,
    bytes: usize,
    source: Source,
    rows: Rows,
}

#[derive(Debug)]
enum Source {
    Csv(Box<CsvRows>),
    Json(JsonRows),
}

impl Import {
    /// Recognises the format by the first line.
    ///
    /// # Errors
    /// An unknown header.
    pub fn new(name: &str, mut content: Vec<u8>) -> Result<Self> {
        if content.starts_with(b"\xEF\xBB\xBF") {
            content.drain(..3);
        }
        let bytes = content.len();
        let first = content.iter().find(|b| !b.is_ascii_whitespace());
        let mut rows = Rows::default();
        let source = match first {
            Some(b'{') => Source::Json(JsonRows::new(content)),
            Some(b'[') => {
                return Err(Error::import(
                    name,
                    "line 1, column 1",
                    "found a JSON array, want one JSON object per line",
                ));
            }
            _ => Source::Csv(Box::new(CsvRows::new(name, content, &mut rows)?)),
        };
        Ok(Self {
            name: name.to_owned(),
            bytes,
            source,
            rows,
        })
    }
}

impl Job for Import {
    type Out = Trace;

    fn step(&mut self) -> Result<Step<Trace>> {
        for _ in 0..ROWS_PER_STEP {
            let more = match &mut self.source {
                Source::Csv(csv) => csv.next(&self.name, &mut self.rows)?,
                Source::Json(json) => json.next(&self.name, &mut self.rows)?,
            };
            if !more {
                let rows = std::mem::take(&mut self.rows);
                return Ok(Step::Done(rows.ordered(&self.name)?));
            }
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let at = match &self.source {
            Source::Csv(csv) => csv.position(),
            Source::Json(json) => json.position(),
        };
        at as f64 / self.bytes.max(1) as f64
    }
}
