//! What a run tells: headline numbers, things with an identity, and tables.

use serde::{Deserialize, Serialize};

/// Which direction of a metric is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Better {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
    /// Neither direction is good in itself.
    Neither,
}

/// One headline number of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Stable key, as in exports: `ttft_p50_secs`.
    pub id: &'static str,
    /// Short name on screen.
    pub name: &'static str,
    /// Unit; empty for a pure number, `"%"` when the value is already in per cent.
    pub unit: &'static str,
    /// The value; NaN where it is undefined (shown as a dash).
    pub value: f64,
    /// Which direction is good.
    pub better: Better,
    /// Definition in a sentence.
    pub doc: &'static str,
}

impl Metric {
    /// A headline number; the arguments are the fields in their order.
    pub const fn new(
        id: &'static str,
        name: &'static str,
        unit: &'static str,
        value: f64,
        better: Better,
        doc: &'static str,
    ) -> Self {
        Self {
            id,
            name,
            unit,
            value,
            better,
            doc,
        }
    }
}

/// Identity of a thing in a run (a request, a particle, an expert, a layer, an optimizer run). The
/// same id means the same thing in every setup of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityId(pub u64);

/// One line of a [`Story`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
}

impl Fact {
    /// A fact from anything printable.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// The whole story of one entity at one moment: what the inspector shows.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Story {
    /// "Request 17".
    pub title: String,
    /// What is known about it.
    pub facts: Vec<Fact>,
    /// The rules that decided, with the numbers put in.
    pub why: Vec<String>,
}

/// Named columns of equal length: what CSV export and the accessible data tables are made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Column names with units, `ttft_secs`.
    pub columns: Vec<String>,
    /// Rows; NaN stands for "no value".
    pub rows: Vec<Vec<f64>>,
}

impl Table {
    /// The table as CSV text, numbers in full precision, empty cells for NaN.
    pub fn to_csv(&self) -> String {
        let mut out = self.columns.join(",");
        out.push('\n');
        for row in &self.rows {
            for (i, value) in row.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                if !value.is_nan() {
                    out.push_str(&value.to_string());
                }
            }
            out.push('\n');
        }
        out
    }
}
