//! What an experiment found.

use super::super::config::Config;
use super::board::Board;
use crate::core::{Chart, EntityId, Metric, Moment, Story, Table, Timeline};
use crate::labs::LabRun;
use std::sync::Arc;

/// Everything an experiment computed.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Headline numbers.
    pub metrics: Vec<Metric>,
    /// The time axis.
    pub timeline: Timeline,
    /// Linked charts.
    pub charts: Vec<Chart>,
    /// Tables for export, the one of the entities first.
    pub tables: Vec<(&'static str, Table)>,
    /// The story of every entity, by its number.
    pub stories: Vec<Story>,
    /// Entities worth a click.
    pub notable: Vec<(EntityId, String)>,
    /// The result in a sentence.
    pub summary: String,
    /// The picture.
    pub board: Board,
}

/// A headline number by its key; NaN for an unknown one.
pub(super) fn value_of(metrics: &[Metric], id: &str) -> f64 {
    let found = metrics.iter().find(|m| m.id == id);
    found.map_or(f64::NAN, |m| m.value)
}

/// The time axis of an experiment whose steps are events, given in any order.
pub(super) fn events(times: impl IntoIterator<Item = f64>, moments: Vec<Moment>) -> Timeline {
    let mut steps: Vec<f64> = std::iter::once(0.0).chain(times).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    Timeline {
        steps: steps.into(),
        axis: "time",
        unit: "s",
        step_name: "1 event",
        moments,
    }
}

/// A finished experiment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AsideRun {
    config: Arc<Config>,
    findings: Arc<Findings>,
}

impl AsideRun {
    pub(super) fn new(config: &Config, findings: Findings) -> Self {
        Self {
            config: Arc::new(config.clone()),
            findings: Arc::new(findings),
        }
    }

    /// The config it belongs to.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The picture.
    pub fn board(&self) -> &Board {
        &self.findings.board
    }

    /// Whether both are the very same run (not merely equal ones).
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.findings, &other.findings)
    }

    /// A headline number by its key; NaN for an unknown one.
    pub fn value(&self, id: &str) -> f64 {
        value_of(&self.findings.metrics, id)
    }

    /// Title and first fact of an entity, for a tip.
    pub fn tip(&self, entity: EntityId) -> Option<String> {
        let story = self.findings.stories.get(entity.0 as usize)?;
        let mut lines = vec![story.title.clone()];
        lines.extend(
            (story.facts.iter().take(3)).map(|fact| format!("{}: {}", fact.name, fact.value)),
        );
        Some(lines.join("\n"))
    }
}

impl LabRun for AsideRun {
    fn metrics(&self) -> Vec<Metric> {
        self.findings.metrics.clone()
    }

    fn timeline(&self) -> &Timeline {
        &self.findings.timeline
    }

    fn charts(&self) -> &[Chart] {
        &self.findings.charts
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        self.findings.tables.clone()
    }

    fn story(&self, entity: EntityId, _at: f64) -> Option<Story> {
        self.findings.stories.get(entity.0 as usize).cloned()
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        self.findings.notable.clone()
    }

    fn summary(&self) -> String {
        self.findings.summary.clone()
    }
}
