//! What a study found.

use super::super::config::Config;
use super::sheet::{Row, Scene, Sheet};
use crate::core::{Chart, EntityId, Fact, Metric, Story, Table, Timeline};
use crate::labs::LabRun;
use std::sync::Arc;

/// Everything a study computed.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    /// Headline numbers.
    pub(super) metrics: Vec<Metric>,
    /// Name of the time axis, and what a step is.
    pub(super) axis: [&'static str; 2],
    /// Linked charts.
    pub(super) charts: Vec<Chart>,
    /// The picture.
    pub(super) sheet: Sheet,
    /// The result in a sentence.
    pub(super) summary: String,
}

/// A finished study. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StudyRun {
    config: Arc<Config>,
    findings: Arc<Findings>,
    timeline: Timeline,
}

/// Columns named in a row's story.
const NAMED: usize = 4;

impl StudyRun {
    pub(super) fn new(config: &Config, findings: Findings) -> Self {
        let [axis, step_name] = findings.axis;
        Self {
            timeline: Timeline {
                steps: findings.sheet.scenes.iter().map(|s| s.at).collect(),
                axis,
                unit: "",
                step_name,
                moments: Vec::new(),
            },
            config: Arc::new(config.clone()),
            findings: Arc::new(findings),
        }
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The picture.
    pub fn sheet(&self) -> &Sheet {
        &self.findings.sheet
    }

    /// The rows at a moment.
    pub fn at(&self, at: f64) -> Option<&Scene> {
        self.findings.sheet.scenes.get(self.timeline.index_at(at))
    }

    /// A headline number by its key; NaN for an unknown one.
    pub fn value(&self, id: &str) -> f64 {
        let found = self.findings.metrics.iter().find(|m| m.id == id);
        found.map_or(f64::NAN, |m| m.value)
    }

    /// Where the timeline stands, in words.
    pub fn words(&self, at: f64) -> String {
        let at = self.at(at).map_or(0.0, |s| s.at);
        let digits = usize::from(at.fract() != 0.0) * 2;
        format!("{} {at:.digits$}", self.timeline.axis)
    }

    /// The columns of a row in words, the largest first.
    pub fn weights(&self, row: &Row) -> String {
        let columns = &self.findings.sheet.columns;
        let parts = row.leading(NAMED).into_iter();
        let words: Vec<String> = parts
            .map(|c| format!("{} {:.2}", columns[c], row.cells[c]))
            .collect();
        words.join(", ")
    }
}

impl LabRun for StudyRun {
    fn metrics(&self) -> Vec<Metric> {
        self.findings.metrics.clone()
    }

    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.findings.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        let sheet = &self.findings.sheet;
        let mut columns = vec!["at".to_owned(), "row".to_owned(), "value".to_owned()];
        columns.extend((0..sheet.columns.len()).map(|c| format!("weight_{c}")));
        let rows = sheet.scenes.iter().flat_map(|s| {
            s.rows.iter().enumerate().map(move |(i, row)| {
                let mut cells = vec![s.at, i as f64, row.value];
                cells.extend(row.cells.iter().map(|c| f64::from(*c)));
                cells
            })
        });
        vec![(
            "rows",
            Table {
                columns,
                rows: rows.collect(),
            },
        )]
    }

    fn story(&self, EntityId(id): EntityId, at: f64) -> Option<Story> {
        let sheet = &self.findings.sheet;
        let row = self.at(at)?.rows.get(usize::try_from(id).ok()?)?;
        let mut facts = vec![
            Fact::new("Largest", self.weights(row)),
            Fact::new(sheet.value, format!("{:.3} {}", row.value, sheet.unit)),
        ];
        let right = row.right.iter().map(|&c| usize::from(c));
        let names: Vec<&str> = right.clone().map(|c| sheet.columns[c].as_str()).collect();
        let mut why = Vec::new();
        if !names.is_empty() {
            facts.push(Fact::new("Right", names.join(", ")));
            let share: f32 = right.map(|c| row.cells[c]).sum();
            why.push(format!("What is right has {share:.2} of the row."));
        }
        Some(Story {
            title: row.name.clone(),
            facts,
            why,
        })
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let Some(last) = self.findings.sheet.scenes.last() else {
            return Vec::new();
        };
        let values: Vec<f64> = last.rows.iter().map(|r| r.value).collect();
        let order = crate::core::stats::descending(&values);
        let what = self.findings.sheet.value;
        let name = |i: usize, word: &str| {
            let words = format!("{}: {word} {what}", last.rows[i].name);
            (EntityId(i as u64), words)
        };
        match order[..] {
            [] => Vec::new(),
            [only] => vec![name(only, "the only")],
            [first, .., last] => vec![name(first, "largest"), name(last, "smallest")],
        }
    }

    fn summary(&self) -> String {
        self.findings.summary.clone()
    }
}
